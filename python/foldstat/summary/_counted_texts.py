"""How often each text of a column is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foldstat._common.libraries import is_of
from foldstat.summary._keys import canonical_key, order
from foldstat.summary._parts import is_untyped

_ROOM = 1 << 16  # counts of batches that may lie beside those that are merged


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, categories, or other objects, counted.

    Of those that are most frequent `top` is the smallest, whatever the order of rows; None if it is not known.
    """

    count: int
    null_count: int
    distinct: int
    top: Any
    frequency: int


def smallest(values: list[Any]) -> Any:
    """Give the first of some values of any kinds, in the order of keys; None if there are none."""
    if len(values) <= 1 or {type(value) for value in values} == {str}:
        return min(values, default=None)
    return min(values, key=lambda value: order(canonical_key(value)))


def is_counted(raw: Any) -> bool:
    """Tell whether a column of Polars or pyarrow holds texts, bytes or categories, or one of pandas texts."""
    if is_of(raw, "pandas", "Series"):
        return is_of(raw.dtype, "pandas", "StringDtype") and raw.dtype.storage == "pyarrow"
    if is_of(raw, "polars", "Series"):
        polars = sys.modules["polars"]
        return raw.dtype.base_type() in (polars.String, polars.Categorical, polars.Enum, polars.Binary)
    return is_of(raw, "pyarrow", "Array", "ChunkedArray") and _is_text_of_arrow(_plain_type(raw.type))


def _plain_type(dtype: Any) -> Any:
    import pyarrow

    return dtype.value_type if pyarrow.types.is_dictionary(dtype) else dtype


def _is_text_of_arrow(dtype: Any) -> bool:
    import pyarrow

    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary")
    tests = (getattr(pyarrow.types, f"is_{name}", None) for name in names)
    return any(test(dtype) for test in tests if test is not None)


class CountedTexts:
    """Counts of the values of columns that follow each other, which are as those of the one long column."""

    def __init__(self) -> None:
        self._tables: list[Any] = []
        self._merged_rows = self._rows = self._count = self._nulls = 0

    def add(self, raw: Any) -> None:
        """Add a column; a TypeError if it is of another type than those before."""
        if is_of(raw, "pandas", "Series"):
            raw = _texts_of_pandas(raw)
        nulls = raw.null_count() if is_of(raw, "polars", "Series") else raw.null_count
        if not is_untyped(raw):
            counts = _counts_of_polars(raw) if is_of(raw, "polars", "Series") else _counts_of_arrow(raw)
            kind = _type_of_values(counts)
            if not is_counted(raw) or (self._tables and kind != _type_of_values(self._tables[0])):
                raise TypeError(f"holds something else than the texts of batches before ({kind})")
            self._tables.append(counts)
            self._rows += len(counts)
        self._nulls += nulls
        self._count += len(raw) - nulls
        self._merge_many()

    def merge(self, other: CountedTexts) -> None:
        """Add what another has counted."""
        self._nulls += other._nulls
        self._count += other._count
        self._tables += other._tables
        self._rows += other._rows
        self._merge_many()

    def _merge_many(self) -> None:
        if len(self._tables) > 1 and self._rows > 2 * self._merged_rows + _ROOM:
            self._merge()

    def _merge(self) -> None:
        if len(self._tables) > 1:
            merge = _merged_of_polars if is_of(self._tables[0], "polars", "DataFrame") else _merged_of_arrow
            self._tables = [merge(self._tables)]
        self._rows = self._merged_rows = len(self._tables[0])

    def texts(self) -> Texts:
        """Give what is told of them."""
        if not self._tables:
            return Texts(self._count, self._nulls, 0, None, 0)
        self._merge()
        (counts,) = self._tables
        times = counts["times"]
        if is_of(counts, "polars", "DataFrame"):
            most = int(times.max() or 0)
            tied = counts.filter(times == most)["value"].to_list()
        else:
            import pyarrow.compute

            most = int(pyarrow.compute.max(times).as_py() or 0)
            tied = counts["value"].filter(pyarrow.compute.equal(times, most)).to_pylist()
        return Texts(self._count, self._nulls, len(counts), smallest(tied), most)


def texts_of(raw: Any) -> Texts:
    """Count the texts of a column."""
    counted = CountedTexts()
    counted.add(raw)
    return counted.texts()


def _texts_of_pandas(series: Any) -> Any:
    import pyarrow

    try:
        found = pyarrow.array(series, from_pandas=True)
        if "string" in str(found.type) or is_untyped(found):
            return found.cast(pyarrow.large_string())
    except pyarrow.ArrowException:  # objects of several types
        pass
    raise TypeError(f"holds something else than the texts of batches before ({series.dtype})")


def _type_of_values(counts: Any) -> str:
    value = counts["value"]
    return str(value.dtype if is_of(counts, "polars", "DataFrame") else value.type)


def _counts_of_polars(series: Any) -> Any:
    polars = sys.modules["polars"]
    present = series.drop_nulls()
    if series.dtype.base_type() in (polars.Categorical, polars.Enum):
        present = present.cast(polars.String)
    return present.alias("value").value_counts(name="times")


def _merged_of_polars(tables: Sequence[Any]) -> Any:
    polars = sys.modules["polars"]
    return polars.concat(tables).group_by("value").agg(polars.col("times").sum())


def _counts_of_arrow(array: Any) -> Any:
    import pyarrow
    import pyarrow.compute

    if pyarrow.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if _is_text_of_arrow(array.type):  # one type for all of a kind, so that tables of them merge
        array = array.cast(pyarrow.large_string() if "string" in str(array.type) else pyarrow.large_binary())
    counts = pyarrow.compute.value_counts(array.drop_null())
    return pyarrow.table({"value": counts.field("values"), "times": counts.field("counts")})


def _merged_of_arrow(tables: Sequence[Any]) -> Any:
    import pyarrow

    merged = pyarrow.concat_tables(tables).group_by("value").aggregate([("times", "sum")])
    return merged.rename_columns({"times_sum": "times"}).select(["value", "times"])
