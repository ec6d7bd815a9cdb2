"""A fit in other units is the same fit: coordinates times powers of two, shifted."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from foldstat import GaussianMixture
from mixtures import FAMILIES, INITS, random_mixture


def scaled_covariances(covariances, family, scales):
    if family == "spherical":
        return covariances * scales[0] ** 2
    return covariances * (scales**2 if family == "diag" else np.outer(scales, scales))


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1000),
    family=st.sampled_from(FAMILIES),
    init=st.sampled_from(INITS),
    powers=st.lists(st.integers(-150, 150), min_size=3, max_size=3),
    weighted=st.booleans(),
)
def test_other_units_are_the_same_fit(seed, family, init, powers, weighted):
    # Distances, which k-means and one variance for all features go by, need one unit for all.
    if family == "spherical" or init in ("kmeans", "k-means++"):
        powers = powers[:1] * 3
    X = random_mixture(family, n=120, d=3, k=2, seed=seed).X
    w = np.random.default_rng(seed).gamma(2.0, size=120) if weighted else None
    scales = np.ldexp(1.0, powers)
    # One row for a component has no covariance: the start is then regularised, which has a unit.
    params = {"covariance_type": family, "init_params": init, "random_state": seed}
    if init in ("k-means++", "random_from_data"):
        params["precisions_init"] = None
    fits = []
    for rows, scale in ((X, np.ones(3)), (X * scales, scales)):
        precisions = {
            "full": np.broadcast_to(np.diag(scale**-2.0), (2, 3, 3)),
            "tied": np.diag(scale**-2.0),
            "diag": np.broadcast_to(scale**-2.0, (2, 3)),
            "spherical": np.full(2, scale[0] ** -2.0),
        }[family]
        given = {"precisions_init": precisions} if "precisions_init" in params else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GaussianMixture(2, reg_covar=0.0, tol=0.0, max_iter=4, **{**params, **given})
            fits.append(model.fit(rows, sample_weight=w))
    plain, scaled = fits
    np.testing.assert_allclose(scaled.weights_, plain.weights_, 1e-9)
    np.testing.assert_allclose(scaled.means_ / scales, plain.means_, 1e-9, 1e-9)
    expected = scaled_covariances(plain.covariances_, family, scales)
    unit = np.outer(scales, scales).max() if family in ("full", "tied") else 0.0
    np.testing.assert_allclose(scaled.covariances_, expected, 1e-8, 1e-9 * unit)
    np.testing.assert_array_equal(scaled.predict(X * scales), plain.predict(X))


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("offset", [-3.0, 1e3, 1e6])
def test_a_shift_shifts_the_fit(family, init, offset):
    X = random_mixture(family, n=150, d=2, k=2).X
    params = {"covariance_type": family, "init_params": init, "random_state": 0, "max_iter": 3, "tol": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain, shifted = (GaussianMixture(2, **params).fit(rows) for rows in (X, X + offset))
    # Rows at 1e6 are themselves rounded at 1e-10.
    np.testing.assert_allclose(shifted.means_ - offset, plain.means_, atol=1e-6)
    np.testing.assert_allclose(shifted.covariances_, plain.covariances_, atol=1e-6)
