"""The starts and the EM loop of the compiled module, and its sums, against their twins."""

from __future__ import annotations

import numpy as np
import pytest

import kernel_functions
import twin
from foldstat import _core
from mixtures import FAMILIES, INITS, assert_close, integer_weights, random_mixture

DTYPES = (np.float64, np.float32)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_initial_statistics_are_of_the_documented_kind(family, init, weighted):
    m = random_mixture(family, n=400, d=3, k=4, spread=10)
    w = integer_weights(400) if weighted else None
    counts = np.ones(400) if w is None else w
    seeds = np.arange(5, dtype=np.uint64)
    starts = _core.initial_statistics(m.X, 4, family, init, seeds, w)
    assert len(starts) == 5
    assert len({s.means.tobytes() for s in starts}) > 1 or init == "kmeans"
    for s in starts:
        assert (s.covariance_type, s.n_components, s.n_features) == (family, 4, 3)
        assert s.total_weight == counts.sum()
        if init in ("k-means++", "random_from_data"):
            _assert_rows_of(s, m.X, counts)
            continue
        assert_close(s.responsibility_sums.sum(), counts.sum(), 1e-12)
        overall = np.average(m.X, axis=0, weights=counts)
        assert_close(s.responsibility_sums @ s.means / counts.sum(), overall, 1e-10)
        if init == "kmeans":
            _assert_clusters(s, m.X, counts, family)
        else:
            np.testing.assert_allclose(s.responsibility_sums, counts.sum() / 4, rtol=0.2)


def _assert_rows_of(s, X, counts):
    """One-hot on rows that are there, and no row twice."""
    np.testing.assert_allclose(s.scatter, 0.0, atol=1e-25)
    rows = [np.flatnonzero((np.abs(X - mean) < 1e-12).all(axis=1)) for mean in s.means]
    assert all(len(found) == 1 for found in rows)
    chosen = np.concatenate(rows)
    assert len(set(chosen)) == len(chosen)
    assert (counts[chosen] > 0).all()
    # In an unweighted pass each row counts once.
    np.testing.assert_array_equal(s.responsibility_sums, counts[chosen])


def _assert_clusters(s, X, counts, family):
    """The means are a fixed point of Lloyd's iteration, up to the tolerance of k-means."""
    distance = ((X[:, None] - s.means) ** 2).sum(axis=2)
    resp = np.eye(s.n_components)[distance.argmin(axis=1)]
    again = twin.statistics_from_responsibilities(X, resp, family, counts)
    np.testing.assert_allclose(s.responsibility_sums, again.responsibility_sums, atol=8)
    np.testing.assert_allclose(s.means, again.means, atol=0.2)


@pytest.mark.parametrize("init", INITS)
def test_first_restarts_do_not_depend_on_their_number(init):
    m = random_mixture("full", n=300, d=2, k=3)
    seeds = np.array([11, 12, 13, 14], dtype=np.uint64)
    four = _core.initial_statistics(m.X, 3, "full", init, seeds)
    assert _core.initial_statistics(m.X, 3, "full", init, seeds[:1]) == four[:1]
    assert _core.initial_statistics(m.X, 3, "full", init, seeds[2:3]) == four[2:3]


def test_kmeans_is_as_good_as_scikit_learns():
    from sklearn.cluster import KMeans

    m = random_mixture("spherical", n=1000, d=2, k=8, spread=6)
    seeds = np.arange(20, dtype=np.uint64)
    ours = [s.scatter.sum() for s in _core.initial_statistics(m.X, 8, "spherical", "kmeans", seeds)]
    theirs = [KMeans(8, n_init=1, random_state=i).fit(m.X).inertia_ for i in range(20)]
    assert np.median(ours) <= np.median(theirs) * 1.1


def test_kmeans_finds_separated_clusters():
    X = np.repeat(np.arange(6.0)[:, None] * 100, 30, axis=0)
    X += np.random.default_rng(0).normal(size=X.shape)
    expected = X.reshape(6, 30).mean(axis=1)
    for s in _core.initial_statistics(X, 6, "diag", "k-means++", np.arange(30, dtype=np.uint64)):
        assert len(np.unique(np.round(s.means[:, 0] / 100))) == 6
    for s in _core.initial_statistics(X, 6, "diag", "kmeans", np.arange(30, dtype=np.uint64)):
        np.testing.assert_allclose(np.sort(s.means[:, 0]), expected, rtol=1e-12)


@pytest.mark.parametrize("init", INITS)
def test_starts_from_few_distinct_rows(init):
    """More components than distinct rows: empty clusters are not an error."""
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    for s in _core.initial_statistics(X, 5, "full", init, np.arange(4, dtype=np.uint64)):
        assert np.isfinite(s.means).all()
        assert np.isfinite(s.scatter).all()
    (s,) = _core.initial_statistics(X[4:6], 2, "full", init, np.zeros(1, np.uint64))
    assert s.n_components == 2


