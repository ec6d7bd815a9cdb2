"""Gaussian mixtures: the estimator, and its kernels as plain functions on arrays."""

from typing import TYPE_CHECKING

from foldstat._common.lazy import lazily
from foldstat._core import MixtureStatistics

if TYPE_CHECKING:
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

__all__ = [
    "GaussianMixture",
    "MixtureFit",
    "MixtureParameters",
    "MixtureStatistics",
    "block_rows",
    "em",
    "expectation",
    "log_prob",
    "maximization",
    "statistics",
]

# The estimator is one of scikit-learn's, which takes a second to load: not for those who check a mixture only.
_HOMES = {
    "GaussianMixture": "_gaussian_mixture",
    "MixtureFit": "_em",
    "MixtureParameters": "_functions",
    "block_rows": "_functions",
    "em": "_em",
    "expectation": "_functions",
    "log_prob": "_functions",
    "maximization": "_functions",
    "statistics": "_functions",
}
__getattr__, __dir__ = lazily(__name__, {name: f"{__name__}.{home}" for name, home in _HOMES.items()}, __all__)
