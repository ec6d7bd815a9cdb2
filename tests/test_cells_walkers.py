"""The random walks of foldstat.cells: what a notebook does with them."""

import math

import numpy as np
import pytest
import scipy.stats

import foldstat
from foldstat import cells
from foldstat.cells import plot_points, random_walker, random_walkers

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402


def bell(x, y):
    """A normal density about (1, -2), not normalised: standard deviations 1 and 0.5."""
    return math.exp(-((x - 1) ** 2 + 4 * (y + 2) ** 2) / 2)


def disc(x, y):
    """Uniform on the unit disc."""
    return 1.0 if x * x + y * y < 1 else 0.0


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def flat(x, y):
    return 1.0


def agree(estimates, truth):
    """Whether independent estimates (n, ...) have the true mean: a t-test fails by chance once in 1e6."""
    return (scipy.stats.ttest_1samp(estimates, truth, axis=0).pvalue > 1e-6).all()


def test_walks_have_the_moments_of_their_density():
    walks = random_walkers(bell, n_steps=21_001, starts=[[1, -2]] * 32, burn_in=1000, half_width=1.0, rng=0)
    assert walks.shape == (32, 20_000, 2)
    assert walks.dtype == np.float64
    assert agree(walks.mean(axis=1), [1, -2])
    assert agree(((walks - [1, -2]) ** 2).mean(axis=1), [1, 0.25])


def test_the_longest_step_is_a_tenth_unless_told():
    walks = [random_walker(flat, n_steps=2000, burn_in=0, rng=seed) for seed in range(20)]
    steps = np.diff(walks, axis=1)
    assert 0.099 < np.abs(steps).max() <= 0.1
    for power in (1, 2, 4):  # the moments of a uniform number
        assert agree((np.abs(steps) ** power).mean(axis=1), 0.1**power / (power + 1))
    wide = np.diff(random_walker(flat, n_steps=5000, half_width=3.0, rng=1), axis=0)
    assert 2.97 < np.abs(wide).max() <= 3.0


def test_the_start_and_the_burn_in_count_among_the_steps_and_are_left_out():
    whole = random_walker(bell, n_steps=51, burn_in=0, rng=5)
    assert whole.shape == (50, 2)
    assert 0 < np.abs(whole[0]).max() <= 0.1  # a step from the origin
    np.testing.assert_array_equal(random_walker(bell, n_steps=51, burn_in=30, rng=5), whole[30:])
    np.testing.assert_array_equal(random_walker(bell, 51, [0, 0], 49, rng=5), whole[49:])


def test_a_walk_has_a_hundred_thousand_steps_unless_told():
    points = random_walker(flat, rng=5)
    assert points.shape == (99_899, 2)
    for n_steps in (1e5, np.float32(1e5), np.int64(100_000)):
        np.testing.assert_array_equal(random_walker(flat, n_steps, burn_in=100.0, rng=5), points)
    assert random_walkers(flat, 2, rng=5).shape == (2, 99_899, 2)


def test_the_argument_is_a_density_and_not_its_logarithm():
    walks = random_walkers(disc, n_steps=5000, starts=np.zeros((20, 2)), half_width=1.0, rng=2)
    squares = np.sum(walks**2, axis=2)
    assert squares.max() < 1
    assert agree(squares.mean(axis=1), 0.5)


def test_walks_are_repeatable_and_do_not_depend_on_threads():
    with foldstat.threads(1):
        alone = random_walkers(bell, n_steps=300, rng=3)
    for n in (2, 3):
        with foldstat.threads(n):
            np.testing.assert_array_equal(random_walkers(bell, n_steps=300, rng=3), alone)
    assert (random_walkers(bell, n_steps=300, rng=4)[:, -1] != alone[:, -1]).any()
    generator = np.random.default_rng(0)
    first, second = (random_walker(bell, 300, rng=generator) for _ in range(2))
    assert (first != second).any()
    first, second = (random_walkers(bell, 2, 300) for _ in range(2))
    assert (first != second).any()


def test_several_walkers_start_where_they_are_told():
    starts = np.array([[0.5, -2.0], [1.0, -1.0], [2.0, -2.5]])
    points = random_walkers(bell, n_steps=41, starts=starts, burn_in=0, rng=0)
    assert points.shape == (3, 40, 2)
    assert np.abs(points[:, 0] - starts).max() <= 0.1
    fewer = random_walkers(bell, 2.0, 41, 0, starts=starts[:2], rng=0)
    np.testing.assert_array_equal(fewer, points[:2])


def test_walkers_start_in_the_unit_square():
    def starts(n, seed):
        return random_walkers(flat, n, n_steps=2, burn_in=0, half_width=1e-12, rng=seed)[:, 0]

    for seed in range(5):
        x, y = starts(1000, seed).T
        for coordinate in (x, y, (x + y) % 1):  # the last one is uniform if they do not depend on each other
            assert scipy.stats.kstest(coordinate, "uniform").pvalue > 1e-6
    np.testing.assert_array_equal(starts(None, 0), starts(1000, 0)[:10])


def test_walks_have_as_many_dimensions_as_their_start():
    points = random_walker(lambda x, y, z: math.exp(-abs(x) - abs(y) - abs(z)), 201, start=[0, 0, 0])
    assert points.shape == (100, 3)


