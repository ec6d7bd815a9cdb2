"""What `sample` gives, what a run offers, and extending."""

import copy
import pickle

import numpy as np
import pytest

import foldstat
from foldstat import walkers as w
from small_walks import MOVE, normal, sample


def test_the_usual_call_gives_draws_of_its_shapes():
    run = w.sample(
        w.densities.ThreeGaussians(), [0.0, 0.0], n_steps=1000, burn_in=100, thin=1, move=w.UniformStep(0.1),
        n_walkers=64, log=True, rng=0, n_jobs=None, progress=False,
    )  # fmt: skip
    assert run.draws.shape == (64, 1000, 2)
    assert run.log_density.shape == (64, 1000)
    assert run.acceptance_rate.shape == (64,)
    assert (run.n_walkers, run.n_draws, run.n_dims) == (64, 1000, 2)
    assert (run.n_steps, run.burn_in, run.thin, run.keep) == (1000, 100, 1, "draws")
    assert run.move == w.UniformStep(0.1)
    assert "three_gaussians" in run.density_kind
    assert not run.interrupted


def test_draws_are_where_the_walkers_were():
    run = sample()
    np.testing.assert_array_equal(run.draws[:, -1], run.positions)
    np.testing.assert_allclose(run.log_density, -(run.draws**2).sum(axis=-1) / 2, rtol=1e-14)
    moved = (np.diff(run.draws, axis=1) != 0).any(axis=-1)
    assert 0.2 < moved.mean() < 0.9
    # the first step after the burn-in is not among the differences
    assert np.abs(run.acceptance_rate - moved.mean(axis=1)).max() <= 1 / 59
    assert np.abs(np.diff(run.draws, axis=1)).max() <= 1.5


def test_the_log_density_of_a_built_in_one_is_computed_once_and_that_of_the_draws():
    density = w.densities.ThreeGaussians()
    run = w.sample(density, [0.0, 0.0], n_steps=50, burn_in=5, move=MOVE, n_walkers=5, rng=1)
    np.testing.assert_allclose(run.log_density, density(run.draws), rtol=1e-13)
    assert run.log_density is run.log_density


def test_draws_are_no_copy():
    run = sample()
    assert run.draws.base is run.draws.base
    run.draws[0, 0, 0] = 17.0
    assert run.draws[0, 0, 0] == 17.0


def test_thin_keeps_every_so_many_steps():
    every, third = sample(n_steps=62), sample(n_steps=62, thin=3)
    assert third.n_draws == 20
    np.testing.assert_array_equal(third.draws, every.draws[:, 2::3][:, :20])
    np.testing.assert_array_equal(third.log_density, every.log_density[:, 2::3][:, :20])


def test_the_burn_in_is_not_recorded():
    np.testing.assert_array_equal(sample(burn_in=20).draws[:, :40], sample(burn_in=0, n_steps=80).draws[:, 20:60])


