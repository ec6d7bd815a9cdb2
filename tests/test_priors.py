"""Priors of `GaussianMixture`: the mode of the posterior, and starts that collapse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

import foldstat
from foldstat import GaussianMixture
from mixtures import FAMILIES, assert_close, integer_weights, random_mixture

PARAMETERS = ("weights_", "means_", "covariances_")


def fitted(X, weights=None, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(**params).fit(X, sample_weight=weights)


def drawn_priors(rng, family, d):
    root = rng.normal(size=(d, d))
    matrix = root @ root.T + np.eye(d)
    covariance = {"full": matrix, "tied": matrix, "diag": np.diag(matrix).copy(), "spherical": float(matrix[0, 0])}
    return {
        "weight_prior": float(rng.uniform(0, 3)),
        "mean_prior": (rng.normal(size=d), float(rng.uniform(0, 4))),
        "covariance_prior": (covariance[family], float(rng.uniform(0.1, 6))),
    }


def options(family, k, **more):
    return {
        "n_components": k,
        "covariance_type": family,
        "init_params": "random",
        "random_state": 0,
        "tol": 0.0,
        "reg_covar": 0.0,
        "max_iter": 8,
        **more,
    }


@settings(max_examples=25)
@given(
    family=st.sampled_from(FAMILIES),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    seed=st.integers(0, 2**31),
    rows=st.sampled_from([0.0, 1e-13]),
)
def test_a_flat_prior_is_none(family, d, k, seed, rows):
    m = random_mixture(family, n=150, d=d, k=k, seed=seed)
    priors = drawn_priors(np.random.default_rng(seed), family, d)
    flat = {name: rows if name == "weight_prior" else (value[0], rows) for name, value in priors.items()}
    plain = fitted(m.X, **options(family, k, reg_covar=1e-6))
    drawn = fitted(m.X, **options(family, k, reg_covar=1e-6), **flat)
    for name in PARAMETERS:
        assert_close(getattr(drawn, name), getattr(plain, name), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(drawn.lower_bounds_, plain.lower_bounds_, rtol=1e-10, atol=1e-10)


def slow_m_step(X, r, family, weight, mean_prior, covariance_prior):
    """Weights, means and covariances of rows and of those that nobody has seen, component by component."""
    (mu, kappa), (C, s) = mean_prior, covariance_prior
    n, d = r.sum(axis=0), X.shape[1]
    k = len(n)
    means = (r.T @ X + kappa * mu) / (n + kappa)[:, None]
    C = np.diag(np.full(d, C)) if np.ndim(C) == 0 else np.diag(C) if np.ndim(C) == 1 else C
    scatter = [
        (r[:, j, None] * (X - means[j])).T @ (X - means[j]) + kappa * np.outer(mu - means[j], mu - means[j]) + s * C
        for j in range(k)
    ]
    scatter, rows = np.array(scatter), n + kappa + s
    covariances = scatter.sum(axis=0) / rows.sum() if family == "tied" else scatter / rows[:, None, None]
    if family in ("diag", "spherical"):
        covariances = np.diagonal(covariances, axis1=1, axis2=2)
    if family == "spherical":
        covariances = covariances.mean(axis=1)
    return (n + weight) / (n + weight).sum(), means, covariances


@settings(max_examples=30)
@given(family=st.sampled_from(FAMILIES), d=st.integers(1, 4), k=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_an_iteration_is_the_slow_one(family, d, k, seed):
    m = random_mixture(family, n=120, d=d, k=k, seed=seed, offset=4.0)
    priors = drawn_priors(np.random.default_rng(seed), family, d)
    start = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    r = GaussianMixture.from_parameters(m.weights, m.means, m.covariances, covariance_type=family).predict_proba(m.X)
    model = fitted(m.X, **options(family, k, max_iter=1), **start, **priors)
    expected = slow_m_step(m.X, r, family, *priors.values())
    for name, value in zip(PARAMETERS, expected, strict=True):
        assert_close(getattr(model, name), value, rtol=1e-8)


@settings(max_examples=30)
@given(
    family=st.sampled_from(FAMILIES),
    kind=st.sampled_from(["mclust", "robust", None]),
    d=st.integers(1, 3),
    k=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_the_bound_never_falls(family, kind, d, k, seed):
    X = random_mixture(family, n=60, d=d, k=2, seed=seed).X
    priors = {"prior": kind} if kind else drawn_priors(np.random.default_rng(seed), family, d)
    bounds = np.array(fitted(X, **options(family, k, max_iter=30), **priors).lower_bounds_)
    assert (np.diff(bounds) >= -1e-11 * np.abs(bounds).max()).all()


@settings(max_examples=15)
@given(d=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_the_bound_is_the_log_posterior(d, seed):
    """But for a constant, as SciPy has its densities."""
    k, rng = 3, np.random.default_rng(seed)
    X = random_mixture("full", n=100, d=d, k=k, seed=seed).X
    root = rng.normal(size=(d, d))
    C, s, mu, kappa, weight = root @ root.T + np.eye(d), 2.0 * d + 4.0, rng.normal(size=d), 0.7, 1.5
    priors = {"weight_prior": weight, "mean_prior": (mu, kappa), "covariance_prior": (C, s)}
    bounds, posteriors = [], []
    for iterations in (2, 3, 9):
        model = fitted(X, **options("full", k, max_iter=iterations), **priors)
        log_posterior = model.score(X) * len(X) + stats.dirichlet.logpdf(model.weights_, np.full(k, 1.0 + weight))
        for mean, covariance in zip(model.means_, model.covariances_, strict=True):
            log_posterior += stats.multivariate_normal.logpdf(mean, mu, covariance / kappa)
            log_posterior += stats.invwishart.logpdf(covariance, kappa + s - d - 2, s * C)
        posteriors.append(log_posterior)
        bounds.append(fitted(X, **options("full", k, max_iter=iterations + 1), **priors).lower_bound_ * len(X))
    np.testing.assert_allclose(np.diff(bounds), np.diff(posteriors), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_prior_of_mclust_is_that_of_its_authors(family, k):
    """Table 1 of Fraley & Raftery (2007), for responsibilities that are given."""
    m = random_mixture(family, n=90, d=3, k=k, seed=4)
    n, d, nu, kappa = len(m.X), 3, 5.0, 0.01
    start = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    r = GaussianMixture.from_parameters(m.weights, m.means, m.covariances, covariance_type=family).predict_proba(m.X)
    model = fitted(m.X, **options(family, k, max_iter=1), **start, prior="mclust")
    counts, overall, S = r.sum(axis=0), m.X.mean(axis=0), np.cov(m.X.T) / k ** (2 / d)
    means = (r.T @ m.X + kappa * overall) / (counts + kappa)[:, None]
    assert_close(model.means_, means)
    own = r.T @ m.X / counts[:, None]
    W = np.array([(r[:, j, None] * (m.X - own[j])).T @ (m.X - own[j]) for j in range(k)])
    apart = own - overall
    W += (kappa * counts / (kappa + counts))[:, None, None] * np.einsum("ki,kj->kij", apart, apart)
    variance, squares = np.trace(S) / d, np.diagonal(W, axis1=1, axis2=2)
    expected = {
        "full": (W + S) / (counts + nu + d + 2)[:, None, None],
        "tied": (W.sum(axis=0) + S) / (n + nu + d + k + 1),
        "diag": (squares + variance) / (counts + nu + 3)[:, None],
        "spherical": (squares.sum(axis=1) + variance) / ((counts + 1) * d + nu + 2),
    }[family]
    assert_close(model.covariances_, expected)
    assert_close(model.weights_, counts / n)


@settings(max_examples=25)
@given(
    family=st.sampled_from(FAMILIES),
    init=st.sampled_from(["kmeans", "k-means++", "random_from_data"]),
    d=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_no_start_collapses_under_the_robust_prior(family, init, d, seed):
    """As many components as some rows have copies, and no reg_covar."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(30, d)), np.repeat(rng.normal(size=(3, d)) * 20, 4, axis=0)])
    params = options(family, 8, init_params=init, n_init=3, prior="robust", max_iter=40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Best performing initialization did not converge")
        model = GaussianMixture(**params).fit(X)
    assert np.isfinite(model.covariances_).all()
    assert np.isfinite(model.lower_bounds_).all()


@settings(max_examples=20)
@given(family=st.sampled_from(FAMILIES), seed=st.integers(0, 2**31), exponent=st.floats(-5, 5))
def test_the_robust_prior_knows_no_unit(family, seed, exponent):
    scale = 10.0**exponent
    X = random_mixture(family, n=60, d=2, k=2, seed=seed).X
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) if family in ("full", "tied", "spherical") else np.eye(2)
    shear = np.array([[1.0, 3.0], [0.0, 0.2]]) if family in ("full", "tied") else np.eye(2)
    A = scale * turn @ shear
    plain = fitted(X, **options(family, 3, prior="robust"))
    other = fitted(X @ A.T + 7 * scale, **options(family, 3, prior="robust"))
    assert_close(other.weights_, plain.weights_, rtol=1e-7)
    assert_close((other.means_ - 7 * scale) / scale, plain.means_ @ A.T / scale, rtol=1e-7, atol=1e-7)


