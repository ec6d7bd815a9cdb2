"""Summaries of collections of Dask equal those of the same data in memory, to the bit."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import Summary, describe, summarize

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
dd = pytest.importorskip("dask.dataframe")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)) * 10.0 ** RNG.integers(-100, 100, (200, 4))
X[3, 2] = np.nan
FRAME = pd.DataFrame(
    {
        "x": X[:, 0],
        "y": np.clip(X[:, 2], -1e9, 1e9).astype("f4"),
        "i": RNG.integers(-9, 9, 200),
        "b": RNG.integers(0, 2, 200) == 1,
        "t": RNG.choice(["u", "v", "w"], 200),
        "d": pd.date_range("2020-01-01", periods=200),
        "c": pd.Categorical(RNG.choice(["p", "q"], 200)),
        "n": pd.array([None if k % 7 == 0 else k for k in range(200)], dtype="Int64"),
        "s": pd.to_timedelta(RNG.integers(0, 1000, 200), unit="s"),
        "w": RNG.integers(0, 4, 200),
    }
)
FRAME.loc[7, "t"] = None

NUMBERS = FRAME[["x", "y", "i", "b", "n"]]

cuts = st.lists(st.integers(0, 90), min_size=1, max_size=6).map(lambda parts: _filling(parts, 200))
settings_of_summaries = st.fixed_dictionaries(
    {},
    optional={
        "moments": st.just(4),
        "best": st.integers(1, 5),
        "largest": st.booleans(),
        "quantiles": st.just(True),
        "quantile_buckets": st.just(16),
        "relative_error": st.just(0.01),
        "distinct": st.just(True),
        "histogram": st.just([-1.0, 0.0, 1.0]),
    },
)


def _filling(parts, total):
    """Lengths that add up."""
    kept = []
    for part in parts:
        kept.append(min(part, total - sum(kept)))
    return (*kept, total - sum(kept))


@pytest.fixture(autouse=True)
def here():
    with dask.config.set(scheduler="synchronous"):
        yield


def frame(table, npartitions=5):
    return dd.from_pandas(table, npartitions=npartitions)


# --- one summary ------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(cuts, st.sampled_from([(4,), (3, 1), (2, 2)]), settings_of_summaries)
def test_of_an_array(rows, columns, options):
    x = da.from_array(X, chunks=(rows, columns))
    assert Summary(x, **options) == Summary(X, **options)
    assert Summary(x[:, 1], **options) == Summary(X[:, 1], **options)


@settings(max_examples=10)
@given(cuts, settings_of_summaries)
def test_of_unknown_lengths(rows, options):
    """Positions of the best values are counted first."""
    x = da.from_array(X[:, 1], chunks=(rows,))
    assert Summary(x[x > 0], **options) == Summary(X[:, 1][X[:, 1] > 0], **options)


def test_of_more_dimensions():
    cube = X.reshape(10, 20, 4)
    x = da.from_array(cube, chunks=(3, 15, 2))
    assert Summary(x) == Summary(cube)
    assert Summary(x, best=3) == Summary(cube, best=3)


@pytest.mark.parametrize("name", list(FRAME.columns.drop(["t", "c"])))
def test_of_a_column(name):
    for options in ({}, {"best": 3}, {"quantiles": True}):
        assert Summary(frame(FRAME)[name], **options) == Summary(FRAME[name], **options)


def test_of_a_bag():
    assert Summary(db.from_sequence(X[:, 0].tolist(), npartitions=3)) == Summary(X[:, 0])
    assert Summary(db.from_sequence([X[:3], X[3:3], X[3:]], npartitions=2)) == Summary(X)


def test_update_goes_on():
    column = X[:, 1]
    x = da.from_array(column, chunks=33)
    found = Summary([1.0, 2.0], best=4).update(x).update([-1e300])
    assert found == Summary([1.0, 2.0], best=4).update(column).update([-1e300])
    assert Summary().update(x) == Summary().update(column)


def test_an_update_that_fails_changes_nothing():
    s = Summary([1.0])
    with pytest.raises(TypeError, match="must hold numbers"):
        s.update(frame(FRAME)["t"])
    assert s == Summary([1.0])


@pytest.mark.parametrize("weights", ["frequency", "reliability"])
def test_weights(weights):
    w = RNG.random(200)
    x = da.from_array(X[:, 0], chunks=60)
    expected = Summary(X[:, 0], sample_weight=w, weights=weights)
    assert Summary(x, sample_weight=da.from_array(w, chunks=60), weights=weights) == expected
    assert Summary(x, sample_weight=w, weights=weights) == expected
    table = frame(FRAME)
    expected = Summary(FRAME["x"], sample_weight=FRAME["w"])
    assert Summary(table["x"], sample_weight=table["w"]) == expected
    assert Summary(da.from_array(X, chunks=(60, 2)), sample_weight=np.arange(800).reshape(200, 4)) == Summary(
        X, sample_weight=np.arange(800).reshape(200, 4)
    )


# --- several ----------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(cuts, settings_of_summaries)
def test_per_column_and_together(rows, options):
    x = da.from_array(X, chunks=(rows, (3, 1)))
    assert summarize(x, axis=0, **options) == summarize(X, axis=0, **options)
    assert summarize(x, cov=True, **options) == summarize(X, cov=True, **options)


@pytest.mark.parametrize("options", [{}, {"best": 2}, {"quantiles": True}])
def test_of_a_frame(options):
    table = frame(NUMBERS)
    assert summarize(table, axis=0, **options) == summarize(NUMBERS, axis=0, **options)
    assert summarize(table, axis="index", **options).names == tuple(NUMBERS.columns)
    assert summarize(table, cov=True, **options) == summarize(NUMBERS, cov=True, **options)


@pytest.mark.parametrize("by", ["i", "t", "b", ["t", "i"], ["d"]])
def test_by_groups(by):
    with pytest.warns(UserWarning, match="left out") if "t" not in by else _nothing():
        expected = summarize(FRAME.drop(columns="c"), by=by, best=1)
    with pytest.warns(UserWarning, match="left out") if "t" not in by else _nothing():
        assert summarize(frame(FRAME.drop(columns="c")), by=by, best=1) == expected


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def test_columns_that_are_left_out_are_named_once():
    """The warnings of all workers are those of the caller, at a line of theirs."""
    with pytest.warns(UserWarning, match="left out: 't'") as caught:
        summarize(frame(FRAME[["x", "t"]]), axis=0)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.raises(TypeError, match="leave others out first"):
        summarize(frame(FRAME[["x", "t"]]), axis=0, strict=True)


@pytest.mark.parametrize("call", [Summary, lambda x: summarize(x, axis=0), lambda x: summarize(x, cov=True)])
@pytest.mark.parametrize("held", ["numbers", "texts"])
def test_a_column_that_counts_in_some_pieces_only_is_refused(call, held):
    def changed(part):
        texts = (part["i"] == 0).any() == (held == "texts")
        return part.assign(o=np.array(["u" if texts else 1.0] * len(part), dtype=object))

    table = dd.from_pandas(pd.DataFrame({"i": np.arange(40), "x": 1.0}), npartitions=9)
    mixed = table.map_partitions(changed, meta=table._meta.assign(o=np.array([], dtype=object)))
    with pytest.raises(TypeError, match="column 'o' holds numbers in some pieces and none in others"):
        call(mixed)


def test_weights_of_rows():
    table = NUMBERS.assign(w=FRAME["w"])
    expected = summarize(NUMBERS, axis=0, sample_weight=FRAME["w"])
    assert summarize(frame(table), axis=0, sample_weight="w") == expected
    assert summarize(frame(NUMBERS), axis=0, sample_weight=frame(table)["w"]) == expected


REFUSED = [
    (lambda: summarize(da.ones((4, 2)), axis=1), ValueError, "leave out axis=1"),
    (lambda: summarize(da.ones((4, 2)), axis=-1), ValueError, "leave out axis=1"),
    (lambda: summarize(frame(NUMBERS), axis="columns"), ValueError, "leave out axis=1"),
    (lambda: summarize(frame(NUMBERS), by="zz"), ValueError, "by of a collection of Dask"),
    (lambda: summarize(da.ones((4, 2)), by=[1, 2, 3, 4]), ValueError, "by of a collection of Dask"),
    (lambda: summarize(frame(NUMBERS), by=FRAME["t"]), ValueError, r"got a Series; .* X\.assign\(key=\.\.\.\), by="),
    (lambda: summarize(frame(NUMBERS), by=frame(FRAME)["t"]), ValueError, r"got a Series; .* X\.assign"),
    (lambda: summarize(frame(NUMBERS), axis=True), TypeError, "axis must be None, 0 or 1, got True"),
    (lambda: summarize(frame(NUMBERS[:90]), axis=0, sample_weight=frame(FRAME)["w"]), ValueError, "the same labels"),
    (lambda: summarize(frame(NUMBERS[9:]), axis=0, sample_weight=frame(FRAME)["w"]), ValueError, "the same labels"),
    (lambda: Summary(da.ones(4), ids=range(4)), ValueError, "ids and x do not go together"),
    (lambda: Summary(da.ones(4), sample_weight=np.ones(4)), ValueError, "say what floats"),
    (lambda: Summary(frame(NUMBERS), best=1), ValueError, "best needs ids"),
    (lambda: Summary(db.from_sequence([1.0]), best=1), ValueError, "best needs ids"),
    (lambda: describe(da.ones(4)), TypeError, "describe needs columns"),
    (lambda: describe(db.from_sequence([1.0])), TypeError, "describe needs columns"),
    (lambda: Summary(da.ones(())), ValueError, "without any dimension"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# --- describe ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("npartitions", [1, 5, 40])
@pytest.mark.parametrize("include", [None, "number"])
def test_describe(npartitions, include):
    expected = describe(FRAME, include=include)
    pd.testing.assert_frame_equal(describe(frame(FRAME, npartitions), include=include), expected)


def test_describe_objects():
    table = pd.DataFrame(
        {"o": [decimal.Decimal(k) for k in range(20)], "p": [1 if k % 2 else "z" for k in range(20)]}, dtype=object
    )
    with dask.config.set({"dataframe.convert-string": False}):
        parts = dd.from_pandas(table, npartitions=4)
    pd.testing.assert_frame_equal(describe(parts), describe(table))


def test_describe_a_column_and_an_array():
    pd.testing.assert_frame_equal(describe(frame(FRAME)["x"]), describe(FRAME["x"]))
    x = da.from_array(X, chunks=(30, 3))
    pd.testing.assert_frame_equal(describe(x, percentiles=[0.1]), describe(X, percentiles=[0.1]))
