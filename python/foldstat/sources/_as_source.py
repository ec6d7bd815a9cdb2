"""Which source something is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from foldstat._common.libraries import is_of, native
from foldstat.sources._dask import is_collection
from foldstat.sources._dataset import DatasetSource, ScannerSource
from foldstat.sources._files import files_source, is_path
from foldstat.sources._iterators import FunctionSource, IteratorSource, is_function
from foldstat.sources._polars import LazyFrameSource
from foldstat.sources._readers import ExpressionSource, ReaderSource, RelationSource, StreamSource
from foldstat.sources._sequence import SequenceSource, is_chunk
from foldstat.sources._source import Source
from foldstat.sources._tables import is_eager

_OF_LIBRARIES: list[tuple[str, tuple[str, ...], Callable[[Any, Any], Source]]] = [
    ("pyarrow.dataset", ("Dataset",), DatasetSource),
    ("pyarrow.dataset", ("Scanner",), ScannerSource),
    ("polars", ("LazyFrame",), LazyFrameSource),
    ("duckdb", ("DuckDBPyRelation",), RelationSource),
    ("ibis.expr.types", ("Table",), ExpressionSource),
]


def _kind_of_stream(x: Any) -> Callable[[Any, Any], Source] | None:
    for module, names, kind in _OF_LIBRARIES:
        if is_of(x, module, *names):
            return kind
    return ReaderSource if hasattr(x, "read_next_batch") and hasattr(x, "schema") else None


def is_known_stream(x: Any) -> bool:
    """Tell whether `x` is of a library whose streams are known, or a reader of record batches."""
    return _kind_of_stream(x) is not None


def _refuse_sources(first: Any) -> None:
    """Refuse a list of what comes in chunks itself, which would be taken for numbers."""
    if isinstance(first, (Source, Iterator)) or is_known_stream(first) or is_function(first) or is_collection(first):
        raise TypeError(
            f"a list must hold arrays of two dimensions, frames or paths, its first is a {type(first).__name__}, which "
            "comes in chunks itself: give a function that yields the chunks of all of them"
        )


def as_source(x: Any, columns: Any = None) -> Source | None:
    """Open whatever comes in chunks.

    Parameters
    ----------
    x : object
        A path or a glob of Parquet, Feather, CSV or ``.npy`` files, a folder or a list of such; a list or tuple of
        arrays of two dimensions or of frames; a function without arguments that gives a fresh iterator of them each
        time it is called; a pyarrow Dataset or Scanner, a LazyFrame of Polars, a relation of DuckDB, a table of
        ibis; an iterator of arrays or frames, which can be read only once.
    columns : list of str, optional
        Which columns, in which order, where they have names.

    Returns
    -------
    Source or None
        None if `x` lies in memory: arrays, memory maps, frames, numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file has an unknown type or cannot be read, or a column is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.sources import as_source
    >>> source = as_source([np.ones((3, 2)), np.zeros((4, 2))])
    >>> source.n_rows, [chunk.label for chunk in source.chunks()]
    (7, ['chunk 0', 'chunk 1'])
    >>> as_source(np.ones((3, 2))) is None
    True
    """
    if isinstance(x, Source) and columns is None:
        return x
    x = native(x)
    if is_path(x):
        return files_source(x, columns)
    if isinstance(x, (list, tuple)) and x:
        if all(map(is_path, x)):
            return files_source(x, columns)
        _refuse_sources(x[0])
        return SequenceSource(x, columns) if is_chunk(x[0]) else None
    kind = _kind_of_stream(x)
    if kind is not None:
        return kind(x, columns)
    if hasattr(x, "__arrow_c_stream__"):
        return None if is_eager(x) else StreamSource(x, columns)
    if is_function(x):
        return FunctionSource(x, columns)
    if isinstance(x, Iterator) and not hasattr(x, "__array__"):
        return IteratorSource(x, columns)
    return None
