"""map_reduce when items fail: retried, reported, never lost and never counted twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from pathlib import Path

import pytest

import foldstat
from foldstat import Summary, map_reduce
from summaries import assert_identical
from test_map_reduce import Deferred, fails_at_3, shard, whole


class Flaky:
    """Fails as often as told for each item, and counts the calls."""

    def __init__(self, failures):
        self.failures, self.calls, self.lock = failures, {}, threading.Lock()

    def __call__(self, seed):
        with self.lock:
            self.calls[seed] = self.calls.get(seed, 0) + 1
            tries = self.calls[seed]
        if tries <= self.failures.get(seed, 0):
            raise OSError(f"{seed} failed {tries} times")
        return shard(seed)


def test_a_failure_raises_and_names_the_item():
    with pytest.raises(RuntimeError, match="three") as caught:
        map_reduce(fails_at_3, range(50), progress=False)
    notes = " ".join(caught.value.__notes__)
    assert "item 3" in notes
    assert 3 in caught.value.missing
    done = sorted(set(range(50)) - set(caught.value.missing))
    assert_identical(caught.value.partial, whole(done))
    rest = map_reduce(shard, caught.value.missing, progress=False)
    assert_identical(caught.value.partial + rest, whole(range(50)))


@pytest.mark.parametrize("seed", range(3))
def test_failures_are_retried_and_counted_once(seed):
    flaky = Flaky({3: 1, 7: 2, 20: 2})
    with Deferred(seed) as executor:
        found = map_reduce(flaky, range(30), executor=executor, retries=2, progress=False)
    assert_identical(found, whole(range(30)))
    assert flaky.calls == {i: 1 + flaky.failures.get(i, 0) for i in range(30)}


def test_too_few_retries():
    flaky = Flaky({3: 2})
    with pytest.raises(OSError, match="3 failed 2 times") as caught:
        map_reduce(flaky, range(5), retries=1, progress=False)
    assert flaky.calls[3] == 2
    assert "2 times" in " ".join(caught.value.__notes__)


def test_an_error_does_not_wait_for_slow_items():
    release = threading.Event()

    def work(i):
        if i == 0:
            raise RuntimeError("zero")
        release.wait(30)
        return Summary([i])

    begin = time.monotonic()
    try:
        with foldstat.threads(3), pytest.raises(RuntimeError, match="zero"):
            map_reduce(work, range(9), progress=False)
        assert time.monotonic() - begin < 10
    finally:
        release.set()


def test_skipped_items_are_reported():
    flaky = Flaky({3: 9, 7: 1, 11: 9})
    with pytest.warns(RuntimeWarning, match=r"(?s)2 of 20.*item 3.*item 11"):
        found = map_reduce(flaky, range(20), retries=1, on_error="skip", progress=False)
    assert_identical(found, whole([i for i in range(20) if i not in (3, 11)]))
    assert flaky.calls[3] == flaky.calls[11] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        map_reduce(shard, range(5), on_error="skip", progress=False)


def test_all_items_fail():
    with pytest.warns(RuntimeWarning, match="4 of 4"):
        assert_identical(
            map_reduce(Flaky(dict.fromkeys(range(4), 9)), range(4), on_error="skip", progress=False), Summary()
        )


def test_failures_can_be_collected():
    failures = []
    found = map_reduce(Flaky({3: 9, 11: 9}), range(20), on_error=failures.append, progress=False)
    assert sorted((f.index, f.item, str(f.exception)) for f in failures) == [
        (3, 3, "3 failed 1 times"),
        (11, 11, "11 failed 1 times"),
    ]
    assert_identical(found, whole([i for i in range(20) if i not in (3, 11)]))


def test_a_report_that_raises_stops_the_work():
    def refuse(failure):
        raise LookupError(f"no more after {failure.index}")

    with pytest.raises(LookupError, match="after 3"):
        map_reduce(fails_at_3, range(20), on_error=refuse, progress=False)


def test_an_iterator_that_fails():
    def broken():
        yield from range(12)
        raise OSError("the list of items is gone")

    with pytest.raises(OSError, match="gone") as caught:
        map_reduce(shard, broken(), progress=False)
    done = sorted(set(range(12)) - set(caught.value.missing))
    assert_identical(caught.value.partial, whole(done))


def dies_at_9(seed):
    if seed == 9:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    return shard(seed)


def test_a_killed_worker_leaves_what_is_done():
    """The pool is broken then; a new one takes what is missing, and nothing is counted twice."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool, pytest.raises(BrokenExecutor) as caught:
        map_reduce(dies_at_9, range(30), executor=pool, on_error="skip", retries=3, progress=False, max_pending=6)
    missing = caught.value.missing
    assert 9 in missing
    assert caught.value.partial.count == 50 * (30 - len(missing))
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        rest = map_reduce(shard, missing, executor=pool, progress=False)
    assert_identical(caught.value.partial + rest, whole(range(30)))


