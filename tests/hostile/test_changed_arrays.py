"""Another thread changes an array while an entry reads it: some number or an error, never a crash."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from entries import ENTRIES, READERS


def other_values(a):
    first = a.flat[0]
    a.flat[0] = 1 - first
    yield
    a.flat[0] = first


def other_dtype(a):
    kept = a.dtype
    a.dtype = "u1"
    yield
    a.dtype = kept


def other_shape(a):
    kept = a.shape
    a.shape = (a.size,)
    yield
    a.shape = kept


def other_strides(a):
    kept = a.strides
    a.strides = (0,) * a.ndim
    yield
    a.strides = kept


CHANGES = (other_values, other_dtype, other_shape, other_strides)
SECONDS = 0.15  # for each change: some ten calls, and hundreds of changes


def keep_changing(array, change, done):
    """Change the array and change it back, staying a while in either state."""
    while not done.is_set():
        # The entry may be in the middle of something that forbids this.
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            for _ in change(array):
                time.sleep(3e-4)
        time.sleep(3e-4)


def called_meanwhile(entry, arrays, which, change):
    """What comes of calls while one of the arrays changes; of errors, which of Python's own they are."""
    array, done, found = arrays[which].copy(), threading.Event(), set()
    thread = threading.Thread(target=keep_changing, args=(array, change, done))
    thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        subject = entry.subject(arrays)
        try:
            entry.call(subject, arrays | {which: array})
            found.add("some number")
        except np.ma.MAError:
            found.add("ValueError")  # NumPy's own, of a mask that no longer fits, and no builtin one
        except BaseException as error:
            found.add(next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"))
    done.set()
    thread.join()
    return sorted(found)


def changed_meanwhile(note, name):
    entry = ENTRIES[name]
    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-5)
    arrays = entry.arrays(entry.rows)
    for which in arrays:
        for change in CHANGES:
            note(f"{which} {change.__name__}")
            note(called_meanwhile(entry, arrays, which, change))


ALLOWED = {"some number", "ValueError", "TypeError", "IndexError", "OverflowError", "BufferError", "RuntimeError"}
# Families, precisions and sizes share their way in.
SAME_DOOR = {"tied", "diag", "spherical", "float32", "300", "large", "many", "wide"}
DOORS = [name for name in READERS if not SAME_DOOR & set(name.split())]


@pytest.mark.parametrize("name", DOORS)
def test_an_array_changed_meanwhile(warmed, name):
    notes = warmed(changed_meanwhile, name=name, seconds=90).told()
    found = dict(zip(notes[::2], map(set, notes[1::2]), strict=True))
    assert {case: kinds - ALLOWED for case, kinds in found.items() if kinds - ALLOWED} == {}
