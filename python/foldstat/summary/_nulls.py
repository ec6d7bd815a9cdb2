"""Numbers among which some are missing, and Python objects that are numbers or missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.room import room_for

if TYPE_CHECKING:
    from foldstat._core import ArrowColumn


_OF_A_COLUMN = 1536  # bytes that a short column takes as an object of pyarrow's


# What is said of a decimal that came where only numbers are read.
OF_DECIMAL = "is of type Decimal: these are read in one dimension, all of them finite, among ints and None only"


@dataclass(frozen=True, slots=True)
class Masked:
    """Numbers of any shape; where `mask` is true there is a null."""

    data: NDArray[Any]
    mask: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the numbers."""
        return self.data.shape

    def transposed(self) -> Masked:
        """Give rows as columns."""
        return Masked(self.data.T, self.mask.T)

    def columns(self, name: str) -> tuple[NDArray[Any] | ArrowColumn, ...]:
        """Give the columns of a matrix."""
        n_rows, n_columns = self.shape
        with room_for(f"{n_columns} columns with nulls"):  # libraries in C++ end the process where there is none
            np.empty(n_columns * (_OF_A_COLUMN + self.data.itemsize * n_rows), dtype=np.uint8)
        pairs = zip(self.data.T, self.mask.T, strict=True)
        return tuple(Masked(data, mask).column(name) for data, mask in pairs)

    def column(self, name: str) -> NDArray[Any] | ArrowColumn:
        """Give all numbers, in C order, as one column: through pyarrow or Polars, whichever is installed."""
        data, mask = self.data.ravel(), self.mask.ravel()
        if not mask.any():
            return data
        for library, convert in (("pyarrow", _with_pyarrow), ("polars", _with_polars)):
            try:
                module = importlib.import_module(library)
            except ImportError:
                continue
            return _core.arrow_columns(convert(module, data, mask))[0]
        raise TypeError(
            f"{name} has nulls, which need pyarrow or Polars here (pip install pyarrow); or have NaN in their place"
        )

    def items(self) -> list[Any]:
        """Give all numbers, in C order, as Python objects."""
        pairs = zip(self.data.ravel().tolist(), self.mask.ravel().tolist(), strict=True)
        return [None if absent else value for value, absent in pairs]


def _with_pyarrow(pyarrow: Any, data: NDArray[Any], mask: NDArray[np.bool_]) -> Any:
    return pyarrow.array(data, mask=mask, from_pandas=False)


def _with_polars(polars: Any, data: NDArray[Any], mask: NDArray[np.bool_]) -> Any:
    return polars.select(polars.when(polars.Series(~mask)).then(polars.Series(data))).to_series()


def is_null(value: Any) -> bool:
    """Tell what stands for a missing number among Python objects: None, pandas.NA, numpy.ma.masked."""
    if value is None or value is np.ma.masked:
        return True
    pandas = sys.modules.get("pandas")  # there is no pandas.NA before someone has imported it
    return pandas is not None and value is getattr(pandas, "NA", None)


def plain(value: Any) -> Any:
    """Give None for whatever stands for a missing number, and anything else as it is."""
    return None if is_null(value) else value


def plain_items(values: Iterable[Any]) -> Iterator[Any]:
    """Give items with None for those that are missing."""
    masked = np.ma.masked
    pandas = sys.modules.get("pandas")
    missing = None if pandas is None else getattr(pandas, "NA", None)
    return (None if value is masked or value is missing else value for value in values)


def exact_array(values: Any, name: str) -> NDArray[Any] | Masked:
    """Turn (nested) lists, or an array of objects, into an array that holds every number exactly."""
    if isinstance(values, (list, tuple)):
        values = [_plain_row(value) for value in values]
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers, got lists of different shapes") from None
    if array.size == 0 or array.dtype.kind in "biu":
        return array.astype(np.float64) if array.dtype.kind == "O" else array
    return from_objects(np.asarray(values, dtype=object), name)


def _plain_row(value: Any) -> Any:
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else plain(value)


def from_objects(objects: NDArray[Any], name: str) -> NDArray[Any] | Masked:
    """Turn an array of Python objects into one of numbers, and say which were null."""
    flat = [plain(value) for value in objects.ravel().tolist()]
    present: list[Any] = []
    for position, value in enumerate(flat):
        if value is None:
            continue
        if not isinstance(value, _NUMBERS) or isinstance(value, np.longdouble):
            place = _place(name, position, objects.shape)
            raise TypeError(
                f"{place} {OF_DECIMAL}"
                if isinstance(value, Decimal)
                else f"{place} is of type {type(value).__name__}; accepted are floats, ints, bools, None and NumPy's "
                "scalars of these"
            )
        present.append(value.item() if isinstance(value, np.generic) else value)
    numbers = _one_dtype(present, name)
    if len(present) == len(flat):
        return numbers.reshape(objects.shape)
    mask = np.array([value is None for value in flat], dtype=bool)
    data = np.zeros(len(flat), dtype=numbers.dtype)
    data[~mask] = numbers
    return Masked(data.reshape(objects.shape), mask.reshape(objects.shape))


_NUMBERS = (float, int, np.bool_, np.integer, np.floating)


def _place(name: str, position: int, shape: Sequence[int]) -> str:
    return f"{name}[{', '.join(str(i) for i in np.unravel_index(position, tuple(shape)))}]"


def _one_dtype(values: list[float | int], name: str) -> NDArray[Any]:
    """Find a dtype that holds all of the numbers as they are."""
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.bool_)
    integers = [value for value in values if isinstance(value, int)]
    low, high = min(integers, default=0), max(integers, default=0)
    if low < -(2**63) or high >= 2**64:
        raise OverflowError(f"{name} holds {low if low < -(2**63) else high}, which needs more than 64 bits")
    if values and len(integers) == len(values):
        if low >= 0 or high < 2**63:
            return np.array(values, dtype=np.int64 if high < 2**63 else np.uint64)
        if _floats_hold(values) is None:
            return np.array(values, dtype=np.float64)
        raise ValueError(f"{name} mixes {low} with {high}, which no integer type of 64 bits holds both: {_APART}")
    lost = _floats_hold(values)
    if lost is not None:
        raise ValueError(f"{name} mixes floats with {lost}, which no float holds: {_APART}")
    return np.array(values, dtype=np.float64)


_APART = "pass them as columns or pieces of their own"


def _floats_hold(values: list[float | int]) -> int | None:
    """Give an integer that no float holds, or None if there is none."""
    for value in values:
        if isinstance(value, int) and int(float(value)) != value:
            return value
    return None