def test_a_density_and_its_logarithm_walk_alike():
    run = sample(lambda x, y: np.exp(normal(x, y)), log=False)
    np.testing.assert_array_equal(run.draws, sample().draws)
    np.testing.assert_allclose(run.log_density, sample().log_density, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("keep", ["draws", "moments"])
@pytest.mark.parametrize("thin", [1, 7])
@pytest.mark.parametrize("parts", [(60,), (8, 52), (13, 13, 34)])
def test_extending_is_one_long_run(parts, thin, keep):
    first, *rest = parts
    run = sample(n_steps=first, thin=thin, keep=keep)
    for n_steps in rest:
        before = run.n_steps
        old, run = run, run.extend(n_steps)
        assert old.n_steps == before, "the old run changed"
    long = sample(n_steps=60, thin=thin, keep=keep)
    assert (run.n_steps, run.n_draws) == (long.n_steps, long.n_draws) == (60, 60 // thin)
    if keep == "draws":
        np.testing.assert_array_equal(run.draws, long.draws)
        np.testing.assert_array_equal(run.log_density, long.log_density)
    else:
        np.testing.assert_array_equal(run.moments.means, long.moments.means)
        np.testing.assert_array_equal(run.histogram().counts, long.histogram().counts)
    np.testing.assert_array_equal(run.acceptance_rate, long.acceptance_rate)
    np.testing.assert_array_equal(run.extend(5).positions, long.extend(5).positions)


def test_a_run_can_be_extended_twice():
    run = sample()
    one, two = run.extend(10), run.extend(10)
    np.testing.assert_array_equal(one.draws, two.draws)
    assert run.n_draws == 60


MOVES = [
    w.AdaptiveStep(),
    w.PooledStep(),
    w.ComponentwiseStep(2.0),
    w.DifferentialEvolution(),
    w.Mix([(2, w.Stretch()), (1, w.UniformStep(1.0))]),
    w.NormalStep(1.0),
    w.Snooker(),
    w.Stretch(),
]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: type(move).__name__)
def test_every_move_walks_and_extends(move):
    start = np.random.default_rng(0).normal(size=(12, 2))
    run = sample(start=start, n_walkers=None, move=move)
    long = sample(start=start, n_walkers=12, move=move, n_steps=90)
    np.testing.assert_array_equal(run.extend(30).draws, long.draws)
    assert 0 < run.acceptance_rate.mean() < 1


def test_a_pooled_step_is_the_default():
    assert w.sample(normal, [0.0, 0.0], n_steps=5, burn_in=5, rng=0).move == w.PooledStep()


# ---------------------------------------------------------------- starts


def test_one_start_is_that_of_all_walkers():
    run = sample(start=[1.0, 2.0], burn_in=0, n_steps=1)
    assert (np.abs(run.draws - [1.0, 2.0]) <= 1.5).all()
    assert w.sample(normal, [0.0, 0.0], n_steps=2, burn_in=2, move=MOVE, rng=0).n_walkers == 64


def test_one_start_for_each_walker():
    start = np.arange(10.0).reshape(5, 2)
    run = sample(start=start, burn_in=0, n_steps=1, n_walkers=None)
    assert run.n_walkers == 5
    assert (np.abs(run.draws[:, 0] - start) <= 1.5).all()


@pytest.mark.parametrize("start", [0.5, [0.5], [[0.5]] * 9, lambda rng: 0.5])
def test_one_dimension(start):
    run = sample(lambda x: -x * x / 2, start)
    assert run.draws.shape == (9, 60, 1)


def test_a_start_from_a_generator_does_not_depend_on_the_other_walkers():
    starts = []

    def start(rng):
        starts.append(rng.normal(size=2))
        return starts[-1]

    few = sample(start=start, n_walkers=3)
    assert len(starts) == 3
    assert len({tuple(point) for point in starts}) == 3
    many = sample(start=start, n_walkers=9)
    np.testing.assert_array_equal(starts[3:6], starts[:3])
    np.testing.assert_array_equal(many.draws[:3], few.draws)


def test_a_start_by_names():
    run = sample(start={"y": 3.0, "x": np.arange(4.0)}, n_walkers=None, names=["x", "y"], burn_in=0, n_steps=1)
    assert run.names == ("x", "y")
    assert (np.abs(run.draws[:, 0] - np.column_stack([np.arange(4.0), np.full(4, 3.0)])) <= 1.5).all()


def test_names_come_from_where_there_are_some():
    assert sample().names == ("x", "y")
    assert sample(names=["width", "height"]).names == ("width", "height")
    assert sample(lambda p: -p @ p).names == ("x[0]", "x[1]")
    assert sample(lambda point, scale: -point @ point / scale, args=(2.0,)).names == ("x[0]", "x[1]")
    schools = w.densities.EightSchools()
    assert w.sample(schools, np.zeros(10), n_steps=2, burn_in=2, rng=0).names == schools.names


def test_walkers_stay_within_bounds():
    run = sample(bounds=[(-1, 1), (None, 0.5)], start=[0.0, 0.0])
    assert np.abs(run.draws[..., 0]).max() <= 1
    assert run.draws[..., 1].max() <= 0.5 < -run.draws[..., 1].min()
    np.testing.assert_array_equal(run.draws, sample(bounds={"x": (-1, 1), "y": (-np.inf, 0.5)}).draws)
    np.testing.assert_array_equal(sample(bounds=[None, (None, None)]).draws, sample().draws)


def test_the_bounds_of_a_built_in_density_hold():
    run = w.sample(w.densities.EggBox(), [6.0, 6.0], n_steps=200, burn_in=5, move=w.UniformStep(9.0), rng=0)
    assert run.draws.min() >= 0
    assert run.draws.max() <= 10 * np.pi


# ---------------------------------------------------------------- random numbers


def test_the_same_seed_gives_the_same_draws_whatever_the_threads():
    one = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=500, burn_in=10, rng=3, n_jobs=1)
    two = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=500, burn_in=10, rng=3, n_jobs=2)
    np.testing.assert_array_equal(one.draws, two.draws)
    other = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=500, burn_in=10, rng=4)
    assert (one.draws != other.draws).any()


