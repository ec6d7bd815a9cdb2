"""A progress bar for walkers, in notebooks and terminals."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from foldstat._validation import Floats
from foldstat.walkers._converged import r_hat_of

Report = tuple[int, int, float, bool]
Callback = Callable[[list[Report]], None]
# Gives R-hat of what there is after this many steps, or NaN.
WorstRHat = Callable[[int], float]

_ACCEPTANCE, _R_HAT = 0, 1  # tasks of reports
_SECONDS = 1.0  # between two looks at R-hat, and at least
_PATIENCE = 20  # times as long as the last look took


class ProgressBar:
    """A bar that moves from `done` to `total` steps, if it is to be shown; closed whatever ends the block."""

    def __init__(self, done: int, total: int, show: bool, worst_r_hat: WorstRHat) -> None:
        self._bar: Any = None
        if show and sys.stderr is not None:  # a program without a console has nowhere to show it
            from tqdm.auto import tqdm  # not needed, and not loaded, by silent runs

            self._bar = tqdm(total=total, initial=done, desc="walkers", unit="step", unit_scale=True)
        self._worst_r_hat = worst_r_hat
        self._shown: dict[str, str] = {}
        self._next_look = time.monotonic() + _SECONDS

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def callback(self) -> Callback | None:
        """What the compiled module reports to; None when nothing is to be shown."""
        return None if self._bar is None else self._move

    def finish(self, step: int, acceptance: float, worst_r_hat: WorstRHat) -> None:
        """Show the end, of which nothing is reported."""
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._show("acceptance", acceptance, ".3f")
            self._show("r_hat", worst_r_hat(step), ".4f")
            self._bar.set_postfix(self._shown)

    def _move(self, reports: list[Report]) -> None:
        """Move by what the compiled module reports."""
        for task, step, value, _ in reports:
            if task == _ACCEPTANCE:
                self._bar.update(step - self._bar.n)
                self._show("acceptance", value, ".3f")
            elif task == _R_HAT:
                self._show("r_hat", value, ".4f")
        begun = time.monotonic()
        if begun >= self._next_look:
            self._show("r_hat", self._worst_r_hat(self._bar.n), ".4f")
            now = time.monotonic()
            self._next_look = now + max(_SECONDS, _PATIENCE * (now - begun))
        self._bar.set_postfix(self._shown, refresh=False)

    def _show(self, name: str, value: float, how: str) -> None:
        if not math.isnan(value):
            self._shown[name] = format(value, how)


def no_r_hat(step: int) -> float:
    """Stand in where the compiled module reports R-hat itself."""
    return math.nan


def worst_r_hat_of(draws: Floats, n_draws: int) -> float:
    """Give the worst R-hat of the first draws; NaN where there is none yet."""
    r_hat = r_hat_of(draws[:, :n_draws])  # on one thread: the others are walking
    if r_hat is None or not np.isfinite(r_hat).any():
        return math.nan
    return float(np.nanmax(r_hat))
