"""Columns of a mixture by their names or numbers."""

from __future__ import annotations

import operator
import sys
from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np


def names_of(model: Any, n_features: int) -> list[str | None]:
    """Give the name of every feature, None where the model knows of none."""
    names = getattr(model, "feature_names_in_", None)
    return [None] * n_features if names is None else [str(name) for name in names]


def column_numbers(
    columns: Any,
    names: Sequence[str | None],
    argument: str,
    counts: Container[int] = range(1, sys.maxsize),
    wanted: str = "one or more different features",
) -> tuple[int, ...]:
    """Turn one column or several, all different, into their numbers; `wanted` says in words how many there may be."""
    if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable):
        columns = (columns,)
    chosen = tuple(column_number(column, names, argument) for column in columns)
    if len(chosen) not in counts or len(set(chosen)) < len(chosen):
        raise ValueError(f"{argument} must name {wanted}, got {chosen}")
    return chosen


def column_number(column: Any, names: Sequence[str | None], argument: str) -> int:
    """Turn a name or number into a number from 0 on."""
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        known = ", ".join(repr(name) for name in names if name is not None)
        raise ValueError(f"{argument}: the model knows no feature {column!r}; its names are: {known or 'none'}")
    try:
        if isinstance(column, (bool, np.bool_)):
            raise TypeError
        number = operator.index(column)
    except TypeError:
        raise TypeError(f"{argument} must hold numbers or names of features, got {column!r}") from None
    if not 0 <= number < len(names):
        raise ValueError(f"{argument} must lie between 0 and {len(names) - 1}, got {number}")
    return number
