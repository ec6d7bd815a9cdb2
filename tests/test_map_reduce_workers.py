"""map_reduce: what travels to workers and back, in batches; time limits; executors within themselves."""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import multiprocessing
import os
import pickle
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import Summary, map_reduce
from foldstat.distributed import WorkerError
from summaries import assert_identical
from test_map_reduce import Deferred, shard, whole


class Elsewhere(Deferred):
    """As two processes: everything goes there and back in bytes, and in an order of its own."""

    _max_workers = 2

    def submit(self, fn, /, function, items, batch, *args):
        batch = dataclasses.replace(batch, home=(b"elsewhere", 0))
        self.batches = [*getattr(self, "batches", []), len(items)]
        call = pickle.dumps((fn, (function, items, batch, *args)))

        def there():
            function, arguments = pickle.loads(call)
            return pickle.loads(pickle.dumps(function(*arguments)))

        return super().submit(there)


@pytest.fixture(scope="module", params=["fork", "spawn"])
def processes(request):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(request.param)) as pool:
        yield pool


# --- batches ----------------------------------------------------------------------------------------


@dataclasses.dataclass
class FailsAt:
    """Fails so often at some items; the count is kept outside, as tries may be anywhere."""

    often: dict

    def __call__(self, item):
        if CALLS.setdefault(item, 0) < self.often.get(item, 0):
            CALLS[item] += 1
            raise OSError(f"{item}")
        CALLS[item] += 1
        return [item, -item]


CALLS: dict[int, int] = {}


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 130),
    fan_in=st.integers(2, 12),
    chunksize=st.none() | st.integers(1, 50),
    max_pending=st.none() | st.integers(1, 60),
    often=st.dictionaries(st.integers(0, 129), st.integers(1, 3), max_size=5),
    retries=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_batches_change_nothing(n, fan_in, chunksize, max_pending, often, retries, seed):
    """Lists keep the order of the items; every item is tried, reported and merged for itself."""
    CALLS.clear()
    failures = []
    with Elsewhere(seed) as executor:
        found = map_reduce(
            FailsAt(often), range(n), list, executor, fan_in, False, failures.append, retries=retries,
            chunksize=chunksize, max_pending=max_pending,
        )  # fmt: skip
    failed = sorted(i for i in range(n) if often.get(i, 0) > retries)
    assert found == [v for i in range(n) if i not in failed for v in (i, -i)]
    assert sorted((f.index, f.item, str(f.exception)) for f in failures) == [(i, i, str(i)) for i in failed]
    assert {i: min(often.get(i, 0), retries) + 1 for i in range(n)} == {i: CALLS[i] for i in range(n)}


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 130),
    fan_in=st.integers(2, 12),
    chunksize=st.none() | st.integers(1, 50),
    at=st.integers(0, 129),
    seed=st.integers(0, 9),
)
def test_what_is_left_of_batches_is_missing(n, fan_in, chunksize, at, seed):
    """An item is in the partial result or among the missing ones, and never both."""
    CALLS.clear()
    at = at % n
    with Elsewhere(seed) as executor, pytest.raises(OSError, match=f"(?m)^{at}$") as caught:
        map_reduce(FailsAt({at: 1}), range(n), list, executor, fan_in, False, chunksize=chunksize)
    error = caught.value
    assert f"map_reduce: item {at}, {at}" in error.__notes__
    assert at in error.missing
    assert error.partial == [v for i in range(n) if i not in error.missing for v in (i, -i)]


def rounded(seed):
    """Sums of these depend on their order."""
    return np.random.default_rng(seed).normal(size=3) * 10.0 ** np.random.default_rng(seed).integers(-9, 9, 3)


def zeros():
    return np.zeros(3)


@pytest.mark.parametrize("chunksize", [None, 1, 7, 40, 1000])
def test_the_tree_is_the_same_for_every_batch(processes, chunksize):
    here = map_reduce(rounded, range(157), zeros, progress=False)
    there = map_reduce(rounded, range(157), zeros, processes, progress=False, chunksize=chunksize)
    assert there.tobytes() == here.tobytes()
    assert there.tobytes() != sum(map(rounded, range(157)), zeros()).tobytes()
    assert_identical(
        map_reduce(shard, range(57), executor=processes, chunksize=chunksize, progress=False), whole(range(57))
    )


def clashes_at_25(i):
    return Summary([float(i)], histogram=[0, 1] if i == 25 else [0, 2])


