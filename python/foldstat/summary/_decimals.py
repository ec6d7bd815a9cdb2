"""Decimals, and integers of any size, as whole numbers of a power of ten."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.fractions import rounded, rounded_root
from foldstat._common.libraries import is_of
from foldstat.summary._nulls import is_null
from foldstat.summary._whole import WholeNumbers

MOST_PLACES = 4096  # beyond, numbers would fill the memory with digits


@dataclass(frozen=True, slots=True)
class Places:
    """What whole numbers stand for: decimals with so many places behind the point."""

    unit: str
    kind: str = "decimal"
    zone: str | None = None

    @property
    def size(self) -> Fraction:
        """What one stands for."""
        return Fraction(1, 10 ** int(self.unit))

    @property
    def nothing(self) -> float:
        """What is read where there are no values."""
        return float("nan")

    def __str__(self) -> str:
        return f"decimals of {self.unit} place{'s'[: self.unit != '1']}"

    def read_exactly(self, whole: int) -> Decimal:
        """Give one of the values."""
        return Decimal(f"{whole}E-{self.unit}")  # without rounding, as arithmetic would

    def read(self, position: Fraction) -> float:
        """Give what lies at so many units, rounded once."""
        return rounded(position * self.size)

    def difference(self, units: Fraction) -> float:
        """Give a difference of so many units, rounded once."""
        return self.read(units)

    def root(self, square: Fraction) -> float:
        """Give the root of so many squared units, rounded once."""
        return rounded_root(square * self.size**2)

    def sum(self, total: Fraction) -> Decimal:
        """Give a sum, without rounding."""
        return self.read_exactly(int(total))

    def variance(self, square: Fraction) -> float:
        """Give a variance of so many squared units, rounded once."""
        return rounded(square * self.size**2)


@dataclass(frozen=True, slots=True)
class Decimals:
    """Decimals as whole numbers, of 64 bits where these hold them; where `absent` is true there is none."""

    values: NDArray[np.int64] | list[int]
    absent: NDArray[np.bool_] | None
    places: int

    @property
    def null_count(self) -> int:
        """How many are missing."""
        return 0 if self.absent is None else int(np.count_nonzero(self.absent))

    def of_equal_places(self) -> list[Decimal | None]:
        """Give them all with the same number of places, so that some of them stand for the same."""
        whole = self.values if isinstance(self.values, list) else self.values.tolist()
        absent = [False] * len(whole) if self.absent is None else self.absent.tolist()
        digits = ((f"{value}E-{self.places}", missing) for value, missing in zip(whole, absent, strict=True))
        return [None if missing else Decimal(text) for text, missing in digits]

    def present(self) -> WholeNumbers:
        """Give those that are there."""
        if self.absent is None:
            return WholeNumbers(self.values)
        if isinstance(self.values, list):
            pairs = zip(self.values, self.absent.tolist(), strict=True)
            return WholeNumbers([value for value, absent in pairs if not absent])
        return WholeNumbers(self.values[~self.absent])


def decimals_of(x: Any) -> Decimals | None:
    """Read a column of decimals, or of integers that 64 bits may not hold; None if `x` holds something else."""
    if is_of(x, "polars", "Series"):
        return _of_polars(x)
    if is_of(x, "pyarrow", "Array", "ChunkedArray"):
        return _of_pyarrow(x)
    if is_of(x, "pandas", "Series", "Index") and is_of(x.dtype, "pandas", "ArrowDtype"):
        import pyarrow

        return _of_pyarrow(pyarrow.array(x.array)) if pyarrow.types.is_decimal(x.dtype.pyarrow_dtype) else None
    if is_of(x, "pandas", "Series", "Index") and x.dtype == object:
        return of_objects(x.tolist())
    if isinstance(x, np.ndarray) and x.dtype.kind == "O" and x.ndim == 1:
        return of_objects(x.tolist())
    return of_objects(x) if isinstance(x, (list, tuple)) else None


def of_objects(items: Sequence[Any], *, integers: bool = False) -> Decimals | None:
    """Read Python's objects, if they are decimals, with integers among them; or integers only, if that is asked for."""
    if not integers and not any(issubclass(kind, Decimal) for kind in set(map(type, items))):
        return None
    missing = [is_missing_decimal(item) for item in items]
    present = [item for item, absent in zip(items, missing, strict=True) if not absent]
    if not all(isinstance(item, (Decimal, int, np.integer)) for item in present):
        return None
    decimals = [item for item in present if isinstance(item, Decimal)]
    if not (decimals or integers) or not all(item.is_finite() for item in decimals):
        return None
    exponents = [int(item.as_tuple().exponent) for item in decimals]
    places = max(0, -min(exponents, default=0))
    if places > MOST_PLACES or max(exponents, default=0) > MOST_PLACES:
        return None
    whole = [0 if absent else _whole(item, places) for item, absent in zip(items, missing, strict=True)]
    return Decimals(_narrow(whole), _mask(missing), places)


