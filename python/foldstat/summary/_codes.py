"""Keys of rows, of whatever library, turned into the integers that the compiled module groups by.

Each library finds its different keys in its own way, and may find some to be different that are one key, or the
other way round where its Python objects hold less than its columns: clocks that show an hour twice, nanoseconds. So
times are coded by the integers that they are stored as, and all codes go through `_unified` before any state is
made: those that mean one key become one code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.threads import thread_count
from foldstat.summary._input import Label, as_label
from foldstat.summary._instants import ATTOSECONDS, time_key, times_of
from foldstat.summary._key_columns import KeyColumn, KeyColumns
from foldstat.summary._keys import PLAIN, canonical_key, common_key, identity

MISSING = -1  # the code of rows whose key is missing


@dataclass(frozen=True, slots=True)
class Coded:
    """One integer for each row, and what the integers stand for.

    Without `keys` the integers are the keys themselves. With them they are positions in `keys`, all of them canonical
    and different, or MISSING.
    """

    codes: NDArray[Any]
    keys: list[Hashable] | None
    columns: KeyColumns | None = None

    def keys_of(self, codes: NDArray[Any]) -> NDArray[Any] | list[Hashable]:
        """Give the keys of different codes: an array where codes in their order are keys in theirs."""
        if self.keys is None:
            return list(map(bool, codes.tolist())) if self.codes.dtype.kind == "b" else codes
        if len(codes) == len(self.keys):
            return self.keys
        return [self.keys[code] for code in codes.tolist()]

    def named(self, name: Any) -> Coded:
        """Give the same with the name of the column; None is none."""
        if name is None:
            return self
        columns = self.columns or KeyColumns((KeyColumn(),), False)
        return self if columns.several else replace(self, columns=columns.named(as_label(name)))


def coded(by: Any) -> Coded:
    """Turn the keys of rows, of whatever kind, into integers."""
    if isinstance(by, (str, bytes)):
        raise TypeError(f"by={by!r}: only a frame with such a column can be grouped by its name")
    if isinstance(by, np.ma.MaskedArray):
        found, absent = coded(np.asarray(by.data)), np.ma.getmaskarray(by)
        if found.keys is None and not absent.any():
            return found
        if by.dtype.names is not None:
            absent = np.array([any(row) for row in absent.tolist()], dtype=bool)
        codes, keys = _dense(found)
        return Coded(np.where(absent, MISSING, codes), keys, found.columns)
    if isinstance(by, np.ndarray):
        return _from_array(by)
    pandas, polars, pyarrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(by, pandas.api.extensions.ExtensionArray):
        by = pandas.Series(by)
    if pandas is not None and isinstance(by, (pandas.Series, pandas.Index)):
        return _from_pandas(by, pandas)
    if polars is not None and isinstance(by, polars.Series):
        return _from_polars(by, polars).named(by.name or None)
    if pyarrow is not None and isinstance(by, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _from_pyarrow(by, pyarrow)
    if hasattr(by, "__array__"):
        return _from_array(np.asarray(by))
    if not isinstance(by, Iterable):
        raise TypeError(f"by must hold a key for each row, got {type(by).__name__}")
    return _from_objects(by)


def combined(parts: Sequence[Coded], names: Sequence[Label | None]) -> Coded:
    """Turn several keys of each row into one, the tuple of them; it is missing where one of them is."""
    codes = np.zeros(len(parts[0].codes), dtype=np.int64)
    tuples: list[tuple[Hashable, ...]] = [()]
    for part in parts:
        if len(part.codes) != len(codes):
            raise ValueError(f"keys must be of one length, got {len(codes)} and {len(part.codes)}")
        last, keys = _dense(part)
        absent = (codes == MISSING) | (last == MISSING)
        used, codes = np.unique(np.where(absent, MISSING, codes * len(keys) + last), return_inverse=True)
        if used.size and used[0] == MISSING:
            used, codes = used[1:], codes - 1  # MISSING is -1
        tuples = [(*tuples[pair // len(keys)], keys[pair % len(keys)]) for pair in used.tolist()]
    columns = KeyColumns.of_several(part.named(name).columns for part, name in zip(parts, names, strict=True))
    return Coded(codes.astype(np.int64, copy=False), list(tuples), columns)


def _dense(part: Coded) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Give codes that are positions in a list of keys, or MISSING."""
    if part.keys is not None:
        return part.codes.astype(np.int64, copy=False), part.keys
    unique, codes = np.unique(part.codes, return_inverse=True)
    return codes.astype(np.int64, copy=False), unique.tolist()


