"""The same maxima as R's mclust (6.0.0), from the same labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import kernel_functions
from foldstat import _core
from foldstat.mixture import em, maximization

FAMILIES = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
REFERENCE = Path(__file__).parent / "reference"
DATA = {name: json.loads((REFERENCE / f"mclust_{name}.json").read_text()) for name in ("faithful", "iris")}
CASES = [
    pytest.param(name, fit, id=f"{name}-{fit['family']}-{fit['k']}")
    for name, reference in DATA.items()
    for fit in reference["fits"]
    if fit["family"] in FAMILIES
]


def spelled(covariances, family, k, d):
    c = np.asarray(covariances)
    if family == "tied":
        return np.broadcast_to(c, (k, d, d))
    if family == "full":
        return c
    diagonals = c if family == "diag" else np.repeat(c[:, None], d, axis=1)
    return np.stack([np.diag(row) for row in diagonals])


def test_all_four_families_are_covered():
    assert {case.values[1]["family"] for case in CASES} == set(FAMILIES)
    assert len(CASES) >= 8


@pytest.mark.parametrize(("name", "fit"), CASES)
def test_reaches_the_same_maximum(name, fit):
    X = np.array(DATA[name]["data"], dtype=np.float64)
    (n, d), k, family = X.shape, fit["k"], FAMILIES[fit["family"]]
    one_hot = np.eye(k)[np.array(fit["start_labels"])]
    start = maximization(X, one_hot, covariance_type=family, reg_covar=0.0)
    found = em(X, *start, covariance_type=family, max_iter=20_000, tol=1e-14, reg_covar=0.0)

    log_likelihood = found.lower_bounds[-1] * n
    assert log_likelihood == pytest.approx(fit["loglik"], abs=1e-6)
    factor = _core.precisions_cholesky(found.covariances, family)
    scores = kernel_functions.score_samples(X, found.weights, found.means, factor, family)
    assert scores.sum() == pytest.approx(fit["loglik"], abs=1e-6)
    assert 2 * log_likelihood - fit["df"] * np.log(n) == pytest.approx(fit["bic"], abs=1e-5)
    np.testing.assert_allclose(found.weights, fit["weights"], atol=1e-3)
    np.testing.assert_allclose(found.means, fit["means"], atol=2e-2)
    expected = np.array(fit["covariances"])
    np.testing.assert_allclose(spelled(found.covariances, family, k, d), expected, atol=3e-1)
