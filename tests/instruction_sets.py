"""Programs that run in a process of their own with the instructions of one SIMD level."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from foldstat import _core

LEVELS = ("avx512", "avx2", "scalar")


def levels_here():
    """The levels of this machine, best first."""
    best = _core.system()["simd"]
    return LEVELS[LEVELS.index(best) :] if best in LEVELS else ("scalar", best)


def at_level(program, level):
    """What a Python program prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FOLDSTAT_SIMD": level},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
