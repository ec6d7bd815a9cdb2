"""Burning in again: moves go on learning, and the draws before are left out."""

from __future__ import annotations

import numpy as np
import pytest

from foldstat import diagnostics
from foldstat import walkers as w

COVARIANCE = np.array([[1.0, 0.999], [0.999, 1.0]])
PRECISION = np.linalg.inv(COVARIANCE)


def narrow(points):
    return -np.einsum("ni,ij,nj->n", points, PRECISION, points) / 2


def sample(move=None, burn_in=20, n_steps=20, **options):
    start = np.random.default_rng(1).normal([3.0, -3.0], 1.0, (32, 2))
    return w.sample(narrow, start, n_steps, burn_in, move=move, rng=0, call="points", **options)


pytestmark = pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")


@pytest.mark.parametrize("move", [None, w.AdaptiveStep()], ids=repr)
def test_a_burn_in_that_was_too_short(move):
    short = sample(move)
    assert short.converged is False
    run = short.extend(3_000, burn_in=3_000)
    assert (run.burn_in, run.n_steps, run.n_draws) == (20 + 20 + 3_000, 3_000, 3_000)
    assert run.converged
    assert np.abs(run.mean() / diagnostics.mcse_mean(run.draws)).max() < 5
    np.testing.assert_allclose(run.cov(), COVARIANCE, rtol=0.2)
    assert short.n_draws == 20  # as it was


@pytest.mark.parametrize("move", [None, w.AdaptiveStep(), w.Slice(), w.Stretch()], ids=repr)
def test_portions_and_files_change_no_bit(move, tmp_path):
    run = sample(move, burn_in=200)
    whole = run.extend(60, burn_in=400)
    assert np.array_equal(run.extend(20, burn_in=400).extend(40).draws, whole.draws)
    run.save(tmp_path / "run.npz")
    assert np.array_equal(
        w.load(tmp_path / "run.npz", narrow, call="points").extend(60, burn_in=400).draws, whole.draws
    )
    assert np.array_equal(run.extend(60, burn_in=400, n_jobs=1).draws, whole.draws)


def test_steps_that_do_not_learn_are_those_of_a_longer_walk():
    run, longer = sample(w.Stretch(), burn_in=10, n_steps=30), sample(w.Stretch(), burn_in=10, n_steps=80)
    again = run.extend(20, burn_in=30)
    assert np.array_equal(again.draws, longer.draws[:, 60:])
    moved = (np.diff(longer.draws[:, 59:], axis=1) != 0).any(axis=2)
    np.testing.assert_array_equal(again.acceptance_rate, moved.mean(axis=1))


def test_what_was_learnt_is_where_learning_begins():
    run = sample(burn_in=2_000)
    again = run.extend(100, burn_in=10)  # too short to learn anything
    factor = run._ensemble.state()["pooled"][-4:]
    np.testing.assert_array_equal(again._ensemble.state()["pooled"][-4:], factor)
    assert (run.extend(100, burn_in=2_000)._ensemble.state()["pooled"][-4:] != factor).any()


def test_moments_begin_anew():
    run = sample(keep="moments", burn_in=200)
    again = run.extend(500, burn_in=1_000)
    assert (again.moments.counts == 500).all()
    whole = sample(burn_in=200).extend(500, burn_in=1_000)
    np.testing.assert_allclose(again.mean(), whole.mean(), rtol=1e-12)
    assert again.histogram(dims=0).counts.sum() > 0.9 * 500 * 32


@pytest.mark.parametrize(("burn_in", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_what_is_no_number_of_steps_is_refused(burn_in, error):
    with pytest.raises(error, match="burn_in must be a number of steps"):
        sample().extend(10, burn_in=burn_in)


def test_learning_is_counted_from_where_it_begins_again():
    def wide(points):
        return -(points[:, 0] ** 2) / 2e12

    def learnt(move, name, **options):
        run = w.sample(wide, [0.0], 20_000, 12, move=move, n_walkers=4, rng=0, call="points")
        late = run.extend(100, burn_in=1_000)._ensemble.state()["columns"][name]
        early = w.sample(wide, [0.0], 100, 1_000, move=move, n_walkers=4, rng=0, call="points")
        return late, early._ensemble.state()["columns"][name]

    for move, name in ((w.AdaptiveStep(1.0), "factor"), (w.Slice(1.0), "width")):
        late, early = learnt(move, name)
        assert (late > early / 10).all()


def test_histograms_of_one_walker_are_chosen_anew_or_stay():
    run = w.sample(narrow, np.array([[3.0, -3.0]]), 2_000, 200, move=w.NormalStep(COVARIANCE), rng=0, call="points",
                   keep="moments")  # fmt: skip
    again = run.extend(2_000, burn_in=400)
    assert again.histogram(dims=0).counts.sum() > 0.95 * 2_000
    shortest = run.extend(2_000, burn_in=1)
    assert shortest.histogram(dims=0).counts.sum() > 0.95 * 2_000
