"""Metropolis-Hastings walkers on every core, over the density the user already has.

`sample` lets walkers explore a density and gives a `Run`: draws, diagnostics, pictures, and a way to go on.
How walkers move is a value such as ``UniformStep(0.1)``. `densities` has densities to try things out with.
"""

from foldstat._common.lazy import only
from foldstat._common.random import split
from foldstat._core import DensityStatusError
from foldstat.walkers import densities
from foldstat.walkers._moves import (
    AdaptiveStep,
    ComponentwiseStep,
    DifferentialEvolution,
    Gibbs,
    IndependentStep,
    Mix,
    Move,
    NormalStep,
    PooledStep,
    PythonMove,
    Slice,
    Snooker,
    Stretch,
    UniformStep,
)
from foldstat.walkers._sample import sample
from foldstat.walkers.run._converged import NotConvergedWarning
from foldstat.walkers.run._histogram import Histogram
from foldstat.walkers.run._moments import Moments
from foldstat.walkers.run._run import Run, load
from foldstat.walkers.run._settings import NotKeptError
from foldstat.walkers.run._table import SummaryTable

__all__ = [
    "AdaptiveStep",
    "ComponentwiseStep",
    "DensityStatusError",
    "DifferentialEvolution",
    "Gibbs",
    "Histogram",
    "IndependentStep",
    "Mix",
    "Moments",
    "Move",
    "NormalStep",
    "NotConvergedWarning",
    "NotKeptError",
    "PooledStep",
    "PythonMove",
    "Run",
    "Slice",
    "Snooker",
    "Stretch",
    "SummaryTable",
    "UniformStep",
    "densities",
    "load",
    "sample",
    "split",
]

__dir__ = only(__all__)