def test_integer_weights_are_copies_with_a_prior():
    m = random_mixture("full", n=80, d=2, k=2, seed=1)
    w = integer_weights(len(m.X), 1)
    start = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    params = options("full", 2, prior="mclust", weight_prior=1.0, **start)
    for unit in (1, 8):
        weighed = fitted(m.X, w * unit, **params)
        copied = fitted(np.repeat(m.X, (w * unit).astype(int), axis=0), **params)
        for name in PARAMETERS:
            assert_close(getattr(weighed, name), getattr(copied, name))
        np.testing.assert_allclose(weighed.lower_bounds_, copied.lower_bounds_, rtol=1e-10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("more", [{"given": True}, {"init_size": 700}, {"warm_start": True}])
def test_chunks_change_no_bit_however_the_fit_begins(more):
    m = random_mixture("full", n=5000, d=3, k=3, seed=1)
    start = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    params = options("full", 3, init_params="random_from_data", prior="mclust", max_iter=4)
    params |= start if more == {"given": True} else more
    block = foldstat.mixture.block_rows(3)
    whole, other = GaussianMixture(**params).fit(m.X), GaussianMixture(**params).fit([m.X[:block], m.X[block:]])
    if "warm_start" in more:
        whole, other = whole.fit(m.X), other.fit([m.X[:block], m.X[block:]])
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(other, name), getattr(whole, name))


