"""The functions of SciPy that densities are most often written with, for compiled code."""

from __future__ import annotations

import functools
import importlib
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def _norm_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    z = (x - loc) / scale
    return -0.5 * z * z - np.log(scale) - _HALF_LOG_TWO_PI


def _norm_pdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    z = (x - loc) / scale
    # The logarithm of a negative scale is NaN, as SciPy has it.
    return np.exp(-0.5 * z * z - np.log(scale) - _HALF_LOG_TWO_PI)


def _expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _logit(x: Any) -> Any:
    return np.log(x / (1.0 - x))


def _logsumexp(a: Any) -> Any:
    largest = np.max(a)
    if not np.isfinite(largest):
        return largest
    return largest + np.log(np.sum(np.exp(a - largest)))


@functools.cache
def _norm() -> dict[str, Callable[..., Any]]:
    njit = importlib.import_module("numba").njit(error_model="numpy")
    return {"logpdf": njit(_norm_logpdf), "pdf": njit(_norm_pdf)}


@functools.cache
def _special() -> dict[str, Callable[..., Any]]:
    numba: Any = importlib.import_module("numba")
    njit, each = numba.njit(error_model="numpy"), numba.vectorize(["float64(float64)"])

    def of_math(function: Any) -> Any:
        return each(lambda x: function(x))

    made = {"gammaln": of_math(math.lgamma), "erf": of_math(math.erf), "erfc": of_math(math.erfc)}
    return made | {"expit": njit(_expit), "logit": njit(_logit), "logsumexp": njit(_logsumexp)}


def stand_in_of_scipy(value: Any) -> Any:
    """Give what stands in for a function of SciPy, or for its normal distribution.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    dict of callables, callable or None
        Functions for compiled code by name, or the one; None for anything else.

    Examples
    --------
    >>> stand_in_of_scipy(abs) is None
    True
    """
    norm = getattr(sys.modules.get("scipy.stats"), "norm", None)
    if norm is not None and value is norm:
        return _norm()
    if norm is not None and isinstance(value, types.MethodType) and value.__self__ is norm:
        return _norm().get(value.__name__)
    special = sys.modules.get("scipy.special")
    name = str(getattr(value, "__name__", ""))
    is_special = special is not None and callable(value) and vars(special).get(name) is value
    return _special().get(name) if is_special else None
