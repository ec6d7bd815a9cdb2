"""What a signal handler raised, told apart from what the interrupted code raises."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any


def let_signals_through(error: BaseException) -> None:
    """Raise what a signal handler raised, if an exception is that or comes from it.

    To be called where code is tried and its exceptions are answers. A handler, such as that of a timeout, raises in the
    middle of whatever runs; that is no answer, and belongs to whoever installed the handler.

    Parameters
    ----------
    error : BaseException
        What was caught. Its causes count as well: a compiler may have wrapped what went through it.

    Examples
    --------
    >>> try:
    ...     [].pop()
    ... except IndexError as error:
    ...     let_signals_through(error)
    """
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        if _is_raised_by_handler(link.__traceback__):
            raise link
        seen.add(id(link))
        link = link.__cause__


def let_through(error: BaseException) -> None:
    """Raise what says nothing about the code that was tried: out of memory, and what signal handlers raise.

    Parameters
    ----------
    error : BaseException
        What was caught.

    Examples
    --------
    >>> try:
    ...     [].pop()
    ... except IndexError as error:
    ...     let_through(error)
    """
    if isinstance(error, MemoryError):
        raise error
    let_signals_through(error)


def _is_raised_by_handler(trace: TracebackType | None) -> bool:
    """Whether a call on the way was given the very frame that it came from, as only Python calls handlers."""
    interrupted = None
    while trace is not None:
        if interrupted is not None and any(value is interrupted for value in _arguments(trace.tb_frame)):
            return True
        interrupted, trace = trace.tb_frame, trace.tb_next
    return False


def _arguments(frame: FrameType) -> Iterator[Any]:
    code = frame.f_code
    has_rest = code.co_flags & 0x04  # inspect.CO_VARARGS
    named = code.co_argcount + code.co_kwonlyargcount
    for name in code.co_varnames[:named]:
        yield frame.f_locals.get(name)
    if has_rest:
        yield from frame.f_locals.get(code.co_varnames[named], ())
