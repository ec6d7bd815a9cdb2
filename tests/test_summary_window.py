"""A sliding window: its summary is that of the values in it, to the last bit, whatever came and slid out before."""

from __future__ import annotations

import datetime
import math
import pickle
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import summaries as s
from foldstat import Summary, SummaryWindow

UTC = datetime.UTC


class Naive:
    """All values with their times, and the last pane: everything is summed up anew."""

    def __init__(self, every, length, settings):
        self.every, self.length, self.settings = Fraction(every), Fraction(length), settings
        self.rows, self.last, self.late = [], None, 0

    def pane(self, at):
        return math.floor(Fraction(at) / self.every)

    def add(self, values, at, ids):
        for value, time, identifier in zip(values, at, ids, strict=True):
            pane = self.pane(time)
            self.last = pane if self.last is None else max(pane, self.last)
            if pane < self.last - self.length / self.every + 1:
                self.late += 1
            else:
                self.rows.append((pane, value, identifier))

    def slide(self, to):
        self.last = self.pane(to)

    def summary(self):
        if self.last is None:
            return Summary([], **self.settings)
        first = self.last - self.length / self.every + 1
        kept = [(value, identifier) for pane, value, identifier in self.rows if first <= pane <= self.last]
        return Summary([value for value, _ in kept], ids=[identifier for _, identifier in kept], **self.settings)


steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "many", "slide", "read", "pickle"]), st.data()), min_size=1, max_size=25
)


@given(st.sampled_from([1, 3, 0.25, 2.0]), st.integers(1, 6), s.settings(), st.integers(0, 2**32), st.floats(0.1, 30.0))
def test_the_summary_is_that_of_the_values_in_the_window(every, panes, settings, seed, spread):
    rng = np.random.default_rng(seed)
    window = SummaryWindow(every=every, length=panes * every, **settings)
    naive = Naive(every, panes * every, settings)
    time = float(rng.integers(-20, 20))
    begun = 0
    for _ in range(rng.integers(1, 25)):
        step = rng.choice(["one", "many", "many", "slide", "read", "pickle", "jump"])
        time += {"jump": 3.0 * panes * every}.get(step, 0.4 * spread * every / panes)
        if step in ("one", "many"):
            n = int(rng.integers(0, 8))
            values = rng.choice([0.1, -3.5, 7.25, -0.0, math.nan, math.inf, None], n).tolist()
            at = np.round(time + rng.normal(-every, spread * every / 3, n), 2)
            if step == "one":
                at[:] = np.round(time, 2)
            ids = range(begun, begun + n)
            begun += n
            naive.add(values, at.tolist() if n or step == "many" else [], ids)
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                before = window.late_count
                if step == "one" and n == 0:
                    continue
                window.add(values, at=float(at[0]) if step == "one" else at, ids=ids if rng.random() < 0.5 else None)
                assert len(found) == (window.late_count > before)
        elif step == "slide":
            time = max(time, 0.0 if naive.last is None else naive.last * every)
            window.slide(time)
            naive.slide(time)
        elif step == "pickle":
            again = pickle.loads(pickle.dumps(window))
            assert again == window
            window = again if rng.random() < 0.5 else window.copy()
        if rng.random() < 0.5:
            s.assert_identical(window.summary, naive.summary())
    s.assert_identical(window.summary, naive.summary())
    assert window.late_count == naive.late
    assert len(window) == len({pane for pane, *_ in naive.rows if naive.last - panes < pane <= naive.last})