def is_missing_decimal(item: Any) -> bool:
    """Tell None, NaN and what else stands for a missing decimal."""
    if isinstance(item, Decimal):
        return item.is_nan()
    return is_null(item) or (isinstance(item, (float, np.floating)) and bool(item != item))


def _mask(missing: Sequence[bool]) -> NDArray[np.bool_] | None:
    return np.array(missing, dtype=bool) if any(missing) else None


def _narrow(whole: list[int]) -> NDArray[np.int64] | list[int]:
    fits = min(whole, default=0) >= -(2**63) and max(whole, default=0) < 2**63
    return np.array(whole, dtype=np.int64) if fits else whole


def _whole(item: Any, places: int) -> int:
    """Give a number as whole multiples of 10**-places; Decimal's own arithmetic would round."""
    scale = int(10**places)
    if not isinstance(item, Decimal):
        return int(item) * scale
    numerator, denominator = item.as_integer_ratio()
    return numerator * scale // denominator


def _of_polars(series: Any) -> Decimals | None:
    polars = sys.modules["polars"]
    wide = [getattr(polars, name) for name in ("Int128", "UInt128") if hasattr(polars, name)]
    if not series.dtype.is_decimal() and series.dtype not in wide:
        return None
    places = series.dtype.scale if series.dtype.is_decimal() else 0
    absent = series.is_null().to_numpy() if series.null_count() else None
    whole = series.to_physical()
    whole = whole.fill_null(0) if absent is not None else whole
    fits = len(whole) == 0 or (whole.min() >= -(2**63) and whole.max() < 2**63)
    return Decimals(whole.cast(polars.Int64).to_numpy() if fits else whole.to_list(), absent, places)


def _of_pyarrow(array: Any) -> Decimals | None:
    """Read decimals as the whole numbers that they are stored as; where 128 bits are not enough, one by one."""
    import pyarrow

    if not pyarrow.types.is_decimal(array.type):
        return None
    places = array.type.scale
    if places < 0 or array.type.bit_width > 128:
        nothing = Decimals(_narrow([0] * len(array)), _mask([True] * len(array)), max(places, 0))
        return of_objects(array.to_pylist()) or nothing
    absent = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    filled = array.cast(pyarrow.decimal128(38, places))
    filled = filled.fill_null(0) if absent is not None else filled
    chunks = filled.chunks if isinstance(filled, pyarrow.ChunkedArray) else [filled]
    words = [_words(chunk) for chunk in chunks if len(chunk)]
    pairs: NDArray[np.int64] = np.concatenate(words) if words else np.empty((0, 2), dtype=np.int64)
    if (pairs[:, 1] == pairs[:, 0] >> 63).all():  # the upper word repeats the sign of the lower
        return Decimals(np.ascontiguousarray(pairs[:, 0]), absent, places)
    return Decimals([(high << 64) | (low & (2**64 - 1)) for low, high in pairs.tolist()], absent, places)


def _words(chunk: Any) -> NDArray[np.int64]:
    stored = np.frombuffer(chunk.buffers()[1], dtype="<i8", count=2 * (chunk.offset + len(chunk)))
    return stored.reshape(-1, 2)[chunk.offset :].astype(np.int64)
