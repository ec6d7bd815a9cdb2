"""Summaries with threads, processes and signals: shared safely, the interpreter free, nothing half done."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import foldstat
from foldstat import Summary
from summaries import assert_identical


@pytest.fixture(scope="module")
def big():
    return np.random.default_rng(0).normal(8.342, 1, 10_000_000)


def run(program, timeout=60):
    """Run a program in a fresh interpreter; give the JSON it prints last."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- shared by Python threads -----------------------------------------------------------------------


def in_threads(n, function):
    """Call it in n threads at once; raise what any of them raises."""
    start = threading.Barrier(n)

    def begin(i):
        start.wait()
        return function(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


def test_threads_update_one_summary():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=n) for n in rng.integers(1, 5000, 160)]
    names = np.split(np.arange(sum(map(len, parts))), np.cumsum([len(p) for p in parts])[:-1])
    arguments = {"moments": 4, "best": 20, "quantiles": True, "relative_error": 0.05, "distinct": True}
    shared = Summary([], **arguments)

    def update(i):
        for j in range(i, len(parts), 8):
            shared.update(parts[j], ids=names[j], n_jobs=1 + j % 2)
            assert shared.count >= len(parts[j])
            assert shared.min <= shared.mean <= shared.max

    in_threads(8, update)
    assert_identical(shared, Summary(np.concatenate(parts), ids=np.concatenate(names), **arguments))


def test_threads_push_and_read():
    shared = Summary([], best=3)

    def work(i):
        for j in range(500):
            shared.push(float(j), id=i)
            shared.update([1.0, None], ids=[i, i])
            repr(shared), shared.to_bytes(), shared.std(), shared == shared.copy()

    in_threads(6, work)
    assert (shared.count, shared.null_count) == (6 * 1000, 6 * 500)
    assert shared.sum == 6 * (sum(range(500)) + 500)


def test_default_positions_are_given_once():
    """Each update has its own positions, whoever comes first."""
    shared = Summary([], best=10**6)
    in_threads(8, lambda i: [shared.update(np.full(37, float(i))) for _ in range(50)])
    assert sorted(i for _, i in shared.best) == list(range(8 * 50 * 37))


def test_threads_merge_into_each_other():
    """In both directions and with themselves at once: nobody waits for the other for ever."""
    a, b = Summary([1.0]), Summary([2.0])
    done = []

    def work(i):
        left, right = (a, b) if i % 2 else (b, a)
        for _ in range(300):
            left + right, left + left, left == right, right == right
        done.append(i)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [0, 1, 2, 3]
    assert_identical(a + b, Summary([1.0, 2.0]))


# --- the interpreter stays free ---------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{}, {"moments": 4, "quantiles": True, "best": 100}])
def test_a_ticking_thread_keeps_ticking_during_an_update(big, arguments):
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    inside, s = 0, Summary([], **arguments)
    begin = time.perf_counter()
    while time.perf_counter() < begin + 0.5:
        start = time.perf_counter()
        s.update(big, n_jobs=1)
        end = time.perf_counter()
        # Those of the edges may have been let in before or after.
        inside += sum(start + 0.001 < t < end - 0.001 for t in ticks)
    stop.set()
    thread.join()
    assert inside > 20, "the interpreter was locked while it worked"


def test_two_python_threads_update_at_once(big):
    """While one thread is inside a long update another one begins and ends many short ones."""
    s, short, ended = Summary([]), [], threading.Event()

    def long_one():
        for _ in range(10):
            s.update(big, n_jobs=1)
        ended.set()

    thread = threading.Thread(target=long_one)
    thread.start()
    begin = time.perf_counter()
    while not ended.is_set():
        s.update(big[:5000], n_jobs=1)
        short.append(time.perf_counter() - begin)
    thread.join()
    assert len(short) > 20
    assert s.count == 10 * len(big) + 5000 * len(short)


INTERRUPTED = """
import json, os, resource, signal, sys, threading, time
import numpy as np
from foldstat import Summary, summarize
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # nothing of the long arrays is copied
x = np.random.default_rng(0).normal(size=4_000_000)
long = np.broadcast_to(np.float64(0.1), 10**11)
keys = np.zeros(3 * 10**9, dtype=np.uint8)  # pages of zeros that are nowhere
rows = np.broadcast_to(x, (3000, x.size))
s = Summary(x, best=5, quantiles=True, relative_error=0.1)
before = s.to_bytes()
def endless():
    while True:
        yield 1.0
sent = []
def interrupt():
    time.sleep(0.7)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    WORK
    outcome = "ended"
except KeyboardInterrupt:
    outcome = "interrupted"
waited = time.perf_counter() - sent[0]
unchanged = s.to_bytes() == before
s.update([0.5])
print(json.dumps([outcome, waited, unchanged, s.count == len(x) + 1, threading.active_count()]))
"""


@pytest.mark.parametrize(
    "work",
    [
        "s.update(long, n_jobs=2)",
        "s.update(endless())",
        "summarize(rows, axis=1, moments=4, relative_error=0.1, n_jobs=2)",
        "summarize(long[: keys.size], by=keys, n_jobs=2)",
        "summarize(np.broadcast_to(0.1, (10**10, 3)), cov=True, n_jobs=2)",
    ],
)
def test_keyboard_interrupt(work):
    delays = []
    # A busy machine may hold up the very thread that is to answer, so the best of three counts.
    while len(delays) < 3 and min(delays, default=1.0) >= 0.3:
        outcome, waited, unchanged, healthy, threads = run(INTERRUPTED.replace("WORK", work))
        assert outcome == "interrupted"
        assert unchanged, "a half-done update must leave no trace"
        assert healthy
        assert threads == 1
        delays.append(waited)
    assert min(delays) < 0.3


# --- processes --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_summarises(big):
    expected = Summary(big, best=3, n_jobs=2)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write, Summary(big, best=3, n_jobs=2).to_bytes())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    end = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(0.01)
    if done[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the forked child hangs")
    assert os.waitstatus_to_exitcode(done[1]) == 0
    with os.fdopen(read, "rb") as pipe:
        assert_identical(Summary.from_bytes(pipe.read()), expected)
    assert_identical(Summary(big, best=3, n_jobs=2), expected)


def _shard(bounds):
    start, stop = bounds
    return Summary(np.arange(float(start), stop) ** 2, ids=range(start, stop), best=5, largest=True)


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_summaries_come_back_from_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    bounds = [(i, i + 700) for i in range(0, 7000, 700)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        parts = pool.map_async(_shard, bounds).get(timeout=60)
    assert_identical(sum(parts), _shard((0, 7000)))


# --- how many threads -------------------------------------------------------------------------------


def test_threads_are_those_of_the_context(big):
    expected = Summary(big[:1_000_000])
    for n in (1, 2, 5):
        with foldstat.threads(n):
            assert_identical(Summary(big[:1_000_000]), expected)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_numbers_of_threads_there_are(n_jobs):
    for call in (Summary, Summary([]).update, foldstat.summarize):
        with pytest.raises((TypeError, ValueError), match="n_jobs"):
            call(np.arange(5.0), n_jobs=n_jobs)
