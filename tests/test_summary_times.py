"""Summaries of dates, times and durations: exact in their unit, and as lawful as those of numbers."""

from __future__ import annotations

import datetime
import itertools
import json
import math
import pickle
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, summarize
from foldstat.summary import WithNanoseconds
from plain_reader import fields, opened
from summaries import assert_identical
from travelling import enveloped, joined

UTC = datetime.UTC
PARIS = ZoneInfo("Europe/Paris")
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)

stamps = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
lasting = st.timedeltas(datetime.timedelta(days=-1000), datetime.timedelta(days=1000))


def micros(time):
    return (time - EPOCH if isinstance(time, datetime.datetime) else time) // MICROSECOND


def forms(values, kind):
    """The same times in every form that a library has for them."""
    arrow = pa.duration("us") if kind == "m" else pa.timestamp("us")
    dtype = pl.Duration("us") if kind == "m" else pl.Datetime("us")
    array = np.array(values, dtype=f"{kind}8[us]")
    yield values
    yield tuple(values)
    yield list(array)
    yield array
    yield array.astype(array.dtype.newbyteorder(">"))
    yield np.repeat(array, 2)[::2]
    yield np.array([*values, None], dtype=object)[:-1]
    yield pd.Series(array)
    yield pd.Index(array)
    yield pd.Series(values, dtype=object)
    yield pd.Series(values, dtype=pd.ArrowDtype(arrow))
    yield pl.Series(values, dtype=dtype)
    yield pa.array(values, arrow)
    yield pa.chunked_array([pa.array(values, arrow), pa.array([], arrow)])


def assert_reads(summary, values):
    """Every statistic is the exact one, rounded once to a microsecond."""
    present = [value for value in values if value is not None]
    ticks = [micros(value) for value in present]
    assert (summary.count, summary.null_count, summary.nan_count) == (len(present), len(values) - len(present), 0)
    if not present:
        assert summary.min is summary.max is summary.mean is summary.std() is None
        return
    n, mean = len(ticks), Fraction(sum(ticks), len(ticks))
    origin = EPOCH if isinstance(present[0], datetime.datetime) else datetime.timedelta(0)
    assert (summary.min, summary.max) == (min(present), max(present))
    assert summary.mean == origin + round(mean) * MICROSECOND
    for ddof in (0, 1):
        if n > ddof:
            variance = sum((tick - mean) ** 2 for tick in ticks) / (n - ddof)
            assert abs(Fraction(micros(summary.std(ddof))) ** 2 - variance) <= math.isqrt(int(variance)) + 1
    assert summary.power_sum(1) == sum(ticks)


@given(st.lists(st.none() | stamps, min_size=1, max_size=8) | st.lists(st.none() | lasting, min_size=1, max_size=8))
def test_every_form_is_the_same_summary(values):
    kind = "M" if any(isinstance(value, datetime.datetime) for value in values) else "m"
    if all(value is None for value in values):
        values = [EPOCH if kind == "M" else datetime.timedelta(0), *values]
    summaries = [Summary(form) for form in forms(values, kind)]
    for summary in summaries:
        assert_identical(summary, summaries[0])
    assert_reads(summaries[0], values)


parts = st.lists(st.lists(st.none() | stamps, max_size=5), min_size=1, max_size=5)


@given(parts, st.sampled_from(["us", "ns"]), st.randoms())
def test_merging_is_lawful(pieces, unit, rng):
    arrays = [np.array(piece, dtype="M8[us]").astype(f"M8[{unit}]") for piece in pieces]
    whole = Summary(np.concatenate(arrays))
    summaries = [Summary(array) for array in arrays]
    rng.shuffle(summaries)
    assert_identical(Summary.merge_all(summaries), whole)
    total = Summary()
    for summary in summaries:
        total += summary
        assert Summary() + summary == summary == summary + Summary()
    assert_identical(total, whole)
    assert_identical(sum(summaries), whole)
    grown = Summary()
    for array in arrays:
        grown.update(array)
    assert_identical(grown, whole)
    for again in (pickle.loads(pickle.dumps(whole)), Summary.from_bytes(whole.to_bytes()), whole.copy()):
        assert_identical(again, whole)


