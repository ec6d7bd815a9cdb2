"""Map on any executor, merge in a tree: one function for threads, processes and clusters."""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
import queue
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

from foldstat import _core
from foldstat._common.bars import Bar, as_progress
from foldstat._common.signals import let_signals_through
from foldstat._common.threads import thread_count
from foldstat.distributed._interrupts import Interrupts
from foldstat.distributed._tree import Tree, short
from foldstat.summary import Summary

__all__ = ["Failure", "map_reduce"]

_WIDE = 1024  # items in flight on an executor that does not tell its number of workers
_PER_WORKER = 4
_NAMED = 5  # failures that a warning names


@dataclass(frozen=True, slots=True)
class Failure:
    """An item whose function failed, as often as it was tried."""

    index: int
    item: Any
    exception: BaseException


@runtime_checkable
class Executor(Protocol):
    """What runs functions: anything with the ``submit`` of `concurrent.futures.Executor`."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Start a call and give its future."""


def map_reduce(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    monoid: Callable[[], Any] = Summary,
    executor: Executor | None = None,
    fan_in: int = 10,
    progress: bool | None = True,
    on_error: Literal["raise", "skip"] | Callable[[Failure], object] = "raise",
    *,
    retries: int = 0,
    max_pending: int | None = None,
) -> Any:
    """Call a function on every item, anywhere, and merge what it returns.

    Results are merged as they arrive, in a tree of groups of `fan_in` neighbours, so that only a
    few of them are held at a time. The tree depends on the positions of the items alone, not on
    who finishes first: the result is the same for any executor.

    Parameters
    ----------
    function : callable
        Called with one item, on a worker; returns an instance of the monoid. For processes and
        clusters it must be picklable: defined at the top level of a module (dask, loky and
        ipyparallel take others too).
    items : iterable
        What to work on. It may be a generator that never holds all of them; items are taken from
        it as workers become free.
    monoid : callable, default=Summary
        What results are: calling it gives the identity, and its instances merge with ``+``.
        `Summary`, `Summaries`, `GroupedSummary`, `JointSummary`, `MixtureStatistics`,
        `foldstat.walkers.Moments`, also ``int`` or ``list``, or a function that makes an identity,
        such as ``lambda: np.zeros(3)``.
    executor : object with a ``submit`` method, optional
        Where to call: an executor of `concurrent.futures` (threads, processes), of loky, of
        ``dask.distributed.Client().get_executor()``, of ipyparallel's ``Client().executor()``.
        It is not shut down. Default: as many threads of our own as `foldstat.threads` says.
    fan_in : int, default=10
        How many neighbours are merged at a time.
    progress : bool or None, default=True
        Show a progress bar (tqdm). None shows one after some seconds, in a terminal or a notebook.
    on_error : {'raise', 'skip'} or callable, default='raise'
        What happens when an item has failed for good. 'raise' stops and raises its exception.
        'skip' goes on without it, and warns of all such items at the end. A callable is called
        with a `Failure` (index, item, exception) for each, in place of the warning:
        ``failures = []; map_reduce(..., on_error=failures.append)``.
    retries : int, default=0
        How often a failing item is tried again. By default it is not.
    max_pending : int, optional
        How many items may be with the executor at a time. Default: four for each worker, or 1024
        where the number of workers is unknown.

    Returns
    -------
    object
        The merged result; the identity if there are no items, or all failed.

    Raises
    ------
    TypeError
        If the function returns something else than an instance of the monoid, or an argument is of
        a wrong type.
    ValueError
        If an argument is out of range.
    BrokenExecutor
        If the executor itself breaks down, whatever `on_error` is: it can take no more items.
    Exception
        What the function raised, where `on_error` is 'raise'; and what ``+`` raised, whatever
        `on_error` is, if two results do not merge (`ValueError` for summaries). A note says which
        items they belong to.

    Warns
    -----
    RuntimeWarning
        If items were skipped.

    Notes
    -----
    Every item is merged once at most, however often it was tried. Leaves of the tree are neighbours
    in their order, so the operation ``+`` has to be associative and need not be commutative.

    Every exception that ends the work has the attributes ``partial``, a merged result, and
    ``missing``, the indices of the items that are not in it (of the items that were taken, if
    `items` has no length): those that were not finished, that failed, or whose results do not merge
    with the others. With a new executor, and unless results do not merge,
    ``partial + map_reduce(function, [items[i] for i in missing])`` completes the work.

    So has the `KeyboardInterrupt` of Ctrl-C. It cancels what has not started; calls that run in
    threads end on their own. In the main thread it waits for the step at hand to end (taking and
    submitting an item, or merging a group), so that no item is lost or counted twice; a second
    Ctrl-C does not wait, and then neither is certain.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import Summary, map_reduce
    >>> def losses(seed):
    ...     return Summary(np.random.default_rng(seed).normal(size=100), best=2)
    >>> total = map_reduce(losses, range(20), progress=False)
    >>> total.count
    2000
    >>> total == sum(losses(seed) for seed in range(20))
    True
    """
    if not callable(function):
        raise TypeError(f"function must be a callable that takes one item, got {short(function)}")
    retries, fan_in = _at_least(retries, 0, "retries"), _at_least(fan_in, 2, "fan_in")
    if not callable(on_error) and on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise', 'skip' or a callable, got {short(on_error)}")
    if max_pending is not None:
        max_pending = _at_least(max_pending, 1, "max_pending", " or None")
    progress = as_progress(progress)
    tree = Tree(monoid, fan_in)
    source = _iterator(items)
    with contextlib.ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        workers: int | None
        if executor is None:
            executor, workers = stack.enter_context(_own_threads())
        elif isinstance(executor, type) or not isinstance(executor, Executor):
            raise TypeError(f"executor must be None or have a submit method, got {short(executor)}")
        else:
            workers = getattr(executor, "_max_workers", None)
        width = max_pending or (_PER_WORKER * workers if isinstance(workers, int) else _WIDE)
        bar = stack.enter_context(Bar(progress, total=_length(items), desc="map_reduce", unit="item"))
        run = _Run(function, source, _length(items), executor, tree, retries, on_error, bar, interrupts)
        result = run.work(width)
    run.warn()
    return result


