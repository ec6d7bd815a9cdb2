"""The estimator is scikit-learn's: its interface, its messages, its life cycle."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture as Reference

import foldstat
from foldstat import GaussianMixture, _core
from mixtures import assert_close, model_of, random_mixture

METHODS = ("score_samples", "predict_proba", "predict")


def test_constructor():
    ours = inspect.signature(GaussianMixture).parameters
    theirs = inspect.signature(Reference).parameters
    assert list(ours) == [*theirs, "n_jobs"]
    for name, parameter in theirs.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)
    assert ours["n_jobs"].default is None


def test_methods_and_attributes(m, model):
    theirs = Reference(2, covariance_type=m.family, random_state=0).fit(m.X)
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public <= set(dir(model))
    for name in vars(theirs):
        ours, expected = getattr(model, name), getattr(theirs, name)
        if isinstance(expected, np.ndarray):
            assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype), name
    for name in ("fit", "fit_predict", "score", *METHODS, "sample", "bic", "aic"):
        expected = list(inspect.signature(getattr(Reference, name)).parameters)
        ours = inspect.signature(getattr(GaussianMixture, name)).parameters
        assert list(ours)[: len(expected)] == expected, name
        assert all(p.default is None for p in list(ours.values())[len(expected) :]), name


def test_types_of_the_results(model):
    assert isinstance(model.converged_, bool)
    assert isinstance(model.n_iter_, int)
    assert isinstance(model.lower_bound_, float)
    assert isinstance(model.lower_bounds_, list)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert len(model.lower_bounds_) == model.n_iter_


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_components", 0),
        ("n_components", 1.5),
        ("covariance_type", "sphere"),
        ("tol", -1),
        ("reg_covar", -1e-9),
        ("max_iter", -1),
        ("n_init", 0),
        ("init_params", "kmean"),
        ("warm_start", "yes"),
        ("verbose", -1),
        ("verbose_interval", 0),
        ("random_state", "zero"),
        ("weights_init", [0.5, 0.6]),
        ("weights_init", [-0.5, 1.5]),
        ("weights_init", [1.0]),
        ("weights_init", "all"),
        ("means_init", [[0.0, 0.0]]),
        ("means_init", [[0.0, np.nan, 1.0], [0.0, 0.0, 0.0]]),
        ("precisions_init", np.zeros((2, 3, 3))),
        ("precisions_init", np.ones((2, 3))),
        ("precisions_init", [[[1.0, 2.0, 0], [0, 1.0, 0], [0, 0, 1.0]]] * 2),
    ],
)
def test_bad_parameters_are_refused_in_the_same_words(parameter, value):
    X = random_mixture("full").X
    with pytest.raises(ValueError, match=r".") as theirs:
        Reference(2).set_params(**{parameter: value}).fit(X)
    with pytest.raises(ValueError, match=r".") as ours:
        GaussianMixture(2).set_params(**{parameter: value}).fit(X)
    # Sorted, because the options of a parameter are a set and come in any order.
    normal = [
        sorted(str(e.value).replace(",", " ").replace("}", " ").replace("{", " ").split()) for e in (ours, theirs)
    ]
    assert normal[0] == normal[1]


@pytest.mark.parametrize("family", ["tied", "diag", "spherical"])
def test_bad_precisions_are_refused_in_the_same_words(family):
    X = random_mixture(family).X
    shape = {"tied": (3, 3), "diag": (2, 3), "spherical": (2,)}[family]
    for bad in (np.zeros(shape), np.ones((4, 4))):
        parameters = {"covariance_type": family, "precisions_init": bad}
        with pytest.raises(ValueError, match=r".") as theirs:
            Reference(2, **parameters).fit(X)
        with pytest.raises(ValueError, match=r".") as ours:
            GaussianMixture(2, **parameters).fit(X)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all"])
def test_bad_n_jobs(n_jobs):
    X = random_mixture("full").X
    with pytest.raises(ValueError, match="n_jobs"):
        GaussianMixture(2, n_jobs=n_jobs).fit(X)


def _messages(X, method=None):
    for class_ in (GaussianMixture, Reference):
        model = class_(2, random_state=0)
        if method:
            model.fit(random_mixture("full").X)
        with pytest.raises((ValueError, TypeError)) as error:
            getattr(model, method or "fit")(X)
        yield type(error.value), str(error.value)


BAD_ROWS = {
    "NaN": np.where(np.eye(300, 3) == 1, np.nan, 0.5),
    "infinity": np.where(np.eye(300, 3) == 1, -np.inf, 0.5),
    "1-d": np.ones(10),
    "3-d": np.ones((4, 3, 2)),
    "no rows": np.empty((0, 3)),
    "no columns": np.empty((5, 0)),
    "complex": np.ones((5, 3), dtype=complex),
    "text": np.array([["a", "b", "c"]] * 5),
    "one row": np.ones((1, 3)),
    "ragged": [[1.0, 2.0, 3.0], [1.0]],
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused_in_the_same_words(name):
    ours, theirs = _messages(BAD_ROWS[name])
    assert ours == theirs


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*(n for n in BAD_ROWS if n != "one row"), "fewer columns"])
def test_bad_rows_are_refused_after_fitting_too(name, method):
    X = np.ones((5, 2)) if name == "fewer columns" else BAD_ROWS[name]
    if name == "no columns":
        X = np.empty((5, 0))
    ours, theirs = _messages(X, method)
    assert ours == theirs


def test_too_few_rows():
    for class_ in (GaussianMixture, Reference):
        with pytest.raises(ValueError, match=r"n_samples >= n_components but got n_components = 5"):
            class_(5).fit(np.ones((4, 2)))


@pytest.mark.parametrize("method", [*METHODS, "score", "sample", "bic", "aic"])
def test_not_fitted(method):
    argument = 3 if method == "sample" else np.ones((3, 2))
    with pytest.raises(NotFittedError, match="This GaussianMixture instance is not fitted yet"):
        getattr(GaussianMixture(), method)(argument)


def test_convergence_warning_is_the_same():
    X = random_mixture("full", spread=0.5).X
    texts = []
    for class_ in (GaussianMixture, Reference):
        with pytest.warns(ConvergenceWarning) as record:
            class_(3, max_iter=1, random_state=0).fit(X)
        texts.append(str(record[0].message))
        if class_ is GaussianMixture:
            assert record[0].filename == __file__
    assert texts[0] == texts[1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_collapse_is_the_same_error(dtype):
    X = np.zeros((10, 2), dtype=dtype)
    texts = []
    for class_ in (GaussianMixture, Reference):
        with pytest.raises(ValueError, match="ill-defined empirical covariance") as error:
            class_(1, reg_covar=0.0).fit(X)
        texts.append(str(error.value))
    assert texts[0] == texts[1]


def test_tags():
    ours, theirs = sklearn.utils.get_tags(GaussianMixture()), sklearn.utils.get_tags(Reference())
    assert ours.estimator_type == theirs.estimator_type == "density_estimator"
    assert ours.input_tags == theirs.input_tags
    assert ours.target_tags == theirs.target_tags


def test_pickle_clone_and_copy(m, model):
    again = pickle.loads(pickle.dumps(model))
    for method in METHODS:
        np.testing.assert_array_equal(getattr(again, method)(m.X), getattr(model, method)(m.X))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "means_")
    np.testing.assert_array_equal(fresh.fit(m.X).means_, model.means_)


def test_results_in_attributes_set_by_hand(m):
    """As some do with scikit-learn's class: the attributes are the model."""
    model = GaussianMixture(2, covariance_type=m.family)
    model.weights_, model.means_, model.covariances_ = m.weights, m.means, m.covariances
    model.precisions_cholesky_ = m.factor
    expected = model_of(m)
    for method in METHODS:
        assert_close(getattr(model, method)(m.X), getattr(expected, method)(m.X), 1e-12, 1e-12)