@pytest.mark.parametrize("init", INITS)
def test_too_few_rows(init):
    with pytest.raises(ValueError, match=r"."):
        _core.initial_statistics(np.empty((0, 2)), 1, "full", init, np.zeros(1, np.uint64))
    with pytest.raises(ValueError, match=r"."):
        _core.initial_statistics(np.ones((2, 2)), 3, "full", init, np.zeros(1, np.uint64))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_em(family, dtype, weighted):
    m = random_mixture(family, n=400, d=3, k=3)
    X = m.X.astype(dtype)
    w = integer_weights(400) if weighted else None
    other = (m.weights[::-1].copy(), m.means + 0.3, m.factor)
    starts = [(m.weights, m.means, m.factor), other]
    # In float32 the two may stop one iteration apart, so they run for a fixed number of them.
    tol, rtol = (1e-4, 1e-9) if dtype == np.float64 else (0.0, 1e-3)
    arguments = (X, starts, family, tol, 1e-6, 12, w)
    for actual, expected in zip(kernel_functions.em(*arguments), twin.em(*arguments), strict=True):
        assert actual["n_iter"] == expected["n_iter"] == len(actual["lower_bounds"])
        assert actual["converged"] is expected["converged"]
        for name in ("weights", "means", "covariances", "precisions_cholesky", "lower_bounds"):
            assert actual[name].dtype == np.float64
            assert_close(actual[name], expected[name], rtol)


@pytest.mark.parametrize("family", FAMILIES)
def test_em_shares_passes_without_mixing_restarts(family):
    m = random_mixture(family, n=300, d=2, k=3)
    starts = [(m.weights, m.means + shift, m.factor) for shift in (0.0, 0.1, 1.0)]
    together = kernel_functions.em(m.X, starts, family, 1e-4, 1e-6, 50)
    for start, fit in zip(starts, together, strict=True):
        (alone,) = kernel_functions.em(m.X, [start], family, 1e-4, 1e-6, 50)
        assert alone["n_iter"] == fit["n_iter"]
        for name in ("weights", "means", "covariances", "precisions_cholesky", "lower_bounds"):
            np.testing.assert_array_equal(alone[name], fit[name])


def test_em_goes_on_from_a_previous_lower_bound():
    m = random_mixture("full", n=300, d=2, k=2, spread=1)
    start = (m.weights, m.means, m.factor)
    (whole,) = kernel_functions.em(m.X, [start], "full", 1e-7, 1e-6, 500)
    (first,) = kernel_functions.em(m.X, [start], "full", 1e-7, 1e-6, 3)
    assert not first["converged"]
    middle = (first["weights"], first["means"], first["precisions_cholesky"])
    previous = [float(first["lower_bounds"][-1])]
    (rest,) = kernel_functions.em(m.X, [middle], "full", 1e-7, 1e-6, 500, None, None, previous)
    assert whole["n_iter"] == rest["n_iter"] + 3
    assert_close(rest["means"], whole["means"], 1e-12)
    (at_once,) = kernel_functions.em(m.X, [start], "full", 1e9, 1e-6, 9, None, None, [0.0])
    assert (at_once["n_iter"], at_once["converged"]) == (1, True)


def test_em_reports_every_restart_and_propagates_errors():
    m = random_mixture("full", n=300, d=2, k=2)
    starts = [(m.weights, m.means, m.factor)] * 2
    seen = {}

    def note(reports):
        seen.update({report[0]: report for report in reports})

    fits = kernel_functions.em(m.X, starts, "full", 0.0, 1e-6, 7, None, None, None, note)
    for restart, fit in enumerate(fits):
        assert seen[restart] == (restart, 7, fit["lower_bounds"][-1], True)

    def fail(reports):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        kernel_functions.em(m.X, starts, "full", 0.0, 1e-6, 7, None, None, None, fail)


@pytest.mark.parametrize("family", FAMILIES)
def test_em_on_collapsing_data(family):
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    start = [(np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]]))]
    factor = twin.precisions_cholesky(
        {"full": np.stack([np.eye(2)] * 2), "tied": np.eye(2), "diag": np.ones((2, 2))}.get(family, np.ones(2)),
        family,
    )
    start = [(*start[0], factor)]
    # Not the second component: its mean is not zero, and `moments` of the twin says what follows.
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        kernel_functions.em(X * 0.0, start, family, 1e-3, 0.0, 100)
    (fit,) = kernel_functions.em(X, start, family, 1e-3, 1e-6, 100)
    assert np.isfinite(fit["lower_bounds"]).all()


@pytest.mark.parametrize("kernel", ["product", "rbf", "laplacian", "distance"])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pairwise_sum(kernel, d, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, d)).astype(dtype), rng.normal(size=(70, d)).astype(dtype)
    for other in (None, y):
        actual = _core.pairwise_sum(x, other, kernel, 0.5)
        assert_close(actual, twin.pairwise_sum(x, other, kernel, 0.5), 1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
def test_count_and_sum(dtype):
    x = np.random.default_rng(0).normal(size=(10_001, 1)).astype(dtype)
    count, total = _core.count_and_sum(x)
    assert count == 10_001
    assert_close(total, twin.count_and_sum(x)[1], 1e-12)
