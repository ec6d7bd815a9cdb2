"""Little stack: the right value, as what is deep lies on the heap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from entries import ENTRIES, NAMES, told

import foldstat

if sys.platform == "linux":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_STACK and threads of any stack")

STACK = 256 * 1024  # half of what a thread of Python has on macOS, twice the default of musl
# Families and precisions take the same ways.
DIFFERENT = [name for name in NAMES if not {"tied", "diag", "spherical", "float32"} & set(name.split())]


def value(name, n_jobs):
    """What an entry gives, as text."""
    entry = ENTRIES[name]
    arrays = entry.arrays(entry.rows)
    with foldstat.threads(n_jobs):
        return told(entry.call(entry.subject(arrays), arrays))


def in_a_thread(note, name):
    """The call on a thread of Python's that has little stack, after one that loads what is loaded once."""
    expected = value(name, 1)

    def work():
        try:
            note("right" if value(name, 1) == expected else "wrong")
        except Exception as error:
            note(f"{type(error).__name__}: {error}")

    threading.stack_size(STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_thread_of_little_stack(warmed, name):
    assert warmed(in_a_thread, name=name).told() == ["right"]


# A limit that stands before a process starts is that of its main thread, and of threads that do not ask for more.
EVERYTHING = """
import json
from test_small_stacks import DIFFERENT, value
for name in DIFFERENT:
    print(json.dumps([name, value(name, 2)]), flush=True)
"""


def everything(limit):
    """All entries in one process under a limit of its stack: how it ended, and what came before."""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EVERYTHING],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, dict(map(json.loads, done.stdout.splitlines())), done.stderr[-2000:]


def test_a_limit_of_the_stack():
    code, found, stderr = everything(2 * STACK)
    assert code == 0, f"ended with {code} after {list(found)[-1:]}\n{stderr}"
    _, expected, _ = everything(32 * STACK)
    assert [name for name in DIFFERENT if found[name] != expected[name]] == []
