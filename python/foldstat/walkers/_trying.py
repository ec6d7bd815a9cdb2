"""What a callable of one parameter takes, found out by trying."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._signals import let_through

_TRIED = 6
_FAR = (1.0, 10.0, 100.0)  # so many times its own size is a point moved away
_RELATIVE_TOLERANCE = 1e-12


def is_vectorised(density: Any, starts: NDArray[np.float64], args: tuple[Any, ...]) -> bool:
    """Tell whether a callable gives for an array of points what it gives point by point.

    Parameters
    ----------
    density : callable
        What is tried.
    starts : ndarray of shape (n, n_dims)
        Where: at some of these, near to them and far from them.
    args : tuple
        What it is passed after the points.

    Returns
    -------
    bool
        True if the values are equal, infinite ones and NaN among them, and also if it takes no single
        points at all.

    Examples
    --------
    >>> import numpy as np
    >>> is_vectorised(lambda p: -(p**2).sum(axis=-1), np.zeros((4, 2)), ())
    True
    >>> is_vectorised(lambda p: -p[0] * p[1], np.zeros((4, 2)), ())
    False
    """
    near = _points_to_try(starts)
    with _quiet():
        together = _numbers(density, near, args)
        if together is None or together.shape != (len(near),):
            return False
        apart = [_numbers(density, row, args) for row in near]
        if not any(value is not None and value.shape == () for value in apart):
            ones = [_numbers(density, row[np.newaxis], args) for row in near]
            return all(value is not None and value.shape == (1,) for value in ones)
        return _same(together, apart) and _same_when_mixed(density, starts, args)


def wants_array(density: Any, point: NDArray[np.float64], args: tuple[Any, ...]) -> bool:
    """Tell whether a callable takes an array for a point, and not its coordinates.

    Parameters
    ----------
    density : callable
        What may be called with the coordinates of a point, going by its parameters.
    point : ndarray of shape (n_dims,)
        Where it is tried.
    args : tuple
        What it is passed after the coordinates.

    Returns
    -------
    bool
        True if it does not accept floats and gives a number for an array.

    Examples
    --------
    >>> import numpy as np
    >>> wants_array(lambda p: -p[0], np.zeros(1), ()), wants_array(lambda x: -x, np.zeros(1), ())
    (True, False)
    """
    with _quiet():
        try:
            density(*point.tolist(), *args)
        except Exception as error:
            let_through(error)
            if not isinstance(error, (TypeError, IndexError, AttributeError)):
                return False  # it takes floats, but not these: the same will come out when it is called
            value = _numbers(density, point, args)
            return value is not None and value.shape == ()
    return False


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _same_when_mixed(density: Any, starts: NDArray[np.float64], args: tuple[Any, ...]) -> bool:
    """Whether points do not depend on which other points they come with.

    A function of one point that asks ``np.any(point < 0)`` may well take an array of points, and
    refuse all of them for one.
    """
    points = _mixed_points(starts)
    apart = [_numbers(density, row, args) for row in points]
    # Where a single point raises, so may the array: that says nothing.
    kept = np.array([value is not None for value in apart])
    together = _numbers(density, points[kept], args)
    if together is None or together.shape != (kept.sum(),):
        return False
    return _same(together, [value for value in apart if value is not None])


def _same(together: NDArray[Any], apart: list[NDArray[Any] | None]) -> bool:
    values = [value for value in apart if value is not None and value.shape == ()]
    if len(values) != len(apart):
        return False
    tolerance = max([_RELATIVE_TOLERANCE, *(_rounding(value) for value in (together, *values))])
    expected = np.array(values, dtype=np.float64)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    found = together.astype(np.float64)
    return bool(np.isclose(found, expected, rtol=tolerance, atol=tolerance * largest, equal_nan=True).all())


def _rounding(value: NDArray[Any]) -> float:
    """How far values may be apart for what was added up in another order, by their precision."""
    return 1e3 * float(np.finfo(value.dtype).eps) if value.dtype.kind == "f" else 0.0


def _some(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    some: NDArray[np.float64] = starts[np.unique(np.linspace(0, len(starts) - 1, _TRIED).astype(int))]
    return some


def _points_to_try(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take some starts, then as many points near to them: not as many as dimensions, and different ones.

    A function of one point may take the array of points for that, and gives as many values as there
    are dimensions.
    """
    some = _some(starts)
    if 2 * len(some) == starts.shape[1]:
        some = np.concatenate([some, some[:1]])
    steps = (np.arange(1, some.size + 1) * 0.6180339887498949 % 1 - 0.5).reshape(some.shape)
    return np.concatenate([some, some + 1e-3 * steps * np.maximum(np.abs(some), 1.0)])


def _mixed_points(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take some starts, and points far from the first: to either side, in every other coordinate or in all."""
    some = _some(starts)
    first = some[0]
    every_other = np.arange(len(first)) % 2
    moves = [
        sign * factor * np.maximum(np.abs(first), 1.0) * which
        for factor in _FAR
        for sign in (1.0, -1.0)
        for which in (1 - every_other, every_other, np.ones_like(every_other))
    ]
    return np.concatenate([some, first + np.array(moves)])


def _numbers(density: Any, points: NDArray[np.float64], args: tuple[Any, ...]) -> NDArray[Any] | None:
    """Return what the callable gives, if these are numbers."""
    try:
        found = np.asarray(density(points.copy(), *args))
    except Exception as error:
        let_through(error)
        # Not made for this argument, whatever the complaint: what it is made for is tried later.
        return None
    return found if found.dtype.kind in "biuf" else None
