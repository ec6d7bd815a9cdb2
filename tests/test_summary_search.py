"""Searches over parameters: what counts, which are best, and ids that lead back to the parameters."""

from __future__ import annotations

import enum
import functools
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from foldstat import Summary
from foldstat.summary import parameters_of

HERE = Path(__file__).parent


# --- stand-ins, after the documentation of the libraries --------------------------------------------


class TrialState(enum.IntEnum):
    RUNNING, COMPLETE, PRUNED, FAIL, WAITING = range(5)


class StudyDirection(enum.IntEnum):
    NOT_SET, MINIMIZE, MAXIMIZE = range(3)


class Trial:
    def __init__(self, state, values, params):
        self.state, self.values, self.params = state, values, params

    @property
    def value(self):
        if self.values is not None and len(self.values) > 1:
            raise RuntimeError("This attribute is not available during multi-objective optimization.")
        return None if self.values is None else self.values[0]


class Study:
    def __init__(self, trials, directions, metric_names=None):
        self.trials, self.metric_names = trials, metric_names
        self.directions = [StudyDirection[name] for name in directions]

    @property
    def direction(self):
        if len(self.directions) > 1:
            raise RuntimeError("This attribute is not available during multi-objective optimization.")
        return self.directions[0]


class ResultGrid:
    def __init__(self, results, metric=None, mode=None):
        self._results = results
        self._experiment_analysis = SimpleNamespace(default_metric=metric, default_mode=mode)

    def __len__(self):
        return len(self._results)

    def __getitem__(self, i):
        return self._results[i]

    def get_dataframe(self):
        raise NotImplementedError("needs pandas")


def result(metrics, config, error=None):
    return SimpleNamespace(metrics=metrics, config=config, error=error)


# --- Optuna -----------------------------------------------------------------------------------------

TRIALS = [
    Trial(TrialState.COMPLETE, [3.0], {"x": 1, "kind": "a"}),
    Trial(TrialState.COMPLETE, [1.0], {"x": 2, "kind": "b"}),
    Trial(TrialState.PRUNED, [0.5], {"x": 3, "kind": "a"}),
    Trial(TrialState.FAIL, None, {"x": 4}),
    Trial(TrialState.RUNNING, None, {"x": 5}),
    Trial(TrialState.WAITING, None, {}),
    Trial(TrialState.COMPLETE, [2.0], {"x": 2, "kind": "b"}),
]


@pytest.mark.parametrize("direction", ["MINIMIZE", "MAXIMIZE"])
def test_a_study(direction):
    study = Study(TRIALS, [direction])
    s = Summary.from_search(study, best=2)
    assert (s.count, s.nan_count, s.null_count, s.sum) == (3, 1, 1, 6.0)
    best = [(1.0, "kind='b', x=2"), (2.0, "kind='b', x=2 (2)"), (3.0, "kind='a', x=1")]
    assert s.best == (best[:2] if direction == "MINIMIZE" else best[:0:-1])
    for _, name in s.best:
        assert parameters_of(study, name) in [trial.params for trial in TRIALS]
    assert parameters_of(study, "x=4") == {"x": 4}


def test_a_study_of_several_objectives():
    trials = [Trial(TrialState.COMPLETE, [float(i), float(-(i**2))], {"x": i}) for i in range(5)]
    study = Study(trials, ["MINIMIZE", "MAXIMIZE"], ["loss", "gain"])
    assert Summary.from_search(study, "loss", best=1).best == [(0.0, "x=0")]
    assert Summary.from_search(study, "gain", best=1).best == [(0.0, "x=0")]
    assert Summary.from_search(study, 1).min == -16.0
    assert parameters_of(study, "x=3") == {"x": 3}
    with pytest.raises(ValueError, match="2 objectives: choose one of 'loss', 'gain', 0, 1"):
        Summary.from_search(study)
    with pytest.raises(ValueError, match="no metric 'other'"):
        Summary.from_search(study, "other")


# --- Ray Tune ---------------------------------------------------------------------------------------

RESULTS = [
    result({"loss": 0.3, "time": 1, "done": True}, {"lr": 0.1, "layers": [8, 4]}),
    result({"loss": np.float32(0.5), "time": 2}, {"lr": 0.2, "layers": [8, 4]}),
    result({"loss": 0.1}, {"lr": 0.3, "layers": [8]}, RuntimeError("late")),
    result({}, {"lr": 0.4, "layers": [8]}),
    result(None, None, RuntimeError("early")),
]


def test_a_result_grid():
    results = ResultGrid(RESULTS, "loss", "min")
    s = Summary.from_search(results, best=1)
    assert (s.count, s.nan_count, s.null_count) == (2, 2, 1)
    assert s.best == [(0.3, "layers=[8, 4], lr=0.1")]
    assert parameters_of(results, s.best[0][1]) == {"lr": 0.1, "layers": [8, 4]}
    assert Summary.from_search(results, "time", best=1, largest=True).best == [(2.0, "layers=[8, 4], lr=0.2")]
    assert Summary.from_search(results, "time", best=0).count == 2


