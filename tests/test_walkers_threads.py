"""Threads and signals: the interpreter stays free while walkers walk, and Ctrl-C is heard."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from foldstat import walkers as w
from foldstat.walkers._moves import Setting

HERE = Path(__file__).parent


def vectorised(points):
    return -0.5 * (points**2).sum(axis=1)


def slow_python(point):
    time.sleep(0.005)
    return -0.5 * float(point @ point)


@functools.cache
def slow_native():
    """A compiled function that takes about 5 ms."""
    numba = pytest.importorskip("numba")

    @numba.cfunc("float64(int32, CPointer(float64))")
    def log_density(n, x):
        total = 0.0
        for i in range(1_500_000):
            total += 1.0 / (1.0 + i + x[0] * x[0])
        return -0.5 * (x[0] * x[0] + x[1] * x[1]) + 1e-12 * total

    return log_density


STARTS = np.random.default_rng(0).normal(size=(64, 2))


# --- the interpreter is free ------------------------------------------------------------------------


def ticks_during(work):
    """When a thread that ticks every 5 ms could do so during some work, and how long that took."""
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    work()
    end = time.perf_counter()
    stop.set()
    thread.join()
    return np.array([tick for tick in ticks if begin <= tick <= end]), end - begin


def long_walk(density, move, seconds, **options):
    """Give a function that walks for about that long, keeping moments only."""
    options = {"move": move, "rng": 0, "n_jobs": 1, "keep": "moments", "histograms": (), **options}
    n_steps = 50
    while True:
        begin = time.perf_counter()
        run = w.sample(density, STARTS, n_steps, 10, **options)
        elapsed = time.perf_counter() - begin
        if elapsed > 0.05:
            break
        n_steps *= 4
    return run, int(n_steps * seconds / elapsed)


@pytest.mark.parametrize("move", [w.UniformStep(1.0), w.Stretch()], ids=repr)
def test_a_ticking_thread_keeps_ticking_over_a_built_in_density(move):
    run, n_steps = long_walk(w.densities.ThreeGaussians(), move, 1.0)
    ticks, elapsed = ticks_during(lambda: run.extend(n_steps, n_jobs=1))
    assert elapsed > 0.2, "the walk is too short to prove anything"
    # Walkers that held the lock would let the ticker run only between two of their calls.
    assert len(ticks) > elapsed / 0.005 * 0.2


def test_a_ticking_thread_keeps_ticking_over_a_native_density():
    run = w.sample(slow_native(), STARTS[:4], 1, 0, move=w.UniformStep(1.0), rng=0)
    ticks, elapsed = ticks_during(lambda: run.extend(60, n_jobs=1))
    assert elapsed > 0.2, "the walk is too short to prove anything"
    assert len(ticks) > elapsed / 0.005 * 0.2


def test_two_samplers_at_once():
    """Each of them goes on once the other has begun, which one after the other could not do."""
    density = w.densities.ThreeGaussians()
    run, n_steps = long_walk(density, w.UniformStep(1.0), 0.6)
    state, moves = run._ensemble.state(), w.UniformStep(1.0)._schedule(Setting(1, 2))
    stamps, results = {1: [], 2: []}, {}

    def walk(n_jobs):
        ensemble = type(run._ensemble).from_state(state, moves)
        callback = lambda reports: stamps[n_jobs].append(time.perf_counter())  # noqa: E731
        ensemble.advance(density._compiled(), n_steps, n_jobs=n_jobs, callback=callback)
        results[n_jobs] = ensemble.positions

    threads = [threading.Thread(target=walk, args=(n,)) for n in stamps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(results) == {1, 2}
    np.testing.assert_array_equal(results[1], results[2])
    np.testing.assert_array_equal(results[1], run.extend(n_steps).positions)
    assert min(map(len, stamps.values())) > 1, "the walks are too short to prove anything"
    assert max(s[0] for s in stamps.values()) < min(s[-1] for s in stamps.values()), "one by one"


@pytest.mark.parametrize("where", ["vectorised", "point"])
def test_two_samplers_over_a_python_function(where):
    """A function of Python is called by one of them at a time, and both get what they asked for."""
    call, density = ("points", vectorised) if where == "vectorised" else ("point", lambda p: -0.5 * float(p @ p))

    def walk(seed):
        return w.sample(density, STARTS[:16], 150, 0, move=w.Stretch(), rng=seed, call=call, where="python").draws

    results = {}
    threads = [threading.Thread(target=lambda s=seed: results.update({s: walk(s)})) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for seed in range(3):
        np.testing.assert_array_equal(results[seed], walk(seed))


def test_samplers_within_a_density():
    """A density may itself walk, as one that integrates something does."""

    def density(point):
        inner = w.sample(vectorised, STARTS[:4], 2, 0, move=w.UniformStep(1.0), rng=0, call="points")
        return -0.5 * float(point @ point) + 0.0 * inner.mean()[0]

    run = w.sample(density, STARTS[:4], 5, 0, move=w.UniformStep(1.0), rng=1, call="point", where="python")
    other = w.sample(vectorised, STARTS[:4], 5, 0, move=w.UniformStep(1.0), rng=1, call="points")
    np.testing.assert_array_equal(run.draws, other.draws)


# --- Ctrl-C ---------------------------------------------------------------------------------------------

# SCENARIO gives the density, its walkers and its options.
INTERRUPTED = f"""
import json, os, signal, sys, threading, time, warnings
sys.path.insert(0, {str(HERE)!r})
import numpy as np
from foldstat import walkers as w
import test_walkers_threads as t
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
density, n_walkers, options = SCENARIO
def walk(n_steps):
    return w.sample(density, t.STARTS[:n_walkers], n_steps, 3, rng=0, **options)
