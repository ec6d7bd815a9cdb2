"""foldstat.cells against plain loops: slow, obvious, one formula at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import foldstat
from foldstat import cells
from foldstat.cells import EM, covariance, expectation, maximization, pairwise_sum, summarize

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


def pair_value(x, y, kernel, gamma):
    if kernel == "product":
        return sum(a * b for a, b in zip(x, y, strict=True))
    if kernel == "distance":
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    if kernel == "rbf":
        return math.exp(-gamma * sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    return math.exp(-gamma * sum(abs(a - b) for a, b in zip(x, y, strict=True)))


def loop_pairwise_sum(X, Y, kernel, gamma):
    return math.fsum(pair_value(x, y, kernel, gamma) for x in X for y in Y)


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


def scipy_em(X, mu, cov, n_iter):
    """Equal weights, no regularisation: the notebook's EM with SciPy densities."""
    for _ in range(n_iter):
        densities = np.stack(
            [multivariate_normal.pdf(X, m, c).reshape(-1) for m, c in zip(mu, cov, strict=True)],
            axis=1,
        )
        r = densities / densities.sum(axis=1, keepdims=True)
        mu = (r.T @ X) / r.sum(axis=0)[:, None]
        cov = np.array([(r[:, j, None] * (X - mu[j])).T @ (X - mu[j]) / r[:, j].sum() for j in range(len(mu))])
    return mu, cov


@settings(max_examples=15, deadline=None)
@given(d=st.integers(1, 4), k=st.integers(1, 3), n_iter=st.integers(0, 6), seed=st.integers(0, 999))
def test_em_agrees_with_scipy(d, k, n_iter, seed):
    X, mu, cov = random_mixture(400, d, k, seed)
    result_mu, result_cov = EM(X, mu, cov, n_iter)
    expected_mu, expected_cov = scipy_em(X, mu, cov, n_iter)
    np.testing.assert_allclose(result_mu, expected_mu, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(result_cov, expected_cov, rtol=1e-7, atol=1e-9)


def test_em_runs_25_iterations_unless_told_otherwise():
    X, mu, cov = random_mixture(300, 2, 3, seed=5)
    expected_mu, expected_cov = scipy_em(X, mu, cov, 25)
    result_mu, result_cov = EM(X, mu, cov)
    np.testing.assert_allclose(result_mu, expected_mu, rtol=1e-7)
    np.testing.assert_allclose(result_cov, expected_cov, rtol=1e-7, atol=1e-10)
    shorter_mu, _ = EM(X, mu, cov, n_iter=24)
    assert not np.array_equal(shorter_mu, result_mu)


def test_em_is_expectation_then_maximization():
    X, mu, cov = random_mixture(500, 3, 2, seed=1)
    one_pass = EM(X, mu, cov, n_iter=1)
    two_cells = maximization(X, expectation(X, mu, cov))
    np.testing.assert_allclose(one_pass[0], two_cells[0], rtol=RELATIVE)
    np.testing.assert_allclose(one_pass[1], two_cells[1], rtol=1e-9, atol=1e-13)


def test_em_keeps_equal_weights_where_a_mixture_would_learn_them():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, size=(900, 1)), rng.normal(3, 1, size=(100, 1))])
    start_mu, start_cov = np.array([[0.0], [3.0]]), np.ones((2, 1, 1))
    mu, _ = EM(X, start_mu, start_cov, n_iter=10)
    learned = foldstat.mixture.em(X, [0.5, 0.5], start_mu, start_cov, max_iter=10, tol=0.0)
    np.testing.assert_allclose(mu, scipy_em(X, start_mu, start_cov, 10)[0], rtol=1e-8, atol=1e-10)
    assert np.abs(mu - learned.means).max() > 0.1