KINDS = {
    "numbers": Summary([1.0, 2.0]),
    "nan": Summary([math.nan]),
    "empty": Summary([]),
    "identity": Summary(),
    "nulls": Summary([None]),
    "us": Summary(np.array([5, 7], "M8[us]")),
    "ns": Summary(np.array([5, 7], "M8[ns]")),
    "no ns": Summary(np.array([], "M8[ns]")),
    "days": Summary([datetime.date(2020, 1, 1)]),
    "durations": Summary([datetime.timedelta(1)]),
    "hours": Summary([datetime.time(1)]),
    "utc": Summary([datetime.datetime(2020, 1, 1, tzinfo=UTC)]),
    "paris": Summary([datetime.datetime(2020, 1, 1, tzinfo=PARIS)]),
    "kolkata": Summary(pl.Series([5, 7]).cast(pl.Datetime("us", "Asia/Kolkata"))),
}


def merged(*summaries):
    try:
        total = summaries[0]
        for summary in summaries[1:]:
            total = total + summary
    except ValueError:
        return None
    return total.to_bytes()


@pytest.mark.parametrize("first", KINDS)
def test_what_does_not_merge_is_refused_in_every_order(first):
    """Commutative and associative, refusals included."""
    for second, third in itertools.product(KINDS, repeat=2):
        a, b, c = KINDS[first], KINDS[second], KINDS[third]
        assert merged(a, b) == merged(b, a)
        left, right = merged(a, b), merged(b, c)
        from_left = None if left is None else merged(Summary.from_bytes(left), c)
        from_right = None if right is None else merged(a, Summary.from_bytes(right))
        assert from_left == from_right, (first, second, third)


def test_the_same_integers_of_other_units_are_other_summaries():
    ticks = np.array([5, 7])
    dtypes = ["M8[us]", "M8[ns]", "m8[us]", "i8"]
    summaries = [Summary(ticks.view(dtype)) for dtype in dtypes]
    summaries += [Summary(pl.Series(ticks).cast(pl.Datetime("us", zone))) for zone in ("UTC", "Europe/Paris")]
    for one, other in itertools.permutations(summaries, 2):
        assert one != other
        assert one.to_bytes() != other.to_bytes()
    assert len(set(summaries)) == len(summaries)


def test_what_merges():
    assert merged(KINDS["us"], KINDS["ns"]) is None
    assert merged(KINDS["us"], KINDS["numbers"]) is None
    assert merged(KINDS["us"], KINDS["utc"]) is None
    assert merged(KINDS["no ns"], KINDS["nan"]) is None
    both = KINDS["paris"] + KINDS["kolkata"]
    assert both.max.tzinfo == UTC
    assert both == KINDS["kolkata"] + KINDS["paris"]
    with pytest.raises(
        ValueError, match="datetimes in 'us' does not go together with one of numbers: give both in one unit"
    ):
        KINDS["us"] + KINDS["numbers"]
    kept = KINDS["us"].copy()
    with pytest.raises(ValueError, match="does not go together"):
        kept += KINDS["ns"]
    assert kept == KINDS["us"]


def test_updates_in_another_unit_are_exact_or_refused():
    nanoseconds = Summary(np.array([5], "M8[ns]"))
    assert nanoseconds.update(np.array([7], "M8[us]")).max == EPOCH + 7 * MICROSECOND
    assert nanoseconds.power_sum(1) == 7005
    micro = Summary(np.array([5], "M8[us]"))
    micro.update(np.array([7000], "M8[ns]")).update(np.array(["NaT"], "M8[ns]")).push(EPOCH)
    assert (micro.power_sum(1), micro.count, micro.null_count) == (12, 3, 1)
    for wrong, error, message in (
        (np.array([7], "M8[ns]"), ValueError, "datetimes in 'ns' that are not whole as datetimes in 'us'"),
        (np.array([2**62], "M8[s]"), OverflowError, "64 bits do not hold as datetimes in 'us'"),
        (np.array([7], "m8[us]"), ValueError, "durations in 'us', which do not go together with datetimes in 'us'"),
        ([1.0, 2.0], TypeError, "x holds numbers, and this Summary is of datetimes in 'us'"),
    ):
        before = micro.to_bytes()
        with pytest.raises(error, match=message):
            micro.update(wrong)
        assert micro.to_bytes() == before
    micro.update([None, None]).update([])
    assert micro.null_count == 3
    with pytest.raises(TypeError, match="x holds datetimes in 'us', and this Summary is of numbers"):
        Summary([1.0]).update([EPOCH])
    with pytest.raises(TypeError, match="and this Summary is of numbers"):
        Summary([1.0]).push(EPOCH)


