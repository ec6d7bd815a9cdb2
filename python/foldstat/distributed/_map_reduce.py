"""Map on any executor, merge in a tree: one function for threads, processes and clusters."""

from __future__ import annotations

import contextlib
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal

from foldstat._common.bars import Bar, Told, as_progress
from foldstat.distributed._batches import BatchSize
from foldstat.distributed._executor import Executor, opened, workers_of
from foldstat.distributed._failures import Failure, short
from foldstat.distributed._interrupts import Interrupts
from foldstat.distributed._run import Rules, Run, Sender
from foldstat.distributed._tree import Tree, kind_of
from foldstat.summary import Summary


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
    timeout: float | None = None,
    chunksize: int | None = None,
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
        How many items may be with the executor at a time. Default: four batches for each worker, or
        1024 items where the number of workers is unknown.
    timeout : float, optional
        For how many seconds an item may run, from the moment it starts to. One that takes longer has
        failed with a TimeoutError, and is tried again, skipped or raised as others that fail. No thread
        can be ended from outside, though: the function goes on until it returns, and what it returns is
        thrown away. So that its worker is free for other items, it then runs on a thread of its own
        beside the worker, in threads, processes and clusters alike. Default: as long as it takes.
    chunksize : int, optional
        How many items travel together; a worker holds the results of all of them until the last one is
        there. Each is still tried, reported and merged for itself: the result does not depend on it.
        Default: one by one in threads, and as many as take a twentieth of a second, measured as the
        work goes on, in other processes.

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
    TimeoutError
        If an item took longer than `timeout`, where `on_error` is 'raise'.
    RuntimeError
        If the call runs on a worker of the very executor that it is given: it would wait for the
        place that it holds.
    WorkerError
        In place of an exception of another process that does not survive pickling: it has its name
        and its text. A result that does not is a PicklingError or an UnpicklingError of its item.
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
    if chunksize is not None:
        chunksize = _at_least(chunksize, 1, "chunksize", " or None")
    rules = Rules(retries, on_error, _seconds(timeout))
    return run_all(
        function, items, monoid, executor, fan_in, rules, as_progress(progress), max_pending=max_pending,
        chunksize=chunksize,
    )  # fmt: skip


def run_all(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    monoid: Callable[[], Any],
    executor: Executor | None,
    fan_in: int,
    rules: Rules,
    progress: bool | Callable[[int], object] | None,
    *,
    max_pending: int | None = None,
    chunksize: int | None = None,
    desc: str = "map_reduce",
    unit: str = "item",
) -> Any:
    """Take items through an executor and merge what the function gives; arguments are checked."""
    tree = Tree(kind_of(monoid), fan_in)
    source, length = _iterator(items), _length(items)
    with contextlib.ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        pool = stack.enter_context(opened(executor))
        bar = Told(progress) if callable(progress) else Bar(progress, total=length, desc=desc, unit=unit)
        stack.enter_context(bar)
        size = BatchSize(chunksize, max_pending, workers_of(pool), length, fan_in)
        sender = Sender(function, pool, rules, tree)
        run = Run(source, length, sender, size, tree, monoid, rules, bar, interrupts)
        result = run.work()
    run.warn()
    return result


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    accepted = "timeout must be a number of seconds greater than 0, or None"
    if isinstance(timeout, bool) or not isinstance(timeout, numbers.Real):
        raise TypeError(f"{accepted}, got {short(timeout)}")
    seconds = float(timeout)
    if not seconds > 0 or math.isnan(seconds):
        raise ValueError(f"{accepted}, got {short(timeout)}")
    return seconds


def _length(items: Iterable[Any]) -> int | None:
    return len(items) if isinstance(items, Sized) else None


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