def _unified(codes: NDArray[Any], keys: Sequence[Any], column: KeyColumn | None = None) -> Coded:
    """Give rows of one key one code, whatever they were found to be, and those without a key MISSING."""
    columns = None if column is None else KeyColumns.of_one(column)
    kinds = set(map(type, keys))
    if len(kinds) <= 1 and kinds <= PLAIN and len(set(keys)) == len(keys):  # of many keys the most usual
        return Coded(codes.astype(np.int64, copy=False), list(keys), columns)
    places: list[int] = []
    numbers: dict[Hashable, int] = {}
    unique: list[Hashable] = []
    for position, given in enumerate(keys):
        places.append(_numbered(given, numbers, unique, position))
    # MISSING is -1, the last place.
    return Coded(np.array([*places, MISSING], dtype=np.int64)[codes.astype(np.int64, copy=False)], unique, columns)


def _numbered(given: Any, numbers: dict[Hashable, int], keys: list[Hashable], position: int) -> int:
    """Give the number of a key, the next one if it is new; MISSING if it is missing."""
    key = canonical_key(given)
    if key is None:
        return MISSING
    try:
        number = numbers.setdefault(identity(key), len(keys))
    except TypeError:
        raise TypeError(f"by must hold hashable keys, got {given!r} at position {position}") from None
    if number == len(keys):
        keys.append(key)
    else:
        keys[number] = common_key(keys[number], key)
    return number


def _through(codes: NDArray[Any], values: Coded, *, ordered: bool | None) -> Coded:
    """Give rows the keys that a dictionary has at their codes; `ordered` is None if its order means nothing."""
    places, keys = _dense(values)
    column = KeyColumn() if values.columns is None else values.columns.columns[0]
    if ordered is not None:
        listed = [keys[place] for place in places.tolist() if place != MISSING]
        column = replace(KeyColumn.of_categories(listed, ordered=ordered), zone=column.zone)
    return Coded(
        np.append(places, MISSING)[codes.astype(np.int64)], keys, KeyColumns.of_one(replace(column, name=None))
    )


# ---------------------------------------------------------------- NumPy, and Python's objects


def _from_array(by: NDArray[Any]) -> Coded:
    if by.ndim != 1:
        raise ValueError(f"by must have one dimension, got shape {by.shape}")
    if by.dtype.names is not None:
        return combined([_from_array(by[name]) for name in by.dtype.names], by.dtype.names)
    kind = by.dtype.kind
    if kind in "iub":
        return Coded(np.require(by, by.dtype.newbyteorder("="), ["C", "ALIGNED"]), None)
    if kind in "OVT" or by.dtype.itemsize == 0:
        return _from_objects(by.tolist())
    unique, codes = np.unique(by, return_inverse=True)
    return _unified(codes, times_of(unique) if kind in "mM" else unique.tolist())


def _from_objects(by: Iterable[Any]) -> Coded:
    """Give keys numbers in the order in which they come."""
    given = list(by)
    kinds = set(map(type, given)) - {type(None)}
    if kinds <= {str, bytes} or (len(kinds) == 1 and kinds <= PLAIN | {float}):
        # Of these, those that a dict takes for equal are one key, and no two forms of it can meet.
        first: dict[Any, int] = {}
        codes = [first.setdefault(key, len(first)) for key in given]
        return _unified(np.array(codes, dtype=np.int64), list(first))
    numbers: dict[Hashable, int] = {}
    keys: list[Hashable] = []
    codes = [_numbered(key, numbers, keys, position) for position, key in enumerate(given)]
    return Coded(np.array(codes, dtype=np.int64), keys)


# ---------------------------------------------------------------- pandas


def _from_pandas(by: Any, pandas: Any) -> Coded:
    if isinstance(by, pandas.MultiIndex):
        levels = [_from_pandas(by.get_level_values(i), pandas) for i in range(by.nlevels)]
        return combined(levels, [None] * len(levels))  # levels know their names
    return _pandas_column(by, pandas).named(by.name)


def _pandas_column(by: Any, pandas: Any) -> Coded:
    dtype = by.dtype
    kind = dtype.kind if isinstance(dtype, np.dtype) else ""
    if kind and kind in "iubf":
        return _from_array(by.to_numpy())
    if kind == "O":
        return _from_objects(by.tolist())
    if isinstance(dtype, pandas.CategoricalDtype):
        codes, categories = by.array.codes, by.array.categories
        return _through(np.asarray(codes), coded(categories), ordered=bool(by.array.ordered))
    if isinstance(dtype, pandas.ArrowDtype):
        import pyarrow

        return _from_pyarrow(pyarrow.array(by.array), pyarrow)
    codes, unique = pandas.factorize(by)
    if isinstance(dtype, pandas.DatetimeTZDtype):
        instants = np.asarray(pandas.DatetimeIndex(unique).tz_convert("UTC").tz_localize(None))
        return _unified(codes, times_of(instants, aware=True), KeyColumn(zone=str(dtype.tz)))
    return _unified(codes, times_of(np.asarray(unique)) if kind and kind in "mM" else list(unique))


# ---------------------------------------------------------------- Polars


