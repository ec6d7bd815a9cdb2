"""Summaries of decimals and of integers of 128 bits: exact, or refused."""

from __future__ import annotations

import datetime
import json
import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, summarize
from summaries import Oracle, assert_identical, round_ratio, round_root, same

decimals = st.integers(-(2**63), 2**63 - 1).map(lambda whole: Decimal(f"{whole}e-3")) | st.decimals(-10, 10, places=3)


def forms(values):
    """The same decimals, of three places, in every form that a library has for them."""
    yield values
    yield tuple(values)
    yield iter(values)
    yield np.array([*values, None], dtype=object)[:-1]
    yield pd.Series(values, dtype=object)
    yield pd.Series(values, dtype=pd.ArrowDtype(pa.decimal128(30, 3)))
    yield pl.Series(values, dtype=pl.Decimal(30, 3))
    yield pa.array(values, pa.decimal128(30, 3))
    yield pa.array([None, *values], pa.decimal256(60, 3))[1:]
    yield pa.array([Decimal(7), *values], pa.decimal128(38, 3))[1:]
    yield pa.chunked_array([pa.array(values, pa.decimal128(30, 3)), pa.array([], pa.decimal128(30, 3))])


THREE = Decimal("0.001")


@given(st.lists(st.none() | decimals, max_size=8))
def test_decimals_are_exact(values):
    values = [THREE, *values]  # so that the lists have three places
    present = [Fraction(value) for value in values if value is not None]
    n, mean = len(present), sum(present) / len(present)
    for form in forms(values):
        s = Summary(form)
        assert (s.count, s.null_count) == (n, len(values) - n)
        assert (s.min, s.max) == (min(present), max(present))
        assert isinstance(s.min, Decimal)
        assert s.sum == sum(present)
        assert same(s.mean, round_ratio(mean))
        variance = sum((value - mean) ** 2 for value in present)
        assert same(s.var(0), round_ratio(variance / n))
        assert same(s.std(0), round_root(variance / n))
        if n > 1:
            assert same(s.std(), round_root(variance / (n - 1)))
            assert same(s.sem, round_root(variance / (n - 1) / n))
        assert_identical(s, Summary(values))


@given(st.lists(st.lists(st.none() | decimals, max_size=4), min_size=1, max_size=4), st.randoms())
def test_merging_is_lawful(pieces, rng):
    kind = pa.decimal128(30, 3)
    whole = Summary(pa.array([value for piece in pieces for value in piece], kind))
    summaries = [Summary(pa.array(piece, kind)) for piece in pieces]
    rng.shuffle(summaries)
    assert_identical(sum(summaries, Summary()), whole)
    assert_identical(Summary.merge_all(summaries), whole)
    for again in (pickle.loads(pickle.dumps(whole)), Summary.from_bytes(whole.to_bytes()), whole.copy()):
        assert_identical(again, whole)
    pushed = Summary(pa.array([], kind))
    for piece in pieces:
        for value in piece:
            pushed.push(value)
    assert_identical(pushed, whole)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=8))
def test_integers_of_128_bits_are_integers(values):
    expected = Summary(values)
    for form in (
        pl.Series(values, dtype=pl.Int128),
        pa.array(values, pa.decimal128(30, 0)),
        [None if value is None else Decimal(value) for value in values],
    ):
        assert_identical(Summary(form), expected)
        assert_identical(Summary([1.5]) + Summary(form), Summary([1.5, *values]))


def test_what_64_bits_do_not_hold_is_refused():
    for x in (
        pl.Series([2**63, 1], dtype=pl.Int128),
        pa.array([Decimal(2**63)], pa.decimal128(38, 2)),
        [Decimal("1e30"), Decimal("0.5")],
        pd.Series([Decimal("-1e20")]),
    ):
        with pytest.raises(
            OverflowError, match=r"x holds (a number that is )?-?\d+( times 10\*\*-\d)?, which needs more"
        ):
            Summary(x)
    for x in ([Decimal("Infinity")], [Decimal("1e99999")], [0.5, Decimal("0.5")], [Decimal("sNaN"), 1.5]):
        with pytest.raises(TypeError, match="Decimal"):
            Summary(x)
    with pytest.raises(TypeError, match="Infinity"):
        Summary().push(Decimal("Infinity"))


