"""A time limit for calls of the user's function.

The function may never end: where a trial hands it what it was not made for, a loop until convergence does not converge.
A second thread then raises an exception in the one that waits. Timers of the operating system would do it as well, but
belong to the user, who may have set one.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
from collections.abc import Callable
from typing import Any

from foldstat._common.signals import let_through


class TooLongError(BaseException):
    """A trial was stopped. No `Exception`, so that the user's own code does not swallow it."""


class _Watch:
    """Raises `TooLongError` in the thread that made it, unless `end` comes first."""

    def __init__(self, seconds: float) -> None:
        self._thread = ctypes.c_ulong(_thread.get_ident())
        self._seconds = seconds
        self._lock = _thread.allocate_lock()
        self._ended = self._raised = False
        self._over = _thread.allocate_lock()
        self._over.acquire()

    def start(self) -> None:
        # Not threading.Thread, whose `start` waits for ever where the thread finds no memory for its beginning. A
        # process that may start no thread has no limit.
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(self._wait, ())

    def end(self) -> None:
        """Watch no longer; what has been raised already comes out at the next instruction, or in here."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._over.release()
        # Only then: it makes the interpreter look for asynchronous exceptions at every instruction from then on.
        if self._raised:
            self._raise(None)

    def _wait(self) -> None:
        if self._over.acquire(timeout=self._seconds):
            return
        with self._lock:
            if not self._ended:
                self._raised = True
                self._raise(ctypes.py_object(TooLongError))

    def _raise(self, error: Any) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, error)


def outcome(call: Callable[[], Any], seconds: float) -> Any:
    """Call a function that may raise, and may never end.

    Parameters
    ----------
    call : callable
        What is called, without arguments.
    seconds : float
        How long at most. Only Python code is stopped: a function of C that does not return is waited for.

    Returns
    -------
    object
        What it gives, or the exception that it raised, or a `TooLongError`.

    Raises
    ------
    BaseException
        What is no answer: Ctrl-C, what a signal handler raised, MemoryError.

    Examples
    --------
    >>> outcome(lambda: 1 / 0, 1.0)
    ZeroDivisionError('division by zero')
    """
    watch = _Watch(seconds)
    try:
        try:
            watch.start()
            return call()
        except Exception as error:
            let_through(error)
            return error
        finally:
            # Twice, as Ctrl-C may come in the middle of it.
            try:
                watch.end()
            finally:
                watch.end()
    except TooLongError as error:
        return error
