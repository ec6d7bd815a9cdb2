"""Gaussian mixtures on every core: scikit-learn's interface over a compiled fold.

`GaussianMixture` takes the place of scikit-learn's class of that name. `foldstat.mixture` has its
kernels as functions on arrays, `foldstat.cells` the functions of the parallel-Python notebook.
"""

import importlib
from types import ModuleType

from foldstat import _core, mixture
from foldstat._core import MixtureStatistics
from foldstat._validation import threads
from foldstat.mixture import GaussianMixture

__version__ = _core.__version__

__all__ = [
    "GaussianMixture",
    "MixtureStatistics",
    "__version__",
    "mixture",
    "threads",
]

_LAZY = ("cells", "plot")  # loaded when they are first asked for


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"foldstat.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
