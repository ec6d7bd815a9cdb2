"""Slice sampling: exact whatever the widths, bounded, and told where a slice has no end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from foldstat import diagnostics
from foldstat import walkers as w

N = 20_000


def cauchy(x):
    return -np.log1p(x * x)


@pytest.mark.parametrize("width", [1e-3, 0.1, 1.0, 30.0, 1e6])
def test_exact_draws_stay_exact_whatever_the_width(width):
    start = stats.norm.ppf((np.arange(N) + 0.5) / N)[:, np.newaxis]
    np.random.default_rng(0).shuffle(start)
    run = w.sample(lambda x: -x * x / 2, start, 3, 0, move=w.Slice(width), rng=1)
    # The starts are evenly spread: three steps of a width of 1 make them independent, small ones leave them.
    assert stats.kstest(run.draws[:, -1, 0], "norm").pvalue > 1e-5
    assert (run.draws[:, -1] != start).all()


def test_heavy_tails():
    run = w.sample(cauchy, 0.0, 4_000, 1_000, move=w.Slice(), rng=2)
    shares = stats.cauchy.cdf(run.draws[..., 0])
    assert abs(shares.mean() - 0.5) < 5 * diagnostics.mcse_mean(shares[..., np.newaxis])[0]
    beyond = (np.abs(run.draws[..., 0]) > 12.706).astype(float)
    assert abs(beyond.mean() - 0.05) < 5 * diagnostics.mcse_mean(beyond[..., np.newaxis])[0]


def test_widths_are_learnt_and_then_stay():
    run = w.sample(lambda x, y: -(x * x + (y / 1e-4) ** 2) / 2, [0.0, 0.0], 10, 500, move=w.Slice(), rng=3)
    learnt = run._ensemble.state()["columns"]["width"]
    np.testing.assert_allclose(np.median(learnt, axis=0), [1.9, 1.9e-4], rtol=0.2)
    np.testing.assert_array_equal(run.extend(50)._ensemble.state()["columns"]["width"], learnt)


def test_evaluations_are_few_once_widths_are_learnt():
    calls = []

    def log_density(points):
        calls.append(len(points))
        return -(points**2).sum(axis=1) / 2

    run = w.sample(log_density, np.zeros(3), 100, 300, move=w.Slice(), n_walkers=64, rng=4, call="points")
    before = sum(calls)
    run.extend(1_000)
    # Every call sees all walkers, and goes on until the last of them has its point.
    assert set(calls[10:]) == {64}
    assert (sum(calls) - before) / 64_000 / 3 < 20


def test_a_density_that_does_not_fall_is_told():
    with pytest.raises(
        ValueError, match=r"density: does not fall along coordinate 1 for walker \d+ at step \d+"
    ) as error:
        w.sample(lambda x, y: -x * x, [0.0, 0.0], 1_000, 1_000, move=w.Slice(), rng=0)
    assert "it must be a density that can be normalised, or have bounds" in str(error.value)
    run = w.sample(lambda x, y: -x * x, [0.0, 0.5], 2_000, 200, move=w.Slice(), rng=0, bounds=[None, (0, 1)])
    assert stats.kstest(run.draws[:, ::10, 1].ravel(), "uniform").pvalue > 1e-5


def test_a_density_that_is_never_the_same_ends():
    rng = np.random.default_rng(0)
    run = w.sample(lambda p: float(rng.normal()), 0.0, 20, 0, move=w.Slice(), rng=0, n_walkers=3, where="python")
    assert run.n_draws == 20


def test_one_coordinate_at_the_largest_numbers():
    run = w.sample(lambda x: -abs(x) / 1e307, 1e307, 200, 200, move=w.Slice(), rng=0, n_walkers=16)
    assert np.isfinite(run.draws).all()
    assert abs(np.abs(run.draws / 1e307).mean() - 1) < 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: w.Slice(-1.0), "widths must be positive and finite"),
        (lambda: w.Slice([[1.0]]), "widths must be a number, or one for each dimension"),
        (lambda: w.sample(cauchy, 0.0, 5, move=w.Slice([1.0, 2.0])), "widths must be a number or 1 of them"),
    ],
)
def test_widths_that_are_none_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
def test_a_slice_of_one_number_ends():
    """Of 0, beside which numbers are dense: where the density is positive at whole numbers, or a huge constant."""

    def of_whole_numbers(k):
        return k * math.log(3.0) - math.lgamma(k + 1) if k >= 0 and k == math.floor(k) else -math.inf

    run = w.sample(of_whole_numbers, 0.0, 300, 0, move=w.Slice(1.0), n_walkers=2, rng=0)
    assert (run.draws == 0).all()
    assert run.problems == ("no walker moved",)
    run = w.sample(lambda x, y: 1e16 - (x * x + y * y) / 2, [0.0, 0.0], 50, 20, move=w.Slice(1.0), n_walkers=4, rng=0)
    assert run.acceptance_rate.max() < 1


def test_widths_that_are_too_small_are_no_fault_of_the_density():
    with pytest.warns(w.NotConvergedWarning):
        run = w.sample(lambda x: -x * x / 2, 0.0, 200, 0, move=w.Slice(1e-6), rng=0)
    assert run.n_draws == 200
    run = w.sample(lambda x: -x * x / 2, 0.0, 2_000, 200, move=w.Slice(1e-12), rng=0)
    assert run.converged
