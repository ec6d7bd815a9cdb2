"""Plain Python functions, compiled by numba: the same values, the same exceptions."""

from __future__ import annotations

import builtins
import math
import random
import re
import threading
import warnings
from math import log

import numba
import numpy as np
import pytest

from foldstat.walkers.density import _compile, understand
from foldstat.walkers.density._python_errors import BINARY, UNARY, checked_math

STARTS = np.random.default_rng(0).normal(size=(64, 2)) * 2
COMPILED = "compiled by numba: f(x, y)"


def values(understood, points=STARTS, n_jobs=None):
    points = np.ascontiguousarray(points, dtype=np.float64)
    out = np.empty(len(points))
    understood.compiled.evaluate(points, out, n_jobs)
    return out


def three_gaussians(x, y):
    return (
        math.exp(-0.5 * (x**2 + y**2))
        + math.exp(-0.5 * ((x - 5) ** 2 + (y - 5) ** 2))
        + math.exp(-0.5 * ((x + 5) ** 2 + (y - 5) ** 2))
    )


def quadratic(x):
    return -0.5 * x * x


def of_other_functions(x, y):
    return quadratic(x) + quadratic(y) + factorial(4)


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


# --- the same values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "density",
    [
        three_gaussians,
        of_other_functions,
        lambda x, y: log(abs(x)) - y * y,
        lambda x, y: -(x * x) if x > 0 else -int(abs(y)),
        lambda *x: -x[0] * x[1],
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_functions_of_coordinates(density, n_jobs):
    understood = understand(density, STARTS)
    assert understood.kind.startswith("compiled by numba: f")
    assert understood.original is density
    many = np.tile(STARTS, (50, 1))
    expected = np.array([density(*p) for p in many.tolist()])
    np.testing.assert_allclose(values(understood, many, n_jobs), expected, rtol=1e-14)


def with_numpy(p):
    return -0.5 * np.sum((p - np.array([1.0, 2.0])) ** 2)


def in_place(p):
    p -= 1.0
    return -0.5 * (p[0] ** 2 + p[1] ** 2)


@pytest.mark.parametrize("density", [with_numpy, in_place, lambda p: -p[0] * p[-1], numba.njit(with_numpy)])
def test_functions_of_a_point(density):
    understood = understand(density, STARTS)
    assert understood.kind == "compiled by numba: f(point)"
    before = STARTS.copy()
    np.testing.assert_allclose(values(understood), [density(p.copy()) for p in STARTS], rtol=1e-14)
    np.testing.assert_array_equal(STARTS, before)


def test_one_dimension():
    line = STARTS[:, :1].copy()
    understood = understand(lambda x: -math.cosh(x), line)
    assert understood.kind == "compiled by numba: f(x)"
    np.testing.assert_allclose(values(understood, line), -np.cosh(line[:, 0]), rtol=1e-14)


def test_where_python_forbids_it():
    assert understand(three_gaussians, STARTS, where="python").kind == "Python callable: f(x, y)"


# --- the same exceptions ----------------------------------------------------------------------------


class OwnError(Exception):
    pass


def raising(x, y):
    if x > 10:
        raise OwnError("too large", x)
    if x < -10:
        raise OwnError(f"too small: {x}")
    if y == 77:
        raise AssertionError("unlucky")
    return 1 / (y - 3) + log(y + 100) + math.exp(y)


@pytest.mark.parametrize(
    ("point", "error", "message"),
    [
        ((11.0, 0.0), OwnError, "too large"),
        ((-11.0, 0.0), OwnError, "too small: -11"),
        ((0.0, 77.0), AssertionError, "unlucky"),
        ((0.0, 3.0), ZeroDivisionError, "division by zero"),
        ((0.0, -100.0), ValueError, None),
        ((0.0, -101.0), ValueError, None),
        ((0.0, 1000.0), OverflowError, "math range error"),
    ],
)
@pytest.mark.parametrize("row", [0, 300, 599])
def test_exceptions_are_the_users_own(point, error, message, row):
    understood = understand(raising, STARTS)
    assert understood.kind == COMPILED
    points = np.ones((600, 2))
    points[row] = point
    points[row + 1 :] = (12.0, 0.0)  # would raise as well, but later
    for n_jobs in (1, 3):
        with pytest.raises(error, match=message):
            values(understood, points, n_jobs)
    with pytest.raises(error, match=message):
        understood.reproduce(points[row])
    points[row:] = 1.0
    assert np.isfinite(values(understood, points)).all()


def test_an_index_out_of_bounds_is_no_value():
    understood = understand(lambda p: p[2] if p[0] > 100 else -p[0], STARTS)
    assert understood.kind == "compiled by numba: f(point)"
    with pytest.raises(IndexError, match="index 2 is out of bounds"):
        values(understood, [[101.0, 0.0]])


def test_nothing_to_reproduce():
    understood = understand(three_gaussians, STARTS)
    with pytest.raises(RuntimeError, match=r"where as a Python function it gives 1\.0"):
        understood.reproduce(np.zeros(2))


SPECIAL = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -2.0, 30.0, 171.0, 1e3, -1e3, 1e308, -1e308, 5e-324]
SPECIAL += [math.inf, -math.inf, math.nan]


