"""What covariances may be: laws of every name that `covariance_type` has, those to come included."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from foldstat import GaussianMixture, _core
from foldstat.mixture import em, maximization
from foldstat.mixture._parameters import NAMED_BY_PARTS, as_matrices
from instruction_sets import at_level, levels_here

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every = pytest.mark.parametrize("name", _core.covariance_types())
each_family = pytest.mark.parametrize("name", NAMED_BY_PARTS)
seeds = st.integers(0, 2**32 - 1)


def drawn(k, d, seed, n=60):
    """Rows, and responsibilities of which no component is without rows."""
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.uniform(-3, 3, size=d)
    X = (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)) * scales
    return X, rng.dirichlet(np.full(k, 0.7), size=n)


def folded(X, r, name):
    return _core.statistics_from_responsibilities(X, r, _core.covariances_geometry(name))


def matrices_of(name, k, X, r):
    """nₖ, covariances and scatter of each component, all as matrices."""
    d = X.shape[1]
    sizes, means, covariances = _core.moments(folded(X, r, name), 0.0, name)
    scatter = np.stack([(r[:, c, None] * (X - means[c])).T @ (X - means[c]) for c in range(k)])
    return sizes, as_matrices(covariances, name, k, d), scatter


@every
@settings(deadline=None, max_examples=20)
@given(k=st.integers(1, 4), d=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_no_multiple_of_the_covariances_is_likelier(name, k, d, seed):
    """d/dc of Σ −nₖ/2 (log |cΣₖ| + tr Sₖ/(c Σₖ nₖ)) is 0 at c = 1: tr Σ Σₖ⁻¹ Sₖ = d Σ nₖ, of all that may be scaled."""
    X, r = drawn(k, d, seed)
    sizes, covariances, scatter = matrices_of(name, k, X, r)
    units = np.sqrt(np.einsum("kjj->j", scatter))  # so that NumPy loses no digits
    covariances, scatter = (each / units / units[:, None] for each in (covariances, scatter))
    trace = sum(np.trace(np.linalg.solve(sigma, s)) for sigma, s in zip(covariances, scatter, strict=True))
    assert trace == pytest.approx(d * sizes.sum(), rel=1e-6)


@every
@settings(deadline=None, max_examples=20)
@given(k=st.integers(1, 3), d=st.integers(1, 3), power=st.integers(-40, 40), seed=st.integers(0, 2**32 - 1))
def test_covariances_scale_with_the_rows(name, k, d, power, seed):
    X, r = drawn(k, d, seed)
    unscaled = _core.moments(folded(X, r, name), 0.0, name)[2]
    scaled = _core.moments(folded(X * 2.0**power, r, name), 0.0, name)[2]
    np.testing.assert_array_equal(scaled, unscaled * 4.0**power)


@every
@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 3), (3, 1), (3, 3), (2, 4)])
def test_the_parameters_are_as_free_as_their_number_says(name, k, d):
    """The rank of the derivatives of the covariances by the responsibilities, of which there are more."""
    X, r = drawn(k, d, 1, n=40)
    X /= X.std(axis=0)

    def covariances(r):
        return _core.moments(folded(X, r, name), 0.0, name)[2].ravel()

    step = 1e-5
    changes = []
    for at in np.ndindex(r.shape):
        change = np.zeros(r.shape)
        change[at] = step
        changes.append((covariances(r + change) - covariances(r - change)) / (2 * step))
    values = np.linalg.svd(np.array(changes), compute_uv=False)
    rank = int((values > 1e-6 * values[0]).sum())
    assert rank == _core.n_covariance_parameters(name, k, d)


@every
def test_shapes_and_names_agree(name):
    X, r = drawn(3, 2, 0)
    statistics = folded(X, r, name)
    assert statistics.covariance_type == _core.covariances_geometry(name)
    covariances = _core.moments(statistics, 0.0, name)[2]
    assert covariances.shape == _core.covariances_shape(name, 3, 2)
    factors = _core.precisions_cholesky(covariances, name)
    mixture = _core.Mixture([0.25, 0.25, 0.5], np.zeros((3, 2)), factors, name)
    assert mixture.covariance_type == name
    assert mixture.n_parameters == 2 + 6 + _core.n_covariance_parameters(name, 3, 2)


def spelled(X, r, name, **settings):
    """The covariances of an M-step as matrices."""
    found = maximization(X, r, covariance_type=name, **({"reg_covar": 0.0} | settings))
    return as_matrices(found.covariances, name, r.shape[1], X.shape[1])


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


@each_family
@settings(deadline=None, max_examples=15)
@given(k=st.integers(1, 4), d=st.integers(1, 4), noise=st.sampled_from([0.0, 0.3]), seed=seeds)
def test_covariances_have_in_common_what_the_name_says(name, k, d, noise, seed):
    """Also where `reg_covar` is added."""
    X, r = drawn(k, d, seed)
    matrices = spelled(standardised(X), r, name, reg_covar=noise)
    assert np.array_equal(matrices, matrices.swapaxes(1, 2))
    volume, shape, orientation = name
    volumes = np.exp(np.linalg.slogdet(matrices)[1] / d)
    shapes = np.linalg.eigvalsh(matrices) / volumes[:, None]
    if volume == "E":
        np.testing.assert_allclose(volumes, volumes[0], 1e-9)
    if shape != "V":
        np.testing.assert_allclose(shapes, np.broadcast_to(shapes[0] if shape == "E" else 1.0, shapes.shape), 1e-7)
    if orientation == "I":
        np.testing.assert_array_equal(matrices, matrices * np.eye(d))
    if orientation == "E":
        products = matrices[:, None] @ matrices[None, :]
        np.testing.assert_allclose(products, products.swapaxes(0, 1), atol=1e-9 * np.abs(products).max())


@each_family
@settings(deadline=None, max_examples=15)
@given(k=st.integers(1, 4), d=st.integers(2, 4), seed=seeds)
def test_no_turn_or_stretch_is_likelier(name, k, d, seed):
    """G = Σₖ Σₖ⁻¹ Sₖ is symmetric where all may turn alike; its diagonal is n where all may be stretched alike."""
    X, r = drawn(k, d, seed)
    X = standardised(X)
    sizes, covariances, scatter = matrices_of(name, k, X, r)
    gradient = sum(np.linalg.solve(sigma, s) for sigma, s in zip(covariances, scatter, strict=True))
    volume, shape, orientation = name
    if orientation in "EV":
        np.testing.assert_allclose(gradient, gradient.T, atol=1e-6 * sizes.sum())
    if shape != "I" and (orientation == "I" or name in ("EEE", "VEE", "EVV", "VVV")):
        np.testing.assert_allclose(np.diagonal(gradient), sizes.sum(), rtol=1e-6)
    if volume == "V":
        traces = [np.trace(np.linalg.solve(sigma, s)) for sigma, s in zip(covariances, scatter, strict=True)]
        np.testing.assert_allclose(traces, d * sizes, rtol=1e-6)


@pytest.mark.parametrize("name", ["EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"])
@settings(deadline=None, max_examples=15)
@given(k=st.integers(1, 4), powers=st.lists(st.integers(-40, 40), min_size=1, max_size=4), seed=seeds)
def test_covariances_scale_with_each_feature(name, k, powers, seed):
    X, r = drawn(k, len(powers), seed)
    scales = np.ldexp(1.0, powers)
    expected = spelled(X, r, name) * np.outer(scales, scales)
    np.testing.assert_array_equal(spelled(X * scales, r, name), expected)


@pytest.mark.parametrize("name", [name for name in NAMED_BY_PARTS if name.endswith(("E", "V")) or name[1] == "I"])
@settings(deadline=None, max_examples=15)
@given(k=st.integers(1, 4), d=st.integers(2, 4), seed=seeds)
def test_covariances_turn_with_the_rows(name, k, d, seed):
    X, r = drawn(k, d, seed)
    X = standardised(X)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    expected = turn.T @ spelled(X, r, name) @ turn
    np.testing.assert_allclose(spelled(X @ turn, r, name), expected, atol=1e-8 * np.abs(expected).max())


@each_family
@settings(deadline=None, max_examples=15)
@given(k=st.integers(1, 3), d=st.integers(1, 3), seed=seeds)
def test_em_never_goes_down(name, k, d, seed):
    X, r = drawn(k, d, seed, n=80)
    start = maximization(X, r, covariance_type=name, reg_covar=0.0)
    # Not for so long that one of them collapses.
    bounds = em(X, *start, covariance_type=name, max_iter=25, tol=0.0, reg_covar=0.0).lower_bounds
    assert np.diff(bounds).min(initial=0.0) >= -1e-11 * np.abs(bounds).max()


def unless_refused(X, r, name):
    """Covariances; ones where the error is the one that is promised."""
    try:
        return spelled(X, r, name)
    except ValueError as error:
        if "ill-defined empirical covariance" not in str(error):
            raise
        return np.ones((1, 1, 1))


@each_family
@settings(deadline=None, max_examples=40)
@given(
    k=st.integers(1, 4),
    d=st.integers(1, 4),
    constant=st.integers(0, 3),
    distinct=st.integers(1, 8),
    seed=seeds,
)
def test_scatter_without_rank_is_refused_or_has_numbers(name, k, d, constant, distinct, seed):
    """Few rows, some of them twice, components of one row, features that do not vary: no NaN in silence."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(distinct, d))[rng.integers(distinct, size=12)]
    X[:, :constant] = 0.5
    r = np.eye(k)[rng.integers(k, size=12)]
    covariances = unless_refused(X, r, name)
    assert np.isfinite(covariances).all()
    assert (np.diagonal(covariances, axis1=1, axis2=2) >= 0).all()


