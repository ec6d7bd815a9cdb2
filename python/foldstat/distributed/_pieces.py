"""Chunks of rows as pieces that an executor works on.

Here and not in `sources`, whose pieces of Dask know how to get to their workers: these need the executors of
`map_reduce`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, FLOAT64, as_rows
from foldstat._common.libraries import is_of, native
from foldstat._common.threads import thread_count
from foldstat.distributed._executor import Executor, workers_of
from foldstat.distributed._map_reduce import run_all
from foldstat.distributed._run import Rules
from foldstat.sources import Pieces, as_matrices, as_source
from foldstat.sources._alike import check_same, in_order
from foldstat.sources._piece_rows import ArrayRows, FrameRows, check_columns
from foldstat.sources._piece_work import Work, merged, work_on_piece
from foldstat.sources._pieces import FAN_IN, Progress, WeightedRows, check_fan_in
from foldstat.sources._source import chosen, counted
from foldstat.sources._tables import as_table, columns_of, dtype_of, is_table, names_of, rows_of

Layout: TypeAlias = "tuple[str, ...] | Literal['unknown'] | None"  # names of all columns; None where they have none

_RULES = Rules(retries=0, on_error="raise", timeout=None)


def chunk_pieces(
    chunks: Sequence[Any],
    executor: Executor | None = None,
    columns: Sequence[str] | None = None,
    sample_weight: Any = None,
    name: str = "X",
    *,
    nulls: bool = False,
) -> Pieces:
    """Give chunks of rows as pieces that an executor works on.

    Parameters
    ----------
    chunks : list or tuple
        Arrays of two dimensions or frames, which travel to the workers in every pass; or, so that they need not, what
        workers make chunks of: functions without arguments that return one, paths of files.
    executor : object with a ``submit`` method, optional
        As in `foldstat.map_reduce`. Default: threads.
    columns : sequence of str, optional
        Which columns of frames, and in which order. Default: all those of the first.
    sample_weight : str or list of arrays, optional
        The name of a column of frames, or weights for the rows of each chunk.
    name : str, default='X'
        What messages call it.
    nulls : bool, default=False
        Whether a null in a column is NaN, in place of an error.

    Returns
    -------
    Pieces

    Raises
    ------
    TypeError
        If it is no list of chunks.
    ValueError
        If there are none, or other numbers of weights.

    Examples
    --------
    >>> import numpy as np
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from foldstat.distributed import chunk_pieces
    >>> with ThreadPoolExecutor(2) as pool:
    ...     pieces = chunk_pieces([np.ones((3, 2)), np.ones((4, 2))], pool)
    ...     pieces.fold(lambda rows, index: rows.sum())
    np.float64(14.0)
    """
    return ExecutorPieces(_parts(chunks, name), executor, columns, sample_weight, name, nulls)


class ExecutorPieces(Pieces):
    """Chunks of rows, and the executor that works on them; made by `chunk_pieces`."""

    def __init__(
        self,
        parts: list[Any],
        executor: Executor | None,
        columns: Any,
        sample_weight: Any,
        name: str,
        nulls: bool,
    ) -> None:
        self._executor, self.n_pieces = executor, len(parts)
        self._weights, column = _weights(sample_weight, parts)
        self._parts = parts
        first = parts[0]
        self.names, self.n_columns, self.dtype = None, None, None
        layout: Layout = "unknown"  # until workers have made the chunk
        if is_table(first):
            layout = names_of(as_table(first))
            self.dtype = FLOAT64 if any(dtype_of(part) != FLOAT32 for part in parts if is_table(part)) else FLOAT32
        elif isinstance(first, np.ndarray):
            layout = None
            self.n_columns = as_rows(first, name).shape[1]
            self.dtype = FLOAT32 if all(_is_single(part) for part in parts) else FLOAT64
        elif isinstance(first, (str, PurePath)) and Path(first).is_file():
            layout = getattr(as_source(first), "columns", None)
        names = chosen(columns if layout == "unknown" else layout, columns, name)
        if columns is not None:
            layout = "unknown"  # of which some are taken, whatever others are there
        elif isinstance(layout, tuple):
            names = layout
        if names is not None:
            self.names = tuple(label for label in names if label != column)
            self.n_columns = len(self.names)
        elif is_table(first):
            self.n_columns = len(columns_of(as_table(first)))
        self.weighted = sample_weight is not None
        self.lengths = tuple(_length(part) for part in parts)
        self._read = ChunkRows(name, self.names, self.n_columns, self.dtype, column, layout, nulls)

    def label(self, i: int) -> str:
        """Name a piece."""
        return f"chunk {i}"

    def fold(
        self,
        task: Callable[..., Any],
        *broadcast: Any,
        merge: Callable[[Any, Any], Any] = operator.add,
        fan_in: int = FAN_IN,
        progress: Progress = False,
        desc: str = "fold",
    ) -> Any:
        """Fold by the executor; what calls need travels with each batch of them."""
        work = Work(task, self._read, broadcast, "chunk", self._threads(), thread_count(None))
        call = _Call(work, merge)
        items: Iterable[Any] = _Items(self._parts, self._weights)
        found: _Result = run_all(
            call, items, _Result, self._executor, check_fan_in(fan_in), _RULES, progress, desc=desc, unit="chunk"
        )
        return found.value

    def map(self, task: Callable[..., Any], *broadcast: Any, meta: Any) -> list[Any]:
        """Give a list of what the function returns for each chunk, at once."""
        found: list[Any] = self.fold(_Listed(task), *broadcast, desc="map")
        return found

    def _threads(self) -> int | None:
        """Give the threads of each task: one where workers are not counted. A worker of Dask knows better: None."""
        if is_of(self._executor, "distributed.cfexecutor", "ClientExecutor"):
            return None
        total = _core.resolve_threads(thread_count(None))
        workers = total if self._executor is None else workers_of(self._executor)
        return 1 if workers is None else max(1, total // min(workers, self.n_pieces))


@dataclass(frozen=True)
class ChunkRows:
    """Reads a chunk, or what makes one."""

    name: str
    names: tuple[str, ...] | None
    n_columns: int | None
    dtype: np.dtype[Any] | None
    weight: str | None
    layout: Layout
    nulls: bool  # whether a null is NaN

    def __call__(self, place: str, chunk: Any, weights: Any = None) -> Any:
        if isinstance(chunk, (str, PurePath)):
            return self._of_file(place, chunk, weights)
        if callable(chunk):
            chunk = native(chunk())
        if not is_table(chunk):
            if self.names is not None:
                raise ValueError(f"{place} has no names of columns, as others have")
            return self._of_array(place, chunk, weights)
        return self._of_table(place, as_table(chunk), weights)

    def _of_array(self, place: str, chunk: Any, weights: Any) -> Any:
        rows = as_rows(chunk, self.name)
        return ArrayRows(self.name, self.n_columns or rows.shape[1])(place, rows, weights)

    def _of_table(self, place: str, table: Any, weights: Any) -> Any:
        there = names_of(table)
        if not there and not rows_of(table):
            return self._of_array(place, np.empty((0, self.n_columns or 0)), weights)
        if self.layout != "unknown":
            table = in_order(table, self.layout, place)
        if there is None and self.names is None:
            table = {str(j): column for j, column in enumerate(columns_of(table))}
        names = self.names or tuple(name for name in names_of(table) or () if name != self.weight)
        check_columns(len(names), self.n_columns or len(names), place)
        return FrameRows(names, self.dtype or dtype_of(table), self.weight, self.nulls)(place, table, weights)

    def _of_file(self, place: str, path: Any, weights: Any) -> Any:
        matrices = as_matrices(path, None if self.layout != "unknown" else self.names, self.weight, nulls=self.nulls)
        assert matrices is not None
        if self.layout != "unknown" and matrices.names != self.names:
            check_same(matrices.names, self.names, place)
            matrices = as_matrices(path, self.names, self.weight, nulls=self.nulls)
            assert matrices is not None
        blocks = [(block.rows.copy(), block.weights) for block in matrices]
        rows = np.concatenate([rows for rows, _ in blocks])
        if self.weight is None:
            return self._of_array(place, rows, weights)
        return WeightedRows(rows, np.concatenate([weights for _, weights in blocks if weights is not None]))


class _Items:
    """Chunks with their numbers and weights; as many as there are."""

    def __init__(self, parts: list[Any], weights: list[Any] | None) -> None:
        self._parts, self._weights = parts, weights

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Any:
        for index, part in enumerate(self._parts):
            yield _Item((index, part) if self._weights is None else (index, part, self._weights[index]))


class _Item(tuple[Any, ...]):
    """The number of a chunk, the chunk and its weights; shown as its number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"chunk {self[0]}"


