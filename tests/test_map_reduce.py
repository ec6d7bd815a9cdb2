"""map_reduce: any executor, any order, failures counted once and never lost."""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import foldstat
from foldstat import GroupedSummary, JointSummary, MixtureStatistics, Summaries, Summary, map_reduce
from summaries import assert_identical

HERE = Path(__file__).parent


def shard(seed):
    """What a worker does: a summary of numbers that are hard to add."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=50) * 2.0 ** rng.integers(-300, 300, 50)
    return Summary(x, ids=[f"{seed}-{i}" for i in range(50)], best=7, moments=4)


def whole(seeds):
    return Summary.merge_all(map(shard, seeds)) if len(seeds) else Summary()


def fails_at_3(seed):
    if seed == 3:
        raise RuntimeError("three")
    return shard(seed)


class Deferred:
    """An executor that finishes its work in an order of its own."""

    def __init__(self, seed=0, repeat=False):
        self.random, self.repeat = random.Random(seed), repeat
        self.waiting, self.submitted, self.most = [], 0, 0
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.open = True
        self.thread.start()

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        with self.lock:
            self.waiting.append((future, fn, args, kwargs))
            self.submitted += 1
            self.most = max(self.most, len(self.waiting))
        return future

    def _work(self):
        while self.open:
            time.sleep(0.0005)
            with self.lock:
                if not self.waiting:
                    continue
                future, fn, args, kwargs = self.waiting.pop(self.random.randrange(len(self.waiting)))
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()


# --- executors --------------------------------------------------------------------------------------


def test_own_threads():
    assert_identical(map_reduce(shard, range(100), progress=False), whole(range(100)))
    for n in (1, 3):
        with foldstat.threads(n):
            assert_identical(map_reduce(shard, range(20), progress=False), whole(range(20)))


def test_own_threads_do_not_stay():
    seen = set()

    def watched(seed):
        seen.add(threading.current_thread())
        return shard(seed)

    map_reduce(watched, range(50), progress=False)
    assert seen
    assert threading.current_thread() not in seen
    for thread in seen:
        thread.join(5)
        assert not thread.is_alive()


def test_a_thread_pool():
    with ThreadPoolExecutor(4) as pool:
        assert_identical(map_reduce(shard, range(100), executor=pool, progress=False), whole(range(100)))
        assert pool.submit(int).result() == 0, "somebody else's pool must not be shut down"


def test_a_process_pool():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = map_reduce(shard, range(40), executor=pool, progress=False)
        failures = []
        kept = map_reduce(fails_at_3, range(8), executor=pool, progress=False, on_error=failures.append)
    assert_identical(found, whole(range(40)))
    assert_identical(kept, whole([0, 1, 2, 4, 5, 6, 7]))
    assert [(f.index, type(f.exception)) for f in failures] == [(3, RuntimeError)]


def test_loky():
    from joblib.externals import loky

    executor = loky.get_reusable_executor(max_workers=2, timeout=5)
    try:
        local = 5
        found = map_reduce(lambda seed: shard(seed + local), range(20), executor=executor, progress=False)
    finally:
        executor.shutdown(wait=True, kill_workers=True)
    assert_identical(found, whole(range(5, 25)))


tried = set()  # shared with dask's workers, which are threads


def fails_the_first_time_at_3(seed):
    if seed == 3 and seed not in tried:
        tried.add(seed)
        raise OSError("once")
    return shard(seed)


def test_dask():
    """The executor of a client; a failing call is tried again though it equals the first one."""
    import distributed

    tried.clear()
    with (
        distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0") as client,
        client.get_executor() as executor,
    ):
        found = map_reduce(fails_the_first_time_at_3, range(40), executor=executor, retries=1, progress=False)
    assert tried == {3}
    assert_identical(found, whole(range(40)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fan_in", [2, 3, 10, 1000])
def test_any_order_of_arrival(seed, fan_in):
    with Deferred(seed) as executor:
        found = map_reduce(shard, range(57), executor=executor, fan_in=fan_in, progress=False)
    assert_identical(found, whole(range(57)))
    assert executor.submitted == 57


@hypothesis_settings(max_examples=60)
@given(st.lists(st.integers(-5, 5), max_size=40), st.integers(2, 12), st.integers(0, 99), st.integers(1, 50))
def test_a_monoid_that_does_not_commute(items, fan_in, seed, most):
    """Lists keep the order of the items, whoever finishes first."""
    with Deferred(seed) as executor:
        found = map_reduce(lambda i: [i, -i], items, list, executor, fan_in, progress=False, max_pending=most)
    assert found == [v for i in items for v in (i, -i)]
    assert executor.most <= most


# --- items and monoids ------------------------------------------------------------------------------


@hypothesis_settings(max_examples=60)
@given(
    st.lists(st.integers(0, 9) | st.just("fails"), max_size=60),
    st.integers(2, 7),
    st.integers(1, 30),
    st.integers(0, 2),
)
def test_groups_that_workers_merge(items, fan_in, chunksize, retries):
    """Those that are whole are merged where they were made, and what fails among them is left out as it was."""

    def call(item):
        if item == "fails":
            raise ValueError(item)
        return [item]

    with ThreadPoolExecutor(2) as executor, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = {"monoid": list, "executor": executor, "fan_in": fan_in, "chunksize": chunksize}
        assert map_reduce(call, items, on_error="skip", retries=retries, **arguments) == [
            i for i in items if i != "fails"
        ]
        if "fails" in items:
            with pytest.raises(ValueError, match="fails") as caught:
                map_reduce(call, items, **arguments)
            left = [item for i, item in enumerate(items) if i not in caught.value.missing]
            assert caught.value.partial == left


def kind_and_text(item):
    return [f"{type(item).__name__} {item!r}"]


def test_items_travel_as_they_are():
    items = [1, 2.5, True, None, "text", b"bytes", b"\x80\x05N.", "x" * 3_000_000, (1, "a"), 10**30] * 3
    with ProcessPoolExecutor(2) as executor:
        for chunksize in (None, 7):
            found = map_reduce(kind_and_text, items, monoid=list, executor=executor, chunksize=chunksize)
            assert found == [text for item in items for text in kind_and_text(item)]


def test_items_are_taken_as_workers_become_free():
    taken = []

    def endless():
        i = 0
        while True:
            taken.append(i)
            yield i
            i += 1

    def stops(i):
        if i == 5000:
            raise StopAsyncIteration
        return Summary([i])

    with pytest.raises(StopAsyncIteration), ThreadPoolExecutor(2) as pool:
        map_reduce(stops, endless(), executor=pool, progress=False)
    assert 5000 < len(taken) < 5200
    assert map_reduce(shard, iter(range(30)), progress=False) == whole(range(30))
    assert map_reduce(shard, (i for i in range(3)), progress=False) == whole(range(3))


def test_nothing_gives_the_identity():
    assert_identical(map_reduce(shard, [], progress=False), Summary())
    assert map_reduce(len, [], int, progress=False) == 0
    assert_identical(map_reduce(shard, [7], progress=False), shard(7))


def test_other_monoids():
    X = np.random.default_rng(0).normal(size=(60, 3))
    blocks = np.array_split(X, 7)
    keys = [np.arange(len(b)) % 4 for b in blocks]
    assert map_reduce(len, blocks, int, progress=False) == 60
    assert map_reduce(lambda b: Fraction(len(b), 7), blocks, Fraction, progress=False) == Fraction(60, 7)
    columns = map_reduce(lambda b: foldstat.summarize(b, axis=0), blocks, Summaries, progress=False)
    assert_identical(columns, foldstat.summarize(X, axis=0))
    joint = map_reduce(lambda b: foldstat.summarize(b, cov=True), blocks, JointSummary, progress=False)
    assert_identical(joint, foldstat.summarize(X, cov=True))
    groups = map_reduce(
        lambda i: foldstat.summarize(blocks[i][:, 0], by=keys[i]), range(7), GroupedSummary, progress=False
    )
    assert_identical(groups, foldstat.summarize(X[:, 0], by=np.concatenate(keys)))
    parameters = [0.5, 0.5], np.outer([0, 1], np.ones(3)), np.repeat(np.eye(3)[None], 2, axis=0)
    found = map_reduce(lambda b: foldstat.mixture.statistics(b, *parameters), blocks, MixtureStatistics, progress=False)
    assert found.total_weight == 60
    total = map_reduce(lambda b: b.sum(axis=0), blocks, lambda: np.zeros(3), progress=False)
    np.testing.assert_allclose(total, X.sum(axis=0))


def test_trees_of_trees():
    """Reducers of reducers: any nesting, the same bits."""
    groups = [range(i, i + 13) for i in range(0, 65, 13)]
    inner = [map_reduce(shard, group, fan_in=3, progress=False) for group in groups]
    assert_identical(map_reduce(lambda s: s, inner, fan_in=2, progress=False), whole(range(65)))


@pytest.mark.parametrize("value", [1.0, None, np.ones(3), [Summary()], Summaries()])
def test_results_of_another_kind_are_refused(value):
    with pytest.raises(TypeError, match=rf"(?s)Summary.*{type(value).__name__}"):
        map_reduce(lambda i: value, range(3), progress=False)


def test_results_that_do_not_merge_are_refused():
    with pytest.raises(ValueError, match="best"):
        map_reduce(lambda i: Summary([1.0], best=2, largest=bool(i % 2)), range(8), progress=False)


def test_results_are_not_changed():
    """A function may give the same object twice, and keep it."""
    kept = shard(0)
    before = kept.to_bytes()
    found = map_reduce(lambda i: kept, range(23), fan_in=4, progress=False)
    assert found.count == 23 * kept.count
    assert kept.to_bytes() == before


# --- arguments, progress, Ctrl-C --------------------------------------------------------------------


class OfClosedClient:
    """As dask's executor is when its client has been closed."""

    _client = SimpleNamespace(status="closed")

    def submit(self, fn, /, *args):
        raise AttributeError("'NoneType' object has no attribute 'send'")

    def __repr__(self):
        return "OfClosedClient()"  # ids of tests are the same in every process


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"fan_in": 1}, ValueError, "fan_in must be an integer of at least 2, got 1"),
        ({"fan_in": 2.5}, TypeError, "fan_in must be an integer of at least 2, got 2.5"),
        ({"retries": -1}, ValueError, "retries must be an integer of at least 0, got -1"),
        ({"retries": "a"}, TypeError, "retries must be an integer of at least 0, got 'a'"),
        ({"max_pending": 0}, ValueError, "max_pending must be an integer of at least 1 or None, got 0"),
        ({"max_pending": "4"}, TypeError, "max_pending must be an integer of at least 1 or None, got '4'"),
        ({"on_error": "ignore"}, ValueError, "on_error must be 'raise', 'skip' or a callable, got 'ignore'"),
        ({"executor": 3}, TypeError, "executor must be None or have a submit method, got 3"),
        ({"executor": ThreadPoolExecutor}, TypeError, "executor must be None or have a submit method, got <class"),
        ({"executor": OfClosedClient()}, RuntimeError, "executor: the Dask client that it belongs to is closed"),
        ({"monoid": 5}, TypeError, "monoid must be a callable without arguments .* such as Summary, .* got 5"),
        ({"monoid": range}, TypeError, "monoid must be a callable without arguments .* got <class 'range'>.*argument"),
        ({"function": 5}, TypeError, "function must be a callable that takes one item, got 5"),
        ({"items": 5}, TypeError, "items must be an iterable, got 5"),
    ],
    ids=lambda value: " ".join(map(str, *value.items())) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_named(wrong, error, message):
    with pytest.raises(error, match=f"^{message}"):
        map_reduce(**{"function": shard, "items": range(3), "progress": False, **wrong})


