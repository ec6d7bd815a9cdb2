"""Which columns `describe` takes: `include` and `exclude`, as pandas has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from foldstat._common.libraries import is_of
from foldstat.summary._described_frame import Columns

# By which names the columns of a kind can be asked for: pandas', NumPy's abstract types', and the libraries' own.
_NAMES = {
    "int": {"number", "integer", "signedinteger"},
    "uint": {"number", "integer", "unsignedinteger"},
    "float": {"number", "floating", "inexact"},
    "decimal": {"number", "decimal"},
    "bool": {"bool", "bool_", "boolean"},
    "text": {"object", "object_", "str", "str_", "string", "text"},
    "category": {"category", "categorical"},
    "instant": {"datetime", "datetime64"},
    "aware": {"datetime", "datetime64", "datetimetz"},
    "duration": {"timedelta", "timedelta64", "duration"},
    "date": {"date"},
    "time": {"time"},
    "other": set(),
}
_PYTHON = {"float": "float64", "int": "int64"}  # what NumPy and pandas mean by these
_ARROW = {"float": "float32", "double": "float64", "halffloat": "float16"}


def selected(columns: Columns, include: Any, exclude: Any) -> Columns:
    """Take the columns that are asked for; a ValueError if there are none."""
    if include is None and exclude is None:
        return columns
    if isinstance(include, str) and include == "all":
        if exclude is not None:
            raise ValueError("exclude must be None when include is 'all'")
        return columns
    given = {"include": include, "exclude": exclude}
    asked = " and ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
    if is_of(columns.source, "pandas", "DataFrame"):
        numbered = columns.source.set_axis(range(len(columns.raws)), axis=1)
        try:
            positions = [int(i) for i in numbered.select_dtypes(include=include, exclude=exclude).columns]
        except (TypeError, ValueError) as error:
            raise type(error)(f"{asked}: {error}") from None
    else:
        positions = _positions(columns, include, exclude)
    if not positions:
        raise ValueError(f"no column of the frame is left by {asked}; its columns are {list(columns.labels)}")
    return columns.chosen(positions)


def _positions(columns: Columns, include: Any, exclude: Any) -> list[int]:
    wanted, unwanted = (_asked(include, "include"), _asked(exclude, "exclude"))
    names = [_names_of(raw) for raw in columns.raws]
    known = {"float64", "int64"}.union(*_NAMES.values(), *names)
    for argument, asked in (("include", wanted or set()), ("exclude", unwanted or set())):
        for name in sorted(asked - known):
            raise ValueError(f"{argument}: no column is of type {name!r}; there are {sorted(set().union(*names))}")
    kept = [i for i, found in enumerate(names) if wanted is None or found & wanted]
    return [i for i in kept if unwanted is None or not names[i] & unwanted]


def _asked(asked: Any, argument: str) -> set[str] | None:
    """Give names of types, in small letters."""
    if asked is None:
        return None
    single = isinstance(asked, (str, type, np.dtype)) or not isinstance(asked, Iterable)
    found = set()
    for one in [asked] if single else asked:
        name = (one.__name__ if isinstance(one, type) else str(one)).lower()
        name = (_ARROW if is_of(one, "pyarrow", "DataType") else _PYTHON).get(name, name)
        if one is None or name == "all":
            raise TypeError(f"{argument} must be a type, the name of one, or a list of these, got {asked!r}")
        found.add(name)
    return found


def _names_of(raw: Any) -> set[str]:
    dtype = getattr(raw, "dtype", getattr(raw, "type", "object"))
    text = str(dtype).lower()
    own = {text, text.split("(")[0].split("[")[0].split("<")[0]}
    if is_of(raw, "polars", "Series"):
        return own | _NAMES[_kind_of_polars(dtype)]
    if is_of(raw, "pyarrow", "Array", "ChunkedArray"):
        return {_ARROW.get(name, name) for name in own} | _NAMES[_kind_of_pyarrow(dtype)]
    kinds = {"i": "int", "u": "uint", "f": "float", "b": "bool", "M": "instant", "m": "duration"}
    return own | _NAMES[kinds.get(getattr(dtype, "kind", ""), "text")]


def _kind_of_polars(dtype: Any) -> str:
    if dtype.is_integer():
        return "int" if dtype.is_signed_integer() else "uint"
    if dtype.is_float() or dtype.is_decimal():
        return "float" if dtype.is_float() else "decimal"
    if getattr(dtype, "time_zone", None):
        return "aware"
    names = {"boolean": "bool", "string": "text", "categorical": "category", "enum": "category", "datetime": "instant"}
    name = str(dtype.base_type()).lower()
    found = names.get(name, name)
    return found if found in _NAMES else "other"


def _kind_of_pyarrow(dtype: Any) -> str:
    import pyarrow

    types = pyarrow.types
    if types.is_timestamp(dtype):
        return "instant" if dtype.tz is None else "aware"
    tests: list[tuple[Callable[[Any], bool], str]] = [
        (types.is_signed_integer, "int"),
        (types.is_unsigned_integer, "uint"),
        (types.is_floating, "float"),
        (types.is_decimal, "decimal"),
        (types.is_boolean, "bool"),
        (types.is_string, "text"),
        (types.is_large_string, "text"),
        (types.is_dictionary, "category"),
        (types.is_duration, "duration"),
        (types.is_date, "date"),
        (types.is_time, "time"),
    ]
    return next((name for test, name in tests if test(dtype)), "other")
