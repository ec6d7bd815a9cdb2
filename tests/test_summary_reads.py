"""How summaries are shown, how NaN is read, and how a search over parameters becomes a summary."""

from __future__ import annotations

import html.parser
import math
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

import foldstat
from foldstat import GroupedSummary, JointSummary, Summaries, Summary
from summaries import assert_identical, same

FULL = {"best": 2, "quantiles": True, "relative_error": 0.1, "histogram": [0.0, 2.0], "distinct": True, "moments": 4}
STATISTICS = ["min", "max", "sum", "mean", "sem", "skewness", "kurtosis", "median", "iqr"]


# --- NaN is a matter of reading ---------------------------------------------------------------------


def test_one_state_serves_all_policies():
    s = Summary([1.0, math.nan, 3.0, math.nan, None], **FULL)
    without = Summary([1.0, 3.0], **FULL)
    before = s.to_bytes()
    for name in STATISTICS:
        assert same(getattr(s, name), getattr(without, name))
        assert same(getattr(s.read(), name), getattr(s, name))
        assert same(getattr(s.read("skip"), name), getattr(s, name))
        assert math.isnan(getattr(s.read(nan="propagate"), name))
        with pytest.raises(ValueError, match="2"):
            getattr(s.read(nan="raise"), name)
    for call in (lambda r: r.var(), lambda r: r.std(ddof=0), lambda r: r.quantile(0.1)):
        assert same(call(s), call(without))
        assert math.isnan(call(s.read(nan="propagate")))
        with pytest.raises(ValueError, match="NaN"):
            call(s.read(nan="raise"))
    assert np.isnan(s.read(nan="propagate").quantile([0.1, 0.2])).all()
    assert s.to_bytes() == before


@pytest.mark.parametrize("policy", ["skip", "propagate", "raise"])
def test_counts_are_read_under_every_policy(policy):
    r = Summary([1.0, math.nan, None, math.inf], **FULL).read(nan=policy)
    assert (r.count, r.nan_count, r.null_count, r.positive_infinity_count) == (2, 1, 1, 1)


@pytest.mark.parametrize("policy", ["skip", "propagate", "raise"])
def test_without_nan_the_policies_agree(policy):
    """Nulls and infinities are no NaN."""
    s = Summary([1.0, None, 3.0], **FULL)
    for name in STATISTICS:
        assert same(getattr(s.read(nan=policy), name), getattr(s, name))
    assert s.read(nan=policy).best == s.best
    assert s.read(nan=policy).power_sum(2) == 10


def test_the_view_follows_the_summary():
    s = Summary([1.0])
    view = s.read(nan="propagate")
    assert view.mean == 1.0
    s.push(3.0)
    assert view.mean == 2.0
    s.push(math.nan)
    assert math.isnan(view.mean)


def test_a_fraction_cannot_be_nan():
    with pytest.raises(ValueError, match="NaN"):
        Summary([math.nan]).read(nan="propagate").power_sum(1)


@pytest.mark.parametrize("policy", ["ignore", None, True, ""])
def test_policies_there_are(policy):
    with pytest.raises((ValueError, TypeError), match="nan"):
        Summary([1.0]).read(nan=policy)


def test_columns_are_read_one_by_one():
    s = foldstat.summarize(np.array([[1.0, math.nan], [3.0, 4.0]]), axis=0)
    np.testing.assert_array_equal(s.mean, [2.0, 4.0])
    np.testing.assert_array_equal(s.read(nan="propagate").mean, [2.0, math.nan])
    with pytest.raises(ValueError, match="NaN"):
        s.read(nan="raise").mean  # noqa: B018


def test_columns_under_a_policy_are_a_sequence():
    s = foldstat.summarize({"a": [1.0, math.nan], "b": [3.0, 4.0]}, axis=0)
    read = s.read(nan="propagate")
    assert (len(read), read.names, repr(read)) == (2, ("a", "b"), "<SummariesReads of 2 columns ['a', 'b']>")
    assert math.isnan(read["a"].mean)
    assert read[1].mean == read["b"].mean == 3.5
    assert [column.nan_count for column in read] == [1, 0]
    assert read[1:].names == ("b",)
    with pytest.raises(KeyError, match="c"):
        read["c"]


def test_html_under_every_policy():
    s = Summary([1.0, math.nan, 3.0])
    assert "<td>2</td>" in s.read()._repr_html_()
    assert "<td>nan</td>" in s.read("propagate")._repr_html_()
    assert "one value is NaN" in s.read("raise")._repr_html_()
    assert "std" in Summary([1.0]).read("raise")._repr_html_()