def test_em_leaves_its_arguments_alone():
    X, mu, cov = random_mixture(50, 2, 2, seed=8)
    copies = X.copy(), mu.copy(), cov.copy()
    EM(X, mu, cov, n_iter=3)
    start_mu, start_cov = EM(X, mu, cov, n_iter=0)
    start_mu[:], start_cov[:] = 99.0, 99.0
    for argument, copy in zip((X, mu, cov), copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


def test_em_gives_the_same_bits_for_any_number_of_threads():
    X, mu, cov = random_mixture(20_000, 2, 3, seed=4)
    results = []
    for threads in (1, 2, 3, 7):
        with foldstat.threads(threads):
            results.append(EM(X, mu, cov, n_iter=3))
    for mu_again, cov_again in results[1:]:
        np.testing.assert_array_equal(mu_again, results[0][0])
        np.testing.assert_array_equal(cov_again, results[0][1])


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


KERNELS = ("product", "rbf", "laplacian", "distance")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("two_samples", [False, True])
@pytest.mark.parametrize("d", [None, 1, 2, 3])
@settings(max_examples=10, deadline=None)
@given(n=st.integers(0, 40), m=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_pairwise_sum_is_the_double_loop(kernel, two_samples, d, n, m, seed):
    rng = np.random.default_rng(seed)
    # Rounding makes ties, which the sorted one-dimensional distances must survive.
    X = rng.normal(size=(n, d or 1)).round(1)
    Y = rng.normal(size=(m, d or 1)).round(1) if two_samples else X
    gamma = float(rng.uniform(0.1, 2.0)) if kernel in ("rbf", "laplacian") else None
    arguments = [X] + ([Y] if two_samples else [])
    if d is None:
        arguments = [values[:, 0] for values in arguments]
    result = pairwise_sum(*arguments, kernel=kernel, gamma=gamma)
    expected = loop_pairwise_sum(X, Y, kernel, gamma)
    size = loop_pairwise_sum(np.abs(X), np.abs(Y), kernel, gamma)  # products may cancel
    assert isinstance(result, float)
    assert result == pytest.approx(expected, rel=1e-10, abs=1e-11 * (1 + size))


@pytest.mark.parametrize("kernel", KERNELS)
def test_pairwise_sum_over_many_blocks(kernel):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(3001, 2)), rng.normal(size=(1777, 2))
    difference = X[:, None, :] - Y[None, :, :]
    expected = {
        "product": (X @ Y.T).sum(),
        "rbf": np.exp(-0.5 * (difference**2).sum(axis=2)).sum(),
        "laplacian": np.exp(-0.5 * np.abs(difference).sum(axis=2)).sum(),
        "distance": np.sqrt((difference**2).sum(axis=2)).sum(),
    }[kernel]
    results = [pairwise_sum(X, Y, kernel=kernel, n_jobs=threads) for threads in (1, 2, 3)]
    assert results[0] == pytest.approx(expected, rel=1e-10)
    assert results[0] == results[1] == results[2]


def test_n_jobs_reaches_the_kernel_and_wins_over_the_threads_block(monkeypatch):
    used = []
    monkeypatch.setattr(cells._core, "pairwise_sum", lambda *arguments: used.append(arguments[-1]))
    pairwise_sum([1.0])
    with foldstat.threads(3):
        pairwise_sum([1.0])
        pairwise_sum([1.0], n_jobs=2)
    assert used == [None, 3, 2]


def test_pairwise_gamma_defaults_to_one_over_the_number_of_columns():
    X = np.random.default_rng(0).normal(size=(20, 4))
    for kernel in ("rbf", "laplacian"):
        assert pairwise_sum(X, kernel=kernel) == pairwise_sum(X, kernel=kernel, gamma=0.25)
        assert pairwise_sum(X, kernel=kernel) != pairwise_sum(X, kernel=kernel, gamma=0.3)


def test_pairwise_distance_keeps_its_digits_far_from_the_origin():
    X = np.random.default_rng(7).normal(size=500)
    near = pairwise_sum(X, kernel="distance")
    assert pairwise_sum(X + 1e8, kernel="distance") == pytest.approx(near, rel=1e-6)


def test_pairwise_sum_takes_float32_and_mixed_types():
    X = np.random.default_rng(9).normal(size=(200, 2))
    single = X.astype(np.float32)
    expected = pairwise_sum(single.astype(np.float64), X, kernel="rbf")
    assert pairwise_sum(single, X, kernel="rbf") == pytest.approx(expected, rel=1e-12)
    both = pairwise_sum(single, kernel="rbf")
    assert both == pytest.approx(pairwise_sum(single.astype(np.float64), kernel="rbf"), rel=1e-5)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=200))
