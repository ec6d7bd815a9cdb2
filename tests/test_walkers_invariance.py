"""Walkers that start from exact draws stay distributed as these are, whatever the move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import walker_targets as t
from foldstat import walkers as w

N = 20_000
# About a hundred tests are made here: one of them fails by chance once in 10,000 times.
LEAST_P = 1e-6

# An adaptive move without burn-in is one with a fixed normal proposal.
pytestmark = pytest.mark.filterwarnings("ignore:burn_in=0 leaves:UserWarning")


def p_values(target, points):
    """Kolmogorov and Smirnov's test for each coordinate given those before, and one for their sum."""
    uniforms = target.uniforms(points)
    normal = stats.norm.ppf(np.clip(uniforms, 1e-300, 1 - 1e-16)).sum(axis=1) / np.sqrt(target.n_dims)
    return [stats.kstest(column, "uniform").pvalue for column in uniforms.T] + [stats.kstest(normal, "norm").pvalue]


def after_some_steps(target, move, starts, n_steps=4):
    run = w.sample(target.density, starts, n_steps, 0, move=move, rng=7, call=target.call)
    return run.draws[:, -1], run.acceptance_rate


@pytest.mark.parametrize("target", t.TARGETS)
def test_exact_draws_are_uniform_after_the_transformation(target):
    target = t.TARGETS[target]()
    assert min(p_values(target, target.draw(N, 3))) > LEAST_P


@pytest.mark.parametrize("move", t.MOVES)
@pytest.mark.parametrize("target", t.TARGETS)
def test_exact_draws_stay_exact(target, move):
    target = t.TARGETS[target]()
    starts = target.draw(N, 3)
    points, accepted = after_some_steps(target, t.MOVES[move](target), starts)
    assert 0.02 < accepted.mean() < (1.01 if move in ("slice", "blocks") else 0.9)
    assert (points != starts).any(axis=1).mean() > 0.1
    assert min(p_values(target, points)) > LEAST_P
    found, expected = target.expectations(points)
    scores = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(N))
    assert np.abs(scores).max() < t.LIMIT


@pytest.mark.parametrize("move", t.MOVES)
def test_other_steps_are_noticed(move):
    """A few steps over a wider target are enough to be found out.

    The distance of Kolmogorov and Smirnov, times √N, is 6.3 or more on average over seeds; it scatters by no more than
    1/2, and LEAST_P is at 2.7: seven deviations below.
    """
    target = t.normal()
    wider = t.normal(cov=2.0 * target.cov)
    points, _ = after_some_steps(wider, t.MOVES[move](target), target.draw(N, 3))
    assert min(p_values(target, points)) < LEAST_P


@pytest.mark.parametrize("move", ["stretch", "snooker"])
@pytest.mark.parametrize("n_dims", [1, 2, 5])
def test_factors_of_hastings_fit_the_number_of_dimensions(move, n_dims):
    """Moves along a line through another walker need a factor that grows with the dimension."""
    target = t.normal(np.zeros(n_dims), np.eye(n_dims))
    points, _ = after_some_steps(target, t.MOVES[move](target), target.draw(N, 5), n_steps=10)
    scores = ((points**2).sum(axis=1).mean() - n_dims) / np.sqrt(2 * n_dims / N)
    assert abs(scores) < t.LIMIT
    assert min(p_values(target, points)) > LEAST_P


@pytest.mark.parametrize("n_walkers", [8, 9, 13])
@pytest.mark.parametrize("move", ["stretch", "differential evolution", "snooker", "mix"])
def test_small_ensembles_of_interacting_walkers_too(move, n_walkers):
    """Halves of an ensemble are updated given each other: that is exact for few walkers as well."""
    target = t.normal(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    ends = []
    for seed in range(150):
        starts = target.draw(n_walkers, seed)
        run = w.sample(target.density, starts, 30, 0, move=t.MOVES[move](target), rng=seed, call="points")
        ends.append(run.draws[:, -1])
    # Walkers of an ensemble depend on each other, ensembles do not.
    squares = np.array([(np.linalg.solve(np.linalg.cholesky(target.cov), end.T) ** 2).mean() for end in ends])
    score = (squares.mean() - 1) / (squares.std() / np.sqrt(len(squares)))
    assert abs(score) < t.LIMIT
