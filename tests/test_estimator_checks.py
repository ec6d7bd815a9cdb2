"""scikit-learn's checks of estimators, none of them expected to fail."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from foldstat import BayesianGaussianMixture, GaussianMixture
from mixtures import FAMILIES, INITS

WEIGHTS = ("dirichlet_process", "dirichlet_distribution")
ESTIMATORS = [
    GaussianMixture(),
    GaussianMixture(n_init=2, max_iter=5),
    GaussianMixture(warm_start=True, n_jobs=1, max_iter=5),
    *(
        GaussianMixture(k, covariance_type=family, init_params=init, max_iter=5)
        for family, init in zip(FAMILIES, INITS, strict=True)
        for k in (1, 2, 3)
    ),
    BayesianGaussianMixture(),
    BayesianGaussianMixture(warm_start=True, n_jobs=1, max_iter=5),
    *(
        BayesianGaussianMixture(
            2, covariance_type=family, init_params=init, weight_concentration_prior_type=weights, max_iter=5
        )
        for family, init, weights in zip(FAMILIES, INITS, 2 * WEIGHTS, strict=True)
    ),
]


# Checks warn on purpose, about convergence among others.
@pytest.mark.filterwarnings("default")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    if check.func is check_sample_weight_equivalence_on_dense_data and estimator.n_components > 1:
        # A random start draws rows, and may draw others among copies than among weights: the law is
        # about EM from a given start. The rows of that check have 30 features between 0 and 1.
        given = given_start(estimator.n_components, estimator.covariance_type)
        if isinstance(estimator, BayesianGaussianMixture):
            given = {"n_components": 1}  # it takes no start; tests/test_bayesian.py has the law for others
        estimator = clone(estimator).set_params(**given)
    check(estimator)


def given_start(k, family, d=30):
    shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[family]
    precisions = np.broadcast_to(np.eye(d), shape) if family in ("full", "tied") else np.ones(shape)
    means = np.random.default_rng(0).uniform(size=(k, d))
    return {"weights_init": np.full(k, 1 / k), "means_init": means, "precisions_init": precisions}
