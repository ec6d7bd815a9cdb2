"""The one door: forks in the middle of a call, and machines that start no threads."""

from __future__ import annotations

import signal

import pytest

from programs import outcome

if not hasattr(signal, "setitimer"):
    pytest.skip("needs timers and forks", allow_module_level=True)

SETUP = """
import json, os, signal, sys, threading, time
import numpy as np
from foldstat import GaussianMixture, _core
from foldstat import walkers as w
from foldstat.walkers.density import understand
density = understand(w.densities.ThreeGaussians(), np.zeros((4, 2)), log=True, args=(), call=None, where=None).compiled
move = [(1.0, _core.WalkerMove.uniform_step(np.ones(2)))]
def walk(n_steps=4_000_000, **keywords):
    ensemble = _core.WalkerEnsemble(bytes(32), np.zeros((64, 2)), move, density, burn_in=0)
    ensemble.advance(density, n_steps, **keywords)
    return float(ensemble.positions.sum())
"""

FORKED = (
    SETUP
    + """
child = None
def finish():
    for _ in range(2000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return "hangs"
expected = walk(n_jobs=1)
status = None
def forking(*_):
    global child, status
    if child is None:
        child = os.fork()
        if child:
            status = finish()
try:
    CALL
except RuntimeError as error:
    if child != 0:
        raise
    # The child is alive and well: its own calls have threads of their own.
    os._exit(42 if "forked in the middle" in str(error) and walk(n_jobs=2) == expected else 1)
finally:
    if child == 0:
        os._exit(2)
print(json.dumps([status, found == expected]))
"""
)


@pytest.mark.parametrize(
    "call",
    [
        "signal.signal(signal.SIGALRM, forking); signal.setitimer(signal.ITIMER_REAL, 0.1); found = walk(n_jobs=2)",
        "signal.signal(signal.SIGALRM, forking); signal.setitimer(signal.ITIMER_REAL, 0.1); found = walk(n_jobs=1)",
        "found = walk(n_jobs=2, callback=forking)",
    ],
    ids=["handler", "handler, one thread", "callback"],
)
def test_a_fork_in_the_middle_of_a_call_ends_it_in_the_child(call):
    assert outcome(FORKED.replace("CALL", call)) == [42, True]


# No thread gets a stack of that size.
NO_THREADS = {"RUST_MIN_STACK": str(1 << 46)}


@pytest.mark.parametrize("settings", ["n_jobs=1", ""], ids=["argument", "variable"])
def test_one_job_needs_no_thread_of_its_own(settings):
    program = f"""
reports = []
print(json.dumps([walk({settings}), walk(3_000_000, callback=reports.extend, {settings}), len(reports)]))
"""
    variable = {} if settings else {"FOLDSTAT_NUM_THREADS": "1"}
    here = outcome(SETUP + program, **NO_THREADS, **variable)
    assert here[:2] == outcome(SETUP + program, **variable)[:2]
    assert here[2] > 0


def test_two_jobs_need_threads():
    program = """
try:
    walk(n_jobs=2)
except RuntimeError as error:
    print(json.dumps(str(error)))
"""
    assert "cannot start 2 threads" in outcome(SETUP + program, **NO_THREADS)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "TimeoutError"])
@pytest.mark.parametrize(
    "call",
    [
        "walk(10**9, n_jobs=1)",
        "GaussianMixture(8, max_iter=10**6, tol=0, n_jobs=1).fit(np.random.default_rng(0).normal(size=(20_000, 4)))",
    ],
)
def test_signals_are_handled_where_no_thread_watches(call, raised):
    program = f"""
def handler(*_):
    raise {raised}("enough")
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
begin = time.perf_counter()
try:
    {call}
except {raised} as error:
    print(json.dumps([str(error), time.perf_counter() - begin]))
"""
    message, seconds = outcome(SETUP + program, **NO_THREADS)
    assert message == "enough"
    assert seconds < 10  # a busy machine


def test_the_reports_of_a_call_here_come_while_it_works():
    program = """
times = []
begin = time.perf_counter()
walk(2_000_000, n_jobs=1, callback=lambda reports: times.append(time.perf_counter() - begin))
print(json.dumps([len(times), times[0], time.perf_counter() - begin]))
"""
    count, first, all_of_it = outcome(SETUP + program, **NO_THREADS)
    assert count > 2
    assert first < all_of_it / 2