def outcome(function, *x):
    try:
        return function(*x)
    except (ValueError, OverflowError):
        return "raises"


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_math_raise_where_python_does(name):
    checked, original = getattr(checked_math()[0], name), getattr(math, name)
    for x in SPECIAL:
        expected, found = outcome(original, x), outcome(checked, x)
        same = expected == found or (expected != "raises" != found and np.isclose(expected, found, 1e-9, 0, True))
        assert same, (name, x, expected, found)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers_raise_where_python_does(name):
    checked, original = getattr(checked_math()[0], name), getattr(math, name)
    for x in SPECIAL:
        for y in SPECIAL:
            expected, found = outcome(original, x, y), outcome(checked, x, y)
            same = expected == found or (expected != "raises" != found and np.isclose(expected, found, 1e-9, 0, True))
            assert same, (name, x, y, expected, found)


# --- arguments --------------------------------------------------------------------------------------


def with_data(x, y, data, scale, power, flip):
    value = -scale * ((data[:, 0] - x) ** power).sum() - data[0, 1] * y
    return -value if flip else value


@pytest.mark.parametrize(("order", "dtype"), [("C", np.float64), ("F", np.float64), ("F", np.int8)])
def test_arguments_are_read_where_they_lie(order, dtype):
    data = np.array(np.arange(6).reshape(3, 2), dtype=dtype, order=order)
    args = (data, 0.5, 2, False)
    understood = understand(with_data, STARTS, args=args)
    assert understood.kind == COMPILED
    np.testing.assert_allclose(values(understood), [with_data(*p, *args) for p in STARTS.tolist()], rtol=1e-9)
    data[:] = data[::-1].copy()
    np.testing.assert_allclose(values(understood), [with_data(*p, *args) for p in STARTS.tolist()], rtol=1e-9)


def test_single_precision_is_pythons():
    # NumPy computes in single precision here, numba in double.
    data = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    with pytest.warns(RuntimeWarning, match="called as a Python function instead"):
        understood = understand(lambda x, y, data: (data - x).sum(), STARTS, args=(data,))
    np.testing.assert_array_equal(values(understood), [(data - x).sum() for x in STARTS[:, 0].tolist()])


def test_arguments_stay_alive():
    understood = understand(lambda x, y, data: data.sum() * x, STARTS, args=(np.full(100_000, 2.0),))
    rubbish = [np.full(100_000, float(i)) for i in range(10)]
    np.testing.assert_allclose(values(understood), 2e5 * STARTS[:, 0])
    del rubbish


def test_scalars_of_one_function_differ_between_densities():
    def density(x, y, scale):
        return -scale * x

    two, three = (understand(density, STARTS, args=(scale,)) for scale in (2.0, 3.0))
    np.testing.assert_array_equal(values(two), -2 * STARTS[:, 0])
    np.testing.assert_array_equal(values(three), -3 * STARTS[:, 0])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("text", r"args\[0\] is neither a number nor an array of numbers"),
        ({1: 1}, r"args\[0\] is neither"),
        (np.array(["a"]), r"args\[0\] is neither"),
        (2**31, r"args\[0\] has more than 31 bits"),
    ],
)
def test_other_arguments_are_pythons(value, why):
    understood = understand(lambda x, y, value: -x, STARTS, args=(value,))
    assert understood.kind.startswith("Python callable: f(x, y) (not compiled: args")
    assert re.search(why, understood.kind)
    np.testing.assert_array_equal(values(understood), -STARTS[:, 0])


# --- what is not compiled ---------------------------------------------------------------------------


class Model:
    pass


@pytest.mark.parametrize(
    ("density", "why"),
    [
        (math.hypot, "a builtin_function_or_method is no Python function"),
        (lambda x, y: -len(Model.__name__) * x, "numba: "),
        (lambda x, y: float(f"{x:.3f}"), "numba: "),
    ],
)
def test_what_numba_cannot_compile_is_called(density, why):
    understood = understand(density, STARTS, call="coordinates")
    assert re.match(rf"Python callable: f(\(x, y\)| of 2 coordinates) \(not compiled: {why}", understood.kind)
    assert "\n" not in understood.kind
    np.testing.assert_array_equal(values(understood), [density(*p) for p in STARTS.tolist()])


