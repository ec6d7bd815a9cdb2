"""Whether what numba compiled is the function that it was given."""

from __future__ import annotations

import importlib
import math
import sys
import types
import warnings
from collections.abc import Iterator

import numpy as np

from foldstat._core import DensityStatusError, WalkerDensity
from foldstat._signals import let_through
from foldstat.walkers.density._contents import NotCompilableError
from foldstat.walkers.density._limit import TooLongError
from foldstat.walkers.density._points import Points
from foldstat.walkers.density._trials import Call, Trials

_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-12  # of a logarithm: near zero its digits are cancelled away


def compare(density: WalkerDensity, trials: Trials, call: Call, *, log: bool) -> None:
    """Warn and refuse if a compiled function is not the original.

    Only where the density is positive, or the original raises, does it matter what compiled code gives: where the
    density is zero or not a number no walker goes, and how that comes about may differ.

    Parameters
    ----------
    density : WalkerDensity
        The compiled function.
    trials : Trials
        The original, and where to try.
    call : {"coordinates", "point"}
        How the original is called.
    log : bool
        Whether it gives logarithms.

    Raises
    ------
    NotCompilableError
        If they differ; then with a RuntimeWarning as well.
    """
    for point in _points(trials):
        expected = trials.outcome(call, point)
        if isinstance(expected, TooLongError):
            raise NotCompilableError("one call takes too long to compare it with its compiled form")
        if log and isinstance(expected, (bool, np.bool_)):
            raise NotCompilableError("it gives True or False, which is no logarithm")
        if not isinstance(expected, Exception):
            value = trials.number(call, point)
            if value is None or not math.isfinite(value) or (not log and value <= 0):
                continue
            expected = value
        found = _evaluated(density, point)
        if not _agree(expected, found, _ABSOLUTE_TOLERANCE if log else 0.0):
            where = np.array2string(point, separator=", ", threshold=10)
            message = (
                f"at {where} density gives {_in_words(expected)}, but compiled by numba {_in_words(found)}; it is "
                'called as a Python function instead (where="python" does so without this warning)'
            )
            warnings.warn(message, RuntimeWarning, stacklevel=_level_of_caller())
            raise NotCompilableError("numba: compiled, it gives other values")


def _points(trials: Trials) -> Iterator[Points]:
    """Give points to compare at, not many of what is slow."""
    for points in (trials.places.near(), trials.places.far()):
        for point in points:
            yield point
            if trials.is_slow:
                return


def _evaluated(density: WalkerDensity, point: Points) -> float | Exception:
    value = np.empty(1)
    try:
        density.evaluate(point[np.newaxis], value, 1)
    except Exception as error:
        let_through(error)
        return error
    return float(value[0])


def _agree(expected: float | Exception, found: float | Exception, tolerance: float) -> bool:
    if isinstance(expected, Exception):
        # An infinity or NaN is noticed by walkers, or is no place to go to.
        return isinstance(found, Exception) or not math.isfinite(found)
    if isinstance(found, Exception):
        return False
    return math.isclose(expected, found, rel_tol=_RELATIVE_TOLERANCE, abs_tol=tolerance)


def _level_of_caller() -> int:
    """Find how far up the call stack, counted as `warnings.warn` does, the first function outside of foldstat is."""
    package = importlib.import_module("foldstat").__path__[0]
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level


def _in_words(outcome: float | Exception) -> str:
    if isinstance(outcome, DensityStatusError):
        return "an exception"
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else repr(outcome)
