"""The estimator is scikit-learn's: its interface, its messages, its life cycle."""

from __future__ import annotations

import inspect
import pickle
import re
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
from foldstat.mixture._parameters import NAMED_BY_PARTS
from mixtures import assert_close, model_of, random_mixture

PRIORS = ("prior", "weight_prior", "mean_prior", "covariance_prior")
METHODS = ("score_samples", "predict_proba", "predict")


def test_constructor():
    ours = inspect.signature(GaussianMixture).parameters
    theirs = inspect.signature(Reference).parameters
    more = ["init_size", "stages", "stop", "accelerate", "forgetting", "missing", "n_jobs"]
    assert list(ours) == [*theirs, *PRIORS, *more]
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
    # What they do not have is left out: families, and other ways to start.
    others = {*map(repr, NAMED_BY_PARTS), "'whitened'", "'short-em'"}
    texts = (str(error.value).replace(", an array-like or a callable", "") for error in (ours, theirs))
    normal = [sorted(word for word in re.split(r"[\s,{}.]+", text) if word and word not in others) for text in texts]
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


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all", True, np.True_, 10**30])
def test_bad_n_jobs_are_refused_in_the_same_words_everywhere(n_jobs):
    X = random_mixture("full").X
    calls = [
        lambda: GaussianMixture(2, n_jobs=n_jobs).fit(X),
        lambda: GaussianMixture(2).fit(X).set_params(n_jobs=n_jobs).score_samples(X),
        lambda: foldstat.mixture.maximization(X, np.ones((300, 1)), n_jobs=n_jobs),
        lambda: foldstat.mixture.log_prob(X, X[:1], [np.eye(3)], n_jobs=n_jobs),
        lambda: foldstat.summarize(X, n_jobs=n_jobs),
        lambda: foldstat.Summary(X[:, 0], n_jobs=n_jobs),
        lambda: foldstat.describe({"a": X[:, 0]}, n_jobs=n_jobs),
        lambda: foldstat.diagnostics.r_hat(X.T, n_jobs=n_jobs),
        lambda: foldstat.walkers.sample(foldstat.walkers.densities.Ring(), 10, 4, n_jobs=n_jobs),
        lambda: foldstat.cells.pairwise_sum(X, n_jobs=n_jobs),
    ]
    texts = set()
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as error:
            call()
        texts.add(str(error.value))
    (text,) = texts
    assert text.startswith("n_jobs must be a number of threads")
    assert text.endswith(f"got {n_jobs!r}")


HUGE = pytest.param(10**5000, id="huge")


@pytest.mark.parametrize("n", [0, 1.5, "all", True, np.True_, 2**64, -(2**64), None, HUGE])
def test_bad_numbers_of_a_threads_block_are_refused_as_n_jobs_are(n):
    with pytest.raises((ValueError, TypeError)) as error, foldstat.threads(n):
        raise AssertionError("the block is entered")
    assert isinstance(error.value, ValueError)
    assert isinstance(error.value, TypeError)
    assert str(error.value).startswith("threads(n): n must be a number of threads, an integer that is not 0")
    found = "an integer of about 5000 digits" if type(n) is int and n > 2**64 else repr(n)
    assert str(error.value).endswith(f"got {found}")


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


# Where the first one of BAD_ROWS is: what our texts add to those of scikit-learn.
PLACES = dict.fromkeys(("NaN", "infinity"), "\nThe first one is at row 0, column 0.")


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused_in_the_same_words(name):
    (kind, ours), theirs = _messages(BAD_ROWS[name])
    assert (kind, ours.removesuffix(PLACES.get(name, ""))) == theirs
    assert ours.endswith(PLACES.get(name, ""))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*(n for n in BAD_ROWS if n != "one row"), "fewer columns"])
def test_bad_rows_are_refused_after_fitting_too(name, method):
    X = np.ones((5, 2)) if name == "fewer columns" else BAD_ROWS[name]
    if name == "no columns":
        X = np.empty((5, 0))
    (kind, ours), theirs = _messages(X, method)
    assert (kind, ours.removesuffix(PLACES.get(name, ""))) == theirs
    assert ours.endswith(PLACES.get(name, ""))


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
    class WithoutLabels:
        def predict(self, *arguments, **options):
            raise AssertionError("labels are not asked for")

    monkeypatch.setattr(GaussianMixture, "_compiled_mixture", lambda model: WithoutLabels())
    model = GaussianMixture(2, covariance_type=m.family, random_state=0)
    model.fit(m.X)
    with pytest.raises(AssertionError, match="not asked for"):
        model.fit_predict(m.X)


