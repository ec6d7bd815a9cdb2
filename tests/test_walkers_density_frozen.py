"""What a compiled density depends on: data as it was when it was understood, and Python's exceptions."""

import math
import types

import numpy as np
import pytest

from foldstat import walkers as w

BIG = np.zeros(200_000)  # numba refers to arrays of this size by their address
SETTINGS = types.ModuleType("settings")


def walk(density, **keywords):
    settings = {"n_steps": 400, "burn_in": 0, "n_walkers": 8, "move": w.UniformStep(2.0), "rng": 0} | keywords
    return w.sample(density, settings.pop("start", [0.5, 0.0]), **settings)


def with_big_array(x, y):
    return -0.5 * (x * x + y * y) * (1.0 + BIG[150_000])


def with_settings(x, y):
    return -(x * x + y * y) / 50 if x * x + y * y < SETTINGS.cut else -1e300


def test_a_large_array_is_frozen_with_the_function(monkeypatch):
    run = walk(with_big_array)
    assert run.density_kind.startswith("compiled by numba")
    old = BIG.copy()
    try:
        BIG[:] = 1000.0
        again = walk(with_big_array, n_steps=800)
        assert np.abs(again.draws).max() < 0.8  # the array as it is now, not as it was
        BIG[:] = 0.0
        np.testing.assert_array_equal(walk(with_big_array).draws, run.draws)
    finally:
        BIG[:] = old


def test_an_extended_run_sees_the_array_as_it_was():
    run = walk(with_big_array)
    long = walk(with_big_array, n_steps=800)
    try:
        BIG[:] = 1000.0
        np.testing.assert_array_equal(run.extend(400).draws, long.draws)
    finally:
        BIG[:] = 0.0


def test_attributes_of_modules_are_looked_at_anew(monkeypatch):
    monkeypatch.setattr(SETTINGS, "cut", 100.0, raising=False)
    wide = walk(with_settings)
    assert wide.density_kind.startswith("compiled by numba")
    monkeypatch.setattr(SETTINGS, "cut", 1.0)
    narrow = walk(with_settings)
    assert np.hypot(*wide.draws.T).max() > 2
    assert np.hypot(*narrow.draws.T).max() <= 1


@pytest.mark.parametrize(
    ("density", "error"),
    [
        (lambda x, y: -(x * x) - y * y + (0 * math.floor(math.inf) if x > 1.0 else 0.0), OverflowError),
        (lambda x, y: -(x * x) - y * y + (0 * round(math.nan) if x > 1.0 else 0.0), ValueError),
        (lambda x, y: -(x * x) - y * y - (max(1.0 - x, 0.0) ** -1.0 if x > 0.9 else 0.0), ZeroDivisionError),
    ],
)
def test_what_python_raises_is_never_a_value(density, error):
    with pytest.raises(error):
        walk(density)


def test_integers_that_only_python_has_leave_the_function_to_python():
    def density(x, y):
        return -(x * x) - y * y + 0.0 * int(1e300 * x if x > 1.0 else 0.0)

    with pytest.warns(RuntimeWarning, match="compiled by numba an exception"):
        run = walk(density)
    np.testing.assert_array_equal(run.draws, walk(density, where="python").draws)


def test_as_many_parameters_as_dimensions_are_coordinates_whatever_their_defaults():
    def density(x, y=0.0):
        return -(x * x + (y - 1) ** 2)

    run = walk(density, n_steps=4000)
    assert "f(x, y)" in run.density_kind or "density" in run.density_kind
    assert run.names == ("x", "y")
    np.testing.assert_allclose(run.mean(), [0.0, 1.0], atol=0.15)


@pytest.mark.parametrize("scale", [np.float32(2.0), np.int32(2), np.float64(2.0), 2])
def test_scalars_of_numpy_are_numbers(scale):
    run = walk(lambda x, y, scale: -scale * (x * x + y * y), args=(scale,))
    assert run.density_kind.startswith("compiled by numba")
    expected = walk(lambda x, y: -2.0 * (x * x + y * y))
    np.testing.assert_array_equal(run.draws, expected.draws)
