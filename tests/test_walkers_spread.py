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