@pytest.mark.parametrize("name", ["EVI", "EEV", "VEE", "EVE", "VVE", "VEV", "EVV"])
def test_a_constant_feature_is_refused(name):
    X = np.random.default_rng(0).normal(size=(30, 3))
    X[:, 1] = 2.0
    r = np.random.default_rng(1).dirichlet(np.ones(2), size=30)
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        maximization(X, r, covariance_type=name, reg_covar=0.0)
    assert np.isfinite(maximization(X, r, covariance_type=name).covariances).all()


def a_fit(name, chunks=1, n_jobs=None, dtype=np.float64):
    rng = np.random.default_rng(3)
    X = (rng.normal(size=(5000, 3)) @ rng.normal(size=(3, 3)) + 4 * rng.integers(3, size=(5000, 1))).astype(dtype)
    model = GaussianMixture(3, covariance_type=name, max_iter=5, tol=0.0, random_state=0, n_jobs=n_jobs)
    if chunks > 1:
        model.set_params(means_init=X[:3], weights_init=np.full(3, 1 / 3))
        model.set_params(precisions_init=np.ones(_core.covariances_shape(name, 3, 3)) * spread(name))
    return model, X if chunks == 1 else np.array_split(X, chunks)


def spread(name):
    return np.eye(3) if _core.covariances_geometry(name) in ("full", "tied") else 1.0


