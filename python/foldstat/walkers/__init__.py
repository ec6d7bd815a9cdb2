"""Metropolis-Hastings walkers on every core, over the density the user already has.

`sample` lets walkers explore a density and gives a `Run`: draws, diagnostics, pictures, and a way to go on.
How walkers move is a value such as ``UniformStep(0.1)``. `densities` has densities to try things out with.

On a cluster, ``sample(..., executor=)`` lets the workers of dask, ipyparallel, loky or `concurrent.futures` walk. Or
every engine runs a range of the walkers, and `Run.join` puts them together; most moves give the same bits either way:

>>> from foldstat import walkers as w
>>> def engine(walkers):
...     move = w.AdaptiveStep()
...     return w.sample(w.densities.Banana(), [0.0, 0.0], 500, move=move, n_walkers=32, rng=0, walkers=walkers)
>>> run = w.Run.join(engine(range(first, first + 8)) for first in range(0, 32, 8))
>>> run.draws.shape
(32, 500, 2)
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