def test_places_that_differ():
    coarse, fine = Summary([Decimal("1.5")]), Summary([Decimal("0.25")])
    with pytest.raises(ValueError, match="decimals of 1 place does not go together with one of decimals of 2 places"):
        coarse + fine
    with pytest.raises(ValueError, match="does not go together with one of numbers"):
        coarse + Summary([1.5])
    assert fine.update([Decimal("1.5"), 2]).max == 2
    assert fine == Summary([Decimal("0.25"), Decimal("1.5"), 2])
    with pytest.raises(ValueError, match="decimals of 2 places that are not whole as decimals of 1 place"):
        coarse.update([Decimal("0.25")])
    assert coarse.update([Decimal("0.20")]).count == 2


def test_other_reads():
    values = [Decimal("1.25"), Decimal("2.75"), Decimal("3.05"), Decimal("NaN"), None]
    s = Summary(values, moments=4, best=2, distinct=True, relative_error=0.001)
    oracle = Oracle([125, 275, 305])
    assert (s.count, s.null_count, s.distinct_count) == (3, 2, 3)
    assert s.best == [(Decimal("1.25"), 0), (Decimal("2.75"), 1)]
    assert same(s.skewness, oracle.skewness)
    assert math.isclose(s.median, 2.75, rel_tol=1e-3)
    assert json.loads(s.to_json())["max"] == "3.05"
    assert f"{s:.1f}".startswith("<Summary count=3 null_count=2 min=1.2 max=3.0")
    low, high = s.mean_interval()
    assert low < s.mean < high
    assert math.isnan(Summary(pa.array([], pa.decimal128(5, 2))).mean)


WIDE = {
    "Int128": lambda values: pl.DataFrame({"n": pl.Series(values, dtype=pl.Int128)}),
    "UInt128": lambda values: pl.DataFrame({"n": pl.Series(values, dtype=pl.UInt128)}),
    "decimal128": lambda values: pa.table({"n": pa.array(values, pa.decimal128(38))}),
    "decimal256": lambda values: pa.table({"n": pa.array(values, pa.decimal256(70))}),
    "objects": lambda values: {"n": pd.Series(values, dtype=object)},
    "arrow": lambda values: pd.DataFrame({"n": pd.Series(values, dtype=pd.ArrowDtype(pa.decimal128(38)))}),
}


@pytest.mark.parametrize("kind", WIDE)
@given(st.lists(st.none() | st.integers(0, 2**63 - 1), min_size=1, max_size=6).filter(any))
def test_integers_of_wide_types_are_integers(kind, values):
    frame, numbers = WIDE[kind](values), {"n": pl.Series(values, dtype=pl.Int64)}
    assert_identical(Summary(frame), Summary(numbers))
    assert summarize(frame, axis=0) == summarize(numbers, axis=0)
    assert summarize(frame, by=values).missing_key_count == values.count(None)
    exact = [value for value in values if value is not None]
    found = summarize(frame, axis=0)[0]
    assert (found.power_sum(1), found.power_sum(2)) == (sum(exact), sum(value**2 for value in exact))
    assert (found.min, found.max) == (min(exact), max(exact))


@pytest.mark.parametrize("kind", WIDE)
def test_integers_that_are_not_read_are_not_left_out(kind):
    for values in ([2**64, 1], [1, None, 2**100]):
        frame = {**to_dict(WIDE[kind](values)), "x": [1.0] * len(values)}
        frame = pl.DataFrame(frame) if kind in ("Int128", "UInt128") else frame
        for arguments in ({}, {"axis": 0}, {"by": ["a"] * len(values)}):
            with pytest.raises(TypeError, match=r"only columns of numbers.*\['n'\].*more than 64 bits"):
                summarize(frame, **arguments)


def to_dict(frame):
    return {name: frame[name] for name in getattr(frame, "column_names", None) or getattr(frame, "columns", frame)}


def test_decimals_of_hundreds_are_integers():
    array = pa.array([Decimal(500), None, Decimal(-1200)], pa.decimal128(5, -2))
    for found in (Summary(array), Summary(pa.table({"x": array})), summarize(pa.table({"x": array}), axis=0)[0]):
        assert (found.min, found.max, found.null_count) == (-1200.0, 500.0, 1)
    with pytest.raises(TypeError, match="holds 10000000000000000000, which needs more than 64 bits"):
        summarize(pa.table({"x": pa.array([Decimal(10**19)], pa.decimal128(5, -18))}), axis=0)


