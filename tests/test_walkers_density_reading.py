"""Which arguments a callable is meant to get, and what trying it may cost."""

from __future__ import annotations

import functools
import json
import math
import os
import signal
import threading
import time

import numpy as np
import pytest

from foldstat import walkers as w
from foldstat.walkers.density import understand
from programs import outcome

STARTS = np.random.default_rng(0).normal(5.0, 1.0, size=(64, 2))
CUBE = np.random.default_rng(1).normal(5.0, 1.0, size=(64, 3))
MU, ICOV = np.full(3, 5.0), np.diag([1.0, 2.0, 4.0])


def values(understood, points):
    out = np.empty(len(points))
    understood.compiled.evaluate(np.ascontiguousarray(points), out, 1)
    return out


# --- parameters with a default are options ----------------------------------------------------------


def scaled(theta, beta=1.0):
    return -0.5 * beta * np.sum((theta - 5.0) ** 2)


def emcee_quickstart(x, mu=MU, icov=ICOV):
    diff = x - mu
    return -0.5 * np.dot(diff, np.dot(icov, diff))


def with_data(theta, data, beta=1.0):
    return -0.5 * beta * np.sum((theta - np.mean(data)) ** 2)


def by_name(theta, *, beta=1.0):
    return -0.5 * beta * np.sum((theta - 5.0) ** 2)


def with_rest(theta, *rest):
    return -0.5 * np.sum((theta - 5.0) ** 2)


class Model:
    def __init__(self, centre):
        self.centre = centre

    def log_prob(self, theta, beta=1.0):
        return -0.5 * beta * np.sum((theta - self.centre) ** 2)

    def __call__(self, theta, beta=1.0):
        return self.log_prob(theta, beta)


OPTIONS = {
    "default": (scaled, {}),
    "with args": (with_data, {"args": (np.array([4.0, 6.0]),)}),
    "with a number in args": (with_data, {"args": (5.0,)}),
    "by name": (by_name, {}),
    "rest": (with_rest, {}),
    "lambda": (lambda theta, beta=1.0: -0.5 * beta * np.sum((theta - 5.0) ** 2), {}),
    "partial by name": (functools.partial(with_data, data=5.0), {}),
    "partial of an option": (functools.partial(scaled, beta=1.0), {}),
    "method": (Model(5.0).log_prob, {}),
    "object": (Model(5.0), {}),
    "names of its own": (scaled, {"names": ["a", "b"]}),
}


