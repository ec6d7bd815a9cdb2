"""The same rows as every kind of source, cut as asked for."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet
import pytest


def cut(X, cuts):
    """The rows in chunks that end at the cuts, some of them empty."""
    ends = [0, *sorted(one % (len(X) + 1) for one in cuts), len(X)]
    return [X[begin:end] for begin, end in itertools.pairwise(ends)]


def names_of(X):
    return [f"x{j}" for j in range(X.shape[1])]


def table(X):
    return pa.table({name: pa.array(X[:, j].copy()) for j, name in enumerate(names_of(X))})


def frame(X):
    return pd.DataFrame(X, columns=names_of(X))


class Stream:
    """What offers a stream of Arrow data, anew each time it is asked."""

    def __init__(self, made):
        self.made = made

    def __arrow_c_stream__(self, requested_schema=None):
        return self.made().__arrow_c_stream__(requested_schema)


def parquet(path, X, cuts=()):
    with pyarrow.parquet.ParquetWriter(path, table(X).schema) as writer:
        for part in cut(X, cuts):
            if len(part):
                writer.write_table(table(part), row_group_size=7)
    return path


def files(folder, X, cuts, suffix, write):
    for number, part in enumerate(cut(X, cuts)):
        write(folder / f"{number:04}{suffix}", part)
    return str(folder / f"*{suffix}")


def feather(path, X):
    pyarrow.feather.write_feather(table(X), path, chunksize=5, compression="lz4")
    return path


def csv(path, X):
    path.write_text("\n".join([",".join(names_of(X)), *(",".join(map(repr, row)) for row in X.tolist())]) + "\n")
    return path


def npy(path, X):
    np.save(path, X)
    return path


def duckdb_relation(X):
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.register("given", table(X))
    connection.execute("create table t as select * from given")
    return connection.table("t")


KINDS = {
    "arrays": lambda X, cuts, folder: cut(X, cuts),
    "tuple of fortran arrays": lambda X, cuts, folder: tuple(map(np.asfortranarray, cut(X, cuts))),
    "pandas frames": lambda X, cuts, folder: list(map(frame, cut(X, cuts))),
    "polars frames": lambda X, cuts, folder: [pl.from_arrow(table(part)) for part in cut(X, cuts)],
    "arrow tables": lambda X, cuts, folder: list(map(table, cut(X, cuts))),
    "dicts": lambda X, cuts, folder: [dict(zip(names_of(X), part.T, strict=True)) for part in cut(X, cuts)],
    "function of arrays": lambda X, cuts, folder: lambda: iter(cut(X, cuts)),
    "function of frames": lambda X, cuts, folder: lambda: (frame(part) for part in cut(X, cuts)),
    "npy": lambda X, cuts, folder: npy(folder / "a.npy", X),
    "npy of columns": lambda X, cuts, folder: npy(folder / "a.npy", np.asfortranarray(X)),
    "npy files": lambda X, cuts, folder: files(folder, X, cuts, ".npy", npy),
    "parquet": lambda X, cuts, folder: parquet(folder / "a.parquet", X, cuts),
    "parquet files": lambda X, cuts, folder: files(
        folder, X, cuts, ".parquet", lambda path, part: parquet(path, part, [])
    ),
    "feather": lambda X, cuts, folder: feather(folder / "a.feather", X),
    "csv": lambda X, cuts, folder: csv(folder / "a.csv", X),
    "dataset": lambda X, cuts, folder: pyarrow.dataset.dataset(parquet(folder / "a.parquet", X, cuts)),
    "filtered dataset": lambda X, cuts, folder: pyarrow.dataset.dataset(table(X)).filter(
        pyarrow.dataset.field("x0") < np.inf
    ),
    "scanner": lambda X, cuts, folder: pyarrow.dataset.dataset(parquet(folder / "a.parquet", X, cuts)).scanner(),
    "lazy frame": lambda X, cuts, folder: pl.from_arrow(table(X)).lazy(),
    "scan": lambda X, cuts, folder: pl.scan_parquet(parquet(folder / "a.parquet", X, cuts)),
    "relation": lambda X, cuts, folder: duckdb_relation(X),
    "stream": lambda X, cuts, folder: Stream(lambda: table(X).to_reader(max_chunksize=4)),
}
NAMELESS = {"arrays", "tuple of fortran arrays", "function of arrays", "npy", "npy of columns", "npy files"}
