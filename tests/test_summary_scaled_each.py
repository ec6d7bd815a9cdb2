"""Times and decimals in columns, rows and groups: what each says is what a summary of it alone says."""

from __future__ import annotations

import datetime
import decimal
import pickle
import warnings
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GroupedSummary, Summaries, Summary, summarize
from foldstat.summary._instants import exactly
from summaries import assert_identical

PARIS = ZoneInfo("Europe/Paris")
UTC = datetime.UTC
DAY = datetime.timedelta(days=1)

# One strategy of values for each kind, and pyarrow's type of them.
TIMES = {
    "dates": (st.dates(datetime.date(1700, 1, 1), datetime.date(2200, 1, 1)), pa.date32()),
    "us": (st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)), pa.timestamp("us")),
    "aware": (
        st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(lambda t: t.replace(tzinfo=UTC)),
        pa.timestamp("us", "Europe/Paris"),
    ),
    "lasting": (st.timedeltas(-1000 * DAY, 1000 * DAY), pa.duration("us")),
    "clock": (st.times(), pa.time64("us")),
    "ns": (st.integers(-(2**60), 2**60), pa.timestamp("ns")),
    "ns zone": (st.integers(-(2**60), 2**60), pa.timestamp("ns", "Europe/Paris")),
    "ms": (st.integers(-(2**40), 2**40), pa.duration("ms")),
    "cents": (st.decimals(-1000, 1000, places=2), pa.decimal128(12, 2)),
    "digits": (st.decimals(-1000, 1000, places=6), pa.decimal256(40, 6)),
}


@st.composite
def columns(draw, size=12):
    """A column of one kind, with nulls, and a key for each row."""
    values, dtype = TIMES[draw(st.sampled_from(sorted(TIMES)))]
    rows = draw(st.lists(st.tuples(st.integers(0, 2), st.none() | values), min_size=1, max_size=size))
    keys = [key for key, _ in rows]
    return keys, pa.array([value for _, value in rows], dtype)


def forms(column):
    """The same column in every frame that has one."""
    yield pa.table({"t": column})
    yield {"t": column}
    if not pa.types.is_decimal256(column.type) and not pa.types.is_time(column.type):  # Polars' are in nanoseconds
        yield pl.DataFrame({"t": pl.Series("t", column)})
        yield pa.table({"t": column}).to_pandas(types_mapper=pd.ArrowDtype)
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        yield pa.table({"t": column}).to_pandas()


def same(left, right):
    if isinstance(left, (float, np.floating)) and left != left:
        return right is None or right != right
    return left == right and (type(left) is type(right) or isinstance(left, float))


def assert_reads(several, alone):
    """The arrays of several are what each of them says."""
    for name in ("count", "null_count", "min", "max", "mean", "sem", "median", "iqr"):
        found = getattr(several, name).tolist()
        expected = [getattr(one, name) for one in alone]
        assert all(map(same, found, expected)), (name, found, expected)
    for ddof in (0, 1, 3):
        assert all(map(same, several.std(ddof).tolist(), [one.std(ddof) for one in alone]))
    for q in ([0.25, 0.9], [[0.3]]):
        for method in ("linear", "lower"):
            found, expected = several.quantile(q, method), [one.quantile(q, method) for one in alone]
            assert found.shape == (*np.shape(q), len(alone))
            for place, each in enumerate(expected):
                assert all(map(same, found[..., place].ravel().tolist(), np.ravel(each).tolist()))
            pairs = zip(several.quantile_bounds(q, method), (0, 1), strict=True)
            for bounds, end in pairs:
                for place, one in enumerate(alone):
                    known = np.ravel(one.quantile_bounds(q, method)[end]).tolist()
                    assert all(map(same, bounds[..., place].ravel().tolist(), known))
    unit = alone[0].to_bytes()
    for read, refused in (("sum", b"duration" not in unit), ("var", True)):
        if refused and b"decimal" not in unit:
            with pytest.raises(TypeError, match=r"have no sum|squared"):
                read_of(several, read)
        else:
            assert all(map(same, read_of(several, read).tolist(), [read_of(one, read) for one in alone]))


def read_of(summary, name):
    found = getattr(summary, name)
    return found() if callable(found) else found


