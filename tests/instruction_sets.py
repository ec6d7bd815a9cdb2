"""Programs that run in a process of their own with the instructions of one SIMD level."""

from __future__ import annotations

from foldstat import _core
from programs import outcome

LEVELS = ("avx512", "avx2", "scalar")


def levels_here():
    """The levels of this machine, best first."""
    best = _core.system()["simd"]
    return LEVELS[LEVELS.index(best) :] if best in LEVELS else ("scalar", best)


def at_level(program, level):
    """What a Python program prints as JSON."""
    return outcome(program, 250, FOLDSTAT_SIMD=level)
