"""What `by` means: names of columns, keys of rows, or several of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foldstat._common.libraries import is_of
from foldstat.summary._codes import Coded, coded, combined
from foldstat.summary._input import Label, check_index
from foldstat.summary._table import Table


class ColumnNames(list[Any]):
    """Names of columns, and never keys of rows: what is said once of batches cannot be one for each of their rows."""


def keys_of_rows(table: Table, by: Any) -> tuple[Coded, Table]:
    """Give the key of each row, and the table without the columns that are keys."""
    names = table.named(by)
    if names is None and isinstance(by, ColumnNames):
        raise ValueError(
            f"{table.name} comes in batches, for which a list as by must be different names of columns: "
            f"{table.strangers(by)}"
        )
    if names is None and isinstance(by, (list, tuple)) and any(map(_is_column, by)):
        return _several(table, by)
    if names is None:
        return _of_each_row(table, by), table
    columns, rest = table.without(names)
    parts = [coded(column) for column in columns]
    return combined(parts, list(names)) if isinstance(by, list) else parts[0].named(names[0]), rest


def _of_each_row(table: Table, by: Any) -> Coded:
    """Read keys; what was meant as names is told where their number does not fit."""
    keys = coded(by)
    if len(keys.codes) == table.n_rows:
        return keys
    message = f"by must have a key for each of the {table.n_rows} rows, got {len(keys.codes)}"
    if isinstance(by, list) and by and all(map(table.is_name, by)) and table.names is not None:
        message += f"; as a list of names of columns: {table.strangers(by)}"
    raise ValueError(message)


def _is_column(key: Any) -> bool:
    """Tell what holds a key for each row, and is no key: arrays, and the columns of libraries."""
    if isinstance(key, np.ndarray):
        return key.ndim > 0
    if is_of(key, "pandas", "Series", "Index", "Categorical") or is_of(key, "polars", "Series"):
        return True
    return is_of(key, "pyarrow", "Array", "ChunkedArray")


def _several(table: Table, by: Sequence[Any]) -> tuple[Coded, Table]:
    """Read names and columns of keys, in their order; keys are tuples."""
    for key in by:
        if not _is_column(key) and not table.is_name(key):
            raise TypeError(
                f"by is a list with columns of keys, among which are only names of columns, got {type(key).__name__}"
            )
    names: list[Label] = [name for key in by if not _is_column(key) for name in table.named(key) or []]
    taken, rest = table.without(names) if names else ([], table)
    columns = iter(taken)
    parts, titles = [], iter(names)
    for position, key in enumerate(by):
        if _is_column(key):
            check_index(table.source, key, f"by[{position}]", table.name)
            part = coded(key)
        else:
            part = coded(next(columns)).named(next(titles))
        if len(part.codes) != table.n_rows:
            raise ValueError(
                f"by[{position}] must have a key for each of the {table.n_rows} rows, got {len(part.codes)}"
            )
        parts.append(part)
    return combined(parts, [None] * len(parts)), rest
