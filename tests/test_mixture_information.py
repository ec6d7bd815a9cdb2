"""Entropy, divergence, uncertainty and merging: laws, and numbers that are known otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.mixture import GaussianMixture as Theirs

from foldstat import GaussianMixture
from foldstat.mixture import Estimate
from mixtures import FAMILIES, model_of, random_mixture

LAWS = settings(max_examples=30, deadline=None)
DRAWN = {"seed": st.integers(0, 500), "family": st.sampled_from(FAMILIES), "k": st.integers(1, 4)}
FAR = 5.5  # standard errors that no estimate is away: once in 3e7


def drawn(seed, family, k, **options):
    return model_of(random_mixture(family, n=60, d=2, k=k, seed=seed, **options))


def holds(found):
    """An estimate is within its bounds, but for its error."""
    assert isinstance(found, Estimate)
    slack = FAR * found.error + 1e-12 * abs(found.value)
    assert found.lower - slack <= found.value <= found.upper + slack
    assert found.lower <= found.upper
    assert float(found) == found.value


@LAWS
@given(**DRAWN)
def test_bounds_hold(seed, family, k):
    model, other = drawn(seed, family, k), drawn(seed + 1, FAMILIES[seed % 4], 3)
    holds(model.entropy(2000, rng=seed))
    found = model.kl_divergence(other, 2000, rng=seed)
    holds(found)
    assert found.lower >= 0


@LAWS
@given(**DRAWN)
def test_nothing_lies_between_a_mixture_and_itself(seed, family, k):
    model = drawn(seed, family, k)
    found = model.kl_divergence(model, 500, rng=0)
    assert (found.value, found.error, found.lower) == (0.0, 0.0, 0.0)
    assert found.upper < 1e-6


@LAWS
@given(seed=st.integers(0, 500), d=st.integers(1, 4))
def test_one_component_has_closed_forms(seed, d):
    p, q = (random_mixture("full", d=d, k=1, seed=seed + i) for i in range(2))
    exact = stats.multivariate_normal(p.means[0], p.covariances[0]).entropy()
    found = model_of(p).entropy(1000, rng=seed)
    assert found.upper == pytest.approx(exact, rel=1e-9, abs=1e-9)
    assert found.lower == pytest.approx(exact, rel=1e-9, abs=1e-9)
    assert abs(found.value - exact) <= FAR * found.error
    # By Jensen, E log q is at most log ∫ p q.
    least = -exact - stats.multivariate_normal(q.means[0], p.covariances[0] + q.covariances[0]).logpdf(p.means[0])
    inverse, apart = np.linalg.inv(q.covariances[0]), q.means[0] - p.means[0]
    exact = 0.5 * (
        np.trace(inverse @ p.covariances[0]) + apart @ inverse @ apart - d
        + np.linalg.slogdet(q.covariances[0])[1] - np.linalg.slogdet(p.covariances[0])[1]
    )  # fmt: skip
    found = model_of(p).kl_divergence(model_of(q), 1000, rng=seed)
    assert found.upper == pytest.approx(exact, rel=1e-8, abs=1e-9)
    assert found.lower == pytest.approx(max(least, 0.0), rel=1e-8, abs=1e-9)
    assert abs(found.value - exact) <= FAR * found.error


@LAWS
@given(**DRAWN, powers=st.tuples(st.integers(-40, 40), st.integers(-40, 40)))
def test_units_move_the_entropy_and_leave_the_divergence(seed, family, k, powers):
    powers = powers[:1] * 2 if family == "spherical" else powers
    scales = np.ldexp(1.0, powers)
    stretch = {"spherical": scales[0] ** 2, "diag": scales**2}.get(family, np.outer(scales, scales))
    models = [random_mixture(family, n=60, d=2, k=k, seed=seed + i) for i in range(2)]
    p, q = (model_of(m) for m in models)
    of_other_units = [
        GaussianMixture.from_parameters(m.weights, m.means * scales, m.covariances * stretch, covariance_type=family)
        for m in models
    ]
    moved = float(np.log(scales).sum())
    for plain, scaled, shift in (
        (p.entropy(200, rng=1), of_other_units[0].entropy(200, rng=1), moved),
        (p.kl_divergence(q, 200, rng=1), of_other_units[0].kl_divergence(of_other_units[1], 200, rng=1), 0.0),
    ):
        for name in ("value", "lower", "upper"):
            expected = getattr(plain, name) + shift
            assert getattr(scaled, name) == pytest.approx(expected, rel=1e-8, abs=1e-8), name


def test_components_far_apart_are_known():
    weights = np.array([0.7, 0.3])
    model = GaussianMixture.from_parameters(weights, [[0.0], [1e3]], [1.0, 4.0], covariance_type="spherical")
    exact = (weights * (stats.norm(scale=[1.0, 2.0]).entropy() - np.log(weights))).sum()
    found = model.entropy(4000, rng=0)
    assert found.upper == pytest.approx(exact, rel=1e-12)
    # The overlap of components with themselves costs at most this in the lower bound.
    assert exact - 0.31 < found.lower < exact
    assert abs(found.value - exact) < FAR * found.error


def test_models_of_scikit_learn_are_mixtures_too():
    m = random_mixture("full", n=300, d=2, k=2)
    theirs = Theirs(2, random_state=0).fit(m.X)
    ours = model_of(m, random_state=0)
    same = GaussianMixture.from_parameters(theirs.weights_, theirs.means_, theirs.covariances_)
    assert ours.kl_divergence(theirs, 500).value == pytest.approx(ours.kl_divergence(same, 500).value, rel=1e-9)
    assert ours.entropy(500) == ours.entropy(500), "random_state decides"


@LAWS
@given(**DRAWN)
def test_uncertainty_and_entropy_of_rows(seed, family, k):
    m = random_mixture(family, n=60, d=2, k=k, seed=seed)
    shares = model_of(m).predict_proba(m.X)
    np.testing.assert_allclose(model_of(m).uncertainty(m.X), 1 - shares.max(axis=1), atol=1e-15)
    np.testing.assert_allclose(model_of(m).posterior_entropy(m.X), stats.entropy(shares, axis=1), atol=1e-14)


def test_small_uncertainties_are_exact():
    model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [10.0]], [1.0, 1.0], covariance_type="spherical")
    assert model.uncertainty([[0.0]])[0] == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert model.posterior_entropy([[0.0]])[0] == pytest.approx(51 * np.exp(-50.0), rel=1e-9)


def test_rows_of_dask_stay_lazy():
    da = pytest.importorskip("dask.array")
    m = random_mixture("full", n=100, d=2, k=2)
    rows = da.from_array(m.X, chunks=(30, 2))
    for ask in ("uncertainty", "posterior_entropy"):
        lazy = getattr(model_of(m), ask)(rows)
        assert hasattr(lazy, "dask")
        np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), getattr(model_of(m), ask)(m.X))


# ---------------------------------------------------------------- merging


def plain_merging(shares, weights):
    """Baudry et al. as they write it: all pairs, every time."""
    clusters, merges = [[i] for i in range(shares.shape[1])], []

    def entropy(parts):
        t = np.stack([shares[:, part].sum(axis=1) for part in parts], axis=1)
        return -(weights[:, None] * t * np.log(np.where(t > 0, t, 1.0))).sum()

    path = [entropy(clusters)]
    while len(clusters) > 1:
        tried = []
        for i in range(len(clusters)):
            for j in range(i + 1, len(clusters)):
                rest = [c for n, c in enumerate(clusters) if n not in (i, j)]
                tried.append((entropy([*rest, clusters[i] + clusters[j]]), i, j))
        least, i, j = min(tried)
        merges.append((min(clusters[i]), min(clusters[j])))
        clusters[i] = clusters[i] + clusters.pop(j)
        path.append(least)
    return merges, path


@LAWS
@given(seed=st.integers(0, 500), family=st.sampled_from(FAMILIES), k=st.integers(1, 8), weighted=st.booleans())
def test_merging_is_that_of_the_paper(seed, family, k, weighted):
    m = random_mixture(family, n=60, d=2, k=k, seed=seed, spread=1.0)
    weights = np.random.default_rng(seed).gamma(2.0, size=60) if weighted else None
    model = model_of(m)
    merging = model.merge_components(m.X, weights)
    merges, path = plain_merging(model.predict_proba(m.X), np.ones(60) if weights is None else weights)
    np.testing.assert_allclose(merging.entropy, path, rtol=1e-9, atol=1e-9)
    assert merging.merges == merges
    assert (np.diff(merging.entropy) <= 1e-12).all()
    for n in range(1, k + 1):
        labels = merging.labels(n)
        assert len(set(labels)) == n
        soft = merging.predict_proba(m.X, n)
        np.testing.assert_allclose(soft.sum(axis=1), 1.0, rtol=1e-12)
        np.testing.assert_array_equal(merging.predict(m.X, n), soft.argmax(axis=1))


def test_merging_keeps_the_density():
    m = random_mixture("full", n=100, d=2, k=4, seed=3)
    model = model_of(m)
    labels = model.merge_components(m.X).labels(2)
    parts = []
    for cluster in range(2):
        mine = labels == cluster
        share = m.weights[mine].sum()
        part = GaussianMixture.from_parameters(m.weights[mine] / share, m.means[mine], m.covariances[mine])
        parts.append(np.log(share) + part.score_samples(m.X))
    np.testing.assert_allclose(np.logaddexp(*parts), model.score_samples(m.X), rtol=1e-10)


def test_two_crosses_become_two_clusters():
    means = [[0, 0], [0, 0], [20, 0], [20, 0], [10, 30]]
    cross = [[[9.0, 0], [0, 0.1]], [[0.1, 0], [0, 9.0]]]
    model = GaussianMixture.from_parameters([0.2] * 5, means, [*cross, *cross, np.eye(2)])
    merging = model.merge_components(n_samples=2000, rng=0)
    assert merging.labels(3).tolist() == [0, 0, 1, 1, 2]
    assert merging.elbow == 3
    assert merging.n_clusters.tolist() == [5, 4, 3, 2, 1]
    for kind in ("pandas", "polars", "pyarrow"):
        frame = merging.to_frame(kind)
        np.testing.assert_array_equal(np.asarray(frame["entropy"]), merging.entropy)
    with pytest.raises(ValueError, match="n_clusters must be at most 5, the number of components, got 6"):
        merging.labels(6)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.entropy(1), ValueError, "n_samples must be a number of draws, at least 2, got 1"),
        (lambda m: m.entropy(rng="x"), TypeError, "rng must be an int"),
        (lambda m: m.kl_divergence(3), TypeError, "other must be a fitted Gaussian mixture, got int"),
        (lambda m: m.kl_divergence(m.marginal(0)), ValueError, "other has 1 features, and this model has 2"),
        (lambda m: m.merge_components(sample_weight=[1.0]), ValueError, "sample_weight belongs to rows"),
        (lambda m: GaussianMixture().entropy(), ValueError, "not fitted"),
        (lambda m: GaussianMixture().merge_components(), ValueError, "not fitted"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(drawn(0, "full", 2))
