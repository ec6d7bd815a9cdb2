"""The statistical tests that emcee publishes, in terms of these moves: the same targets, sizes and tolerances.

emcee 3.1 (Foreman-Mackey et al. 2013, 2019), tests/integration: 32 walkers start from exact draws of a standard
normal distribution and walk 2000 steps (8000 in three dimensions, 4000 for the snooker), here three times, of which
the draws are taken together. Each walker accepts
between 10 % and 90 % of its proposals; the mean is within 0.08 of 0, the standard deviation within 0.05 of 1, and
in one dimension the distance of Kolmogorov and Smirnov is below 0.05.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from foldstat import walkers as w

N_WALKERS = 32


def log_density(points):
    return -0.5 * (points**2).sum(axis=1)


def draws_of_seeds(move, n_dims=1, n_steps=2000, burn_in=0, density=log_density, n_seeds=3):
    """Draws of some runs together, whose means and deviations scatter by 0.01 or less: a fifth of what is allowed."""
    draws = []
    for seed in range(n_seeds):
        start = np.random.default_rng(seed).standard_normal((N_WALKERS, n_dims))
        run = w.sample(density, start, n_steps, burn_in, move=move, rng=seed, call="points")
        assert (run.acceptance_rate > 0.1).all()
        assert (run.acceptance_rate < 0.9).all()
        draws.append(run.draws.reshape(-1, n_dims))
    return np.concatenate(draws)


def check_normal(move, n_dims=1, n_steps=2000, burn_in=0):
    draws = draws_of_seeds(move, n_dims, n_steps, burn_in)
    assert (np.abs(draws.mean(axis=0)) < 0.08).all()
    assert (np.abs(draws.std(axis=0) - 1) < 0.05).all()
    if n_dims == 1:
        assert stats.kstest(draws[:, 0], "norm").statistic < 0.05


def check_not_uniform(move, seed=1234):
    """Walkers that start uniformly in [0, 1] do not stay so over a normal distribution."""
    start = np.random.default_rng(seed).random((N_WALKERS, 1))
    run = w.sample(log_density, start, 2000, 0, move=move, rng=seed, call="points")
    assert (run.acceptance_rate > 0.1).all()
    assert (run.acceptance_rate < 0.9).all()
    draws = np.random.default_rng(seed).permutation(run.draws.ravel())[::100]
    assert stats.kstest(draws, "uniform").statistic > 0.1


def normal_steps(cov, factor):
    """Normal steps whose scale is spread log-uniformly over [1/factor, factor], of which emcee draws one."""
    if factor is None:
        return w.NormalStep(cov)
    scales = np.exp(np.linspace(-1, 1, 9) * np.log(factor))
    return w.Mix([(1, w.NormalStep(np.asarray(cov) * scale**2)) for scale in scales])


def coordinate_steps(cov, factor):
    """Steps of one coordinate after the other, uniform, of the same variance."""
    half_width = np.sqrt(3 * np.asarray(cov))
    if factor is None:
        return w.ComponentwiseStep(half_width)
    scales = np.exp(np.linspace(-1, 1, 9) * np.log(factor))
    return w.Mix([(1, w.ComponentwiseStep(half_width * scale)) for scale in scales])


@pytest.mark.parametrize("factor", [None, 2.0, 5.0])
def test_normal_steps_in_one_dimension(factor):
    check_normal(normal_steps(0.5, factor))
    check_not_uniform(normal_steps(0.5, factor))


SHAPES = {"isotropic": 0.5, "axes": [0.5, 0.5, 0.5], "matrix": np.diag([0.5, 0.5, 0.5])}


@pytest.mark.parametrize(("shape", "factor"), list(itertools.product(SHAPES, [None, 2.0])))
def test_normal_steps_in_three_dimensions(shape, factor):
    check_normal(normal_steps(SHAPES[shape], factor), 3, n_steps=8000)


@pytest.mark.parametrize(("shape", "factor"), list(itertools.product(["isotropic", "axes"], [None, 2.0])))
def test_steps_of_coordinates_in_three_dimensions(shape, factor):
    check_normal(coordinate_steps(SHAPES[shape], factor), 3, n_steps=8000)


@pytest.mark.parametrize(
    "move", [w.NormalStep([0.5, 0.5]), w.NormalStep(np.diag([0.5, 0.5])), w.ComponentwiseStep([1.0, 1.0])], ids=repr
)
def test_scales_of_another_number_of_dimensions_are_refused(move):
    with pytest.raises(ValueError, match=r"cov|half_width"):
        check_normal(move, 3)


@pytest.mark.parametrize("a", [2.0, 3.0])
def test_stretches(a):
    check_normal(w.Stretch(a))
    check_not_uniform(w.Stretch(a))


@pytest.mark.parametrize("gamma", [None, 1.0])
def test_differential_evolution(gamma):
    check_normal(w.DifferentialEvolution(gamma))
    check_not_uniform(w.DifferentialEvolution(gamma))


def test_snooker():
    check_normal(w.Snooker(), n_steps=4000)
    check_not_uniform(w.Snooker())


def test_uniform_and_adaptive_steps():
    for move in (w.UniformStep(2.0), w.AdaptiveStep()):
        check_normal(move, burn_in=500)


def test_a_biased_walk_would_fail():
    """The tolerances tell a target of another scale apart."""

    def wider(points):
        return 0.8 * log_density(points)

    assert abs(draws_of_seeds(w.Stretch(), density=wider).std() - 1) > 0.05