@each_family
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_and_chunks_change_no_bit(name, dtype):
    whole, X = a_fit(name, n_jobs=1, dtype=dtype)
    threaded, _ = a_fit(name, n_jobs=3, dtype=dtype)
    np.testing.assert_array_equal(whole.fit(X).covariances_, threaded.fit(X).covariances_)
    model, parts = a_fit(name, chunks=3, dtype=dtype)
    np.testing.assert_array_equal(model.fit(parts).covariances_, model.fit(np.concatenate(parts)).covariances_)


PROGRAM = """
import hashlib, json, sys, warnings
sys.path.insert(0, {here!r})
from foldstat import _core
from foldstat.mixture._parameters import NAMED_BY_PARTS
from test_constraints import a_fit
warnings.simplefilter("ignore")
digest = hashlib.sha256()
for name in NAMED_BY_PARTS:
    model, X = a_fit(name)
    digest.update(model.fit(X).precisions_cholesky_.tobytes())
print(json.dumps([_core.system()["simd"], digest.hexdigest()]))
"""


def test_instruction_sets_change_no_bit():
    program = PROGRAM.format(here=str(Path(__file__).parent))
    assert len({at_level(program, level)[1] for level in levels_here()}) == 1


def test_a_model_of_any_family_does_what_models_do():
    """Made of parameters, drawn from, drawn, pickled."""
    for name in NAMED_BY_PARTS:
        model, X = a_fit(name)
        model.fit(X)
        again = GaussianMixture.from_parameters(
            model.weights_, model.means_, model.covariances_, covariance_type=name, random_state=0
        )
        np.testing.assert_allclose(again.score_samples(X[:9]), model.score_samples(X[:9]), 1e-9)
        assert again.sample(10)[0].shape == (10, 3)
        assert pickle.loads(pickle.dumps(model)).bic(X) == model.bic(X)
        assert clone(model).covariance_type == name
        assert model.partial_fit(X).partial_fit(X[:500]).covariances_.shape == model.covariances_.shape


def test_statistics_of_another_geometry_are_refused():
    X, r = drawn(2, 2, 0)
    with pytest.raises(ValueError, match=r"statistics: are of 'full' covariances, but \"diag\" needs 'diag' ones"):
        _core.moments(folded(X, r, "full"), 0.0, "diag")


def test_an_unknown_name_is_told_the_known_ones():
    *others, last = map(repr, _core.covariance_types())
    with pytest.raises(ValueError, match=f"covariance_type: must be {', '.join(others)} or {last}, found"):
        _core.covariances_shape("none of them", 1, 1)