def test_private_methods_of_scikit_learn(m, model):
    """skl2onnx and subclasses in the wild read or call them."""
    theirs = Reference(2, covariance_type=m.family)
    theirs._set_parameters(model._get_parameters())
    for X in (m.X, m.X.astype(np.float32), 1e3 * m.X):
        for name in ("_estimate_log_prob", "_estimate_weighted_log_prob"):
            assert_close(getattr(model, name)(X), getattr(theirs, name)(X), 1e-6 if X.dtype == np.float32 else 1e-9)
        for ours, expected in zip(model._estimate_log_prob_resp(X), theirs._estimate_log_prob_resp(X), strict=True):
            tolerance = 1e-5 if X.dtype == np.float32 else 1e-9
            assert_close(ours, expected, tolerance, atol=tolerance * 100)
    np.testing.assert_array_equal(model._estimate_log_weights(), theirs._estimate_log_weights())
    copied = GaussianMixture(2, covariance_type=m.family)
    copied._set_parameters(model._get_parameters())
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_array_equal(getattr(copied, name), getattr(model, name))
        assert getattr(copied, name) is not getattr(model, name)
    np.testing.assert_array_equal(copied.predict(m.X), model.predict(m.X))


HOOKS = sorted(
    name
    for cls in (Reference, Reference.__mro__[1])
    for name, value in vars(cls).items()
    if inspect.isfunction(value) and name.startswith("_") and not name.startswith("__")
)


@pytest.mark.parametrize("hook", sorted({*HOOKS} - {"_n_parameters", "_set_parameters"}))
def test_overrides_that_would_be_ignored_are_refused(hook):
    assert "_m_step" in HOOKS
    with pytest.raises(TypeError, match=f"Mine overrides {hook}, which foldstat.GaussianMixture never calls"):
        type("Mine", (GaussianMixture,), {hook: lambda self, *arguments: None})
    mixin = type("Mixin", (), {hook: lambda self, *arguments: None})
    with pytest.raises(TypeError, match=hook):
        type("Mine", (mixin, GaussianMixture), {})


class WithoutSuper:
    """A class whose own check of subclasses is the last one."""

    def __init_subclass__(cls):
        pass


@pytest.mark.parametrize("use", ["fit", "fit_predict", "predict", "score_samples", "predict_proba", "score", "bic"])
def test_overrides_that_the_check_of_classes_has_not_seen_are_refused_where_they_would_count(m, use):
    class Mine(WithoutSuper, GaussianMixture):
        def _e_step(self, X, xp=None):
            raise AssertionError

    class Further(Mine):
        pass

    for cls in (Mine, Further, Mine):
        fitted = cls(2, covariance_type=m.family)
        vars(fitted).update(vars(model_of(m)))
        with pytest.raises(TypeError, match=f"{cls.__name__} overrides _e_step, which foldstat.GaussianMixture never"):
            getattr(fitted, use)(m.X)
    plain = type("Plain", (WithoutSuper, GaussianMixture), {})(2, covariance_type=m.family)
    assert plain.fit(m.X).predict(m.X).shape == (300,)


class Recorded:
    """What both scikit-learn's class and ours call."""

    def fit_predict(self, X, y=None, **more):
        labels = super().fit_predict(X, y, **more)
        self.calls_ = [*getattr(self, "calls_", []), (y, sorted(more))]
        self.sizes_ = np.bincount(labels, minlength=self.n_components)
        if self.random_state == 13:
            raise RuntimeError("after the fit")
        return labels


def test_fit_calls_a_fit_predict_of_ones_own_as_in_scikit_learn(m):
    models = []
    for cls in (Reference, GaussianMixture):
        mine = type("Mine", (Recorded, cls), {})(2, covariance_type=m.family, random_state=0, tol=1e-6)
        assert mine.fit(m.X) is mine
        np.testing.assert_array_equal(mine.sizes_, np.bincount(mine.predict(m.X)))
        mine.fit(m.X, "a y")
        models.append(mine)
    assert models[1].calls_ == models[0].calls_ == [(None, []), ("a y", [])]
    mine.fit(m.X, sample_weight=np.ones(300))
    mine.fit_predict(m.X)
    assert mine.calls_[2:] == [(None, ["sample_weight"]), (None, [])]
    before = dict(vars(mine.set_params(random_state=13)))
    with pytest.raises(RuntimeError, match="after the fit"):
        mine.fit(m.X)
    assert vars(mine).keys() == before.keys()
    assert all(vars(mine)[name] is value for name, value in before.items())


