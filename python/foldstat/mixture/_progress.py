"""A progress bar for the EM loop, in notebooks and terminals."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

Report = tuple[int, int, float, bool]
Callback = Callable[[list[Report]], None]


@contextlib.contextmanager
def progress_bar(
    max_iter: int, *, show: bool, n_starts: int = 1, interval: int = 1, changes: bool = False
) -> Iterator[Callback | None]:
    """Give the callback that moves a bar, or None when nothing is to be shown.

    All starts share each pass over the data, so the bar counts passes. It is redrawn every
    `interval` iterations at most. The bar is closed whatever ends the block.
    """
    if not show or sys.stderr is None:  # a program without a console has nowhere to show it
        yield None
        return
    from tqdm.auto import tqdm  # not needed, and not loaded, by silent fits

    bar = tqdm(total=max_iter, desc="EM", unit="iteration")
    try:
        yield _mover(bar, n_starts, interval, changes)
        bar.total = bar.n  # convergence is the end, not a fraction of max_iter
        bar.refresh()
    finally:
        bar.close()


def _mover(bar: Any, n_starts: int, interval: int, changes: bool) -> Callback:
    state: dict[int, Report] = {}
    best_before = float("-inf")

    def move(reports: list[Report]) -> None:
        nonlocal best_before
        state.update((report[0], report) for report in reports)
        passes = max((report[1] for report in state.values()), default=0)
        done = len(state) == n_starts and all(report[3] for report in state.values())
        if passes - bar.n < interval and not done:
            return
        best = max((report[2] for report in state.values()), default=best_before)
        shown = {"log_likelihood": f"{best:.6g}"}
        if changes:
            shown["change"] = f"{best - best_before:.2g}"
        if n_starts > 1:
            finished = sum(report[3] for report in state.values())
            shown["finished"] = f"{finished}/{n_starts}"
        best_before = best
        bar.set_postfix(shown, refresh=False)
        bar.update(passes - bar.n)
        bar.refresh()

    return move
