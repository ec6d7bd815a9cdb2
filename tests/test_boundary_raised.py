"""Exceptions that are no answers come through: those of signal handlers, and running out of memory."""

from __future__ import annotations

import functools
import itertools
import signal
import sys
from concurrent.futures import Future

import numpy as np
import pytest

from foldstat import Summary, describe, map_reduce
from programs import outcome
from small_walks import normal, sample

IMPORT = """
import json, sys
class Raising:
    left = True
    def find_spec(self, name, path=None, target=None):
        if self.left and name == "scipy.linalg.cython_lapack":
            self.left = False
            raise ERROR("while LAPACK is looked for")
sys.meta_path.insert(0, Raising())
class Expired(Exception):
    pass
try:
    import foldstat
    raised = None
except BaseException as error:
    raised = type(error).__name__
    import foldstat
lapack = foldstat._core.system()["lapack"]
print(json.dumps([raised, lapack, foldstat.summary.__name__, foldstat.distributed.__name__]))
"""


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "MemoryError", "Expired", "RuntimeError"])
def test_what_is_raised_during_the_import_leaves_it_and_the_next_one_has_lapack(error):
    raised, lapack, *names = outcome(IMPORT.replace("ERROR", error))
    assert raised == error
    assert lapack.startswith("scipy.linalg.cython_lapack")
    assert names == ["foldstat.summary", "foldstat.distributed"]


@pytest.mark.parametrize("error", ["ImportError", "ModuleNotFoundError"])
def test_without_lapack_the_import_goes_on(error):
    raised, lapack, *_ = outcome(IMPORT.replace("ERROR", error))
    assert (raised, lapack) == (None, None)


LATE = """
import json, sys
def at_line(frame, event, argument):
    if "_core" in frame.f_globals:  # its last line
        sys.settrace(None)
        raise KeyboardInterrupt
    return at_line
def at_call(frame, event, argument):
    return at_line if frame.f_globals.get("__name__") == "foldstat" else None
sys.settrace(at_call)
try:
    import foldstat
    raised = False
except KeyboardInterrupt:
    raised = True
    import foldstat
names = [name for name in foldstat.__all__ if getattr(foldstat, name) is None]
print(json.dumps([raised, names, foldstat.summary.__name__, foldstat.distributed.__name__, foldstat.cells.__name__]))
"""


def test_the_second_import_is_whole():
    assert outcome(LATE) == [True, [], "foldstat.summary", "foldstat.distributed", "foldstat.cells"]


# ---------------------------------------------------------------- trial calls


class ExpiredError(Exception):
    """What the handlers below raise: an ordinary exception, as of a timeout."""


def expire(number, frame):
    raise ExpiredError


class Handlers:
    """Handlers of other forms."""

    def method(self, number, frame):
        raise ExpiredError

    def __call__(self, *arguments):
        inner(*arguments)


def inner(number, frame):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it may take itself away
    raise ExpiredError


HANDLERS = [expire, Handlers().method, Handlers(), functools.partial(expire), lambda *_: inner(*_)]
handles = pytest.mark.parametrize("handler", HANDLERS, ids=["function", "method", "object", "partial", "lambda"])


@pytest.fixture(autouse=True)
def installed():
    """Install the handler, for the time of a test."""
    if not hasattr(signal, "SIGUSR1"):
        pytest.skip("needs signals")
    before = signal.signal(signal.SIGUSR1, expire)
    yield
    signal.signal(signal.SIGUSR1, before)


def at_call(number, density, event):
    """The density, at whose call of that number something happens."""
    calls = itertools.count(1)

    @functools.wraps(density)
    def watched(*arguments):
        if next(calls) == number:
            event()
        return density(*arguments)

    return watched


def vectorised(points):
    return -(points**2).sum(axis=-1) / 2