def test_a_result_grid_that_does_not_say_what_is_best():
    results = ResultGrid(RESULTS)
    with pytest.raises(ValueError, match="which of the results' metrics to take: one of 'loss', 'time'"):
        Summary.from_search(results)
    with pytest.raises(ValueError, match="does not say which scores are best: give largest=True"):
        Summary.from_search(results, "loss")
    with pytest.raises(ValueError, match="no metric 'done': choose one of 'loss', 'time'"):
        Summary.from_search(results, "done", largest=True)
    assert Summary.from_search(results, "loss", largest=False, best=1).best[0][0] == 0.3


@pytest.mark.parametrize("wrong", [3, "a", [1.0], np.zeros(3)], ids=str)
def test_what_is_no_search(wrong):
    with pytest.raises(TypeError, match="search must be a fitted search of scikit-learn"):
        Summary.from_search(wrong)


# --- ids --------------------------------------------------------------------------------------------


class Plain:
    """Of object's own repr."""


class Wrapped(Plain):
    """Of a repr with an address within."""

    def __repr__(self):
        return f"Wrapped({super().__repr__()})"


class Estimator(BaseEstimator):
    def __init__(self, inner=None, function=len, scale=1.0):
        self.inner, self.function, self.scale = inner, function, scale


def other_function(x):
    return x


PARAMETERS = {
    "plain": Plain(),
    "function": other_function,
    "builtin": len,
    "class": Plain,
    "numpy": np.float64(0.1),
    "ufunc": np.log,
    "lambda": lambda x: x,
    "partial": functools.partial(other_function, 1, b=Plain()),
    "method": Estimator().get_params,
    "estimator": Estimator(Estimator(scale=2), other_function),
    "pipeline": make_pipeline(StandardScaler(), FunctionTransformer(other_function), PCA(2)),
    "nested": [(Plain(), {"b": other_function, "a": {3, 1}})],
    "array": np.arange(3),
    "many": np.arange(3000.0),
    "text": "a\n  b",
    "nothing": None,
    "wrapped": Wrapped(),
}


def fake(parameters, scores=None):
    """A fitted search, as far as it is read."""
    scores = np.arange(len(parameters), dtype=float) if scores is None else scores
    return SimpleNamespace(cv_results_={"mean_test_score": scores, "params": parameters})


def test_ids_hold_no_addresses():
    (name,) = [name for _, name in Summary.from_search(fake([PARAMETERS]), best=1).best]
    assert not re.search("0x[0-9a-f]{4,}", name)
    assert "\n" not in name
    here = __name__
    for part in (
        f"plain={here}.Plain", f"function={here}.other_function", "builtin=len", f"class={here}.Plain", "numpy=0.1",
        "ufunc=<ufunc 'log'>", f"partial=partial({here}.other_function, 1, b={here}.Plain)",
        f"estimator=Estimator(function={here}.other_function, inner=Estimator(scale=2))",
        f"nested=[({here}.Plain, {{'a': set({{1, 3}}), 'b': {here}.other_function}})]", "array=array([0, 1, 2])",
        f"wrapped=Wrapped(<{here}.Wrapped>)",
        "method=Estimator().get_params", "('pca', PCA(n_components=2))", "many=array of shape (3000,), float64, ",
    ):  # fmt: skip
        assert part in name, part
    assert list(parameters_of(fake([PARAMETERS]), name)) == list(PARAMETERS)


def test_ids_are_the_same_in_every_process():
    """Also those of sets, whose order of texts is not."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_summary_search as t; "
        "print(t.Summary.from_search(t.fake([{**t.PARAMETERS, 'set': set('abcdefgh')}]), best=1).best[0][1])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(HERE)], check=True, capture_output=True, text=True, timeout=120
        ).stdout
        for _ in range(2)
    }
    assert len(found) == 1


VALUES = st.sampled_from([1, 1.0, True, "1", None, (1,), [1], np.int64(1), other_function, Plain, len, math.nan])


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=2), max_size=12))
def test_ids_are_unique_and_lead_back(parameters):
    search = fake([{**each, "object": Plain()} for each in parameters])
    names = [name for _, name in Summary.from_search(search, best=20, largest=False).best]
    assert len(set(names)) == len(parameters)
    for name, expected in zip(names, search.cv_results_["params"], strict=True):
        assert parameters_of(search, name)["object"] is expected["object"]
    with pytest.raises(ValueError, match="no candidate of this search has the id 'none'"):
        parameters_of(search, "none")


def test_estimators_as_parameters_of_a_grid():
    """Machines that search parts of a grid name the same candidate by the same id."""
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))

    def search(*scalers):
        grid = {"standardscaler": list(scalers), "decisiontreeclassifier__max_depth": [1, 3]}
        return GridSearchCV(pipeline, grid, cv=3).fit(X, y)

    def squared():
        return FunctionTransformer(np.square)

    whole, parts = search(squared(), PCA(2)), [search(squared()), search(PCA(2))]
    assert sum(map(Summary.from_search, parts)) == Summary.from_search(whole)
    for _, name in Summary.from_search(whole).best:
        assert set(parameters_of(whole, name)) == {"standardscaler", "decisiontreeclassifier__max_depth"}
