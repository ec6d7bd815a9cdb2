"""The default move: what is learnt from all walkers, from any start and in any units."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from foldstat import _core, diagnostics
from foldstat import walkers as w

RNG = np.random.default_rng(20)
ROOT = np.array([[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [-0.5, 0.3, 2.0]])
COVARIANCE = ROOT @ ROOT.T
PRECISION = np.linalg.inv(COVARIANCE)


def correlated(points):
    return -0.5 * np.einsum("ni,ij,nj->n", points, PRECISION, points)


def starts(n=32, seed=0):
    return 2 * np.random.default_rng(seed).normal(size=(n, 3)) @ ROOT.T


def sample(density=correlated, start=None, n_steps=400, burn_in=400, rng=0, **options):
    start = starts() if start is None else start
    return w.sample(density, start, n_steps, burn_in, rng=rng, call="points", **options)


def factor(run):
    """The learnt factor of a run, from the numbers that are saved."""
    numbers, d = run._ensemble.state()["pooled"], run.n_dims
    return numbers[-d * d :].reshape(d, d), numbers[6]


# ---------------------------------------------------------------- what is learnt


def test_the_covariance_is_that_of_the_target():
    found = []
    for seed in range(5):
        lower, scale = factor(sample(start=starts(64, seed), burn_in=2000, rng=seed))
        assert 0.8 < scale < 1.3
        found.append(np.linalg.solve(ROOT, lower @ lower.T) @ np.linalg.inv(ROOT.T))
    np.testing.assert_allclose(np.mean(found, axis=0), np.eye(3), atol=0.12)


def test_walkers_that_have_not_arrived_have_no_say():
    def with_a_trap(points):
        trap = np.where(np.abs(points[:, 0] - 1e4) < 1, -1e3, -np.inf)
        return np.maximum(correlated(points), trap)

    start = starts(64)
    start[5] = [1e4, 0.0, 0.0]
    run = sample(with_a_trap, start, burn_in=2000)
    lower, _ = factor(run)
    np.testing.assert_allclose(np.diagonal(lower @ lower.T), np.diagonal(COVARIANCE), rtol=0.4)
    assert run.converged  # independent proposals have led out of the trap


@pytest.mark.parametrize("n_walkers", [1, 3, 7, 8])
def test_few_walkers_learn_as_well(n_walkers):
    run = sample(start=starts(n_walkers), burn_in=4000, n_steps=20_000)
    z = run.mean() / diagnostics.mcse_mean(run.draws)
    assert np.abs(z).max() < 5
    np.testing.assert_allclose(np.sqrt(np.diagonal(run.cov())), np.sqrt(np.diagonal(COVARIANCE)), rtol=0.25)


def test_a_short_burn_in_learns_nothing():
    run = sample(burn_in=99)
    numbers = run._ensemble.state()["pooled"]
    assert len(numbers) == 10 + 3 + 9
    assert not np.delete(numbers[4:], [2, 5]).any()
    assert numbers[6] == 1.0
    assert sample(burn_in=100)._ensemble.state()["pooled"].size == 10 + 3 + 9 + 3 + 9


# ---------------------------------------------------------------- independent proposals


def share_and_shape(run):
    """How often a step is an independent proposal, and of which mean and covariance."""
    numbers, d = run._ensemble.state()["pooled"], run.n_dims
    lower = numbers[-d * d :].reshape(d, d)
    return numbers[5], numbers[-d * d - d : -d * d], lower @ lower.T


@pytest.mark.parametrize(
    ("density", "start", "low", "high"),
    [
        (w.densities.ThreeGaussians(), [0.5, 0.5], 0.8, 0.8),
        (w.densities.EightSchools(), np.full(10, 0.5), 0.8, 0.8),
        (w.densities.Banana(0.2, 10.0), [0.5, 0.5], 0.05, 0.8),  # bent
        (w.densities.EggBox(), [15.0, 15.0], 0.0, 0.0),  # in modes that t does not know of
    ],
    ids=["three Gaussians", "eight schools", "banana", "egg box"],
)
@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
def test_independent_proposals_are_made_as_far_as_they_are_accepted(density, start, low, high):
    run = w.sample(density, start, 2_000, 4_000, rng=1)
    share, mean, cov = share_and_shape(run)
    assert low <= share <= high
    alone = w.sample(density, run.positions, 500, 0, move=w.IndependentStep(mean, cov), rng=2)
    # Tried in the last sixteenth of the burn-in.
    assert share == pytest.approx(0.8 * min(1.0, alone.acceptance_rate.mean() / 0.05), abs=0.2)


def test_draws_are_nearly_independent_where_the_target_is_nearly_normal():
    run = sample(start=starts(64), burn_in=2_000, n_steps=2_000)
    assert diagnostics.ess_bulk(run.draws).min() > 0.4 * 64 * 2_000
    assert np.abs(run.mean() / diagnostics.mcse_mean(run.draws)).max() < 5


def three_gaussians(x, y):
    """Raises from some forty standard deviations on, where all three of them are zero."""
    near = math.exp(-(x * x + y * y) / 2)
    return math.log(near + sum(math.exp(-((x - 3) ** 2 + (y - at) ** 2)) for at in (3, -3)))


@pytest.mark.parametrize("seed", range(4))
def test_no_proposal_lies_where_only_the_tails_of_student_reach(seed):
    run = w.sample(three_gaussians, [0.0, 0.0], 3_000, 2_000, n_walkers=256, rng=seed)
    assert share_and_shape(run)[0] == 0.8  # they were made


@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
def test_modes_that_no_step_reaches_keep_their_walkers():
    """Started as the target is: neither trial proposals nor what follows may empty the far mode."""

    def two(points):
        x = points[:, 0]
        return np.logaddexp(np.log(0.98) - x * x / 2, np.log(0.02) - (x - 26) ** 2 / 2)

    shares = []
    for seed in range(3):
        start = np.random.default_rng(seed).normal(size=(2000, 1))
        start[:40] += 26.0
        run = w.sample(two, start, 1000, 1000, thin=100, rng=seed, call="points")
        shares.append((run.draws > 13).mean())
    # Walkers go from mode to mode, as often there as back. It was 0.0157 where proposals led in what lay far out.
    assert abs(np.mean(shares) - 0.02) < 0.0025


def test_draws_begin_with_tails_as_heavy_as_the_target_has():
    """t with 3 degrees of freedom, walkers started from it: the first draws are of it still."""
    rng = np.random.default_rng(6)
    beyond = []
    for seed in range(6):
        run = w.sample(lambda x: -2 * np.log1p(x * x / 3), rng.standard_t(3, size=(4000, 1)), 5, 1000, rng=seed)
        beyond.append((np.abs(run.draws[..., 0]) > 10).mean())
    expected = 2 * stats.t(3).sf(10)
    assert abs(np.mean(beyond) - expected) < 5 * np.sqrt(expected / 24_000)


@pytest.mark.parametrize("n_walkers", [64, 9])
def test_heavy_tails_are_reached_all_the_same(n_walkers):
    """Of Student's t with 3 degrees of freedom, whose tails are above those of the proposals."""
    run = w.sample(lambda x: -2 * np.log1p(x * x / 3), 0.0, 20_000, 2_000, n_walkers=n_walkers, rng=3)
    assert run.converged
    shares = stats.t(3).cdf(run.draws[..., 0])
    for event, expected in ((shares < 0.01, 0.01), (shares < 0.5, 0.5), (shares > 0.999, 0.001)):
        found = event.astype(float)
        assert abs(found.mean() - expected) < 5 * diagnostics.mcse_mean(found[..., np.newaxis])[0]


