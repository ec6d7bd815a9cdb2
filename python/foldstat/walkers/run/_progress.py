"""A progress bar for walkers, in notebooks and terminals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from foldstat._common.arrays import Floats
from foldstat._common.bars import Bar
from foldstat.walkers.run._converged import r_hat_of

Report = tuple[int, int, float, bool]
Callback = Callable[[list[Report]], None]
# Gives R-hat of what there is after this many steps, or NaN.
WorstRHat = Callable[[int], float]

_ACCEPTANCE, _PSRF = 0, 1  # tasks of reports
_SECONDS = 1.0  # between two looks at R-hat, and at least
_PATIENCE = 20  # times as long as the last look took


class ProgressBar:
    """A bar that moves from `done` to `total` steps, if it is to be shown; closed whatever ends the block."""

    def __init__(self, done: int, total: int, show: bool | None, worst_r_hat: WorstRHat) -> None:
        self._bar = Bar(show, total=total, initial=done, desc="walkers", unit="step", unit_scale=True)
        self._worst_r_hat = worst_r_hat
        self._worst = "psrf" if worst_r_hat is no_r_hat else "r_hat"
        self._shown: dict[str, str] = {}
        self._next_look = time.monotonic() + _SECONDS

    def __enter__(self) -> ProgressBar:
        self._bar.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.__exit__(*failure)

    @property
    def callback(self) -> Callback | None:
        """What the compiled module reports to; None when nothing is to be shown."""
        return None if self._bar.never else self._move

    def finish(self, step: int, acceptance: float, worst_r_hat: WorstRHat) -> None:
        """Show the end, of which nothing is reported, on a bar that is there."""
        bar = self._bar.shown
        if bar is not None:
            bar.update(step - bar.n)
            self._show("acceptance", acceptance, ".3f")
            self._show(self._worst, worst_r_hat(step), ".4f")
            bar.set_postfix(self._shown)

    def _move(self, reports: list[Report]) -> None:
        """Move by what the compiled module reports."""
        bar = self._bar.due()
        if bar is None:
            return
        for task, step, value, _ in reports:
            if task == _ACCEPTANCE:
                bar.update(step - bar.n)
                self._show("acceptance", value, ".3f")
            elif task == _PSRF:
                self._show(self._worst, value, ".4f")
        begun = time.monotonic()
        if begun >= self._next_look:
            self._show(self._worst, self._worst_r_hat(bar.n), ".4f")
            now = time.monotonic()
            self._next_look = now + max(_SECONDS, _PATIENCE * (now - begun))
        bar.set_postfix(self._shown, refresh=False)

    def _show(self, name: str, value: float, how: str) -> None:
        if not math.isnan(value):
            self._shown[name] = format(value, how)


def no_r_hat(step: int) -> float:
    """Stand in where there are no draws, and the compiled module reports what moments tell in place of R-hat."""
    return math.nan


def worst_r_hat_of(draws: Floats, n_draws: int) -> float:
    """Give the worst R-hat of the first draws; NaN where there is none yet."""
    r_hat = r_hat_of(draws[:, :n_draws])  # on one thread: the others are walking
    if r_hat is None or not np.isfinite(r_hat).any():
        return math.nan
    return float(np.nanmax(r_hat))
