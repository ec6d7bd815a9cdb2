"""Keys of groups in every spelling, for hypothesis: families of spellings that are one key, from libraries not ours."""

from __future__ import annotations

import datetime
import enum
import fractions
import uuid
import zoneinfo
from collections import namedtuple
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

UTC, ZURICH = datetime.UTC, zoneinfo.ZoneInfo("Europe/Zurich")
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
FIXED = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))


class Size(enum.Enum):
    SMALL = 1
    LARGE = "l"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    A = "a"
    ONE = "1"


class Power(enum.Flag):
    ON = 1
    LOUD = 2


class Text(str):
    """A subclass that says nothing new."""


Pair = namedtuple("Pair", "left right")

NOON = datetime.datetime(2023, 10, 29, 0, 30, tzinfo=UTC)  # 02:30 in Zurich, the first of two

# Each family is one key, whatever it is spelt as; two families are two keys.
FAMILIES = {
    "zero": [
        0,
        0.0,
        -0.0,
        False,
        np.int8(0),
        np.float32(-0.0),
        Decimal("-0.00"),
        Decimal("0E+5"),
        -0j,
        np.bool_(False),
    ],
    "one": [
        1,
        1.0,
        True,
        np.uint64(1),
        np.float16(1),
        Decimal("1.0"),
        Decimal("1.00"),
        Level.LOW,
        fractions.Fraction(1),
    ],
    "two": [2, 2.0, np.longdouble(2), Level.HIGH, 2 + 0j, np.complex64(2)],
    "hundred": [100, 100.0, Decimal("1E+2"), Decimal("100.0")],
    "large": [2**70, 2.0**70, Decimal(2**70)],
    "one more": [2**70 + 1, Decimal(2**70 + 1)],
    "tenth": [0.1, np.float64(0.1)],
    "decimal tenth": [Decimal("0.1"), Decimal("0.10"), fractions.Fraction(1, 10)],
    "infinite": [float("inf"), np.float32("inf"), Decimal("Infinity")],
    "complex": [1 - 2j, np.complex64(1 - 2j)],
    "imaginary": [complex(0.0, 3.0), complex(-0.0, 3.0)],
    "a": ["a", np.str_("a"), Word.A, Text("a")],
    "1": ["1", Word.ONE, Text("1")],
    "empty": ["", np.str_("")],
    "surrogate": ["\ud800"],
    "bytes": [b"a", np.bytes_(b"a")],
    "none in a tuple": [
        (1, None),
        (1.0, float("nan")),
        (True, np.float64("nan")),
        (1, pd.NaT),
        (1, pd.NA),
        Pair(1, None),
    ],
    "other tuple": [(1, "a"), (np.int64(1), Word.A), Pair(True, "a")],
    "nested tuple": [(1, (0.0, b"")), (1, (-0.0, b""))],
    "tuple of days": [(datetime.date(2020, 1, 1), 1), (pd.Timestamp("2020-01-01"), 1.0)],
    "no parts": [()],
    "day": [
        datetime.date(2020, 1, 1),
        datetime.datetime(2020, 1, 1),
        datetime.datetime(2020, 1, 1, fold=1),
        *(np.datetime64("2020-01-01", unit) for unit in ("Y", "M", "D", "h", "s", "ms", "ns")),
        pd.Timestamp("2020-01-01"),
        pd.Timestamp("2020-01-01").as_unit("ns"),
    ],
    "aware day": [
        datetime.datetime(2020, 1, 1, tzinfo=UTC),
        datetime.datetime(2020, 1, 1, 1, tzinfo=ZURICH),
        datetime.datetime(2019, 12, 31, 20, 30, tzinfo=FIXED),
        pd.Timestamp("2020-01-01", tz="UTC"),
        pd.Timestamp("2020-01-01 09:00", tz="Asia/Tokyo"),
    ],
    "first of an hour shown twice": [
        NOON,
        NOON.astimezone(ZURICH),
        datetime.datetime(2023, 10, 29, 2, 30, tzinfo=ZURICH),
        pd.Timestamp(NOON).tz_convert("Europe/Zurich"),
        NOON.astimezone(TOKYO),
    ],
    "second of an hour shown twice": [
        NOON + datetime.timedelta(hours=1),
        datetime.datetime(2023, 10, 29, 2, 30, tzinfo=ZURICH, fold=1),
        pd.Timestamp(NOON + datetime.timedelta(hours=1)).tz_convert("Europe/Zurich"),
    ],
    "with a nanosecond": [np.datetime64(1_577_836_800_000_000_001, "ns"), pd.Timestamp(1_577_836_800_000_000_001)],
    "aware with a nanosecond": [
        pd.Timestamp(1_577_836_800_000_000_001, tz="UTC"),
        pd.Timestamp(1_577_836_800_000_000_001, tz="Europe/Zurich"),
    ],
    "with an attosecond": [np.datetime64(1, "as")],
    "far day": [np.datetime64("20000-01-01", "D"), np.datetime64("20000-01-01", "s")],
    "farthest day": [np.datetime64(2**62, "D")],
    "time": [datetime.time(1, 2, 3, 4), datetime.time(1, 2, 3, 4, fold=1)],
    "midnight": [datetime.time(0)],
    "second": [
        datetime.timedelta(seconds=1),
        np.timedelta64(1, "s"),
        np.timedelta64(10**9, "ns"),
        pd.Timedelta("1s"),
    ],
    "week": [datetime.timedelta(days=7), np.timedelta64(1, "W"), pd.Timedelta("7D")],
    "nanosecond": [np.timedelta64(1, "ns"), pd.Timedelta(1)],
    "negative nanosecond": [np.timedelta64(-1, "ns"), pd.Timedelta(-1)],
    "long": [np.timedelta64(2**60, "s")],
    "uuid": [uuid.UUID(int=5), uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe)],
    "other uuid": [uuid.UUID(int=6)],
    "small": [Size.SMALL],
    "larger": [Size.LARGE],
    "on": [Power.ON],
    "interval": [pd.Interval(0, 2), pd.Interval(0.0, 2.0), pd.Interval(np.int64(0), np.int64(2))],
    "closed interval": [pd.Interval(0, 2, "both")],
    "interval of days": [
        pd.Interval(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")),
        pd.Interval(pd.Timestamp("2020-01-01").as_unit("ns"), pd.Timestamp("2020-01-02").as_unit("ns")),
    ],
    "interval of aware days": [
        pd.Interval(pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2020-01-02", tz="UTC")),
        pd.Interval(pd.Timestamp("2020-01-01 01:00", tz=ZURICH), pd.Timestamp("2020-01-02 01:00", tz=ZURICH)),
    ],
    "interval of durations": [pd.Interval(pd.Timedelta(1), pd.Timedelta("1D"))],
    "month": [pd.Period("2020-01", "M")],
    "two months": [pd.Period("2020-01", "2M")],
}
MISSING = [
    None,
    float("nan"),
    np.float32("nan"),
    pd.NaT,
    pd.NA,
    np.datetime64("NaT"),
    np.timedelta64("NaT"),
    np.ma.masked,
]
MISSING += [Decimal("NaN"), Decimal("sNaN"), complex("nan"), np.complex64("nan"), np.longdouble("nan"), -float("nan")]

families = st.sampled_from(sorted(FAMILIES))
# The name of a family, or None for the missing key, and one of its spellings.
named_keys = st.one_of(
    families.flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(FAMILIES[name]))),
    st.tuples(st.none(), st.sampled_from(MISSING)),
)
rows_of_keys = st.lists(named_keys, max_size=12)


