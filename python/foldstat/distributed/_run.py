"""Items on their way through an executor."""

from __future__ import annotations

import bisect
import contextlib
import itertools
import os
import pickle
import queue
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from typing import Any

from foldstat._common.bars import Bar, Told
from foldstat._common.signals import let_signals_through, let_through
from foldstat.distributed._batches import BatchSize
from foldstat.distributed._executor import Executor, packer_of
from foldstat.distributed._failures import Failure, short, warn_of
from foldstat.distributed._interrupts import Interrupts
from foldstat.distributed._tree import Tree
from foldstat.distributed._worker import (
    PLAIN,
    Batch,
    ExecutorKey,
    Outcome,
    Raised,
    Report,
    Returned,
    ReturnedBytes,
    home,
    run,
    waiting_executors,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of an item that fails, or takes long."""

    retries: int
    on_error: str | Callable[[Failure], object]
    timeout: float | None

    @property
    def last_try(self) -> int | None:
        """The try whose failure ends the work."""
        return self.retries + 1 if self.on_error == "raise" else None


@dataclass(slots=True)  # not frozen: there may be millions
class Attempt:
    """An item that is tried, for the so-manieth time."""

    index: int
    item: Any
    tries: int = 1


class Sender:
    """Puts batches together and hands them to an executor."""

    def __init__(self, function: Callable[[Any], Any], executor: Executor, rules: Rules, tree: Tree) -> None:
        self._executor, self.pack = executor, packer_of(executor)
        self._function: Any = function
        self._is_ready = self.pack is None
        self._executors = waiting_executors.get() | {ExecutorKey.of(executor)}
        self._rules, self._fan_in = rules, tree.fan_in
        self._kind: bytes | None = None
        with contextlib.suppress(Exception):  # a class that workers do not know: merged here alone
            self._kind = pickle.dumps(tree.kind)

    def send(self, attempts: list[Attempt], items: list[Any]) -> Any:
        """Submit a batch, and give its future."""
        rules, first = self._rules, attempts[0]
        indices, tries = [attempt.index for attempt in attempts], [attempt.tries for attempt in attempts]
        batch = Batch(
            self.pack is not None, indices, tries, rules.timeout, rules.last_try, self._kind, self._fan_in, home(),
            self._executors,
        )  # fmt: skip
        return self._executor.submit(run, self._ready(), items, batch, first.index, first.tries)

    def _ready(self) -> Any:
        """Give the function as it travels."""
        if not self._is_ready and self.pack is not None:
            self._function, self._is_ready = self.pack(self._function, "function"), True
        return self._function


_PLAIN_BYTES = 8  # of a number

_RUNS: weakref.WeakSet[Run] = weakref.WeakSet()


def _wake_all() -> None:
    for running in list(_RUNS):
        running.wake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_wake_all)  # who waits there waits for threads that it does not have


class Run:
    """The items on their way through an executor."""

    def __init__(
        self,
        source: Iterator[Any],
        length: int | None,
        sender: Sender,
        size: BatchSize,
        tree: Tree,
        monoid: Callable[[], Any],
        rules: Rules,
        bar: Bar | Told,
        interrupts: Interrupts,
    ) -> None:
        self._sender, self._size, self._tree, self._monoid = sender, size, tree, monoid
        self._rules, self._bar = rules, bar
        self._source = itertools.starmap(Attempt, enumerate(source))
        self._length, self._is_exhausted = length, False
        self._taken = self._settled = 0
        self._sent = 0  # items that are with the executor
        self._pending: dict[Any, list[Attempt]] = {}
        # Futures that are done. None is a Ctrl-C or a fork; SimpleQueue.put is reentrant.
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._arrived: deque[tuple[list[Attempt], Outcome]] = deque()
        self._failures: list[Failure] = []
        self._interrupts = interrupts
        interrupts.wake, interrupts.tell = self.wake, self._abandon
        self._process = os.getpid()
        _RUNS.add(self)

    def wake(self) -> None:
        """End a wait, from within it: what it waits for may not come."""
        self._done.put(None)

    def _check(self) -> None:
        """Handle a Ctrl-C that is held; end what was forked."""
        self._interrupts.check()
        if os.getpid() != self._process:
            raise RuntimeError(
                "map_reduce: this process was forked in the middle of the call, which goes on in the parent only"
            )

    def work(self) -> Any:
        """Take all items through and merge their results."""
        try:
            self._take()
            while self._pending or self._arrived:
                if not self._arrived:
                    self._receive(*self._next())
                while self._arrived:
                    self._settle(*self._arrived.popleft())
                    self._check()
                self._take()
            result = self._tree.result(self._monoid)
            self._interrupts.check()
        except BaseException as error:
            if os.getpid() == self._process:  # futures have locks, and a child does not know who held them
                self._abandon(error)
            raise
        return result

    # ---------------------------------------------------------------- out

    def _take(self) -> None:
        while not self._is_exhausted:
            wanted = self._size.next(self._taken)
            if self._pending and self._size.limit - self._sent < wanted:
                return
            self._submit(itertools.islice(self._fresh(), wanted))
            self._check()

    def _fresh(self) -> Iterator[Attempt]:
        for attempt in self._source:
            self._taken = attempt.index + 1
            yield attempt
        self._is_exhausted = True

    def _submit(self, attempts: Iterable[Attempt]) -> None:
        """Send a batch; fewer items if they are large."""
        batch: list[Attempt] = []
        items: list[Any] = []
        total, pack = 0, self._sender.pack
        for attempt in attempts:
            item = attempt.item
            if type(item) in PLAIN:
                total += len(item) if type(item) is str else _PLAIN_BYTES
            elif pack is not None:
                try:
                    item = pack(item, "item")
                except Exception as error:
                    let_through(error)
                    self._arrived.append(([attempt], Raised(error)))
                    continue
                total += len(item)
            batch.append(attempt)
            items.append(item)
            if pack is not None and self._size.is_full(total):
                break
        if batch:
            future = self._sender.send(batch, items)
            self._pending[future] = batch
            self._sent += len(batch)
            future.add_done_callback(self._done.put)

    # ---------------------------------------------------------------- back

    def _next(self) -> tuple[Any, list[Attempt]]:
        """Wait for a future. One that reports twice counts once."""
        while True:
            self._check()
            future = self._done.get()
            if future in self._pending:
                batch = self._pending.pop(future)
                self._sent -= len(batch)
                return future, batch

    def _receive(self, future: Any, batch: list[Attempt]) -> None:
        try:
            report: Report = future.result()
        except BrokenExecutor:
            raise
        except Exception as error:
            let_signals_through(error)
            if len(batch) == 1:
                self._arrived.append((batch, Raised(error)))
            for attempt in batch if len(batch) > 1 else ():  # one of them is to blame: each goes alone
                self._submit([attempt])
            return
        self._size.learn(len(batch), report.seconds, report.elsewhere)
        self._keep(batch, report)

    def _keep(self, batch: list[Attempt], report: Report) -> None:
        position = 0
        for length, outcome in report.outcomes:
            self._arrived.append((batch[position : position + length], outcome))
            position += length

    def _settle(self, attempts: list[Attempt], outcome: Outcome) -> None:
        try:
            value = outcome.value()
        except Exception as error:
            let_signals_through(error)
            for attempt in attempts:
                self._fail(attempt, error)
            return
        self._tree.add(attempts[0].index, value, len(attempts))
        self._move(len(attempts))

    def _fail(self, attempt: Attempt, error: Exception) -> None:
        if attempt.tries <= self._rules.retries:
            self._submit([replace(attempt, tries=attempt.tries + 1)])
            return
        if self._rules.on_error == "raise":
            times = "" if attempt.tries == 1 else f", tried {attempt.tries} times"
            error.add_note(f"map_reduce: item {attempt.index}, {short(attempt.item)}{times}")
            raise error
        failure = Failure(attempt.index, attempt.item, error)
        self._failures.append(failure)
        self._tree.skip(attempt.index)
        if callable(self._rules.on_error):
            self._rules.on_error(failure)
        self._move(1)

    def _move(self, items: int) -> None:
        self._settled += items
        shown = self._bar.due()
        if shown is not None:
            if self._failures:
                shown.set_postfix(failed=len(self._failures), refresh=False)
            shown.update(self._settled - shown.n)

    # ---------------------------------------------------------------- the end

    def _abandon(self, error: BaseException) -> None:
        """Cancel what has not started, keep what has finished, and tell the exception about it."""
        while self._pending:
            future, batch = self._pending.popitem()
            if future.cancel() or not future.done() or future.cancelled() or future.exception() is not None:
                continue
            self._keep(batch, future.result())
        for attempts, outcome in self._arrived:
            if isinstance(outcome, (Returned, ReturnedBytes)):
                # Of another kind than the monoid, lost on the way, or too large: it is missing.
                with contextlib.suppress(TypeError, pickle.UnpicklingError, MemoryError):
                    self._tree.put(attempts[0].index, outcome.value(), len(attempts))
        partial = self._tree.partial(self._monoid)
        total = self._taken if self._length is None else max(self._taken, self._length)
        missing = _without(total, partial.leaves, [failure.index for failure in self._failures])
        with contextlib.suppress(AttributeError, TypeError):
            error.partial = partial.value  # type: ignore[attr-defined]
            error.missing = missing  # type: ignore[attr-defined]
        if isinstance(error, Exception):
            for note in partial.notes:
                if note not in getattr(error, "__notes__", ()):
                    error.add_note(note)
            error.add_note(
                f"map_reduce: this exception has the merged result of {total - len(missing)} items as .partial, "
                f"and the indices of the {len(missing)} that are not in it as .missing"
            )

    def warn(self) -> None:
        """Report the items that were skipped, if nobody was told of them."""
        if self._failures and not callable(self._rules.on_error):
            warn_of(self._failures, self._taken)


def _without(total: int, leaves: list[range], failed: list[int]) -> list[int]:
    """Give the indices below `total` that are in none of the ranges, and those that failed, in order."""
    missing: list[int] = []
    failed = sorted(failed)
    begin = 0
    # Lists of ranges, not a set of integers: Ctrl-C waits for this, and there may be millions.
    for found in leaves:
        missing.extend(range(begin, found.start))
        missing.extend(failed[bisect.bisect_left(failed, found.start) : bisect.bisect_left(failed, found.stop)])
        begin = found.stop
    missing.extend(range(begin, total))
    return missing
