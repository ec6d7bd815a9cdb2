"""Ctrl-C between the steps of a piece of work."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any


class Interrupts:
    """Lets Ctrl-C come between two steps of the work, and never within one.

    An exception at any bytecode could fall between taking an item and noting it, or leave a lock of
    the executor in a state that hangs. So the first Ctrl-C is held until `check` is called, which
    hands it to the handler there was before; a second one goes there at once.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._held: tuple[int, FrameType | None] | None = None
        # What ends a wait when one was held (it has to be reentrant), and what tells the exception
        # that leaves the work what was done.
        self.wake: Callable[[], object] = lambda: None
        self.tell: Callable[[BaseException], object] = lambda error: None

    def __enter__(self) -> Interrupts:
        before = signal.getsignal(signal.SIGINT)
        if callable(before):  # else the system ignores it, or ends the process
            self._before = before
            with contextlib.suppress(ValueError):  # not the main thread: Ctrl-C is not raised here
                signal.signal(signal.SIGINT, self._hold)
        return self

    def _hold(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._held = number, frame
        self.wake()

    def check(self) -> None:
        """Handle a Ctrl-C that is held."""
        if self._held is None:
            return
        held, self._held = self._held, None
        self._before(*held)
        if signal.getsignal(signal.SIGINT) == self._before:  # it did not raise: the work goes on
            signal.signal(signal.SIGINT, self._hold)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if signal.getsignal(signal.SIGINT) == self._hold:  # and not of somebody else's since
            signal.signal(signal.SIGINT, self._before)
        if self._held is not None:
            try:
                self._before(*self._held)
            except BaseException as interrupt:
                self.tell(interrupt)
                raise