def test_an_executor_that_takes_no_more():
    """The item it refused is among the missing ones."""

    class Full(Deferred):
        def submit(self, fn, /, *args, **kwargs):
            if self.submitted == 17:
                raise RuntimeError("full")
            return super().submit(fn, *args, **kwargs)

    with Full() as executor, pytest.raises(RuntimeError, match="full") as caught:
        map_reduce(shard, range(30), executor=executor, progress=False, max_pending=5)
    assert 17 in caught.value.missing
    done = sorted(set(range(30)) - set(caught.value.missing))
    assert_identical(caught.value.partial, whole(done))


class Held:
    """A monoid that counts how many of its values there are."""

    alive = most = 0

    def __init__(self, value=0):
        self.value = value
        Held.alive += 1
        Held.most = max(Held.most, Held.alive)

    def __del__(self):
        Held.alive -= 1

    def __add__(self, other):
        return Held(self.value + other.value)


def test_few_results_are_held_at_a_time():
    """Also where every third one fails: their places do not stay open."""

    def work(i):
        if i % 3 == 0:
            raise OSError
        return Held(1)

    Held.most = 0
    failures = []
    total = map_reduce(work, range(3000), Held, fan_in=4, progress=False, on_error=failures.append, max_pending=8)
    assert (total.value, len(failures)) == (2000, 1000)
    assert Held.most < 150


def test_futures_that_report_twice_count_once():
    class Twice(Deferred):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            add = future.add_done_callback
            future.add_done_callback = lambda callback: (add(callback), add(callback))
            return future

    with Twice() as executor:
        assert_identical(map_reduce(shard, range(40), executor=executor, progress=False), whole(range(40)))


# --- results that do not merge ----------------------------------------------------------------------


class Inline:
    """An executor that does its work when it is submitted, so that the order is known."""

    def submit(self, fn, /, *args):
        future = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def clashes_at(odd):
    return lambda i: Summary([float(i)], histogram=[0, 1] if i in odd else [0, 2])


@pytest.mark.parametrize(
    ("odd", "n", "note", "missing"),
    [
        ([5], 30, "items 0..4 do not merge with item 5", [5, *range(10, 30)]),
        ([0], 30, "item 0 does not merge with item 1", [0, *range(10, 30)]),
        ([25, 26], 28, "items 0..24 do not merge with item 25", [25, 26]),
        (range(10, 20), 110, "items 0..9 do not merge with items 10..19", [*range(10, 20), *range(100, 110)]),
    ],
    ids=["in the first group", "the first item", "in an incomplete group", "at the second level"],
)
def test_results_that_do_not_merge_are_missing(odd, n, note, missing):
    """They, and the items that were not taken any more, and no others; a note names them."""
    work = clashes_at(odd)
    with pytest.raises(ValueError, match="histogram") as caught:
        map_reduce(work, range(n), executor=Inline(), max_pending=1, progress=False)
    assert any(text.endswith(note) for text in caught.value.__notes__)
    assert caught.value.missing == missing
    assert_identical(caught.value.partial, Summary.merge_all(work(i) for i in range(n) if i not in missing))


@pytest.mark.parametrize("seed", range(3))
def test_results_that_do_not_merge_in_any_order(seed):
    work = clashes_at([5, 17])
    with Deferred(seed) as executor, pytest.raises(ValueError, match="histogram") as caught:
        map_reduce(work, range(30), executor=executor, fan_in=3, progress=False, max_pending=12)
    done = sorted(set(range(30)) - set(caught.value.missing))
    assert done
    assert_identical(caught.value.partial, Summary.merge_all(map(work, done)))


def test_results_that_do_not_merge_do_not_hide_the_error():
    def work(i):
        if i == 27:
            raise RuntimeError("real")
        return clashes_at([25])(i)

    with pytest.raises(RuntimeError, match="real") as caught:
        map_reduce(work, range(28), executor=Inline(), max_pending=1, progress=False)
    notes = " ".join(caught.value.__notes__)
    assert "item 27, 27" in notes
    assert "items 0..24 do not merge with item 25" in notes
    assert caught.value.missing == [25, 27]
    assert caught.value.partial.count == 26


