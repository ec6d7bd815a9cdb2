"""A source as matrices of floats whose columns are checked, and are the same in every pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import FLOAT32, FLOAT64, Floats, Rows, aligned, as_floats, refuse_masked
from foldstat.sources._ahead import ahead
from foldstat.sources._alike import in_order
from foldstat.sources._as_source import as_source
from foldstat.sources._buffers import Buffers
from foldstat.sources._source import Check, Chunk, Source, chosen, counted, rows_of_bytes
from foldstat.sources._tables import (
    ColumnError,
    columns_of,
    dtype_of,
    floats_of,
    is_table,
    names_of,
    rows_of,
    selected,
    sliced,
)
from foldstat.sources._weights import Taking, Weighing, weight_column


class Block(NamedTuple):
    """Some rows of a source as floats.

    Attributes
    ----------
    rows : ndarray of shape (n, d)
        The rows, float64 or float32, in C or Fortran order. Its memory is used again once nobody holds it.
    weights : ndarray of shape (n,) or None
        Their weights, float64.
    label : str
        Where they are from.
    first_row : int
        Number of the first of them there.
    """

    rows: Rows
    weights: Floats | None
    label: str
    first_row: int

    def place(self, row: int) -> str:
        """Say where one of the rows is from.

        Examples
        --------
        >>> Block(np.ones((3, 1)), None, "chunk 3", 100).place(2)
        'row 102 of chunk 3'
        """
        return f"row {self.first_row + row} of {self.label}"


class Matrices:
    """A source as matrices of floats; each iteration over it is a new pass, whose next block is read meanwhile.

    Attributes
    ----------
    name : str
        What it is called in messages.
    names : tuple of str or None
        Names of the columns, without that of the weights.
    n_columns : int
        Their number.
    dtype : dtype
        float32 if all columns are, else float64.
    n_rows : int or None
        Number of rows, where it is known without reading them, or from a pass before.
    weighted : bool
        Whether there are weights.
    opens_again : bool
        Whether there can be a second pass.
    """

    def __init__(self, source: Source, sample_weight: Any = None, columns: Any = None, *, nulls: bool = False) -> None:
        self._source, self._nulls = source, nulls
        self.name, self.opens_again = source.name, source.opens_again
        self._counted = source.n_rows
        self._weight_column = weight_column(sample_weight, source)
        given = sample_weight is not None and self._weight_column is None
        self._weighing = Weighing(sample_weight, self._counted) if given else None
        self.names = source.columns
        if self.names is not None and self._weight_column is not None:
            self.names = tuple(name for name in self.names if name != self._weight_column)
        if columns is not None:
            self.names = chosen(self.names, columns, self.name)
        empty = source.empty()
        if empty is None:
            raise ValueError(f"{self.name} has no rows")
        if is_table(empty):
            features = self._features(empty)
            self.n_columns, self.dtype = len(columns_of(features)), dtype_of(features)
            labels: Sequence[Any] = names_of(features) or range(self.n_columns)
            for name, column in zip(labels, columns_of(features), strict=True):
                _Place(self.name, 0).column(column, name, nulls)  # a text is refused before anything is read
        else:
            array = _two_dimensional(empty, self.name)
            self.n_columns, self.dtype = (
                array.shape[1],
                FLOAT32 if array.dtype.newbyteorder("=") == FLOAT32 else FLOAT64,
            )
        if self.n_columns == 0:
            raise ValueError(f"{self.name} has no columns of features")

    @property
    def weighted(self) -> bool:
        """Whether there are weights."""
        return self._weight_column is not None or self._weighing is not None

    @property
    def n_rows(self) -> int | None:
        """Number of rows, where it is known."""
        return self._counted

    def check_opens_again(self, argument: str = "X") -> None:
        """Refuse what can be read only once, where several passes are needed."""
        self._source.check_opens_again(argument)

    def __iter__(self) -> Iterator[Block]:
        function_weights = self._weighing is not None and self._weighing.is_code
        pairs = ahead(self._blocks) if self._source.reads_ahead and not function_weights else self._blocks()
        for block, check in pairs:
            if check is not None:
                check()
            yield block
            del block

    def _blocks(self) -> Iterator[tuple[Block, Check | None]]:
        buffers, n = Buffers(), 0
        weights = None if self._weighing is None else self._weighing.begin()
        chunks = self._source.chunks()
        try:
            for chunk in chunks:
                for block in self._of_chunk(chunk, buffers, weights):
                    n += len(block.rows)
                    yield block, chunk.check
                    del block
                del chunk
        finally:
            chunks.close()  # type: ignore[attr-defined]
        if weights is not None:
            weights.finish(n)
        if n == 0:
            raise ValueError(f"{self.name} has no rows")
        if self._counted not in (None, n):
            raise ValueError(
                f"{self.name} gave {counted(n, 'row')} in this pass, where there were {self._counted} before: what is "
                "read several times must stay the same"
            )
        self._counted = n

    def _of_chunk(self, chunk: Chunk, buffers: Buffers, taking: Taking | None) -> Iterator[Block]:
        data, label, first, check = chunk
        table = is_table(data)
        n = rows_of(data) if table else len(_two_dimensional(data, label))
        weights = None if taking is None else taking.take(n, label)
        if not table and data.shape[1] != self.n_columns:
            raise self._other_columns(label, data.shape[1])
        if n == 0:
            return
        if not table and data.dtype == self.dtype:
            yield Block(aligned(np.asarray(data)), weights, label, first)
            return
        if check is not None:
            check()
        step = rows_of_bytes(self.n_columns * self.dtype.itemsize)
        for begin in range(0, n, step):
            end = min(n, begin + step)
            part = sliced(data, begin, end) if table else data[begin:end]
            place = _Place(label, first + begin)
            own = None if weights is None else weights[begin:end]
            if table and self._weight_column is not None:
                own = place.column(columns_of(selected(part, [self._weight_column]))[0], self._weight_column)
            rows = self._of_table(part, place, buffers) if table else self._of_array(part, label, buffers)
            yield Block(rows, own, label, first + begin)
            del rows, part

    def _of_array(self, part: NDArray[Any], label: str, buffers: Buffers) -> Rows:
        rows = buffers.empty(part.shape, self.dtype)
        found = as_floats(part, label)
        self._check_precision(found.dtype, label)
        np.copyto(rows, found)
        return rows

    def _of_table(self, part: Any, place: _Place, buffers: Buffers) -> Rows:
        features = self._features(part, place.label)
        columns = columns_of(features)
        if len(columns) != self.n_columns:
            raise self._other_columns(place.label, len(columns))
        rows = buffers.empty((rows_of(part), self.n_columns), self.dtype, fortran=True)
        for j, column in enumerate(columns):
            name = j if self.names is None else self.names[j]
            found = place.column(column, name, self._nulls)
            self._check_precision(found.dtype, f"column {name!r} of {place.label}")
            np.copyto(rows[:, j], found, casting="unsafe")
        return rows

    def _other_columns(self, label: str, n: int) -> ValueError:
        return ValueError(f"{label} has {counted(n, 'column')}, where {self.n_columns} are expected")

    def _check_precision(self, dtype: np.dtype[Any], what: str) -> None:
        if self.dtype == FLOAT32 and dtype.newbyteorder("=") != FLOAT32:
            raise ValueError(f"{what} is of type {dtype}, where float32 is expected: chunks must have the same types")

    def _features(self, table: Any, label: str | None = None) -> Any:
        """Give the columns in the order of the first chunk, without that of the weights."""
        found = in_order(table, self._source.columns, label or self.name)
        return found if self.names == self._source.columns else selected(found, self.names or ())


class _Place(NamedTuple):
    label: str
    first_row: int

    def column(self, column: Any, name: str | int, nulls: bool = False) -> NDArray[Any]:
        """Read a column as numbers; an error says where it is."""
        try:
            return floats_of(column, nulls=nulls)
        except ColumnError as error:
            where = "" if error.row is None else f" in row {self.first_row + error.row}"
            raise error.kind(f"column {name!r} of {self.label} {error.problem}{where}") from None


def _two_dimensional(data: Any, label: str) -> NDArray[Any]:
    refuse_masked(data, label)
    if not isinstance(data, np.ndarray):
        raise TypeError(f"{label} must be an array of two dimensions or a frame, got {type(data).__name__}")
    if data.ndim != 2:
        raise ValueError(f"{label} must have 2 dimensions (rows, features), got shape {data.shape}")
    return data


def as_matrices(x: Any, columns: Any = None, sample_weight: Any = None, *, nulls: bool = False) -> Matrices | None:
    """Read a source as matrices of floats.

    Parameters
    ----------
    x : object
        As in `as_source`.
    columns : list of str, optional
        Which columns, in which order, where they have names.
    sample_weight : str, array-like of shape (n,), or source, optional
        The name of a column, which then is no feature; weights for all rows; a list of arrays, or a function that
        gives a fresh iterator of arrays, one for each chunk; or a source of one column.
    nulls : bool, default=False
        Whether a null in a column is NaN, in place of an error.

    Returns
    -------
    Matrices or None
        None if `x` lies in memory.

    Raises
    ------
    TypeError
        If a column holds no numbers.
    ValueError
        If there are no rows, a column is not there, or weights and rows disagree. While a pass is under way also if
        chunks have other columns than the first, or hold a null; the message says in which file or chunk and row.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.sources import as_matrices
    >>> matrices = as_matrices([np.ones((3, 2)), np.zeros((4, 2))])
    >>> matrices.n_columns, matrices.n_rows, [block.rows.shape for block in matrices]
    (2, 7, [(3, 2), (4, 2)])
    """
    if isinstance(x, Source):
        return Matrices(x, sample_weight, columns, nulls=nulls)
    asked = columns
    if isinstance(sample_weight, str) and columns is not None and sample_weight not in list(columns):
        asked = [*columns, sample_weight]
    source = as_source(x, asked)
    return None if source is None else Matrices(source, sample_weight, nulls=nulls)
