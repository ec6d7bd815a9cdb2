"""Forks in the middle of a call and after one: the child computes or ends, and never waits for ever."""

from __future__ import annotations

import concurrent.futures.thread
import functools
import multiprocessing
import os
import signal
import sys
import time
import warnings

import numpy as np
import pytest
import tqdm.auto
from entries import ENTRIES, blobs, told, walk

import foldstat
from foldstat import GaussianMixture, Summary, mixture, summarize
from programs import exit_status

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def computes():
    """A little of everything that takes threads."""
    X = blobs(3000)["X"]
    GaussianMixture(2, random_state=0, max_iter=2).fit(X)
    return told([Summary(X).sum, summarize(X, cov=True), walk(X[:8, :2], n_steps=20)])


def long_call(what, X):
    if what == "fit":
        GaussianMixture(8, tol=0.0, max_iter=60, init_params="random_from_data", random_state=0).fit(X)
    elif what == "walk":
        walk(X[:64, :2], n_steps=200_000, keep="moments")
    elif what == "map_reduce":
        foldstat.map_reduce(lambda i: Summary([time.sleep(0.01) or i]), range(100), progress=False)
    else:
        for _ in range(300):
            Summary(X, quantiles=True, relative_error=0.001, distinct=True)


def in_a_handler(note, what, child_computes):
    """The child either computes in the handler, or returns from it into the middle of the call."""
    warnings.simplefilter("ignore")
    expected, parent, children = computes(), os.getpid(), []
    X = blobs(100_000)["X"]

    def fork(*_):
        if concurrent.futures.thread._global_shutdown_lock.locked():
            # Where `submit` was interrupted Python itself cannot fork: it would wait for a lock that it holds.
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            return
        child = os.fork()
        if child:
            children.append(child)
        elif child_computes:
            os._exit(0 if computes() == expected else 3)

    signal.signal(signal.SIGALRM, fork)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        while not children and os.getpid() == parent:
            long_call(what, X)
    except BaseException:
        if os.getpid() == parent:
            raise
        os._exit(4)  # an error is a clean end
    if os.getpid() != parent:
        os._exit(0)
    note([exit_status(child, 15) for child in children])
    note(computes() == expected)


@pytest.mark.parametrize("child_computes", [True, False], ids=["computes", "returns into the call"])
@pytest.mark.parametrize("what", ["fit", "walk", "summaries", "map_reduce"])
def test_a_fork_in_a_signal_handler(warmed, what, child_computes):
    codes, parent_is_right = warmed(in_a_handler, what=what, child_computes=child_computes).told()
    assert codes == [0] or (not child_computes and codes == [4])
    assert parent_is_right


def told_fit(n_jobs):
    X = blobs(20_000)["X"]
    model = GaussianMixture(4, tol=0.0, max_iter=30, init_params="random_from_data", random_state=0, verbose=1)
    with foldstat.threads(n_jobs):
        return told(model.fit(X))


def told_em(n_jobs):
    X = blobs(20_000)["X"]
    with foldstat.threads(n_jobs):
        return told(mixture.em(X, [0.5, 0.5], X[:2], [np.eye(6)] * 2, max_iter=30, tol=0.0, progress=True))


def told_walk(n_jobs, density="built in", n_steps=20_000):
    with foldstat.threads(n_jobs):
        return told(walk(blobs(64)["X"][:, :2], density, n_steps, keep="moments", progress=True))


def told_map(n_jobs):
    with foldstat.threads(n_jobs):
        return told(foldstat.map_reduce(lambda part: Summary(part), np.arange(400.0).reshape(40, 10)))


WITH_A_BAR = {
    "fit": told_fit,
    "em": told_em,
    "walk": told_walk,
    "walk of numba's": functools.partial(told_walk, density="numba"),
    "walk of Python's": functools.partial(told_walk, density="plain", n_steps=200),
    "map_reduce": told_map,
}


def in_a_progress_bar(note, what, n_jobs, child_computes):
    """The bar forks once, where it is moved: the callback of the call."""
    warnings.simplefilter("ignore")
    call = functools.partial(WITH_A_BAR[what], n_jobs)
    expected, parent, children = call(), os.getpid(), []

    class Forking(tqdm.auto.tqdm):
        def update(self, n=1):
            moved = super().update(n)
            if not children and os.getpid() == parent:
                child = os.fork()
                if child == 0 and child_computes:
                    tqdm.auto.tqdm = silent
                    os._exit(0 if call() == expected else 3)
                children.append(child)
            return moved

    silent, tqdm.auto.tqdm = tqdm.auto.tqdm, Forking
    try:
        value = call()
    except Exception as error:
        if os.getpid() == parent:
            raise
        os._exit(4 if "forked" in str(error) else 5)
    if os.getpid() != parent:
        os._exit(0 if value == expected else 3)
    note([exit_status(child, 15) for child in children])
    note(value == expected)


@pytest.mark.parametrize("child_computes", [True, False], ids=["computes", "returns into the call"])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("what", WITH_A_BAR)
def test_a_fork_in_a_progress_bar(warmed, what, n_jobs, child_computes):
    arguments = {"what": what, "n_jobs": n_jobs, "child_computes": child_computes}
    codes, parent_is_right = warmed(in_a_progress_bar, **arguments).told()
    # A child that returns into a call whose threads it does not have is told so; else it computes as its parent.
    assert codes == [0] or (not child_computes and codes == [4])
    assert parent_is_right


def after_use(note, name):
    entry = ENTRIES[name]
    arrays = entry.arrays(3000)
    expected = told(entry.call(entry.subject(arrays), arrays))
    child = os.fork()
    if child == 0:
        os._exit(0 if told(entry.call(entry.subject(arrays), arrays)) == expected else 3)
    note(exit_status(child, 15))


@pytest.mark.parametrize("name", ["fit full float64", "update", "summarize by", "sample Stretch", "ess_bulk", "extend"])
def test_a_fork_after_use(warmed, name):
    assert warmed(after_use, name=name).told() == [0]


def pooled(note):
    expected = computes()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        note([pool.apply_async(computes).get(30) == expected for _ in range(3)])


@pytest.mark.skipif(sys.platform != "linux", reason="forks are the way of Linux")
def test_a_pool_of_forks_after_use(warmed):
    assert warmed(pooled).told() == [[True, True, True]]