@pytest.mark.parametrize("q", ["x", 1j, None, ["a"], [None, 0.5]])
def test_quantiles_are_asked_for_by_number(q):
    with pytest.raises(TypeError, match=r"quantile\(q\): q must be a number"):
        Summary([1.0], relative_error=0.1).quantile(q)


@pytest.mark.parametrize("times", ["a", 1.5, None, True])
def test_times_are_whole_numbers(times):
    s = Summary([])
    with pytest.raises(TypeError, match=r"push\(times=\): times must be .*an integer, got"):
        s.push(1, times=times)
    with pytest.raises(ValueError, match="64 bits"):
        s.push(1, times=2**64)
    assert_identical(s, Summary([]))


def test_messages_of_a_summary_name_x():
    with pytest.raises(TypeError, match=r"x\[1\] is of type str"):
        Summary([1, "a"])
    with pytest.raises(OverflowError, match=r"x\[1\] is 1267650600228229401496703205376"):
        Summary([1, 2**100])
    with pytest.raises(TypeError, match="x must be numbers, got None"):
        Summary().update(None)


# --- shown ------------------------------------------------------------------------------------------


def test_repr_tells_the_main_numbers():
    text = repr(Summary([1.5, 2.5, math.nan, None]))
    for part in ("Summary", "count=2", "nan_count=1", "null_count=1", "1.5", "2.5", "mean=2"):
        assert part in text
    assert "nan_count" not in repr(Summary([1.0]))
    assert repr(Summary()) == "Summary()"
    assert "count=0" in repr(Summary([]))
    assert len(repr(Summary(np.arange(1000.0), **FULL))) < 200
    assert str(Summary([1])) == repr(Summary([1]))