def test_fit_predict_is_fit_then_predict(m):
    for max_iter in (1, 2, 100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GaussianMixture(2, covariance_type=m.family, random_state=0, max_iter=max_iter)
            labels = model.fit_predict(m.X)
        np.testing.assert_array_equal(labels, model.predict(m.X))
        np.testing.assert_array_equal(labels, model.predict_proba(m.X).argmax(axis=1))


def test_fit_computes_no_labels(m, monkeypatch):
    def fail(*arguments):
        raise AssertionError("labels are not asked for")

    monkeypatch.setattr(_core, "predict", fail)
    GaussianMixture(2, covariance_type=m.family, random_state=0).fit(m.X)


def test_n_parameters(m, model):
    assert model._n_parameters() == {"full": 19, "tied": 13, "diag": 13, "spherical": 9}[m.family]


def test_public_names():
    assert set(foldstat.__all__) <= set(dir(foldstat))
    assert set(foldstat.mixture.__all__) <= set(dir(foldstat.mixture))
    assert foldstat.mixture.GaussianMixture is GaussianMixture
    assert foldstat.MixtureStatistics is foldstat.mixture.MixtureStatistics
    assert foldstat.__version__ == _core.system()["version"]
    for name in ("GaussianMixture", "MixtureStatistics", "threads"):
        assert getattr(foldstat, name).__doc__


def test_submodules_are_attributes_from_the_start():
    program = """
import sys, foldstat
assert {"cells", "plot", "mixture", "threads"} <= set(dir(foldstat))
assert "foldstat.cells" not in sys.modules and "foldstat.plot" not in sys.modules
foldstat.cells.summarize, foldstat.plot.plot_mixture
assert "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="module 'foldstat' has no attribute 'cell'"):
        _ = foldstat.cell


def test_import_is_lean():
    """Neither tqdm nor matplotlib nor pandas is loaded before it is needed."""
    loaded = "print([m for m in ('tqdm', 'matplotlib', 'pandas') if m in sys.modules])"
    program = f"import foldstat, sys; {loaded}"
    before = f"import sklearn.base, sklearn.utils.validation, sys; {loaded}"
    outputs = [
        subprocess.run([sys.executable, "-c", p], capture_output=True, text=True, check=True).stdout
        for p in (program, before)
    ]
    assert outputs[0] == outputs[1]