@pytest.mark.parametrize("values", [1, 3])  # in a pane
def test_sliding_costs_few_merges(monkeypatch, values):
    merges = 0
    add, merge_all = Summary.__add__, Summary.merge_all.__func__

    def counted_add(left, right):
        nonlocal merges
        merges += 1
        return add(left, right)

    def counted_all(cls, parts):
        nonlocal merges
        parts = list(parts)
        merges += len(parts) - 1
        return merge_all(cls, parts)

    monkeypatch.setattr(Summary, "__add__", counted_add)
    monkeypatch.setattr(Summary, "merge_all", classmethod(counted_all))
    costs = []
    for panes in (4, 64, 512):
        window, merges = SummaryWindow(every=1, length=panes), 0
        for at in range(4 * 512):
            window.add(float(at), at=at // values)
            assert window.summary.max == at
        costs.append(merges / (4 * 512))
    assert max(costs) < 3.6, costs


@given(st.integers(1, 10**6), st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=9), st.data())
def test_panes_are_whole_parts(every, ticks, data):
    ticks = sorted(ticks)  # so that none is late
    expected = [tick // every for tick in ticks]
    last = max(expected)
    values = np.arange(len(ticks))
    kept = [value for value, place in zip(values.tolist(), expected, strict=True) if place > last - 3]
    numbers = st.sampled_from([np.int64, np.float64])
    unit = data.draw(st.sampled_from(["s", "ms", "us", "ns"]))
    finer = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    columns = [
        (every, np.array(ticks).astype(data.draw(numbers))),
        (float(every), np.array(ticks).astype(data.draw(numbers))),
        (np.timedelta64(every, unit), np.array(ticks).astype(f"m8[{unit}]")),
        (np.timedelta64(every * 10**9 // finer, "ns"), np.array(ticks).astype(f"M8[{unit}]")),
    ]
    for width, at in columns:
        window = SummaryWindow(every=width, length=3 * width)
        window.add(values, at=at)
        assert window.summary == Summary(kept)


# --- times ------------------------------------------------------------------------------------------------

NOON = datetime.datetime(2024, 5, 1, 12)
MINUTE = datetime.timedelta(minutes=1)


@pytest.mark.parametrize("width", [MINUTE, np.timedelta64(60, "s"), np.timedelta64(1, "m"), pd.Timedelta("1min")])
@pytest.mark.parametrize(
    "column",
    [
        list,
        lambda times: np.array(times, "M8[s]"),
        lambda times: np.array(times, "M8[ns]"),
        pd.Series,
        pd.DatetimeIndex,
        lambda times: pd.Series(times).astype("datetime64[ns]"),
        lambda times: pl.Series(times),
        lambda times: pa.array(times, pa.timestamp("us")),
        lambda times: [pd.Timestamp(time) for time in times],
    ],
)
def test_times_of_every_library(width, column):
    times = [NOON + datetime.timedelta(seconds=seconds) for seconds in (0, 59, 179, 130, 241, 180)]
    window = SummaryWindow(every=width, length=2 * MINUTE, best=1)
    window.add([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], at=column(times))
    assert window.summary == Summary([5.0, 6.0], ids=[4, 5], best=1)
    assert window.span == (NOON + 3 * MINUTE, NOON + 5 * MINUTE)
    assert len(window) == 2
    window.slide(NOON + 5 * MINUTE)
    assert window.summary == Summary([5.0], ids=[4], best=1)


def test_days_durations_and_zones():
    days = SummaryWindow(every=datetime.timedelta(days=1), length=datetime.timedelta(weeks=1))
    for day in range(1, 20):
        days.add([day], at=datetime.date(2024, 2, day))
    assert (days.summary.min, days.summary.max) == (13, 19)
    assert days.span == (datetime.datetime(2024, 2, 13), datetime.datetime(2024, 2, 20))
    lasted = SummaryWindow(every=np.timedelta64(1, "ns"), length=np.timedelta64(2, "ns"))
    lasted.add([1, 2, 3], at=np.array([-3, -2, -1], "m8[ns]"))
    assert lasted.summary == Summary([2, 3])
    zoned = SummaryWindow(every=MINUTE, length=MINUTE)
    zoned.add([1], at=pd.Timestamp("2024-05-01 12:00", tz="Europe/Zurich"))
    zoned.add([2], at=datetime.datetime(2024, 5, 1, 10, 0, 59, tzinfo=UTC))
    assert zoned.summary.count == 2
    assert zoned.span[0] == datetime.datetime(2024, 5, 1, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="at holds times without a zone, and this window has times with a zone"):
        zoned.add([3], at=NOON)
    assert zoned.summary.count == 2


def test_values_may_be_times_or_decimals():
    window = SummaryWindow(every=1, length=2)
    times = [datetime.datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    for values in (times, pd.Series(times), pl.Series(times), pa.array(times)):
        window = SummaryWindow(every=1, length=2, quantiles=True)
        window.add(values, at=[0, 1, 2])
        assert window.summary == Summary(values[1:] if isinstance(values, list) else times[1:], quantiles=True)
        window.slide(9)
        assert window.summary == Summary([], quantiles=True)
        window.add(Decimal("1.5"), at=9)
        window.add([Decimal("2.5"), Decimal("3.5")], at=[9, 10], ids=[5, 6], sample_weight=[1, 2])
        assert window.summary == Summary([Decimal("1.5"), Decimal("2.5"), *[Decimal("3.5")] * 2], quantiles=True)
    before = window.summary
    with pytest.raises(ValueError, match="does not go together"):
        window.add([1.5, 2.5], at=[9, 10])
    assert window.summary == before
    assert window._begun == 6


# --- what comes late, and what is wrong ---------------------------------------------------------------------


def test_late_values_are_left_out_with_a_warning():
    window = SummaryWindow(every=10, length=30)
    window.add([1.0], at=100)
    window.add([2.0], at=85)
    with pytest.warns(UserWarning, match="3 values are older than the window, which begins at 80: they were left") as w:
        window.add([3.0, None, 5.0, 6.0], at=[79, 0, 99, -7])
    assert len(w) == 1
    assert w[0].filename == __file__
    assert window.late_count == 3
    assert window.summary == Summary([1.0, 2.0, 5.0])
    assert repr(window) == "<SummaryWindow of 3 of 3 panes, every=10, count=3, late_count=3>"


def test_weights_and_ids():
    window = SummaryWindow(every=1, length=5, best=2, largest=True)
    window.add([1.0, 9.0, 4.0], at=[0, 1, 2], ids=["a", "b", "c"], sample_weight=[1, 2, 1])
    expected = Summary([1.0, 9.0, 4.0], ids=["a", "b", "c"], sample_weight=[1, 2, 1], best=2, largest=True)
    assert window.summary == expected
    with pytest.raises(ValueError, match="of one dimension"):
        window.add([[1.0, 2.0]], at=3)
    window.add(np.array([[1.0, 2.0]]), at=3, ids=np.array([[7, 8]]))
    assert window.summary.count == 6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0, "length": 1}, ValueError, "every must be a finite number above 0, got 0"),
        ({"every": math.nan, "length": 1}, ValueError, "every must be a finite number above 0, got nan"),
        ({"every": True, "length": 1}, TypeError, "every must be a number or a duration"),
        ({"every": "1s", "length": 1}, TypeError, "every must be a number or a duration"),
        ({"every": 2, "length": 5}, ValueError, "length must be a multiple of every, got length=5 and every=2"),
        ({"every": 2, "length": 1}, ValueError, "length must be a multiple"),
        ({"every": MINUTE, "length": 60}, TypeError, "must both be numbers, or both durations"),
        ({"every": -MINUTE, "length": MINUTE}, ValueError, "every must be a duration above 0"),
        ({"every": 7 * MINUTE, "length": 60 * MINUTE}, ValueError, "length must be a multiple"),
        ({"every": np.timedelta64("NaT"), "length": MINUTE}, ValueError, "every must be a duration above 0"),
        ({"every": np.timedelta64(1, "M"), "length": MINUTE}, TypeError, None),
        ({"every": 1, "length": 2, "ids": [1]}, TypeError, "ids is no setting of a summary"),
        ({"every": 1, "length": 2, "moments": 3}, ValueError, "moments"),
        ({"every": 1, "length": 2, "colour": 3}, TypeError, "colour"),
    ],
)
def test_what_is_no_window(arguments, error, message):
    with pytest.raises(error, match=message):
        SummaryWindow(**arguments)
    SummaryWindow(every=0.1, length=0.3)  # as people mean it


