"""Who called foldstat: warnings are about a line of theirs."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextvars import ContextVar

_heard: ContextVar[set[str] | None] = ContextVar("foldstat.heard", default=None)


def warn_caller(message: str) -> None:
    """Warn of what somebody passed in, at a line of theirs; or tell it to the `hearing` around the call."""
    heard = _heard.get()
    if heard is None:
        warnings.warn(message, UserWarning, stacklevel=level_of_caller())
    else:
        heard.add(message)


@contextlib.contextmanager
def hearing() -> Iterator[set[str]]:
    """Take the warnings of a block: where nobody would see them, as on the workers of a cluster."""
    heard: set[str] = set()
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def level_of_caller() -> int:
    """Find how far up the call stack, counted as `warnings.warn` does, the first function of the user is.

    What scikit-learn lays around ours, as its decorators, pipelines and searches, is no code of theirs either.
    """
    ours = importlib.import_module("foldstat").__path__[0]
    around = [path for name in ("sklearn", "joblib") for path in getattr(sys.modules.get(name), "__path__", [])]
    packages = tuple(os.path.join(path, "") for path in (ours, *around))  # noqa: PTH118 - names of code, no paths
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(packages):
        frame, level = frame.f_back, level + 1
    return level