@pytest.mark.parametrize("chunksize", [1, 4, 30])
def test_results_of_a_batch_that_do_not_merge(processes, chunksize):
    with pytest.raises(ValueError, match="histogram") as caught:
        map_reduce(clashes_at_25, range(30), executor=processes, chunksize=chunksize, progress=False)
    assert "map_reduce: items 20..24 do not merge with item 25" in caught.value.__notes__
    assert 25 in caught.value.missing
    assert caught.value.partial.count == 30 - len(caught.value.missing)


def another_kind_at_25(i):
    return i if i == 25 else [i]


def test_a_result_of_another_kind_in_a_batch(processes):
    with pytest.raises(TypeError, match="a list for every item, got int for item 25"):
        map_reduce(another_kind_at_25, range(30), list, processes, chunksize=30, progress=False)


def quick(i):
    return i


def test_quick_items_travel_together_and_slow_ones_alone():
    with Elsewhere() as executor:
        assert map_reduce(quick, range(5000), int, executor, progress=False) == sum(range(5000))
    assert len(executor.batches) < 1000
    with Elsewhere() as executor:
        map_reduce(take_a_while, range(20), int, executor, progress=False)
    assert executor.batches == [1] * 20
    with Elsewhere() as executor:
        map_reduce(len, [b"a" * 300_000] * 60, int, executor, progress=False, max_pending=8)
    assert executor.most <= 8


def take_a_while(i):
    time.sleep(0.03)
    return i


def test_threads_get_items_one_by_one():
    with Deferred() as executor:
        executor._max_workers = 1
        map_reduce(quick, range(300), int, executor, progress=False)
    assert executor.submitted == 300


def test_progress_counts_items_not_batches(processes, capsys):
    map_reduce(quick, range(40), int, processes, chunksize=20)
    assert "40/40" in capsys.readouterr().err


class Refuses(Deferred):
    """An executor that cannot take one of the items, whatever else is in its batch."""

    def submit(self, fn, /, function, items, *args):
        if 13 in items:
            failed: Future = Future()
            failed.set_exception(pickle.PicklingError("no 13"))
            return failed
        return super().submit(fn, function, items, *args)


@pytest.mark.parametrize("chunksize", [1, 10])
def test_a_batch_that_fails_as_a_whole_is_tried_one_by_one(chunksize):
    failures = []
    with Refuses() as executor:
        found = map_reduce(
            lambda i: [i], range(30), list, executor, progress=False, chunksize=chunksize, on_error=failures.append
        )
    assert found == [i for i in range(30) if i != 13]
    assert [(f.index, str(f.exception)) for f in failures] == [(13, "no 13")]


def stops_at_3(i):
    if i == 3:
        raise RuntimeError("three")
    if i > 3:
        time.sleep(20)
    return [i]


def test_a_failure_ends_its_batch():
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="three") as caught:
        map_reduce(stops_at_3, range(10), list, pool, chunksize=10, progress=False)
    assert time.monotonic() - began < 15
    assert (caught.value.partial, caught.value.missing) == ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])


# --- what does not travel ---------------------------------------------------------------------------


class TwoArguments(Exception):  # noqa: N818
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class Changes(Exception):  # noqa: N818
    def __init__(self, a):
        super().__init__(f"of {a}")


class HoldsALock(Exception):  # noqa: N818
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


RAISED = {
    "two arguments": lambda: TwoArguments(1, 2),
    "changes": lambda: Changes(3),
    "lock": lambda: HoldsALock("held"),
    "plain": lambda: KeyError("plain"),
    "with an address": lambda: ValueError(object()),
}


def raises_at_13(which, i):
    if i == 13:
        raise RAISED[which]()
    return Summary([i])


TOLD = {
    "two arguments": "TwoArguments: 1 and 2",
    "changes": "Changes: of 3",
    "lock": "HoldsALock: held",
}


