"""Bytes that were damaged: an object of the same laws, or a ValueError, within bounds of memory and time."""

from __future__ import annotations

import pickle
import random
import sys
import tempfile
from pathlib import Path

import pytest
from entries import blobs, grouped_of, numbers, table, told, walk, wide_statistics
from test_address_space import limited

from foldstat import GroupedSummary, JointSummary, MixtureStatistics, Summary, summarize
from foldstat import walkers as w

TRIES = 400
KINDS = {
    "summary": (Summary, lambda: Summary(numbers(100)["x"], moments=4, best=5, quantiles=0.01, distinct=True)),
    "histogram": (Summary, lambda: Summary(numbers(20)["x"], histogram=[0.0, 1.0, 2.0])),
    "joint": (JointSummary, lambda: summarize(table(50)["X"], cov=True)),
    "groups": (GroupedSummary, lambda: grouped_of({"X": table(30)["X"], "by": table(30)["by"] % 4})),
    "statistics": (MixtureStatistics, lambda: wide_statistics(blobs(50, 4))),
}


def damaged(data, draw):
    """One of the ways bytes get damaged: bits, a length of 2**60 or so, a part lost, a part added."""
    data, way = bytearray(data), draw.randrange(5)
    at = draw.randrange(len(data))
    if way == 0:
        data[at] ^= 1 << draw.randrange(8)
    elif way == 1:
        data[at : at + 8] = draw.choice([1 << 60, (1 << 64) - 1, 1 << 32]).to_bytes(8, "little")
    elif way == 2:
        del data[at:]
    elif way == 3:
        del data[at : at + draw.randrange(1, 9)]
    else:
        data[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(data)


def law(read):
    """What holds for every object of ours: its bytes are itself, and it can be added to itself."""
    data = read.to_bytes()
    assert type(read).from_bytes(data) == read
    assert (read + type(read)()) == read
    return repr(read)


def mutated(note, kind, seed):
    cls, make = KINDS[kind]
    data, draw = make().to_bytes(), random.Random(seed)
    for _ in range(TRIES):
        mutant = damaged(data, draw)
        note(mutant.hex()[:4000])
        value, error = limited(1 << 28, lambda mutant=mutant: cls.from_bytes(mutant))
        if error is None:
            law(value)
            note("read")
        else:
            note(type(error).__name__)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_were_damaged(warmed, kind):
    notes = warmed(mutated, kind=kind, seed=kind).told()
    assert set(notes[1::2]) <= {"read", "ValueError"}
    assert "ValueError" in notes[1::2]


def mutated_files(note, seed):
    run, draw = walk(blobs(8)["X"][:, :2], n_steps=20), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        data = path.read_bytes()
        for _ in range(TRIES // 2):
            path.write_bytes(damaged(data, draw))
            value, error = limited(1 << 28, lambda: w.load(path))
            note("read" if error is None else type(error).__name__)
            if error is None:
                told(value)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_files_that_were_damaged(warmed):
    assert set(warmed(mutated_files, seed=1).told()) <= {"read", "ValueError"}


def mutated_pickles(note, kind, seed):
    """A pickle may name anything; only the bytes of ours inside of it are damaged."""
    value, draw = KINDS[kind][1](), random.Random(seed)
    data, inside = pickle.dumps(value), value.to_bytes()
    at = data.find(inside)
    note(at >= 0)
    for _ in range(TRIES // 4) if at >= 0 else ():
        mutant = bytearray(inside)
        mutant[draw.randrange(len(mutant))] ^= 1 << draw.randrange(8)
        try:
            pickle.loads(data[:at] + bytes(mutant) + data[at + len(inside) :])
            note("read")
        except Exception as error:
            note(type(error).__name__)


@pytest.mark.parametrize("kind", ["summary", "histogram", "statistics"])
def test_pickles_that_were_damaged(warmed, kind):
    found, *notes = warmed(mutated_pickles, kind=kind, seed=kind).told()
    assert found
    assert set(notes) <= {"read", "ValueError"}