SCALED = {
    "decimals": [Decimal("1.10")],
    "dates": [datetime.date(2024, 1, 1)],
    "durations": [datetime.timedelta(days=1)],
    "no dates": np.array([], "M8[D]"),
}


@pytest.mark.parametrize("values", SCALED.values(), ids=SCALED)
@given(number=st.integers(-9, 9) | st.floats(allow_nan=False) | st.booleans())
def test_a_plain_number_is_not_pushed_as_units(values, number):
    for target in (Summary(values), *summarize(values, by=["a"] * len(values)).values()):
        before = target.copy()
        for value in (number, np.array([number])[0]):
            with pytest.raises(TypeError, match=r"push\(value\): value holds numbers, and this Summary is of d"):
                target.push(value, times=3)
        assert_identical(target, before)


@pytest.mark.parametrize("values", SCALED.values(), ids=SCALED)
def test_a_missing_number_is_pushed_as_a_null(values):
    s = Summary(values)
    for value in (math.nan, None, np.float32("nan"), pd.NA):
        s.push(value)
    assert (s.count, s.null_count, s.nan_count) == (len(values), 4, 0)
    with pytest.raises(TypeError, match="of type str"):
        s.push("1")


def test_a_whole_decimal_is_pushed_as_what_it_is():
    s = Summary([Decimal("1.10")])
    s.push(Decimal(3))
    assert s == Summary([Decimal("1.10"), Decimal(3)])
    with pytest.raises(TypeError, match="value holds numbers, and this Summary is of dates"):
        Summary([datetime.date(2024, 1, 1)]).push(Decimal(3))


@given(st.lists(decimals, min_size=1, max_size=6), st.integers(0, 3))
def test_power_sums_are_those_of_the_decimals(values, weight):
    values = [THREE, *values]
    weights = [1, *[weight] * (len(values) - 1)]
    s = Summary(values, sample_weight=weights, moments=4)
    side_by_side = summarize({"p": values, "q": [1.0] * len(values)}, axis=0, sample_weight=weights, moments=4)
    for k in range(1, 5):
        exact = sum(w * Fraction(value) ** k for value, w in zip(values, weights, strict=True))
        assert s.power_sum(k) == s.read(nan="propagate").power_sum(k) == exact
        assert side_by_side.power_sum(k) == [exact, sum(weights)]
        assert summarize(values, by=[1] * len(values), sample_weight=weights, moments=4)[1].power_sum(k) == exact
    half = Summary(values, sample_weight=[0.5] * len(values), weights="reliability")
    assert half.power_sum(2) == sum(Fraction(value) ** 2 for value in values) / 2


@pytest.mark.parametrize(
    "values", [[Decimal("1.1"), 1.5], [1.5, Decimal("1.1")], [Decimal("-Infinity")], [Decimal("1.1"), "a"]]
)
@pytest.mark.parametrize(
    "make", [list, iter, tuple, lambda x: np.array(x, dtype=object), lambda x: pd.Series(x, dtype=object)]
)
def test_decimals_that_are_not_read_are_told_what_they_may_be_among(values, make):
    position = next(i for i, value in enumerate(values) if isinstance(value, Decimal))
    with pytest.raises(TypeError, match=rf"x\[{position}\] is of type Decimal: .*finite, among ints and None only"):
        Summary(make(values))
    with pytest.raises(TypeError, match=rf"\[{position}\] is of type Decimal: .*finite, among ints"):
        summarize({"x": make(values)}, axis=0)


def test_why_a_histogram_leaves_decimals_out_is_told():
    frame = {"p": [Decimal("1.1"), Decimal("2.2")], "x": [1.0, 2.0], "s": ["a", "b"]}
    with pytest.warns(UserWarning, match="left out") as told:
        found = summarize(frame, axis=0, histogram=[0.0, 3.0])
    assert found.names == ("x",)
    first, second = (str(one.message) for one in told)
    assert "'s'" in first
    assert "'p'" not in first
    assert "left out: X['p'] holds decimals of 1 place, which a histogram" in second