@pytest.mark.parametrize("chunksize", [1, 20])
@pytest.mark.parametrize("which", RAISED)
def test_exceptions_come_back_or_are_told(processes, which, chunksize):
    function = functools.partial(raises_at_13, which)
    with pytest.raises((WorkerError, KeyError, ValueError, TwoArguments, Changes)) as caught:
        map_reduce(function, range(30), executor=processes, chunksize=chunksize, progress=False)
    error = caught.value
    if isinstance(error, (TwoArguments, Changes)):
        # Some libraries, once they are loaded, teach pickle to keep exceptions as they are.
        assert f"{type(error).__name__}: {error}" == TOLD[which]
    elif which in TOLD:
        assert (type(error), str(error)) == (WorkerError, TOLD[which])
    else:
        assert type(error) is type(RAISED[which]())
    assert "map_reduce: item 13, 13" in error.__notes__
    assert "in raises_at_13" in str(error.__cause__)
    assert 13 in error.missing
    assert error.partial.count == 30 - len(error.missing)
    if which != "with an address":
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    # The pool is as good as new.
    assert map_reduce(quick, range(5), int, processes, progress=False) == 10


def test_exceptions_of_classes_that_workers_alone_know():
    """Those that loky's own pickler takes come back as they are, others as text."""
    from joblib.externals import loky

    class Local(Exception):  # noqa: N818
        pass

    def raises(simple, i):
        if i == 13:
            raise Local("here") if simple else TwoArguments(1, 2)
        return [i]

    executor = loky.get_reusable_executor(max_workers=2, timeout=5)
    try:
        for simple, kind, text in ((True, Local, "here"), (False, WorkerError, "TwoArguments: 1 and 2")):
            failures = []
            call = functools.partial(raises, simple)
            found = map_reduce(call, range(30), list, executor, progress=False, chunksize=10, on_error=failures.append)
            assert found == [i for i in range(30) if i != 13]
            assert [(f.index, f.exception.__class__.__name__, str(f.exception)) for f in failures] == [
                (13, kind.__name__, text)
            ]
    finally:
        executor.shutdown(wait=True, kill_workers=True)


class UnpicklesToNothing:
    def __reduce__(self):
        return int, ("x",)


def odd_result_at_13(which, i):
    odd = {"pickles": UnpicklesToNothing, "does not": threading.Lock}[which]
    return [odd()] if i == 13 else [i]


@pytest.mark.parametrize("chunksize", [1, 7, 30])
@pytest.mark.parametrize(
    ("which", "kind", "text"),
    [
        ("pickles", pickle.UnpicklingError, "the function's result does not unpickle: ValueError: invalid literal"),
        ("does not", pickle.PicklingError, "the function's result, a list, does not pickle: TypeError: cannot pickle"),
    ],
)
def test_results_that_do_not_travel_are_failures_of_their_items(processes, which, kind, text, chunksize):
    function = functools.partial(odd_result_at_13, which)
    failures = []
    found = map_reduce(
        function, range(30), list, processes, chunksize=chunksize, on_error=failures.append, progress=False
    )
    assert found == [i for i in range(30) if i != 13]
    ((index, error),) = [(f.index, f.exception) for f in failures]
    assert (index, type(error)) == (13, kind)
    assert str(error).startswith(text)
    with pytest.raises(kind, match=text) as caught:
        map_reduce(function, range(30), list, processes, chunksize=chunksize, progress=False)
    assert "map_reduce: item 13, 13" in caught.value.__notes__


def type_name(item):
    return [type(item).__name__]


def test_items_that_do_not_travel_are_failures_of_their_own(processes):
    items, failures = [1, threading.Lock(), 2, UnpicklesToNothing(), 3], []
    found = map_reduce(type_name, items, list, processes, chunksize=5, on_error=failures.append, progress=False)
    assert found == ["int"] * 3
    assert {f.index: str(f.exception).partition(":")[0] for f in failures} == {
        1: "the item does not pickle",
        3: "the item does not unpickle",
    }


def test_a_function_that_does_not_travel_is_named(processes):
    with pytest.raises(pickle.PicklingError, match="the function does not pickle") as caught:
        map_reduce(lambda i: [i], range(3), list, processes, progress=False)
    assert caught.value.missing == [0, 1, 2]


# --- time limits ------------------------------------------------------------------------------------

released = threading.Event()
IMPORTED_IN = os.getpid()


def hangs_at_5(i):
    if i == 5:
        # A fork has the event as it was in its parent then.
        (released if os.getpid() == IMPORTED_IN else threading.Event()).wait(20)
    return [i]


@pytest.fixture
def release():
    released.clear()
    yield
    released.set()


def timed(executor, **arguments):
    return map_reduce(hangs_at_5, range(30), list, executor, progress=False, timeout=0.2, **arguments)


