"""Ctrl-C and timeouts at random moments: nothing else comes out, soon, and everything is usable afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from entries import ENTRIES, NAMES, blobs, plain, together, told, walk

from foldstat import GaussianMixture, Summary, _core, map_reduce, mixture
from foldstat import walkers as w

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals between processes")

# Work looks for signals every 50 ms and must have ended 0.3 s after one; the rest is for a machine whose
# cores are shared with other processes. The least of three tries is compared, so that one pause of the
# whole machine is not taken for ours.
LATENCY = 0.3 + 0.3


def sent_after(seconds, number=signal.SIGINT):
    """Send a signal to this process from another thread; the list gets the moment."""
    moment: list[float] = []

    def send():
        moment.append(time.perf_counter())
        os.kill(os.getpid(), number)

    timer = threading.Timer(seconds, send)
    timer.start()
    return timer, moment


class TimeoutFired(Exception):  # noqa: N818 - a timeout is no error of the call
    """What the handler of SIGALRM raises: an ordinary exception."""


def fire(*_):
    raise TimeoutFired


# ---------------------------------------------------------------- anything, at random moments

# Ctrl-C ends a walk early with a warning; everything else raises it.
STEPS = ("sample ", "wide AdaptiveStep", "wide ComponentwiseStep", "wide NormalStep", "wide Stretch")
WALKS = [name for name in NAMES if name.startswith(STEPS) and ENTRIES[name].reads] + ["extend", "wide extend"]


def after_the_signal(entry, subject, arrays, before, expected):
    """Whether an object is as it was and usable; or, where the call gives the object, it may be through."""
    now = told(subject)
    if now == before:
        return "raised" if told(entry.call(subject, arrays)) == expected else "a wrong value afterwards"
    return "raised" if now == expected else "the object is changed"


def one_signal(entry, arrays, expected, delay, number, error):
    """What came of a call with a signal in it."""
    subject, value, finished = entry.subject(arrays), None, False
    before = told(subject)
    timer, moment = sent_after(delay, number)
    try:
        value = entry.call(subject, arrays)
        finished = True
        while timer.is_alive() or not moment:
            time.sleep(0.001)  # the call was faster
        time.sleep(0.001)
    except error:
        pass
    except BaseException as other:
        return f"{type(other).__name__}: {other}"
    finally:
        timer.join()
    if not finished:
        return after_the_signal(entry, subject, arrays, before, expected)
    return "right" if told(value) == expected else "early"


def random_moments(note, name, number, tries):
    """Signals at moments spread over a call, measured before."""
    entry, draw = ENTRIES[name], random.Random(name)
    arrays = entry.arrays(entry.rows)
    error: type[BaseException] = KeyboardInterrupt
    if number == signal.SIGALRM:
        signal.signal(signal.SIGALRM, fire)
        error = TimeoutFired
    entry.call(entry.subject(arrays), arrays)
    subject, start = entry.subject(arrays), time.perf_counter()
    expected = told(entry.call(subject, arrays))
    took = time.perf_counter() - start
    for i in range(tries):
        delay = took * (i + draw.random()) / tries  # one in each part of the call
        note(delay)
        try:
            note(one_signal(entry, arrays, expected, delay, number, error))
        except error:
            note("between two lines of this test")


# Methods in single precision need one family only: they take the same steps. A loop of calls changes its object.
EVERYWHERE = [name for name in NAMES if ("float32" not in name or "full" in name) and "push" not in name]
# Those where an ordinary exception of a handler can do harm that Ctrl-C does not: one step for Python, or of code
# that tries something.
TIMED_OUT = [
    "fit full float64", "fit_predict one iteration", "fit kmeans", "fit 300 features full",
    "predict_proba full float32", "em full", "maximization full", "Summary", "update", "summarize by",
    "summarize cov", "describe", "sample Stretch", "sample AdaptiveStep", "sample vectorised", "sample plain",
    "sample plain moments", "sample numba", "sample numba moments", "extend", "run summary", "ess_bulk",
    "mcse_quantile", "cells EM", "cells pairwise_sum", "save and load",
]  # fmt: skip
CASES = [(name, signal.SIGINT) for name in EVERYWHERE] + [(name, signal.SIGALRM) for name in TIMED_OUT]


@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{name}-{number.name}" for name, number in CASES])
def test_a_signal_at_any_moment(warmed, name, number):
    notes = warmed(random_moments, name=name, number=int(number), tries=8).told()
    fine = {"raised", "right", "between two lines of this test"} | (
        {"early"} if name in WALKS and number == signal.SIGINT else set()
    )
    assert [what for what in notes if isinstance(what, str) and what not in fine] == []


# ---------------------------------------------------------------- long blocks, long factorisations


def wide_fit(n, d, k):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return lambda: GaussianMixture(k, max_iter=100, tol=0.0, init_params="random_from_data", random_state=0).fit(X)


def many_summaries():
    x = np.random.default_rng(0).normal(size=3_000_000)
    return lambda: [Summary(x, moments=4, quantiles=True, relative_error=0.001, distinct=True) for _ in range(50)]


def long_chains():
    x = np.random.default_rng(0).normal(size=(2, 4_000_000))
    from foldstat import diagnostics

    return lambda: diagnostics.ess_bulk(x)


def many_pairs():
    x = blobs(200_000)["X"]
    from foldstat import cells

    return lambda: cells.pairwise_sum(x, kernel="rbf", gamma=1.0)


def mapped():
    return lambda: map_reduce(lambda i: Summary([time.sleep(0.01) or i]), range(10_000), progress=False)


def long_walk(density):
    start = np.random.default_rng(0).normal(size=(64, 2))
    walk(start, density, n_steps=60)  # is compiled before the signal
    return lambda: walk(start, density, n_steps=10**6)


def long_summary():
    run = walk(np.random.default_rng(0).normal(size=(32, 2)), n_steps=200_000)
    return lambda: [run.summary() for _ in range(20)]


def turned_factor():
    d = 3500
    model = GaussianMixture(1)
    model.weights_, model.means_ = np.ones(1), np.zeros((1, d))
    model.precisions_cholesky_ = (np.eye(d) + np.tri(d) / d)[np.newaxis]
    return lambda: model.score_samples(np.ones((1, d)))


def refused_covariances(covariance):
    def refused():
        with contextlib.suppress(ValueError):
            mixture.log_prob(np.ones((1, len(covariance))), np.zeros((1, len(covariance))), covariance[np.newaxis])

    return refused


def not_positive_definite():
    covariance = np.eye(3000)
    covariance[0, 1] = covariance[1, 0] = 3.0
    return refused_covariances(covariance)


def not_symmetric():
    covariance = np.eye(1800) + 0.5
    covariance[0, 1] += 1e-6
    return refused_covariances(covariance)


def wide_moments():
    folded = _core.statistics_from_responsibilities(np.ones((2, 2000)), np.ones((2, 20)), "full")
    return lambda: mixture.maximization(folded)


LONG = {
    "a factor that is turned": turned_factor,
    "the text of a covariance": not_positive_definite,
    "the symmetry of a covariance": not_symmetric,
    "moments of many features": wide_moments,
    "2000 x 1500, k = 1": lambda: wide_fit(2000, 1500, 1),
    "4000 x 500, k = 40": lambda: wide_fit(4000, 500, 40),
    "100000 x 8, k = 20": lambda: wide_fit(100_000, 8, 20),
    "summaries": many_summaries,
    "ess_bulk": long_chains,
    "pairs": many_pairs,
    "map_reduce": mapped,
    "walk": lambda: long_walk("built in"),
    "walk of numba's": lambda: long_walk("numba"),
    "walk of Python's": lambda: long_walk("plain"),
    "run.summary": long_summary,
}


def latency(note, name, delays):
    call = LONG[name]()
    for delay in delays:
        # When it is due: where nobody lets go of the interpreter, not even the signal gets out.
        due = time.perf_counter() + delay
        timer, moment = sent_after(delay)
        with contextlib.suppress(KeyboardInterrupt):
            while not moment:  # a call may be faster, and a walk ends early without an exception
                call()
            timer.join()
        note(time.perf_counter() - due)


@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_is_heard_soon(warmed, name):
    draw = random.Random(name)
    for _ in range(3):
        # Three moments in different places of the work, each of which has to end soon.
        delays = [draw.uniform(0.2, 2.0) for _ in range(3)]
        waited = warmed(latency, name=name, delays=delays).told()
        if max(waited) <= LATENCY:
            return
    assert max(waited) <= LATENCY, delays


# ---------------------------------------------------------------- trial calls of densities


def slow_point(x, y):
    time.sleep(0.05)
    return plain(x, y)


def slow_points(points):
    time.sleep(0.05 * len(points))
    return together(points)


def timeout_in_a_trial(note, kind, after):
    density = {"coordinates": slow_point, "points": slow_points, "one": lambda p: slow_point(*p)}[kind]
    signal.signal(signal.SIGALRM, fire)
    signal.setitimer(signal.ITIMER_REAL, after)
    start = time.perf_counter()
    try:
        w.sample(density, np.random.default_rng(0).normal(size=(40, 2)), 5, 5, rng=0)
    except TimeoutFired:
        note([True, time.perf_counter() - start - after])
    else:
        note([False, time.perf_counter() - start - after])


@pytest.mark.parametrize("after", [0.02, 0.3, 1.1])
@pytest.mark.parametrize("kind", ["coordinates", "points", "one"])
def test_a_timeout_in_a_trial_call_comes_through(warmed, kind, after):
    # numba has catch-alls of its own: what is raised while it compiles may end in one of them.
    for _ in range(4):
        ((raised, late),) = warmed(timeout_in_a_trial, kind=kind, after=after).told()
        if raised:
            break
    assert raised
    assert late <= LATENCY + 0.05 * 40  # a call of `slow_points` is one step


# ---------------------------------------------------------------- the import

# It says what came of the first import and whether a second one, undisturbed, finds everything.
IMPORT = """
import os, sys, threading, time, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy
outcome = "imported"
def send():
    time.sleep({delay})
    os.kill(os.getpid(), signal.SIGINT)
