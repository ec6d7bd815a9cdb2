"""Modes, ellipses, contours and draws of a mixture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

import twin
from foldstat import GaussianMixture
from mixtures import FAMILIES, model_of, random_mixture

LAWS = settings(max_examples=30, deadline=None)
DRAWN = {"seed": st.integers(0, 500), "family": st.sampled_from(FAMILIES), "k": st.integers(1, 5)}


@LAWS
@given(**DRAWN, spread=st.sampled_from([0.5, 1.0, 3.0]))
def test_modes_are_maxima(seed, family, k, spread):
    m = random_mixture(family, n=60, d=2, k=k, seed=seed, spread=spread)
    model = model_of(m)
    modes = model.modes()
    assert len(modes) >= 1
    assert (np.diff(modes.log_density) <= 0).all()
    np.testing.assert_allclose(modes.density, np.exp(model.score_samples(modes.points)), rtol=1e-14)
    assert modes.labels.shape == (k,)
    assert set(modes.labels) <= set(range(len(modes)))
    around = np.random.default_rng(0).normal(size=(50, 2))
    around *= 0.01 / np.linalg.norm(around, axis=1)[:, None]
    for point, height in zip(modes.points, modes.log_density, strict=True):
        assert (model.score_samples(point + around) <= height + 1e-12).all()
        # SciPy, from there on, finds nothing higher.
        best = minimize(lambda x: -model.score_samples(x[None])[0], point, method="BFGS", options={"gtol": 1e-10})
        np.testing.assert_allclose(best.x, point, atol=1e-4)
    # No mean lies higher than the mode that its climb ends at.
    assert (model.score_samples(m.means) <= modes.log_density[modes.labels] + 1e-12).all()


@LAWS
@given(**DRAWN, powers=st.tuples(st.integers(-40, 40), st.integers(-40, 40)), shift=st.sampled_from([0.0, 64.0]))
def test_other_units_give_the_same_modes(seed, family, k, powers, shift):
    powers = powers[:1] * 2 if family == "spherical" else powers
    scales = np.ldexp(1.0, powers)
    stretch = {"spherical": scales[0] ** 2, "diag": scales**2}.get(family, np.outer(scales, scales))
    m = random_mixture(family, n=60, d=2, k=k, seed=seed)
    plain = model_of(m).modes()
    other = GaussianMixture.from_parameters(
        m.weights, (m.means + shift) * scales, m.covariances * stretch, covariance_type=family
    ).modes()
    np.testing.assert_allclose(other.points / scales - shift, plain.points, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(other.labels, plain.labels)


def test_components_far_apart_have_their_means_as_modes():
    m = random_mixture("full", d=3, k=5, seed=1, spread=100.0)
    modes = model_of(m).modes()
    assert len(modes) == 5
    np.testing.assert_allclose(modes.points[modes.labels], m.means, atol=1e-9)


@pytest.mark.parametrize(("distance", "count"), [(1.9, 1), (1.999, 1), (2.0, 1), (2.01, 2), (2.1, 2)])
def test_two_equal_normals_have_two_modes_from_two_standard_deviations_on(distance, count):
    model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [distance]], [1.0, 1.0], covariance_type="spherical")
    assert len(model.modes()) == count


def test_a_climb_that_ends_on_a_saddle_goes_on():
    means = [[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]]
    model = GaussianMixture.from_parameters([0.4, 0.2, 0.4], means, [1.0, 9.0, 1.0], covariance_type="spherical")
    modes = model.modes()
    assert len(modes) == 2
    np.testing.assert_allclose(np.sort(modes.points[:, 0]), [-2.98877, 2.98877], atol=1e-5)
    assert modes.labels[0] != modes.labels[2]


@LAWS
@given(**DRAWN, level=st.floats(0.01, 0.99))
def test_ellipses_are_level_sets(seed, family, k, level):
    m = random_mixture(family, d=3, k=k, seed=seed)
    outlines = model_of(m).ellipses(level, (2, 0), n_points=37)
    assert outlines.shape == (k, 37, 2)
    np.testing.assert_array_equal(outlines[:, 0], outlines[:, -1])
    spelled = twin.full_covariances(m.covariances, family, k, 3)
    for outline, mean, sigma in zip(outlines, m.means, spelled, strict=True):
        apart = outline - mean[[2, 0]]
        distances = (apart @ np.linalg.inv(sigma[np.ix_([2, 0], [2, 0])]) * apart).sum(axis=1)
        np.testing.assert_allclose(distances, stats.chi2(2).ppf(level), rtol=1e-9)


def test_contours_hold_what_they_say():
    m = random_mixture("full", n=20_000, d=2, k=3, seed=4, spread=4.0)
    model = model_of(m)
    draws = model.sample(20_000, rng=1)[0]
    for contour in model.contours((0.3, 0.5, 0.9)):
        inside = (model.pdf(draws) >= contour.density).mean()
        assert inside == pytest.approx(contour.level, abs=0.025)
        for line in contour.lines:
            np.testing.assert_allclose(model.pdf(line), contour.density, rtol=0.05)
            np.testing.assert_array_equal(line[0], line[-1])
    assert [c.level for c in model.contours(0.5)] == [0.5]


# ---------------------------------------------------------------- draws


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_of_a_generator_have_the_moments(family):
    m = random_mixture(family, d=3, k=2, seed=2)
    rows, labels = model_of(m).sample(40_000, rng=np.random.default_rng(3))
    assert (np.diff(labels) >= 0).all()
    spelled = twin.full_covariances(m.covariances, family, 2, 3)
    for component in range(2):
        mine = rows[labels == component]
        assert len(mine) / len(rows) == pytest.approx(m.weights[component], abs=0.015)
        np.testing.assert_allclose(mine.mean(axis=0), m.means[component], atol=0.06)
        np.testing.assert_allclose(np.cov(mine.T), spelled[component], atol=0.15)
        whitened = np.linalg.solve(np.linalg.cholesky(spelled[component]), (mine - m.means[component]).T)
        for column in whitened:
            assert stats.kstest(column, "norm").pvalue > 1e-5


def test_seeds_and_generators():
    model = model_of(random_mixture("full", d=2, k=2), random_state=0)
    once, again = (model.sample(50, rng=7)[0] for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(model.sample(50, rng=np.random.SeedSequence(7))[0], once)
    generator = np.random.default_rng(7)
    first, second = (model.sample(50, rng=generator)[0] for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(model.sample(50)[0], model.to_sklearn().sample(50)[0])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.ellipses(1.0, (0, 1)), ValueError, r"level must be above 0 and below 1, got 1\.0"),
        (lambda m: m.ellipses("a", (0, 1)), TypeError, "level must be a probability"),
        (lambda m: m.ellipses(0.5), ValueError, "the model has 3 features: columns must name two of them"),
        (lambda m: m.ellipses(0.5, (0, 1, 2)), ValueError, "columns must name two different features"),
        (lambda m: m.ellipses(0.5, (0, 1), n_points=2), ValueError, "n_points must be a number of points, at least 3"),
        (lambda m: m.contours((0.5, 2.0), (0, 1)), ValueError, "levels must be above 0 and below 1"),
        (lambda m: m.sample(0, rng=0), ValueError, "Invalid value for 'n_samples'"),
        (lambda m: GaussianMixture().modes(), ValueError, "not fitted"),
        (lambda m: GaussianMixture().contours(), ValueError, "not fitted"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(model_of(random_mixture("full", d=3)))


def test_without_contourpy_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "contourpy", None)
    with pytest.raises(ImportError, match=r"foldstat\[plot\]"):
        model_of(random_mixture("full", d=2)).contours()
