"""What every public function does to its arguments before the compiled module sees them.

The compiled module reads float64 and float32 arrays where they lie, whatever their strides. Everything else
(lists, frames, integers, foreign byte orders) is turned into one of the two here.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.float64] | NDArray[np.float32]

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def as_floats(values: ArrayLike, name: str) -> Rows:
    """Turn anything array-like into a float64 or float32 array in native byte order.

    Arrays that are already so are returned as they are, strides and all.
    """
    refuse_masked(values, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from error
    if array.dtype == FLOAT64 or array.dtype == FLOAT32:
        return aligned(array)  # equal dtypes also have the machine's byte order
    if array.dtype.kind not in "biufO":
        raise not_numbers(name, array.dtype)
    try:
        if array.dtype.newbyteorder("=") == FLOAT32:
            return array.astype(np.float32)
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must hold real numbers: {error}") from error


def as_doubles(values: ArrayLike, name: str) -> Floats:
    """Turn anything array-like into float64: a view of our own, whose shape no other thread can change."""
    array: Floats = np.asarray(as_floats(values, name), dtype=np.float64)[...]
    return array


def refuse_masked(values: Any, name: str) -> None:
    """Refuse an array whose mask NumPy and scikit-learn would forget without a word."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: drop or fill its masked entries first")


def not_numbers(name: str, dtype: Any) -> TypeError:
    """Say that the elements of an argument are no real numbers."""
    return TypeError(f"{name} must hold real numbers, got dtype {dtype}")


_Array = TypeVar("_Array", bound="NDArray[Any]")


def aligned(array: _Array) -> _Array:
    """Give the array itself, or a copy if its elements lie at odd addresses, as in packed records.

    NumPy calls an empty array aligned wherever it lies.
    """
    return array if array.flags.aligned and array.size else array.copy()


def as_rows(values: ArrayLike, name: str = "X") -> Rows:
    """Turn anything array-like into the rows of a kernel."""
    array = as_floats(values, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (rows, features), got shape {array.shape}; "
            "for one feature use X.reshape(-1, 1), for one row X.reshape(1, -1)"
        )
    return array


def as_parameters(values: ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """Turn a parameter of a mixture into finite float64 of the given shape."""
    array = as_doubles(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at {where}")
    return array