@pytest.mark.parametrize(
    ("every", "values", "at", "error", "message"),
    [
        (1, [1.0], None, ValueError, "at is missing: got None"),
        (1, [1.0], NOON, TypeError, "at must be a number, as every is a number"),
        (1, [1.0], "now", TypeError, "at must hold numbers"),
        (1, [1.0, 2.0], [1], ValueError, "at must be one time, or one for each of the 2 values, got 1"),
        (1, [1.0, 2.0], [1, math.nan], ValueError, "at must hold finite numbers, got nan at position 1"),
        (1, [1.0, 2.0], [1, None], TypeError, "at must hold numbers"),
        (1, [1.0, 2.0], [[1, 2]], ValueError, "at must be of one dimension"),
        (1, [[1.0, 2.0]], [1], ValueError, "values must be of one dimension"),
        (1, ["a"], 3, TypeError, None),
        (1, [1.0], 2**70, OverflowError, "at must be within"),
        (0.5, [1.0], 1e300, OverflowError, "more than 2..52 panes"),
        (0.1, [1.0], 2**60, OverflowError, "beyond 2..53"),
        (MINUTE, [1.0], 3.0, TypeError, "at must be a date, an instant or a duration"),
        (MINUTE, [1.0], [3.0], TypeError, "at must hold dates, instants or durations"),
        (MINUTE, [1.0], [None], TypeError, "at must hold dates"),
        (MINUTE, [1.0, 2.0], [NOON, None], ValueError, r"at\[1\] is missing"),
        (MINUTE, [1.0], datetime.time(3), TypeError, "at holds times of day"),
        (MINUTE, [1.0, 1.0], [NOON, NOON.replace(tzinfo=UTC)], TypeError, "mixes times of several kinds"),
    ],
)
def test_wrong_arguments_change_nothing(every, values, at, error, message):
    window = SummaryWindow(every=every, length=3 * every)
    first = NOON if every is MINUTE else 100
    window.add([5.0], at=first)
    before = window.copy()
    with pytest.raises(error, match=message):
        window.add(values, at=at)
    assert window == before
    with pytest.raises(ValueError, match="a window does not move back"):
        window.slide(first - 2 * MINUTE if every is MINUTE else first - 2 * every)
    with pytest.raises((TypeError, ValueError)):
        window.slide("later")
    assert window == before


