"""scikit-learn's checks of estimators, none of them expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from foldstat import GaussianMixture

ESTIMATORS = [
    GaussianMixture(),
    GaussianMixture(n_init=2, max_iter=5),
    GaussianMixture(covariance_type="tied", init_params="random", max_iter=5),
    GaussianMixture(covariance_type="diag", init_params="k-means++", max_iter=5),
    GaussianMixture(covariance_type="spherical", init_params="random_from_data", max_iter=5),
    GaussianMixture(warm_start=True, n_jobs=1, max_iter=5),
]


# Checks warn on purpose, about convergence among others.
@pytest.mark.filterwarnings("default")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
