"""The user's callable, tried at a few points: each call has a time limit, and what it gave is kept."""

from __future__ import annotations

import time
import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foldstat.walkers.density._limit import outcome
from foldstat.walkers.density._points import Places, Points

Call = Literal["coordinates", "point", "points"]

LONGEST = 10.0  # seconds for a first call
_LONGEST_BATCH = 1.0  # and for an array of points, if single ones take no time
PATIENCE = 0.05  # seconds of calls after which nothing is tried that is not needed


class Trials:
    """Calls of a function before the first step.

    Parameters
    ----------
    function : callable
        What is called.
    args : tuple
        What it is passed after the point.
    starts, bounds : ndarray
        Where walkers start, shape (n, n_dims), and how far they go, shape (n_dims, 2) or None.
    """

    def __init__(self, function: Any, args: tuple[Any, ...], starts: Points, bounds: Points | None) -> None:
        # A Python function can be stopped, what numba made of it cannot.
        self._function = getattr(function, "py_func", function)
        self._args = args
        self._known: dict[tuple[Call, bytes], Any] = {}
        self._spent = 0.0
        self._longest = 0.0
        self.places = Places(starts, bounds)
        self.n_dims = starts.shape[1]

    @property
    def is_slow(self) -> bool:
        """Whether the calls so far took long enough to do without those that are not needed."""
        return self._spent > PATIENCE

    def outcome(self, call: Call, points: Points) -> Any:
        """Return what the function gives for a point, or for an array of points, or what it raises."""
        key = call, points.tobytes()
        if key not in self._known:
            limit = LONGEST if call != "points" else max(_LONGEST_BATCH, 4 * len(points) * self._longest)
            arguments = points.tolist() if call == "coordinates" else [points.copy()]
            begin = time.perf_counter()
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                self._known[key] = outcome(lambda: self._function(*arguments, *self._args), limit)
            took = time.perf_counter() - begin
            self._spent += took
            if call != "points":
                self._longest = max(self._longest, took)
        return self._known[key]

    def array(self, call: Call, points: Points) -> NDArray[Any] | None:
        """Return what the function gives, if these are numbers."""
        found = self.outcome(call, points)
        if found is None or isinstance(found, (BaseException, str)):
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # of nested lists of different lengths
                array = np.asarray(found)
        except Exception:
            return None
        return array if array.dtype.kind in "biufc" else None

    def number(self, call: Call, point: Points) -> float | None:
        """Return what the function gives for one point, if that is a real number."""
        array = self.array(call, point)
        if array is None or array.dtype.kind == "c" or (array.ndim and not (self.n_dims == 1 == array.size)):
            return None
        return float(array.reshape(-1)[0])