def test_zones_are_kept():
    hours = pd.Series(pd.date_range("2020-10-25", periods=6, freq="h", tz="Europe/Paris"))
    s = Summary(hours)
    assert s.min == hours.min()
    assert s.max.utcoffset() == hours.max().utcoffset()  # after the end of summer time
    assert (s.min.tzinfo.key, s.mean) == ("Europe/Paris", hours.mean())
    assert Summary(pl.from_pandas(hours)).max == hours.max()
    fixed = Summary(
        [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))]
    )
    assert fixed.min.utcoffset() == datetime.timedelta(hours=-3, minutes=-30)
    assert Summary.from_bytes(fixed.to_bytes()).min.utcoffset() == fixed.min.utcoffset()


def test_nanoseconds_and_what_is_finer_are_kept():
    s = Summary(np.array([1, 4], "M8[ns]"))
    assert (s.min, s.max, s.mean) == tuple(np.array([1, 4, 2], "M8[ns]"))  # 2.5, ties to even
    assert Summary(np.array([1, 4], "m8[as]")).max == np.timedelta64(4, "as")
    zoned = Summary(pd.Series(np.array([1001], "M8[ns]")).dt.tz_localize("UTC"))
    assert zoned.min == WithNanoseconds(datetime.datetime(1970, 1, 1, microsecond=1, tzinfo=UTC), 1)


def test_days_weeks_and_years():
    days = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]
    for x in (days, np.array(days, "M8[D]"), pl.Series(days), pa.array(days), pa.array(days, pa.date64())):
        s = Summary(x)
        assert (s.min, s.max, s.mean) == (*days, datetime.datetime(2020, 1, 1, 12))
    assert Summary(np.array(["2020", "2021"], "M8[Y]")).max == datetime.date(2021, 1, 1)
    assert Summary(np.array([2], "m8[W]")).sum == datetime.timedelta(weeks=2)
    assert Summary(np.array([1, 2], "m8[h]")).mean == datetime.timedelta(minutes=90)
    assert Summary(np.array([2], "M8[25s]")).max == datetime.datetime(1970, 1, 1, 0, 0, 50)
    with pytest.raises(TypeError, match=r"timedelta64\[Y\]"):
        Summary(np.array([1], "m8[Y]"))
    with pytest.raises(OverflowError, match="64 bits"):
        Summary(np.array([2**62], "M8[W]"))


def test_what_times_do_not_have():
    s = Summary([EPOCH, EPOCH + datetime.timedelta(1)], moments=4)
    with pytest.raises(TypeError, match="datetimes in 'us' have no sum"):
        _ = s.sum
    with pytest.raises(TypeError, match=r"use std\(\)"):
        s.var()
    with pytest.raises(TypeError, match="histogram"):
        Summary([EPOCH], histogram=[0.0, 1.0])
    assert (s.skewness, s.kurtosis) == (0.0, -2.0)
    assert Summary([datetime.timedelta(1)] * 3).sum == datetime.timedelta(3)
    assert s.sem == datetime.timedelta(hours=12)


