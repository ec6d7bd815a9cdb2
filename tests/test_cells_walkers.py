"""The random walks of foldstat.cells: what a notebook does with them."""

import math

import numpy as np
import pytest

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


def test_a_walk_has_the_moments_of_its_density():
    points = random_walker(bell, n_steps=200_000, start=[1, -2], burn_in=1000, rng=0)
    assert points.shape == (200_000, 2)
    assert points.dtype == np.float64
    # Some twenty steps make one independent draw.
    np.testing.assert_allclose(points.mean(axis=0), [1, -2], atol=0.06)
    np.testing.assert_allclose(points.std(axis=0), [1, 0.5], rtol=0.04)


def test_a_walk_makes_steps_of_half_width_one():
    points = random_walker(lambda x, y: 1.0, n_steps=5000, burn_in=0, rng=1)
    steps = np.diff(points, axis=0)
    assert 0.99 < np.abs(steps).max() <= 1.0
    np.testing.assert_allclose(steps.std(axis=0), np.sqrt(1 / 3), rtol=0.03)
    wide = np.diff(random_walker(lambda x, y: 1.0, n_steps=5000, half_width=3.0, rng=1), axis=0)
    assert 2.97 < np.abs(wide).max() <= 3.0


def test_the_start_is_the_origin_and_the_burn_in_is_left_out():
    whole = random_walker(bell, n_steps=50, burn_in=0, rng=5)
    assert np.abs(whole[0]).max() <= 1.0
    np.testing.assert_array_equal(random_walker(bell, n_steps=20, burn_in=30, rng=5), whole[30:])
    np.testing.assert_array_equal(random_walker(bell, rng=5, start=[0, 0]), random_walker(bell, 1000, rng=5))
    assert random_walker(bell, rng=5).shape == (1000, 2)


def test_the_argument_is_a_density_and_not_its_logarithm():
    points = random_walker(disc, n_steps=100_000, rng=2)
    radii = np.hypot(*points.T)
    assert radii.max() < 1
    assert np.mean(radii**2) == pytest.approx(0.5, abs=0.02)


def test_walks_are_repeatable_and_do_not_depend_on_threads():
    with foldstat.threads(1):
        alone = random_walkers(bell, 300, rng=3)
    for n in (2, 3):
        with foldstat.threads(n):
            np.testing.assert_array_equal(random_walkers(bell, 300, rng=3), alone)
    assert (random_walkers(bell, 300, rng=4)[:, -1] != alone[:, -1]).any()
    generator = np.random.default_rng(0)
    first, second = (random_walker(bell, 300, rng=generator) for _ in range(2))
    assert (first != second).any()


def test_several_walkers_start_where_they_are_told():
    starts = np.array([[0.5, -2.0], [1.0, -1.0], [2.0, -2.5]])
    points = random_walkers(bell, 40, starts, burn_in=0, rng=0)
    assert points.shape == (3, 40, 2)
    assert np.abs(points[:, 0] - starts).max() <= 1.0
    fewer = random_walkers(bell, 40, starts[:2], burn_in=0, rng=0)
    np.testing.assert_array_equal(fewer, points[:2])


def test_ten_starts_are_spread_over_a_square():
    points = random_walkers(lambda x, y: 1.0, 1, burn_in=0, half_width=1e-9, rng=0)
    starts = points[:, 0]
    assert starts.shape == (10, 2)
    assert starts.min() >= -5
    assert starts.max() <= 10
    assert starts.min(axis=0).max() < -3
    assert starts.max(axis=0).min() > 8
    distances = np.linalg.norm(starts[:, np.newaxis] - starts, axis=2) + 100 * np.eye(10)
    assert distances.min() > 4.5


def test_walks_have_as_many_dimensions_as_their_start():
    points = random_walker(lambda x, y, z: math.exp(-abs(x) - abs(y) - abs(z)), 100, start=[0, 0, 0])
    assert points.shape == (100, 3)


@pytest.mark.parametrize("shape", [(500, 2), (5, 100, 2)])
def test_the_picture_counts_all_points(shape):
    points = np.random.default_rng(0).normal(size=shape) * [1.0, 3.0] + [10.0, 0.0]
    ax = plot_points(points, resolution=25)
    (image,) = ax.images
    counts = np.asarray(image.get_array())
    assert counts.shape == (25, 25)
    assert counts.sum() == 500
    x, y = points.reshape(-1, 2).T
    np.testing.assert_allclose(image.get_extent(), [x.min(), x.max(), y.min(), y.max()])
    # Rows of an image are y, from below.
    rows, _ = np.histogram(y, bins=25)
    np.testing.assert_array_equal(counts.sum(axis=1), rows)
    assert image.origin == "lower"


def test_the_picture_goes_where_it_is_told():
    _, (left, right) = pyplot.subplots(1, 2)
    points = np.random.default_rng(0).normal(size=(10, 2))
    assert plot_points(points, ax=left) is left
    assert not right.images
    assert plot_points(points) is right  # the current axes
    assert np.asarray(right.images[0].get_array()).shape == (50, 50)


def test_points_that_all_agree_make_a_picture():
    ax = plot_points(np.zeros((3, 2)))
    assert np.asarray(ax.images[0].get_array()).sum() == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_walker(disc, start=[3, 3]), r"start.*walker 0|walker 0.*start|density.*walker 0"),
        (lambda: random_walkers(disc, starts=[[0, 0], [3, 3]]), "walker 1"),
        (lambda: random_walker(bell, start=[[0, 0], [1, 1]]), "start must be one point.*random_walkers"),
        (lambda: random_walkers(bell, starts=[0, 0]), r"starts must have shape \(n_starts, 2\)"),
        (lambda: random_walker(bell, start=[0, np.nan]), "start"),
        (lambda: random_walker(bell, n_steps=0), "n_steps"),
        (lambda: random_walker(bell, burn_in=-1), "burn_in"),
        (lambda: random_walker(bell, half_width=0), "half_width must be positive"),
        (lambda: random_walker(lambda x, y: -1.0), "negative"),
        (lambda: plot_points(np.zeros((3, 3))), r"points must have shape \(n, 2\)"),
        (lambda: plot_points(np.zeros((0, 2))), r"points must have shape.*not be empty"),
        (lambda: plot_points([[0.0, np.inf]]), r"points must be finite, got inf at \(0, 1\)"),
        (lambda: plot_points([[0.0, 1.0]], resolution=0), "resolution must be at least 1, got 0"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="resolution must be a number of cells"):
        plot_points([[0.0, 1.0]], resolution=2.5)


def test_the_names_are_public():
    assert {"plot_points", "random_walker", "random_walkers"} <= set(cells.__all__)
