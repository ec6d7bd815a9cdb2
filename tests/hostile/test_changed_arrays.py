"""Another thread changes an array while an entry reads it: some number or an error, never a crash."""

from __future__ import annotations

import contextlib
import threading
import warnings

import pytest
from entries import ENTRIES, READERS


def other_values(a):
    a.flat[0] = 1.0 - a.flat[0]


def other_dtype(a):
    kept = a.dtype
    a.dtype = "u1"
    a.dtype = kept


def other_shape(a):
    kept = a.shape
    a.shape = (a.size,)
    a.shape = kept


def other_strides(a):
    kept = a.strides
    a.strides = (0,) * a.ndim
    a.strides = kept


CHANGES = {each.__name__: each for each in (other_values, other_dtype, other_shape, other_strides)}


def changed_meanwhile(note, name, change):
    entry = ENTRIES[name]
    warnings.simplefilter("ignore")
    for which, clean in entry.arrays(min(entry.rows, 5000)).items():
        arrays = entry.arrays(min(entry.rows, 5000))
        array, done = clean.copy(), threading.Event()

        def keep_changing(array=array, done=done):
            while not done.is_set():
                # An error is one in the middle of another change of ours.
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    CHANGES[change](array)

        subject = entry.subject(arrays)
        thread = threading.Thread(target=keep_changing)
        note(which)
        thread.start()
        try:
            for _ in range(2):
                entry.call(subject, arrays | {which: array})
            note("some number")
        except Exception as error:
            note(type(error).__name__)
        finally:
            done.set()
            thread.join()


ERRORS = ("ValueError", "TypeError", "IndexError", "OverflowError", "BufferError", "RuntimeError")


# Families and precisions share their way in.
DOORS = [name for name in READERS if not {"tied", "diag", "spherical", "float32", "300"} & set(name.split())]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", DOORS)
def test_an_array_changed_meanwhile(warmed, name, change):
    notes = warmed(changed_meanwhile, name=name, change=change, seconds=30).told()
    assert [what for what in notes[1::2] if what not in ("some number", *ERRORS)] == []
