"""Mixtures and summaries on every core: folds over data whose parts merge.

`GaussianMixture` takes the place of scikit-learn's class of that name. `foldstat.mixture` has its
kernels as functions on arrays, `foldstat.cells` the functions of the parallel-Python notebook.

`Summary` reduces numbers exactly, so that parts merge to the same bits in any order; `summarize`
and `describe` make summaries of columns, rows and groups, and `map_reduce` merges them from threads,
processes and clusters.

`foldstat.walkers` samples from densities by Metropolis and Hastings, `split` makes independent keys for its
random numbers, and `foldstat.diagnostics` tells how far draws of Markov chains can be trusted.
"""

from typing import TYPE_CHECKING

from foldstat import _core
from foldstat._common.lazy import lazily
from foldstat._common.threads import threads
from foldstat._core import MixtureStatistics
from foldstat.distributed import map_reduce
from foldstat.summary import GroupedSummary, JointSummary, Summaries, Summary, describe, summarize

if TYPE_CHECKING:
    from foldstat import diagnostics, mixture, walkers
    from foldstat._common.random import split
    from foldstat.mixture import GaussianMixture

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

# Whoever sums or walks does not wait for scikit-learn, which the estimator needs. The last two rooms are there from the
# beginning, unless Ctrl-C came between them and the end of the import: the second import finds them loaded, and does
# not make them attributes again.
_ROOMS = ("cells", "diagnostics", "mixture", "plot", "walkers", "distributed", "summary")
_HOMES = {
    **{room: f"foldstat.{room}" for room in _ROOMS},
    "GaussianMixture": "foldstat.mixture",
    "split": "foldstat._common.random",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, {*__all__, *_ROOMS})