# ---------------------------------------------------------------- the same bits


def test_threads_and_portions_change_no_bit():
    whole = sample(n_steps=60)
    for threads in (1, 2, 3):
        assert np.array_equal(sample(n_steps=60, n_jobs=threads).draws, whole.draws)
    for cut in (1, 99, 100, 101, 150, 200, 250, 325, 374, 375, 376, 399, 400, 401, 430):
        ensemble = _core.WalkerEnsemble.from_state(first_state(), first_moves())
        density = whole._density.compiled
        draws = np.empty((32, 60, 3))
        for steps in (cut, 460 - cut):
            ensemble.advance(density, steps, draws=draws)
            # Through the bytes that are saved.
            ensemble = _core.WalkerEnsemble.from_state(pickle.loads(pickle.dumps(ensemble.state())), first_moves())
        assert np.array_equal(draws, whole.draws), cut


def first_moves():
    return w.PooledStep()._schedule(w._moves.Setting(32, 3))


def first_state():
    run = sample(n_steps=60)
    ensemble = _core.WalkerEnsemble(
        run._ensemble.state()["key"], starts(), first_moves(), run._density.compiled, burn_in=400, pooled=True
    )
    return ensemble.state()


def test_an_interrupted_burn_in_goes_on(tmp_path):
    calls = itertools.count()

    def density(points):
        if next(calls) == 300:
            raise KeyboardInterrupt
        return correlated(points)

    with pytest.warns(RuntimeWarning, match="interrupted after"):
        run = sample(density, n_steps=60)
    assert run.interrupted
    assert run.n_draws == 0
    run.save(tmp_path / "run.npz")
    loaded = w.load(tmp_path / "run.npz", correlated, call="points")
    assert np.array_equal(loaded.extend(60).draws, sample(n_steps=60).draws)


