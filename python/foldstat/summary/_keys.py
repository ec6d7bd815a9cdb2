"""Keys of groups: any hashable objects, turned into the integers that the compiled module groups by."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = -1  # the code of rows whose key is missing


@dataclass(frozen=True, slots=True)
class Coded:
    """One integer for each row, and what the integers stand for.

    Without `keys` the integers are the keys themselves. With them they are positions in `keys`, or MISSING.
    """

    codes: NDArray[Any]
    keys: list[Hashable] | None

    def key(self, code: Any) -> Hashable:
        """Give the key that a code stands for."""
        if self.keys is not None:
            return self.keys[int(code)]
        return bool(code) if self.codes.dtype.kind == "b" else int(code)


def coded(by: Any) -> Coded:
    """Turn the keys of rows, of whatever kind, into integers."""
    if isinstance(by, (str, bytes)):
        raise TypeError(f"by={by!r}: only a frame with such a column can be grouped by its name")
    if isinstance(by, np.ma.MaskedArray):
        return _from_objects(by.tolist())
    if isinstance(by, np.ndarray):
        return _from_array(by)
    pandas, polars, pyarrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(by, (pandas.Series, pandas.Index)):
        return _from_pandas(by, pandas)
    if polars is not None and isinstance(by, polars.Series):
        return _from_polars(by, polars)
    if pyarrow is not None and isinstance(by, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _from_pyarrow(by, pyarrow)
    if hasattr(by, "__array__"):
        return _from_array(np.asarray(by))
    if not isinstance(by, Iterable):
        raise TypeError(f"by must hold a key for each row, got {type(by).__name__}")
    return _from_objects(by)


def combined(parts: list[Coded]) -> Coded:
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
    return Coded(codes.astype(np.int64, copy=False), list(tuples))


def _dense(part: Coded) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Give codes that are positions in a list of keys, or MISSING."""
    if part.keys is not None:
        return part.codes.astype(np.int64, copy=False), part.keys
    unique, codes = np.unique(part.codes, return_inverse=True)
    return codes.astype(np.int64, copy=False), [part.key(code) for code in unique]


def _from_array(by: NDArray[Any]) -> Coded:
    if by.ndim != 1:
        raise ValueError(f"by must have one dimension, got shape {by.shape}")
    kind = by.dtype.kind
    if kind in "iub":
        return Coded(np.require(by, by.dtype.newbyteorder("="), ["C", "ALIGNED"]), None)
    if kind == "O":
        return _from_objects(by.tolist())
    if kind == "V" or by.dtype.itemsize == 0:
        return _from_objects(by.tolist())
    unique, codes = np.unique(by, return_inverse=True)
    codes = codes.astype(np.int64, copy=False)
    if kind in "fcmM":
        absent = np.isnat(unique) if kind in "mM" else np.isnan(unique)
        codes = np.where(absent[codes], MISSING, codes)
    keys = list(unique) if kind in "mM" else unique.tolist()
    return Coded(codes, [canonical_key(key) for key in keys])


def _from_objects(by: Iterable[Any]) -> Coded:
    """Give keys numbers in the order in which they come."""
    numbers: dict[Hashable, int] = {}
    keys: list[Hashable] = []
    codes: list[int] = []
    for position, given in enumerate(by):
        if is_missing(given):
            codes.append(MISSING)
            continue
        key = canonical_key(given)
        try:
            number = numbers.setdefault(key, len(keys))
        except TypeError:
            raise TypeError(f"by must hold hashable keys, got {given!r} at position {position}") from None
        if number == len(keys):
            keys.append(key)
        else:
            keys[number] = common_key(keys[number], key)
        codes.append(number)
    return Coded(np.array(codes, dtype=np.int64), keys)


def _from_pandas(by: Any, pandas: Any) -> Coded:
    kind = by.dtype.kind if isinstance(by.dtype, np.dtype) else ""
    if kind and kind in "iubf":
        return _from_array(by.to_numpy())
    if kind == "O":
        return _from_objects(by.tolist())
    codes, unique = pandas.factorize(by)
    return Coded(np.asarray(codes, dtype=np.int64), [canonical_key(key) for key in unique])


