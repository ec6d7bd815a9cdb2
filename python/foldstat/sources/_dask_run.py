"""Graphs on the scheduler that a collection of Dask has: a cluster, threads, or none at all."""

from __future__ import annotations

import contextlib
import functools
import queue
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from foldstat import _core
from foldstat._common.bars import Bar, Told
from foldstat._common.threads import thread_count
from foldstat.sources._pieces import Progress

_POLL = 0.2  # seconds between two looks whether the cluster is still there

Tick = Callable[[int], object]


def scheduler_of(collection: Any) -> Callable[..., Any]:
    """Give the function that computes graphs: that of the current client, or what the configuration says."""
    from dask.base import get_scheduler

    if _is_in_task():
        from distributed import get_client

        return get_client().get  # type: ignore[no-any-return]
    get: Callable[..., Any] | None = get_scheduler(collections=[collection])
    assert get is not None
    return get


def client_of(get: Callable[..., Any]) -> Any:
    """Give the client of a cluster that computes graphs; None if it is this machine."""
    owner = getattr(get, "__self__", None)
    distributed = sys.modules.get("distributed")
    return owner if distributed is not None and isinstance(owner, distributed.Client) else None


def threads_here(get: Callable[..., Any], n_pieces: int) -> int:
    """Give the threads of each task on this machine, where several run at the same time."""
    total = _core.resolve_threads(thread_count(None))
    return max(1, total // min(_at_once(get), n_pieces))


def _at_once(get: Callable[..., Any]) -> int:
    from dask import config, local
    from dask.system import CPU_COUNT

    if get is local.get_sync:
        return 1
    if isinstance(get, functools.partial) and len(get.args) > 1:  # an executor that was given as the scheduler
        return int(get.args[1])
    pool = config.get("pool", None)
    workers = getattr(pool, "_max_workers", None) or config.get("num_workers", None)
    return max(1, int(workers or CPU_COUNT))


def new_name(desc: str) -> str:
    """Give a name that no tasks have had: the scheduler takes tasks of one name for one."""
    return f"foldstat-{desc}-{uuid.uuid4().hex}"


@contextlib.contextmanager
def ticking(progress: Progress, total: int, desc: str) -> Iterator[Tick | None]:
    """Give what is called with the number of pieces done; None if nobody wants to know."""
    with Told(progress) if callable(progress) else Bar(progress, total=total, desc=desc, unit="chunk") as bar:

        def tick(done: int) -> None:
            shown = bar.due()
            if shown is not None:
                shown.update(done - shown.n)

        yield None if bar.never else tick


def compute(get: Callable[..., Any], graph: dict[Any, Any], root: Any, leaves: Sequence[Any], tick: Tick | None) -> Any:
    """Compute the root of a graph; `tick` hears how many leaves are done."""
    client = client_of(get)
    if client is not None:
        return _on_cluster(client, graph, root, leaves if tick else (), tick)
    if tick is None:
        return get(graph, root)
    return _watched(get, graph, root, leaves, tick)


def _watched(get: Callable[..., Any], graph: dict[Any, Any], root: Any, leaves: Sequence[Any], tick: Tick) -> Any:
    from dask.callbacks import Callback

    waiting = set(leaves)

    def after(key: Any, *_: Any) -> None:  # callbacks hear of all graphs that are computed meanwhile
        if key in waiting:
            waiting.discard(key)
            tick(len(leaves) - len(waiting))

    with Callback(posttask=after):
        return get(graph, root)


def _on_cluster(client: Any, graph: dict[Any, Any], root: Any, leaves: Sequence[Any], tick: Tick | None) -> Any:
    from dask.highlevelgraph import HighLevelGraph

    # Of a plain dict Dask would hash all contents, the user's arrays among them.
    layered = HighLevelGraph({root[0]: graph}, {root[0]: set()})
    first, *others = client.get(layered, [root, *leaves], sync=False)
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        for future in (*others, first):
            future.add_done_callback(ended.put)
        with _place_given_away():
            _wait(ended, client, first, tick)
        return _result(first)
    finally:  # what nobody waits for any more is cancelled
        for future in (first, *others):
            with contextlib.suppress(Exception):
                future.release()


def _wait(ended: queue.SimpleQueue[Any], client: Any, first: Any, tick: Tick | None) -> None:
    """Wait for the first future; those of leaves are counted, and let go."""
    done = 0
    while (future := _next(ended, client)) is not first:
        if future.status == "finished":  # else the first has the same error, and says so
            done += 1
            if tick is not None:
                tick(done)
            future.release()  # its result is not kept for us


@contextlib.contextmanager
def _place_given_away() -> Iterator[None]:
    """Let others have the place of the task that this is called in, if it is: they may be those that it waits for."""
    if not _is_in_task():
        yield
        return
    from distributed import rejoin, secede

    secede()
    try:
        yield
    finally:
        rejoin()


def _is_in_task() -> bool:
    """Whether this is called in a task of a cluster."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def _next(ended: queue.SimpleQueue[Any], client: Any) -> Any:
    while True:
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=_POLL)
        if client.status in ("closing", "closed"):
            raise _closed()


def _result(future: Any) -> Any:
    from concurrent.futures import CancelledError

    try:
        return future.result()
    except CancelledError:
        raise _closed() from None


def _closed() -> RuntimeError:
    return RuntimeError("the Dask client, or its cluster, was closed before the last chunk was done: nothing is known")
