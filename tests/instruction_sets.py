"""Programs that run in a process of their own with the instructions of one SIMD level."""

from __future__ import annotations

from foldstat import _core
from programs import outcome

# Of x86-64 and of aarch64, best first.
LADDERS = (("avx512", "avx2", "scalar"), ("neon", "scalar"))
LEVELS = tuple(dict.fromkeys(level for ladder in LADDERS for level in ladder))


def levels_here():
    """The levels of this machine, best first."""
    best = _core.system()["simd"]
    return next(ladder[ladder.index(best) :] for ladder in LADDERS if best in ladder)


def at_level(program, level):
    """What a Python program prints as JSON."""
    return outcome(program, 250, FOLDSTAT_SIMD=level)