def test_skipped_items_are_missing_where_others_do_not_merge():
    def work(i):
        if i in (2, 24):
            raise OSError(i)
        return clashes_at([25])(i)

    with pytest.raises(ValueError, match="histogram") as caught:
        map_reduce(work, range(28), executor=Inline(), on_error=lambda failure: None, progress=False)
    assert caught.value.missing == [2, 24, 25]
    assert caught.value.partial.count == 25


# --- Ctrl-C -----------------------------------------------------------------------------------------


class Handled:
    """Sets a handler of SIGINT, and counts the calls of it; puts the former one back."""

    def __init__(self, error=None):
        self.calls, self.error = 0, error

    def __call__(self, number, frame):
        self.calls += 1
        if self.error is not None:
            raise self.error()

    def __enter__(self):
        self.before = signal.signal(signal.SIGINT, self)
        return self

    def __exit__(self, *_):
        assert signal.signal(signal.SIGINT, self.before) is self, "map_reduce puts the handler back"


PACKAGE = str(Path(foldstat.__file__).parent)


class InterruptedAt:
    """Sends Ctrl-C before one of the instructions that the package executes."""

    def __init__(self, step):
        self.left, self.held = step, False

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def _call(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._step

    def _step(self, frame, event, argument):
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                self.held = not isinstance(signal.getsignal(signal.SIGINT), Handled)
                signal.raise_signal(signal.SIGINT)
        return self._step

    def __exit__(self, *_):
        sys.settrace(self.before)


def interrupted(step, n=13):
    """Run until the given step.

    Give the exception that ended it, if any, the items that were called, and whether Ctrl-C was held.
    """
    called, interrupt = [], InterruptedAt(step)

    def work(i):
        called.append(i)
        return [i]

    with Handled(KeyboardInterrupt) as handled:
        try:
            with interrupt:
                done = map_reduce(work, iter(range(n)), list, Inline(), 3, progress=False, max_pending=2)
        except KeyboardInterrupt as error:
            return error, called, interrupt.held
    assert handled.calls == 0, "Ctrl-C was swallowed"
    assert done == list(range(n))
    return None, called, False


def test_ctrl_c_at_any_instruction_loses_nothing():
    """It comes between two steps: every item that was taken is done or missing, and none is both."""
    kept, step, n = set(), 1, 13
    while (outcome := interrupted(step, n))[0] is not None:
        error, called, held = outcome
        if hasattr(error, "partial"):
            assert sorted(error.partial + error.missing) == called == list(range(len(called)))
            kept.add(len(error.partial))
        else:  # it came before the work, or when all of it was over
            assert called == [] or (called == list(range(n)) and not held)
        step += 7
    assert kept == set(range(1, n + 1))


def test_a_second_ctrl_c_comes_at_once():
    reached = []

    def work(i):
        if i == 5:
            signal.raise_signal(signal.SIGINT)
            reached.append("after the first")
            signal.raise_signal(signal.SIGINT)
            reached.append("after the second")
        return Summary([i])

    with Handled(KeyboardInterrupt) as handled, pytest.raises(KeyboardInterrupt):
        map_reduce(work, range(9), executor=Inline(), progress=False)
    assert reached == ["after the first"]
    assert handled.calls >= 1


def test_ctrl_c_comes_before_the_next_item():
    """Also while many items are still to be submitted."""
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            if i == 3:
                signal.raise_signal(signal.SIGINT)
            yield i

    with Handled(KeyboardInterrupt), pytest.raises(KeyboardInterrupt) as caught:
        map_reduce(shard, items(), executor=Inline(), progress=False)
    assert taken == [0, 1, 2, 3]
    assert caught.value.missing == []
    assert_identical(caught.value.partial, whole(range(4)))


def test_a_handler_that_does_not_raise():
    """The work goes on, and so does holding what comes later."""
    within = []

    def work(i):
        if i in (3, 7):
            before = handled.calls
            signal.raise_signal(signal.SIGINT)
            within.append(handled.calls - before)
        return shard(i)

    with Handled() as handled:
        assert_identical(map_reduce(work, range(20), executor=Inline(), progress=False), whole(range(20)))
    assert handled.calls == 2
    assert within == [0, 0]


def test_ctrl_c_that_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        found = map_reduce(lambda i: signal.raise_signal(signal.SIGINT) or [i], range(5), list, progress=False)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == list(range(5))


def test_another_thread_leaves_the_handler_alone():
    seen = []

    def work(i):
        seen.append(signal.getsignal(signal.SIGINT))
        return [i]

    with Handled() as handled:
        thread = threading.Thread(target=map_reduce, args=(work, range(5), list), kwargs={"progress": False})
        thread.start()
        thread.join()
    assert seen == [handled] * 5