@pytest.mark.parametrize("at", range(32))
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.5])
def test_damaged_numbers_are_refused_or_harmless(at, value):
    state = sample()._ensemble.state()
    numbers = state["pooled"].copy()
    numbers[at] = value
    try:
        _core.WalkerEnsemble.from_state(state | {"pooled": numbers}, first_moves())
    except ValueError:
        return
    assert np.isfinite(value)
    assert at >= 4 or value == int(value)
    assert at != 5 or 0 <= value <= 1


@pytest.mark.parametrize("size", [0, 1, 7, 8, 19, 21, 31, 33])
def test_numbers_of_another_size_are_refused(size):
    state = sample()._ensemble.state()
    with pytest.raises(ValueError, match="state: holds no covariance"):
        _core.WalkerEnsemble.from_state(state | {"pooled": np.zeros(size)}, first_moves())


# ---------------------------------------------------------------- in any units, from any start

MOVES = [
    w.PooledStep(),
    w.AdaptiveStep(),
    w.DifferentialEvolution(),
    w.Snooker(),
    w.Stretch(),
    w.Slice(),
    w.Mix([(1, w.DifferentialEvolution()), (1, w.AdaptiveStep())]),
]


@settings(max_examples=25, deadline=None)
@given(move=st.sampled_from(MOVES), powers=st.tuples(*[st.integers(-100, 100)] * 3))
def test_other_units_give_the_same_draws_in_other_units(move, powers):
    scale = 2.0 ** np.array(powers)
    plain = sample(move=move, n_steps=50, burn_in=150)
    scaled = sample(lambda points: correlated(points / scale), starts() * scale, move=move, n_steps=50, burn_in=150)
    assert np.array_equal(scaled.draws, plain.draws * scale)


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e30])
@pytest.mark.parametrize("start", ["spread", "one point", "few points", "a plane"])
def test_far_from_the_origin_in_any_unit(scale, start):
    units = scale * np.array([1.0, 1e3, 1e-3])
    center = 1e6 * units
    points = {
        "spread": starts(64),
        "one point": np.array([1.0, 1.0, -1.0]),
        "few points": starts(3),
        "a plane": starts(64) * [1.0, 1.0, 0.0],
    }[start]
    run = sample(
        lambda points: correlated((points - center) / units), center + points * units, n_walkers=64,
        burn_in=2000, n_steps=2000, rng=1,
    )  # fmt: skip
    draws = (run.draws - center) / units
    assert run.converged
    assert np.abs(draws.mean(axis=(0, 1)) / diagnostics.mcse_mean(draws)).max() < 5
    np.testing.assert_allclose(np.cov(draws.reshape(-1, 3).T), COVARIANCE, rtol=0.25, atol=0.05)


def test_a_start_at_the_edge_of_the_density():
    def positive(points):
        return np.where((points > 0).all(axis=1), -points.sum(axis=1), -np.inf)

    run = w.sample(positive, [1e-9, 1e-9], call="points", rng=0, bounds=[(0, None), (0, None)])
    assert run.converged
    np.testing.assert_allclose(run.mean(), 1.0, atol=0.1)


def test_halves_of_too_few_walkers_do_not_span_the_space():
    for move in (w.DifferentialEvolution(), w.Snooker(), w.Stretch(), w.Mix([(1, w.Stretch()), (1, w.Snooker())])):
        with pytest.raises(ValueError, match=r"n_walkers must be at least 2 \* 3 \+ 2 in 3 dimensions, got 7"):
            sample(start=starts(7), move=move)
        assert sample(start=starts(8), move=move, n_steps=4, burn_in=0).n_walkers == 8
    # Directions of its own lead out of it.
    mixed = w.Mix([(1, w.DifferentialEvolution()), (1, w.NormalStep(1.0))])
    assert sample(start=starts(5), move=mixed, n_steps=4, burn_in=0).n_walkers == 5