def _from_polars(by: Any, polars: Any) -> Coded:
    dtype = by.dtype
    if dtype.is_float() or ((dtype.is_integer() or dtype == polars.Boolean) and by.null_count() == 0):
        array = by.to_numpy()
        if array.dtype.kind in "iufb":
            return _from_array(array)
    if isinstance(dtype, (polars.Categorical, polars.Enum)):
        by = by.cast(polars.String)
        dtype = by.dtype
    if dtype.is_integer() or dtype.is_temporal() or dtype == polars.String:
        keys = by.drop_nulls().unique()
        numbers = polars.Series(range(len(keys)), dtype=polars.Int64)
        codes = by.replace_strict(keys, numbers, default=MISSING, return_dtype=polars.Int64)
        return Coded(codes.to_numpy(), keys.to_list())
    return _from_objects(by.to_list())


def _from_pyarrow(by: Any, pyarrow: Any) -> Coded:
    array = by.combine_chunks() if isinstance(by, pyarrow.ChunkedArray) else by
    types = pyarrow.types
    if types.is_floating(array.type):
        return _from_array(array.cast(pyarrow.float64()).to_numpy(zero_copy_only=False))
    if types.is_integer(array.type) and array.null_count == 0:
        return _from_array(array.to_numpy(zero_copy_only=False))
    if types.is_nested(array.type):
        return _from_objects(array.to_pylist())
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(MISSING).cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
    return Coded(codes, [canonical_key(key) for key in encoded.dictionary.to_pylist()])


def is_missing(key: Any) -> bool:
    """Tell None, NaN, NaT and pandas.NA from keys."""
    if key is None:
        return True
    if isinstance(key, (float, np.floating, np.datetime64, np.timedelta64)):
        return bool(key != key)
    pandas = sys.modules.get("pandas")
    return key is np.ma.masked or (pandas is not None and (key is pandas.NA or key is pandas.NaT))


def canonical_key(key: Any) -> Hashable:
    """Give Python's own object for NumPy's scalars, and +0.0 for -0.0, which is the same key."""
    if isinstance(key, (np.datetime64, np.timedelta64)):
        return key  # the Python ones hold no nanoseconds
    if isinstance(key, np.generic):
        key = key.item()
    if type(key) is tuple:
        return tuple(canonical_key(part) for part in key)
    if isinstance(key, float) and key == 0:
        return 0.0
    if isinstance(key, list):
        raise TypeError(f"by must hold hashable keys, got the list {key!r}; make it a tuple")
    return key  # type: ignore[no-any-return]


def common_key(first: Any, second: Any) -> Hashable:
    """Choose one of two equal keys (1, 1.0 and True are equal) in a way that no order of merging changes."""
    if type(first) is tuple and type(second) is tuple:
        return tuple(common_key(a, b) for a, b in zip(first, second, strict=True))
    return max(first, second, key=_breadth)  # type: ignore[no-any-return]


def _breadth(key: Any) -> tuple[int, str]:
    kinds: tuple[type, ...] = (bool, int, float)
    rank = kinds.index(type(key)) if type(key) in kinds else len(kinds)
    return rank, type(key).__qualname__


def sorted_keys(keys: Iterable[Hashable]) -> list[Any]:
    """Sort keys of any kinds: numbers, then texts, then others by the name of their type."""
    return sorted(keys, key=_Order)


class _Order:
    """A key's place among keys of any kind."""

    __slots__ = ("kind", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        name = "" if isinstance(value, (bool, int, float)) else type(value).__qualname__
        self.kind = (("", "str", "bytes", "tuple").index(name) if name in ("", "str", "bytes", "tuple") else 9, name)

    def __lt__(self, other: _Order) -> bool:
        if self.kind != other.kind:
            return self.kind < other.kind
        if isinstance(self.value, tuple):
            return [_Order(part) for part in self.value] < [_Order(part) for part in other.value]
        try:
            return bool(self.value < other.value)
        except TypeError:
            return repr(self.value) < repr(other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Order) and self.kind == other.kind and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def signature(key: Any) -> Any:
    """Give a key together with its types, so that 1 and 1.0 differ as their bytes do."""
    if type(key) is tuple:
        return tuple(signature(part) for part in key)
    return type(key), key
