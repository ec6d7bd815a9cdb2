"""Objects of every kind that travels as bytes, and bytes that somebody forged."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from foldstat import GroupedSummary, JointSummary, MixtureStatistics, Summaries, Summary, _core, summarize
from foldstat.mixture import statistics
from foldstat.walkers import Moments
from foldstat.walkers.run._histogram import Histogram

OLD = Path(__file__).parent / "reference" / "old_bytes.json"
EVERYTHING = {"best": 3, "quantiles": True, "relative_error": 0.05, "histogram": [0.0, 1.0, 9.0], "distinct": True}
MIXED = [1.0, -0.0, 2**60 + 1, float("nan"), None, float("inf"), -float("inf"), 5e-324, -1e308]
IDS = ["a", b"b", 2, "", b"", -1, 2**64 - 1, "é", 7]
X = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 7.5], [2.0, 1.0]])
FRAME = {"a": X[:, 0], "b": X[:, 1]}
LEVELS = {"size": pd.Categorical(list("abca"), list("cab")), 7: [1, 2, 1, 2]}
DAY = datetime.datetime(2024, 5, 17, 12)


def _mixture(family):
    shares = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    return _core.statistics_from_responsibilities(np.nan_to_num(X), shares, family)


def _placed(**place):
    rows = np.random.default_rng(0).normal(size=(5000, 2))
    return statistics(rows, [0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0], covariance_type="spherical", **place)


def _moments(*, histograms):
    of_draws = Moments.of_draws(np.arange(24, dtype=float).reshape(3, 4, 2) ** 2 / 8)
    found = {(0,): Histogram(np.array([3, 9], dtype=np.uint64), [np.array([0.0, 1.0, 90.0])])} if histograms else {}
    return Moments._of(of_draws._counts, of_draws._means, of_draws._covariances, found)


OBJECTS = {
    "Summary: neutral": Summary,
    "Summary: empty": lambda: Summary([]),
    "Summary: mixed": lambda: Summary(MIXED),
    "Summary: fourth powers": lambda: Summary([1.5, -2.25, 4.0], moments=4),
    "Summary: quantiles": lambda: Summary([1.5, -2.25, 4.0], quantiles=True),
    "Summary: everything": lambda: Summary(MIXED, ids=IDS, moments=4, **EVERYTHING),
    "Summary: times": lambda: Summary([DAY, None]),
    "Summary: times with a zone": lambda: Summary([DAY.replace(tzinfo=datetime.UTC)]),
    "Summary: decimals": lambda: Summary([Decimal("1.25"), Decimal("-3")]),
    "Summaries: neutral": Summaries,
    "Summaries: columns": lambda: summarize(X, axis=0, best=2),
    "Summaries: named": lambda: summarize(FRAME, axis=0),
    "Summaries: named by integers": lambda: Summaries([Summary([1.0])], [7]),
    "JointSummary: neutral": JointSummary,
    "JointSummary: named": lambda: summarize(FRAME, cov=True),
    "GroupedSummary: neutral": GroupedSummary,
    "GroupedSummary: texts": lambda: summarize(X[:, 0], by=["x", None, "y", "x"]),
    "GroupedSummary: integers": lambda: summarize(X[:, 0], by=[2, -1, 300, 2**40]),
    "GroupedSummary: tuples": lambda: summarize(X, by=[(1, "x"), (2.5, b"y"), (True, ""), (-(2**70), "z")]),
    "GroupedSummary: categories": lambda: summarize(FRAME | LEVELS, by=["size", 7]),
    "GroupedSummary: columns that differ": lambda: GroupedSummary(
        {1: summarize(X, axis=0), 2: summarize(FRAME, axis=0)}
    ),
    "MixtureStatistics: neutral": MixtureStatistics,
    "MixtureStatistics: full": lambda: _mixture("full"),
    "MixtureStatistics: tied": lambda: _mixture("tied"),
    "MixtureStatistics: diag": lambda: _mixture("diag"),
    "MixtureStatistics: spherical": lambda: _mixture("spherical"),
    "MixtureStatistics: rows": lambda: _placed(first_row=2048),
    "MixtureStatistics: pieces": lambda: _placed(piece=3),
    "Moments: neutral": Moments,
    "Moments: draws": lambda: _moments(histograms=False),
    "Moments: histogram": lambda: _moments(histograms=True),
    "JointState: columns": lambda: summarize(FRAME, cov=True)._joint,
}


def old_bytes():
    """Bytes that the code before the envelope wrote of the objects above, by name."""
    return {name: bytes.fromhex(written) for name, written in json.loads(OLD.read_text()).items()}


# --- forging ----------------------------------------------------------------------------------------


@cache
def _table():
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ 0x82F63B78 * (entry & 1)
        entries.append(entry)
    return entries


def sealed(content):
    """Bytes with the checksum that belongs to them."""
    register, table = 0xFFFFFFFF, _table()
    for byte in content:
        register = register >> 8 ^ table[(register ^ byte) & 0xFF]
    return bytes(content) + (register ^ 0xFFFFFFFF).to_bytes(4, "little")


def varint(number):
    """LEB128."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def enveloped(kind, version, payload):
    """A payload in an envelope, whatever it is."""
    return sealed(b"\xf5fst" + varint(version) + varint(kind) + varint(len(payload)) + payload)


def joined(fields):
    """Fields, each behind its length."""
    return b"".join(varint(len(field)) + field for field in fields)


def damaged(data, draw):
    """One of the ways in which bytes get damaged: bits, lengths, a piece lost, a piece twice, a piece added."""
    data, way = bytearray(data), draw.randrange(6)
    at = draw.randrange(max(1, min(len(data), draw.choice([24, len(data)]))))
    if way == 0 and data:
        data[at] ^= 1 << draw.randrange(8)
    elif way == 1:
        data[at : at + 1] = varint(draw.choice([0, 1, 127, 2**31, 2**60, 2**63, 2**64 - 1]))
    elif way == 2:
        del data[at : at + draw.randrange(1, 12)]
    elif way == 3:
        data[at:at] = data[at : at + draw.randrange(1, 30)]
    elif way == 4:
        data[at : at + 8] = draw.choice([1 << 60, (1 << 64) - 1, 0, 1 << 32]).to_bytes(8, "little")
    else:
        data[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(data)