@settings(max_examples=150)
@given(columns())
def test_groups_say_what_each_of_them_says_alone(drawn):
    keys, column = drawn
    grouped = summarize(column, by=keys, quantiles=True)
    alone = [Summary(column.filter(pa.array([k == key for k in keys])), quantiles=True) for key in grouped]
    for key, one in zip(grouped, alone, strict=True):
        assert_identical(grouped[key], one)
    assert_reads(Summaries(grouped.values()), alone)
    several = summarize({"t": column}, by=keys, quantiles=True)
    for form in forms(column):
        found = summarize(form, by=keys, quantiles=True)
        assert found == several
        assert hash(found) == hash(several)
        assert_reads(summarize(form, axis=0, quantiles=True), [Summary(column, quantiles=True)])
    for key, one in zip(several, alone, strict=True):
        assert_identical(several[key]["t"], one)
    for again in (pickle.loads(pickle.dumps(several)), GroupedSummary.from_bytes(several.to_bytes()), several.copy()):
        assert again == several
        assert again.to_bytes() == several.to_bytes()
    assert GroupedSummary(dict(several)) == several


@given(columns(), st.data())
def test_pieces_merge_to_the_whole(drawn, data):
    keys, column = drawn
    cuts = sorted(data.draw(st.lists(st.integers(0, len(keys)), max_size=3)))
    frame = pa.table({"t": column, "n": keys, "k": keys})
    pieces = [frame[a:b] for a, b in zip([0, *cuts], [*cuts, len(keys)], strict=True)]
    for arguments in ({"axis": 0}, {"by": "k"}):
        whole = summarize(frame, **arguments)
        parts = [summarize(piece, **arguments) for piece in pieces]
        assert type(whole).merge_all(data.draw(st.permutations(parts))) == whole
        assert sum(parts, type(whole)()) == whole
        assert summarize(pa.RecordBatchReader.from_batches(frame.schema, frame.to_batches(3)), **arguments) == whole
        assert summarize(iter(pieces), **arguments) == whole


@given(columns())
def test_tables_hold_what_is_read(drawn):
    """A column of a table is of its library's type, or of objects or texts, and has the same cells."""
    keys, column = drawn
    for grouped in (summarize(column, by=keys, quantiles=True), summarize({"a": column}, by=keys, quantiles=True)):
        each = [group if isinstance(group, Summary) else group[0] for group in grouped.values()]
        for kind in ("pandas", "polars", "pyarrow"):
            table = grouped.to_frame(kind)
            for name, read in (("min", "min"), ("mean", "mean"), ("50%", "median"), ("max", "max")):
                label = name if isinstance(grouped[grouped_key(grouped)], Summary) else f"a.{name}"
                cells = table[label].to_pylist() if kind == "pyarrow" else table[label].to_list()
                for cell, one in zip(cells, each, strict=True):
                    assert_same_cell(cell, getattr(one, read))
        assert grouped._repr_html_().count("<tr>") == len(grouped) + 1


def grouped_key(grouped):
    return next(iter(grouped))


def assert_same_cell(cell, value):
    if value is None or value != value:
        assert cell is None or cell is pd.NaT or cell != cell
    elif isinstance(value, (float, decimal.Decimal)):
        assert cell == value
    elif isinstance(cell, str):
        assert cell == str(value)
    else:
        (kind, ticks), (other, expected) = exactly(cell), exactly(value)
        assert kind == other
        assert abs(ticks - expected) < 10**12  # Python's objects, which lists of Polars hold, have no nanoseconds


def test_tables_are_those_of_pandas():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"k": rng.integers(0, 50, 5000), "when": rng.integers(10**15, 2 * 10**15, 5000).view("M8[us]")}
    )
    frame["zoned"] = frame["when"].dt.tz_localize("UTC").dt.tz_convert("Europe/Paris")
    frame["lasted"] = frame["when"] - frame["when"].min()
    frame.loc[::7, ["when", "lasted"]] = None
    own = frame.groupby("k").agg(["count", "min", "max", "median", "mean"])
    table = summarize(frame, by="k", quantiles=True).to_frame()
    for name in ("when", "zoned", "lasted"):
        for read in ("count", "min", "max"):
            pd.testing.assert_series_equal(table[f"{name}.{read}"], own[name][read], check_names=False)
        for read, column in (("median", "50%"), ("mean", "mean")):  # pandas cuts off what is below a microsecond
            assert (abs(table[f"{name}.{column}"] - own[name][read]) <= pd.Timedelta(1, "us")).all()
    spread = frame.groupby("k")["lasted"].std()
    assert (abs(table["lasted.std"] - spread) <= pd.Timedelta(1, "ms")).all()


def test_decimals_are_exact_in_groups():
    values = [decimal.Decimal(text) for text in ("0.10", "0.20", "-0.30", "123456789012345.67")]
    grouped = summarize(pa.table({"x": values, "k": ["a", "a", "a", "b"]}), by="k")
    several = Summaries(group["x"] for group in grouped.values())
    assert several.sum.tolist() == [decimal.Decimal("0.00"), values[3]]
    assert several.mean.tolist() == [0.0, float(values[3])]
    variance = sum(Fraction(value) ** 2 for value in values[:3]) / 2
    assert several.var().tolist()[0] == float(variance)
    assert grouped.to_frame("polars")["x.min"].to_list() == [values[2], values[3]]
    assert grouped.to_frame("pyarrow").schema.field("x.max").type == pa.decimal128(17, 2)


