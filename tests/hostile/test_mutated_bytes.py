"""Bytes that were damaged: an object of the same laws, or a ValueError about them, within bounds of memory and time."""

from __future__ import annotations

import contextlib
import datetime
import io
import pickle
import random
import re
import sys
import tempfile
import zipfile
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from entries import blobs, grouped_of, numbers, placed_statistics, table, told, walk, wide_statistics
from test_address_space import limited

from foldstat import GroupedSummary, JointSummary, MixtureStatistics, Summaries, Summary, summarize
from foldstat import walkers as w
from plain_reader import fields, opened
from travelling import enveloped, joined

TRIES = 400
HEAD = 24
KEYS = ["text", 1.5, -300, None, (1, ("b", 0.25)), b"bytes", True, "", Decimal("0.5"), UUID(int=3), 1 - 2j]
KEYS += [np.datetime64(1, "ns"), datetime.date(2020, 1, 1), datetime.time(8), datetime.timedelta(1)]
KEYS += [datetime.datetime(2020, 1, 1, 8, tzinfo=datetime.UTC)]


def reduced(**settings):
    x = numbers(100)["x"]
    return Summary(x, **settings) - Summary(x[:50], **settings)


KINDS = {
    "summary": (
        Summary,
        lambda: Summary(numbers(100)["x"], moments=4, best=5, quantiles=True, relative_error=0.01, distinct=True),
    ),
    "histogram": (Summary, lambda: Summary(numbers(20)["x"], histogram=[0.0, 1.0, 2.0])),
    "reduced": (Summary, lambda: reduced(moments=4, best=5, quantiles=True, relative_error=0.01, histogram=[0.0, 1.0])),
    "joint": (JointSummary, lambda: summarize(table(50)["X"], cov=True)),
    "columns": (Summaries, lambda: summarize(table(50)["X"], axis=0, moments=4, best=3)),
    "groups": (GroupedSummary, lambda: grouped_of({"X": table(30)["X"], "by": table(30)["by"] % 4})),
    "keys": (GroupedSummary, lambda: summarize(table(len(KEYS))["X"][:, 0], by=KEYS)),
    "moments": (w.Moments, lambda: walk(blobs(8)["X"][:, :2], n_steps=20, keep="moments").moments),
    "statistics": (MixtureStatistics, lambda: wide_statistics(blobs(50, 4))),
    "statistics that know their rows": (MixtureStatistics, lambda: placed_statistics(blobs(2100, 2))),
}


def damaged(data, draw):
    """One of the ways bytes get damaged: bits, a length of 2**60 or so, a part lost, a part added."""
    data, way = bytearray(data), draw.randrange(5)
    at = draw.randrange(draw.choice([len(data), min(len(data), HEAD)]))  # what matters most is in front
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


# Whoever damages bytes on purpose corrects length and checksum, and only then what is inside of them is looked at.
def sealed(data, draw):
    """A damaged payload in an envelope that fits."""
    kind, version, payload = opened(data)
    return enveloped(kind, version, damaged(payload, draw))


def rearranged(data, draw):
    """Whole fields lost, repeated, exchanged, emptied or damaged, with lengths and a checksum that fit."""
    kind, version, payload = opened(data)
    found = list(fields(payload))
    at, other = draw.randrange(len(found)), draw.randrange(len(found))
    way = draw.randrange(5)
    if way == 0:
        del found[at]
    elif way == 1:
        found.insert(at, found[other])
    elif way == 2:
        found[at], found[other] = found[other], found[at]
    elif way == 3:
        found[at] = b""
    else:
        found[at] = damaged(found[at] or b"\0", draw)
    return enveloped(kind, version, joined(found))


WITH_FIELDS = ("joint", "columns", "groups", "keys", "moments")


def mutants(kind, tries, draw):
    """Damaged bytes of a kind, in each of the ways that it has."""
    data = KINDS[kind][1]().to_bytes()
    ways = [damaged, sealed, *([rearranged] if kind in WITH_FIELDS else [])]
    return (ways[i % len(ways)](data, draw) for i in range(tries))


def reads(value):
    """Look at everything a value has; what it cannot say it says as usual."""
    for name in dir(value):
        if not name.startswith("_"):
            with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError):
                getattr(value, name)