thread = threading.Thread(target=send, daemon=True)
try:
    thread.start()
    start = time.perf_counter()
    import foldstat
    took = time.perf_counter() - start
    thread.join({wait})
    time.sleep(0.001)
except KeyboardInterrupt:
    outcome = "KeyboardInterrupt"
except BaseException as error:
    outcome = f"{{type(error).__name__}}: {{error}}"
signal.signal(signal.SIGINT, signal.SIG_IGN)
thread.join({wait})
try:
    import foldstat
    foldstat.GaussianMixture  # loads scikit-learn, which the first import may have left half imported
except Exception as error:
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    place = trace.tb_frame.f_code.co_filename
    if place == "<string>" or "foldstat" in place:
        raise
    sys.exit(f"half imported: {{place}}: {{error}}")
lapack = foldstat._core.system()["lapack"]
model = foldstat.GaussianMixture(1).fit(numpy.eye(3))
print(outcome, "|", lapack, "|", foldstat._core.smallest_eigenvalue(numpy.eye(2)), "|", time.perf_counter() - start)
"""


def imported(delay, wait=10):
    program = IMPORT.format(delay=delay, wait=wait)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.strip(), done.stderr[-1500:]


def sound(code, said, stderr, lapack):
    """Whether the import gave way to Ctrl-C or was through, and everything is there after a second one.

    Some modules of Python and of other libraries (asyncio) fail when they are imported again after half of
    them was. That is theirs, not ours.
    """
    if stderr.startswith("half imported"):
        return True
    what, *rest = (part.strip() for part in said.split("|"))
    return code == 0 and what in ("imported", "KeyboardInterrupt") and rest[:2] == [lapack, "1.0"]


def importing_took():
    program = (
        "import time, numpy; t = time.perf_counter(); import foldstat; foldstat._core.system(); "
        "print(time.perf_counter() - t)"
    )
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def test_ctrl_c_at_any_moment_of_the_import():
    importing_took()
    took, draw = importing_took(), random.Random(0)
    lapack = str(_core.system()["lapack"])
    # One moment in each 25th of the import.
    moments = [took * (i + draw.random()) / 25 for i in range(25)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(moments, pool.map(imported, moments), strict=True))
    found = {moment: outcome for moment, outcome in outcomes.items() if not sound(*outcome, lapack)}
    assert found == {}
    theirs = [stderr for _, _, stderr in outcomes.values() if stderr.startswith("half imported")]
    assert len(theirs) < len(moments) / 2, theirs
