"""The one law of every `progress`: at once, never, or after some seconds where somebody looks."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
import time
import types

import numpy as np
import pytest
import tqdm.auto

import foldstat
from foldstat import walkers as w
from foldstat._common import bars as _bars

X = np.random.default_rng(0).normal(size=(20_000, 8))


def slow(x, y):
    time.sleep(0.0005)
    return -(x * x + y * y) / 2


def walk(density, n_steps, **progress):
    settings = {"n_walkers": 4, "burn_in": 10, "move": w.UniformStep(2.0), "rng": 0, "where": "python"}
    return w.sample(density, [0.0, 0.0], n_steps=n_steps, **settings, **progress)


def walks(pause, progress):
    walk(slow if pause else lambda x, y: 0.0, 100, **progress)


def extends(pause, progress):
    walk(slow if pause else lambda x, y: 0.0, 10, progress=False).extend(100, **progress)


def merges(pause, progress):
    def one(i):
        time.sleep(0.01 if pause else 0.0)
        return 1

    foldstat.map_reduce(one, range(100), int, **progress)


def fits(pause, progress):
    n_iter = 500 if pause else 1
    foldstat.mixture.em(X, [0.5, 0.5], X[[0, -1]], [np.eye(8)] * 2, max_iter=n_iter, tol=0.0, n_jobs=1, **progress)


ROOMS = [walks, extends, merges, fits]
# map_reduce shows its bar by default.
SILENT = [(room, {}) for room in ROOMS if room is not merges] + [(room, {"progress": None}) for room in ROOMS]


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def shown_by(work, terminal):
    stream = Stream(terminal)
    with contextlib.redirect_stderr(stream):
        work()
    return stream.getvalue()


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(_bars, "SECONDS", 0.1)


@pytest.mark.parametrize(("room", "progress"), SILENT)
def test_slow_work_in_a_terminal_shows_a_bar_after_a_while(room, progress):
    text = shown_by(lambda: room(True, progress), terminal=True)
    assert text.endswith("\n"), "the bar is not closed"
    first, last = text.lstrip("\r").split("\r")[0], text.rstrip().split("\r")[-1]
    assert "%|" in first
    assert "100%" in last


@pytest.mark.parametrize(("room", "progress"), SILENT)
def test_quick_work_and_work_that_nobody_watches_is_silent(room, progress, monkeypatch):
    assert shown_by(lambda: room(True, progress), terminal=False) == ""
    monkeypatch.setattr(_bars, "SECONDS", 60.0)
    assert shown_by(lambda: room(True, progress), terminal=True) == ""


@pytest.mark.parametrize("room", ROOMS)
def test_a_bar_that_was_asked_for_or_forbidden(room):
    assert "%|" in shown_by(lambda: room(False, {"progress": True}), terminal=False)
    assert shown_by(lambda: room(True, {"progress": False}), terminal=True) == ""


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("progress", ["yes", 1, 0.5])
def test_what_is_neither_is_refused(room, progress):
    with pytest.raises(TypeError, match=rf"progress must be True or False, or None.*{progress!r}"):
        room(False, {"progress": progress})


def test_a_notebook_is_watched_though_its_stderr_is_no_terminal(monkeypatch):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert "%|" in shown_by(lambda: walks(True, {}), terminal=False)
    shell.config = {}  # IPython in a terminal whose stderr goes to a file
    assert shown_by(lambda: walks(True, {}), terminal=False) == ""


def test_threads_and_worker_processes_show_none_by_themselves(monkeypatch):
    def in_a_thread():
        thread = threading.Thread(target=walks, args=(True, {}))
        thread.start()
        thread.join()

    assert shown_by(in_a_thread, terminal=True) == ""
    monkeypatch.setitem(sys.modules, "multiprocessing", types.SimpleNamespace(parent_process=lambda: object()))
    assert shown_by(lambda: walks(True, {}), terminal=True) == ""


def test_streams_that_are_closed_or_odd_are_no_terminals(monkeypatch):
    closed = Stream(True)
    monkeypatch.setattr(closed, "isatty", lambda: (_ for _ in ()).throw(ValueError("I/O operation on closed file")))
    for stream in (closed, types.SimpleNamespace(write=len), None):
        monkeypatch.setattr(sys, "stderr", stream)
        assert _bars.Bar(None, total=1).never


def test_a_late_bar_counts_from_the_beginning(monkeypatch):
    now, bars = [100.0], []
    monkeypatch.setattr(_bars.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_bars, "SECONDS", 3.0)

    class Tqdm(tqdm.auto.tqdm):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            bars.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Tqdm)

    def work():
        with _bars.Bar(None, total=100) as bar:
            now[0] += 2.9
            assert bar.due() is None
            now[0] += 2.1
            bar.due().update(50)

    _, opened, moved, closed = shown_by(work, terminal=True).rstrip().split("\r")
    assert " 0/100 " in opened
    for line in (moved, closed):
        assert re.search(r"50/100 \[00:05<00:0[45], +(9.9|10.)", line)
    assert [bar.disable for bar in bars] == [True], "a closed bar is disabled"