def law(read, other):
    """What holds for every object of ours: its bytes are itself, and it adds up with others or says why not."""
    assert type(read).from_bytes(read.to_bytes()) == read
    assert (read + type(read)()) == read
    reads(read)
    with contextlib.suppress(ValueError, OverflowError):
        reads(read + other)
    return repr(read)


def written_as(data, value):
    """The value, of which there are no other bytes."""
    assert value.to_bytes() == data, "two encodings of one value"
    return value


def what_came(call, other):
    """The kind of an error, and whether it tells of bytes; or that an object was read, for which the laws hold."""
    value, error = limited(1 << 28, call)
    if error is None:
        law(value, other)
        return "read"
    told_of = re.search(r"\bbytes\b|not a Summary", str(error))
    return type(error).__name__ if told_of else f"{type(error).__name__}: {error}"


def mutated(note, kind, seed):
    cls, make = KINDS[kind]
    other = make()
    for mutant in mutants(kind, TRIES, random.Random(seed)):
        note(mutant.hex()[:4000])
        note(what_came(lambda mutant=mutant: written_as(mutant, cls.from_bytes(mutant)), other))


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_were_damaged(warmed, kind):
    notes = warmed(mutated, kind=kind, seed=kind).told()
    assert set(notes[1::2]) <= {"read", "ValueError"}
    assert "ValueError" in notes[1::2]


def other_types(note, kind):
    cls, make = KINDS[kind]
    data = make().to_bytes()
    alike = [bytes] if cls is MixtureStatistics else [bytes, bytearray, memoryview]
    note([told(cls.from_bytes(form(data))) == told(make()) for form in alike])
    for wrong in (None, 7, data.hex(), [data], {}, make()):
        try:
            cls.from_bytes(wrong)
        except Exception as error:
            note(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_bytes_is_a_type_error(warmed, kind):
    alike, *refusals = warmed(other_types, kind=kind).told()
    assert all(alike)
    assert len(refusals) == 6
    assert [text for text in refusals if not re.match(r"TypeError: .*bytes", text)] == []


def with_a_damaged_member(data, draw):
    """A zip file one of whose members is lost, or damaged with a checksum that fits."""
    whole, again = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    chosen, lost = draw.choice(whole.namelist()), draw.random() < 0.2
    with zipfile.ZipFile(again, "w") as archive:
        for name in whole.namelist():
            if name != chosen:
                archive.writestr(name, whole.read(name))
            elif not lost:
                archive.writestr(name, damaged(whole.read(name), draw))
    return again.getvalue()


def loaded(path):
    """What came of loading a file, or of looking at the run in it."""
    run, error = limited(1 << 28, lambda: w.load(path))
    if error is None:
        told(run)
        return "read"
    return type(error).__name__ if str(path) in str(error) else f"{type(error).__name__}: {error}"


def mutated_files(note, seed):
    run, draw = walk(blobs(8)["X"][:, :2], n_steps=20), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        data = path.read_bytes()
        for way in (damaged, with_a_damaged_member):
            for _ in range(TRIES):
                path.write_bytes(way(data, draw))
                note(loaded(path))


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_files_that_were_damaged(warmed):
    assert set(warmed(mutated_files, seed=1).told()) == {"read", "ValueError"}


def inside(value):
    """The bytes of ours in its pickle: those of the whole, or of the states of groups."""
    return (value._groups.states if isinstance(value, GroupedSummary) else value).to_bytes()


def mutated_pickles(note, kind, seed):
    """A pickle may name anything; only the bytes of ours inside of it are damaged."""
    value, draw = KINDS[kind][1](), random.Random(seed)
    data, ours = pickle.dumps(value), inside(value)
    before, found, after = data.partition(ours)
    note(bool(found))
    for _ in range(TRIES // 4):
        mutant = bytearray(ours)
        mutant[draw.randrange(len(mutant))] ^= 1 << draw.randrange(8)
        pickled = before + bytes(mutant) + after
        note(what_came(lambda pickled=pickled: pickle.loads(pickled), value))


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("kind", KINDS)
def test_pickles_that_were_damaged(warmed, kind):
    found, *notes = warmed(mutated_pickles, kind=kind, seed=kind).told()
    assert found
    assert set(notes) <= {"read", "ValueError"}
    assert "ValueError" in notes
