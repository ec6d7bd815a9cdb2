"""What is larger than the memory: chunks are bounded, whatever a file's row groups are."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from foldstat import Summary, describe, sample_rows, summarize
from foldstat.sources import as_matrices
from programs import outcome
from source_kinds import npy, parquet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is told by /proc")

MEASURED = """
import json, resource, sys
import numpy as np
import pyarrow.dataset, pyarrow.feather, pyarrow.parquet
from foldstat import Summary, describe, sample_rows, summarize
from foldstat.sources import as_matrices

def memory(of):
    return int(open("/proc/self/status").read().split(of + ":")[1].split()[0]) * 1024

summarize([np.ones((10, 2))], axis=0)  # threads and libraries are there
list(as_matrices(pyarrow.dataset.dataset(pyarrow.table({"x": [1.0]}))))
before = memory("VmRSS")
"""


def sparse(path, shape, fortran=False):
    """A file that is read as zeros and takes no room on the disk."""
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": fortran, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 8 * shape[0] * shape[1])
    return path


@pytest.mark.parametrize("fortran", [False, True])
def test_an_address_space_that_is_smaller_than_the_file(fortran, tmp_path):
    path = sparse(tmp_path / "a.npy", (2**26, 8), fortran)  # 4 GiB
    found = outcome(
        f"""{MEASURED}
limit = memory("VmSize") + 2**28
assert limit < 2**32
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
rows = sum(len(block.rows) for block in as_matrices({str(path)!r}))
print(json.dumps([rows, memory("VmHWM") - before]))
"""
    )
    assert found[0] == 2**26
    assert found[1] < 2**27


def written(path, table):
    if path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path, compression="uncompressed", chunksize=len(table))
    else:
        pyarrow.parquet.write_table(table, path, row_group_size=len(table), use_dictionary=False)


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_one_row_group_of_the_whole_file(suffix, tmp_path):
    n = 4_000_000
    x = np.random.default_rng(0).normal(size=n)
    path = tmp_path / f"a{suffix}"
    written(path, pa.table({f"x{j}": x for j in range(10)}))  # 320 MB
    calls = [f"sum(len(block.rows) for block in as_matrices({str(path)!r}))"]
    if suffix == ".parquet":
        dataset = f"pyarrow.dataset.dataset({str(path)!r})"
        calls += [
            f"sum(len(block.rows) for block in as_matrices({dataset}))",
            f"describe({str(path)!r}).loc['count', 'x0']",
        ]
    for call in calls:
        found = outcome(f"{MEASURED}\nfound = int({call})\nprint(json.dumps([found, memory('VmHWM') - before]))\n")
        assert found[0] == n
        assert found[1] < 200e6, call


def test_ten_thousand_files(tmp_path):
    X = np.arange(20_000.0).reshape(10_000, 2)
    for i in range(10_000):
        np.save(tmp_path / f"{i:05}.npy", X[i : i + 1])
    np.testing.assert_array_equal(np.concatenate([block.rows.copy() for block in as_matrices(tmp_path)]), X)
    assert Summary(str(tmp_path / "000*.npy")).sum == X[:100].sum()


def test_one_row_in_each_chunk():
    X = np.arange(3000.0).reshape(1000, 3)
    rows = [row[None] for row in X]
    assert summarize(rows, axis=0, quantiles=True) == summarize(X, axis=0, quantiles=True)
    np.testing.assert_array_equal(np.concatenate([block.rows for block in as_matrices(rows)]), X)
    np.testing.assert_array_equal(sample_rows(rows, 10, 0), sample_rows(X, 10, 0))


def test_many_files_of_parquet(tmp_path):
    X = np.arange(600.0).reshape(200, 3)
    for i in range(200):
        parquet(tmp_path / f"{i:03}.parquet", X[i : i + 1])
    assert describe(tmp_path).loc["max"].tolist() == [597.0, 598.0, 599.0]
    matrices = as_matrices(tmp_path)
    assert matrices.n_rows is None
    assert sum(len(block.rows) for block in matrices) == matrices.n_rows == 200
    npy(tmp_path / "a.npy", X)