@pytest.mark.parametrize("shape", [(500, 2), (5, 100, 2)])
def test_the_picture_counts_points_in_the_unit_square(shape):
    points = np.random.default_rng(0).uniform([0.0, -0.5], [1.0, 0.9], size=shape)
    ax = plot_points(points)
    (image,) = ax.images
    counts = np.asarray(image.get_array())
    assert counts.shape == (50, 50)
    assert list(image.get_extent()) == [0, 1, 0, 1]
    # Rows of an image are y, from below.
    assert image.origin == "lower"
    x, y = points.reshape(-1, 2).T
    expected = np.zeros((50, 50))
    for column, row in zip(np.floor(50 * x).astype(int), np.floor(50 * y).astype(int), strict=True):
        if row >= 0:
            expected[row, column] += 1
    np.testing.assert_array_equal(counts, expected)
    assert ax.get_title(loc="right") == f"{(y < 0).sum()} of 500 points are outside"


@pytest.mark.parametrize(
    ("limits", "extent"),
    [
        ([[-1, 2], [0, 3]], [-1, 2, 0, 3]),
        ((-5.0, 5.0), [-5, 5, -5, 5]),
        (None, [0.25, 0.75, -0.5, 0.5]),
    ],
)
def test_the_picture_shows_the_range_that_is_asked_for(limits, extent):
    points = [[0.25, -0.5], [0.75, 0.5], [0.5, 0.5]]
    ax = plot_points(points, 25.0, range=limits)
    (image,) = ax.images
    assert list(image.get_extent()) == extent
    counts = np.asarray(image.get_array())
    assert counts.shape == (25, 25)
    outside = sum(not (extent[0] <= x <= extent[1] and extent[2] <= y <= extent[3]) for x, y in points)
    assert counts.sum() == 3 - outside
    assert bool(ax.get_title(loc="right")) == bool(outside)


def test_the_picture_goes_where_it_is_told():
    _, (left, right) = pyplot.subplots(1, 2)
    points = np.random.default_rng(0).normal(size=(10, 2))
    assert plot_points(points, ax=left) is left
    assert not right.images
    assert plot_points(points) is right  # the current axes
    assert np.asarray(right.images[0].get_array()).shape == (50, 50)


def test_points_that_all_agree_make_a_picture():
    ax = plot_points(np.full((3, 2), 7.0), range=None)
    assert np.asarray(ax.images[0].get_array()).sum() == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_walker(disc, start=[3, 3]), r"start.*walker 0|walker 0.*start|density.*walker 0"),
        (lambda: random_walkers(disc, starts=[[0, 0], [3, 3]]), "walker 1"),
        (lambda: random_walker(bell, start=[[0, 0], [1, 1]]), r"start must be one point.*random_walkers\(starts=\)"),
        (lambda: random_walkers(bell, starts=[0, 0]), r"starts must have shape \(n, 2\)"),
        (lambda: random_walkers(bell, starts=np.zeros((0, 2))), r"starts must have shape \(n, 2\)"),
        (lambda: random_walkers(bell, 3, starts=[[0, 0]]), "n must be the number of starts, 1, got 3"),
        (lambda: random_walkers(bell, 0), "n must be a number of walkers, at least 1, got 0"),
        (lambda: random_walkers(bell, 2.5), "n must be .* a float that is whole, got 2.5"),
        (lambda: random_walker(bell, start=[0, np.nan]), "start"),
        (lambda: random_walker(bell, 101), "n_steps must be at least 102 .* burn-in of 100, got 101"),
        (lambda: random_walker(bell, 1.5e-3), "n_steps must be .* a float that is whole, got 0.0015"),
        (lambda: random_walker(bell, np.nan), "n_steps must be .* a float that is whole, got nan"),
        (lambda: random_walker(bell, 1e30), "n_steps must be"),
        (lambda: random_walker(bell, burn_in=-1), "burn_in must be .* at least 0, got -1"),
        (lambda: random_walker(bell, burn_in=0.5), "burn_in must be .* a float that is whole, got 0.5"),
        (lambda: random_walker(bell, half_width=0), "half_width must be positive"),
        (lambda: random_walker(lambda x, y: -1.0), "negative"),
        (lambda: plot_points(np.zeros((3, 3))), r"points must have shape \(n, 2\)"),
        (lambda: plot_points(np.zeros((0, 2))), r"points must have shape.*not be empty"),
        (lambda: plot_points([[0.0, np.inf]]), r"points must be finite, got inf at \(0, 1\)"),
        (lambda: plot_points([[0.0, 1.0]], 0), "resolution must be .* at least 1, got 0"),
        (lambda: plot_points([[0.0, 1.0]], 2.5), "resolution must be .* a float that is whole, got 2.5"),
        (lambda: plot_points([[0.0, 1.0]], range=(1, 0)), "range must rise from low to high"),
        (lambda: plot_points([[0.0, 1.0]], range=(0, 1, 2)), r"range must be \(\(low, high\), \(low, high\)\)"),
        (lambda: plot_points([[0.0, 1.0]], range=(0, np.inf)), "range must be finite"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_points([[0.0, 1.0]], resolution="50"), "resolution must be a number of bins"),
        (lambda: random_walkers(bell, True), "n must be a number of walkers"),
        (lambda: random_walkers(bell, 3000, [[0, 0], [5, 5]]), "n_steps must be the number of points of a walk"),
        (lambda: random_walker(bell, None), "n_steps must be the number of points of a walk"),
    ],
)
def test_wrong_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_the_names_are_public():
    assert all(callable(getattr(cells, name)) for name in cells.__all__)
    assert {"plot_points", "random_walker", "random_walkers", "scalar_sum", "log_probability"} <= set(cells.__all__)
