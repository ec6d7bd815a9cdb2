"""What runs on a worker: items one after the other, each of which ends in an outcome that finds its way back.

Outcomes that go to another process are bytes, which the one that asked reads itself: what does not pickle, or not
unpickle, is an error of its item. An executor that comes upon it by itself gives up all its workers.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import pickle
import queue
import re
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from foldstat._common.signals import let_signals_through, let_through
from foldstat.distributed._failures import WorkerError
from foldstat.distributed._tree import Tree

# Tells processes apart, also on several machines. A fork keeps the first part.
_TOKEN = os.urandom(16)

Home: TypeAlias = tuple[bytes, int]


def home() -> Home:
    """Name this process."""
    return _TOKEN, os.getpid()


class ExecutorKey(NamedTuple):
    """An executor, known by it to its workers, forked ones as well."""

    token: bytes
    number: int

    @classmethod
    def of(cls, executor: Any) -> ExecutorKey:
        try:
            return cls(_TOKEN, _KNOWN.setdefault(executor, next(_NUMBERS)))
        except TypeError:  # no weak references to it, or no hash
            return cls(_TOKEN, -id(executor))


_NUMBERS = itertools.count(1)
_KNOWN: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

# The executors that wait for the call at hand.
waiting_executors: contextvars.ContextVar[frozenset[ExecutorKey]] = contextvars.ContextVar(
    "foldstat.waiting_executors", default=frozenset()
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What there is to know of items that travel together.

    Indices and tries make every batch different from all others: a scheduler that takes equal calls for one (dask's
    does) would not try again.
    """

    is_packed: bool  # the function and the items are bytes
    indices: list[int]
    tries: list[int]
    timeout: float | None
    last_try: int | None  # a failure of it ends the work, and so the batch
    kind: bytes | None  # what results are, if they may be merged on the way
    fan_in: int
    home: Home
    executors: frozenset[ExecutorKey]


# ---------------------------------------------------------------- outcomes


class Outcome(Protocol):
    """How an item ended."""

    def value(self) -> Any:
        """Give what the function returned, or raise what it raised."""


@dataclass(slots=True)  # not frozen: there may be millions
class Returned:
    result: Any

    def value(self) -> Any:
        return self.result


@dataclass(frozen=True, slots=True)
class ReturnedBytes:
    data: bytes

    def value(self) -> Any:
        return _loads(self.data, "function's result")


@dataclass(frozen=True, slots=True)
class Raised:
    error: BaseException

    def value(self) -> Any:
        raise self.error


@dataclass(frozen=True, slots=True)
class RaisedElsewhere:
    """An exception of another process: as bytes if these give it back, and as text in any case."""

    data: bytes | None
    kind: str
    text: str
    trace: str

    @classmethod
    def of(cls, error: BaseException) -> RaisedElsewhere:
        trace = "".join(traceback.format_exception(error))
        return cls(_lossless(error), type(error).__name__, _text(error), trace)

    def value(self) -> Any:
        raise self._error() from WorkerTraceback(self.trace)

    def _error(self) -> BaseException:
        if self.data is not None:
            try:
                error: BaseException = pickle.loads(self.data)
                return error
            except Exception as error:  # its class is not known here: the text tells
                let_through(error)
        # There may have been no memory for the bytes of it either.
        return MemoryError(self.text) if self.kind == "MemoryError" else WorkerError(self.kind, self.text)


class WorkerTraceback(Exception):  # noqa: N818 - the cause of one
    """Where an exception was raised, in the words of the process it was raised in."""

    def __init__(self, trace: str) -> None:
        super().__init__(trace)
        self.trace = trace

    def __str__(self) -> str:
        return f'\n"""\n{self.trace}"""'


def _lossless(error: BaseException) -> bytes | None:
    """Give the bytes of an exception, if they give back the same."""
    try:
        data = _dumps(error)
        copy = pickle.loads(data)
    except Exception:  # whatever somebody's exception does there
        return None
    same = type(copy) is type(error) and _without_addresses(_text(copy)) == _without_addresses(_text(error))
    return data if same else None


def _without_addresses(text: str) -> str:
    return re.sub("0x[0-9a-fA-F]+", "0x", text)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text could not be made)"


def said(error: BaseException) -> str:
    """Give the name and the text of an exception."""
    return f"{type(error).__name__}: {_text(error)}"


# ---------------------------------------------------------------- the work


class Report(NamedTuple):
    """What came of a batch, and how long it took.

    Each outcome is that of so many items, which follow each other: of one, or of all those of a group of the tree. They
    are fewer than those of the batch if the last one ends the work.
    """

    elsewhere: bool
    outcomes: list[tuple[int, Outcome]]
    seconds: float


def run(function: Any, items: list[Any], batch: Batch, index: int, tries: int) -> Report:
    """Call the function on the items of a batch. The numbers are those of the first one.

    What is the user's are arguments of their own: some executors look for what does not pickle there only.
    """
    began = time.perf_counter()
    elsewhere = batch.home != home()
    token = waiting_executors.set(batch.executors)
    try:
        outcomes = list(_outcomes(_once(function) if batch.is_packed else function, items, batch))
    finally:
        waiting_executors.reset(token)
    sent = list(_sent(batch, outcomes, elsewhere))
    return Report(elsewhere, sent, time.perf_counter() - began)


