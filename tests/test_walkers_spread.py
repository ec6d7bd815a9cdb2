"""Whether starts span the space does not depend on the units or the origin of the coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import walkers as w

MOVES = [w.Stretch(), w.DifferentialEvolution(), w.Snooker(), w.Mix([(1, w.Stretch()), (1, w.Snooker())])]


def flat(points):
    """A density that is constant where the doubles are finite."""
    return np.zeros(len(points))


def walk(start, move):
    return w.sample(flat, start, n_steps=1, burn_in=0, move=move, rng=0, call="points")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    powers=st.lists(st.integers(-290, 290), min_size=3, max_size=3),
    shift=st.sampled_from([0.0, 1.0, -1e3, 1e6]),
    move=st.sampled_from(MOVES),
)
def test_starts_that_span_the_space_do_so_in_any_units(seed, powers, shift, move):
    units = 10.0 ** np.array(powers)
    starts = np.random.default_rng(seed).normal(size=(20, 3))
    walk((starts + shift) * units, move)
    plane = starts.copy()
    plane[:, 2] = plane[:, 0] - 2 * plane[:, 1]
    with pytest.raises(ValueError, match="in a plane of fewer dimensions"):
        walk((plane + shift) * units, move)
    plane[:, 2] = 0.25
    with pytest.raises(ValueError, match="in a plane of fewer dimensions"):
        walk((plane + shift) * units, move)


def test_a_mass_in_kilograms_beside_an_eccentricity():
    rng = np.random.default_rng(0)
    starts = np.column_stack([rng.normal(2e30, 1e27, size=32), rng.uniform(0.1, 0.2, size=32)])
    assert walk(starts, w.Stretch()).n_draws == 1


def test_the_ends_of_the_doubles():
    rng = np.random.default_rng(0)
    assert walk(rng.uniform(-1, 1, size=(16, 2)) * [1.7e308, 1e-307], w.Stretch()).n_draws == 1


@pytest.mark.parametrize("n_walkers", [8, 4_000, 20_000])
def test_a_small_spread_far_away_is_one_for_any_number_of_walkers(n_walkers):
    rng = np.random.default_rng(0)
    starts = rng.normal(size=(n_walkers, 2))
    assert walk(np.column_stack([1.7e9 + 1e-3 * starts[:, 0], starts[:, 1]]), w.Stretch()).n_draws == 1


def test_one_walker_far_away_hides_no_others():
    starts = np.random.default_rng(0).normal(size=(9, 2))
    for far in ([1e18, 1e18], [1e18, 0.0]):
        starts[-1] = far
        assert walk(starts, w.Stretch()).n_draws == 1