class Table(html.parser.HTMLParser):
    """The cells of a table; tags must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag in ("br", "img", "hr"):
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def shown(thing):
    return Table(thing._repr_html_()).rows


def test_html_of_a_summary():
    rows = dict(
        row for row in shown(Summary([1.0, 3.0, 8.0, None], ids=["x", "<b>", "z", "n"], **FULL)) if len(row) == 2
    )
    assert rows["count"] == "3"
    assert rows["nulls"] == "1"
    assert float(rows["mean"]) == 4.0
    assert float(rows["std"]) == pytest.approx(math.sqrt(13), rel=1e-5)
    assert rows["max"].startswith("8")
    assert rows["distinct"] == "3"
    assert any("<b>" in name for name in rows), "a name is text, not HTML"
    assert "skewness" not in dict(row for row in shown(Summary([1.0])) if len(row) == 2)
    assert shown(Summary())
    assert shown(Summary([]))


def test_html_of_columns_and_groups():
    frame = pl.DataFrame({"a": [1.0, 2.0], "<script>": [3.0, 4.0]})
    columns = foldstat.summarize(frame, axis=0)
    groups = foldstat.summarize([1.0, 2.0, 4.0], by=["x", "&", "x"])
    joint = foldstat.summarize(frame, cov=True)
    for thing in (columns, groups, joint):
        assert "<script>" not in thing._repr_html_()
    text = [cell for row in shown(columns) for cell in row]
    assert {"a", "<script>", "1.5", "3.5"} <= set(text)
    text = [cell for row in shown(groups) for cell in row]
    assert {"x", "&", "2.5"} <= set(text)
    assert {"a", "<script>"} <= {cell for row in shown(joint) for cell in row}
    many = foldstat.summarize(np.arange(5000.0), by=np.arange(5000))
    assert len(many._repr_html_()) < 50_000
    for identity in (Summaries(), GroupedSummary(), JointSummary()):
        assert isinstance(identity._repr_html_(), str)
        assert type(identity).__name__ in repr(identity)
    for thing in (columns, groups, joint):
        assert type(thing).__name__ in repr(thing)


# --- the class --------------------------------------------------------------------------------------


def test_settings():
    s = Summary([1.0], **FULL)
    settings = s.settings
    assert settings["moments"] == 4
    assert settings["best"] == 2
    assert settings["quantiles"] is True
    assert settings["quantile_buckets"] == 4096
    assert 0 < settings["relative_error"] <= 0.1
    assert settings["histogram"].tolist() == [0.0, 2.0]
    assert settings["distinct"] is True
    assert Summary().is_identity
    assert not s.is_identity
    assert Summary().settings == {}
    again = Summary([1.0], **settings)
    assert again.settings["moments"] == 4


@pytest.mark.parametrize("wrong", [{"largest": 1}, {"distinct": "yes"}, {"bets": 3}])
def test_arguments_there_are(wrong):
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        Summary([1.0], **wrong)


def test_what_has_no_values_has_no_ids():
    with pytest.raises((TypeError, ValueError), match="ids"):
        Summary(ids=[1])
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        Summary(sample_weight=[1])


def test_update_gives_itself():
    s = Summary([1.0])
    assert s.update([2.0]) is s
    assert s.sum == 3.0


def test_no_attributes_by_mistake():
    with pytest.raises(AttributeError):
        Summary([1.0]).maen = 3
    with pytest.raises(AttributeError):
        Summary([1.0]).mean = 3.0


@pytest.mark.parametrize("times", [0, 1, 3, 2**40])
def test_push_many_times(times):
    s = Summary([], best=5)
    s.push(1.5, id="a", times=times)
    assert s.count == times
    assert s.best == [(1.5, "a")] * min(times, 5)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        s.push(1.0, times=-1)
    with pytest.raises((ValueError, TypeError)):
        s.push(1.0, times=0.5)


# --- searches of scikit-learn -----------------------------------------------------------------------


def search(kind=GridSearchCV, **arguments):
    grid = {"max_depth": [1, 2, 3, None], "criterion": ["gini", "entropy"]}
    X, y = load_iris(return_X_y=True)
    return kind(DecisionTreeClassifier(random_state=0), grid, cv=3, **arguments).fit(X, y)


def test_a_grid_search():
    fitted = search()
    s = Summary.from_search(fitted, best=3)
    scores = fitted.cv_results_["mean_test_score"]
    assert s.count == 8
    assert s.max == fitted.best_score_
    assert [v for v, _ in s.best] == sorted(scores, reverse=True)[:3]
    best = s.best[0][1]
    assert isinstance(best, str)
    for name in ("max_depth", "criterion"):
        assert name in best
    assert s.mean == Summary(scores).mean
    assert pickle.loads(pickle.dumps(s)) == s


def test_parts_of_a_grid_make_the_whole():
    """Machines that search pieces of one grid report what one machine would."""
    X, y = load_iris(return_X_y=True)
    estimator = DecisionTreeClassifier(random_state=0)
    whole = GridSearchCV(estimator, {"max_depth": [1, 2, 3, 4]}, cv=3).fit(X, y)
    parts = [GridSearchCV(estimator, {"max_depth": depths}, cv=3).fit(X, y) for depths in ([3, 1], [4, 2])]
    assert sum(map(Summary.from_search, parts)) == Summary.from_search(whole)


def test_several_metrics_and_other_searches():
    fitted = search(scoring=["accuracy", "f1_macro"], refit="accuracy")
    s = Summary.from_search(fitted, metric="f1_macro")
    assert s.max == fitted.cv_results_["mean_test_f1_macro"].max()
    with pytest.raises(ValueError, match=r"(?s)nothing.*accuracy.*f1_macro"):
        Summary.from_search(fitted, metric="nothing")
    random = search(RandomizedSearchCV, n_iter=5, random_state=0)
    assert Summary.from_search(random, best=9).count == 5


def test_a_halving_search_is_its_last_iteration():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = search(HalvingGridSearchCV, factor=2, random_state=0)
    iterations = fitted.cv_results_["iter"]
    assert iterations.max() > 0
    scores = fitted.cv_results_["mean_test_score"][iterations == iterations.max()]
    s = Summary.from_search(fitted, best=1)
    assert_identical(Summary([v for v, _ in Summary.from_search(fitted, best=99).best]), Summary(scores))
    assert s.best[0][0] == fitted.best_score_


def test_failed_fits_are_nan():
    X, y = load_iris(return_X_y=True)
    grid = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, -1]}, cv=3, error_score=math.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that fits failed
        grid.fit(X, y)
    s = Summary.from_search(grid)
    assert (s.count, s.nan_count) == (1, 1)
    assert len(s.best) == 1


def test_what_is_not_a_fitted_search():
    with pytest.raises(NotFittedError):
        Summary.from_search(GridSearchCV(DecisionTreeClassifier(), {}))
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Summary.from_search(3)


def test_the_names_of_pandas_are_kept():
    frame = foldstat.summarize(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), axis=0).to_frame("pandas")
    assert list(frame.index) == ["a", "b"]
    assert frame.loc["b", "mean"] == 3.5