@pytest.mark.filterwarnings("ignore")
def test_threads_chunks_and_checkpoints_change_no_bit(tmp_path):
    X = random_mixture("full", n=5000, d=3, k=3, seed=1).X
    params = options("full", 4, init_params="random_from_data", prior="mclust", n_init=2)
    block = foldstat.mixture.block_rows(3)
    parts = [X[: 2 * block], X[2 * block :]]
    whole = GaussianMixture(**params, n_jobs=1).fit(X)
    GaussianMixture(**{**params, "max_iter": 3}).fit(parts, checkpoint=tmp_path / "fit.npz")
    for other in (
        GaussianMixture(**params, n_jobs=3).fit(X),
        GaussianMixture(**params).fit(parts),
        GaussianMixture(**params).fit(parts, checkpoint=tmp_path / "fit.npz"),
    ):
        for name in PARAMETERS:
            np.testing.assert_array_equal(getattr(other, name), getattr(whole, name))
        assert other.lower_bounds_ == whole.lower_bounds_


def collapsing_rows():
    """Two clouds, and a row with its copy between them: some starts put a component on these alone."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + np.array([7.0, 0.0]), np.full((2, 2), 4.0)]
    )


def test_a_start_that_collapses_leaves_the_others_alone():
    X = collapsing_rows()
    many = options("full", 3, init_params="kmeans", max_iter=200, tol=1e-6, n_init=12)
    with pytest.warns(ConvergenceWarning, match=r"\d+ of 12 starts collapsed"):
        model = GaussianMixture(**many).fit(X)
    assert np.isfinite(model.lower_bounds_).all()
    with pytest.warns(ConvergenceWarning, match="starts collapsed"):
        chunked = GaussianMixture(**many).fit([X])
    np.testing.assert_array_equal(chunked.means_, model.means_)


def test_starts_that_all_collapse_are_an_error():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 10, axis=0)
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        GaussianMixture(2, n_init=4, random_state=0, reg_covar=0.0).fit(X)
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        GaussianMixture(2, n_init=4, random_state=0, reg_covar=0.0).fit([X])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"prior": "flat"}, "The 'prior' parameter of GaussianMixture must be"),
        ({"weight_prior": -1.0}, "The 'weight_prior' parameter"),
        ({"mean_prior": 3.0}, "The 'mean_prior' parameter"),
        ({"mean_prior": ([0.0, 0.0],)}, "mean_prior must be a pair"),
        ({"mean_prior": ([0.0, 0.0, 0.0], 1.0)}, r"mean_prior must have a mean of shape \(2,\), got \(3,\)"),
        ({"mean_prior": ([0.0, 0.0], -1.0)}, "mean_prior must count for a finite number of rows, 0 or more, got -1.0"),
        ({"covariance_prior": (np.eye(2), np.inf)}, "covariance_prior must count for a finite number of rows"),
        ({"covariance_prior": (np.eye(3), 1.0)}, "full covariance_prior' should have the shape of"),
        ({"covariance_prior": (-np.eye(2), 1.0)}, "should be symmetric, positive-definite"),
    ],
)
def test_bad_priors_are_refused(params, match):
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=match):
        GaussianMixture(2, **params).fit(X)


def test_batches_have_no_priors():
    with pytest.raises(ValueError, match="no place for priors"):
        GaussianMixture(2, prior="robust").partial_fit(np.random.default_rng(0).normal(size=(20, 2)))
