"""The next chunk is read while this one is computed with."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from foldstat.sources._gathered import gathered
from foldstat.sources._source import Chunk, Source

_T = TypeVar("_T")

_PATIENCE = 5.0  # seconds for a read that is under way when nobody wants it any more


def ahead(begin: Callable[[], Iterator[_T]]) -> Iterator[_T]:
    """Iterate over what `begin` opens, read by one thread that is one item ahead.

    What the reader raises is raised here. Where the iteration ends early the reader closes what it opened, and ends.
    Where no thread can be started, items are read as they are asked for.

    Examples
    --------
    >>> list(ahead(lambda: iter("abc")))
    ['a', 'b', 'c']
    """
    reader = _Reader(begin)
    try:
        reader.thread.start()
    except RuntimeError:  # no more threads
        yield from begin()
        return
    try:
        while True:
            found = reader.next()
            if found is None:
                return
            item = found[0]
            del found  # who is done with an item may want its memory back before the next is there
            yield item
            del item
    finally:
        reader.stop()


def read_chunks(source: Source) -> Iterator[Chunk]:
    """Begin a pass over a source, in chunks that are not small, read ahead where another thread may do that."""
    chunks = ahead(lambda: gathered(source.chunks())) if source.reads_ahead else source.chunks()
    for chunk in chunks:
        if chunk.check is not None:
            chunk.check()
        yield chunk
        del chunk


class _Reader(Generic[_T]):
    def __init__(self, begin: Callable[[], Iterator[_T]]) -> None:
        self._begin = begin
        self._wanted = threading.Semaphore(1)
        self._found: queue.SimpleQueue[tuple[_T] | BaseException | None] = queue.SimpleQueue()
        self._stopped = False
        self._process = os.getpid()
        self.thread = threading.Thread(target=self._run, name="foldstat reader", daemon=True)

    def _run(self) -> None:
        items: Iterator[_T] | None = None
        try:
            items = self._begin()
            while True:
                self._wanted.acquire()
                if self._stopped:
                    break
                self._found.put((next(items),))
        except StopIteration:
            self._found.put(None)
        except BaseException as error:  # raised where the items are used
            self._found.put(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def next(self) -> tuple[_T] | None:
        if os.getpid() != self._process:
            raise RuntimeError("this pass over a source was begun before the process was forked: begin a new one")
        found = self._found.get()
        if isinstance(found, BaseException):
            raise found
        if found is not None:
            self._wanted.release()
        return found

    def stop(self) -> None:
        if os.getpid() != self._process:
            return  # the thread is in the other process
        self._stopped = True
        self._wanted.release()
        if self.thread is not threading.current_thread():
            self.thread.join(_PATIENCE)
