"""What covariances may be: laws of every name that `covariance_type` has, those to come included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import _core
from foldstat.mixture._parameters import as_matrices

every = pytest.mark.parametrize("name", _core.covariance_types())


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


def test_statistics_of_another_geometry_are_refused():
    X, r = drawn(2, 2, 0)
    with pytest.raises(ValueError, match=r"statistics: are of 'full' covariances, but \"diag\" needs 'diag' ones"):
        _core.moments(folded(X, r, "full"), 0.0, "diag")


def test_an_unknown_name_is_told_the_known_ones():
    *others, last = map(repr, _core.covariance_types())
    with pytest.raises(ValueError, match=f"covariance_type: must be {', '.join(others)} or {last}, found"):
        _core.covariances_shape("none of them", 1, 1)