def test_columns_of_several_kinds():
    day = datetime.date(2024, 2, 29)
    frame = {"x": [1.5, 2.5], "day": [day, day + DAY], "cost": [decimal.Decimal("1.25")] * 2, "name": ["a", "b"]}
    with pytest.warns(UserWarning, match=r"left out: 'name' \([^,]*\)$"):
        several = summarize(frame, axis=0)
    assert several.names == ("x", "day", "cost")
    assert several.mean.tolist() == [2.0, datetime.datetime(2024, 2, 29, 12), 1.25]
    assert several.sum.tolist() == [4.0, None, decimal.Decimal("2.50")]
    assert several.max.tolist() == [2.5, day + DAY, decimal.Decimal("1.25")]
    assert several["day"].max == day + DAY
    assert several[1:2].mean.tolist() == [datetime.datetime(2024, 2, 29, 12)]
    assert several.to_frame("pandas")["min"].tolist() == [1.5, pd.Timestamp(day), decimal.Decimal("1.25")]
    assert several.to_frame("polars")["max"].to_list() == ["2.5", "2024-03-01", "1.25"]
    assert summarize({"x": [1.5], "cost": frame["cost"][:1]}, axis=0).to_frame("polars")["min"].to_list() == [1.5, 1.25]
    assert Summaries.from_bytes(several.to_bytes()) == several
    assert "2024-02-29" in several._repr_html_()
    assert several.read(nan="propagate").min.tolist() == several.min.tolist()


def test_matrices_of_times():
    times = np.arange(6).reshape(3, 2).astype("M8[s]")
    times[1, 1] = "NaT"
    assert summarize(times, axis=0).max.tolist() == [datetime.datetime(1970, 1, 1, 0, 0, s) for s in (4, 5)]
    assert summarize(times, axis=1).min.tolist() == [datetime.datetime(1970, 1, 1, 0, 0, s) for s in (0, 2, 4)]
    assert summarize(times, axis=1).null_count.tolist() == [0, 1, 0]
    assert summarize(times[:, 0], axis=0) == Summary(times[:, 0])


@pytest.mark.parametrize(
    "times",
    [
        np.array([5, 7], "M8[ps]"),
        np.array([5, 7], "m8[fs]"),
        np.array([10**14, 3], "M8[D]"),
        np.array([10**15, 10**16], "M8[s]"),
        np.array([2**62, 2**62], "m8[s]"),
        np.array([1, 10**6], "m8[D]"),
    ],
    ids=str,
)
def test_times_that_libraries_do_not_have(times):
    """They are objects or texts there, and the array of a mean is what each mean is."""
    grouped = summarize(times, by=["a", "b"])
    expected = [Summary(times[i : i + 1]).mean for i in range(2)]
    assert Summaries(grouped.values()).mean.tolist() == expected
    for kind in ("pandas", "polars", "pyarrow"):
        table = grouped.to_frame(kind)
        cells = table["mean"].to_pylist() if kind == "pyarrow" else table["mean"].to_list()
        assert str(table)
        for cell, value in zip(cells, expected, strict=True):
            assert cell == str(value) if isinstance(cell, str) else exactly(cell) == exactly(value)


def test_settings_that_times_do_not_go_with():
    frame = {"x": [1.0, 2.0], "when": np.array([1, 2], "M8[us]"), "lasted": np.array([1, 2], "m8[us]")}
    with pytest.warns(UserWarning, match=r"left out: X\['when'\] holds datetimes in 'us', whose quantiles"):
        assert summarize(frame, axis=0, relative_error=0.01).names == ("x", "lasted")
    with pytest.warns(UserWarning, match=r"left out: X\['when'\] .*; X\['lasted'\] "):
        assert summarize(frame, by=[1, 1], histogram=[0.0, 3.0])[1].names == ("x",)
    with pytest.raises(ValueError, match="X holds datetimes in 'us', whose quantiles"):
        summarize(frame["when"], by=[1, 1], relative_error=0.01)
    with pytest.raises(TypeError, match="X holds datetimes in 'us'"):
        summarize(np.array([[1, 2]], "M8[us]"), cov=True)
    with pytest.raises(TypeError, match=r"X\['when'\] holds datetimes in 'us', which a histogram"):
        summarize(frame, axis=0, histogram=[0.0, 3.0], strict=True)


def stamps(values, unit="us", zone=None):
    return pa.table({"t": pa.array(values, pa.timestamp(unit, zone)), "k": ["a"] * len(values)})