def test_a_fit_predict_that_calls_fit(m):
    class Mine(GaussianMixture):
        def fit_predict(self, X, y=None):
            self.called_ = getattr(self, "called_", 0) + 1
            return self.fit(X).predict(X)

    mine = Mine(2, covariance_type=m.family, random_state=0)
    for number in (1, 2):
        mine.fit(m.X)
        assert mine.called_ == number
    np.testing.assert_array_equal(mine.fit_predict(m.X), model_fitted(m).predict(m.X))


def model_fitted(m):
    return GaussianMixture(2, covariance_type=m.family, random_state=0).fit(m.X)


def test_overrides_that_count_are_called(m):
    class Mine(GaussianMixture):
        def _n_parameters(self):
            return 1000

        def _set_parameters(self, params, xp=None):
            super()._set_parameters(params)
            self.order_ = np.argsort(self.weights_)

    class Further(Mine):
        def predict(self, X):
            return self.order_[super().predict(X)]

    model = Further(2, covariance_type=m.family, random_state=0).fit(m.X)
    assert set(model.predict(m.X)) == {0, 1}
    assert model.aic(m.X) == pytest.approx(2000 - 2 * model.score(m.X) * 300)


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
    """Nothing is loaded that was not asked for: who sums or walks has no scikit-learn to wait for."""
    program = """
import sys, foldstat
def loaded(*names):
    return [name for name in names if name in sys.modules]
heavy = "sklearn", "tqdm", "matplotlib", "pandas", "numba", "foldstat.walkers"
assert loaded(*heavy) == [], loaded(*heavy)
assert foldstat.Summary([1.0, 2.0]).mean == 1.5
assert foldstat.summarize([[1.0], [2.0]], axis=0)
assert loaded(*heavy) == [], loaded(*heavy)
from foldstat import walkers
walkers.sample(lambda x: -x * x, [0.0], n_steps=10, burn_in=0, n_walkers=1, rng=0, where="python", progress=False)
assert loaded("sklearn", "pandas", "matplotlib") == [], loaded("sklearn", "pandas", "matplotlib")
from foldstat import GaussianMixture
assert loaded("sklearn") == ["sklearn"]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_criterion_of_more_rows_than_float64_can_count(m, model):
    with pytest.raises(ValueError, match="sample_weight is too large: its sum"):
        model.bic(m.X, sample_weight=np.full(300, 1e308))


@pytest.mark.parametrize("dates", [np.datetime64("2024-01-01"), np.timedelta64(3, "D"), "masked"])
def test_what_scikit_learn_would_take_for_numbers_is_refused_alike(m, model, dates):
    X = np.ma.masked_greater(m.X, 0.0) if dates == "masked" else np.full((20, 3), dates)
    pd = pytest.importorskip("pandas")
    frames = [] if dates == "masked" else [pd.DataFrame(X), X.tolist() and list(X)]
    for rows in (X, *frames):
        texts = set()
        fits = [GaussianMixture().fit, GaussianMixture().fit_predict, model.score_samples, model.predict, model.score]
        for call in (
            *fits,
            lambda rows: foldstat.mixture.log_prob(rows, m.means, np.ones(2), covariance_type="spherical"),
        ):
            with pytest.raises(TypeError) as error:
                call(rows)
            texts.add(str(error.value))
        (text,) = texts
        assert text.startswith("X is a masked array" if dates == "masked" else "X must hold real numbers, got dtype")


def test_masked_starts_are_refused(m):
    with pytest.raises(TypeError, match="masked array"):
        GaussianMixture(2, means_init=np.ma.masked_greater(m.means, 0.0), covariance_type=m.family).fit(m.X)


def test_a_column_of_dates_among_numbers_is_refused(m):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(m.X).assign(when=pd.Timestamp("2024-01-01"))
    with pytest.raises(TypeError, match="X must hold real numbers, got dtype datetime64"):
        GaussianMixture(2).fit(frame)


def test_the_place_in_a_frame(m):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(m.X, columns=list("abc"), dtype="Float64")
    frame.iloc[17, 2] = pd.NA
    with pytest.raises(ValueError, match=r"(?s)^Input X contains NaN.*The first one is at row 17, column 2\."):
        GaussianMixture(2).fit(frame)


def test_a_column_alone_is_no_frame(m):
    pd = pytest.importorskip("pandas")
    ours, theirs = _messages(pd.Series(m.X[:, 0]))
    assert ours == theirs