def _at_least(value: Any, least: int, name: str, otherwise: str = "") -> int:
    accepted = f"{name} must be an integer of at least {least}{otherwise}"
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{accepted}, got {short(value)}") from None
    if number < least:
        raise ValueError(f"{accepted}, got {number}")
    return number


def _iterator(items: Iterable[Any]) -> Iterator[Any]:
    try:
        return iter(items)
    except TypeError:
        raise TypeError(f"items must be an iterable, got {short(items)}") from None


@contextlib.contextmanager
def _own_threads() -> Iterator[tuple[ThreadPoolExecutor, int]]:
    workers, process = _core.resolve_threads(thread_count(None)), os.getpid()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="foldstat")
    try:
        yield pool, workers
    finally:
        # After success nothing runs any more; after an error, or Ctrl-C, nobody waits for what does. The child of
        # a fork has none of the threads, and locks that they hold.
        if os.getpid() == process:
            pool.shutdown(wait=False, cancel_futures=True)


def _length(items: Iterable[Any]) -> int | None:
    return len(items) if isinstance(items, Sized) else None


def _call(function: Callable[[Any], Any], item: Any, index: int, tries: int) -> Any:
    """Call the function on a worker.

    The index and the number of the try make every call different from all others: a scheduler that
    takes equal calls for one (dask's does) would not try again.
    """
    return function(item)


@dataclass(frozen=True, slots=True)
class _Attempt:
    index: int
    item: Any
    tries: int


_RUNS: weakref.WeakSet[_Run] = weakref.WeakSet()


def _wake_all() -> None:
    for run in list(_RUNS):
        run.wake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_wake_all)  # who waits there waits for threads that it does not have