@pytest.mark.parametrize("where", [None, "python"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_parameter_with_a_default_is_no_coordinate(name, where):
    density, options = OPTIONS[name]
    understood = understand(density, STARTS, where=where, **options)
    assert "f(point)" in understood.kind
    expected = -0.5 * ((STARTS - 5.0) ** 2).sum(axis=1)
    np.testing.assert_allclose(values(understood, STARTS), expected, rtol=1e-12)


@pytest.mark.parametrize("where", [None, "python"])
def test_the_mean_of_a_density_with_options_is_right(where):
    settings = {"n_steps": 4000, "burn_in": 500, "move": w.NormalStep(1.0), "rng": 0, "where": where}
    run = w.sample(scaled, STARTS, **settings)
    np.testing.assert_allclose(run.mean(), [5.0, 5.0], atol=0.1)
    run = w.sample(emcee_quickstart, CUBE, **settings)
    np.testing.assert_allclose(run.mean(), MU, atol=0.1)


def test_a_default_is_a_coordinate_where_nothing_else_works():
    understood = understand(lambda x, y=0.0: -(x * x) - (y - 1) ** 2, STARTS)
    assert "f(x, y)" in understood.kind
    understood = understand(lambda x, y, z=0.0: -x * y * z, CUBE)
    assert "f(x, y, z)" in understood.kind
    data = np.arange(10.0)
    understood = understand(lambda mu, sigma=1.0: -np.sum((data - mu) ** 2) / sigma**2, STARTS)
    assert "f(mu, sigma)" in understood.kind


def test_names_of_parameters_say_that_they_are_coordinates():
    assert "f(theta, beta)" in understand(scaled, STARTS, names=["theta", "beta"], where="python").kind
    run = w.sample(scaled, STARTS, 10, 0, call="coordinates", move=w.NormalStep(1.0), where="python")
    assert run.names == ("theta", "beta")


@pytest.mark.parametrize(
    ("density", "options"),
    [
        (lambda *x: -np.sum(np.square(x[0])), {}),
        (lambda theta=0.0, beta=1.0: -np.sum(np.square(theta)) * beta, {}),
        (lambda theta, beta=1.0: 0.0, {}),
        (lambda x, y, s=1: 0.0, {"args": (1,)}),
    ],
)
def test_what_may_be_meant_in_two_ways_is_asked_about(density, options):
    with pytest.raises(TypeError, match='gives a number either way: say which by call="coordinates" or call="point"'):
        understand(density, STARTS, **options)
    for call in ("coordinates", "point"):
        understand(density, STARTS, call=call, where="python", **options)


def test_where_both_ways_give_the_same_there_is_nothing_to_ask():
    understood = understand(lambda *x: -np.sum(np.square(x)), STARTS, where="python")
    assert understood.kind == "Python callable: f of 2 coordinates"
    assert understand(math.hypot, STARTS, where="python").kind == "Python callable: f of 2 coordinates"


def test_a_parameter_that_only_a_name_reaches_is_asked_for():
    with pytest.raises(TypeError, match=r"density needs sigma by name.*functools.partial\(density, sigma=...\)"):
        understand(lambda theta, *, sigma: 0.0, STARTS)


# --- trials stay inside -----------------------------------------------------------------------------


class Recorder:
    """Keeps the points at which a density is called."""

    def __init__(self, density):
        self.density, self.points = density, []

    def point(self, p):
        self.points.append(np.array(p))
        return self.density(p)

    def coordinates(self, x, y):
        self.points.append(np.array([x, y]))
        return self.density(np.array([x, y]))

    def seen(self):
        return np.concatenate([np.empty((0, 2)), *(p.reshape(-1, 2) for p in self.points if p.shape[-1:] == (2,))])


BOUNDS = np.array([[0.0, 1.0], [2.0, np.inf]])
INSIDE = np.column_stack([np.linspace(0.1, 0.9, 64), np.linspace(2.5, 3.5, 64)])


@pytest.mark.parametrize("way", ["point", "coordinates"])
@pytest.mark.parametrize("density", [lambda p: -(p**2).sum(axis=-1), lambda p: -float(p[0]) * float(p[1])])
def test_trials_lie_inside_the_bounds(way, density):
    recorder = Recorder(density)
    understand(getattr(recorder, way), INSIDE, bounds=BOUNDS)
    seen = recorder.seen()
    assert ((seen > BOUNDS[:, 0]) & (seen < BOUNDS[:, 1])).all()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_trials_lie_within_a_few_spreads(scale):
    starts = (STARTS - 5.0 + np.array([1e6, 0.0])) * scale
    recorder = Recorder(lambda p: -((p / scale) ** 2).sum(axis=-1))
    understand(recorder.point, starts, where="python")
    spread = np.ptp(starts, axis=0)
    assert (np.abs(recorder.seen() - starts.mean(axis=0)) < 6 * spread).all()


def kepler(anomaly, e, tolerance=1e-10):
    """The eccentric anomaly, by an iteration that does not end for e >= 1."""
    angle, step = anomaly, 1.0
    while np.any(np.abs(step) > tolerance) or np.any(e >= 1):
        step = (angle - e * np.sin(angle) - anomaly) / (1 - e * np.cos(angle))
        angle = angle - step
    return angle


KEPLER = {
    "coordinates": lambda e, phase: -50 * (kepler(phase, e) - 1.5) ** 2 - 50 * (e - 0.5) ** 2,
    "point": lambda p: -50 * (kepler(p[1], p[0]) - 1.5) ** 2 - 50 * (p[0] - 0.5) ** 2,
    "points": lambda p: -50 * (kepler(p[..., 1], p[..., 0]) - 1.5) ** 2 - 50 * (p[..., 0] - 0.5) ** 2,
}


@pytest.mark.parametrize("way", KEPLER)
def test_a_solver_that_only_converges_inside_the_bounds_starts(way):
    starts = np.column_stack([np.linspace(0.2, 0.95, 8), np.linspace(1.0, 2.0, 8)])
    begin = time.perf_counter()
    run = w.sample(
        KEPLER[way], starts, 20, 0, bounds=[(0, 0.999), (0, 7)], move=w.NormalStep(0.1), rng=0, where="python"
    )
    assert time.perf_counter() - begin < 15.0
    assert np.isfinite(run.log_density).all()
    assert ("vectorised" in run.density_kind) == (way == "points")


def anomaly(phase, e):
    angle, step = phase, 1.0
    while abs(step) > 1e-10 or e >= 1.0:
        step = (angle - e * math.sin(angle) - phase) / (1.0 - e * math.cos(angle))
        angle -= step
    return angle


@pytest.mark.parametrize("e", [0.2, 0.999])
def test_a_solver_is_compared_with_its_compiled_form_inside_the_bounds(e):
    pytest.importorskip("numba")
    starts = np.column_stack([np.linspace(e - 0.1, e, 8), np.linspace(1.0, 2.0, 8)])
    bounds = np.array([[0.0, 1.0], [0.0, 7.0]])
    understood = understand(lambda e, phase: -((anomaly(phase, e) - 1.5) ** 2), starts, bounds=bounds)
    assert understood.kind == "compiled by numba: f(e, phase)"


def test_bounds_by_name_hold_for_trials():
    recorder = Recorder(lambda p: -float(p @ p))
    w.sample(
        lambda a, b=0.0: recorder.coordinates(a, b),
        {"a": INSIDE[:, 0], "b": INSIDE[:, 1]},
        5,
        0,
        bounds={"b": (2.0, None), "a": (0.0, 1.0)},
        move=w.NormalStep(0.01),
        where="python",
    )
    assert ((recorder.seen() >= BOUNDS[:, 0]) & (recorder.seen() <= BOUNDS[:, 1])).all()


def test_starts_outside_of_the_bounds_are_refused_before_anything_is_tried():
    def density(x, y):
        raise AssertionError("called")

    with pytest.raises(ValueError, match=r"walker 0 starts outside the bounds, y = 2.5 is not in \[3, 9\]"):
        w.sample(density, INSIDE, 5, 0, bounds=[(0, 1), (3, 9)], move=w.NormalStep(0.1))


# --- trials take little time, and end ---------------------------------------------------------------


@pytest.mark.parametrize("way", ["point", "coordinates", "points"])
def test_what_is_slow_is_tried_once_or_twice(way):
    calls = []

    def value(p):
        calls.append(p)
        time.sleep(0.1)
        return -np.sum(np.square(p), axis=-1)

    if way == "coordinates":
        understand(lambda x, y: float(value(np.array([x, y]))), STARTS)
    else:
        kind = understand((lambda p: float(value(p))) if way == "point" else value, STARTS).kind
        assert kind.startswith("vectorised") == (way == "points")
    assert len(calls) <= 2


def test_slow_functions_of_points_need_not_take_a_single_one():
    def density(p):
        time.sleep(0.1)
        return -(p**2).sum(axis=1)

    assert understand(density, STARTS).kind == "vectorised Python callable"


def test_a_batch_that_never_ends_is_given_up():
    def density(p):
        while np.ndim(p) > 1:
            pass
        return -float(p @ p)

    begin = time.perf_counter()
    assert understand(density, STARTS, where="python").kind == "Python callable: f(point)"
    assert time.perf_counter() - begin < 5.0


def test_a_trial_in_another_thread_has_a_limit_too():
    found = []

    def density(p):
        while np.ndim(p) > 1:
            pass
        return -float(p @ p)

    thread = threading.Thread(target=lambda: found.append(understand(density, STARTS, where="python").kind))
    thread.start()
    thread.join(20.0)
    assert found == ["Python callable: f(point)"]


ENDLESS = """
import json, signal, sys, time
import numpy as np
from foldstat import walkers as w
def density(p):
    while True:
        pass
class OwnError(Exception):
    pass
def handler(*_):
    raise OwnError("enough")
signal.signal(signal.SIGALRM, HANDLER)
signal.setitimer(signal.ITIMER_REAL, 0.5)
begin = time.perf_counter()
try:
    w.sample(density, np.zeros((4, 2)), 10, 0, move=w.NormalStep(1.0))
except (OwnError, KeyboardInterrupt) as error:
    print(json.dumps([type(error).__name__, time.perf_counter() - begin]))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize(
    ("handler", "raised"), [("handler", "OwnError"), ("signal.default_int_handler", "KeyboardInterrupt")]
)
def test_a_trial_that_never_ends_can_be_interrupted(handler, raised):
    found, took = outcome(ENDLESS.replace("HANDLER", handler))
    assert found == raised
    assert took < 3.0


def test_nothing_is_left_behind_by_a_limit():
    n_threads = threading.active_count()
    understand(scaled, STARTS)
    time.sleep(0.1)
    assert threading.active_count() <= n_threads
    assert json.dumps(os.getpid())


# --- what was guessed is checked on the way ---------------------------------------------------------


def test_an_array_of_points_that_is_refused_for_one_is_noticed_on_the_way():
    def density(p):
        if np.any(p < -1.0):
            return np.full(np.shape(p)[:-1], -np.inf)
        return -0.5 * np.sum(p**2, axis=-1)

    starts = 5.0 + 1e-4 * np.random.default_rng(0).normal(size=(16, 2))
    with pytest.raises(TypeError, match=r'for that point alone: call="point" calls it with one point at a time'):
        w.sample(density, starts, 2000, 0, move=w.NormalStep(0.5), rng=0)
    run = w.sample(density, starts, 200, 0, move=w.NormalStep(0.5), rng=0, call="point")
    assert "point" in run.density_kind
