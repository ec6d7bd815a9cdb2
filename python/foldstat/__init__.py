"""Mixtures and summaries on every core: folds over data whose parts merge.

`GaussianMixture` and `BayesianGaussianMixture` take the places of scikit-learn's classes of these names,
and `select` compares mixtures of many sizes and families. `foldstat.mixture` has their kernels as functions
on arrays, `foldstat.cells` the functions of the parallel-Python notebook.

`Summary` reduces numbers exactly, so that parts merge to the same bits in any order; `summarize`
and `describe` make summaries of columns, rows and groups, and `map_reduce` merges them from threads,
processes and clusters. `SummaryWindow` slides over a stream, `jackknife` leaves out part after part.

`foldstat.sources` opens what is larger than the memory: files, queries, functions that give chunk after chunk;
`sample_rows` draws some rows of them.

`foldstat.walkers` samples from densities by Metropolis and Hastings, `split` makes independent keys for its
random numbers, and `foldstat.diagnostics` tells how far draws of Markov chains can be trusted.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foldstat import cells as cells
    from foldstat import diagnostics, mixture, walkers
    from foldstat import distributed as distributed
    from foldstat import plot as plot
    from foldstat import sources as sources
    from foldstat import summary as summary
    from foldstat._common.random import split
    from foldstat._common.threads import threads
    from foldstat._core import MixtureStatistics
    from foldstat.distributed import map_reduce
    from foldstat.mixture import BayesianGaussianMixture, GaussianMixture, select
    from foldstat.sources import sample_rows
    from foldstat.summary import (
        GroupedSummary,
        JointSummary,
        Summaries,
        Summary,
        SummaryWindow,
        describe,
        jackknife,
        summarize,
    )

__all__ = [
    "BayesianGaussianMixture",
    "GaussianMixture",
    "GroupedSummary",
    "JointSummary",
    "MixtureStatistics",
    "Summaries",
    "Summary",
    "SummaryWindow",
    "__version__",
    "describe",
    "diagnostics",
    "jackknife",
    "map_reduce",
    "mixture",
    "sample_rows",
    "select",
    "split",
    "summarize",
    "threads",
    "walkers",
]

# Everything is loaded when it is first asked for: whoever sums or walks does not wait for scikit-learn, which the
# estimator needs. And nothing of the package is imported here but the compiled module, which imports none of it: a room
# that another thread imports meanwhile finds the package half made, and neither may wait for the other.
_ROOMS = ("cells", "diagnostics", "distributed", "mixture", "plot", "sources", "summary", "walkers")
_HOMES = {
    **{room: f"foldstat.{room}" for room in _ROOMS},
    **dict.fromkeys(
        (
            "GroupedSummary",
            "JointSummary",
            "Summaries",
            "Summary",
            "SummaryWindow",
            "describe",
            "jackknife",
            "summarize",
        ),
        "foldstat.summary",
    ),
    **dict.fromkeys(("BayesianGaussianMixture", "GaussianMixture", "select"), "foldstat.mixture"),
    "MixtureStatistics": "foldstat._core",
    "map_reduce": "foldstat.distributed",
    "sample_rows": "foldstat.sources",
    "split": "foldstat._common.random",
    "threads": "foldstat._common.threads",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    value = module if name in _ROOMS else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})


from foldstat import _core  # noqa: E402 - others may come to the package from here on

__version__ = _core.__version__
