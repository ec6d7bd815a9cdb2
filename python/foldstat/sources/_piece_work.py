"""What is done where a piece lies: it is computed and read, a function is called on it, results are merged."""

from __future__ import annotations

import functools
import multiprocessing
import operator
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from foldstat import _core
from foldstat._common.threads import threads


@dataclass(frozen=True)
class Work:
    """What is done with every piece, and what all calls need: sent once to each worker."""

    task: Callable[..., Any]
    read: Callable[..., Any]
    broadcast: tuple[Any, ...]
    label: str  # of a piece, before its number
    threads: int | None  # of each call; None for those that its worker has to give
    limit: int | None  # which are no more than these


@dataclass(frozen=True)
class Inside:
    """The task of a graph that makes a piece, done within the one that works on it: the piece never leaves that."""

    node: Any
    keys: tuple[Any, ...]  # of what it needs


def work_on_piece(work: Work, index: int, made: tuple[Inside | None, ...], *values: Any) -> Any:
    """Call the function on a piece; its parts are values, or are made of values."""
    place = f"{work.label} {index}"
    try:
        with threads(work.threads or _threads_of_worker(work.limit)):
            return work.task(work.read(place, *_parts(made, values)), index, *work.broadcast)
    except Exception as error:
        error.add_note(f"in {place}")
        raise


def _parts(made: tuple[Inside | None, ...], values: tuple[Any, ...]) -> Iterator[Any]:
    given = iter(values)
    for inside in made:
        if inside is None:
            yield next(given)
        else:
            yield inside.node({key: next(given) for key in inside.keys})


def merged(merge: Callable[[Any, Any], Any], *results: Any) -> Any:
    """Merge results in their order, all at once where their class can."""
    merge_all = getattr(type(results[0]), "merge_all", None)
    if merge is operator.add and merge_all is not None:
        return merge_all(results)
    return functools.reduce(merge, results)


def _threads_of_worker(limit: int | None) -> int:
    """Give the threads of this worker to the tasks that it runs at the same time, in equal parts."""
    distributed = sys.modules.get("distributed")
    try:
        state = None if distributed is None else distributed.get_worker().state
    except ValueError:
        state = None
    most = _core.resolve_threads(limit)
    if state is None:  # not on a cluster: in a pool the others have the other cores
        alone = threading.current_thread() is threading.main_thread() and multiprocessing.parent_process() is None
        return most if alone else 1
    at_once = len(state.executing) + len(state.ready)  # those that are ready begin before this one ends
    share: int = max(1, state.nthreads // max(1, min(at_once, state.nthreads)))
    return share if limit is None else min(share, most)