def test_units_that_do_not_merge_and_zones_that_do():
    for arguments in ({"axis": 0}, {"by": "k"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            us, ms = (summarize(stamps([1, 2], unit), **arguments) for unit in ("us", "ms"))
            paris, rome = (
                summarize(stamps([1, 2], "us", zone), **arguments) for zone in ("Europe/Paris", "Europe/Rome")
            )
            numbers = summarize({"t": [1, 2], "k": ["a", "a"]}, **arguments)
            nothing = summarize({"t": [None, None], "k": ["a", "a"]}, **arguments)
        for pair in ((us, ms), (us, paris), (us, numbers), (numbers, us)):
            with pytest.raises(ValueError, match="does not go together with"):
                sum(pair)
        assert us + nothing == nothing + us != us
        both = paris + rome
        one = both if "axis" in arguments else both["a"]
        assert one["t"].max.utcoffset() == datetime.timedelta(0)


def test_what_is_changed_in_a_group_is_changed_there():
    grouped = summarize(stamps([1, 2], "us", "Europe/Paris"), by="k")
    later = datetime.datetime(1970, 1, 2, tzinfo=UTC)
    part = grouped["a"]["t"]
    part.update([later.astimezone(PARIS)])
    part.push(later.astimezone(PARIS))
    assert grouped["a"]["t"].count == 4
    part += Summary([later.astimezone(PARIS)])
    assert grouped["a"]["t"].max == later
    assert grouped["a"]["t"].count == 5
    for change in (lambda: part.update([later]), lambda: part.push(later), lambda: part.__iadd__(Summary([later]))):
        with pytest.raises(ValueError, match=r"one of several, all of .*'Europe/Paris'.*copy\(\) it before"):
            change()
    assert grouped["a"]["t"].count == 5
    assert part.copy().update([later]).count == 6


def test_nulls_alone_are_of_no_kind_of_times():
    empty = summarize(stamps([None, None]), by="k")
    assert empty["a"]["t"].mean is None
    assert empty.to_frame("polars")["t.mean"].to_list() == [None]
    assert empty.to_frame("pandas")["t.mean"].isna().all()
    assert (empty + summarize(stamps([1]), by="k"))["a"]["t"].null_count == 2


def test_rows_are_those_of_their_weights_and_ids():
    times = np.array([3, 1, 2], "M8[us]")
    grouped = summarize(times, by=["a", "a", "b"], sample_weight=[1, 3, 2], ids=["x", "y", "z"], best=2)
    assert grouped["a"].count == 4
    assert [identity for _, identity in grouped["a"].best] == ["y", "y"]
    assert grouped["a"].mean == datetime.datetime(1970, 1, 1, 0, 0, 0, 2)  # 1.5, to even


def test_quantiles_lie_between_the_ends():
    """Beyond 2**53 the float that is nearest to the only value is another one."""
    for array in (pa.array([2**60 + 1, 2**60 + 1]), pa.array([-(2**60) - 1] * 2)):
        for dtype in (pa.timestamp("ns"), pa.duration("ns")):
            grouped = summarize(array.cast(dtype), by=["a", "b"], quantiles=True)
            several = Summaries(grouped.values())
            assert several.median.tolist() == several.min.tolist() == [group.median for group in grouped.values()]


@pytest.mark.parametrize("kind", ["frequency", "reliability"])
@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6), st.sampled_from([0.25, 0.5, 1.0, 3.5])), min_size=1, max_size=9)
)
def test_weighted_times_and_decimals_of_each_are_those_alone(kind, rows):
    numbers, weights = (list(column) for column in zip(*rows, strict=True))
    kinds = (
        np.array(numbers, "m8[s]"),
        np.array(numbers, "M8[s]"),
        [Decimal(number).scaleb(-2) for number in numbers],
    )
    for values in kinds:
        alone = Summary(values, sample_weight=weights, weights=kind)
        groups = summarize(values, by=[0] * len(numbers), sample_weight=weights, weights=kind)
        assert groups[0] == alone
        frame = groups.to_frame("pandas")
        each = Summaries([alone, alone])
        for name in ("mean", "std"):
            expected = getattr(alone, name) if name == "mean" else alone.std()
            found = getattr(each, name) if name == "mean" else each.std()
            assert str(found[1]) == str(expected)
            assert str(frame[name][0]) in (str(pd.Series([expected])[0]), str(expected)) or pd.isna(expected)
            assert pd.isna(frame[name][0]) == pd.isna(expected)
        for travels in (alone, groups, each):
            assert type(travels).from_bytes(travels.to_bytes()) == travels == pickle.loads(pickle.dumps(travels))
