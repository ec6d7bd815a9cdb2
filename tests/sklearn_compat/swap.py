"""pytest plugin: scikit-learn's tests of its mixtures run against foldstat's classes.

The classes are swapped before the test module is collected. Private functions that have a
counterpart among the kernels are swapped too, so that the tests that use them as a yardstick, or
test them, meet the kernels. What happened is written as JSON to the path in
FOLDSTAT_COMPAT_REPORT.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
# The class that a module of scikit-learn's tests is about.
CLASSES = {"test_gaussian_mixture": "GaussianMixture", "test_bayesian_mixture": "BayesianGaussianMixture"}


def _compute_precision_cholesky(covariances, covariance_type, xp=None):
    from foldstat import _core

    return _core.precisions_cholesky(covariances, covariance_type).astype(covariances.dtype)


def _estimate_gaussian_parameters(X, resp, reg_covar, covariance_type, xp=None):
    from foldstat import _core

    statistics = _core.statistics_from_responsibilities(X, resp, covariance_type)
    return tuple(a.astype(X.dtype) for a in _core.moments(statistics, reg_covar))


def _estimate_log_gaussian_prob(X, means, precisions_chol, covariance_type, xp=None):
    from foldstat import _core

    mixture = _core.Mixture(None, means, np.asarray(precisions_chol), covariance_type)
    return mixture.log_prob(X).astype(X.dtype)


class Swap:
    def __init__(self, path):
        self.path = Path(path)
        self.module = os.environ["FOLDSTAT_COMPAT_MODULE"]
        self.deselected_names = json.loads((HERE / "deselected.json").read_text())[self.module]
        self.report = {"swapped": True, "collected": [], "deselected": [], "outcomes": {}}

    def pytest_collection_modifyitems(self, config, items):
        import foldstat

        name = CLASSES[self.module]
        for item in items:
            self.report["swapped"] &= getattr(item.module, name) is getattr(foldstat, name)
        names = [item.originalname for item in items]
        self.report["collected"] = sorted(set(names))
        out = [i for i in items if i.originalname in self.deselected_names]
        self.report["deselected"] = sorted({item.originalname for item in out})
        items[:] = [i for i in items if i.originalname not in self.deselected_names]
        config.hook.pytest_deselected(items=out)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            reason = str(report.longrepr)[-2000:] if report.outcome != "passed" else ""
            self.report["outcomes"][report.nodeid] = [report.outcome, reason]

    def pytest_sessionfinish(self):
        self.path.write_text(json.dumps(self.report))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    import sklearn.mixture
    from sklearn.mixture import _bayesian_mixture, _gaussian_mixture

    import foldstat

    sklearn.mixture.GaussianMixture = foldstat.GaussianMixture
    _gaussian_mixture.GaussianMixture = foldstat.GaussianMixture
    sklearn.mixture.BayesianGaussianMixture = foldstat.BayesianGaussianMixture
    _bayesian_mixture.BayesianGaussianMixture = foldstat.BayesianGaussianMixture
    for function in (
        _compute_precision_cholesky,
        _estimate_gaussian_parameters,
        _estimate_log_gaussian_prob,
    ):
        setattr(_gaussian_mixture, function.__name__, function)
    config.pluginmanager.register(Swap(os.environ["FOLDSTAT_COMPAT_REPORT"]), "foldstat-swap")
