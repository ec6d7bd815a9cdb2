"""Any bytes give a Summary or a ValueError; those of a Summary give it back, and are few."""

from __future__ import annotations

import datetime
import os
import pickle
import struct
import subprocess
import sys
import time
import zlib
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import GroupedSummary, JointSummary, Summaries, Summary, summarize
from foldstat._common import bytes as _bytes
from keys import Size
from summaries import COUNTS, arrays, assert_identical, settings


def corpus():
    """States with every part, empty, small and large."""
    rng = np.random.default_rng(0)
    x = rng.normal(8.342, 1, 3000)
    full = {
        "moments": 4,
        "best": 5,
        "quantiles": True,
        "relative_error": 0.05,
        "histogram": [0.0, 1.0, 9.0],
        "distinct": True,
    }
    mixed = [1.0, -0.0, 2**60 + 1, np.nan, None, np.inf, -np.inf, 5e-324, -1e308]
    return [
        Summary(),
        Summary([]),
        Summary(mixed),
        Summary(x),
        Summary(x[:3], **full),
        Summary(mixed, ids=["a", b"b", 2, "", b"", -1, 2**64 - 1, "é", 7], **full),
        Summary(x, **full),
        Summary(mixed, best=100, largest=True, moments=4),
        Summary(rng.choice([-1, 1], 500) * 2.0 ** rng.uniform(-1000, 1000, 500), **full),
        Summary([], **full),
    ]


CORPUS = corpus()


def read(data):
    """The state, or None where the bytes are refused."""
    try:
        return Summary.from_bytes(bytes(data))
    except ValueError:
        return None


READS = [*COUNTS, "min", "max", "sum", "mean", "sem", "skewness", "kurtosis", "median", "iqr"]
READS += ["best", "histogram_counts", "distinct_count", "settings", "__hash__", "__repr__", "_repr_html_"]


def read_everything(s):
    """Whatever the state, every read gives something, or says what is not kept."""
    for name in READS:
        try:
            value = getattr(s, name)
        except ValueError as error:
            assert "make it with" in str(error), error  # noqa: PT017
            continue
        assert (value() if callable(value) else value) is not None
    for ddof in (0, 1):
        assert s.var(ddof) is not None
        assert s.std(ddof) is not None
    assert s.power_sum(2) is not None


def check(data):
    """Refused, or a state that gives these very bytes and can be used."""
    s = read(data)
    if s is None:
        return False
    assert s.to_bytes() == bytes(data), "more than one way to write a state"
    read_everything(s)
    try:
        s.push(1.0, id=1)
        merged = s + s
    except (OverflowError, ValueError):
        return True  # counts near 2**64
    assert Summary.from_bytes(merged.to_bytes()) == merged
    read_everything(merged)
    return True


@given(arrays, settings())
def test_round_trip(values, arguments):
    s = Summary(values, **arguments)
    data = s.to_bytes()
    assert type(data) is bytes
    assert_identical(Summary.from_bytes(data), s)
    assert check(data)


@pytest.mark.parametrize("s", CORPUS, ids=range(len(CORPUS)))
def test_every_prefix_is_refused(s):
    data = s.to_bytes()
    lengths = range(len(data)) if len(data) < 2000 else [*range(300), *range(300, len(data), 37), len(data) - 1]
    for n in lengths:
        assert read(data[:n]) is None, n
    for tail in (b"\0", b"\xff", data):
        assert read(data + tail) is None


@pytest.mark.parametrize("s", CORPUS, ids=range(len(CORPUS)))
def test_flipped_bits(s):
    """A state or an error, and a state only if it gives the same bytes again."""
    data = s.to_bytes()
    bits = range(8 * len(data))
    if len(bits) > 1500:
        bits = np.random.default_rng(0).choice(len(bits), 1500, replace=False).tolist() + list(range(200))
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        check(changed)