# --- columns of libraries ---------------------------------------------------------------------------
# Each makes a column of 64-bit integers, None for nulls, in the ways of all libraries that have the type.

# About the hour that is shown twice, and others; what libraries hold as nanoseconds.
moments = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([0, 1, 999, 1000, 1001, 10**9, 86_400 * 10**9]),
    st.integers(0, 5).map(lambda i: (1_698_535_800 + 1800 * i) * 10**9),
    st.integers(-(2**62), 2**62),
)


def arrow(kind):
    return lambda ticks: pa.array(ticks, pa.int64()).cast(kind)


def pandas_arrow(kind):
    return lambda ticks: pd.Series(pd.array(arrow(kind)(ticks), dtype=pd.ArrowDtype(kind)))


def numpy_times(dtype):
    def column(ticks):
        return np.array([np.iinfo(np.int64).min if tick is None else tick for tick in ticks], dtype=np.int64).view(
            dtype
        )

    return column


def polars_times(kind):
    return lambda ticks: pl.Series(ticks, dtype=pl.Int64).cast(kind)


def pandas_zone(ticks):
    return pd.Series(numpy_times("M8[ns]")(ticks)).dt.tz_localize("UTC").dt.tz_convert("Europe/Zurich")


IN_NANOSECONDS = {
    "instants": [
        numpy_times("M8[ns]"),
        lambda ticks: pd.Series(numpy_times("M8[ns]")(ticks)),
        lambda ticks: pd.Series(numpy_times("M8[ns]")(ticks)).astype("category"),
        lambda ticks: pd.Index(numpy_times("M8[ns]")(ticks)),
        lambda ticks: list(numpy_times("M8[ns]")(ticks)),
        lambda ticks: pd.Series(numpy_times("M8[ns]")(ticks)).astype(object),
        arrow(pa.timestamp("ns")),
        lambda ticks: arrow(pa.timestamp("ns"))(ticks).dictionary_encode(),
        pandas_arrow(pa.timestamp("ns")),
        polars_times(pl.Datetime("ns")),
    ],
    "instants with a zone": [
        pandas_zone,
        lambda ticks: pd.Index(pandas_zone(ticks)),
        lambda ticks: pandas_zone(ticks).astype("category"),
        arrow(pa.timestamp("ns", tz="Europe/Zurich")),
        lambda ticks: pa.chunked_array([arrow(pa.timestamp("ns", tz="Europe/Zurich"))(ticks)]),
        pandas_arrow(pa.timestamp("ns", tz="Europe/Zurich")),
        polars_times(pl.Datetime("ns", "Europe/Zurich")),
    ],
    "durations": [
        numpy_times("m8[ns]"),
        lambda ticks: pd.Series(numpy_times("m8[ns]")(ticks)),
        lambda ticks: list(pd.Series(numpy_times("m8[ns]")(ticks))),
        arrow(pa.duration("ns")),
        pandas_arrow(pa.duration("ns")),
        polars_times(pl.Duration("ns")),
    ],
    "times of day": [arrow(pa.time64("ns")), pandas_arrow(pa.time64("ns")), polars_times(pl.Time)],
}
