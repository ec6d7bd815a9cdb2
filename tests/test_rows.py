"""Which rows and which weights of rows the estimator takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as Reference
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from foldstat import GaussianMixture, _core
from mixtures import INITS, assert_close, integer_weights, random_mixture, unaligned

METHODS = ("score_samples", "predict_proba", "predict")
ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def test_an_integer_weight_is_that_many_copies(m):
    w = integer_weights(300)
    repeated = np.repeat(m.X, w.astype(int), axis=0)
    parameters = {"covariance_type": m.family, "random_state": 0, "tol": 1e-10, "max_iter": 2000}
    weighted = GaussianMixture(2, **parameters).fit(m.X, sample_weight=w)
    copies = GaussianMixture(2, **parameters).fit(repeated)
    order = [np.argsort(model.means_[:, 0]) for model in (weighted, copies)]
    assert_close(weighted.means_[order[0]], copies.means_[order[1]], 1e-4, atol=1e-4)
    assert_close(weighted.lower_bound_, copies.lower_bound_, 1e-7)
    labels = weighted.fit_predict(m.X, sample_weight=w)
    np.testing.assert_array_equal(labels, weighted.predict(m.X))


@pytest.mark.parametrize("init", INITS)
def test_a_row_of_weight_zero_is_not_there(init):
    m = random_mixture("full", n=200, d=2, k=2)
    w = np.ones(200)
    w[50:] = 0.0
    X = m.X.copy()
    X[50:] = 1e9
    for seed in range(5):
        model = GaussianMixture(2, init_params=init, random_state=seed, max_iter=0)
        model.fit(X, sample_weight=w)
        assert np.abs(model.means_).max() < 1e3
        assert_close(model.weights_.sum(), 1.0)


@pytest.mark.parametrize("init", INITS)
def test_weights_of_starts_add_up(init):
    m = random_mixture("diag", n=100, d=2, k=2)
    w = np.random.default_rng(0).uniform(0.5, 2.0, 100)
    model = GaussianMixture(2, init_params=init, max_iter=0, covariance_type="diag")
    model.fit(m.X, sample_weight=w)
    assert_close(model.weights_.sum(), 1.0, 1e-12)


def test_rows_are_counted_by_weight():
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        GaussianMixture(3).fit(X, sample_weight=[1.0, 0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match=r"1 sample\(s\).*minimum of 2"):
        GaussianMixture(1).fit(X, sample_weight=[1.0, 0.0, 0.0, 0.0])
    # Fractions are rows too, and one row of weight 5 is five rows.
    GaussianMixture(2, random_state=0).fit(X, sample_weight=[0.1, 0.1, 0.1, 0.1])
    GaussianMixture(1).fit(X[:1], sample_weight=[5.0])
    GaussianMixture(2, random_state=0).fit(X, sample_weight=[5.0, 0.0, 0.0, 0.0])
    for init in INITS:
        model = GaussianMixture(3, init_params=init, random_state=0, max_iter=0)
        model.fit(X, sample_weight=[0.0, 3.0, 1.0, 0.0])
        assert np.isfinite(model.means_).all()
        if init == "kmeans":
            assert_close(model.weights_[np.isclose(model.means_[:, 0], 2.0)].sum(), 0.25, 1e-9)
    with pytest.raises(ValueError, match=r"n_components = 3, n_samples = 2$"):
        GaussianMixture(3).fit(X, sample_weight=[1.5, 1.5, 0.0, 0.0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(299), r"sample_weight.shape == \(299,\), expected \(300,\)"),
        (np.ones((300, 1)), "Sample weights must be 1D array or scalar, got 2D array"),
        (np.zeros(300), "Sample weights must contain at least one non-zero number"),
        (-np.eye(300)[7], "Negative values in data passed to `sample_weight`.* -1.0 at row 7"),
        (np.nan * np.eye(300)[7] + 1, "Input sample_weight contains NaN: first at row 0"),
        (np.where(np.arange(300) == 9, np.inf, 1), "sample_weight contains infinity: .*row 9"),
        (["a"] * 300, "sample_weight must hold real numbers"),
        (np.ones(300, dtype=complex), "sample_weight must hold real numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_weights_are_named(weights, message):
    X = random_mixture("full").X
    model = GaussianMixture(2).fit(X)
    for method in ("fit", "fit_predict", "score", "bic", "aic"):
        with pytest.raises((ValueError, TypeError), match=message):
            getattr(model, method)(X, sample_weight=weights)


def test_kinds_of_weights(m):
    w = np.arange(1, 301)
    expected = GaussianMixture(2, covariance_type=m.family, random_state=0)
    expected.fit(m.X, sample_weight=w.astype(float))
    for weights in (w, w.tolist(), pd.Series(w), w.astype(np.float32), w[::-1].copy()[::-1]):
        model = clone(expected).fit(m.X, sample_weight=weights)
        np.testing.assert_array_equal(model.means_, expected.means_)
    scalar = clone(expected).fit(m.X, sample_weight=2.0)
    assert_close(scalar.lower_bound_, clone(expected).fit(m.X).lower_bound_, 1e-9)


def test_metadata_routing():
    m = random_mixture("full")
    w = integer_weights(300)
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(2, random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model).fit(m.X, sample_weight=w)
        scored = pipeline.score(m.X, sample_weight=w)
    scaled = StandardScaler().fit_transform(m.X)
    direct = GaussianMixture(2, random_state=0).fit(scaled, sample_weight=w)
    np.testing.assert_array_equal(pipeline[-1].means_, direct.means_)
    assert scored == direct.score(scaled, sample_weight=w)


KINDS = {
    "pandas": pd.DataFrame,
    "pandas of several blocks": lambda X: pd.concat(
        [pd.DataFrame(X[:, :1], columns=["a"]), pd.DataFrame(X[:, 1:], columns=["b", "c"])], axis=1
    ),
    "polars": lambda X: pl.DataFrame(np.asarray(X), schema=["a", "b", "c"]),
    "list": lambda X: X.tolist(),
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "little-endian": lambda X: X.astype(X.dtype.newbyteorder("<")),
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda X: X[::-1].copy()[::-1],
    "object": lambda X: X.astype(object),
    "unaligned": lambda X: unaligned(X),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_rows(kind):
    X = random_mixture("full").X
    expected = GaussianMixture(2, random_state=0).fit(X)
    rows = KINDS[kind](X)
    model = GaussianMixture(2, random_state=0).fit(rows)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
    for method in METHODS:
        np.testing.assert_array_equal(getattr(model, method)(rows), getattr(expected, method)(X))
        np.testing.assert_array_equal(getattr(expected, method)(rows), getattr(expected, method)(X))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.bool_, np.float16, np.longdouble])
def test_other_numbers(dtype):
    X = (np.abs(random_mixture("full").X) * 3).astype(dtype)
    expected = GaussianMixture(2, random_state=0).fit(X.astype(np.float64))
    model = GaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_array_equal(model.means_, expected.means_)
    np.testing.assert_array_equal(model.score_samples(X), expected.score_samples(X.astype(float)))
    assert model.means_.dtype == np.float64


@pytest.mark.parametrize("method", ["fit", *METHODS])
def test_rows_are_not_copied(method, monkeypatch):
    """Whatever its strides, a float array reaches the kernels as it is."""
    X = random_mixture("full").X
    seen = []
    fit, compiled = _core.fit, GaussianMixture._compiled_mixture

    class Seeing:
        """The mixture of a model, which notes the rows that it is given."""

        def __init__(self, model):
            self.mixture = compiled(model)

        def __getattr__(self, name):
            return lambda rows, *rest: (seen.append(rows), getattr(self.mixture, name)(rows, *rest))[1]

    model = GaussianMixture(2, random_state=0).fit(X)
    monkeypatch.setattr(_core, "fit", lambda rows, **rest: (seen.append(rows), fit(rows, **rest))[1])
    monkeypatch.setattr(GaussianMixture, "_compiled_mixture", lambda model: Seeing(model))
    read_only = X.copy()
    read_only.setflags(write=False)
    for rows in (X, np.asfortranarray(X), X[::-1], X[::2], read_only, X.astype(np.float32)):
        seen.clear()
        getattr(model, method)(rows)
        assert seen
        assert np.shares_memory(seen[0], rows)
        assert seen[0].strides == rows.strides


def test_float32(m):
    X = m.X.astype(np.float32)
    model = GaussianMixture(2, covariance_type=m.family, random_state=0).fit(X)
    theirs = Reference(2, covariance_type=m.family, random_state=0).fit(X)
    for name in ARRAYS:
        assert getattr(model, name).dtype == getattr(theirs, name).dtype == np.float32, name
    for method in METHODS:
        assert getattr(model, method)(X).dtype == getattr(theirs, method)(X).dtype
        assert getattr(model, method)(m.X).dtype == getattr(theirs, method)(m.X).dtype
    double = GaussianMixture(2, covariance_type=m.family, random_state=0).fit(m.X)
    np.testing.assert_allclose(model.means_, double.means_, rtol=1e-2, atol=1e-2)
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))
    assert model.score(X) == pytest.approx(double.score(m.X), rel=1e-4)


def test_feature_names(m):
    frame = pd.DataFrame(m.X, columns=["x", "y", "z"])
    model = GaussianMixture(2, covariance_type=m.family, random_state=0).fit(frame)
    np.testing.assert_array_equal(model.feature_names_in_, ["x", "y", "z"])
    model.predict(frame)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(m.X)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["y", "x", "z"]])
    assert not hasattr(GaussianMixture(2).fit(m.X), "feature_names_in_")
    polars = pl.DataFrame(m.X, schema=["x", "y", "z"])
    np.testing.assert_array_equal(model.predict(polars), model.predict(frame))


def test_set_output_of_the_steps_before(m):
    frame = pd.DataFrame(m.X, columns=["x", "y", "z"])
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0))
    pipeline.set_output(transform="pandas").fit(frame)
    np.testing.assert_array_equal(pipeline[-1].feature_names_in_, ["x", "y", "z"])
    assert isinstance(pipeline.predict(frame), np.ndarray)
    # As in scikit-learn, a mixture transforms nothing.
    assert hasattr(GaussianMixture(), "set_output") == hasattr(Reference(), "set_output")