@dataclass(frozen=True)
class _Result:
    """What a task returned, and how it is merged."""

    value: Any = None
    merge: Callable[[Any, Any], Any] = operator.add

    @classmethod
    def merge_all(cls, results: Sequence[_Result]) -> _Result:
        return cls(merged(results[0].merge, *(result.value for result in results)), results[0].merge)


@dataclass(frozen=True)
class _Call:
    """Works on an item."""

    work: Work
    merge: Callable[[Any, Any], Any]

    def __call__(self, item: tuple[Any, ...]) -> _Result:
        index, *parts = item
        return _Result(work_on_piece(self.work, index, (None,) * len(parts), *parts), self.merge)


@dataclass(frozen=True)
class _Listed:
    """Puts what a task returns into a list."""

    task: Callable[..., Any]

    def __call__(self, piece: Any, index: int, *broadcast: Any) -> list[Any]:
        return [self.task(piece, index, *broadcast)]


def _parts(chunks: Any, name: str) -> list[Any]:
    if not isinstance(chunks, (list, tuple)):
        raise TypeError(
            f"{name} must be a list of chunks where an executor works on them: arrays, frames, functions that return "
            f"one, or paths; got {type(chunks).__name__}"
        )
    parts = [native(chunk) for chunk in chunks]
    if not parts:
        raise ValueError(f"{name} is a list without any chunk")
    for i, part in enumerate(parts):
        array = isinstance(part, np.ndarray)
        if not (array or is_table(part) or callable(part) or isinstance(part, (str, PurePath))):
            raise TypeError(f"{name}[{i}] must be an array, a frame, a function or a path, got {type(part).__name__}")
    return parts


def _weights(sample_weight: Any, parts: list[Any]) -> tuple[list[Any] | None, str | None]:
    if sample_weight is None or isinstance(sample_weight, str):
        return None, sample_weight
    if not isinstance(sample_weight, (list, tuple)):
        raise TypeError(
            "sample_weight must be the name of a column, or a list of arrays, one for each chunk; got "
            f"{type(sample_weight).__name__}"
        )
    if len(sample_weight) != len(parts):
        raise ValueError(f"sample_weight has {counted(len(sample_weight), 'array')} for {counted(len(parts), 'chunk')}")
    return list(sample_weight), None


def _is_single(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.newbyteorder("=") == FLOAT32


def _length(part: Any) -> int | None:
    if isinstance(part, np.ndarray):
        return len(part)
    return int(rows_of(part)) if is_table(part) else None