def test_pandas_indexes_must_agree():
    window = SummaryWindow(every=1, length=3)
    with pytest.raises(ValueError, match="index"):
        window.add(pd.Series([1.0, 2.0], index=[0, 1]), at=pd.Series([0, 1], index=[1, 0]))


def test_far_times_and_wide_panes():
    for every, at in [(2**61, 2**61), (3, -(2**61)), (10**15, 5)]:
        window = SummaryWindow(every=every, length=every)
        window.add([1.0], at=np.array([at]))
        window.add([2.0], at=at)
        assert window.summary.count == 2
        assert window.span[0] == at // every * every
    window = SummaryWindow(every=np.timedelta64(1, "as"), length=np.timedelta64(3, "as"))
    with pytest.raises(OverflowError, match=r"2\*\*62 panes"):
        window.add([1.0], at=np.array([2**40], "m8[s]"))


def test_a_window_without_times():
    window = SummaryWindow(every=1, length=1, moments=4)
    assert window.span is None
    assert len(window) == 0
    assert window
    assert window.summary == Summary([], moments=4)
    assert window.settings["moments"] == 4
    window.add([], at=[])
    assert window.span is None
    window.add([], at=3)
    assert window.span == (3, 4)
    assert len(window) == 0
    window.add(iter([1.0, 2.0]), at=[3, 3])
    assert window.summary == Summary([1.0, 2.0], moments=4)
    assert window != SummaryWindow(every=1, length=2, moments=4)
    assert window != 3


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [Decimal("1.5"), Decimal("2.5"), Decimal("3.5")]])
@pytest.mark.parametrize(("weights", "late"), [(None, 1), ([1, 2, 1], 2), ([1.0, 2.0, 0.0], 2)])
def test_values_that_others_of_one_add_make_late_are_told(values, weights, late):
    window = SummaryWindow(every=1, length=5)
    with pytest.warns(UserWarning, match=f"{late} values are older than the window, which begins at 7"):
        window.add(values, at=[10, 0, 11], sample_weight=weights)
    assert window.late_count == late
    sorted_ones = SummaryWindow(every=1, length=5)
    sorted_ones.add(values, at=[0, 10, 10**15])  # each is in the window when it comes
    assert sorted_ones.late_count == 0


