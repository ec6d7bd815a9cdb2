"""Exceptions of Python that C code could not pass on: those of producers of Arrow data."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_CTYPES = "ctypes callback"


@contextmanager
def causes_told() -> Iterator[None]:
    """Make what a callback raised on this thread, and nobody could pass on, the cause of the error that it became.

    What a callback of ctypes returns that raises is not defined: if that says that all is well and the data end there,
    it is an error all the same. A Ctrl-C is raised as what it is. Exceptions that became no error are left to the hook
    that was there before.
    """
    before, here = sys.unraisablehook, threading.get_ident()
    seen: list[Any] = []

    def keep(unraisable: Any) -> None:
        error = unraisable.exc_value  # warnings are about callbacks, not of them
        if threading.get_ident() == here and error is not None and not isinstance(error, Warning):
            seen.append((error, unraisable.err_msg or "", unraisable))
        else:
            before(unraisable)

    sys.unraisablehook = keep
    try:
        yield
    except ValueError as error:
        if not seen:
            raise
        _raise(error, seen[-1][0])
    finally:
        if sys.unraisablehook is keep:
            sys.unraisablehook = before
    for raised, message, unraisable in seen:
        if _CTYPES in message:
            _raise(ValueError("Arrow data: the producer raised an exception, and so rows may be missing"), raised)
        before(unraisable)


def _raise(error: ValueError, cause: BaseException) -> None:
    """Raise the error with its cause, or the cause itself if it is a Ctrl-C or the like."""
    if not isinstance(cause, Exception) or isinstance(cause, MemoryError):
        raise cause
    raise error from cause
