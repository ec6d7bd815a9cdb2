"""Memory that a fit of a file takes, and a fit of a file much larger than the memory it may have."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from cases import make
from foldstat import GaussianMixture
from memory import peak_during
from results import Result, agree
from streaming import CASE, as_npy, as_parquet

MEGABYTE, GIGABYTE = 2**20, 2**30
WIDTH, COMPONENTS = 8, 8
LIMIT = 2 * GIGABYTE
FILE_BYTES = 30 * 10**9
QUICK_BYTES = 3 * 10**8


def _in_a_process(task, path, settings):
    """What one of the functions below says in a fresh process."""
    command = [sys.executable, __file__, task, str(path), str(settings.threads)]
    # OpenBLAS sets memory aside for each of its threads, whoever needs it.
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode:
        raise RuntimeError(f"{task} of {path}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def memory(kind, file_of, settings):
    """Peak of the resident memory during a fit of a file, minus what was there before."""
    case = settings.reduced(CASE)
    X, _ = make(case)
    return [
        Result(
            key=f"streaming-memory-{kind}",
            label=f"memory above the input while streaming, {case.label}, {kind}",
            value=_in_a_process("peak", file_of(X), settings),
            unit="MB",
            bar=256,
            at_most=True,
            note=f"the file has {X.nbytes / MEGABYTE:.0f} MB",
        )
    ]


def larger_than_memory(settings):
    """One pass over a sparse file of 30 GB, in a process that may have 2 GB of addresses."""
    n_bytes = FILE_BYTES if settings.factor == 1 else QUICK_BYTES
    with tempfile.TemporaryDirectory(prefix="foldstat-bench-") as folder:
        path = Path(folder) / "sparse.npy"
        _write_sparse(path, n_bytes // (8 * WIDTH))
        found = _in_a_process("limited", path, settings)
    agree("the mean log-likelihood of zeros", found["lower_bound"], found["expected"], 1e-12)
    return [
        Result(
            key="streaming-larger-than-memory",
            label=f"one pass over a sparse .npy file of {n_bytes / 1e9:.3g} GB, k={COMPONENTS}",
            value=found["seconds"],
            unit="s",
            times={"foldstat": found["seconds"]},
            note=f"under an address-space limit of {LIMIT / GIGABYTE:.0f} GB",
        )
    ]


def _write_sparse(path, rows):
    """A .npy file of zeros that takes no room on the disk."""
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (rows, WIDTH)}
        np.lib.format.write_array_header_2_0(file, header)
        file.truncate(file.tell() + 8 * WIDTH * rows)


# ---------------------------------------------------------------- in the fresh process


def _start():
    """Gaussians of unit covariance, and the log-likelihood of a row of zeros under them."""
    means = np.random.default_rng(0).normal(size=(COMPONENTS, WIDTH))
    start = {
        "weights_init": np.full(COMPONENTS, 1 / COMPONENTS),
        "means_init": means,
        "precisions_init": np.array([np.eye(WIDTH)] * COMPONENTS),
    }
    density = np.exp(-0.5 * (means**2).sum(axis=1)).mean() / (2 * np.pi) ** (WIDTH / 2)
    return start, float(np.log(density))


def _peak(path, threads):
    """From scratch: a fit that looks for its start in a sample."""
    small = np.random.default_rng(0).normal(size=(1000, WIDTH))
    model = GaussianMixture(COMPONENTS, max_iter=3, n_jobs=threads, random_state=0)
    model.fit([small, small])  # imports what is imported
    return peak_during(lambda: model.fit(path))


def _limited(path, threads):
    start, expected = _start()
    model = GaussianMixture(COMPONENTS, **start, tol=0.0, max_iter=1, n_jobs=threads)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    begin = time.perf_counter()
    model.fit(path)  # fails if it reads fewer rows than the file says
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "lower_bound": model.lower_bound_, "expected": expected}


ROWS = {
    "streaming-memory-npy": partial(memory, "npy", as_npy),
    "streaming-memory-parquet": partial(memory, "parquet", partial(as_parquet, compression="none")),
    "streaming-larger-than-memory": larger_than_memory,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # one iteration converges to nothing
    task, path, threads = sys.argv[1:]
    print(json.dumps({"peak": _peak, "limited": _limited}[task](path, int(threads))))