@pytest.mark.filterwarnings("ignore:.*IProgress not found.*")
def test_progress(capsys):
    with pytest.warns(RuntimeWarning, match="1 of 12"):
        map_reduce(fails_at_3, range(12), on_error="skip")
    shown = capsys.readouterr().err
    assert "12/12" in shown
    assert "failed=1" in shown
    map_reduce(shard, range(3), progress=False)
    assert capsys.readouterr() == ("", "")


INTERRUPTED = f"""
import json, os, signal, sys, threading, time
sys.path.insert(0, {str(HERE)!r})
from concurrent.futures import ThreadPoolExecutor
from foldstat import Summary, map_reduce
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
started = []
def work(i):
    started.append(i)
    time.sleep(0.05)
    return Summary([i])
sent = []
def interrupt():
    time.sleep(1.0)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
pool = EXECUTOR
try:
    map_reduce(work, ITEMS, executor=pool, progress=False)
    outcome = "ended"
except KeyboardInterrupt as error:
    outcome = "interrupted"
    waited = time.perf_counter() - sent[0]
    kept = error.partial.count
n = len(started)
time.sleep(0.3)
print(json.dumps([outcome, waited, kept, len(started) - n, n]))
"""


@pytest.mark.parametrize(
    ("executor", "items"), [("None", "iter(range(10**5))"), ("ThreadPoolExecutor(2)", "range(10**5)")]
)
def test_keyboard_interrupt(executor, items):
    program = INTERRUPTED.replace("EXECUTOR", executor).replace("ITEMS", items)
    delays = []
    # A busy machine may hold up the very thread that is to answer, so the best of three counts.
    while len(delays) < 3 and min(delays, default=1.0) >= 0.3:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        outcome, waited, kept, later, started = json.loads(done.stdout.splitlines()[-1])
        assert outcome == "interrupted"
        assert 2 < kept <= started
        assert later <= 2, "what had not started is cancelled"
        delays.append(waited)
    assert min(delays) < 0.3
