"""The progress bar."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest
import tqdm.auto

import foldstat
from foldstat import GaussianMixture, _core
from mixtures import random_mixture


def _stderr_of(fit):
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        fit()
    return stdout.getvalue(), stderr.getvalue()


def test_silence_by_default(m):
    assert _stderr_of(lambda: GaussianMixture(2, covariance_type=m.family).fit(m.X)) == ("", "")


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("n_init", [1, 3])
def test_verbose_shows_a_bar(verbose, n_init):
    X = random_mixture("full", n=500, k=3, spread=1).X
    model = GaussianMixture(3, verbose=verbose, n_init=n_init, random_state=0, verbose_interval=1, tol=1e-5)
    stdout, stderr = _stderr_of(lambda: model.fit(X))
    assert stdout == ""
    last = stderr.rstrip().split("\r")[-1]
    assert "EM: 100%" in last
    assert "log_likelihood=" in last
    assert stderr.endswith("\n"), "the bar is not closed"
    assert ("change=" in last) == (verbose == 2)
    assert ("finished=3/3" in last) == (n_init == 3)
    if n_init == 1:
        assert f"{model.n_iter_}/{model.n_iter_}" in last


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_bar_is_closed_whatever_happens(error, monkeypatch):
    bars = []  # kept, because a bar that is forgotten closes itself

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            bars.append(self)

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    monkeypatch.setattr(_core, "fit", fail)
    X = random_mixture("full").X

    def fit():
        with pytest.raises(error):
            GaussianMixture(2, verbose=1).fit(X)

    _, stderr = _stderr_of(fit)
    assert stderr.endswith("\n")
    assert [bar.disable for bar in bars] == [True], "a closed bar is disabled"


def test_the_interval_spares_redrawing():
    from foldstat.mixture._progress import progress_bar

    def updates(interval):
        def draw():
            with progress_bar(1000, show=True, interval=interval) as report:
                for i in range(1, 101):
                    report([(0, i, -1.0 / i, i == 100)])

        return _stderr_of(draw)[1].count("\r")

    assert updates(50) < updates(10) / 2 < updates(1) / 4


def test_progress_of_em():
    m = random_mixture("full")
    _, stderr = _stderr_of(lambda: foldstat.mixture.em(m.X, m.weights, m.means, m.covariances, progress=True))
    assert "EM: 100%" in stderr


def test_a_program_without_a_console_has_no_bar(m, monkeypatch):
    """As under pythonw, where sys.stderr is None."""
    monkeypatch.setattr(sys, "stderr", None)
    GaussianMixture(2, covariance_type=m.family, verbose=1).fit(m.X)
    foldstat.mixture.em(m.X, m.weights, m.means, m.covariances, covariance_type=m.family, progress=True)
    foldstat.walkers.sample(foldstat.walkers.densities.Ring(), [[1.0, 0.0]], 200, progress=True)
    foldstat.map_reduce(foldstat.Summary, [[1.0], [2.0]], progress=True)
