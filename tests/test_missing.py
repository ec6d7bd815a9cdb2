"""Missing values: exact conditional moments, whoever holds the rows, against an obvious twin and SciPy."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from foldstat import GaussianMixture, _core
from foldstat import threads as with_threads

FAMILIES = ("full", "tied", "diag", "spherical")


def matrices(covariances, family, k, d):
    """The covariance of each component as a matrix."""
    if family == "full":
        return covariances
    if family == "tied":
        return np.array([covariances] * k)
    return np.array([np.diag(np.broadcast_to(c, d)) for c in covariances])


def twin(X, w, means, covariances, weights=None):
    """Expected Σr, Σr(x−μ), Σr(x−μ)(x−μ)ᵀ and the log-likelihood, row by row as the formulas say."""
    k, d = means.shape
    counts, sums, squares, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
    for i, x in enumerate(X):
        there = ~np.isnan(x)
        logs, expected, spread = np.log(w), np.zeros((k, d)), np.zeros((k, d, d))
        for j in range(k):
            z, S = (x - means[j])[there], covariances[j]
            if there.any():
                logs[j] += multivariate_normal(np.zeros(len(z)), S[np.ix_(there, there)]).logpdf(z)
            slopes = S[np.ix_(~there, there)] @ np.linalg.pinv(S[np.ix_(there, there)])
            expected[j, there], expected[j, ~there] = z, slopes @ z
            spread[j][np.ix_(~there, ~there)] = S[np.ix_(~there, ~there)] - slopes @ S[np.ix_(there, ~there)]
        log_sum = np.logaddexp.reduce(logs)
        r = np.exp(logs - log_sum) * (1.0 if weights is None else weights[i])
        total += log_sum * (1.0 if weights is None else weights[i])
        counts += r
        sums += r[:, None] * expected
        squares += r[:, None, None] * (expected[:, :, None] * expected[:, None, :] + spread)
    return counts, sums, squares, total


def drawn(seed, n, d, k, share, dtype=np.float64):
    """Rows of which a share of the values is missing, some rows wholly; and a mixture near them."""
    rng = np.random.default_rng(seed)
    centers = 4 * rng.normal(size=(k, d))
    X = (centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)))
    start = X.copy()
    X[rng.random(X.shape) < share] = np.nan
    return X.astype(dtype), start


def statistics_of(model, *chunks, weights=None, jobs=None):
    """The expected statistics of rows that come in chunks."""
    folding = _core.MixturePass([model], chunks[0].shape[1], missing=True)
    at = 0
    for chunk in chunks:
        folding.push(chunk, None if weights is None else weights[at : at + len(chunk)], jobs)
        at += len(chunk)
    ((statistics,), _) = folding.finish(jobs)
    return statistics


@given(
    seed=st.integers(0, 2**32 - 1),
    family=st.sampled_from(FAMILIES),
    d=st.integers(1, 5),
    k=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    weighted=st.booleans(),
)
def test_statistics_are_those_of_the_obvious_twin(seed, family, d, k, share, weighted):
    X, start = drawn(seed, 60, d, k, share)
    fitted = GaussianMixture(k, covariance_type=family, max_iter=2, tol=1e9, random_state=0, reg_covar=1e-3).fit(start)
    model = fitted._compiled_mixture()
    weights = np.random.default_rng(seed).integers(0, 4, len(X)).astype(float) if weighted else None
    if weighted:
        weights[0] = 2.0
    found = statistics_of(model, X, weights=weights)
    S = matrices(fitted.covariances_, family, k, d)
    counts, sums, squares, total = twin(X, fitted.weights_, fitted.means_, S, weights)
    np.testing.assert_allclose(found.responsibility_sums, counts, rtol=1e-9, atol=1e-12)
    means = fitted.means_ + sums / np.maximum(counts, 1e-300)[:, None]
    here = counts > 1e-6
    np.testing.assert_allclose(found.means[here], means[here], rtol=1e-8, atol=1e-8)
    about = squares - sums[:, :, None] * sums[:, None, :] / np.maximum(counts, 1e-300)[:, None, None]
    expected = {
        "full": lambda: about,
        "tied": lambda: about.sum(0),
        "diag": lambda: np.einsum("kii->ki", about),
        "spherical": lambda: np.einsum("kii->k", about),
    }[family]()
    np.testing.assert_allclose(found.scatter, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(found.log_likelihood, total, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 300), max_size=4), jobs=st.sampled_from([1, 2, 5]))
def test_bits_depend_neither_on_chunks_nor_on_threads(seed, cuts, jobs):
    X, start = drawn(seed, 300, 4, 2, 0.3)
    model = GaussianMixture(2, max_iter=2, tol=1e9, random_state=0).fit(start)._compiled_mixture()
    whole = statistics_of(model, X, jobs=1)
    bounds = [0, *sorted(cuts), len(X)]
    chunks = [X[a:b] for a, b in itertools.pairwise(bounds)]
    assert statistics_of(model, *chunks, jobs=jobs).to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_without_missing_values_the_fit_has_the_same_bits(family, dtype):
    X, _ = drawn(3, 5000, 4, 3, 0.0, dtype)
    plain = GaussianMixture(3, covariance_type=family, random_state=0).fit(X)
    same = GaussianMixture(3, covariance_type=family, random_state=0, missing="em").fit(X)
    assert plain.lower_bounds_ == same.lower_bounds_
    for name in ("weights_", "means_", "covariances_"):
        assert getattr(plain, name).tobytes() == getattr(same, name).tobytes()
    assert plain.predict_proba(X).tobytes() == same.predict_proba(X).tobytes()


@given(seed=st.integers(0, 2**32 - 1), family=st.sampled_from(FAMILIES), share=st.sampled_from([0.05, 0.3, 0.6]))
def test_the_likelihood_of_what_is_there_never_falls(seed, family, share):
    X, _ = drawn(seed, 200, 3, 2, share)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(
            2, covariance_type=family, missing="em", random_state=0, reg_covar=0, tol=0, max_iter=30
        )
        try:
            bounds = np.array(model.fit(X).lower_bounds_)
        except ValueError as error:
            if "ill-defined" not in str(error):
                raise
            return
    assert (np.diff(bounds) > -1e-9 * np.abs(bounds[1:])).all()
    assert abs(model.score(X) - bounds[-1]) < 0.5


@given(seed=st.integers(0, 2**32 - 1), family=st.sampled_from(["diag", "full"]))
def test_units_and_origins_of_the_columns_do_not_matter(seed, family):
    X, _ = drawn(seed, 300, 3, 2, 0.2)
    scale, shift = np.array([4.0, 0.25, 1024.0]), np.array([8.0, -16.0, 4096.0])
    settings = {"covariance_type": family, "missing": "em", "reg_covar": 0, "random_state": 0, "max_iter": 5, "tol": 0}
    given_start = {
        "weights_init": [0.5, 0.5],
        "means_init": np.nanmean(X, axis=0) + np.array([[1.0], [-1.0]]),
        "precisions_init": np.ones((2, 3)) if family == "diag" else np.array([np.eye(3)] * 2),
    }
    scaled = {
        "weights_init": [0.5, 0.5],
        "means_init": given_start["means_init"] * scale + shift,
        "precisions_init": given_start["precisions_init"] / (scale**2 if family == "diag" else np.outer(scale, scale)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = GaussianMixture(2, **settings, **given_start).fit(X)
        b = GaussianMixture(2, **settings, **scaled).fit(X * scale + shift)
    np.testing.assert_allclose(b.means_, a.means_ * scale + shift, rtol=1e-6)
    np.testing.assert_allclose(b.weights_, a.weights_, rtol=1e-7)


def test_the_fit_is_where_the_likelihood_is_largest():
    # One component: no change of its parameters is likelier, by the densities of SciPy.
    X, _ = drawn(5, 400, 3, 1, 0.3)
    model = GaussianMixture(1, missing="em", reg_covar=0, tol=1e-13, max_iter=2000).fit(X)

    def likelihood(mean, covariance):
        total = 0.0
        for x in X:
            there = ~np.isnan(x)
            if there.any():
                total += multivariate_normal(mean[there], covariance[np.ix_(there, there)]).logpdf(x[there])
        return total

    best = likelihood(model.means_[0], model.covariances_[0])
    assert best == pytest.approx(model.score(X) * len(X), rel=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = 0.02 * rng.normal(size=(3, 3))
        moved = (np.eye(3) + step) @ model.covariances_[0] @ (np.eye(3) + step).T
        assert likelihood(model.means_[0] + 0.02 * rng.normal(size=3), moved) < best


def test_values_missing_at_random_bias_nothing():
    # The second value is missing where the first is large: rows without it say where the first lies.
    means, errors = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=4000)
        X[X[:, 0] > 0.5, 1] = np.nan
        means.append(GaussianMixture(1, missing="em", tol=1e-9, max_iter=1000).fit(X).means_[0, 1])
        errors.append(np.nanmean(X[:, 1]))
    assert abs(np.mean(means)) < 0.02
    assert np.mean(errors) < -0.3


def test_rows_of_nothing_change_no_parameter_and_score_one():
    X, _ = drawn(7, 1000, 3, 2, 0.2)
    X = X[~np.isnan(X).all(axis=1)]
    more = np.vstack([X, np.full((500, 3), np.nan)])
    settings = {"missing": "em", "random_state": 0, "tol": 1e-12, "max_iter": 3000}
    a, b = GaussianMixture(2, **settings).fit(X), GaussianMixture(2, **settings).fit(more)
    np.testing.assert_allclose(a.means_, b.means_, atol=1e-5)
    np.testing.assert_allclose(a.weights_, b.weights_, atol=1e-5)
    assert (b.score_samples(more[-3:]) == 0).all()
    np.testing.assert_allclose(b.predict_proba(more[-1:])[0], b.weights_)
    assert (b.predict(more[-3:]) == b.weights_.argmax()).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_what_is_there(family):
    X, start = drawn(8, 300, 4, 3, 0.3)
    model = GaussianMixture(3, covariance_type=family, missing="em", random_state=0).fit(start)
    S = matrices(model.covariances_, family, 3, 4)
    for x, score, r in zip(X, model.score_samples(X), model.predict_proba(X), strict=True):
        there = ~np.isnan(x)
        logs = np.log(model.weights_)
        for j in range(3) if there.any() else ():
            logs[j] += multivariate_normal(model.means_[j][there], S[j][np.ix_(there, there)]).logpdf(x[there])
        total = np.logaddexp.reduce(logs)
        assert score == pytest.approx(total, abs=1e-9)
        np.testing.assert_allclose(r, np.exp(logs - total), atol=1e-9)


def same_fit(a, b):
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in ("weights_", "means_"))


def test_nulls_of_every_library_and_rows_anywhere_give_one_fit(tmp_path):
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    X, _ = drawn(9, 3000, 3, 2, 0.2)
    settings = {"missing": "em", "random_state": 0, "init_size": 500}
    reference = GaussianMixture(2, **settings).fit(X)
    assert not np.isnan(reference.means_).any()
    names = ["a", "b", "c"]
    table = pa.table({name: pa.array(X[:, j], from_pandas=True) for j, name in enumerate(names)})
    assert table["a"].null_count
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=700)
    np.save(tmp_path / "x.npy", X)
    frame = pd.DataFrame(X, columns=names)
    for rows in (
        frame,
        frame.astype("Float64"),
        pl.DataFrame(table),
        [X[:1000], X[1000:]],
        tmp_path / "x.parquet",
        tmp_path / "x.npy",
        pl.scan_parquet(tmp_path / "x.parquet"),
    ):
        model = GaussianMixture(2, **settings).fit(rows)
        assert same_fit(model, reference), type(rows)
        assert model.score(rows) == reference.score(X)
    labels = GaussianMixture(2, **settings).fit_predict(tmp_path / "x.parquet")
    assert (labels == reference.predict(X)).all()


def test_pieces_of_dask_and_of_executors_give_the_fit():
    da = pytest.importorskip("dask.array")
    from concurrent.futures import ThreadPoolExecutor

    X, _ = drawn(10, 3000, 3, 2, 0.2)
    settings = {"missing": "em", "random_state": 0, "init_size": 500}
    reference = GaussianMixture(2, **settings).fit(X)
    pieces = da.from_array(X, chunks=(700, 3))
    model = GaussianMixture(2, **settings).fit(pieces)
    np.testing.assert_allclose(model.means_, reference.means_, rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(pieces), reference.score_samples(X), rtol=1e-7)
    with ThreadPoolExecutor(2) as pool:
        other = GaussianMixture(2, **settings).fit([X[i : i + 700] for i in range(0, 3000, 700)], executor=pool)
    assert same_fit(model, other)


def test_weights_are_copies_and_threads_change_no_bit():
    X, _ = drawn(11, 400, 3, 2, 0.2)
    w = np.random.default_rng(0).integers(0, 4, len(X))
    start = {
        "weights_init": [0.5, 0.5],
        "means_init": np.nanmean(X, axis=0) + np.array([[1.0], [-1.0]]),
        "precisions_init": np.array([np.eye(3)] * 2),
    }
    settings = {"missing": "em", "tol": 1e-10, "max_iter": 500, **start}
    a = GaussianMixture(2, **settings).fit(X, sample_weight=w)
    b = GaussianMixture(2, **settings).fit(np.repeat(X, w, axis=0))
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-7)
    with with_threads(1):
        c = GaussianMixture(2, **settings).fit(X, sample_weight=w)
    assert same_fit(a, c)


def test_what_cannot_be_read_is_named():
    X, _ = drawn(12, 100, 3, 2, 0.2)
    X[7, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        GaussianMixture(2, missing="em").fit(X)
    with pytest.raises(ValueError, match="row 7"):
        GaussianMixture(2, missing="em").fit([X[:50], X[50:]])
    X[7, 2] = 0.0
    with pytest.raises(ValueError, match="Input X contains NaN"):
        GaussianMixture(2).fit(X)
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="column 1 of X holds no value"):
        GaussianMixture(2, missing="em").fit(X)
    with pytest.raises(ValueError, match="missing"):
        GaussianMixture(2, missing="mean").fit(X)


def test_gaps_are_filled_with_what_is_expected_or_drawn():
    X, _ = drawn(13, 400, 3, 2, 0.3)
    model = GaussianMixture(2, missing="em", random_state=0).fit(X)
    there = ~np.isnan(X)
    expected = model.impute(X)
    assert (expected[there] == X[there]).all()
    assert (expected == model.predict_given(X)).all()
    n = 4000
    for row in X[[1, 5, 9]]:
        means, covariances = model.predict_given(np.array([row]), return_cov=True)
        draws = model.impute(np.tile(row, (n, 1)), rng=3)
        assert (draws == model.impute(np.tile(row, (n, 1)), rng=3)).all()
        gaps = np.isnan(row)
        spread = np.sqrt(np.diag(covariances[0])[gaps])
        assert (np.abs(draws.mean(axis=0)[gaps] - means[0][gaps]) < 5 * spread / np.sqrt(n)).all()
        np.testing.assert_allclose(
            np.cov(draws.T)[np.ix_(gaps, gaps)], covariances[0][np.ix_(gaps, gaps)], rtol=0.2, atol=0.1
        )
        assert (draws[:, ~gaps] == row[~gaps]).all()
