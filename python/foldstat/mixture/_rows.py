"""Rows as scikit-learn checks them, and what it would take without a word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from foldstat._common.arrays import Rows, aligned, not_numbers, refuse_masked

ROW_DTYPES = [np.float64, np.float32]


def validated(estimator: Any, X: Any, **options: Any) -> Rows:
    """Check rows with scikit-learn's texts; those of NaN and infinity also say where the first one is."""
    X = numbers_only(X, "X")
    if isinstance(X, np.ndarray) and X.dtype.kind in "iuf" and not X.dtype.isnative:
        X = X.astype(X.dtype.type)  # scikit-learn would make float64 of any float
    try:
        rows: Rows = validate_data(estimator, X, **options)
    except ValueError as error:
        if str(error).startswith("Input X contains"):
            raise ValueError(f"{error}\n{_place(X)}") from error
        raise
    if rows.dtype not in ROW_DTYPES:
        rows = rows.astype(np.float64)
    return aligned(rows)


def numbers_only(values: Any, name: str) -> Any:
    """Refuse masked arrays, dates and records as the functions on arrays do; give lists as arrays.

    scikit-learn forgets the mask, takes dates for numbers of nanoseconds, and records of one field for numbers
    here but not there.
    """
    refuse_masked(values, name)
    if isinstance(values, (list, tuple)):
        values = _array_of(values)
    for dtype in _dtypes(values):
        if _is_date(dtype) or getattr(dtype, "kind", "") == "V":
            raise not_numbers(name, dtype)
    return values


def _array_of(values: Any) -> Any:
    try:
        return np.asarray(values)
    except ValueError:
        return values  # ragged: scikit-learn says so


def _dtypes(X: Any) -> list[Any]:
    """Types of the columns of an array or a frame."""
    dtypes = getattr(X, "dtypes", getattr(X, "dtype", None))
    return list(dtypes) if isinstance(dtypes, Iterable) else [dtypes]


def _is_date(dtype: Any) -> bool:
    is_temporal = getattr(dtype, "is_temporal", None)  # of Polars
    return bool(is_temporal()) if callable(is_temporal) else getattr(dtype, "kind", "") in ("m", "M")


def _place(X: Any) -> str:
    """Say where the first number is that is not finite."""
    bad = ~np.isfinite(check_array(X, dtype=np.float64, ensure_all_finite=False))
    row = int(bad.any(axis=1).argmax())
    return f"The first one is at row {row}, column {int(bad[row].argmax())}."
