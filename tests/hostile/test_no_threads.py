"""Where no thread can be started: one thread needs none, and two are an error that names the number."""

from __future__ import annotations

import os
import re
import sys

import pytest
from entries import ENTRIES, told

import foldstat

if sys.platform == "linux":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_NPROC")

NOBODY = 54_321  # a user without processes; the limit does not bind root
THREADED = [
    "fit full float64", "predict_proba full float64", "em full", "Summary", "summarize by", "summarize cov",
    "sample Stretch", "sample vectorised", "ess_bulk", "cells pairwise_sum", "density",
]  # fmt: skip


def without_threads(note, name, n_jobs):
    entry = ENTRIES[name]
    arrays = entry.arrays(entry.rows)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # The expected value comes from a process that may start threads.
        with foldstat.threads(1):
            os.write(write, repr(told(entry.call(entry.subject(arrays), arrays))).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        expected = pipe.read()
    os.waitpid(child, 0)
    if os.getuid() == 0:
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    with foldstat.threads(1):
        subject = entry.subject(arrays)
    try:
        with foldstat.threads(n_jobs):
            note("right" if repr(told(entry.call(subject, arrays))) == expected else "wrong")
    except BaseException as error:
        note(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("name", THREADED)
def test_one_thread_needs_no_other(warmed, name):
    assert warmed(without_threads, name=name, n_jobs=1).told() == ["right"]


@pytest.mark.parametrize("name", THREADED)
def test_threads_that_cannot_start_are_an_error_or_not_needed(warmed, name):
    (what,) = warmed(without_threads, name=name, n_jobs=2).told()
    assert what == "right" or re.match(r"RuntimeError: .*\b2\b", what), what
