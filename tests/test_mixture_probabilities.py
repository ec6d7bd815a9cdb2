"""Densities, distribution functions and quantiles: against SciPy, exact arithmetic, and their own laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from foldstat import GaussianMixture, _core
from mixtures import FAMILIES, model_of, random_mixture

LAWS = settings(max_examples=60, deadline=None)


def line(seed, k, spread):
    """A mixture of one feature: its model, weights, means and standard deviations."""
    rng = np.random.default_rng(seed)
    weights, means = rng.dirichlet(np.ones(k)), rng.normal(size=k) * spread
    variances = rng.gamma(2.0, size=k) + 0.05
    model = GaussianMixture.from_parameters(weights, means[:, None], variances, covariance_type="spherical")
    return model, weights / weights.sum(), means, np.sqrt(variances)


MIXTURES = {"seed": st.integers(0, 1000), "k": st.integers(1, 6), "spread": st.sampled_from([0.0, 1.0, 5.0, 50.0])}


@LAWS
@given(**MIXTURES, x=st.lists(st.floats(-200, 200), min_size=1, max_size=12))
def test_tails_are_those_of_scipy(seed, k, spread, x):
    model, weights, means, sigmas = line(seed, k, spread)
    z = (np.array(x)[:, None] - means) / sigmas
    for upper in (False, True):
        logs = special.log_ndtr(-z if upper else z)
        expected = special.logsumexp(logs, b=weights, axis=1)
        found = model.cdf(x, upper=upper, log=True)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=3e-15)
        np.testing.assert_allclose(model.cdf(x, upper=upper), np.exp(expected), rtol=1e-12, atol=1e-307)
    expected = (weights * stats.norm.pdf(np.array(x)[:, None], means, sigmas)).sum(axis=1)
    np.testing.assert_allclose(model.pdf(x), expected, rtol=1e-12, atol=1e-307)


PROBABILITIES = st.one_of(st.floats(1e-6, 1 - 1e-6), st.floats(-300, -6).map(lambda e: 10.0**e))


@LAWS
@given(**MIXTURES, p=st.lists(PROBABILITIES, min_size=1, max_size=20), upper=st.booleans())
def test_the_distribution_of_a_quantile_is_its_probability(seed, k, spread, p, upper):
    model, *_ = line(seed, k, spread)
    p = np.sort(p)
    x = model.quantile(p, upper=upper)
    found = model.cdf(x, upper=upper)
    # x is a number of float64: its last bit moves the probability by that much.
    moved = model.pdf(x) * np.abs(x) * 2.0**-51
    assert (np.abs(found - p) <= 1e-12 * p + moved).all()
    apart = np.diff(p) > 1e-13 * p[1:]
    steps = np.diff(x)[apart]
    assert ((steps <= 0) if upper else (steps >= 0)).all()
    x = model.quantile(np.log(p), upper=upper, log=True)
    moved = model.pdf(x) * np.abs(x) * 2.0**-51
    np.testing.assert_array_less(np.abs(model.cdf(x, upper=upper) - p), 1e-12 * p + moved)


@given(seed=st.integers(0, 1000), p=st.lists(PROBABILITIES, min_size=1, max_size=20))
@LAWS
def test_one_component_has_the_quantiles_of_a_normal(seed, p):
    model, _, means, sigmas = line(seed, 1, 0.0)
    np.testing.assert_allclose(model.quantile(p), means[0] + sigmas[0] * special.ndtri(p), rtol=1e-12, atol=1e-15)


@LAWS
@given(**MIXTURES, power=st.integers(-300, 300), p=st.lists(PROBABILITIES, min_size=1, max_size=5))
def test_other_units_give_the_same_quantiles(seed, k, spread, power, p):
    model, weights, means, sigmas = line(seed, k, spread)
    scale = math.ldexp(1.0, power)
    other = GaussianMixture.from_parameters(
        weights, means[:, None] * scale, sigmas**2 * scale**2, covariance_type="spherical"
    )
    np.testing.assert_allclose(other.quantile(p) / scale, model.quantile(p), rtol=1e-9)
    np.testing.assert_allclose(other.cdf(means * scale), model.cdf(means), rtol=1e-12)


def test_far_tails_have_logarithms():
    model, _, means, sigmas = line(3, 1, 0.0)
    z = np.array([40.0, 1e3, 1e6, 1e100])
    square = z * z
    expected = -0.5 * square - np.log(z * math.sqrt(2 * math.pi)) - 1 / square + 2.5 / square / square
    x = means[0] + sigmas[0] * z
    np.testing.assert_allclose(model.cdf(x, upper=True, log=True), expected, rtol=1e-9)
    np.testing.assert_allclose(model.quantile(expected, upper=True, log=True), x, rtol=1e-9)


def test_the_ends_are_exact():
    model, *_ = line(1, 3, 5.0)
    assert model.cdf([-np.inf, np.inf]).tolist() == [0.0, 1.0]
    assert model.cdf([-np.inf, np.inf], upper=True).tolist() == [1.0, 0.0]
    assert model.cdf([-np.inf, np.inf], log=True).tolist() == [-np.inf, 0.0]
    assert model.quantile([0.0, 1.0]).tolist() == [-np.inf, np.inf]
    assert model.quantile([0.0, 1.0], upper=True).tolist() == [np.inf, -np.inf]
    assert model.quantile([-np.inf, 0.0], log=True).tolist() == [-np.inf, np.inf]
    assert model.pdf([-np.inf, np.inf]).tolist() == [0.0, 0.0]
    assert model.cdf([-1e308, 1e308]).tolist() == [0.0, 1.0]


def test_components_without_weight_are_nowhere():
    model = GaussianMixture.from_parameters([1.0, 0.0], [[0.0], [1e6]], [1.0, 1.0], covariance_type="spherical")
    assert model.quantile(0.5) == pytest.approx(0.0, abs=1e-15)
    assert model.cdf(40.0, upper=True, log=True) == pytest.approx(special.log_ndtr(-40.0), rel=1e-13)


@pytest.mark.parametrize("family", FAMILIES)
def test_columns_of_larger_models(family):
    m = random_mixture(family, d=3, k=2)
    model = model_of(m)
    marginal = model.marginal(1)
    x = m.X[:7, 1].reshape(7, 1)
    for ask in ("pdf", "cdf"):
        np.testing.assert_allclose(getattr(model, ask)(x, 1), getattr(marginal, ask)(x), rtol=1e-12)
        assert getattr(model, ask)(x, 1).shape == (7, 1)
    np.testing.assert_allclose(model.quantile(0.3, column=1), marginal.quantile(0.3), rtol=1e-12)
    np.testing.assert_allclose(model.pdf(m.X), np.exp(model.score_samples(m.X)), rtol=1e-14)
    assert isinstance(marginal.cdf(0.0), float)


def test_draws_have_the_distribution():
    model, *_ = line(5, 4, 5.0)
    draws = model.sample(5000, rng=5)[0][:, 0]
    assert stats.kstest(draws, model.cdf).pvalue > 1e-4
    uniform = np.random.default_rng(0).uniform(size=5000)
    assert stats.ks_2samp(draws, model.quantile(uniform)).pvalue > 1e-4


def test_any_number_of_threads_gives_the_same_bits():
    model, *_ = line(7, 5, 20.0)
    p = np.random.default_rng(0).uniform(size=5000)
    found = [(model.set_params(n_jobs=n).quantile(p), model.cdf(p)) for n in (1, 2, 3)]
    one = [(model.quantile(part), model.cdf(part)) for part in p[:20]]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    np.testing.assert_array_equal(np.transpose(one), np.array(found[0])[:, :20])


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=40))
def test_exponentials_and_logarithms(x):
    x = np.array(x)
    with np.errstate(over="ignore"):
        expected = np.exp(x)
    np.testing.assert_allclose(_core.exp(x), expected, rtol=1e-15, atol=5e-324)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(_core.log(np.abs(x)), np.log(np.abs(x)), rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.cdf([[0.0, np.nan]]), ValueError, r"x must not be NaN, got one at \(0, 1\)"),
        (lambda m: m.quantile(1.5), ValueError, r"p must be probabilities from 0 to 1, got 1\.5"),
        (lambda m: m.quantile(0.5, log=True), ValueError, r"logarithms of probabilities, at most 0, got 0\.5"),
        (lambda m: m.cdf("x"), TypeError, "x must hold real numbers"),
        (lambda m: m.cdf(0.0, 1), ValueError, "column must lie between 0 and 0"),
        (lambda m: m.cdf(0.0, upper=1), TypeError, "upper must be True or False"),
        (lambda m: model_of(random_mixture("full", d=2)).cdf(0.0), ValueError, "column must name one of them"),
        (lambda m: GaussianMixture().cdf(0.0), ValueError, "not fitted"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(line(0, 2, 1.0)[0])