def test_best_ids_weights_and_distinct_values():
    x = [EPOCH + datetime.timedelta(d) for d in (3, 1, 2)]
    s = Summary(x, ids=["c", "a", "b"], best=3, distinct=True, sample_weight=[1, 2, 3])
    assert s.best == [(x[1], "a"), (x[1], "a"), (x[2], "b")]
    assert (s.count, s.distinct_count) == (6, 3)
    series = pd.Series(x, index=[5, 6, 7])
    with pytest.raises(ValueError, match="different labels"):
        Summary(series, ids=pd.Series([1, 2, 3]))


@given(st.lists(lasting, min_size=1, max_size=30))
def test_quantiles_of_durations(values):
    s = Summary(values, relative_error=0.01)
    assert (s.quantile(0), s.quantile(1)) == (min(values), max(values))
    low, high = s.quantile([0.25, 0.75])
    assert min(values) <= low <= s.median <= high <= max(values)
    assert abs(s.iqr - (high - low)) <= 2 * MICROSECOND


def test_a_relative_error_of_an_instant_is_refused():
    """It would be a share of the years since 1970."""
    for call in (lambda: Summary([EPOCH], relative_error=0.01), lambda: Summary(relative_error=0.01).push(EPOCH)):
        with pytest.raises(ValueError, match="whose quantiles cannot have a relative error"):
            call()


def test_reads_under_a_policy_text_and_json():
    s = Summary([datetime.timedelta(hours=1), datetime.timedelta(hours=2), None])
    assert s.read(nan="propagate").mean == s.mean == datetime.timedelta(minutes=90)
    assert repr(s) == ("<Summary count=2 null_count=1 min=1:00:00 max=2:00:00 mean=1:30:00 std=0:42:25.584412>")
    assert "1:30:00" in s._repr_html_()
    assert json.loads(s.to_json())["mean"] == "5400"
    assert json.loads(Summary([EPOCH, EPOCH]).to_json())["max"] == "1970-01-01T00:00:00"
    low, high = s.mean_interval(0.5)
    assert low < s.mean < high
    assert Summary([datetime.timedelta(1)]).mean_interval() == (None, None)
    assert Summary(np.array([], "M8[us]")).mean is None


def test_lists_that_mix_times_with_other_things():
    """Times of NumPy are no integers."""
    for mixed in ([np.datetime64(5, "us"), 1.0], [np.timedelta64(5, "us"), 1], [EPOCH, "a"], [EPOCH, datetime.time(1)]):
        for values in (mixed, mixed[::-1], [None, *mixed]):
            with pytest.raises(TypeError):
                Summary(values)
    with pytest.raises(TypeError):
        Summary([datetime.time(1, tzinfo=UTC)])
    with pytest.raises(TypeError):
        Summary(iter([1.0, np.datetime64(5, "us")]))


def test_lists_of_nat_are_nulls():
    nulls = Summary([None, None])
    for values in ([pd.NaT, None], (np.datetime64("NaT"), np.timedelta64("NaT")), [pd.NaT, pd.NaT]):
        assert_identical(Summary(values), nulls)
    assert Summary([math.nan, pd.NaT]).nan_count == 1
    pushed = Summary()
    pushed.push(pd.NaT)
    assert pushed.null_count == 1


def test_generators_of_times():
    values = [EPOCH, None, EPOCH + datetime.timedelta(2)]
    assert Summary(value for value in values) == Summary(values)
    assert Summary(iter([None, *values])) == Summary([None, *values])


def test_summarize_takes_times():
    values = [EPOCH, None, EPOCH + datetime.timedelta(2)]
    assert summarize(values) == Summary(values)
    assert summarize(pd.Series(values)).max == values[2]


@pytest.mark.parametrize("place", range(3))
def test_bytes_that_name_no_unit_are_refused(place):
    data = Summary([EPOCH]).to_bytes()
    kind, version, payload = opened(data)
    named = list(fields(payload))
    named[place] = b"other"
    with pytest.raises(ValueError, match="not those of a Summary of times"):
        Summary.from_bytes(enveloped(kind, version, joined(named)))
    for damaged in (data[:-1], data + b"\0", bytes([*data[:20], data[20] ^ 1, *data[21:]])):
        with pytest.raises(ValueError, match="bytes"):
            Summary.from_bytes(damaged)
