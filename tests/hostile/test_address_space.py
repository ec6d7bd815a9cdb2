"""Limits on the address space: the right value or MemoryError, and everything as it was before."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from entries import ENTRIES, NAMES, Entry, told

if sys.platform == "linux":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")

TRIES = 8
LEAST, MOST = 1 << 12, 1 << 27


def mapped():
    """How much address space this process has."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmSize:\s*(\d+)", status)[1])


def limited(more, call):
    """What a call gives with so many bytes of address space more than there are, or its exception."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + more, hard))
    try:
        return call(), None
    except BaseException as error:
        return None, error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def lacks_memory(error):
    """Whether an exception is how Python says that there is no memory."""
    # Where CPython 3.11 finds none for the frame of a Python function, it returns without having set any.
    silent = ("error return without exception set", "returned NULL without setting an exception")
    no_frame = isinstance(error, SystemError) and str(error).endswith(silent)
    return no_frame or isinstance(error, MemoryError)


def attempt(entry: Entry, arrays, more, expected):
    """One call under a limit; what was wrong with it, or which way it went right."""
    subject = entry.subject(arrays)
    before = told(subject)
    value, error = limited(more, lambda: entry.call(subject, arrays))
    if error is None:
        return "right" if told(value) == expected else "a wrong value"
    if not lacks_memory(error):
        return f"{type(error).__name__}: {error}"
    if told(subject) != before:
        return "MemoryError, and the object is changed"
    del error
    return "MemoryError" if told(entry.call(subject, arrays)) == expected else "unusable after a MemoryError"


def under_limits(note, name, seed):
    """Calls of one entry under a series of limits, the first one beyond all it needs."""
    entry, draw = ENTRIES[name], random.Random(seed)
    # NumPy 2.4 ends the process where it finds no memory for the buffers of a broadcast (NpyIter_Reset raises while
    # another thread may hold the interpreter). Buffers of 128 bytes are found; the memory that we ask for is tried.
    np.setbufsize(16)
    arrays = entry.arrays(entry.rows)
    expected = told(entry.call(entry.subject(arrays), arrays))  # loads and starts what is loaded and started once
    note("ready")
    # Every memory the entry takes is somewhere between; limits that are spread evenly by their logarithm
    # find the small and the large ones.
    spread = [LEAST * (MOST / LEAST) ** ((i + draw.random()) / TRIES) for i in range(TRIES)]
    for more in [1 << 31, *map(int, spread)]:
        note(f"{more} bytes")
        note(attempt(entry, arrays, more, expected))


# Of the methods in single precision one family is enough: what they ask for is the same.
DIFFERENT = [name for name in NAMES if "float32" not in name or "full" in name]


@pytest.mark.parametrize("name", DIFFERENT)
def test_memory_that_is_not_there(warmed, name):
    outcome = warmed(under_limits, name=name, seed=name)
    # What a new thread keeps of its own is the C library's to allocate; where it cannot, it ends the process.
    notes = outcome.notes if "memory for thread-local data" in outcome.stderr else outcome.told()
    found = dict(zip(notes[1::2], notes[2::2], strict=False))
    assert found.pop(f"{1 << 31} bytes") == "right"
    assert {what for what in found.values() if what not in ("right", "MemoryError")} == set(), found


REFUSED = {
    # What a user asks for that no machine has: the message names the size.
    "predict_proba": "model.predict_proba(np.broadcast_to(X[:1], (10**14, 6)))",
    "sample": "model.sample(10**15)",
    "walkers": "w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=10**13, n_walkers=64, rng=0)",
    "groups": "mixture.log_prob(np.broadcast_to(X[:1], (10**14, 6)), model.means_, model.covariances_)",
}


def refused(note, name):
    from entries import blobs, fitted

    from foldstat import mixture
    from foldstat import walkers as w

    arrays = blobs(1000)
    names = {"np": np, "w": w, "mixture": mixture, "X": arrays["X"], "model": fitted("full")(arrays)}
    value, error = limited(1 << 30, lambda: eval(REFUSED[name], names))
    note([type(error).__name__, str(error)])
    del value


@pytest.mark.parametrize("name", REFUSED)
def test_sizes_that_no_machine_has_are_named(warmed, name):
    ((kind, message),) = warmed(refused, name=name).told()
    assert kind in ("MemoryError", "OverflowError", "ValueError"), message
    assert re.search(r"\d", message), message
