"""Whether what numba compiled is the function that it was given."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from foldstat._common.callers import level_of_caller
from foldstat._common.signals import let_through
from foldstat._core import DensityStatusError, WalkerDensity
from foldstat.walkers.density._contents import NotCompilableError
from foldstat.walkers.density._limit import TooLongError, outcome
from foldstat.walkers.density._number import real_number
from foldstat.walkers.density._points import Points
from foldstat.walkers.density._trials import LONGEST, PATIENCE, Call, Trials
from foldstat.walkers.density._understood import Understood

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
            warnings.warn(message, RuntimeWarning, stacklevel=level_of_caller())
            raise NotCompilableError("numba: compiled, it gives other values")


def compare_at(known: Understood, points: Points, *, log: bool) -> None:
    """Refuse a compiled function that is not the original where walkers have come to.

    Raises
    ------
    ValueError
        If they differ at one of the points.
    """
    if known.call_original is None:
        return
    for point in points:
        begun = time.monotonic()
        expected = _number(known.call_original, point)
        found = _evaluated(known.compiled, point)
        if expected is not None and not _agree(expected, found, _ABSOLUTE_TOLERANCE if log else 0.0):
            where = np.array2string(point, separator=", ", threshold=10)
            raise ValueError(
                f"density gives {_in_words(expected)} at {where}, where a walker is, but compiled by numba "
                f'{_in_words(found)}: the draws are not those of the density; where="python" calls it as it is'
            )
        if time.monotonic() - begun > PATIENCE:
            return


def _number(original: Callable[[Points], Any], point: Points) -> float | Exception | None:
    """Give what a function gives at a point where the density is positive, or raises; None if that says nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = outcome(lambda: original(point), LONGEST)
    if isinstance(value, TooLongError):
        return None
    if isinstance(value, Exception):
        return value
    number = real_number(value)
    return number if number is not None and math.isfinite(number) else None


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


def _in_words(outcome: float | Exception) -> str:
    if isinstance(outcome, DensityStatusError):
        return "an exception"
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else repr(outcome)
