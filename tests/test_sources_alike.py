"""Chunks that a user gives are what the first of them is: no column is taken for another, none counts in parts."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import GaussianMixture, Summary, describe, sample_rows, summarize
from foldstat.sources import as_matrices
from source_kinds import cut, frame

X = np.arange(60.0).reshape(20, 3)
KINDS = [frame, lambda x: pl.from_pandas(frame(x)), lambda x: pa.Table.from_pandas(frame(x), preserve_index=False)]
GIVEN = [list, lambda parts: lambda: iter(parts), iter]
CALLS = [
    Summary,
    describe,
    lambda x: summarize(x, axis=0),
    lambda x: summarize(x, cov=True),
    lambda x: sample_rows(x, 3, random_state=0),
]


def read(x, **arguments):
    return np.concatenate([block.rows for block in as_matrices(x, **arguments)])


def same(found, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@given(
    st.permutations(["x0", "x1", "x2"]),
    st.lists(st.integers(0, 20), max_size=4),
    st.sampled_from(range(len(KINDS))),
    st.sampled_from(range(len(GIVEN))),
)
def test_columns_in_another_order_are_put_in_order(names, cuts, kind, given_as):
    parts = [KINDS[kind](part) for part in cut(X, cuts)]
    parts[1:] = [part[names] if isinstance(part, pd.DataFrame) else part.select(names) for part in parts[1:]]
    for call in CALLS:
        found = call(GIVEN[given_as](parts))
        if isinstance(found, (pl.DataFrame, pa.Table)):
            found = found.to_pandas().set_index("statistic").rename_axis(None)
        same(found, call(frame(X)))


@pytest.mark.parametrize("give", GIVEN)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "others",
    [["x0"], ["x0", "x1", "y"], ["x0", "x1", "x2", "y"], ["x0", "x0", "x1"]],
)
def test_other_columns_are_refused(give, call, others):
    second = pd.DataFrame(X[:, [min(j, 2) for j in range(len(others))]], columns=others)
    with pytest.raises(ValueError, match=r"^chunk 1 has other columns than those before: 'x0'"):
        call(give([frame(X), second]))


@pytest.mark.parametrize("make", [lambda x, names: pd.DataFrame(x, columns=names), lambda x, n: pa.table(list(x.T), n)])
def test_columns_of_one_name(make):
    first, second = make(X, ["a", "b", "a"]), make(X, ["b", "a", "a"])
    np.testing.assert_array_equal(read([first, first]), np.tile(X, (2, 1)))
    for call in (read, lambda x: summarize(x, axis=0), Summary):
        with pytest.raises(ValueError, match="chunk 1 has other columns than those before: 'b', 'a', 'a'"):
            call([first, second])
    with pytest.raises(ValueError, match="several columns are named 'a'"):
        read([first, first], sample_weight="b")
    with pytest.raises(ValueError, match="several columns are named 'a'"):
        summarize([first, first], axis=0, sample_weight="a")
    with pytest.raises(ValueError, match=r"chunk 1 has other columns than those before: '1', '1'|'1', '1'"):
        read([pd.DataFrame(X[:, :2], columns=[1, "a"]), pd.DataFrame(X[:, :2], columns=[1, "1"])])


@pytest.mark.parametrize("odd", [None, {1.0}, "a.npy", 1.0, (part for part in [X]), np.float64(1.0), np.array(1.0)])
@pytest.mark.parametrize("first", [X, frame(X)])
def test_what_is_no_chunk_among_chunks(first, odd):
    words = f"^chunk 1 must be an array of two dimensions or a frame, got {type(odd).__name__}$"
    for call in (*CALLS, GaussianMixture(1).fit):
        with pytest.raises(TypeError, match=words.replace("^", "")):
            call([first, odd])
        with pytest.raises(TypeError, match=words.replace("^", "")):
            call(lambda: iter([first, odd]))
    for call in (Summary, describe):
        with pytest.raises(TypeError, match=words.replace("^", "")):
            call(iter([first, odd]))


def test_columns_come_one_after_the_other():
    for column in (pd.Series(X[:, 0]), pl.Series(X[:, 0]), pa.array(X[:, 0]), pa.chunked_array([X[:, 0]]), X[:, 0]):
        for x in (iter([column, column]), lambda column=column: [column, column]):
            assert Summary(x) == Summary(np.tile(X[:, 0], 2))
    with pytest.raises(TypeError, match="Series"):
        Summary([pd.Series(X[:, 0])] * 2)


@pytest.mark.parametrize("empty", [pd.DataFrame(), {}, pl.DataFrame(), frame(X)[:0], frame(X)[:0].astype(object)])
@pytest.mark.parametrize("give", GIVEN)
def test_chunks_without_rows_tell_nothing(empty, give):
    for call in CALLS:
        same(call(give([frame(X), empty, frame(X)])), call(pd.concat([frame(X), frame(X)], ignore_index=True)))
    weights = [np.ones(20), np.ones(0), np.ones(20)]  # one array for each chunk
    assert sum(len(block.rows) for block in as_matrices(give([frame(X), empty, frame(X)]), sample_weight=weights)) == 40


@pytest.mark.parametrize("give", GIVEN)
def test_chunks_of_which_none_has_rows(give):
    for call in CALLS[:4]:
        same(call(give([frame(X)[:0], frame(X)[:0]])), call(frame(X)[:0]))


# ---------------------------------------------------------------- columns that are left out


@pytest.mark.parametrize("give", GIVEN)
def test_texts_among_objects_are_left_out_of_every_chunk(give):
    whole = frame(X).assign(c=pd.Series(["u", "v"] * 10, dtype=object))
    for call in CALLS[:4]:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            found, expected = call(give([whole[7:7], whole[:7], whole[7:7], whole[7:]])), call(whole)
        same(found, expected)
        assert len(heard) == (0 if call is describe else 2), "one for the list, one for the frame"
        assert len({str(warning.message) for warning in heard}) <= 1
        assert {warning.filename for warning in heard} <= {__file__}


COLUMNS = {"numbers": [1.5] * 20, "texts": ["u"] * 20, "times": pd.date_range("2024", periods=20)}


@pytest.mark.parametrize("call", [Summary, lambda x: summarize(x, axis=0), lambda x: summarize(x, cov=True)])
@pytest.mark.parametrize(("first", "second", "told"), [("numbers", "texts", "no "), ("texts", "numbers", "")])
@pytest.mark.parametrize("give", GIVEN)
@pytest.mark.filterwarnings("ignore:columns of")
def test_a_column_that_counts_in_some_chunks_only_is_refused(call, first, second, told, give):
    parts = [frame(X).assign(c=COLUMNS[name]) for name in (first, first, second)]
    with pytest.raises(TypeError, match=f"^chunk 2: column 'c' holds {told}numbers"):
        call(give(parts))


@pytest.mark.parametrize(
    "how",
    [{"by": np.arange(40)}, {"by": pd.Series(range(40))}, {"ids": range(40), "axis": 0, "best": 1}, {"axis": 1}]
    + [{"axis": 0, "sample_weight": [np.ones(n, int) for n in lengths]} for lengths in ((20, 20), (19, 21))],
)
@pytest.mark.parametrize("make", [frame, lambda x: x])
def test_what_is_given_for_all_rows_does_not_go_with_chunks(how, make):
    with pytest.raises(ValueError, match=r"^X comes in batches, which take no axis=1"):
        summarize([make(X), make(X)], **how)


def test_a_file_that_differs_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    (tmp_path / "b.csv").write_text("a,b\n,\n3,\n")
    with pytest.warns(UserWarning, match="are left out: 'b'"):
        assert summarize(tmp_path / "*.csv", axis=0).sum.tolist() == [4.0]
    assert describe(tmp_path / "*.csv")["b"][["count", "nulls", "top"]].tolist() == [1, 2, "x"]
    (tmp_path / "c.csv").write_text("a,b\n4,5\n")
    with (
        pytest.warns(UserWarning, match="are left out: 'b'"),
        pytest.raises(TypeError, match=r"c\.csv: column 'b' holds numbers, unlike in batches before"),
    ):
        Summary(tmp_path / "*.csv")
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X[:, :2])
    with pytest.raises(ValueError, match=r"b\.npy: Summaries of 3 columns do not go together with Summaries of 2"):
        summarize(tmp_path / "*.npy", axis=0)
    seconds, days = (frame(X).assign(c=COLUMNS["times"].astype(f"M8[{unit}]")) for unit in ("s", "ms"))
    with pytest.raises(ValueError, match=r"^chunk 1: the state of datetimes in 'ms' does not go together"):
        summarize([seconds, days], axis=0)


# ---------------------------------------------------------------- describe

NULLS = pa.nulls(10)
TEXTS = pa.array(["u", "v"] * 5)
PARTS = {
    "nulls, texts": (NULLS, TEXTS),
    "texts, nulls": (TEXTS, NULLS),
    "nulls, numbers": (NULLS, pa.array(X[:10, 0])),
    "numbers, nulls": (pa.array(X[:10, 0]), NULLS),
    "times, nulls": (pa.array(COLUMNS["times"][:10]), NULLS),
    "nulls, times": (NULLS, pa.array(COLUMNS["times"][:10])),
    "texts, large texts": (TEXTS, TEXTS.cast(pa.large_string())),
    "texts, categories": (TEXTS, TEXTS.dictionary_encode()),
    "views, texts": (TEXTS.cast(pa.string_view()), TEXTS),
    "bytes, bytes of one length": (TEXTS.cast(pa.binary()), pa.array([b"u"] * 10, pa.binary(1))),
}


@pytest.mark.parametrize("kind", ["pyarrow", "polars", "pandas", "pandas' own types"])
@pytest.mark.parametrize(("first", "second"), PARTS.values(), ids=PARTS)
def test_types_that_differ_by_their_layout_are_described_as_one(first, second, kind):
    target = first.type if first.type != pa.null() else second.type
    target = target.value_type if pa.types.is_dictionary(target) else target
    parts = [pa.table({"z": part}) for part in (first, second)]
    whole = pa.table({"z": pa.concat_arrays([first.cast(target), second.cast(target)])})
    if kind == "polars":
        *parts, whole = [pl.from_arrow(one) for one in (*parts, whole)]
    elif kind != "pyarrow":
        parts = [one.to_pandas() if kind == "pandas" else one.to_pandas().convert_dtypes() for one in parts]
        whole = pd.concat(parts, ignore_index=True)
    found, expected = describe(parts), describe(whole)
    assert found.equals(expected), (found, expected)


@pytest.mark.parametrize("values", [[1, 2, 3, 2], ["a", "b", "c", "b"]])
@pytest.mark.parametrize("ordered", [False, True])
def test_categories_that_differ_from_chunk_to_chunk(values, ordered):
    parts = [pd.DataFrame({"c": pd.Categorical(some, ordered=ordered)}) for some in (values, values[1:], values[2:])]
    whole = pd.DataFrame({"c": pd.Categorical([*values, *values[1:], *values[2:]])})
    pd.testing.assert_frame_equal(describe(parts), describe(whole))


def test_types_that_do_not_go_together_are_named():
    zoned, plain = COLUMNS["times"].tz_localize("UTC"), COLUMNS["times"]
    for first, second in (
        (pa.array([1], pa.decimal128(5, 2)), pa.array([1], pa.decimal128(5, 1))),
        (TEXTS, TEXTS.cast(pa.binary())),
        (TEXTS, pa.array([1.0])),
        (pa.array(plain), TEXTS),
    ):
        for make in (lambda part: pa.table({"z": part}), lambda part: pl.from_arrow(pa.table({"z": part}))):
            with pytest.raises(TypeError, match=r"^chunk 1: frame\['z'\] (is of type|holds something else)"):
                describe([make(first), make(second)])
    for first, second in ((zoned, plain), (["a"], [b"a"]), (plain, [1.0])):
        with pytest.raises(TypeError, match=r"^chunk 1: frame\['z'\] (is of type|holds something else)"):
            describe([pd.DataFrame({"z": first}), pd.DataFrame({"z": second})])
