"""Callables that were found to take all points at once, checked on the way."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foldstat.walkers.density._limit import TooLongError, outcome
from foldstat.walkers.density._number import real_number
from foldstat.walkers.density._trials import LONGEST
from foldstat.walkers.density._vectorised import tolerance_for

_TOLERANCE = 1e-6  # of what is added up in another order
_FEW = 8


class Watched:
    """A vectorised callable; at a few of its calls, ever fewer, it is compared with itself for one point.

    That an array of points gives what points give one by one was found out near the starts. A function of one point
    that asks ``if np.any(point < 0)`` may have kept it up there, and would refuse all walkers for one.

    Parameters
    ----------
    function : callable
        Called with points and `args`.
    args : tuple
        What it is passed after the points.
    call : {"point", "coordinates"}
        How it is called for one point: with an array, or with a number.
    """

    def __init__(self, function: Any, args: tuple[Any, ...], call: Literal["point", "coordinates"]) -> None:
        self._function, self._args, self._call = function, args, call
        self._calls = self._empty = 0
        self._takes_single = True

    def __call__(self, points: NDArray[np.float64], *args: Any) -> Any:
        """Give the values at all points."""
        before = points.copy()
        found = self._function(points, *args)
        self._calls += 1
        values = np.asarray(found)
        if values.shape[:1] != before.shape[:1] or values.dtype.kind not in "biuf" or len(before) == 1:
            return found
        values = values.reshape(len(before), -1)[:, 0]
        if self._takes_single and _is_power_of_two(self._calls):
            self._compare(before, values, [self._calls % len(before)])
        # Points that are all refused may have been refused for one of them.
        if self._takes_single and not (values > -np.inf).any():
            self._empty += 1
            if _is_power_of_two(self._empty):
                self._compare(before, values, np.linspace(0, len(before) - 1, _FEW).astype(int).tolist())
        return found

    def _compare(self, points: NDArray[np.float64], values: NDArray[Any], rows: list[int]) -> None:
        tolerance = tolerance_for(values, _TOLERANCE)
        largest = np.abs(values[np.isfinite(values)], dtype=np.float64).max(initial=0.0)
        for row in rows:
            alone = self._alone(points[row])
            if alone is None:
                return
            if not np.isclose(alone, float(values[row]), rtol=tolerance, atol=tolerance * largest, equal_nan=True):
                where = np.array2string(points[row], separator=", ", threshold=20)
                raise TypeError(
                    f"density gives {float(values[row])!r} at {where} among {len(points)} points, and {alone!r} for "
                    'that point alone: call="point" calls it with one point at a time, call="points" is content'
                )

    def _alone(self, point: NDArray[np.float64]) -> float | None:
        """Give the value of one point; None where it does not take one, or says nothing there."""
        argument = point.copy() if self._call == "point" else float(point[0])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = outcome(lambda: self._function(argument, *self._args), LONGEST)
        if isinstance(found, (BaseException, str)):
            self._takes_single = not isinstance(found, (TypeError, IndexError, TooLongError))
            return None
        return real_number(found)


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0
