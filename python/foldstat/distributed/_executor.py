"""Executors: our own threads, and what is to be known of those of others."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, runtime_checkable

from foldstat import _core
from foldstat._common.signals import let_through
from foldstat._common.threads import thread_count
from foldstat.distributed._failures import short
from foldstat.distributed._worker import ExecutorKey, said, waiting_executors


@runtime_checkable
class Executor(Protocol):
    """What runs functions: anything with the ``submit`` of `concurrent.futures.Executor`."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Start a call and give its future."""


@contextlib.contextmanager
def opened(executor: Any) -> Iterator[Executor]:
    """Check an executor, and give it; threads of our own for None."""
    if executor is None:
        with _own_threads() as pool:
            yield pool
        return
    if isinstance(executor, type) or not isinstance(executor, Executor):
        raise TypeError(f"executor must be None or have a submit method, got {short(executor)}")
    if getattr(getattr(executor, "_client", None), "status", None) == "closed":
        raise RuntimeError("executor: the Dask client that it belongs to is closed")
    if _is_ours(executor):
        raise RuntimeError(
            "executor: this call of map_reduce runs on a worker of the executor that it is given, and would wait for "
            "the very place that it holds. Leave executor out there, for threads of its own, or give another one"
        )
    yield executor


def _is_ours(executor: Executor) -> bool:
    """Whether a worker of the executor waits for this call to end."""
    if ExecutorKey.of(executor) in waiting_executors.get():
        return True
    threads = getattr(executor, "_threads", ())  # of concurrent.futures' own
    return isinstance(threads, (set, frozenset)) and threading.current_thread() in threads


@contextlib.contextmanager
def _own_threads() -> Iterator[ThreadPoolExecutor]:
    workers, process = _core.resolve_threads(thread_count(None)), os.getpid()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="foldstat")
    try:
        yield pool
    finally:
        # After success nothing runs any more; after an error, or Ctrl-C, nobody waits for what does. The child of
        # a fork has none of the threads, and locks that they hold.
        if os.getpid() == process:
            pool.shutdown(wait=False, cancel_futures=True)


def workers_of(executor: Executor) -> int | None:
    """How many workers an executor has, if it says so."""
    workers = getattr(executor, "_max_workers", None)
    return workers if isinstance(workers, int) else None


def packer_of(executor: Executor) -> Packer | None:
    """Give what makes bytes of functions and items, if the executor should get bytes.

    Processes of concurrent.futures end, all of them, over something that does not unpickle. Executors of others have
    picklers of their own, which take more.
    """
    processes = sys.modules.get("concurrent.futures.process")
    return Packer() if processes is not None and isinstance(executor, processes.ProcessPoolExecutor) else None


class Packer:
    """Pickles as multiprocessing does, one thing after the other."""

    def __init__(self) -> None:
        from multiprocessing.reduction import ForkingPickler

        self._buffer = io.BytesIO()
        self._pickler = ForkingPickler(self._buffer, pickle.HIGHEST_PROTOCOL)

    def __call__(self, thing: Any, what: str) -> bytes:
        self._buffer.seek(0)
        self._buffer.truncate()
        self._pickler.clear_memo()
        try:
            self._pickler.dump(thing)
        except Exception as error:
            let_through(error)
            raise pickle.PicklingError(f"the {what} does not pickle: {said(error)}") from error
        return self._buffer.getvalue()