def _from_polars(by: Any, polars: Any) -> Coded:
    dtype = by.dtype
    if dtype.is_float() or dtype.is_integer() or dtype == polars.Boolean:
        if dtype.is_float() or (by.null_count() == 0 and dtype not in _wide(polars)):
            return _from_array(by.to_numpy())
        keys = by.drop_nulls().unique()
        numbers = polars.Series(range(len(keys)), dtype=polars.Int64)
        codes = by.replace_strict(keys, numbers, default=MISSING, return_dtype=polars.Int64)
        return _unified(codes.to_numpy(), keys.to_list())
    if isinstance(dtype, polars.Enum):
        codes = by.to_physical().cast(polars.Int64).fill_null(MISSING).to_numpy()
        return _through(codes, coded(dtype.categories), ordered=True)
    if isinstance(dtype, polars.Categorical):
        by = by.cast(polars.String)
    elif dtype.is_temporal():
        stored = by.to_physical().cast(polars.Int64)
        kind = {polars.Date: "date", polars.Time: "time", polars.Duration: "duration"}.get(dtype.base_type(), "instant")
        unit = {"date": "D", "time": "ns"}.get(kind) or dtype.time_unit
        zone = getattr(dtype, "time_zone", None)
        return _from_ticks(stored.fill_null(0).to_numpy(), by.is_null().to_numpy(), kind, unit, zone)
    elif dtype != polars.String:
        return _from_objects(by.to_list())
    return _from_texts(by)


def _from_texts(by: Any) -> Coded:
    """Give the texts, or bytes, of a column that speaks Arrow numbers; nulls have -1, which is MISSING."""
    codes, keys = _core.text_codes(_core.arrow_columns(by)[0], thread_count(None))
    return Coded(codes, keys)


def _wide(polars: Any) -> list[Any]:
    """List the integer types that NumPy does not have."""
    return [getattr(polars, name) for name in ("Int128", "UInt128") if hasattr(polars, name)]


def _from_ticks(ticks: NDArray[np.int64], absent: NDArray[np.bool_], kind: str, unit: str, zone: str | None) -> Coded:
    """Turn times that are stored as integers into keys, without loss."""
    unique, codes = np.unique(ticks, return_inverse=True)
    codes = np.where(absent, MISSING, codes)
    if kind == "time":
        scale = ATTOSECONDS[unit]
        return _unified(codes, [time_key("time", tick * scale) for tick in unique.tolist()])
    values = unique.view(f"{'m' if kind == 'duration' else 'M'}8[{unit}]")
    return _unified(codes, times_of(values, aware=zone is not None), KeyColumn(zone=zone))


# ---------------------------------------------------------------- pyarrow


def _from_pyarrow(by: Any, pyarrow: Any) -> Coded:
    types = pyarrow.types
    if types.is_dictionary(by.type) and by.type.ordered:
        if isinstance(by, pyarrow.ChunkedArray):
            by = by.unify_dictionaries().combine_chunks()
        codes = by.indices.cast(pyarrow.int64()).fill_null(MISSING).to_numpy(zero_copy_only=False)
        return _through(codes, _from_pyarrow(by.dictionary, pyarrow), ordered=True)
    array = by.combine_chunks() if isinstance(by, pyarrow.ChunkedArray) else by
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if any(test(array.type) for test in (types.is_string, types.is_large_string, types.is_binary)):
        return _from_texts(array)
    if types.is_floating(array.type):
        return _from_array(array.cast(pyarrow.float64()).to_numpy(zero_copy_only=False))
    if types.is_integer(array.type) and array.null_count == 0:
        return _from_array(array.to_numpy(zero_copy_only=False))
    stored = _storage(array.type, pyarrow)
    if stored is not None:
        kind, width, unit = stored
        ticks = array.cast(width).cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        absent = array.is_null().to_numpy(zero_copy_only=False)
        if types.is_date64(array.type):
            ticks, unit = ticks // 86_400_000, "D"
        return _from_ticks(ticks, absent, kind, unit, getattr(array.type, "tz", None))
    try:
        encoded = array.dictionary_encode()
    except pyarrow.ArrowNotImplementedError:  # nested ones, extensions
        return _from_objects(array.to_pylist())
    codes = encoded.indices.fill_null(MISSING).cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
    return _unified(codes, encoded.dictionary.to_pylist())


def _storage(kind: Any, pyarrow: Any) -> tuple[str, Any, str] | None:
    """Give what a type of times is, the integers that it is stored as, and their unit; None for other types."""
    types = pyarrow.types
    tests: list[tuple[Callable[[Any], bool], str]] = [
        (types.is_timestamp, "instant"),
        (types.is_date, "date"),
        (types.is_time, "time"),
        (types.is_duration, "duration"),
    ]
    for test, name in tests:
        if test(kind):
            width = pyarrow.int32() if kind.bit_width == 32 else pyarrow.int64()
            return name, width, getattr(kind, "unit", "D")
    return None
