"""Runs cases, each in a process of its own and bounded in time, forked from one that has imported everything.

A case is a function of a test module of this folder. What it gives to `note` arrives even if the process
ends by a signal right after, so an abort is told by the last note before it. Run as a program, this module
reads cases from its input and writes their outcomes, both as one line of JSON each.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Outcome:
    """How a case ended: what it noted, its exit code (negative: a signal), and what it wrote to stderr."""

    notes: list[Any]
    code: int | None
    stderr: str

    def told(self) -> list[Any]:
        """The notes of a case that ended by itself; else what happened to it, as an assertion."""
        last = self.notes[-1] if self.notes else "nothing"
        ended = "took too long" if self.code is None else f"ended with {self.code}"
        assert self.code == 0, f"the process {ended} after noting {last!r}\n{self.stderr}"
        return self.notes


class Warmed:
    """The process that cases are forked from."""

    def __init__(self) -> None:
        single = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "NUMBA")}
        # Memory that is given back is the system's again at once, and none is set aside for each thread: what the
        # C library has left over hides no limit.
        given_back = {f"MALLOC_{what}_THRESHOLD_": str(1 << 16) for what in ("MMAP", "TRIM")}
        given_back["MALLOC_ARENA_MAX"] = "1"
        shared = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        ours = {"PYTHONPATH": shared, "FOLDSTAT_NUM_THREADS": "2", "MPLBACKEND": "agg"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            env={**os.environ, **single, **given_back, **ours},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, case: Any, seconds: float = 60.0, **arguments: Any) -> Outcome:
        """Run ``case(note, **arguments)`` in a fork."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        module = case.__module__.rpartition(".")[2]
        stdin.write(json.dumps([module, case.__name__, seconds, arguments]) + "\n")
        stdin.flush()
        return Outcome(**json.loads(stdout.readline()))

    def close(self) -> None:
        self._process.communicate(timeout=10)


def _case(channel: int, module: str, function: str, arguments: dict[str, Any]) -> None:
    """The life of the forked process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it

    def note(what: Any) -> None:
        os.write(channel, json.dumps(what).encode() + b"\n")

    code = 1
    try:
        getattr(importlib.import_module(module), function)(note, **arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _read(channel: int, seconds: float) -> tuple[bytes, bool]:
    """All that comes until the other end is closed, and whether that was in time."""
    end, got = time.monotonic() + seconds, b""
    while (left := end - time.monotonic()) > 0:
        if select.select([channel], [], [], left)[0]:
            piece = os.read(channel, 1 << 16)
            if not piece:
                return got, True
            got += piece
    return got, False


def _outcome(module: str, function: str, seconds: float, arguments: dict[str, Any]) -> dict[str, Any]:
    importlib.import_module(module)  # before the fork, so that all cases share it
    with tempfile.TemporaryFile() as stderr:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            os.close(read)
            os.dup2(stderr.fileno(), 2)
            os.dup2(2, 1)  # the real output is the server's
            _case(write, module, function, arguments)
        os.close(write)
        got, in_time = _read(read, seconds)
        os.close(read)
        # Its own children, which may hold the channel open, are of its group.
        if not in_time:
            os.killpg(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stderr.seek(0)
        words = stderr.read().decode(errors="replace")[-4000:]
    notes = [json.loads(line) for line in got.split(b"\n")[:-1]]
    return {"notes": notes, "code": code if in_time else None, "stderr": words}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which closes the input
    # JSON in one direction, JSON in the other: what libraries print goes elsewhere.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_outcome(*json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