def test_walkers_added_at_the_end_do_not_change_the_first():
    np.testing.assert_array_equal(sample(n_walkers=11).draws[:9], sample(n_walkers=9).draws)


def test_without_a_seed_runs_differ():
    assert (sample(rng=None).draws != sample(rng=None).draws).any()


# ---------------------------------------------------------------- the run as a value


def test_a_pickled_run_goes_on_with_its_function():
    run = pickle.loads(pickle.dumps(sample()))
    np.testing.assert_array_equal(run.draws, sample().draws)
    np.testing.assert_array_equal(run.log_density, sample().log_density)
    assert (run.names, run.move, run.density_kind) == (sample().names, MOVE, sample().density_kind)
    with pytest.raises(ValueError, match="Give it again"):
        run.extend(10)
    np.testing.assert_array_equal(run.extend(10, density=normal, where="python").draws, sample(n_steps=70).draws)


def test_a_pickled_run_over_a_built_in_density_goes_on_by_itself():
    run = w.sample(w.densities.Funnel(3), np.zeros(3), n_steps=30, burn_in=30, n_walkers=4, rng=0)
    for twin in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run)):
        np.testing.assert_array_equal(twin.extend(10).draws, run.extend(10).draws)


def test_a_model_that_is_fitted_again_does_not_change_the_run():
    rows = np.random.default_rng(0).normal(size=(100, 2))
    model = foldstat.GaussianMixture(2, random_state=0).fit(rows)
    run = w.sample(model, [0.0, 0.0], n_steps=20, burn_in=5, move=MOVE, n_walkers=4, rng=0)
    np.testing.assert_allclose(run.log_density.ravel(), model.score_samples(run.draws.reshape(-1, 2)), rtol=1e-10)
    long = w.sample(model, [0.0, 0.0], n_steps=30, burn_in=5, move=MOVE, n_walkers=4, rng=0)
    model.fit(rows + 10)
    np.testing.assert_array_equal(run.extend(10).draws, long.draws)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(run)).extend(10).draws, long.draws)


def test_the_repr_tells_the_shape():
    assert repr(sample()).startswith("<Run: 9 walkers × 60 draws × 2 dimensions, acceptance 0.")
    assert "moments only" in repr(sample(keep="moments"))


def test_moves_are_values():
    for move in (MOVE, w.NormalStep(np.eye(2)), w.Mix([(1, w.Stretch()), (2, w.Snooker())])):
        assert pickle.loads(pickle.dumps(move)) == move
        assert hash(move) == hash(copy.deepcopy(move))
        assert eval(repr(move), vars(w)) == move
    assert w.UniformStep(1.0) != w.UniformStep(2.0)
    assert w.UniformStep(1.0) != w.ComponentwiseStep(1.0)


def test_a_run_is_copied_with_its_function():
    run = sample()
    for twin in (copy.copy(run), copy.deepcopy(run)):
        np.testing.assert_array_equal(twin.extend(10).draws, run.extend(10).draws)
    twin.draws[:] = 0.0
    assert run.draws.any()


def test_options_of_a_function_of_a_point_are_no_names():
    def density(theta, temperature=1.0):
        return -float(theta @ theta) / temperature

    assert sample(density).names == ("x[0]", "x[1]")
    with pytest.raises(ValueError, match="'theta' is not one of"):
        sample(density, bounds={"theta": (-1, 1)})


def test_a_start_by_names_goes_by_the_names_of_the_parameters():
    start = {"y": 30.0, "x": 0.0}
    run = sample(start=start, burn_in=0)
    assert run.names == ("x", "y")
    assert (run.draws[:, 0, 1] > 20).all()
    np.testing.assert_array_equal(run.draws, sample(start=[0.0, 30.0], burn_in=0).draws)


def test_tables_are_read_as_dicts_are():
    table = sample().summary(0.25)
    assert list(table) == list(table.columns) == list(dict(table))
    assert len(table) == len(table.columns)
    assert "25%" in table
    assert "x" not in table