def test_many_dimensions_have_more_walkers():
    def wide(points):
        return -0.5 * (points**2).sum(axis=1)

    run = w.sample(wide, np.zeros(40), n_steps=2, burn_in=0, call="points", rng=0)
    assert run.n_walkers == 88
    run = w.sample(wide, lambda rng: rng.normal(size=40), n_steps=2, burn_in=0, call="points", rng=0)
    assert run.n_walkers == 88


def test_a_pooled_step_is_no_part_of_a_mix():
    with pytest.raises(ValueError, match="PooledStep chooses its moves by itself"):
        w.Mix([(1, w.PooledStep())])


# ---------------------------------------------------------------- starts that are asked for again


def test_a_start_of_zero_density_is_drawn_again():
    def positive(points):
        return np.where(points[:, 0] > 0, -0.5 * (points**2).sum(axis=1), -np.inf)

    def start(rng):
        return rng.normal(size=2)

    run = w.sample(positive, start, n_steps=1, burn_in=0, move=w.UniformStep(1e-9), call="points", rng=0)
    again = w.sample(positive, start, n_steps=1, burn_in=0, move=w.UniformStep(1e-9), call="points", rng=0)
    assert (run.draws[..., 0] > 0).all()
    assert np.array_equal(run.draws, again.draws)
    bounded = w.sample(
        lambda points: -0.5 * (points**2).sum(axis=1), start, n_steps=1, burn_in=0, move=w.UniformStep(1e-9),
        call="points", rng=0, bounds=[(0, None), None],
    )  # fmt: skip
    assert (bounded.draws[..., 0] > 0).all()


def test_a_start_that_never_has_a_density_is_an_error():
    def nowhere(points):
        return np.where(points[:, 0] > 1e3, 0.0, -np.inf)

    with pytest.raises(ValueError, match="density: is zero for walker 0 at step 0"):
        w.sample(nowhere, lambda rng: rng.normal(size=2), n_steps=1, burn_in=0, move=w.NormalStep(1.0), call="points")


# ---------------------------------------------------------------- whether a run is to be trusted


def two_modes(points):
    return np.logaddexp(-0.5 * (points[:, 0] + 50) ** 2, -0.5 * (points[:, 0] - 50) ** 2)


def test_walkers_that_disagree_are_told_of():
    start = np.array([[-50.0], [50.0]] * 4)
    with pytest.warns(w.NotConvergedWarning, match=r"not to be trusted: walkers disagree, R-hat exceeds 1\.05 in x"):
        run = w.sample(two_modes, start, n_steps=200, burn_in=0, move=w.NormalStep(1.0), call="points", rng=0)
    assert run.converged is False
    assert "R-hat" in run.problems[0]
    with pytest.warns(w.NotConvergedWarning):
        run.extend(100)


def test_walkers_that_never_move_are_told_of():
    def needle(points):
        return np.where(np.abs(points[:, 0]) < 1e-12, 0.0, -np.inf)

    with pytest.warns(w.NotConvergedWarning, match="no walker moved"):
        run = w.sample(needle, [0.0], n_steps=300, burn_in=0, move=w.UniformStep(1.0), call="points", rng=0)
    assert run.converged is False

    def stuck(points):
        return np.where(points[:, 0] == 7, 0.0, np.where(points[:, 0] < 5, -0.5 * points[:, 0] ** 2, -np.inf))

    start = np.append(np.zeros(9), 7.0)[:, np.newaxis]
    with pytest.warns(w.NotConvergedWarning, match="1 of 10 walkers never moved: 9"):
        w.sample(stuck, start, n_steps=400, burn_in=0, move=w.UniformStep(1.0), call="points", rng=0)


def test_few_accepted_proposals_are_told_of():
    with pytest.warns(w.NotConvergedWarning, match=r"only [0-4]\.\d% of the proposals were accepted"):
        sample(move=w.NormalStep(400.0), n_steps=3000, burn_in=0)


@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_a_good_run_is_silent(keep):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = sample(n_steps=4000, burn_in=1000, keep=keep)
    assert run.converged is True
    assert run.problems == ()


def test_of_one_walker_and_few_draws_nothing_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sample(start=starts(1), n_steps=500, burn_in=100).converged is None
        assert sample(n_steps=3, burn_in=400).converged is None


# ---------------------------------------------------------------- until


