"""Where a density is tried: inside of the bounds, and within a few spreads of the starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_TRIED = 6
_NEAR = 0.2
_FAR = (1.0, 3.0)  # so many spreads


class Places:
    """Points around the starts.

    Parameters
    ----------
    starts : ndarray of shape (n, n_dims)
        Where walkers start.
    bounds : ndarray of shape (n_dims, 2) or None
        How far they may go.
    """

    def __init__(self, starts: Points, bounds: Points | None) -> None:
        n_dims = starts.shape[1]
        self._starts = starts
        self._low: Points = np.full(n_dims, -np.inf) if bounds is None else bounds[:, 0]
        self._high: Points = np.full(n_dims, np.inf) if bounds is None else bounds[:, 1]
        with np.errstate(over="ignore"):
            spread = starts.max(axis=0) - starts.min(axis=0)
        # Where all start at one place, its distance from zero is all there is to go by.
        size = np.abs(starts[0])
        self._spread = np.where(spread > 0, spread, np.where(size > 0, size, 1.0))

    def some(self) -> Points:
        """Take a few of the starts."""
        chosen: Points = self._starts[np.unique(np.linspace(0, len(self._starts) - 1, _TRIED).astype(int))]
        return chosen

    def near(self) -> Points:
        """Take some starts, then as many points near to them: not as many as dimensions, and different ones.

        A function of one point may take the array of points for that, and gives as many values as there are dimensions.
        """
        some: Points = self.some()
        if 2 * len(some) == some.shape[1]:
            some = np.concatenate([some, some[:1]])
        # The multiples of the golden ratio modulo 1 are spread evenly, and no coordinate is like another.
        steps: Points = np.arange(1.0, some.size + 1).reshape(some.shape) * 0.6180339887498949 % 1 - 0.5
        return np.concatenate([some, self._inside(some, steps, _NEAR)])

    def far(self) -> Points:
        """Take points to either side of the first start, in every other coordinate, in all, and on a diagonal."""
        first = self._starts[0]
        every_other = np.arange(len(first)) % 2
        signs = np.where(np.arange(len(first)) % 3 == 2, -1.0, 1.0)
        ways = [1 - every_other, every_other, np.ones_like(every_other), signs]
        steps = [sign * way for way in ways if np.any(way) for sign in (1.0, -1.0)]
        return np.concatenate([self._inside(first, np.array(steps), factor) for factor in _FAR])

    def _inside(self, points: Points, steps: Points, factor: float) -> Points:
        """Move points by so many spreads; where that leaves the bounds, only a part of the way to the bound."""
        with np.errstate(over="ignore", invalid="ignore"):
            moved = points + factor * steps * self._spread
            moved = np.where(moved <= self._low, points - (points - self._low) * factor / (1 + factor), moved)
            moved = np.where(moved >= self._high, points + (self._high - points) * factor / (1 + factor), moved)
        return np.where(np.isfinite(moved), moved, points)