def check_timeouts(executor):
    failures = []
    assert timed(executor, on_error=failures.append, retries=1) == [i for i in range(30) if i != 5]
    assert [(f.index, type(f.exception)) for f in failures] == [(5, TimeoutError)]
    with pytest.raises(TimeoutError, match=r"item 5 ran for more than timeout=0\.2 seconds") as caught:
        timed(executor)
    assert 5 in caught.value.missing
    assert caught.value.partial == [i for i in range(30) if i not in caught.value.missing]


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_item_that_takes_too_long_in_a_thread(workers):
    """Its worker is free for others at once."""
    with ThreadPoolExecutor(workers) as pool:
        check_timeouts(pool)
    check_timeouts(None)


@pytest.mark.usefixtures("release")
def test_an_item_that_takes_too_long_in_a_process(processes):
    check_timeouts(processes)
    failures = []
    assert timed(processes, on_error=failures.append, chunksize=10) == [i for i in range(30) if i != 5]
    assert [f.index for f in failures] == [5]


def test_time_is_counted_from_when_an_item_begins():
    """Not from when it was handed over: forty of these wait longer than they may run."""
    with ThreadPoolExecutor(1) as pool:
        found = map_reduce(take_a_while, range(40), int, pool, progress=False, timeout=1.0, max_pending=40)
        assert found == sum(range(40))
        assert map_reduce(take_a_while, range(40), int, pool, progress=False, timeout=1.0, chunksize=40) == found


variable = contextvars.ContextVar("variable", default=0)


def test_an_item_with_a_time_limit_sees_what_its_worker_sees():
    with ThreadPoolExecutor(1, initializer=variable.set, initargs=(7,)) as pool:
        assert map_reduce(lambda i: [variable.get()], range(2), list, pool, timeout=5, progress=False) == [7, 7]

    def raises(i):
        raise LookupError(i)

    with pytest.raises(LookupError, match=r"(?m)^[01]$"):
        map_reduce(raises, range(2), list, timeout=np.float32(5), progress=False)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"timeout": 0}, ValueError, "timeout must be a number of seconds greater than 0, or None, got 0"),
        ({"timeout": float("nan")}, ValueError, "timeout must be .*, got nan"),
        ({"timeout": "1"}, TypeError, "timeout must be .*, got '1'"),
        ({"timeout": True}, TypeError, "timeout must be .*, got True"),
        ({"chunksize": 0}, ValueError, "chunksize must be an integer of at least 1 or None, got 0"),
        ({"chunksize": 2.0}, TypeError, "chunksize must be an integer of at least 1 or None, got 2.0"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(wrong, error, message):
    with pytest.raises(error, match=f"^{message}"):
        map_reduce(quick, range(3), int, progress=False, **wrong)


# --- an executor within itself ----------------------------------------------------------------------

POOL = None
WITHIN = "runs on a worker of the executor that it is given"


def inner(i):
    return map_reduce(quick, range(3), int, POOL, progress=False)


def through_own_threads(i):
    return map_reduce(inner, range(2), int, progress=False)


@pytest.mark.parametrize("function", [inner, through_own_threads])
@pytest.mark.parametrize("timeout", [None, 10])
@pytest.mark.parametrize("workers", [1, 4])
def test_threads_within_themselves(monkeypatch, function, timeout, workers):
    with ThreadPoolExecutor(workers) as pool:
        monkeypatch.setitem(globals(), "POOL", pool)
        with pytest.raises(RuntimeError, match=WITHIN):
            map_reduce(function, range(3), int, pool, progress=False, timeout=timeout)
        if workers == 1:  # the others may not have worked for the call before
            with pytest.raises(RuntimeError, match=WITHIN):
                pool.submit(inner, 0).result()


def test_forked_processes_within_themselves(monkeypatch):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        monkeypatch.setitem(globals(), "POOL", pool)
        with pytest.raises(RuntimeError, match=WITHIN):
            map_reduce(inner, range(3), int, pool, progress=False)
        # Afterwards, and in other threads, it is an executor like any other.
        assert inner(0) == 3
        with ThreadPoolExecutor(1) as other:
            assert map_reduce(inner, range(3), int, other, progress=False) == 9


def test_our_own_threads_within_themselves():
    found = map_reduce(lambda i: map_reduce(quick, range(i), int, progress=False), range(9), int, progress=False)
    assert found == sum(sum(range(i)) for i in range(9))
