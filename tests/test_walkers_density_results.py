"""What a density gives that is no plain number, and where it was when it raised."""

from __future__ import annotations

import re

import numpy as np
import pytest

from foldstat import walkers as w

STARTS = np.random.default_rng(0).normal(size=(8, 2))
LINE = STARTS[:, :1].copy()
SETTINGS = {"n_steps": 40, "burn_in": 0, "move": w.NormalStep(1.0), "rng": 0}


def values(understood, points):
    out = np.empty(len(points))
    understood.compiled.evaluate(np.ascontiguousarray(points), out, 1)
    return out


BOOLEANS = {
    "coordinates": lambda x, y: x > -100.0,
    "point": lambda p: bool(p[0] > -100.0),
    "numpy": lambda x, y: np.bool_(x > -100.0),
    "points": lambda p: p[:, 0] > -100.0,
    "sometimes": lambda x, y: -x * x if x < 0.5 else False,
}


@pytest.mark.parametrize("where", [None, "python"])
@pytest.mark.parametrize("name", BOOLEANS)
def test_a_condition_is_no_logarithm(name, where):
    with pytest.raises(TypeError, match=r"gave True or False, which is no logarithm.*log=False"):
        w.sample(BOOLEANS[name], STARTS, where=where, **SETTINGS)


@pytest.mark.parametrize("where", [None, "python"])
@pytest.mark.parametrize("name", ["coordinates", "point", "numpy", "points"])
def test_a_condition_is_a_density(name, where):
    run = w.sample(BOOLEANS[name], STARTS, where=where, log=False, **SETTINGS)
    assert (run.log_density == 0.0).all()


COMPLEX = {
    "python": lambda x, y: complex(-x * x, y),
    "numpy": lambda x, y: np.complex128(complex(-x * x, y)),
    "single": lambda x, y: np.complex64(complex(-x * x, y)),
    "array": lambda p: np.array(complex(-p[0], 1.0)),
    "points": lambda p: -p[:, 0] + 1j * p[:, 1],
    "real": lambda x, y: np.complex128(-x * x),
    "root": lambda x, y: (-1.0 - x * x) ** 0.5,
}


@pytest.mark.parametrize("where", [None, "python"])
@pytest.mark.parametrize("name", COMPLEX)
def test_an_imaginary_part_is_refused(name, where):
    with pytest.raises(
        (TypeError, ValueError, RuntimeError), match=r"one number for each point|real numbers|complex|it gives \("
    ):
        w.sample(COMPLEX[name], STARTS, where=where, **SETTINGS)


ONES = {
    "array": lambda p: -0.5 * (p[:1] ** 2),
    "broadcast": lambda p: -0.5 * (p - np.zeros(1)) ** 2,
    "matrix": lambda p: -0.5 * np.reshape(p, (1, 1)) ** 2,
    "column": lambda p: -0.5 * np.asarray(p) ** 2,
}


@pytest.mark.parametrize("where", [None, "python"])
@pytest.mark.parametrize("name", ONES)
def test_an_array_of_one_number_is_that_number_in_one_dimension(name, where):
    run = w.sample(ONES[name], LINE, 4000, 200, move=w.NormalStep(2.0), rng=0, where=where)
    assert run.draws.shape == (8, 4000, 1)
    np.testing.assert_allclose(run.log_density, -0.5 * run.draws[:, :, 0] ** 2, rtol=1e-12)
    assert abs(run.draws.var() - 1.0) < 0.15


def test_an_array_of_one_number_is_none_in_two_dimensions():
    with pytest.raises(TypeError, match=r"one number for each point.*shape \(1,\)"):
        w.sample(lambda x, y: np.array([-x * x]), STARTS, where="python", **SETTINGS)


# --- where it raised --------------------------------------------------------------------------------


class OwnError(Exception):
    pass


class FrozenError(Exception):
    def __setattr__(self, name, value):
        raise AttributeError("frozen")


def raising(x, y, error=OwnError):
    if x > 1.5:
        raise error("too far")
    return -0.5 * (x * x + y * y)


LOW = -np.abs(STARTS)


@pytest.mark.parametrize("where", [None, "python"])
def test_what_a_density_raises_says_where(where):
    with pytest.raises(OwnError, match="too far") as caught:
        w.sample(
            raising, LOW, 4000, 0, move=w.NormalStep(1.0), rng=0, where=where, call="coordinates", args=(OwnError,)
        )
    (note,) = caught.value.__notes__
    found = re.fullmatch(r"density raised this for walker (\d+) at step (\d+), at the point \[(.+), (.+)\]", note)
    assert found is not None, note
    walker, step = int(found[1]), int(found[2])
    assert float(found[3]) > 1.5
    assert caught.value.partial.n_steps == step
    assert walker < len(LOW)


def test_a_compiled_density_says_where_it_raised():
    def density(x, y):
        if x > 1.5:
            raise ValueError("too far")
        return -0.5 * (x * x + y * y)

    with pytest.raises(ValueError, match="too far") as caught:
        w.sample(density, LOW, 4000, 0, move=w.NormalStep(1.0), rng=0)
    assert caught.value.partial.density_kind.startswith("compiled by numba")
    assert re.search(r"for walker \d+ at step \d+, at the point \[", caught.value.__notes__[0])


def test_a_start_where_a_density_raises_is_named():
    with pytest.raises(OwnError) as caught:
        w.sample(lambda x, y: raising(x, y), STARTS + [[2.0, 0.0]] * 8, where="python", **SETTINGS)
    assert "for walker 0 at step 0, at the point [" in caught.value.__notes__[0]


def test_a_vectorised_density_says_at_which_step_it_raised():
    def density(p):
        if np.any(p[:, 0] > 1.5):
            raise OwnError("too far")
        return -0.5 * (p**2).sum(axis=1)

    with pytest.raises(OwnError) as caught:
        w.sample(density, LOW, 4000, 0, move=w.NormalStep(1.0), rng=0, call="points")
    step = caught.value.partial.n_steps
    assert f"for all walkers together at step {step}, the first of them at [" in caught.value.__notes__[0]


@pytest.mark.parametrize("error", [FrozenError, KeyboardInterrupt])
def test_what_takes_no_note_comes_out_without(error):
    def density(p):
        if p[0] > 1.5:
            raise error
        return -0.5 * float(p @ p)

    if error is KeyboardInterrupt:
        with pytest.warns(RuntimeWarning, match="interrupted after"):
            run = w.sample(density, LOW, 4000, 0, move=w.NormalStep(1.0), rng=0, call="point", where="python")
        assert run.interrupted
    else:
        with pytest.raises(FrozenError):
            w.sample(density, LOW, 4000, 0, move=w.NormalStep(1.0), rng=0, call="point", where="python")


def test_what_is_compiled_is_compared_once_more_where_walkers_have_come_to():
    """Far from the starts, compiled integers wrap around where those of Python do not."""

    def log_density(x):
        return -(((x - 4e9) / 1e7) ** 2) / 2 + (0.0 if int(x) * (int(x) + 3) > -7 else -1.0)

    with pytest.raises(ValueError, match=r"where a walker is, but compiled by numba .* where=\"python\"") as caught:
        w.sample(log_density, 1.0, 200, 2_000, move=w.NormalStep(1e15), rng=0, n_walkers=4)
    assert caught.value.partial.n_draws == 200
