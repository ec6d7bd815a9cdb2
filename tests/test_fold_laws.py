"""Blocks have a fixed number of rows, so that no bit of a fold depends on how many rows there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture, mixture
from mixtures import FAMILIES


def block_of(width):
    """Rows of a block."""
    return 2048 if width <= 16 else 1024 if width < 128 else 512


inputs = st.fixed_dictionaries(
    {
        "family": st.sampled_from(FAMILIES),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "weighted": st.booleans(),
        "n": st.integers(1, 12_000),
        "d": st.sampled_from([1, 2, 5, 26, 130]),
        "k": st.integers(1, 4),
        "scale": st.sampled_from([1.0, 1e-6, 1e9]),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def drawn(family, dtype, weighted, n, d, k, scale, seed):
    """Rows, weights, and the keywords of a model near them."""
    rng = np.random.default_rng(seed)
    means = 5 * rng.normal(size=(k, d))
    X = (scale * (means[rng.integers(0, k, n)] + rng.normal(size=(n, d)))).astype(dtype)
    identity = {"full": np.stack([np.eye(d)] * k), "tied": np.eye(d), "diag": np.ones((k, d)), "spherical": np.ones(k)}
    shares = rng.dirichlet(np.ones(k))
    model = {
        "means": scale * means,
        "covariances": scale**2 * identity[family],
        "weights": shares / shares.sum(),
        "covariance_type": family,
    }
    return X, rng.integers(1, 9, n).astype(float) if weighted else None, model


def statistics(X, w, model):
    return mixture.statistics(X, **model, sample_weight=w)


def part(values, rows):
    return None if values is None else values[rows]


def in_the_order_of_the_tree(parts):
    """Merge parts as the blocks of a whole: the left branch is the largest power of two."""
    if len(parts) == 1:
        return parts[0]
    left = 1 << (len(parts) - 1).bit_length() - 1
    return in_the_order_of_the_tree(parts[:left]) + in_the_order_of_the_tree(parts[left:])


@settings(max_examples=60)
@given(inputs)
def test_blocks_folded_apart_and_merged_in_order_are_the_whole(given):
    X, w, model = drawn(**given)
    whole = statistics(X, w, model).to_bytes()
    block = block_of(X.shape[1])
    cuts = [slice(start, start + block) for start in range(0, len(X), block)]
    assert in_the_order_of_the_tree([statistics(X[c], part(w, c), model) for c in cuts]).to_bytes() == whole
    half = block << max(0, (len(cuts) - 1).bit_length() - 1)
    if half < len(X):
        left, right = (statistics(X[c], part(w, c), model) for c in (slice(half), slice(half, None)))
        assert (left + right).to_bytes() == whole


@settings(max_examples=40)
@given(inputs, st.integers(1, 4_000))
def test_rows_of_weight_zero_behind_the_end_change_nothing(given, more):
    X, w, model = drawn(**given | {"weighted": True})
    rng = np.random.default_rng(1)
    behind = (given["scale"] * 100 * rng.normal(size=(more, X.shape[1]))).astype(X.dtype)
    longer = statistics(np.concatenate([X, behind]), np.concatenate([w, np.zeros(more)]), model)
    assert longer.to_bytes() == statistics(X, w, model).to_bytes()


@settings(max_examples=40)
@given(inputs)
def test_what_is_said_about_a_row_does_not_depend_on_later_blocks(given):
    X, _, model = drawn(**given)
    block = block_of(X.shape[1])
    beginning = slice(0, max(1, len(X) // (2 * block)) * block)
    keywords = {key: model[key] for key in ("means", "covariances", "covariance_type")}
    whole = mixture.log_prob(X, **keywords)
    assert np.array_equal(mixture.log_prob(X[beginning], **keywords), whole[beginning])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_does_not_see_rows_of_weight_zero_behind_the_end(family, dtype):
    X, w, _ = drawn(family, dtype, True, 5000, 3, 3, 1.0, 0)
    behind = np.random.default_rng(1).normal(size=(3000, 3)).astype(dtype)
    fits = [
        GaussianMixture(3, covariance_type=family, random_state=0, max_iter=5, tol=0.0).fit(X, sample_weight=w)
        for X, w in ((X, w), (np.concatenate([X, behind]), np.concatenate([w, np.zeros(3000)])))
    ]
    assert np.array_equal(fits[0].means_, fits[1].means_)
    assert np.array_equal(fits[0].covariances_, fits[1].covariances_)
    assert fits[0].lower_bound_ == fits[1].lower_bound_
