"""Every mixture kernel of the compiled module against its slow, obvious twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import kernel_functions
import twin
from foldstat import _core
from mixtures import FAMILIES, INITS, assert_close, integer_weights, random_mixture, unaligned

DTYPES = (np.float64, np.float32)
# (n, d, k): one row, one column, one component, k = n, lane and block boundaries, wide tiles.
SHAPES = [(1, 1, 1), (1, 3, 2), (7, 1, 3), (4, 2, 4), (64, 2, 4), (65, 8, 5), (300, 3, 2)]
# With 66 features and 33 components the rows of a component are gathered, but for blocks that are nearly its own.
SHAPES += [(129, 16, 3), (200, 33, 2), (2500, 2, 3), (150, 40, 9), (900, 66, 33)]

LAYOUTS = {
    "C": lambda X: np.ascontiguousarray(X),
    "Fortran": lambda X: np.asfortranarray(X),
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda X: _read_only(X.copy()),
    "row broadcast": lambda X: np.broadcast_to(X[:1], X.shape),
}


def _read_only(X):
    X.setflags(write=False)
    return X


def assert_statistics(actual, expected, rtol=1e-10, centres=None):
    """Agreement of statistics that were accumulated about `centres`.

    Where the means moved away from them, the scatter about the means is a difference, exact
    relative to the scatter about the centres. Components of next to no weight say nothing of
    their rows: beside the 10 ε that the M-step adds to it, a weight below 1e-30 is none.
    """
    assert actual.covariance_type == expected.covariance_type
    assert actual.n_components == expected.n_components
    assert actual.n_features == expected.n_features
    assert_close(actual.total_weight, expected.total_weight, rtol)
    assert_close(actual.log_likelihood, expected.log_likelihood, rtol)
    assert_close(actual.responsibility_sums, expected.responsibility_sums, rtol)
    seen = expected.responsibility_sums > 1e-30
    moved = expected.means - (expected.means if centres is None else centres)
    assert_close(actual.means[seen], expected.means[seen], rtol, rtol * np.abs(expected.means).max())
    lost = twin.full_scatter(moved, expected.responsibility_sums)
    total = np.abs(expected.scatter) + np.abs(twin.reduce_scatter(lost, expected.covariance_type))
    assert_close(actual.scatter, expected.scatter, rtol, rtol * total.max() + 1e-290)


def assert_same_mixture(X, parameters, rtol=1e-10, sample_weight=None, atol=None):
    """All kernels that take parameters agree with the twin on these rows."""
    _, means, factor, family = parameters
    actual = kernel_functions.log_prob(X, means, factor, family)
    assert actual.dtype == np.float64
    assert_close(actual, twin.log_prob(X, means, factor, family), rtol, atol)
    log_likelihood, responsibilities = twin.expectation(X, *parameters)
    for scores in (kernel_functions.score_samples(X, *parameters), kernel_functions.expectation(X, *parameters)[0]):
        assert scores.dtype == np.float64
        assert_close(scores, log_likelihood, rtol, atol)
    # A relative error e of a log-probability of size L is a relative error e L of a probability.
    error = rtol * max(10.0, np.abs(log_likelihood).max(initial=0.0))
    for resp in (kernel_functions.predict_proba(X, *parameters), kernel_functions.expectation(X, *parameters)[1]):
        assert resp.dtype == np.float64
        np.testing.assert_allclose(resp, responsibilities, rtol=error, atol=error)
        np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=max(1e-12, error))
    labels = kernel_functions.predict(X, *parameters)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, kernel_functions.predict_proba(X, *parameters).argmax(axis=1))
    folded = kernel_functions.statistics(X, *parameters, sample_weight)
    assert_statistics(folded, twin.statistics(X, *parameters, sample_weight), error, means)


@pytest.mark.parametrize("family", FAMILIES)
def test_twin_is_the_textbook(family):
    m = random_mixture(family, n=40, d=3, k=3)
    spelled = twin.full_covariances(m.covariances, family, 3, 3)
    densities = [stats.multivariate_normal(mean, covariance) for mean, covariance in zip(m.means, spelled, strict=True)]
    expected = np.stack([density.logpdf(m.X) for density in densities], axis=1)
    assert_close(twin.log_prob(m.X, m.means, m.factor, family), expected, 1e-12)
    joint = m.weights * np.exp(expected)
    log_likelihood, resp = twin.expectation(m.X, *m.parameters)
    assert_close(log_likelihood, np.log(joint.sum(axis=1)), 1e-12)
    assert_close(resp, joint / joint.sum(axis=1, keepdims=True), 1e-12)
    s = twin.statistics(m.X, *m.parameters)
    assert_close(s.means[0], np.average(m.X, axis=0, weights=resp[:, 0]), 1e-12)
    if family == "full":
        covariance = np.cov(m.X.T, aweights=resp[:, 0], bias=True)
        assert_close(s.scatter[0] / s.responsibility_sums[0], covariance, 1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_shapes(family, dtype, shape):
    m = random_mixture(family, *shape)
    # float32 rows are exact float64 numbers: what is left is the rounding of float32 lanes.
    X = m.X.astype(dtype)
    assert_same_mixture(X, m.parameters, 1e-10 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_layouts(family, dtype, layout):
    m = random_mixture(family, n=131, d=5, k=3)
    X = LAYOUTS[layout](m.X.astype(dtype))
    plain = np.ascontiguousarray(X)
    before = plain.copy()
    for kernel in (kernel_functions.score_samples, kernel_functions.predict_proba, kernel_functions.predict):
        np.testing.assert_array_equal(kernel(X, *m.parameters), kernel(plain, *m.parameters))
    assert kernel_functions.statistics(X, *m.parameters) == kernel_functions.statistics(plain, *m.parameters)
    resp = twin.predict_proba(plain, *m.parameters)
    given_resp = _core.statistics_from_responsibilities(X, resp, family)
    assert given_resp == _core.statistics_from_responsibilities(plain, resp, family)
    seeds = np.array([1, 2], dtype=np.uint64)
    for init in INITS:
        started = _core.initial_statistics(X, 3, family, init, seeds)
        assert started == _core.initial_statistics(plain, 3, family, init, seeds)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_unaligned_rows_are_named(dtype):
    m = random_mixture("full", n=20)
    with pytest.raises(ValueError, match="X is not aligned"):
        kernel_functions.score_samples(unaligned(m.X.astype(dtype)), *m.parameters)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_from_responsibilities(family, dtype, weighted):
    m = random_mixture(family, n=211, d=4, k=3)
    X = m.X.astype(dtype)
    w = np.random.default_rng(1).uniform(0, 2, len(X)) if weighted else None
    for resp in (twin.predict_proba(X, *m.parameters), np.eye(3)[np.arange(len(X)) % 3]):
        actual = _core.statistics_from_responsibilities(X, resp, family, w)
        expected = twin.statistics_from_responsibilities(X, resp, family, w)
        # Given responsibilities, float32 rows lose nothing: all sums are float64.
        assert_statistics(actual, expected, 1e-11)
        for reg_covar in (0.0, 1e-6, 1.0):
            found = _core.moments(actual, reg_covar)
            for a, b in zip(found, twin.moments(expected, reg_covar), strict=True):
                assert_close(a, b, 1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_sample_weight(family):
    m = random_mixture(family, n=240, d=3, k=3)
    w = integer_weights(len(m.X))
    assert_same_mixture(m.X, m.parameters, sample_weight=w)
    weighted = kernel_functions.statistics(m.X, *m.parameters, w)
    repeated = np.repeat(m.X, w.astype(int), axis=0)
    assert_statistics(weighted, kernel_functions.statistics(repeated, *m.parameters), 1e-11)
    assert weighted.total_weight == w.sum()
    dropped = kernel_functions.statistics(m.X[w > 0], *m.parameters, w[w > 0])
    assert_statistics(weighted, dropped, 1e-11)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("family", FAMILIES)
def test_bad_sample_weight(family, bad):
    m = random_mixture(family, n=50)
    w = np.ones(50)
    w[31] = bad
    resp = np.ones((50, 1))
    start = [(m.weights, m.means, m.factor)]
    for call in (
        lambda: kernel_functions.statistics(m.X, *m.parameters, w),
        lambda: _core.statistics_from_responsibilities(m.X, resp, family, w),
        lambda: _core.initial_statistics(m.X, 2, family, "kmeans", np.zeros(1, np.uint64), w),
        lambda: kernel_functions.em(m.X, start, family, 1e-3, 1e-6, 5, w),
    ):
        with pytest.raises(ValueError, match=r"weight.*31|31.*weight"):
            call()
    with pytest.raises(ValueError, match="sample_weight"):
        kernel_functions.statistics(m.X, *m.parameters, np.ones(49))


@pytest.mark.parametrize("family", FAMILIES)
def test_far_from_the_origin(family):
    """Data at 1e8 keeps its variance: second moments are taken about a nearby centre."""
    near = random_mixture(family, n=500, d=3, k=2)
    # Rows that are exact at 1e8, so that both data sets are the same but for the offset.
    X = np.round(near.X * 2**10) / 2**10
    parameters = near.weights, near.means + 1e8, near.factor, family
    at_origin = twin.statistics(X, near.weights, (near.means + 1e8) - 1e8, near.factor, family)
    far = kernel_functions.statistics(X + 1e8, *parameters)
    assert_close(far.scatter, at_origin.scatter, 1e-6)
    assert_close(far.means - 1e8, at_origin.means, 1e-6, atol=1e-6)
    expected = _core.moments(kernel_functions.statistics(X, *near.parameters), 0.0)[2]
    assert_close(_core.moments(far, 0.0)[2], expected, 1e-5)
    for init in INITS[:3]:
        (start,) = _core.initial_statistics(X + 1e8, 2, family, init, np.zeros(1, np.uint64))
        (same,) = _core.initial_statistics(X, 2, family, init, np.zeros(1, np.uint64))
        assert_close(start.scatter, same.scatter, 1e-5)


@pytest.mark.parametrize("exponent", [-150, -20, 20, 150])
@pytest.mark.parametrize("family", FAMILIES)
def test_huge_and_tiny_scales(family, exponent):
    m = random_mixture(family, n=90, d=2, k=2)
    scale = 10.0**exponent
    factor = m.factor / scale
    parameters = m.weights, m.means * scale, factor, family
    shift = 2 * np.log(scale)  # two dimensions: the density is divided by scale²
    scores = kernel_functions.score_samples(m.X * scale, *parameters)
    assert_close(scores + shift, kernel_functions.score_samples(m.X, *m.parameters), 1e-9)
    resp = kernel_functions.predict_proba(m.X * scale, *parameters)
    np.testing.assert_allclose(resp, twin.predict_proba(m.X, *m.parameters), atol=1e-9)
    folded = kernel_functions.statistics(m.X * scale, *parameters)
    expected = twin.statistics(m.X, *m.parameters)
    assert_close(folded.means / scale, expected.means, 1e-9)
    assert_close(folded.scatter / scale / scale, expected.scatter, 1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_infinitely_far_away(family):
    """Its density underflows, and overflows even as a logarithm; nothing becomes NaN."""
    m = random_mixture(family, n=20, d=2, k=3)
    X = m.X.copy()
    X[3], X[4], X[5] = 1e5, -1e149, 1e300
    scores = kernel_functions.score_samples(X, *m.parameters)
    assert np.isfinite(scores).all()
    assert_close(scores[:5], twin.score_samples(X[:5], *m.parameters), 1e-10)
    resp = kernel_functions.predict_proba(X, *m.parameters)
    assert np.isfinite(resp).all()
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-12)
    assert set(kernel_functions.predict(X, *m.parameters)) <= {0, 1, 2}
    log_likelihood, resp = kernel_functions.expectation(X, *m.parameters)
    np.testing.assert_array_equal(log_likelihood, scores)
    assert np.isfinite(resp).all()
    near = np.delete(X, 5, axis=0)
    folded = kernel_functions.statistics(near, *m.parameters)
    assert np.isfinite(folded.scatter).all()
    assert np.isfinite(folded.log_likelihood)


@pytest.mark.parametrize("family", FAMILIES)
def test_duplicates_and_constant_columns(family):
    m = random_mixture(family, n=60, d=3, k=2)
    X = m.X.copy()
    X[:, 1] = 7.0
    X[10:40] = X[10]
    assert_same_mixture(X, m.parameters)
    same = np.full((50, 3), 0.1)
    folded = kernel_functions.statistics(same, *m.parameters)
    assert_statistics(folded, twin.statistics(same, *m.parameters), 1e-13, m.means)
    assert_close(folded.means, np.full((2, 3), 0.1), 1e-14)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rows(family):
    m = random_mixture(family, n=10, d=3, k=2)
    empty = np.empty((0, 3))
    assert kernel_functions.log_prob(empty, m.means, m.factor, family).shape == (0, 2)
    assert kernel_functions.score_samples(empty, *m.parameters).shape == (0,)
    assert kernel_functions.predict_proba(empty, *m.parameters).shape == (0, 2)
    assert kernel_functions.predict(empty, *m.parameters).shape == (0,)
    log_likelihood, resp = kernel_functions.expectation(empty, *m.parameters)
    assert log_likelihood.shape == (0,)
    assert resp.shape == (0, 2)
    folded = kernel_functions.statistics(empty, *m.parameters)
    assert folded.total_weight == 0
    whole = kernel_functions.statistics(m.X, *m.parameters)
    assert_statistics(folded + whole, whole, 1e-15)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_not_finite(family, dtype, value, message):
    m = random_mixture(family, n=200, d=3, k=2)
    X = m.X.astype(dtype)
    X[151, 2] = X[170, 0] = value
    resp = np.full((200, 2), 0.5)
    start = [(m.weights, m.means, m.factor)]
    seeds = np.zeros(1, np.uint64)
    calls = [
        lambda: kernel_functions.log_prob(X, m.means, m.factor, family),
        lambda: kernel_functions.score_samples(X, *m.parameters),
        lambda: kernel_functions.predict_proba(X, *m.parameters),
        lambda: kernel_functions.predict(X, *m.parameters),
        lambda: kernel_functions.expectation(X, *m.parameters),
        lambda: kernel_functions.statistics(X, *m.parameters),
        lambda: _core.statistics_from_responsibilities(X, resp, family),
        lambda: kernel_functions.em(X, start, family, 1e-3, 1e-6, 5),
        *(lambda i=i: _core.initial_statistics(X, 2, family, i, seeds) for i in INITS),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"Input X contains {message}.*151\D+2\b"):
            call()


@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_shapes(family):
    m = random_mixture(family, n=30, d=3, k=2)
    weights, means, factor, _ = m.parameters
    bad = [
        (m.X[:, :2], weights, means, factor),
        (m.X[0], weights, means, factor),
        (m.X, weights[:1], means, factor),
        (m.X, weights[:, None], means, factor),
        (m.X, weights, means[0], factor),
        (m.X, weights, means[:, :2], factor),
        (m.X, weights, means, factor[:1]),
        (m.X, weights, means, factor[None]),
    ]
    for X, w, mu, u in bad:
        for kernel in (
            kernel_functions.score_samples,
            kernel_functions.predict_proba,
            kernel_functions.predict,
            kernel_functions.statistics,
        ):
            with pytest.raises((ValueError, TypeError)):
                kernel(X, w, mu, u, family)
    with pytest.raises(ValueError, match="resp"):
        _core.statistics_from_responsibilities(m.X, np.ones((29, 2)), family)
    with pytest.raises((ValueError, TypeError)):
        _core.statistics_from_responsibilities(m.X, np.ones(30), family)
    for unknown in ("Full", "", "diagonal"):
        with pytest.raises(ValueError, match="full"):
            kernel_functions.score_samples(m.X, weights, means, factor, unknown)


@pytest.mark.parametrize("family", FAMILIES)
def test_factors(family):
    m = random_mixture(family, n=10, d=4, k=3)
    factor = _core.precisions_cholesky(m.covariances, family)
    assert_close(factor, twin.precisions_cholesky(m.covariances, family), 1e-11)
    precisions = _core.precisions(factor, family)
    assert_close(precisions, twin.precisions(factor, family), 1e-12)
    again = _core.precisions_cholesky_from_precisions(precisions, family)
    assert_close(again, twin.precisions_cholesky_from_precisions(precisions, family), 1e-11)
    assert_close(again, factor, 1e-10)
    if family in ("full", "tied"):
        inverse = np.linalg.inv(m.covariances)
        assert_close(precisions, inverse, 1e-10)
        np.testing.assert_array_equal(np.tril(factor, -1), 0.0)
        matrix = precisions.reshape(-1, 4, 4)[0]
        assert_close(_core.smallest_eigenvalue(matrix), np.linalg.eigvalsh(matrix)[0], 1e-11)


@pytest.mark.parametrize("family", FAMILIES)
def test_not_positive_definite(family):
    m = random_mixture(family, n=10, d=3, k=2)
    singular = {
        "full": np.stack([np.eye(3), np.ones((3, 3))]),
        "tied": np.diag([1.0, -1.0, 1.0]),
        "diag": np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]]),
        "spherical": np.array([1.0, -1.0]),
    }[family]
    for bad in (singular, np.full_like(m.covariances, np.nan)):
        with pytest.raises(ValueError, match="ill-defined empirical covariance"):
            _core.precisions_cholesky(bad, family)
    if family in ("full", "tied"):
        with pytest.raises(ValueError, match=r"."):
            _core.precisions_cholesky_from_precisions(-m.covariances, family)


def test_smallest_eigenvalue_of_an_indefinite_matrix():
    matrix = np.diag([3.0, -2.0, 1.0])
    assert_close(_core.smallest_eigenvalue(matrix), -2.0, 1e-14)
    with pytest.raises(ValueError, match=r"."):
        _core.smallest_eigenvalue(np.ones((2, 3)))


@settings(max_examples=60, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    n=st.integers(1, 400),
    d=st.integers(1, 9),
    k=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    fortran=st.booleans(),
    weighted=st.booleans(),
)
def test_any_shape(family, n, d, k, seed, fortran, weighted):
    m = random_mixture(family, n, d, k, seed)
    X = np.asfortranarray(m.X) if fortran else m.X
    w = np.random.default_rng(seed).exponential(size=n) if weighted else None
    assert_same_mixture(X, m.parameters, 1e-9, w)
