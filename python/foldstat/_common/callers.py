"""Who called foldstat: warnings are about a line of theirs."""

from __future__ import annotations

import importlib
import sys
import types


def level_of_caller() -> int:
    """Find how far up the call stack, counted as `warnings.warn` does, the first function outside of foldstat is."""
    package = importlib.import_module("foldstat").__path__[0]
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level
