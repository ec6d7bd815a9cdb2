"""What counts as numbers, and how each kind of it reaches the compiled module without a copy where that is possible.

The compiled module reads NumPy arrays of 1 or 2 dimensions and Arrow columns where they lie, and any other Python
objects one by one. `as_numbers` turns everything else into one of these.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.arrays import aligned
from foldstat._common.callers import warn_caller
from foldstat._common.libraries import is_of, offers_arrow
from foldstat.summary._causes import causes_told
from foldstat.summary._left_out import agreed
from foldstat.summary._nulls import Masked, exact_array

if TYPE_CHECKING:
    from foldstat._core import ArrowColumn

Column: TypeAlias = "NDArray[Any] | ArrowColumn"

Numbers: TypeAlias = "NDArray[Any] | ArrowColumn | Masked | Items | Frame"

Label: TypeAlias = "str | int"

_Read = TypeVar("_Read")

_TEXT = (str, bytes, bytearray)
_WIDE = ("int128", "uint128")  # of Polars, which are numbers, of which some are not read


class UnfitError(TypeError):
    """Of a column that holds what is wanted, which the settings of a summary do not go together with."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of one length, whatever each of them holds."""

    columns: tuple[Any, ...]
    names: tuple[Label, ...] | None
    n_rows: int

    def labels(self) -> tuple[Label, ...]:
        """Name every column, by its number if it has no other name."""
        return self.names or tuple(str(i) for i in range(len(self.columns)))

    def only_numbers(self, name: str, *, strict: bool = False) -> Frame:
        """Give the columns that hold numbers, read as such, and say in a warning which do not; raise if strict."""
        found, names = self.kept(name, as_column, "integers, floats or booleans", strict=strict)
        return Frame(tuple(found), names, self.n_rows)

    def kept(
        self, name: str, read: Callable[[Any, str], _Read], wanted: str, *, strict: bool
    ) -> tuple[list[_Read], tuple[Label, ...] | None]:
        """Read the columns that hold what is wanted, and say in a warning which do not; raise if strict."""
        found: dict[int, _Read] = {}
        others: dict[Label, str] = {}
        unfit: dict[Label, str] = {}
        problems: list[str] = []
        left_out = None if strict or not self.n_rows else agreed()
        for position, (label, column) in enumerate(zip(self.labels(), self.columns, strict=True)):
            if left_out is not None and left_out.is_blank(label, column):
                others[label] = _type_words(column)
                continue
            try:
                found[position] = read(column, f"{name}[{label!r}]")
            except TypeError as error:
                strict = strict or getattr(column, "type", None) in _WIDE
                problems.append(str(error))
                others[label] = _type_words(column)
                if isinstance(error, UnfitError):
                    unfit[label] = str(error)
            except (ValueError, OverflowError) as error:  # of numbers, that are not read as they are
                strict = True
                problems.append(str(error))
        if problems and (strict or not found):
            raise TypeError(f"only columns of numbers can be summarised, leave others out first: {'; '.join(problems)}")
        if left_out is None or left_out.agree(others):
            _tell(name, wanted, others, unfit)
        if not others:
            return list(found.values()), self.names
        names = self.names or tuple(range(len(self.columns)))  # numbers would be those of other columns
        return list(found.values()), tuple(names[position] for position in found)

    def numeric(self, name: str) -> list[Column]:
        """Give the columns as numbers; a TypeError names those that hold none."""
        return list(self.only_numbers(name, strict=True).columns)


def _tell(name: str, wanted: str, others: Mapping[Label, str], unfit: Mapping[Label, str]) -> None:
    """Say in a warning which columns are left out."""
    told = ", ".join(f"{label!r} ({kind})" for label, kind in others.items() if label not in unfit)
    if told:
        warn_caller(f"columns of {name} that are not {wanted} are left out: {told}")
    if unfit:
        warn_caller(f"columns of {name} are left out: {'; '.join(unfit.values())}")


def _type_words(column: Any) -> str:
    return str(getattr(column, "dtype", getattr(column, "type", "objects")))


@dataclass(frozen=True, slots=True)
class Items:
    """Python objects, to be read one by one; in C order if they are those of an array."""

    values: Iterable[Any]
    shape: tuple[int, ...] | None = None

    def together(self, name: str) -> NDArray[Any] | Masked:
        """Give them all as an array."""
        found = exact_array(list(self.values), name)
        if self.shape is None or len(self.shape) == 1:
            return found
        if isinstance(found, Masked):
            return Masked(found.data.reshape(self.shape), found.mask.reshape(self.shape))
        return found.reshape(self.shape)


