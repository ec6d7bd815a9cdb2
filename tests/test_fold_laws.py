"""Blocks have a fixed number of rows, so that no bit of a fold depends on how many rows there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture, MixtureStatistics, mixture
from mixtures import FAMILIES


def block_of(width):
    """Rows of a block."""
    return 2048 if width <= 16 else 1024 if width < 128 else 512


inputs = st.fixed_dictionaries(
    {
        "family": st.sampled_from(FAMILIES),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "weights": st.sampled_from(["none", "whole", "with zeros", "of any size"]),
        "n": st.integers(1, 12_000),
        "d": st.sampled_from([1, 2, 5, 26, 130]),
        "k": st.integers(1, 4),
        "scale": st.sampled_from([1.0, 1e-6, 1e9]),
        "offset": st.sampled_from([0.0, 300.0, 1e5]),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def weights_of(kind, n, rng):
    """Positive at the first row: the whole must have some."""
    if kind == "none":
        return None
    weights = rng.integers(1, 9, n).astype(float)
    if kind == "with zeros":
        weights[1:] *= rng.random(n - 1) < 0.5
    if kind == "of any size":
        weights *= 2.0 ** rng.integers(-25, 25, n)
    return weights


def drawn(family, dtype, weights, n, d, k, scale, offset, seed):
    """Rows, weights, and the keywords of a model near them.

    Some blocks lie elsewhere, so that float32 is good enough for some of them only.
    """
    rng = np.random.default_rng(seed)
    means = 5 * rng.normal(size=(k, d)) + offset
    X = means[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    stray = rng.random(-(-n // 512)) < 0.3
    X += np.repeat(np.where(stray, 1e4, 0.0), 512)[:n, np.newaxis]
    sizes = rng.uniform(0.5, 2.0, size=(k, d))
    covariances = {
        "full": np.stack([np.diag(size) + 0.1 for size in sizes]),
        "tied": np.diag(sizes[0]) + 0.1,
        "diag": sizes,
        "spherical": sizes[:, 0],
    }
    shares = rng.dirichlet(np.ones(k))
    model = {
        "means": scale * means,
        "covariances": scale**2 * covariances[family],
        "weights": shares / shares.sum(),
        "covariance_type": family,
    }
    return (scale * X).astype(dtype), weights_of(weights, n, rng), model


def statistics(X, w, model):
    """Those of the rows; nothing where all weigh nothing."""
    if w is not None and not w.any():
        return MixtureStatistics()
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
    kind = given["weights"] if given["weights"] != "none" else "whole"
    X, w, model = drawn(**given | {"weights": kind})
    rng = np.random.default_rng(1)
    behind = (given["scale"] * 100 * rng.normal(size=(more, X.shape[1]))).astype(X.dtype)
    longer = statistics(np.concatenate([X, behind]), np.concatenate([w, np.zeros(more)]), model)
    assert longer.to_bytes() == statistics(X, w, model).to_bytes()


@settings(max_examples=40)
@given(inputs)
def test_what_is_said_about_a_row_does_not_depend_on_later_blocks(given):
    block = block_of(given["d"])
    X, _, model = drawn(**given | {"n": given["n"] + block})
    beginning = slice(0, max(1, len(X) // (2 * block)) * block)
    keywords = {key: model[key] for key in ("means", "covariances", "covariance_type")}
    whole = mixture.log_prob(X, **keywords)
    assert np.array_equal(mixture.log_prob(X[beginning], **keywords), whole[beginning])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_does_not_see_rows_of_weight_zero_behind_the_end(family, dtype, init):
    X, w, _ = drawn(family, dtype, "with zeros", 5000, 3, 3, 1.0, 0.0, 0)
    behind = np.random.default_rng(1).normal(size=(3000, 3)).astype(dtype)
    options = {"init_params": init, "n_init": 2, "random_state": 0, "max_iter": 5, "tol": 0.0}
    fits = [
        GaussianMixture(3, covariance_type=family, **options).fit(X, sample_weight=w)
        for X, w in ((X, w), (np.concatenate([X, behind]), np.concatenate([w, np.zeros(3000)])))
    ]
    assert np.array_equal(fits[0].means_, fits[1].means_)
    assert np.array_equal(fits[0].covariances_, fits[1].covariances_)
    assert fits[0].lower_bound_ == fits[1].lower_bound_