@pytest.mark.parametrize("s", CORPUS, ids=range(len(CORPUS)))
def test_mutations(s):
    """Bytes overwritten by extreme ones, left out, repeated, and pieces of one state in another."""
    rng = np.random.default_rng(1)
    data = s.to_bytes()
    others = [o.to_bytes() for o in CORPUS]
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(0, len(changed) + 1))
            length = int(rng.integers(0, 9))
            kind = rng.integers(0, 5)
            if kind == 0:
                changed[at : at + length] = bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * length
            elif kind == 1:
                del changed[at : at + length]
            elif kind == 2:
                changed[at:at] = changed[at : at + length]
            elif kind == 3:
                changed[at : at + length] = rng.bytes(length)
            else:
                other = others[rng.integers(len(others))]
                start = int(rng.integers(0, len(other)))
                changed[at : at + length] = other[start : start + length]
        check(changed)


@hypothesis_settings(max_examples=500)
@given(st.binary(max_size=100), st.integers(0, 40))
def test_random_bytes(noise, kept):
    check(noise)
    check(CORPUS[6].to_bytes()[:kept] + noise)


@pytest.mark.parametrize("count", [b"\xff" * 9 + b"\x01", b"\xff" * 8 + b"\x7f", b"\xff\xff\xff\xff\x0f"])
def test_lengths_that_lie_allocate_nothing(count):
    """A huge length anywhere in a state is refused at once, without memory for it."""
    process = psutil.Process()
    for s in CORPUS:
        data = s.to_bytes()
        for at in range(min(len(data), 150)):
            changed = data[:at] + count + data[at + 1 :]
            before, begin = process.memory_info().rss, time.perf_counter()
            check(changed)
            assert time.perf_counter() - begin < 1
            assert process.memory_info().rss - before < 50e6


def test_other_versions_and_other_things_are_named():
    for data in (b"", b"\0", b"hello, world", pickle.dumps(1), b"PK\x03\x04" + bytes(40)):
        with pytest.raises(ValueError, match="Summary"):
            Summary.from_bytes(data)
    for wrong in ("text", None, 1, [1]):
        with pytest.raises(TypeError):
            Summary.from_bytes(wrong)


def test_bytes_like_objects_are_read():
    s = CORPUS[3]
    for kind in (bytes, bytearray, memoryview):
        assert_identical(Summary.from_bytes(kind(s.to_bytes())), s)


# --- collections ------------------------------------------------------------------------------------


def collections():
    X = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 7.5], [2.0, 1.0]])
    frame = {"a": X[:, 0], "ü": X[:, 1]}
    return [
        summarize(X, axis=0, best=2),
        summarize(frame, axis=0),
        summarize(X[:, 0], by=["x", None, "y", "x"]),
        summarize(X, by=[(1, "x"), (2.5, b"y"), (True, ""), (-(2**70), "z")]),
        summarize(X[:, 0], by=[Decimal("0.5"), UUID(int=3), datetime.date(2020, 1, 1), Size.SMALL]),
        summarize(X[:, 0], by=[pd.Interval(0, 2), pd.Period("2020-01", "M"), np.timedelta64(1, "ns"), 1 - 2j]),
        summarize(X[:, 0], by=pd.date_range("2023-10-29", periods=4, freq="h", tz="Europe/Zurich", name="hour")),
        summarize(frame | {"size": pd.Categorical(list("abca"), list("cab")), 7: [1, 2, 1, 2]}, by=["size", 7]),
        summarize(X, cov=True),
        summarize(frame, cov=True),
        Summaries(),
        GroupedSummary(),
        JointSummary(),
    ]


@pytest.mark.parametrize("s", collections(), ids=lambda s: type(s).__name__)
def test_bytes_of_collections(s):
    kind, data = type(s), s.to_bytes()
    assert_identical(kind.from_bytes(data), s)
    for n in range(len(data)):
        with pytest.raises(ValueError, match="bytes"):
            kind.from_bytes(data[:n])
    for at in range(len(data)):
        with pytest.raises(ValueError, match="bytes"):
            kind.from_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
    with pytest.raises(ValueError, match="bytes"):
        kind.from_bytes(Summary([1.0]).to_bytes())
    with pytest.raises(TypeError):
        kind.from_bytes("text")