walk(1)
sent = []
def interrupt():
    time.sleep(0.7)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    run = walk(300_000 if options.get("keep") != "moments" else 10**12)
waited = time.perf_counter() - sent[0]
told = [str(warning.message) for warning in caught if warning.category is RuntimeWarning]
n_steps = run.n_steps
# What was done so far is usable, and goes on as if nothing had happened.
longer = run.extend(3, n_jobs=1)
same = None
if n_steps < 2_000_000:
    whole = walk(n_steps + 3)
    if run.keep == "draws":
        same = bool(np.array_equal(longer.draws, whole.draws) and np.array_equal(run.draws, whole.draws[:, :n_steps]))
    else:
        same = bool(np.array_equal(longer.mean(), whole.mean()))
print()
print(json.dumps([run.interrupted, waited, n_steps, told, same]))
"""

SCENARIOS = {
    "built in": "w.densities.ThreeGaussians(), 64, {'move': w.UniformStep(1.0), 'keep': 'moments', 'n_jobs': 2}",
    "built in, interacting": "w.densities.Banana(), 64, {'move': w.Stretch(), 'keep': 'moments', 'n_jobs': 2}",
    "native, slow": "t.slow_native(), 4, {'move': w.UniformStep(1.0), 'n_jobs': 1}",
    "native, slow, interacting": "t.slow_native(), 16, {'move': w.Stretch(), 'n_jobs': 2}",
    "vectorised": "t.vectorised, 64, {'move': w.NormalStep(1.0), 'call': 'points'}",
    "vectorised, interacting": "t.vectorised, 64, {'move': w.Stretch(), 'call': 'points'}",
    "Python, slow": "t.slow_python, 4, {'move': w.UniformStep(1.0), 'call': 'point', 'where': 'python'}",
    "Python, many slow": "t.slow_python, 24, {'move': w.Stretch(), 'call': 'point', 'where': 'python'}",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ctrl_c(scenario):
    program = INTERRUPTED.replace("SCENARIO", SCENARIOS[scenario])
    delays = []
    # A busy machine may hold up the very thread that is to answer, so the best of three counts.
    while len(delays) < 3 and min(delays, default=1.0) >= 0.3:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        interrupted, waited, n_steps, told, same = json.loads(done.stdout.splitlines()[-1])
        assert interrupted
        assert n_steps >= 0
        assert len(told) == 1
        assert "extend" in told[0]
        assert same in (True, None)
        if "slow" in scenario:
            assert same, "what an interrupted run leaves must be the beginning of the whole one"
        delays.append(waited)
    assert min(delays) < 0.3, delays
