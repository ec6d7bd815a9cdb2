"""Results are those of golden.json: the same bits on every machine, at every SIMD level, for any number of threads.

After a change that is meant to change results, ``python tests/golden.py --renew`` writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import golden
from foldstat import _core
from instruction_sets import at_level, levels_here

EXPECTED = json.loads(golden.FILE.read_text())

PROGRAM = """
import json, sys
sys.path.insert(0, {here!r})
import golden
from foldstat import _core
print(json.dumps([_core.system()["simd"], golden.digests({n_jobs})]))
"""


def other_kernels():
    """Settings by which NumPy and OpenBLAS compute as on an old machine."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(found), "OPENBLAS_CORETYPE": "Nehalem"}


def assert_golden(digests):
    assert digests.keys() == EXPECTED.keys()
    differing = [name for name, expected in EXPECTED.items() if digests[name] != expected]
    assert not differing, f"{len(differing)} of {len(EXPECTED)} cases differ: {differing}"


@pytest.mark.parametrize("name", EXPECTED)
def test_case(name):
    assert golden.digest(name) == EXPECTED[name]


def test_every_case_is_in_the_file():
    assert golden.CASES.keys() == EXPECTED.keys()


def assert_golden_at(level, n_jobs):
    used, digests = at_level(PROGRAM.format(here=str(Path(__file__).parent), n_jobs=n_jobs), level)
    assert used == level
    assert_golden(digests)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_every_number_of_threads(n_jobs):
    assert_golden_at(_core.system()["simd"], n_jobs)


@pytest.mark.parametrize("level", levels_here())
def test_every_level_next_to_other_kernels_of_numpy_and_blas(level, monkeypatch):
    for name, value in other_kernels().items():
        monkeypatch.setenv(name, value)
    assert_golden_at(level, 2)


def test_a_digest_sees_a_bit_a_type_and_a_shape():
    def of(item):
        return golden.canonical(item)

    values = np.arange(4.0)
    others = [np.nextafter(values, 5.0), values.astype(np.float32), values.reshape(2, 2), -values, values.tobytes()]
    assert len({of(values), *map(of, others)}) == 6
    assert of(np.array([np.nan])) == of(-np.array([np.nan]))
    assert of(np.arange(6).reshape(2, 3)) == of(np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert of(values) == of(values.astype(">f8"))