@handles
@pytest.mark.parametrize("density", [normal, vectorised], ids=["coordinates", "points"])
@pytest.mark.parametrize("call", [1, 2, 5])
def test_what_a_handler_raises_in_a_trial_call_comes_through(density, handler, call):
    signal.signal(signal.SIGUSR1, handler)
    with pytest.raises(ExpiredError):
        sample(at_call(call, density, lambda: signal.raise_signal(signal.SIGUSR1)))
    assert signal.getsignal(signal.SIGUSR1) in (handler, signal.SIG_IGN)


def test_what_a_handler_raises_while_compiled_and_original_are_compared_comes_through(monkeypatch):
    pytest.importorskip("numba")
    from foldstat.walkers.density import _trials

    original = _trials.outcome

    def interrupted(call, limit):
        def at_point():
            signal.raise_signal(signal.SIGUSR1)
            return call()

        return original(at_point, limit)

    monkeypatch.setattr(_trials, "outcome", interrupted)
    with pytest.raises(ExpiredError):
        sample(lambda x, y: -x * x - y * y - 2e-3, where=None)


def test_what_a_handler_raises_while_numba_compiles_comes_through(monkeypatch):
    pytest.importorskip("numba")
    from foldstat.walkers.density import _compile

    def checked_function(*_):
        signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr(_compile, "checked_function", checked_function)
    with pytest.raises(ExpiredError):
        sample(lambda x, y: -x * x - y * y - 1e-3, where=None)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", [1, 2, 5])
@pytest.mark.parametrize("density", [normal, vectorised], ids=["coordinates", "points"])
def test_running_out_of_memory_in_a_trial_call_comes_through(error, call, density):
    def fail():
        raise error

    with pytest.raises(error):
        sample(at_call(call, density, fail))


def test_what_a_density_raises_itself_is_an_answer_still():
    def of_one_point(point):
        if np.ndim(point) != 1:
            raise RuntimeError("one point")
        return -float(point @ point)

    assert sample(of_one_point).draws.shape == (9, 60, 2)
    # Also if it gets a frame as an argument, but not its caller's.
    frame = sys._getframe()

    def refusing(point, frame=frame):
        return of_one_point(point)

    assert sample(refusing, call="point").draws.shape == (9, 60, 2)


# ---------------------------------------------------------------- conversions


class Raises:
    """Raises in whatever makes a number or a text of it."""

    def __init__(self, error):
        self.error = error

    def __index__(self):
        raise self.error

    def __float__(self):
        raise self.error


@pytest.mark.parametrize("error", [ExpiredError(), MemoryError(), KeyboardInterrupt()], ids=lambda e: type(e).__name__)
def test_what_a_conversion_raises_comes_through(error):
    summary = Summary(best=1)
    with pytest.raises(type(error)):
        summary.update([1.0], ids=[Raises(error)])
    with pytest.raises(type(error)):
        sample(lambda x, y: Raises(error), call="coordinates")


def test_what_a_handler_raises_while_columns_are_described_comes_through(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": pandas.Series([1, None], dtype="Int64")})

    def export(self, requested_schema=None):
        signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr(pandas.Series, "__arrow_c_stream__", export, raising=False)
    with pytest.raises(ExpiredError):
        describe(frame)


# ---------------------------------------------------------------- merging


class Immediate:
    """An executor that works on the calling thread."""

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def test_what_a_handler_raises_is_no_failure_of_an_item():
    calls = []

    def function(item):
        calls.append(item)
        if item == 3:
            signal.raise_signal(signal.SIGUSR1)
        return Summary([item])

    with pytest.raises(ExpiredError) as caught:
        map_reduce(function, range(6), executor=Immediate(), retries=2)
    assert calls.count(3) == 1
    assert caught.value.partial.count == 5  # all but that one


NO_LATER_IMPORT = """
import json, sys
import numpy as np
from foldstat import _core

array = np.eye(2)
for name in [name for name in sys.modules if name.split(".")[0] == "numpy"]:
    sys.modules[name] = None
print(json.dumps(str(_core.precisions_cholesky(array, "tied").shape)))
"""


def test_calls_import_nothing_of_numpy_any_more():
    # An import that a signal handler ends is an exception, but within a call it was a panic.
    assert outcome(NO_LATER_IMPORT) == "(2, 2)"
