"""The same maxima as R's mclust (6.0.0), from the same labels, for all of its families."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import kernel_functions
from foldstat import _core
from foldstat.mixture import em, expectation, maximization
from foldstat.mixture._parameters import as_matrices

# scikit-learn's names for four of them.
ALIASES = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
REFERENCE = Path(__file__).parent / "reference"
DATA = {name: json.loads((REFERENCE / f"mclust_{name}.json").read_text()) for name in ("faithful", "iris")}
CASES = [
    pytest.param(name, fit, id=f"{name}-{fit['family']}-{fit['k']}")
    for name, reference in DATA.items()
    for fit in reference["fits"]
]


def test_all_families_are_covered():
    families = {case.values[1]["family"] for case in CASES}
    assert families | set(ALIASES.values()) == set(_core.covariance_types())
    assert len(families) == 14
    assert len(CASES) == 112


# mclust's VVE of several components is no maximum, as the last test here shows.
FLAWED = [case for case in CASES if case.values[1]["family"] == "VVE" and case.values[1]["k"] > 1]


@pytest.mark.parametrize(("name", "fit"), [case for case in CASES if case not in FLAWED])
def test_reaches_the_same_maximum(name, fit):
    X = np.array(DATA[name]["data"], dtype=np.float64)
    (n, d), k, family = X.shape, fit["k"], fit["family"]
    one_hot = np.eye(k)[np.array(fit["start_labels"])]
    start = maximization(X, one_hot, covariance_type=family, reg_covar=0.0)
    found = em(X, *start, covariance_type=family, max_iter=20_000, tol=1e-14, reg_covar=0.0)

    log_likelihood = found.lower_bounds[-1] * n
    assert log_likelihood == pytest.approx(fit["loglik"], rel=1e-6, abs=1e-6)
    assert np.diff(found.lower_bounds).min(initial=0.0) > -1e-12  # EM never goes down
    factor = _core.precisions_cholesky(found.covariances, family)
    scores = kernel_functions.score_samples(X, found.weights, found.means, factor, family)
    assert scores.sum() == pytest.approx(fit["loglik"], rel=1e-6, abs=1e-6)
    assert 2 * log_likelihood - fit["df"] * np.log(n) == pytest.approx(fit["bic"], rel=1e-6)
    np.testing.assert_allclose(found.weights, fit["weights"], atol=1e-3)
    np.testing.assert_allclose(found.means, fit["means"], atol=2e-2)
    expected = np.array(fit["covariances"])
    np.testing.assert_allclose(as_matrices(found.covariances, family, k, d), expected, atol=3e-1)


@pytest.mark.parametrize(("name", "fit"), CASES)
def test_counts_the_same_parameters(name, fit):
    k, d, family = fit["k"], len(DATA[name]["data"][0]), fit["family"]
    assert _core.n_covariance_parameters(family, k, d) + k * d + k - 1 == fit["df"]


@pytest.mark.parametrize(("name", "fit"), FLAWED)
def test_is_likelier_than_a_fit_without_volumes(name, fit):
    """mclust 6.0.0 leaves the volumes out where it looks for the axes of VVE, and so finds those of EVE.

    From its parameters EM goes up.
    """
    X = np.array(DATA[name]["data"], dtype=np.float64)
    (n, d), k, sigma = X.shape, fit["k"], np.array(fit["covariances"])
    weights = np.array(fit["weights"]) / np.sum(fit["weights"])
    start = weights, np.array(fit["means"]), sigma
    log_likelihood, r = expectation(X, *start)
    assert np.sum(log_likelihood) == pytest.approx(fit["loglik"], rel=1e-9)
    found = em(X, *start, covariance_type="VVE", max_iter=20_000, tol=1e-12, reg_covar=0.0)
    assert np.diff(found.lower_bounds).min() > -1e-12
    assert found.lower_bounds[-1] * n > fit["loglik"] + 0.01

    sizes = r.sum(axis=0)
    means = r.T @ X / sizes[:, None]
    scatter = np.stack([(r[:, c, None] * (X - means[c])).T @ (X - means[c]) for c in range(k)])
    axes = np.linalg.eigh(sum((2 + np.sin(c)) * np.linalg.inv(sigma[c]) for c in range(k)))[1]
    turned = axes.T @ scatter @ axes
    squares = np.diagonal(turned, axis1=1, axis2=2)
    volumes = squares.prod(axis=1) ** (1 / d)

    def slope(divisors):
        """How far from 0 the derivatives by turns are, as a share of their terms."""
        p = divisors[:, None] / squares
        terms = (p[:, :, None] - p[:, None, :]) * turned
        return (np.abs(terms.sum(axis=0)) / np.maximum(np.abs(terms).sum(axis=0), 1e-300)).max()

    assert slope(volumes) < 1e-5  # of EVE
    assert slope(sizes) > 0.1  # of the likelihood


@pytest.mark.parametrize(("family", "alias"), ALIASES.items())
def test_two_names_of_one_family_give_the_same_bits(family, alias):
    X = np.array(DATA["iris"]["data"], dtype=np.float64)
    r = np.random.default_rng(0).dirichlet(np.ones(3), size=len(X))
    for one, other in zip(*(maximization(X, r, covariance_type=name) for name in (family, alias)), strict=True):
        np.testing.assert_array_equal(one, other)
