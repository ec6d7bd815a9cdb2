"""The same bits on any instruction set, and for any number of threads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import foldstat
from foldstat import Summary, _core
from instruction_sets import at_level, levels_here

THREADS = (1, 2, 3, 7)
ARGUMENTS = [
    {},
    {"moments": 4},
    {"best": 20},
    {"quantiles": True},
    {"relative_error": 0.01},
    {"histogram": np.linspace(-3, 12, 31)},
    {"distinct": True},
    {
        "moments": 4,
        "best": 3,
        "largest": True,
        "quantiles": True,
        "relative_error": 0.05,
        "histogram": [0.0, 1.0, 8.0],
        "distinct": True,
    },
]
LENGTHS = (0, 1, 7, 8, 9, 63, 2047, 2048, 2049, 20_011)


def data(n):
    """Narrow, wide, cancelling, with what is not finite; in every width."""
    rng = np.random.default_rng(n)
    narrow = rng.normal(8.342, 1, n)
    wide = narrow * 2.0 ** rng.integers(-300, 300, n)
    mixed = narrow.copy()
    mixed[::97], mixed[::101], mixed[::103], mixed[::107] = np.nan, np.inf, 1e300, 5e-324
    cancelling = wide.copy()
    cancelling[1::2] = -cancelling[: n - n % 2 : 2] if n > 1 else cancelling[1::2]
    yield from (narrow, wide, mixed, cancelling, narrow.astype(np.float32), narrow[::-3])
    yield from ((narrow * 1e15).astype(np.int64), (narrow * 10).astype(np.int8), narrow > 8.342)


def everything(n_jobs, lengths=LENGTHS):
    """A fingerprint of every kind of summary of all data."""
    digest = hashlib.sha256()
    for n in lengths:
        for values in data(n):
            for arguments in ARGUMENTS:
                digest.update(Summary(values, n_jobs=n_jobs, **arguments).to_bytes())
            weights = np.arange(len(values)) % 3
            digest.update(Summary(values, sample_weight=weights, n_jobs=n_jobs, moments=4).to_bytes())
            digest.update(Summary(values, sample_weight=weights, n_jobs=n_jobs).to_bytes())
            real = np.random.default_rng(n).exponential(size=len(values))
            digest.update(Summary(values, sample_weight=real, weights="reliability", n_jobs=n_jobs).to_bytes())
    matrix = np.random.default_rng(0).normal(size=(5003, 9))
    for X in (matrix, np.asfortranarray(matrix), matrix.astype(np.float32)):
        for axis in (0, 1):
            digest.update(foldstat.summarize(X, axis=axis, best=2, n_jobs=n_jobs).to_bytes())
        digest.update(foldstat.summarize(X, cov=True, n_jobs=n_jobs).to_bytes())
        groups = foldstat.summarize(X[:, 0], by=np.arange(5003) % 11, quantiles=True, n_jobs=n_jobs)
        digest.update(groups.to_bytes())
    return digest.hexdigest()


def test_threads_do_not_matter():
    assert len({everything(n) for n in THREADS}) == 1


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_threads_do_not_matter_for_many_numbers(arguments):
    """Enough for every thread to have work."""
    for values in data(400_003):
        assert len({Summary(values, n_jobs=n, **arguments).to_bytes() for n in THREADS}) == 1


def test_threads_do_not_matter_for_columns_and_groups():
    rng = np.random.default_rng(0)
    X, keys = rng.normal(8.342, 1, (100_003, 6)), rng.integers(0, 500, 100_003)
    for arguments in ({"axis": 0}, {"axis": 1}, {"cov": True}, {"axis": 0, "by": keys}):
        found = {foldstat.summarize(X, n_jobs=n, **arguments).to_bytes() for n in THREADS}
        assert len(found) == 1, arguments


def test_what_differs_has_another_fingerprint():
    assert everything(1, [7]) != everything(1, [8])


PROGRAM = """
import json, sys
sys.path.insert(0, {here!r})
from test_summary_determinism import everything
from foldstat import _core
print(json.dumps([_core.system()["simd"], everything(1), everything(2)]))
"""


def test_instruction_sets_do_not_matter():
    best = _core.system()["simd"]
    levels = levels_here()
    program = PROGRAM.format(here=str(Path(__file__).parent))
    expected = everything(1)
    for level in levels:
        used, *prints = at_level(program, level)
        assert used == level
        assert prints == [expected, expected], f"{level} differs from {best}"
    assert len(levels) >= 2 or best == "scalar"
