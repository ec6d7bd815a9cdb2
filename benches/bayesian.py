"""An iteration of variational inference, against scikit-learn's."""

from functools import partial

import numpy as np
import sklearn.mixture

import foldstat
from cases import Case, make
from results import Result, agree, ratio
from timing import Contestant, seconds_per_iteration

CASE = Case("full", 200_000, 8, 16, bar=15)


def going_on(start, X, iterations):
    """A fit that goes on from where scikit-learn's first iteration ended."""
    kind, params, begun = start
    model = kind(**params, warm_start=True, tol=0.0, max_iter=iterations)
    model._set_parameters(begun._get_parameters())
    model.converged_, model.lower_bound_, model.n_features_in_ = False, begun.lower_bound_, X.shape[1]
    return model.fit(X)


def against_sklearn(settings):
    """Ratio of scikit-learn's time for one iteration of a default fit to ours, from the same start."""
    case = settings.reduced(CASE)
    X, _ = make(case)
    params = {"n_components": case.k, "random_state": 0}
    begun = sklearn.mixture.BayesianGaussianMixture(**params, max_iter=1).fit(X)
    ours = foldstat.BayesianGaussianMixture, params | {"n_jobs": settings.threads}, begun
    theirs = sklearn.mixture.BayesianGaussianMixture, params, begun
    contestants = {
        "foldstat": Contestant(partial(going_on, ours, X), 1, 41),
        "scikit-learn": Contestant(partial(going_on, theirs, X), 1, 3),
    }
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    (our_seconds, our_model), (their_seconds, their_model) = measured["foldstat"], measured["scikit-learn"]
    agree("lower bounds", np.array(our_model.lower_bounds_[:3]), np.array(their_model.lower_bounds_), 1e-9)
    return [
        Result(
            key="bayesian",
            label=f"iteration of variational inference, {case.label}",
            value=ratio(their_seconds, our_seconds),
            unit="×",
            bar=case.bar,
            times={"foldstat": our_seconds, "scikit-learn": their_seconds},
        )
    ]


ROWS = {"bayesian": against_sklearn}
