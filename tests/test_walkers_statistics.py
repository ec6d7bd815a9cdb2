"""Long runs of every move find what is known about a target, and see it when the target is another one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import walker_targets as t
from foldstat import diagnostics
from foldstat import walkers as w

# The harness sees these by 22 standard errors or more, on average over a dozen seeds. The least certain are those of
# the stretch move, which scatter by 24 %: Student's ratio with 9 degrees of freedom about 22, which is below the limit
# with a probability of 1e-9.
WRONG = {
    "mean": t.three_gaussians(means=((0.3, 0.0), (3.3, 3.0), (3.3, -3.0))),
    "sds": t.three_gaussians(sds=(1.12, 1.02, 0.92)),
    "weights": t.three_gaussians(weights=(0.4, 0.36, 0.24)),
}


def check_power(target, wrong, move):
    """Walks over a wrong target find the wrong one right, and the right one wrong."""
    runs = [t.walk(wrong, move, n_steps=4000, seed=seed).draws for seed in (1, 2)]
    assert np.abs(t.errors(wrong, *runs)).max() < t.WALK_LIMIT
    assert np.abs(t.errors(target, *runs)).max() > t.WALK_LIMIT


@pytest.mark.parametrize("move", t.MOVES)
@pytest.mark.parametrize("target", t.TARGETS)
def test_every_move_finds_the_target(target, move):
    target = t.TARGETS[target]()
    run = t.walk(target, t.MOVES[move](target))
    found = t.errors(target, run.draws)
    assert np.abs(found).max() < t.WALK_LIMIT, found
    assert 0.02 < run.acceptance_rate.mean() < (1.01 if move in ("slice", "blocks") else 0.9)


@pytest.mark.parametrize("move", t.MOVES)
@pytest.mark.parametrize("what", WRONG)
def test_another_target_is_noticed(what, move):
    """The harness has the power to tell targets apart that differ by a tenth."""
    target = t.three_gaussians()
    check_power(target, WRONG[what], t.MOVES[move](target))


def test_another_covariance_of_a_normal_is_noticed():
    wrong = t.normal(cov=t.NORMAL_COV * [[1, 0.8, 1], [0.8, 1, 1], [1, 1, 1]])
    check_power(t.normal(), wrong, w.Stretch())


@pytest.mark.parametrize("move", ["uniform", "normal", "adaptive", "componentwise"])
def test_standard_errors_tell_how_far_independent_walkers_are_off(move):
    """Errors of many short runs, in units of their own standard errors, have a variance of one."""
    target = t.three_gaussians()
    run = t.walk(target, t.MOVES[move](target), n_steps=4000, thin=4)
    found, expected = target.expectations(run.draws)
    each = np.array([diagnostics.mcse_mean(walker[np.newaxis]) for walker in found])
    scores = (found.mean(axis=1) - expected) / each
    # The estimated standard errors of single walkers are themselves uncertain.
    assert (scores.std(axis=0) < 1.5).all()
    assert (scores.std(axis=0) > 0.7).all()


def test_densities_that_are_no_logarithms():
    target = t.three_gaussians()

    def density(points):
        return np.exp(target.density(points))

    run = w.sample(density, [0.0, 0.0], 3000, 500, move=w.UniformStep(2.5), n_walkers=200, rng=1, log=False)
    assert np.abs(t.errors(target, run.draws)).max() < t.WALK_LIMIT
    np.testing.assert_allclose(run.log_density, target.density(run.draws), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("move", t.MOVES)
def test_bounds_cut_a_target(move):
    """A normal distribution within a box has known means, and they are found."""
    bounds = np.array([[-1.0, 2.0], [0.0, np.inf]])

    def log_density(points):
        return -0.5 * (points**2).sum(axis=1)

    axes = [stats.truncnorm(low, high) for low, high in bounds]
    mean, variances = np.array([axis.mean() for axis in axes]), np.array([axis.var() for axis in axes])
    target = t.Target("box", log_density, mean, np.diag(variances), None, None, call="points")
    start = np.stack([axis.rvs(200, random_state=j) for j, axis in enumerate(axes)], axis=1)
    run = w.sample(
        log_density, start, 3000, 300, move=t.MOVES[move](target), rng=0, bounds=bounds.tolist(), call="points"
    )
    inside = (run.draws >= bounds[:, 0]) & (run.draws <= bounds[:, 1])
    assert inside.all()
    assert np.abs(t.errors(target, run.draws)).max() < t.WALK_LIMIT


def test_an_adaptive_walk_learns_the_target_acceptance():
    target = t.normal()
    for wanted in (0.2, 0.4):
        run = t.walk(target, w.AdaptiveStep(target_acceptance=wanted), burn_in=3000)
        assert abs(run.acceptance_rate.mean() - wanted) < 0.03


def test_acceptance_rates_are_those_of_the_draws():
    target = t.three_gaussians()
    for move in (w.UniformStep(2.0), w.Stretch()):
        run = t.walk(target, move, n_steps=1000, burn_in=0, thin=1)
        moved = (np.diff(run.draws, axis=1) != 0).any(axis=2).sum(axis=1)
        accepted = np.rint(run.acceptance_rate * run.n_steps)
        assert np.isin(accepted - moved, (0, 1)).all()
