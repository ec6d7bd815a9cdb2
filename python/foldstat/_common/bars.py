"""Progress bars, and the one law of every argument `progress`.

True shows a bar from the beginning and False none. None shows one once the work has taken some seconds, where somebody
sees it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from foldstat._common.checks import flag

SECONDS = 3.0  # of work before a bar that nobody asked for


def as_progress(progress: Any) -> bool | None:
    """Check an argument `progress`."""
    if progress is None:
        return None
    try:
        return flag(progress, "progress")
    except TypeError:
        accepted = "True or False, or None for a bar after some seconds"
        raise TypeError(f"progress must be {accepted}; got {progress!r}") from None


class Bar:
    """A bar of tqdm's that is there once it is time, if ever; closed whatever ends the block."""

    # A class, as contextlib's decorator writes to exceptions, which some do not allow.
    def __init__(self, progress: bool | None, **settings: Any) -> None:
        wanted = _somebody_looks() if progress is None else progress
        self.never = not wanted or sys.stderr is None  # a program without a console has nowhere to show it
        self._delay = SECONDS if progress is None else 0.0
        self._begun, self._settings = time.monotonic(), settings
        self.shown: Any = None

    def due(self) -> Any:
        """Give tqdm's bar; None while it is too early for it."""
        waited = time.monotonic() - self._begun
        if self.shown is None and not self.never and waited >= self._delay:
            from tqdm.auto import tqdm  # not needed, and not loaded, by what is silent or quick

            self.shown = tqdm(**self._settings)
            if self._delay:  # tqdm counts from when it was made
                self.shown.start_t -= waited
                self.shown.last_print_t -= waited
        return self.shown

    def __enter__(self) -> Bar:
        self.due()
        return self

    def __exit__(self, *failure: object) -> None:
        if self.shown is not None:
            self.shown.close()


class Told:
    """Stands for a bar where a function wants to know how far the work is."""

    never = False

    def __init__(self, tell: Callable[[int], object]) -> None:
        self._tell, self.n = tell, 0

    def due(self) -> Told:
        """Give itself: it is there from the beginning."""
        return self

    def update(self, more: int) -> None:
        """Tell what is done if that has become more."""
        if more:
            self.n += more
            self._tell(self.n)

    def set_postfix(self, **shown: object) -> None:
        """Leave out what only a bar shows."""

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *failure: object) -> None:
        pass


def _somebody_looks() -> bool:
    """Whether a bar that nobody asked for would be seen, and be the only one."""
    if threading.current_thread() is not threading.main_thread() or _is_a_worker():
        return False
    return _is_terminal(sys.stderr) or _is_notebook()


def _is_a_worker() -> bool:
    processes = sys.modules.get("multiprocessing")
    return processes is not None and processes.parent_process() is not None


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # of somebody's own making, or closed
        return False


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config