def test_without_numba(monkeypatch):
    original = _compile.importlib.import_module

    def missing(name, *rest):
        if name.split(".")[0] == "numba":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest)

    monkeypatch.setattr(_compile.importlib, "import_module", missing)
    understood = understand(three_gaussians, STARTS)
    assert understood.kind == "Python callable: f(x, y) (not compiled: numba is not installed)"
    np.testing.assert_array_equal(values(understood), [three_gaussians(*p) for p in STARTS.tolist()])


def test_numba_is_not_imported_for_nothing(monkeypatch):
    def refuse(*_):
        raise AssertionError("numba was imported")

    monkeypatch.setattr(_compile, "_numba", refuse)
    understand(three_gaussians, STARTS, where="python")
    understand(lambda p: -(p**2).sum(axis=-1), STARTS)


# --- compared with the original ---------------------------------------------------------------------


def test_other_values_fall_back_with_a_warning():
    def noisy(x, y):
        return random.random() * x

    with pytest.warns(RuntimeWarning, match=r"at \[.*\] density gives .*, but compiled by numba .*called as a Python"):
        understood = understand(noisy, STARTS)
    assert understood.kind == "Python callable: f(x, y) (not compiled: numba: compiled, it gives other values)"


def test_powers_raise_where_pythons_do():
    understood = understand(lambda x, y: 0.0**x, np.abs(STARTS))
    assert understood.kind == COMPILED
    with pytest.raises(ZeroDivisionError):
        values(understood, [[-1.0, 0.0]])


def test_where_both_raise_they_agree():
    understood = understand(lambda x, y: math.log(x), STARTS)
    assert understood.kind == COMPILED
    with pytest.raises(ValueError, match=r"math domain error|expected a positive"):
        values(understood)


# --- compiled once ----------------------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch):
    """Counts what is compiled."""
    counted = []
    original = _compile._pointer

    def counting(*arguments):
        counted.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(_compile, "_pointer", counting)
    return counted


def made(factor):
    return lambda x, y: -factor * x * y


FACTOR = 1.0
DATA = np.arange(3.0)


def of_globals(x, y):
    return FACTOR * x + DATA[0] * y


def test_a_function_is_compiled_once(compilations):
    for density in (made(11.0), made(11.0), made(11.0)):
        values(understand(density, STARTS))
    assert len(compilations) == 1
    understand(made(12.0), STARTS)
    assert len(compilations) == 2
    line = STARTS[:, :1].copy()
    understand(lambda x: -x, line)
    assert len(compilations) == 3


def test_a_change_of_what_is_frozen_is_seen(compilations, monkeypatch):
    for factor, first in ((1.0, 0.0), (2.0, 0.0), (2.0, 7.0)):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        DATA[0] = first
        np.testing.assert_allclose(values(understand(of_globals, STARTS)), [of_globals(*p) for p in STARTS.tolist()])
    assert len(compilations) == 3
    understand(of_globals, STARTS)
    assert len(compilations) == 3


def test_many_threads_compile_it_once(compilations):
    def density(x, y):
        return -3.25 * x * y

    found = []
    threads = [threading.Thread(target=lambda: found.append(values(understand(density, STARTS)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(compilations) == 1
    for value in found:
        np.testing.assert_allclose(value, -3.25 * STARTS.prod(axis=1))


def test_the_cache_is_limited(monkeypatch):
    cache = _compile._Cache()
    for i in range(1000):
        assert cache.get(i, lambda i=i: i) == i
    assert len(cache._entries) == _compile._KEPT


def test_the_users_function_is_left_alone():
    before = dict(vars(of_other_functions)), of_other_functions.__globals__["math"], builtins.float
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        understand(of_other_functions, STARTS)
    assert (dict(vars(of_other_functions)), of_other_functions.__globals__["math"], builtins.float) == before


def test_where_compiled_code_fails_and_python_has_a_value_that_is_the_value():
    def density(x, y):
        return -1.0 / np.exp(-x) - y * y  # NumPy's number divides by zero, compiled code raises

    starts = np.column_stack([np.linspace(0.0, 1.0, 64), np.zeros(64)])
    understood = understand(density, starts)
    assert understood.kind == COMPILED
    points = np.zeros((600, 2))
    points[::7, 0] = 800.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a division by zero
        expected = [density(x, y) for x, y in points.tolist()]
        for n_jobs in (1, 3):
            np.testing.assert_array_equal(values(understood, points, n_jobs), expected)
    assert np.isneginf(expected).sum() == 86
