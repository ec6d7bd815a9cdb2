"""Mixtures and summaries on every core: folds over data whose parts merge.

`GaussianMixture` takes the place of scikit-learn's class of that name. `foldstat.mixture` has its
kernels as functions on arrays, `foldstat.cells` the functions of the parallel-Python notebook.

`Summary` reduces numbers exactly, so that parts merge to the same bits in any order; `summarize`
and `describe` make summaries of columns, rows and groups, and `map_reduce` merges them from threads,
processes and clusters.

`foldstat.walkers` samples from densities by Metropolis and Hastings, `split` makes independent keys for its
random numbers, and `foldstat.diagnostics` tells how far draws of Markov chains can be trusted.
"""

import importlib
from typing import TYPE_CHECKING, Any

from foldstat import _core, mixture
from foldstat._core import MixtureStatistics
from foldstat._validation import threads
from foldstat.distributed import map_reduce
from foldstat.mixture import GaussianMixture
from foldstat.summary import GroupedSummary, JointSummary, Summaries, Summary, describe, summarize

if TYPE_CHECKING:
    from foldstat import diagnostics, walkers
    from foldstat.walkers import split

__version__ = _core.__version__

__all__ = [
    "GaussianMixture",
    "GroupedSummary",
    "JointSummary",
    "MixtureStatistics",
    "Summaries",
    "Summary",
    "__version__",
    "describe",
    "diagnostics",
    "map_reduce",
    "mixture",
    "split",
    "summarize",
    "threads",
    "walkers",
]

# Loaded when they are first asked for. The last two are there from the beginning, unless Ctrl-C came between them and
# the end of the import: the second import finds them loaded, and does not make them attributes again.
_LAZY = ("cells", "diagnostics", "plot", "walkers", "distributed", "summary")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"foldstat.{name}")
    if name == "split":
        return importlib.import_module("foldstat.walkers").split
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "split"})
