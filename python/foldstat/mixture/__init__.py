"""Gaussian mixtures: the estimator, and its kernels as plain functions on arrays."""

from foldstat._core import MixtureStatistics
from foldstat.mixture._em import MixtureFit, em
from foldstat.mixture._functions import (
    MixtureParameters,
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
    "em",
    "expectation",
    "log_prob",
    "maximization",
    "statistics",
]
