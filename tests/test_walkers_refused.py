"""Arguments that walkers refuse, by name."""

import numpy as np
import pytest

from foldstat import walkers as w
from small_walks import sample


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps must be .* at least 1, got 0"),
        ({"n_steps": 10.0}, TypeError, r"n_steps must be .* an integer, got 10\.0"),
        ({"n_steps": True}, TypeError, "n_steps"),
        ({"burn_in": -1}, ValueError, "burn_in must be"),
        ({"thin": 0}, ValueError, "thin must be"),
        ({"n_walkers": 0}, ValueError, "n_walkers must be"),
        ({"n_walkers": "many"}, TypeError, "n_walkers must be"),
        ({"move": 0.1}, TypeError, r"move must be a move such as UniformStep\(0\.1\)"),
        ({"move": w.UniformStep}, TypeError, "move must be a move"),
        ({"move": w.UniformStep([1.0, 1.0, 1.0])}, ValueError, "half_width must be a number or 2 of them"),
        ({"move": w.NormalStep(np.eye(3))}, ValueError, "cov is for 3 dimensions, and the density has 2"),
        ({"log": 1}, TypeError, "log must be True or False"),
        ({"progress": "yes"}, TypeError, "progress must be True or False"),
        ({"rng": -1}, ValueError, "rng must not be negative"),
        ({"rng": "zero"}, TypeError, "rng must be an int, a numpy.random.SeedSequence"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng must be"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be"),
        ({"nan": "ignore"}, ValueError, "nan must be 'raise' or 'reject'"),
        ({"keep": "everything"}, ValueError, "keep must be 'draws' or 'moments'"),
        ({"histograms": 10}, ValueError, 'histograms is for keep="moments"'),
        ({"args": [1.0]}, TypeError, "args must be a tuple"),
        ({"names": "xy"}, TypeError, "names must be a sequence"),
        ({"names": ["x", "x"]}, ValueError, "names must be different"),
        ({"names": ["x"]}, ValueError, "names must hold one name for each of the 2 dimensions"),
        ({"names": ["x", 2]}, TypeError, "got 2 in it"),
        ({"bounds": [(0, 1)]}, ValueError, "bounds must hold one"),
        ({"bounds": [(-1, 1), (1, 0)]}, ValueError, r"bounds of y must be increasing, got \(1, 0\)"),
        ({"bounds": [(-1, 1), (0, float("nan"))]}, ValueError, "bounds of y must be increasing"),
        ({"bounds": [(-1, 1), 3]}, TypeError, "bounds of y must be"),
        ({"bounds": {"z": (0, 1)}}, ValueError, "bounds: 'z' is not one of"),
        ({"bounds": 3.0}, TypeError, "bounds must be a sequence"),
        ({"bounds": [(1, 2), None]}, ValueError, r"walker 0 starts outside the bounds, x = 0 is not in \[1, 2\]"),
        ({"start": [0.0, float("nan")]}, ValueError, "start must be finite, got nan for walker 0, dimension 1"),
        ({"start": np.zeros((12, 2))}, ValueError, "start has 12 points, one per walker, and n_walkers is 9"),
        ({"start": np.zeros((2, 2, 2))}, ValueError, "start must be one point"),
        ({"start": []}, ValueError, "start must be one point"),
        ({"start": "here"}, TypeError, "start must hold real numbers"),
        ({"start": lambda rng: np.zeros((9, 2))}, ValueError, "called once for each walker"),
        ({"start": {"x": 0.0}, "names": ["x", "y"]}, ValueError, "start must have a value for each of"),
        ({"start": {"x": [0.0, 1.0], "y": [0.0]}}, ValueError, "same number of values"),
        ({"start": [0.0, 0.0], "move": w.Stretch()}, ValueError, "all at one point; Stretch proposes .*lambda rng"),
        ({"start": np.ones((9, 2)) * np.arange(9.0)[:, None], "move": w.Snooker()}, ValueError, "fewer dimensions"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_by_name(keywords, error, message):
    with pytest.raises(error, match=message):
        sample(**keywords)


def test_a_start_of_density_zero_names_the_walker():
    start = np.zeros((9, 2))
    start[4] = 5.0
    with pytest.raises(ValueError, match="walker 4"):
        sample(lambda x, y: float(x < 1), start, log=False)


def test_the_wrong_number_of_dimensions_for_a_built_in_density():
    with pytest.raises(ValueError, match="start has 3 coordinates for each walker, and three_gaussians 2"):
        w.sample(w.densities.ThreeGaussians(), [0.0, 0.0, 0.0])


def test_draws_that_do_not_fit_into_memory():
    with pytest.raises(MemoryError, match="keep='moments'"):
        sample(n_steps=2**50)


def test_nothing_to_learn_from_is_warned_of():
    with pytest.warns(UserWarning, match="burn_in=0"):
        sample(move=w.AdaptiveStep(), burn_in=0)


@pytest.mark.parametrize("n_steps", [0, -3, 1.5, None])
def test_extending_by_nothing_is_refused(n_steps):
    with pytest.raises((TypeError, ValueError), match="n_steps must be"):
        sample().extend(n_steps)


def test_another_density_does_not_extend_a_run():
    with pytest.raises(ValueError, match="density is not the one that the run walked over: where walker 0"):
        sample().extend(10, density=lambda x, y: -x * x - y * y, where="python")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: w.UniformStep(0.0), ValueError, r"half_width must be positive and finite, got 0\.0"),
        (lambda: w.UniformStep([1.0, -1.0]), ValueError, "half_width must be positive"),
        (lambda: w.UniformStep("wide"), TypeError, "half_width must hold real numbers"),
        (lambda: w.UniformStep(np.eye(2)), ValueError, "half_width must be a number, or one"),
        (lambda: w.NormalStep([[1.0, 2.0], [2.0, 1.0]]), ValueError, "cov must be positive definite, .* -1"),
        (lambda: w.NormalStep([[1.0, 0.5], [0.2, 1.0]]), ValueError, "cov must be symmetric"),
        (lambda: w.NormalStep(-1.0), ValueError, "cov holds variances"),
        (lambda: w.NormalStep(np.ones((2, 3))), ValueError, "cov must be a variance"),
        (lambda: w.NormalStep(np.inf), ValueError, "cov must be finite"),
        (lambda: w.AdaptiveStep(target_acceptance=1.0), ValueError, "target_acceptance must lie between 0 and 1"),
        (lambda: w.AdaptiveStep(decay=0.5), ValueError, "decay must be greater than 0.5"),
        (lambda: w.AdaptiveStep(decay="slow"), TypeError, "decay must be a number"),
        (lambda: w.ComponentwiseStep(-1), ValueError, "half_width must be positive"),
        (lambda: w.Stretch(1.0), ValueError, "a must be greater than 1"),
        (lambda: w.Stretch(None), TypeError, "a must be a number"),
        (lambda: w.DifferentialEvolution(gamma=0), ValueError, "gamma must be positive"),
        (lambda: w.DifferentialEvolution(jitter=-1), ValueError, "jitter must not be negative"),
        (lambda: w.DifferentialEvolution(jump_probability=2), ValueError, "jump_probability must be from 0 to 1"),
        (lambda: w.Snooker(-1), ValueError, "gamma must be positive"),
        (lambda: w.Mix([]), ValueError, "at least one"),
        (lambda: w.Mix(w.Stretch()), TypeError, "moves must be a sequence"),
        (lambda: w.Mix([w.Stretch()]), TypeError, "pairs such as"),
        (lambda: w.Mix([(0, w.Stretch())]), ValueError, "weight in moves must be positive"),
    ],
)  # fmt: skip
def test_moves_refuse_bad_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"histograms": 100_000}, ValueError, r"histograms of \(x, y\): 100000 × 100000 bins are too many"),
        ({"histograms": {"x": 10, 0: 20}}, ValueError, r"histograms must name dimensions once, got \(x\) twice"),
        ({"histograms": {"q": 5}}, ValueError, "histograms must name coordinates out of"),
        ({"histograms": {"x": 0}}, ValueError, "histograms: a number of bins must be at least 1, got 0"),
    ],
)
def test_histograms_that_cannot_be_kept(keywords, error, message):
    with pytest.raises(error, match=message):
        sample(keep="moments", **keywords)


