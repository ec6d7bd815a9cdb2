"""Mixtures as dictionaries, as objects of scikit-learn and as graphs of ONNX."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture
from mixtures import FAMILIES, model_of, random_mixture


def fitted(family="full", dtype=np.float64, **parameters):
    m = random_mixture(family, n=200, d=3, k=2)
    return GaussianMixture(2, covariance_type=family, random_state=0, **parameters).fit(m.X.astype(dtype))


def through_json(model):
    return GaussianMixture.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))


def assert_same(found, model):
    ours, theirs = (
        {n: v for n, v in vars(one).items() if n not in ("_compiled", "_running")} for one in (found, model)
    )
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if isinstance(value, np.ndarray):
            assert ours[name].dtype == value.dtype, name
            assert ours[name].tobytes() == value.tobytes() or value.dtype == object, name
            assert ours[name].tolist() == value.tolist(), name
        elif not isinstance(value, np.random.RandomState):
            assert ours[name] == value, name
            assert type(ours[name]) is type(value), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_fitted_model_survives_json(family, dtype):
    model = fitted(family, dtype)
    assert_same(through_json(model), model)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), family=st.sampled_from(FAMILIES), power=st.integers(-200, 200))
def test_given_parameters_survive_json(seed, family, power):
    m = random_mixture(family, d=2, k=3, seed=seed, scale=math.ldexp(1.0, power // 2))
    assert_same(through_json(model_of(m, tol=0.0, n_init=3)), model_of(m, tol=0.0, n_init=3))


def test_names_starts_and_random_states_survive():
    m = random_mixture("full", n=100, d=2, k=2)
    frame = pd.DataFrame(m.X, columns=["a", "b"])
    model = GaussianMixture(2, means_init=m.means, weights_init=[0.5, 0.5], random_state=np.random.RandomState(3))
    model.fit(frame)
    found = through_json(model)
    assert_same(found.set_params(means_init=None), model.set_params(means_init=None))
    np.testing.assert_array_equal(found.sample(20)[0], model.sample(20)[0])
    assert_same(through_json(model.set_params(random_state=np.int64(3))), model.set_params(random_state=3))


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match="random_state cannot be written as plain values: it is object"):
        fitted().set_params(random_state=object()).to_dict()
    with pytest.raises(ValueError, match="not fitted"):
        GaussianMixture().to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: 3, "it must be a dictionary, got int"),
        (lambda d: d | {"format": "x"}, "'format' must be 'foldstat.mixture'"),
        (lambda d: d | {"version": 2}, "'version' must be 1, got 2: another version"),
        (lambda d: d | {"version": True}, "'version' must be 1, got True"),
        (lambda d: d | {"model": "StudentMixture"}, "'model' must be 'GaussianMixture', got 'StudentMixture'"),
        (lambda d: d | {"more": 1}, "'more' is not known in the dictionary"),
        (lambda d: {n: v for n, v in d.items() if n != "fitted"}, "'fitted' is missing in the dictionary"),
        (lambda d: d | {"parameters": {"k": 1}}, "'parameters' has 'k', which is no parameter"),
        (lambda d: d | {"parameters": {"n_components": {"a": 1}}}, "'n_components' must be a plain value"),
        (lambda d: d | {"parameters": {"n_components": 0}}, "n_components"),
        (lambda d: d | {"parameters": {"n_jobs": "a"}}, "n_jobs"),
        (lambda d: d | {"parameters": {"covariance_type": "diag"}}, "covariances must have shape"),
        (lambda d: d | {"parameters": {"random_state": {"MT19937": [[-1], 0, 0, 0.0]}}}, "the state of a RandomState"),
        (lambda d: d | {"fitted": d["fitted"] | {"weights_": [1.0]}}, "must be a dictionary of 'array' and 'dtype'"),
        (lambda d: with_array(d, "weights_", [0.5, 0.6]), "weights must sum to 1"),
        (lambda d: with_array(d, "weights_", [0.5, ["a"]]), "'weights_' must be a regular array of numbers"),
        (lambda d: with_array(d, "means_", [[1.0, 2.0], [1.0]]), "'means_' must be a regular array"),
        (lambda d: with_array(d, "means_", [["nan"] * 3] * 2), "means must be finite"),
        (lambda d: with_array(d, "means_", [[10**400] * 3] * 2), "'means_' must be a regular array"),
        (lambda d: with_array(d, "covariances_", [np.zeros((3, 3)).tolist()] * 2), "must be positive definite"),
        (lambda d: with_array(d, "precisions_cholesky_", [np.zeros((3, 3)).tolist()] * 2), "must be invertible"),
        (lambda d: with_array(d, "weights_", [0.5, 0.5], "float32"), "must have one dtype"),
        (lambda d: d | {"fitted": d["fitted"] | {"n_iter_": -1}}, "'n_iter_' must not be negative"),
        (lambda d: d | {"fitted": d["fitted"] | {"feature_names_in_": ["a"]}}, "3 features, and 1 are named"),
    ],
)  # fmt: skip
def test_a_dictionary_of_no_mixture_has_one_error(change, message):
    with pytest.raises(ValueError, match=f"not a mixture: .*{re.escape(message)}"):
        GaussianMixture.from_dict(change(fitted().to_dict()))


def with_array(data, name, values, dtype="float64"):
    return data | {"fitted": data["fitted"] | {name: {"array": values, "dtype": dtype}}}


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


def places(value, path=()):
    """Every place in a nested value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), value=VALUES)
def test_whatever_is_changed_in_a_dictionary_has_no_other_error(data, value):
    given = fitted().to_dict()
    path = data.draw(st.sampled_from(list(places(given))))
    if path:
        at = given
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value
    else:
        given = value
    try:
        found = GaussianMixture.from_dict(given)
    except ValueError as error:
        assert str(error).startswith("not a mixture: ")  # noqa: PT017
    else:
        found.predict([[0.0, 0.0, 0.0]])


# ---------------------------------------------------------------- scikit-learn, ONNX


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_object_of_scikit_learn_says_the_same(family, dtype):
    model = fitted(family, dtype)
    theirs = model.to_sklearn()
    rows = random_mixture(family, n=100, d=3, k=2, seed=1).X.astype(dtype)
    assert type(theirs).__module__.startswith("sklearn.")
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(theirs.score_samples(rows), model.score_samples(rows), rtol=tolerance)
    np.testing.assert_allclose(theirs.bic(rows), model.bic(rows), rtol=tolerance)
    theirs.means_[:] = 0
    assert model.means_.any(), "the arrays are its own"


def test_what_scikit_learn_has_not_is_refused():
    model = fitted().set_params(tol=-1.0)
    with pytest.raises(ValueError, match=r"scikit-learn has no such mixture: .*'tol'"):
        model.to_sklearn()


def test_without_skl2onnx_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"foldstat\[onnx\]"):
        fitted().to_onnx()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_graphs_of_onnx_predict_the_same(family, dtype):
    pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = fitted(family, dtype)
    rows = random_mixture(family, n=100, d=3, k=2, seed=1).X.astype(dtype)
    graph = model.to_onnx(options={"score_samples": True})
    session = runtime.InferenceSession(graph.SerializeToString())
    labels, shares, scores = session.run(None, {session.get_inputs()[0].name: rows})
    tolerance = 1e-10 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(shares, model.predict_proba(rows), atol=tolerance)
    np.testing.assert_allclose(scores.ravel(), model.score_samples(rows), rtol=tolerance)
    assert (labels.ravel() == model.predict(rows)).mean() > 0.99
