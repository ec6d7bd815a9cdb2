"""Whether a callable takes an array of points, and gives for it what it gives point by point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat.walkers.density._points import Points
from foldstat.walkers.density._trials import Trials

_RELATIVE_TOLERANCE = 1e-12
_FEW = 3  # points are enough for what is slow


def is_vectorised(trials: Trials) -> bool:
    """Tell whether a callable gives for an array of points what it gives point by point.

    Parameters
    ----------
    trials : Trials
        What is tried, and where.

    Returns
    -------
    bool
        True if the values are equal, infinite ones and NaN among them, and also if it takes no single
        points at all.

    Examples
    --------
    >>> import numpy as np
    >>> is_vectorised(Trials(lambda p: -(p**2).sum(axis=-1), (), np.zeros((4, 2)), None))
    True
    >>> is_vectorised(Trials(lambda p: -p[0] * p[1], (), np.zeros((4, 2)), None))
    False
    """
    near = trials.places.near()
    takes_single = trials.number("point", near[0]) is not None
    if trials.is_slow:
        near = near[: _FEW + (trials.n_dims == _FEW)]
        return _gives(trials, near, {0: trials.number("point", near[0])} if takes_single else {})
    together = trials.array("points", near)
    if together is None or together.shape != (len(near),):
        return False
    singles = {i: trials.number("point", row) for i, row in enumerate(near)}
    if all(value is None for value in singles.values()):
        ones = [trials.array("points", row[np.newaxis]) for row in near]
        return all(value is not None and value.shape == (1,) for value in ones)
    return _gives(trials, near, singles) and _gives_when_mixed(trials)


def is_elementwise(trials: Trials) -> bool:
    """Tell whether a function of one number gives, for a column of them, a column of what it gives for each.

    Parameters
    ----------
    trials : Trials
        What is tried, and where: in one dimension.

    Returns
    -------
    bool
        True if it may be called with an array of shape (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> is_elementwise(Trials(np.cos, (), np.zeros((4, 1)), None))
    True
    >>> import math
    >>> is_elementwise(Trials(math.cos, (), np.zeros((4, 1)), None))
    False
    """
    column = np.concatenate([trials.places.near(), trials.places.far()])
    together = trials.array("points", column)
    if together is None or together.shape != column.shape:
        return False
    singles = {i: trials.number("coordinates", row) for i, row in enumerate(column) if not (i and trials.is_slow)}
    return _same(together[:, 0], singles)


def _gives(trials: Trials, points: Points, singles: dict[int, float | None]) -> bool:
    """Whether the array of points gives these values, by the number of the point."""
    together = trials.array("points", points)
    return together is not None and together.shape == (len(points),) and _same(together, singles)


def _gives_when_mixed(trials: Trials) -> bool:
    """Whether points do not depend on which other points they come with.

    A function of one point that asks ``np.any(point < 0)`` may well take an array of points, and
    refuse all of them for one.
    """
    points = np.concatenate([trials.places.some(), trials.places.far()])
    singles = [trials.number("point", row) for row in points]
    # Where a single point raises, so may the array: that says nothing.
    kept = [i for i, value in enumerate(singles) if value is not None]
    return _gives(trials, points[kept], {i: singles[k] for i, k in enumerate(kept)})


def _same(together: NDArray[Any], singles: dict[int, float | None]) -> bool:
    if any(value is None for value in singles.values()):
        return False
    expected = np.array(list(singles.values()), dtype=np.float64)
    tolerance = tolerance_for(together, _RELATIVE_TOLERANCE)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    found = together[list(singles)].real.astype(np.float64)
    return bool(np.isclose(found, expected, rtol=tolerance, atol=tolerance * largest, equal_nan=True).all())


def tolerance_for(values: NDArray[Any], least: float) -> float:
    """Give the relative difference at which values of this precision are still the same."""
    return max(least, 1e3 * float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 0.0)