def test_a_walk_ends_when_its_draws_suffice():
    run = sample(until={"r_hat": 1.02, "ess": 2000}, n_steps=50_000)
    assert run.n_steps < 5000
    assert diagnostics.r_hat(run.draws).max() <= 1.02
    assert min(diagnostics.ess_bulk(run.draws).min(), diagnostics.ess_tail(run.draws).min()) >= 2000
    # It is the beginning of the walk without.
    assert np.array_equal(run.draws, sample(n_steps=run.n_steps).draws)
    assert np.array_equal(run.draws, sample(until={"r_hat": 1.02, "ess": 2000}, n_steps=50_000, n_jobs=1).draws)
    assert np.array_equal(run.extend(10).draws, sample(n_steps=run.n_steps + 10).draws)


def test_thinned_draws_suffice_too():
    run = sample(until={"ess": 500}, n_steps=30_000, thin=7)
    assert run.n_steps == 7 * run.n_draws < 30_000


def test_a_walk_that_does_not_get_there_says_so():
    with pytest.warns(w.NotConvergedWarning, match=r"until=\{'ess': 1000000\.0\} was not reached in 300 steps"):
        assert sample(until={"ess": 1e6}, n_steps=300).n_steps == 300


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ({}, "until must be a dict"),
        ({"rhat": 1.01}, "until must be a dict"),
        (1000, "until must be a dict"),
        ({"r_hat": 1.0}, "must be above 1"),
        ({"ess": -5}, "must be positive"),
    ],
)
def test_what_cannot_be_reached_is_refused(until, message):
    with pytest.raises(ValueError, match=message):
        sample(until=until)


def test_moments_alone_cannot_tell():
    with pytest.raises(ValueError, match="until looks at draws"):
        sample(until={"ess": 10}, keep="moments")
    with pytest.raises(ValueError, match="until: R-hat compares walkers, and there is only one"):
        sample(start=starts(1), until={"r_hat": 1.1})


# ---------------------------------------------------------------- published posteriors


def posteriors():
    with open("tests/reference/posteriors.json", encoding="utf-8") as file:  # noqa: PTH123
        return json.load(file)["posteriors"]


# A third of them, of each kind. The centred eight schools is a funnel, which no random walk leaves in 4,000 steps,
# and a process of 66 dimensions needs more walkers: both are told.
TRIED = (
    "earnings-earn_height",
    "kidiq-kidscore_interaction",
    "kidiq_with_mom_work-kidscore_mom_work",
    "mesquite-mesquite",
    "nes1984-nes",
    "sblrc-blr",
    "arma-arma11",
    "hmm_example-hmm_example",
    "gp_pois_regr-gp_regr",
    "Rate_5_data-Rate_5_model",
    "GLM_Poisson_Data-GLM_Poisson_model",
)
BEYOND = ("eight_schools-eight_schools_centered", "mcycle_gp-accel_gp")


def walk_over(name):
    (posterior,) = [p for p in posteriors() if p["name"] == name]
    space = {}
    exec(posterior["source"], space)
    data = [np.array(posterior["data"][key], posterior["data_dtypes"][key]) for key in posterior["args"]]
    args = tuple(value if value.ndim else value.item() for value in data)
    run = w.sample(
        space["log_density"], posterior["starts"], 4000, 4000, n_walkers=64, args=args, bounds=posterior["bounds"],
        call="point", rng=3,
    )  # fmt: skip
    return posterior, run


@pytest.mark.parametrize("name", TRIED)
def test_the_default_finds_a_published_posterior(name):
    pytest.importorskip("numba")
    posterior, run = walk_over(name)
    known = posterior.get("exact") or posterior["reference"]
    mean, sd = np.array(known["mean"]), np.array(known["sd"])
    error = np.hypot(diagnostics.mcse_mean(run.draws), known.get("mcse_mean", 0.0))
    assert run.converged
    assert diagnostics.r_hat(run.draws).max() < 1.05
    assert np.abs((run.mean() - mean) / error).max() < 4
    np.testing.assert_allclose(np.sqrt(np.diagonal(np.atleast_2d(run.cov()))), sd, rtol=0.1)


@pytest.mark.parametrize("name", BEYOND)
def test_what_it_does_not_find_it_tells(name):
    pytest.importorskip("numba")
    with pytest.warns(w.NotConvergedWarning, match="walkers disagree"):
        _, run = walk_over(name)
    assert run.converged is False