def as_numbers(x: Any, name: str = "x") -> Numbers:
    """Turn anything that holds numbers into an array of any shape, an Arrow column, objects, or columns."""
    if isinstance(x, np.ndarray):
        if x.dtype.names is not None:
            return _structured(x, name)
        return _masked(x, name) if isinstance(x, np.ma.MaskedArray) else _array(x, name)
    if is_of(x, "pandas", "DataFrame"):
        return _pandas_frame(x)
    if is_of(x, "pandas", "Series", "Index"):
        return _pandas(x, name)
    if isinstance(x, Mapping):
        return _frame(list(x.values()), map(as_label, x), name)
    if offers_arrow(x):
        return _arrow_source(x, name)
    if x is None:
        raise TypeError(f"{name} must be numbers, got None")
    if isinstance(x, (numbers.Number, np.generic)):
        raise TypeError(f"{name} must be many numbers, got the single {x!r}: put it into a list, [{x!r}]")
    if isinstance(x, _TEXT):
        raise TypeError(f"{name} must be numbers, got {type(x).__name__}: convert it first, for instance with float()")
    if hasattr(x, "__array__") or _has_buffer(x):
        return _array(np.asarray(x), name)
    if _is_nested(x):
        return _exact(x, name)
    if isinstance(x, Iterable):
        return Items(x)
    raise TypeError(f"{name} must be an array, a frame or an iterable of numbers, got {type(x).__name__}")


def _exact(values: Any, name: str) -> NDArray[Any] | Masked:
    """Turn nested lists into numbers that the compiled module reads."""
    found = exact_array(values, name)
    return found if isinstance(found, Masked) else _numeric(found, name)


def _structured(array: NDArray[Any], name: str) -> Frame:
    if isinstance(array, np.ma.MaskedArray) or array.ndim != 1 or array.dtype.names is None:
        raise TypeError(f"{name} is a structured array: these must have one dimension and no mask")
    return _frame([array[field] for field in array.dtype.names], array.dtype.names, name)


def _pandas_frame(frame: Any) -> Frame:
    labels = list(frame.columns)
    numbered = labels == list(range(len(labels)))  # pandas' stand-in for no names
    columns = [frame.iloc[:, i] for i in range(len(labels))]
    return Frame(tuple(columns), None if numbered else tuple(map(as_label, labels)), len(frame))


def as_label(label: Any) -> Label:
    """Keep names that are text or integers; others, as dates and tuples, become text."""
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return int(label)
    return str(label)


def _arrow_source(x: Any, name: str) -> ArrowColumn | Frame:
    kind = str(getattr(x, "dtype", getattr(x, "type", "")))
    if kind.lower().startswith("struct"):  # of a column, whose fields would pass for columns of a table
        raise TypeError(f"{name} must hold numbers, got structs ({kind}): take their fields out first")
    with causes_told():
        columns = _core.arrow_columns(x)
    if is_of(x, "polars", "DataFrame"):
        columns = [_short(x, i) if column.type in _WIDE else column for i, column in enumerate(columns)]
    tabular = len(columns) != 1 or any(hasattr(x, of) for of in ("columns", "column_names", "read_next_batch"))
    if tabular and not is_of(x, "polars", "Series"):
        return _frame(columns, [column.name or str(i) for i, column in enumerate(columns)], name)
    return _arrow(columns[0], name)


def _short(frame: Any, position: int) -> ArrowColumn:
    """Give a column of Polars' integers of 128 bits as one of 64 bits, if these hold all of them."""
    polars = sys.modules["polars"]
    series = frame.to_series(position)
    narrow = series.cast(polars.Int64, strict=False)
    column: ArrowColumn = _core.arrow_columns(narrow if narrow.null_count() == series.null_count() else series)[0]
    return column


def _frame(columns: Sequence[Any], names: Iterable[Label], name: str) -> Frame:
    labels = tuple(names)
    listed = tuple(_listed(column, f"{name}[{label!r}]") for label, column in zip(labels, columns, strict=True))
    rows = len(listed[0]) if listed else 0
    for label, column in zip(labels, listed, strict=True):
        if len(column) != rows:
            raise ValueError(
                f"all columns of {name} must have {rows} rows as the first has, got {len(column)} in {label!r}"
            )
    return Frame(listed, labels, rows)


def _listed(column: Any, name: str) -> Any:
    if isinstance(column, (*_TEXT, Mapping)) or not isinstance(column, (Iterable, _core.ArrowColumn)):
        raise TypeError(f"{name} must be a column of numbers, got {column!r}")
    if isinstance(column, np.ndarray) and column.ndim == 0:
        raise TypeError(f"{name} must be a column of numbers, got the single {column!r}")
    return column if hasattr(column, "__len__") else list(column)


def as_column(x: Any, name: str = "x") -> Column:
    """Turn one column into an array of one dimension, or an Arrow column."""
    found = x if isinstance(x, _core.ArrowColumn) else as_numbers(x, name)
    if isinstance(found, Items):
        found = Items(list(found.values), found.shape)
        if any(isinstance(cell, (list, tuple)) or getattr(cell, "ndim", 0) for cell in found.values):
            raise TypeError(f"{name} must hold numbers, got lists or arrays")
        found = found.together(name)
    if isinstance(found, Frame):
        raise TypeError(f"{name} must be one column, got {len(found.columns)}")
    if isinstance(found, (np.ndarray, Masked)):
        if len(found.shape) != 1:
            raise ValueError(f"{name} must have one dimension, got shape {found.shape}")
        return found.column(name) if isinstance(found, Masked) else _numeric(found, name)
    return _arrow(found, name)