def test_more_bins_than_there_is_memory_for():
    with pytest.raises(ValueError, match="bins: 1000000000000 bins are too many"):
        sample().histogram(10**12, "x")


def test_more_steps_to_a_draw_than_steps():
    with pytest.raises(ValueError, match=r"thin must be at most n_steps, 60, .* got 61"):
        sample(thin=61)


def test_an_empty_start():
    with pytest.raises(ValueError, match="start must have a value for each coordinate"):
        sample(start={})


def test_bounds_of_one_dimension_are_a_list_of_one_pair():
    with pytest.raises(ValueError, match=r"each of the 1 dimension, got 2; for one dimension, bounds=\[\(0, 1\)\]"):
        sample(lambda x: -x * x, 0.5, bounds=(0, 1))


def test_what_all_moves_share_is_no_move():
    with pytest.raises(TypeError, match="use one of these, such as UniformStep"):
        w.Move()


def test_a_covariance_may_have_rounding_in_entries_of_zero():
    assert w.NormalStep([[1.0, 1e-17], [0.0, 1.0]]).cov[0][1] == w.NormalStep([[1.0, 1e-17], [0.0, 1.0]]).cov[1][0]
    with pytest.raises(ValueError, match=r"cov must be symmetric, got 1e-06 at \(0, 1\) and 0\.0 at \(1, 0\)"):
        w.NormalStep([[1.0, 1e-6], [0.0, 1.0]])


@pytest.mark.parametrize("percentiles", [[0.5, 0.5], 2.0])
def test_percentiles_that_are_none(percentiles):
    with pytest.raises(ValueError, match="percentiles must be"):
        sample().summary(percentiles)
