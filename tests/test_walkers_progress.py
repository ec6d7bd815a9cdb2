"""The progress bar of walkers."""

from __future__ import annotations

import contextlib
import io
import re
import time

import numpy as np
import pytest
import tqdm.auto

from foldstat import walkers as w
from foldstat.walkers.run import _progress
from foldstat.walkers.run._progress import ProgressBar, no_r_hat, worst_r_hat_of


def normal(x, y):
    return -(x * x + y * y) / 2


def sample(density=normal, n_steps=300, **keywords):
    settings = {"n_walkers": 8, "burn_in": 50, "move": w.UniformStep(2.0), "rng": 0, "where": "python"} | keywords
    return w.sample(density, [0.0, 0.0], n_steps=n_steps, **settings)


def stderr_of(work):
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        work()
    assert stdout.getvalue() == ""
    return stderr.getvalue()


def last_of(text):
    return text.rstrip().split("\r")[-1]


def test_silence_by_default():
    assert stderr_of(sample) == ""


@pytest.mark.parametrize(("keep", "worst"), [("draws", "r_hat"), ("moments", "psrf")])
def test_the_bar_shows_the_acceptance_rate_and_the_worst_r_hat(keep, worst):
    text = stderr_of(lambda: sample(progress=True, keep=keep))
    last = last_of(text)
    assert "walkers: 100%" in last
    assert "350/350" in last
    assert re.search(r"acceptance=0\.\d{3}", last)
    assert re.findall(r"(\w+)=1\.\d{4}", last) == [worst]
    assert text.endswith("\n"), "the bar is not closed"


def test_what_the_bar_shows_is_true():
    runs = []
    last = last_of(stderr_of(lambda: runs.append(sample(progress=True))))
    assert float(re.search(r"r_hat=([\d.]+)", last)[1]) == pytest.approx(runs[0].summary()["r_hat"].max(), abs=1e-4)


def test_an_extension_goes_on_where_the_run_was():
    run = sample()
    assert "450/450" in last_of(stderr_of(lambda: run.extend(100, progress=True)))


def test_a_bar_does_not_change_the_draws():
    runs = []
    stderr_of(lambda: runs.append(sample(progress=True)))
    np.testing.assert_array_equal(runs[0].draws, sample().draws)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_the_bar_is_closed_whatever_happens(error, monkeypatch):
    bars, calls = [], 0

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            bars.append(self)

    def density(x, y):
        nonlocal calls
        calls += 1
        if calls > 8 * 100:
            raise error
        return normal(x, y)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)

    def interrupted():
        told = pytest.warns(RuntimeWarning) if error is KeyboardInterrupt else pytest.raises(error)
        with told:
            sample(density, call="coordinates", progress=True)

    assert stderr_of(interrupted).endswith("\n")
    assert [bar.disable for bar in bars] == [True], "a closed bar is disabled"


def test_r_hat_is_looked_at_once_a_second_and_not_at_all_where_it_takes_long(monkeypatch):
    looks, now = [], [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])

    def look(step):
        looks.append(now[0])
        now[0] += 0.2  # so long does it take
        return 1.5

    def walk():
        with ProgressBar(0, 1000, True, look) as bar:
            for step in range(1, 501):
                now[0] += 0.02
                bar.callback([(0, step, 0.5, False)])

    stderr_of(walk)
    assert np.diff(looks).min() >= 0.2 * 20
    assert len(looks) == 3


def test_r_hat_is_that_of_some_of_the_draws():
    draws = np.random.default_rng(0).normal(size=(4, 5000, 2)) + np.arange(4)[:, None, None] * [0.0, 1.0]
    draws[:, 4000:] = np.nan  # not yet written
    r_hat = worst_r_hat_of(draws, 4000)
    assert 1.2 < r_hat < 3
    assert np.isnan(worst_r_hat_of(draws, 3))
    assert np.isnan(worst_r_hat_of(np.zeros((4, 100, 1)), 100))


def test_looking_at_r_hat_is_quick_for_many_walkers():
    draws = np.random.default_rng(0).normal(size=(2000, 200, 10))
    begun = time.perf_counter()
    worst_r_hat_of(draws, 200)
    assert time.perf_counter() - begun < 0.5


def test_reports_of_other_tasks_are_passed_over():
    def walk():
        with ProgressBar(0, 10, True, no_r_hat) as bar:
            bar.callback([(7, 5, 1.0, True), (0, 10, float("nan"), True), (1, 10, 1.25, True)])
            bar.finish(10, float("nan"), no_r_hat)

    last = last_of(stderr_of(walk))
    assert "psrf=1.2500" in last
    assert "acceptance" not in last
