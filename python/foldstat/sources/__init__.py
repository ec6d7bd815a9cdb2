"""Rows that need not lie in memory: whatever comes in chunks and can be opened again.

`as_source` opens it, `as_matrices` reads it as floats, `sample_rows` draws some of its rows. Summaries take the same
things directly. These are sources:

* a path, a glob, a folder, or a list of these: files of Parquet (``.parquet``, ``.pq``), Feather and Arrow
  (``.feather``, ``.arrow``, ``.ipc``), CSV (``.csv``, also packed as ``.csv.gz``) and NumPy (``.npy``), in the order
  of their names;
* a list or tuple of arrays of two dimensions, or of frames of any library;
* a function without arguments that gives a fresh iterator of them each time it is called, as a generator function does;
* a Dataset or Scanner of pyarrow, a LazyFrame of Polars, a relation of DuckDB, a table of ibis;
* what has ``__arrow_c_stream__`` and no length: each pass asks it for a stream;
* an iterator, a generator or a ``RecordBatchReader``: it is read once, and refused where several passes are needed.

Arrays, memory maps and frames lie in memory, and are no sources.

A chunk has at most 16 MiB, or as many bytes as the environment variable ``FOLDSTAT_CHUNK_BYTES`` says; chunks of your
own are taken as they are. While one is computed with, a thread reads the next; but code of yours (iterators, functions,
streams) runs on the calling thread. So files take about 100 MB of memory, whatever their row groups are. Libraries
that compute hold what they hold: Polars and the Scanner of pyarrow whole row groups, DuckDB what its ``memory_limit``
allows; and a compressed batch of an Arrow file is in memory as a whole.

Collections of Dask lie elsewhere, in pieces that are worked on there: `as_pieces` gives these `Pieces`.

Examples
--------
>>> import tempfile, pathlib
>>> import numpy as np
>>> from foldstat import Summary, sources
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> for day in range(3):
...     np.save(folder / f"day{day}.npy", np.full((4, 2), float(day)))
>>> Summary(folder / "*.npy").mean
1.0
>>> matrices = sources.as_matrices(folder)
>>> matrices.n_rows, matrices.n_columns
(12, 2)
>>> [block.place(0).rpartition("/")[2] for block in matrices]
['day0.npy', 'day1.npy', 'day2.npy']
"""

from foldstat._common.lazy import only
from foldstat.sources._as_source import as_source
from foldstat.sources._dask import as_pieces
from foldstat.sources._matrices import Block, Matrices, as_matrices
from foldstat.sources._pieces import Pieces, WeightedRows
from foldstat.sources._row_sample import RowSample
from foldstat.sources._sample_rows import sample_rows
from foldstat.sources._source import Chunk, Source

__all__ = [
    "Block",
    "Chunk",
    "Matrices",
    "Pieces",
    "RowSample",
    "Source",
    "WeightedRows",
    "as_matrices",
    "as_pieces",
    "as_source",
    "sample_rows",
]

__dir__ = only(__all__)