def optional_column(x: Any, name: str) -> Column | None:
    """Turn a column into numbers, or give None if it does not hold numbers."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return None
    if is_of(x, "pandas", "Series") and x.dtype == object:
        return None
    try:
        return as_column(x, name)
    except (TypeError, OverflowError):
        return None


def flat(array: NDArray[Any], *, ordered: bool) -> NDArray[Any]:
    """Give the numbers in one row: in C order, or in whatever order costs no copy."""
    return array if array.ndim == 1 else array.ravel(order="C" if ordered else "K")


def _array(array: NDArray[Any], name: str) -> NDArray[Any] | Items:
    if array.dtype.kind == "O":
        return Items(array.ravel().tolist(), array.shape)
    return _numeric(array, name)


def _numeric(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Give an array of a dtype that the compiled module reads."""
    kind, dtype = array.dtype.kind, array.dtype
    if kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {dtype}{_ADVICE.get(kind, '')}")
    if dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {dtype}, whose values a float64 does not hold: use .astype(float) to round")
    if dtype.itemsize == 2 and kind == "f":
        return np.asarray(array, dtype=np.float32)
    return aligned(np.asarray(array, dtype=dtype.newbyteorder("=")))


_ADVICE = {
    "c": ": take .real, .imag or abs() first",
    "U": ": convert the text with .astype(float) first",
    "S": ": convert the text with .astype(float) first",
}


def _masked(array: np.ma.MaskedArray[Any, Any], name: str) -> NDArray[Any] | Masked | Items:
    """Read masked entries as nulls."""
    if array.dtype.kind == "O":
        return Items(array.ravel().tolist(), array.shape)
    data, mask = _numeric(np.asarray(array.data), name), np.ma.getmaskarray(array)
    return Masked(data, mask) if mask.any() else data


def _pandas(series: Any, name: str) -> NDArray[Any] | ArrowColumn | Items:
    """Read a NumPy-backed Series where it lies, others through Arrow or, without pyarrow, one by one."""
    if isinstance(series.dtype, np.dtype):
        return _array(series.to_numpy(), name)
    if is_of(series.dtype, "pandas", "SparseDtype"):
        return _array(np.asarray(series), name)
    # Others may be stored as numbers, and are none: the days of a period, the left ends of an interval.
    types = sys.modules["pandas"].api.types
    null = str(series.dtype) == "null[pyarrow]"
    if not (types.is_numeric_dtype(series.dtype) or types.is_bool_dtype(series.dtype) or null):
        raise TypeError(f"{name} must hold numbers, got dtype {series.dtype}")
    try:
        if not offers_arrow(series):
            import pyarrow

            series = pyarrow.Array.from_pandas(series)
        columns = _core.arrow_columns(series)
    except ImportError:
        return Items(series.tolist())
    if len(columns) != 1:
        raise TypeError(f"{name} must be one column, got {len(columns)} of dtype {series.dtype}")
    return _arrow(columns[0], name)


def _arrow(column: ArrowColumn, name: str) -> ArrowColumn:
    if column.kind == "decimal":
        column = _whole_decimals(column, name)
    if column.kind not in ("number", "boolean"):
        wide = ", whose values need more than 64 bits" if column.type in _WIDE else ""
        raise TypeError(
            f"{name} must hold numbers, got the Arrow type {column.type}{wide}: integers, floats and booleans are read"
        )
    return column


def _whole_decimals(column: ArrowColumn, name: str) -> ArrowColumn:
    """Give decimals without places as the integers that they are; others as they are."""
    found = decimals_in(column, name)
    return column if found is None or found[1] > 0 else found[0]


def decimals_in(column: ArrowColumn, name: str) -> tuple[ArrowColumn, int] | None:
    """Give decimals as a column of whole numbers, and how many of their digits are behind the point."""
    try:
        return column.decimals()
    except OverflowError as error:
        raise OverflowError(f"{name} holds {too_wide(str(error))}") from None


def too_wide(number: str) -> str:
    """Say why a number is not read."""
    return f"{number}, which needs more than 64 bits: describe reads it exactly, a Summary needs .astype(float)"


def check_index(X: Any, other: Any, argument: str, name: str, axis: int = 0) -> None:
    """Refuse a pandas object whose rows are not labelled as those of `X` are: by position it would be misread."""
    index = getattr(X, "columns" if axis == 1 else "index", None)
    if not is_of(X, "pandas", "Series", "DataFrame") or not is_of(other, "pandas", "Series", "DataFrame"):
        return
    if index is not None and len(index) == len(other.index) and not index.equals(other.index):
        labels = "columns" if axis == 1 else "index"
        raise ValueError(
            f"{argument} and {name} have different labels ({name}.{labels} and {argument}.index): give "
            f"{argument}.reindex({name}.{labels}) to go by label, or {argument}.to_numpy() to go by position"
        )


def _has_buffer(x: Any) -> bool:
    try:
        memoryview(x)
    except TypeError:
        return False
    return True


def _is_nested(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], (list, tuple, np.ndarray))
