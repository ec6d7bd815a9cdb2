"""foldstat.cells against plain loops: slow, obvious, one formula at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import foldstat
from foldstat.cells import (
    EM,
    covariance,
    expectation,
    log_probability,
    maximization,
    pairwise_sum,
    random_walker,
    random_walkers,
)

RELATIVE = 1e-10


def random_mixture(n, d, k, seed):
    """Rows around k centres, with k means and covariances to start from."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(scale=3.0, size=(k, d))
    X = centres[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    roots = rng.normal(size=(k, d, d)) / math.sqrt(d)
    covariances = np.array([root @ root.T + 0.5 * np.eye(d) for root in roots])
    return X, centres + rng.normal(scale=0.3, size=(k, d)), covariances


def loop_expectation(X, mu, cov):
    responsibilities = np.empty((len(X), len(mu)))
    for i, x in enumerate(X):
        logs = np.array([multivariate_normal.logpdf(x, m, c) for m, c in zip(mu, cov, strict=True)])
        responsibilities[i] = np.exp(logs - logsumexp(logs))
    return responsibilities


def loop_covariance(X, weights, mu):
    d = X.shape[1]
    total = np.zeros((d, d))
    for x, w in zip(X, weights, strict=True):
        for a in range(d):
            for b in range(d):
                total[a, b] += w * (x[a] - mu[a]) * (x[b] - mu[b])
    return total / sum(weights)


def loop_maximization(X, r):
    mu, cov = [], []
    for weights in r.T:
        mean = sum(w * x for w, x in zip(weights, X, strict=True)) / sum(weights)
        mu.append(mean)
        cov.append(loop_covariance(X, weights, mean))
    return np.array(mu), np.array(cov)


shapes = st.tuples(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_expectation_is_bayes_rule_row_by_row(shape):
    n, d, k, seed = shape
    X, mu, cov = random_mixture(n, d, k, seed)
    result = expectation(X, mu, cov)
    assert result.shape == (n, k)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, loop_expectation(X, mu, cov), rtol=1e-8, atol=1e-14)


def test_expectation_stays_finite_far_from_every_component():
    result = expectation([[1e6, 0.0]], [[0.0, 0.0], [1.0, 0.0]], [np.eye(2)] * 2)
    np.testing.assert_array_equal(result, [[0.0, 1.0]])


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_maximization_is_the_weighted_mean_and_covariance(shape):
    n, d, k, seed = shape
    X = random_mixture(n, d, k, seed)[0]
    r = np.random.default_rng(seed).dirichlet(np.ones(k), size=n)
    mu, cov = maximization(X, r)
    expected_mu, expected_cov = loop_maximization(X, r)
    np.testing.assert_allclose(mu, expected_mu, rtol=RELATIVE, atol=1e-12)
    np.testing.assert_allclose(cov, expected_cov, rtol=1e-8, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_covariance_is_taken_about_the_given_point(shape):
    n, d, _, seed = shape
    rng = np.random.default_rng(seed)
    X, weights, mu = rng.normal(size=(n, d)), rng.uniform(0.1, 2.0, size=n), rng.normal(size=d)
    result = covariance(X, weights, mu)
    np.testing.assert_allclose(result, loop_covariance(X, weights, mu), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result, result.T, rtol=1e-12, atol=1e-14)


def test_covariance_keeps_its_digits_far_from_the_origin():
    X = np.random.default_rng(3).normal(size=(1000, 2))
    weights = np.ones(1000)
    near = covariance(X, weights, X.mean(axis=0))
    far = covariance(X + 1e8, weights, (X + 1e8).mean(axis=0))
    np.testing.assert_allclose(far, near, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_covariance_without_a_point_is_taken_about_the_weighted_mean(shape):
    n, d, _, seed = shape
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(n, d)), rng.uniform(0.1, 2.0, size=n)
    expected = loop_covariance(X, weights, np.average(X, axis=0, weights=weights))
    np.testing.assert_allclose(covariance(X, weights), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_log_probability_is_the_normal_density_of_each_row(shape):
    n, d, _, seed = shape
    X, mu, cov = random_mixture(n, d, 1, seed)
    inv_cov, log_det = np.linalg.inv(cov[0]), np.linalg.slogdet(cov[0])[1]
    expected = multivariate_normal.logpdf(X, mu[0], cov[0]).reshape(n)
    result = log_probability(X, mu[0], inv_cov, log_det, d)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_probability(X, mu[0], inv_cov, log_det + 2.0), expected - 1.0, rtol=1e-9, atol=1e-9)
    one = log_probability(X[0], mu[0], inv_cov, log_det, float(d))
    assert isinstance(one, float)
    assert one == pytest.approx(expected[0], rel=1e-9, abs=1e-9)


def test_log_probability_of_numbers_takes_them_as_rows():
    x = np.array([0.0, 1.0, 3.0])
    expected = multivariate_normal.logpdf(x, 1.0, 4.0)
    np.testing.assert_allclose(log_probability(x, [1.0], [[0.25]], math.log(4.0), 1), expected, rtol=1e-12)
    assert log_probability(3.0, [1.0], [[0.25]], math.log(4.0), 1) == pytest.approx(expected[2], rel=1e-12)


def test_log_probability_takes_what_inv_gives_however_badly_conditioned():
    rng = np.random.default_rng(4)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    cov = rotation @ np.diag([1e-5, 1e-2, 1.0, 1e5]) @ rotation.T
    inv_cov = np.linalg.inv(cov)
    assert (inv_cov != inv_cov.T).any()
    X = rng.normal(size=(20, 4))
    expected = -0.5 * np.einsum("ij,jk,ik->i", X, inv_cov, X)
    result = log_probability(X, np.zeros(4), inv_cov, -4 * math.log(2 * math.pi))
    np.testing.assert_allclose(result, expected, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrices_of_old_numpy_are_read_as_the_arrays_they_hold():
    X, mu, cov = random_mixture(60, 2, 2, seed=9)
    matrix = np.asmatrix(X)
    r = expectation(matrix, np.asmatrix(mu), cov)
    assert type(r) is np.ndarray
    np.testing.assert_array_equal(r, expectation(X, mu, cov))
    with pytest.raises(ValueError, match=r"weights must have shape \(60,\), got \(60, 1\)"):
        covariance(matrix, np.asmatrix(r)[:, 0])
    with pytest.raises(ValueError, match=r"mu must have shape \(2,\), got \(1, 2\)"):
        covariance(matrix, r[:, 0], np.asmatrix(mu)[0])


def scipy_em(X, mu, cov, n_iter):
    """Equal weights, no regularisation: the notebook's EM with SciPy densities."""
    r = loop_expectation(X, mu, cov) if n_iter == 0 else None
    for _ in range(n_iter):
        densities = np.stack(
            [multivariate_normal.pdf(X, m, c).reshape(-1) for m, c in zip(mu, cov, strict=True)],
            axis=1,
        )
        r = densities / densities.sum(axis=1, keepdims=True)
        mu = (r.T @ X) / r.sum(axis=0)[:, None]
        cov = np.array([(r[:, j, None] * (X - mu[j])).T @ (X - mu[j]) / r[:, j].sum() for j in range(len(mu))])
    return mu, cov, r


@settings(max_examples=15, deadline=None)
@given(d=st.integers(1, 4), k=st.integers(1, 3), n_iter=st.integers(0, 6), seed=st.integers(0, 999))
def test_em_agrees_with_scipy(d, k, n_iter, seed):
    X, mu, cov = random_mixture(400, d, k, seed)
    for result, expected in zip(EM(X, mu, cov, n_iter), scipy_em(X, mu, cov, n_iter), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-7, atol=1e-9)


def test_em_runs_25_iterations_unless_told_otherwise():
    X, mu, cov = random_mixture(300, 2, 3, seed=5)
    expected_mu, expected_cov, expected_r = scipy_em(X, mu, cov, 25)
    result_mu, result_cov, r = EM(X, mu, cov)
    np.testing.assert_allclose(result_mu, expected_mu, rtol=1e-7)
    np.testing.assert_allclose(result_cov, expected_cov, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(r, expected_r, rtol=1e-7, atol=1e-10)
    shorter_mu, _, _ = EM(X, mu, cov, n_iter=24)
    assert not np.array_equal(shorter_mu, result_mu)
    np.testing.assert_array_equal(EM(X, mu, cov, 24.0)[0], shorter_mu)


def test_em_is_expectation_then_maximization():
    X, mu, cov = random_mixture(500, 3, 2, seed=1)
    one_pass = EM(X, mu, cov, n_iter=1)
    r = expectation(X, mu, cov)
    two_cells = maximization(X, r)
    np.testing.assert_allclose(one_pass[0], two_cells[0], rtol=RELATIVE)
    np.testing.assert_allclose(one_pass[1], two_cells[1], rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(one_pass[2], r)


def test_em_keeps_equal_weights_where_a_mixture_would_learn_them():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, size=(900, 1)), rng.normal(3, 1, size=(100, 1))])
    start_mu, start_cov = np.array([[0.0], [3.0]]), np.ones((2, 1, 1))
    mu, _, _ = EM(X, start_mu, start_cov, n_iter=10)
    learned = foldstat.mixture.em(X, [0.5, 0.5], start_mu, start_cov, max_iter=10, tol=0.0)
    np.testing.assert_allclose(mu, scipy_em(X, start_mu, start_cov, 10)[0], rtol=1e-8, atol=1e-10)
    assert np.abs(mu - learned.means).max() > 0.1


def test_em_leaves_its_arguments_alone():
    X, mu, cov = random_mixture(50, 2, 2, seed=8)
    copies = X.copy(), mu.copy(), cov.copy()
    EM(X, mu, cov, n_iter=3)
    start_mu, start_cov, _ = EM(X, mu, cov, n_iter=0)
    start_mu[:], start_cov[:] = 99.0, 99.0
    for argument, copy in zip((X, mu, cov), copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


def test_em_gives_the_same_bits_for_any_number_of_threads():
    X, mu, cov = random_mixture(20_000, 2, 3, seed=4)
    results = []
    for threads in (1, 2, 3, 7):
        with foldstat.threads(threads):
            results.append(EM(X, mu, cov, n_iter=3))
    for result in results[1:]:
        for again, once in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(again, once)


@pytest.mark.parametrize("transform", [np.asfortranarray, lambda X: X[::2], lambda X: X[:, ::-1]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cells_read_any_layout(transform, dtype):
    X, mu, cov = random_mixture(300, 2, 2, seed=6)
    view = transform(X.astype(dtype))
    view.flags.writeable = False
    plain = np.array(view, dtype=np.float64, order="C")
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    r = expectation(plain, mu, cov)
    np.testing.assert_allclose(expectation(view, mu, cov), r, atol=tolerance)
    for ours, reference in zip(maximization(view, r), maximization(plain, r), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=tolerance)
    for ours, reference in zip(EM(view, mu, cov, 3), EM(plain, mu, cov, 3), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=tolerance)


X2, MU2, COV2 = np.zeros((3, 2)), np.zeros((1, 2)), np.eye(2)[None]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expectation(X2, np.zeros((1, 3)), COV2), "mu must have shape \\(1, 2\\)"),
        (lambda: expectation(X2, MU2, np.eye(2)), "cov must have shape \\(1, 2, 2\\)"),
        (lambda: expectation(X2, MU2, [[[1, 0.5], [0.2, 1]]]), r"cov: covariances\[0\] must be symmetric"),
        (lambda: expectation(X2, MU2, [[[1, 2], [2, 1]]]), r"cov: covariances\[0\] must be positive definite"),
        (lambda: expectation(X2, [[0, np.nan]], COV2), "mu must be finite"),
        (lambda: expectation([[0, 0], [0, np.nan]], MU2, COV2), "contains NaN"),
        (lambda: expectation(np.zeros(3), MU2, COV2), "X must have 2 dimensions"),
        (lambda: expectation(np.zeros((0, 2)), MU2, COV2), "X must have at least one row"),
        (lambda: expectation(X2, np.zeros((0, 2)), COV2), "one row for each component"),
        (lambda: maximization(X2, np.ones((2, 1))), "r must have shape \\(3, 1\\), got \\(2, 1\\)"),
        (lambda: maximization(X2, [[1, 0], [1, -1], [1, 0]]), "r .*negative.*\\(1, 1\\)"),
        (lambda: maximization(X2, [[1, 0]] * 3), "Component 1 is responsible for no row"),
        (lambda: covariance(X2, np.ones(2), [0, 0]), "weights must have shape \\(3,\\)"),
        (lambda: covariance(X2, [1, -1, 1], [0, 0]), "weights .*negative.*\\(1,\\)"),
        (lambda: covariance(X2, np.zeros(3), [0, 0]), "weights sum to zero"),
        (lambda: covariance(X2, np.ones(3), [0]), "mu must have shape \\(2,\\)"),
        (lambda: EM(X2, MU2, COV2), "after iteration 1 is not positive definite"),
        (lambda: EM(X2, MU2, COV2, n_iter=-1), "n_iter must be a number of iterations, at least 0, got -1"),
        (lambda: EM(X2, MU2, COV2, n_iter=2.5), "n_iter must be .* a float that is whole, got 2.5"),
        (lambda: EM(X2, MU2, COV2, n_iter=np.inf), "n_iter must be .* a float that is whole, got inf"),
        (lambda: log_probability(X2, [0, 0], np.eye(3), 0.0, 2), r"inv_cov must have shape \(2, 2\)"),
        (lambda: log_probability(X2, [0, 0], -np.eye(2), 0.0, 2), "inv_cov is not positive definite"),
        (lambda: log_probability(X2, [0, 0], np.eye(2), 0.0, 3), "d must be the number of columns, 2 by mu, got 3"),
        (lambda: log_probability(X2, [0, 0, 0], np.eye(3), 0.0, 3), "X has 2 columns, mu has 3"),
        (lambda: log_probability([0, 0, 0], [0, 0], np.eye(2), 0.0, 2), "X must have 2 dimensions"),
        (lambda: log_probability(X2, [0, 0], np.eye(2), np.nan, 2), "log_det must be .* a finite number, got nan"),
        (lambda: log_probability(X2, [0, 0], np.eye(2), np.linalg.slogdet(np.eye(2)), 2), "log_det must be"),
        (lambda: log_probability([[0, np.nan]], [0, 0], np.eye(2), 0.0, 2), "NaN"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_component_that_loses_every_row_is_an_error():
    X = np.zeros((4, 1)) + np.arange(4)[:, None]
    with pytest.raises(ValueError, match="Component 1 is responsible for no row"):
        EM(X, [[1.5], [1e9]], [[[1.0]], [[1.0]]], n_iter=2)


@pytest.mark.parametrize("n_iter", [True, "25", None, [25]])
def test_a_number_of_iterations_is_a_number(n_iter):
    with pytest.raises(TypeError, match="n_iter must be a number of iterations, an integer, got"):
        EM(X2, MU2, COV2, n_iter=n_iter)


@pytest.mark.parametrize("value", [1e300, 10**5000], ids=["float", "int"])
def test_absurd_counts_are_refused_in_a_short_text(value):
    calls = [
        lambda: EM(X2, MU2, COV2, n_iter=value),
        lambda: random_walker(lambda x, y: 0.0, value),
        lambda: random_walkers(lambda x, y: 0.0, value),
        lambda: pairwise_sum([1.0], value),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"got an integer of about \d+ digits") as error:
            call()
        assert len(str(error.value)) < 250


@pytest.mark.parametrize("wrap", [np.array, np.int64, lambda number: np.array(float(number)), float])
def test_counts_of_every_kind_of_number_are_the_same(wrap):
    for found, expected in zip(EM(X2, MU2, COV2, wrap(1)), EM(X2, MU2, COV2, 1), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert pairwise_sum([1.0, 2.0], wrap(2)) == 9.0
    point, mean, precision = [0.0, 1.0], [0.0, 0.0], np.eye(2)
    assert log_probability(point, mean, precision, 0.0, wrap(2)) == log_probability(point, mean, precision, 0.0, 2)
    for bad in (np.array([3]), np.array(2.5), np.array(True), np.array("3")):
        with pytest.raises((TypeError, ValueError), match="n_iter"):
            EM(X2, MU2, COV2, bad)
        with pytest.raises((TypeError, ValueError), match="n_jobs"):
            pairwise_sum([1.0], bad)