class _Run:
    """The items on their way through an executor."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        source: Iterator[Any],
        length: int | None,
        executor: Executor,
        tree: Tree,
        retries: int,
        on_error: str | Callable[[Failure], object],
        bar: Bar,
        interrupts: Interrupts,
    ) -> None:
        self._function, self._executor, self._tree = function, executor, tree
        self._retries, self._on_error, self._bar = retries, on_error, bar
        self._source, self._length = enumerate(source), length
        self._taken = self._settled = 0
        self._pending: dict[Any, _Attempt] = {}
        # Futures that are done. None is a Ctrl-C or a fork; SimpleQueue.put is reentrant.
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
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

    def work(self, width: int) -> Any:
        """Take all items through, at most `width` at a time, and merge their results."""
        try:
            self._take(width)
            while self._pending:
                self._settle(*self._next())
                self._take(width - len(self._pending))
            result = self._tree.result()
            self._interrupts.check()
        except BaseException as error:
            if os.getpid() == self._process:  # futures have locks, and a child does not know who held them
                self._abandon(error)
            raise
        return result

    def _take(self, number: int) -> None:
        for index, item in itertools.islice(self._source, number):
            self._taken = index + 1
            self._submit(_Attempt(index, item, 1))
            self._check()

    def _submit(self, attempt: _Attempt) -> None:
        future = self._executor.submit(_call, self._function, attempt.item, attempt.index, attempt.tries)
        self._pending[future] = attempt
        future.add_done_callback(self._done.put)

    def _next(self) -> tuple[Any, _Attempt]:
        """Wait for a future. One that reports twice counts once."""
        while True:
            self._check()
            future = self._done.get()
            if future in self._pending:
                return future, self._pending.pop(future)

    def _settle(self, future: Any, attempt: _Attempt) -> None:
        try:
            value = future.result()
        except BrokenExecutor:
            raise
        except Exception as error:
            let_signals_through(error)
            self._fail(attempt, error)
            return
        self._tree.add(attempt.index, value)
        self._move()

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        if attempt.tries <= self._retries:
            self._submit(replace(attempt, tries=attempt.tries + 1))
            return
        if self._on_error == "raise":
            times = "" if attempt.tries == 1 else f", tried {attempt.tries} times"
            error.add_note(f"map_reduce: item {attempt.index}, {short(attempt.item)}{times}")
            raise error
        failure = Failure(attempt.index, attempt.item, error)
        self._failures.append(failure)
        self._tree.skip(attempt.index)
        if callable(self._on_error):
            self._on_error(failure)
        self._move()

    def _move(self) -> None:
        self._settled += 1
        shown = self._bar.due()
        if shown is not None:
            if self._failures:
                shown.set_postfix(failed=len(self._failures), refresh=False)
            shown.update(self._settled - shown.n)

    def _abandon(self, error: BaseException) -> None:
        """Cancel what has not started, keep what has finished, and tell the exception about it."""
        while self._pending:
            future, attempt = self._pending.popitem()
            if future.cancel() or not future.done() or future.cancelled() or future.exception() is not None:
                continue
            with contextlib.suppress(TypeError):  # of another kind than the monoid: it is missing
                self._tree.put(attempt.index, future.result())
        partial = self._tree.partial()
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
        if not self._failures or callable(self._on_error):
            return
        failures = sorted(self._failures, key=lambda failure: failure.index)[:_NAMED]
        named = "; ".join(f"item {f.index}, {short(f.item)}: {f.exception!r}" for f in failures)
        more = f"; and {len(self._failures) - _NAMED} more" if len(self._failures) > _NAMED else ""
        warnings.warn(
            f"map_reduce skipped {len(self._failures)} of {self._taken} items: {named}{more}. "
            "Pass on_error=failures.append to get all of them in a list",
            RuntimeWarning,
            stacklevel=3,
        )


def _without(total: int, leaves: list[range], failed: list[int]) -> list[int]:
    """Give the indices below `total` that are in none of the ranges, and those that failed."""
    missing, begin = set(failed), 0
    for found in leaves:
        missing.update(range(begin, found.start))
        begin = found.stop
    missing.update(range(begin, total))
    return sorted(missing)