def _outcomes(function: Callable[[Any], Any], items: list[Any], batch: Batch) -> Iterator[Outcome]:
    for index, item, tries in zip(batch.indices, items, batch.tries, strict=True):
        try:
            yield Returned(_timed(function, item, index, batch.timeout))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):  # not the item's
            raise
        except BaseException as error:
            yield Raised(error)
            if batch.last_try is not None and tries >= batch.last_try:
                return


# What travels as it is: no code of anybody's takes part in its pickling.
PLAIN = frozenset({int, float, bool, str, type(None)})


def _once(packed: bytes) -> Callable[[Any], Any]:
    """Give a function of items as they travel. What does not unpickle is an error of each of them."""
    known: list[Any] = []

    def call(item: Any) -> Any:
        if not known:
            known.append(_loads(packed, "function"))
        return known[0](_loads(item, "item") if type(item) is bytes else item)

    return call


def _loads(data: bytes, what: str) -> Any:
    try:
        return pickle.loads(data)
    except Exception as error:
        let_through(error)
        raise pickle.UnpicklingError(f"the {what} does not unpickle: {said(error)}") from error


def _sent(batch: Batch, outcomes: list[Outcome], elsewhere: bool) -> Iterator[tuple[int, Outcome]]:
    """Turn outcomes into those that are sent back, a group of the tree in one where that can be; bytes if elsewhere."""
    groups = _merged(batch, outcomes, elsewhere) if len(outcomes) >= batch.fan_in else {}
    position = 0
    while position < len(outcomes):
        outcome = outcomes[position]
        length, merged = groups.get(batch.indices[position], (1, None))
        yield length, merged or (_alone(outcome) if elsewhere else outcome)
        position += length


def _alone(outcome: Outcome) -> Outcome:
    try:
        return ReturnedBytes(_bytes(outcome.value()))
    except BaseException as error:
        return RaisedElsewhere.of(error)


def _merged(batch: Batch, outcomes: list[Outcome], elsewhere: bool) -> dict[int, tuple[int, Outcome]]:
    """Merge the groups of the tree that are complete: the length and the outcome of each, by its first index.

    Bytes are read once, to be sure. What fails here is left to the one that asked, who meets it again and says so.
    """
    try:
        kind = pickle.loads(batch.kind) if batch.kind is not None else None
    except Exception:
        kind = None
    if kind is None:
        return {}
    tree = Tree(kind, batch.fan_in)
    for index, results in _runs(batch, outcomes, kind):
        tree.add_run(index, results)
    groups: dict[int, tuple[int, Outcome]] = {}
    for node in tree.nodes():
        if len(node.leaves) > 1:
            try:
                groups[node.leaves.start] = len(node.leaves), _checked(node.values[0], elsewhere)
            except Exception as error:  # it does not pickle, or there is no room for it
                let_signals_through(error)
    return groups


def _checked(merged: Any, elsewhere: bool) -> Outcome:
    if not elsewhere:
        return Returned(merged)
    data = _dumps(merged)
    pickle.loads(data)
    return ReturnedBytes(data)


def _runs(batch: Batch, outcomes: list[Outcome], kind: type) -> Iterator[tuple[int, list[Any]]]:
    """Give results of that kind with neighbouring indices together, with the first of these."""
    start, results = 0, list[Any]()
    for index, outcome in zip(batch.indices, outcomes, strict=False):
        if isinstance(outcome, Returned) and isinstance(outcome.result, kind):
            if index != start + len(results):
                if results:
                    yield start, results
                start, results = index, []
            results.append(outcome.result)
    if results:
        yield start, results


def _bytes(result: Any) -> bytes:
    try:
        return _dumps(result)
    except Exception as refusal:
        let_through(refusal)
        kind = type(result).__name__
        raise pickle.PicklingError(f"the function's result, a {kind}, does not pickle: {said(refusal)}") from refusal


def _dumps(thing: Any) -> bytes:
    try:
        return pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:
        try:
            import cloudpickle  # the way of loky and dask, for classes that their workers alone know
        except ImportError:
            cloudpickle = None
        if cloudpickle is None:
            raise
        data: bytes = cloudpickle.dumps(thing)
        return data


def _timed(function: Callable[[Any], Any], item: Any, index: int, timeout: float | None) -> Any:
    """Call the function, on a thread beside this one if it may take so long only."""
    if timeout is None:
        return function(item)
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put(Returned(function(item)))
        except BaseException as error:
            ended.put(Raised(error))

    run_in_context = contextvars.copy_context().run
    name = f"foldstat item {index}"
    threading.Thread(target=run_in_context, args=(work,), name=name, daemon=True).start()
    try:
        outcome = ended.get(timeout=min(timeout, threading.TIMEOUT_MAX))
    except queue.Empty:
        raise TimeoutError(f"item {index} ran for more than timeout={timeout:g} seconds") from None
    return outcome.value()
