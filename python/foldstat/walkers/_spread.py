"""How far apart walkers start: widths in the units of each coordinate, and starts that span the space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats
from foldstat._common.random import spread_generator
from foldstat.walkers._start import directions

LogDensity = Callable[[Floats], Floats]

_FALL = 1.0  # of the log-density, within which a point is near
_FACTOR = 4.0  # from one distance that is tried to the next
_TRIES = 20  # in each direction: 12 powers of ten
_FIRST = 1e-2  # of a coordinate, the distance that is tried first
_APART = 0.01  # how far walkers are set apart, in widths of starts that differ
_APART_FROM_ONE = 0.1  # and in widths of the density
_HALVINGS = 60  # of the distance from a start to a point beside it that must have a density


def widths_of(starts: Floats, log_density: LogDensity) -> tuple[Floats, Floats]:
    """Give the width of the starts in each dimension, and how far walkers there may be set apart.

    Where all of them agree, the width is that of the density: as far as one may go along the
    coordinate until the log-density has fallen by 1.
    """
    halves = starts / 2  # the difference of two finite numbers may overflow, that of their halves does not
    spread = np.abs(halves - halves[0]).max(axis=0)
    widths = 2 * spread * np.std((halves - halves[0]) / np.where(spread > 0, spread, 1), axis=0)
    apart = _APART * widths
    equal = np.flatnonzero(widths == 0)
    if equal.size:
        widths[equal] = _reach(starts[0], equal, log_density)
        apart[equal] = _APART_FROM_ONE * widths[equal]
    return widths, apart


def _reach(point: Floats, dims: NDArray[np.intp], log_density: LogDensity) -> Floats:
    """Find how far one may go along some coordinates, within a factor of 4."""
    least = log_density(point[np.newaxis])[0] - _FALL
    sizes = np.abs(point[dims])
    reach: Floats = np.where(sizes > 0, _FIRST * sizes, 1.0)
    growing = _beside(point, dims, reach, log_density) >= least
    left = np.arange(dims.size)
    for _ in range(_TRIES):
        if not left.size:
            break
        grows = growing[left]
        tried = reach[left] * np.where(grows, _FACTOR, 1 / _FACTOR)
        near = _beside(point, dims[left], tried, log_density) >= least
        # What grows ends before it is too far, what shrinks once it is near.
        reach[left] = np.where(grows & ~near, reach[left], tried)
        left = left[near == grows]
    return reach


def _beside(point: Floats, dims: NDArray[np.intp], distances: Floats, log_density: LogDensity) -> Floats:
    """Evaluate at a distance on both sides along each coordinate, and give the larger value."""
    steps = np.zeros((dims.size, point.size))
    steps[np.arange(dims.size), dims] = distances
    values: Floats = log_density(np.concatenate([point + steps, point - steps])).reshape(2, -1).max(axis=0)
    return values


def spanning(starts: Floats, apart: Floats, key: bytes, log_density: LogDensity) -> Floats:
    """Set walkers apart that start at the same point, or all of them if they lie in a plane."""
    n_walkers, n_dims = starts.shape
    _, first = np.unique(starts, axis=0, return_index=True)
    moved = np.ones(n_walkers, dtype=bool)
    if directions(starts) == n_dims:
        moved[first] = False
    if not moved.any():
        return starts
    offsets = apart * spread_generator(key).standard_normal(starts.shape)
    points = np.where(moved[:, np.newaxis], starts + offsets, starts)
    for _ in range(_HALVINGS):
        lost = np.flatnonzero(moved)[np.isneginf(log_density(points[moved]))]
        if not lost.size:
            return points
        offsets[lost] /= 2
        points[lost] = starts[lost] + offsets[lost]
    points[lost] = starts[lost]
    return points
