"""Any bytes give a Summary or a ValueError; those of a Summary give it back, and are few."""

from __future__ import annotations

import datetime
import os
import pickle
import random
import subprocess
import sys
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import GroupedSummary, JointSummary, Summaries, Summary, _core, summarize
from keys import Size
from plain_reader import fields, opened
from summaries import COUNTS, arrays, assert_identical, settings
from travelling import damaged, enveloped, joined


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


def payload(s):
    """What is in the envelope."""
    return s._state.to_payload()


def check_payload(data):
    """Refused, or a state that has this very payload and can be used."""
    try:
        s = Summary._of(_core.SummaryState.from_payload(bytes(data)))
    except ValueError:
        return
    assert payload(s) == data, "more than one way to write a state"
    check_use(s)


def check_use(s):
    """Whatever the state, it can be read, added to and written."""
    read_everything(s)
    try:
        s.push(1.0, id=1)
        merged = s + s
    except (OverflowError, ValueError):
        return  # counts near 2**64
    assert Summary.from_bytes(merged.to_bytes()) == merged
    read_everything(merged)


@given(arrays, settings())
def test_round_trip(values, arguments):
    s = Summary(values, **arguments)
    data = s.to_bytes()
    assert type(data) is bytes
    assert_identical(Summary.from_bytes(data), s)
    assert opened(data) == (1, 3, payload(s))
    check_use(Summary.from_bytes(data))


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
    """Payloads are a state or an error, and a state only if it gives the same bytes again."""
    data = payload(s)
    bits = range(8 * len(data))
    if len(bits) > 1500:
        bits = np.random.default_rng(0).choice(len(bits), 1500, replace=False).tolist() + list(range(200))
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        check_payload(changed)


@pytest.mark.parametrize("s", CORPUS, ids=range(len(CORPUS)))
def test_mutations(s):
    """Bytes overwritten by extreme ones, left out, repeated, and pieces of one state in another."""
    rng = np.random.default_rng(1)
    data = payload(s)
    others = [payload(o) for o in CORPUS]
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
        check_payload(changed)


@hypothesis_settings(max_examples=500)
@given(st.binary(max_size=100), st.integers(0, 40))
def test_random_bytes(noise, kept):
    check_payload(noise)
    check_payload(payload(CORPUS[6])[:kept] + noise)


@pytest.mark.parametrize("count", [b"\xff" * 9 + b"\x01", b"\xff" * 8 + b"\x7f", b"\xff\xff\xff\xff\x0f"])
def test_lengths_that_lie_allocate_nothing(count):
    """A huge length anywhere in a state is refused at once, without memory for it."""
    process = psutil.Process()
    for s in CORPUS:
        data = payload(s)
        for at in range(min(len(data), 150)):
            changed = data[:at] + count + data[at + 1 :]
            before = process.memory_info().rss
            check_payload(changed)
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
    """Changed on purpose, with the length and the checksum that belong to the change."""
    kind, (number, version, data) = type(s), opened(s.to_bytes())
    draw = random.Random(0)
    for _ in range(1200):
        changed = data
        for _ in range(draw.randrange(1, 3)):
            changed = damaged(changed, draw)
        forged = enveloped(number, version, changed)
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
    kind, version, data = opened(named.to_bytes())
    _, states = fields(data)
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
        forged = enveloped(kind, version, joined([joined(names), states * len(names[1:])]))
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
