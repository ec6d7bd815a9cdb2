"""Gaussian mixtures: the estimator, and its kernels as plain functions on arrays."""

from typing import TYPE_CHECKING

from foldstat._common.lazy import lazily
from foldstat._core import MixtureStatistics

if TYPE_CHECKING:
    from foldstat.mixture._bayesian_gaussian_mixture import BayesianGaussianMixture
    from foldstat.mixture._em import MixtureFit, em
    from foldstat.mixture._functions import (
        MixtureParameters,
        block_rows,
        expectation,
        log_prob,
        maximization,
        statistics,
    )
    from foldstat.mixture._gaussian_mixture import GaussianMixture
    from foldstat.mixture._reading._information import Estimate
    from foldstat.mixture._reading._merging import Merging
    from foldstat.mixture._reading._modes import Modes
    from foldstat.mixture._reading._shape import Contour
    from foldstat.mixture._select import select
    from foldstat.mixture._selection import Candidate, Selection

__all__ = [
    "BayesianGaussianMixture",
    "Candidate",
    "Contour",
    "Estimate",
    "GaussianMixture",
    "Merging",
    "MixtureFit",
    "MixtureParameters",
    "MixtureStatistics",
    "Modes",
    "Selection",
    "block_rows",
    "em",
    "expectation",
    "log_prob",
    "maximization",
    "select",
    "statistics",
]

# The estimator is one of scikit-learn's, which takes a second to load: not for those who check a mixture only.
_HOMES = {
    "BayesianGaussianMixture": "_bayesian_gaussian_mixture",
    "Candidate": "_selection",
    "Contour": "_reading._shape",
    "Estimate": "_reading._information",
    "GaussianMixture": "_gaussian_mixture",
    "Merging": "_reading._merging",
    "MixtureFit": "_em",
    "MixtureParameters": "_functions",
    "Modes": "_reading._modes",
    "Selection": "_selection",
    "block_rows": "_functions",
    "em": "_em",
    "expectation": "_functions",
    "log_prob": "_functions",
    "maximization": "_functions",
    "select": "_select",
    "statistics": "_functions",
}
__getattr__, __dir__ = lazily(__name__, {name: f"{__name__}.{home}" for name, home in _HOMES.items()}, __all__)