@given(st.lists(st.none() | st.decimals(-99, 99, places=2) | st.decimals(-9, 9, places=1), min_size=1, max_size=6))
def test_decimals_of_different_places_are_those_of_the_whole_list(values):
    values = [Decimal("0.25"), 3, *values]
    for form in (values, tuple(values), pd.Series(values, dtype=object), np.array(values, dtype=object), iter(values)):
        window = SummaryWindow(every=1, length=len(values))
        window.add(form, at=range(len(values)))
        assert window.summary == Summary(values)


def test_weights_and_ids_of_times_over_several_panes():
    times = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]))

    def added(**given):
        window = SummaryWindow(every=10, length=100, best=2)
        window.add(times, at=[0, 10, 20], **given)
        return window.summary

    ids = {"ids": [7, 8, 9]}
    assert added(**ids) == Summary(times, best=2, **ids)
    for weights, settings in ((2, {}), ([1, 2, 3], {}), ([1.5, 2.0, 3.0], {"weights": "reliability"})):
        window = SummaryWindow(every=10, length=100, **settings)
        window.add(times, at=[0, 10, 20], sample_weight=weights)
        assert window.summary == Summary(times, sample_weight=np.broadcast_to(weights, 3), **settings)
    for weights, error in (
        (pd.Series([1, 2, 3], index=[2, 1, 0]), "labels"),
        (np.ma.array([1, 2, 3], mask=[0, 0, 1]), "masked"),
        ([1] * 8, r"shape \(3,\)"),
        ([1, -1, 1], r"sample_weight\[1\] = -1"),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            added(sample_weight=weights)


def test_errors_name_what_was_given():
    window, timed = (SummaryWindow(every=w, length=w) for w in (1, datetime.timedelta(1)))
    for values in ("1", ["1"]):
        with pytest.raises(TypeError, match=r"^values"):
            window.add(values, at=1)
    for either in (window, timed):
        for at in (None, pd.NaT):
            with pytest.raises(ValueError, match=r"^at is missing: got N"):
                either.add([1.0], at=at)
    with pytest.raises(TypeError, match=r"^every must have a unit of one length"):
        SummaryWindow(every=np.timedelta64(1, "M"), length=np.timedelta64(5, "M"))


@pytest.mark.parametrize("at", [0, [0, 0]])
def test_late_values_are_as_many_as_their_weights_say(at):
    for settings, weights, late in (
        ({"weights": "frequency"}, [2, 3], 5),
        ({"weights": "frequency"}, [2.0, 3.0], 2),
        ({"weights": "reliability"}, [2, 3], 2),
        ({}, [2.0, 3.0], 5),
    ):
        window = SummaryWindow(every=1, length=2, **settings)
        window.add([1.0], at=9)
        with pytest.warns(UserWarning, match=f"^{late} values are older"):
            window.add([1.0, 2.0], at=at, sample_weight=weights)
        assert window.late_count == late