def test_summarize_counts_and_adds(numbers):
    # Sums of these integers are exact in float64, whatever the order.
    count, total = summarize(np.array(numbers, dtype=np.float64))
    assert (type(count), type(total)) == (int, float)
    assert (count, total) == (len(numbers), float(sum(numbers)))


def test_summaries_of_pieces_merge_to_the_summary_of_the_whole():
    numbers = np.random.default_rng(1).normal(size=100_001)
    pieces = [summarize(piece) for piece in np.array_split(numbers, 7)]
    count, total = summarize(numbers)
    assert count == sum(piece[0] for piece in pieces) == 100_001
    assert total == pytest.approx(math.fsum(numbers), rel=1e-12, abs=1e-9)
    assert total == pytest.approx(sum(piece[1] for piece in pieces), rel=1e-12, abs=1e-9)


def test_summarize_may_overflow_to_infinity():
    assert summarize([1e308, 1e308]) == (2, math.inf)


def test_summarize_adds_float32_in_float64():
    numbers = np.full(2_000_000, 0.1, dtype=np.float32)
    assert summarize(numbers)[1] == pytest.approx(2_000_000 * float(np.float32(0.1)), rel=1e-12)


X2, MU2, COV2 = np.zeros((3, 2)), np.zeros((1, 2)), np.eye(2)[None]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expectation(X2, np.zeros((1, 3)), COV2), "mu must have shape \\(1, 2\\)"),
        (lambda: expectation(X2, MU2, np.eye(2)), "cov must have shape \\(1, 2, 2\\)"),
        (lambda: expectation(X2, MU2, [[[1, 0.5], [0.2, 1]]]), "symmetric"),
        (lambda: expectation(X2, MU2, [[[1, 2], [2, 1]]]), "cov is not positive definite"),
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
        (lambda: EM(X2, MU2, COV2, n_iter=-1), "n_iter must be a non-negative integer"),
        (lambda: EM(X2, MU2, COV2, n_iter=2.5), "n_iter must be a non-negative integer"),
        (lambda: EM(X2, MU2, COV2, n_iter=True), "n_iter must be a non-negative integer"),
        (lambda: pairwise_sum(X2, kernel="cosine"), "kernel must be one of 'product'"),
        (lambda: pairwise_sum(X2, kernel="distance", gamma=1.0), "has no gamma"),
        (lambda: pairwise_sum(X2, kernel="rbf", gamma=0.0), "gamma must be a positive"),
        (lambda: pairwise_sum(X2, kernel="rbf", gamma="1"), "gamma must be a positive"),
        (lambda: pairwise_sum(X2, np.zeros((3, 1))), "Y has 1 columns but X has 2"),
        (lambda: pairwise_sum([1.0, np.inf]), "infinity"),
        (lambda: summarize(X2), "X has 2 dimensions, expected 1"),
        (lambda: summarize([1.0, np.nan]), "NaN|X must be finite, got nan at \\(1,\\)"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_component_that_loses_every_row_is_an_error():
    X = np.zeros((4, 1)) + np.arange(4)[:, None]
    with pytest.raises(ValueError, match="Component 1 is responsible for no row"):
        EM(X, [[1.5], [1e9]], [[[1.0]], [[1.0]]], n_iter=2)
