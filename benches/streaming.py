"""EM over rows that do not lie in memory, against the same fit of an array: files in the page cache, and Dask."""

import contextlib
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

import foldstat
from cases import Case, make
from em import fitter, foldstat_contestant
from foldstat.mixture import block_rows
from results import Result, agree, ratio
from timing import Contestant, seconds_per_iteration

CASE = Case("full", 4_000_000, 8, 8, bar=0)
CHUNKS = 16  # of the Dask array

# Removed when the process ends.
FOLDER = tempfile.TemporaryDirectory(prefix="foldstat-bench-")


def as_npy(X):
    """The path of a file of NumPy, which has just been written and so lies in the page cache."""
    path = Path(FOLDER.name) / f"{len(X)}.npy"
    if not path.exists():
        np.save(path, X)
    return path


def as_parquet(X, compression):
    """The path of a Parquet file of float64 columns in row groups of pyarrow's usual size."""
    import pyarrow
    import pyarrow.parquet

    path = Path(FOLDER.name) / f"{len(X)}-{compression}.parquet"
    if not path.exists():
        table = pyarrow.table({f"x{j}": column for j, column in enumerate(X.T)})
        pyarrow.parquet.write_table(table, path, compression=compression, use_dictionary=False)
    return path


@lru_cache(maxsize=1)
def _rows(case):
    return make(case)


def per_iteration(source, settings):
    """Seconds of one iteration over a source and over the array, whose fits must have the same bits."""
    X, mixture = _rows(settings.reduced(CASE))
    in_memory = foldstat_contestant(X, mixture.start(), settings)
    fit = fitter(foldstat.GaussianMixture, source(X), mixture.start(), n_jobs=settings.threads)
    contestants = {"source": Contestant(fit, in_memory.few, in_memory.many), "memory": in_memory}
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    (ours, streamed), (theirs, held) = measured["source"], measured["memory"]
    for attribute in ("means_", "covariances_", "lower_bounds_"):
        agree(f"{attribute} of both fits", getattr(streamed, attribute), getattr(held, attribute), 0.0)
    return ours, theirs


def _file_row(key, what, source, settings, bar=None):
    ours, theirs = per_iteration(source, settings)
    return [
        Result(
            key=f"streaming-{key}",
            label=f"EM iteration from {what}, {settings.reduced(CASE).label}",
            value=ratio(theirs, ours),
            unit="×",
            bar=bar,
            times={what: ours, "in memory": theirs},
            note="the same bits",
        )
    ]


def npy(settings):
    return _file_row("npy", "a .npy file", as_npy, settings, 0.95)


def memory_map(settings):
    """A map of that file, which is an array: nothing is copied, and nobody is told if the file becomes shorter."""
    return _file_row("memory-map", "a memory map", lambda X: np.load(as_npy(X), mmap_mode="r"), settings, 0.95)


def parquet(settings):
    return _file_row("parquet", "Parquet", lambda X: as_parquet(X, "none"), settings, 0.6)


def parquet_zstd(settings):
    return _file_row("parquet-zstd", "Parquet, zstd", lambda X: as_parquet(X, "zstd"), settings)


def dask(settings):
    """One worker with as many threads, which holds the chunks: what tasks and merges cost on top of a pass."""
    from dask.distributed import wait

    def persisted(X):
        import dask.array as da

        block = block_rows(X.shape[1])
        rows = -(-len(X) // (CHUNKS * block)) * block  # chunks of whole blocks: the bits are those of the array
        collection = da.from_array(X, chunks=(rows, -1)).persist()
        wait(collection)
        return collection

    with _one_worker(settings.threads):
        ours, theirs = per_iteration(persisted, settings)
    share = ratio(ours, theirs)
    return [
        Result(
            key="streaming-dask",
            label=f"overhead of Dask, one worker, {CHUNKS} chunks, {settings.reduced(CASE).label}",
            value=None if share is None else 100 * (share - 1),
            unit="%",
            bar=10,
            at_most=True,
            times={"Dask": ours, "in memory": theirs},
            note="the same bits",
        )
    ]


@contextlib.contextmanager
def _one_worker(threads):
    from dask.distributed import Client, LocalCluster

    options = {"n_workers": 1, "threads_per_worker": threads, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        yield


ROWS = {
    "streaming-npy": npy,
    "streaming-memory-map": memory_map,
    "streaming-parquet": parquet,
    "streaming-parquet-zstd": parquet_zstd,
    "streaming-dask": dask,
}