@pytest.mark.parametrize("s", collections(), ids=lambda s: type(s).__name__)
def test_forged_collections(s):
    """Changed on purpose, with the checksum that belongs to the change."""
    kind, data = type(s), s.to_bytes()
    rng = np.random.default_rng(0)
    for _ in range(1200):
        changed = bytearray(data[:-4])
        for _ in range(rng.integers(1, 3)):
            at = int(rng.integers(0, len(changed) + 1))
            how = rng.integers(0, 4)
            if how == 0:
                changed[at : at + 1] = rng.bytes(1)
            elif how == 1:
                changed[at : at + 8] = [0, 1, 8, 2**31, 2**63, 2**64 - 1][rng.integers(6)].to_bytes(8, "little")
            elif how == 2:
                del changed[at : at + int(rng.integers(1, 12))]
            else:
                changed[at:at] = changed[: int(rng.integers(0, 30))]
        forged = bytes(changed) + struct.pack("<I", zlib.crc32(changed))
        try:
            found = kind.from_bytes(forged)
        except ValueError:
            continue
        assert found.to_bytes() == forged, "more than one way to write it"
        assert repr(found)
        assert isinstance(found._repr_html_(), str)
        assert (found + found).to_bytes()


def test_forged_names():
    """Texts are written as texts only, and nothing but texts and integers is a name."""
    named = Summaries([Summary([1.0])], [7])
    assert_identical(Summaries.from_bytes(named.to_bytes()), named)
    fields = _bytes.unpack(b"foldSUMS", named.to_bytes(), "Summaries")
    for names in (
        [b"\2", b"sx"],
        [b"\2", b"T"],
        [b"\2", b"N"],
        [b"\2", b"i\1", b"T"],
        [b"\2", b"q"],
        [b"\2"],
        [b"\3", b"x"],
        [],
    ):
        forged = _bytes.pack(b"foldSUMS", [_bytes.pack(b"names", names), *fields[1:] * len(names[1:])])
        with pytest.raises(ValueError, match=r"names (of|without|are)|key"):
            Summaries.from_bytes(forged)


# --- size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["narrow", "wide"])
def test_plain_summaries_are_small(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(8.342, 1, 100_000)
    if kind == "wide":
        x *= 2.0 ** rng.integers(-300, 301, x.size)
    s = Summary(x)
    assert len(s.to_bytes()) <= 600
    # A pickle adds the name of the class.
    assert len(pickle.dumps(s)) <= len(s.to_bytes()) + 150


def test_the_identity_and_the_empty_are_tiny():
    assert len(Summary().to_bytes()) <= 16
    assert len(Summary([]).to_bytes()) <= 64


def test_memory_of_many_plain_summaries():
    """Shards by the thousand fit into memory: a state of narrow numbers is not its widest."""
    process = psutil.Process()
    before = process.memory_info().rss
    parts = [Summary([float(i), 1.5]) for i in range(2000)]
    used = process.memory_info().rss - before
    assert sum(parts).count == 4000
    assert used < 2000 * 4096


def test_bytes_do_not_depend_on_the_process():
    """Hash seeds and addresses leave no trace; a state read elsewhere is the same."""
    program = """
import pickle
from foldstat import Summary
settings = {"moments": 4, "best": 3, "quantiles": True, "relative_error": 0.1, "distinct": True}
s = Summary([1.5, None, 2**60 + 1, 0.1], ids=["a", "b", b"c", 4], **settings)
print(s.to_bytes().hex(), pickle.dumps(s).hex())
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    plain, pickled = runs.pop().split()
    s = Summary(
        [1.5, None, 2**60 + 1, 0.1],
        ids=["a", "b", b"c", 4],
        moments=4,
        best=3,
        quantiles=True,
        relative_error=0.1,
        distinct=True,
    )
    assert s.to_bytes().hex() == plain
    assert_identical(pickle.loads(bytes.fromhex(pickled)), s)
