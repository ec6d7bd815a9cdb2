"""A progress bar for the EM loop, in notebooks and terminals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from foldstat._common.bars import Bar

Report = tuple[int, int, float, bool]
Callback = Callable[[list[Report]], None]


@contextlib.contextmanager
def progress_bar(
    max_iter: int,
    *,
    show: bool | None,
    n_starts: int = 1,
    interval: int = 1,
    changes: bool = False,
    bound: str = "log_likelihood",
) -> Iterator[Callback | None]:
    """Give the callback that moves a bar, or None when nothing is to be shown.

    All starts share each pass over the data, so the bar counts passes. It is redrawn every
    `interval` iterations at most. `bound` is what the bound of an iteration is called. The bar is closed whatever ends
    the block.
    """
    with Bar(show, total=max_iter, desc="EM", unit="iteration") as bar:
        if bar.never:
            yield None
            return
        yield _mover(bar, n_starts, interval, changes, bound)
        if bar.shown is not None:
            bar.shown.total = bar.shown.n  # convergence is the end, not a fraction of max_iter
            bar.shown.refresh()


def _mover(bar: Bar, n_starts: int, interval: int, changes: bool, bound: str) -> Callback:
    state: dict[int, Report] = {}
    best_before = float("-inf")

    def move(reports: list[Report]) -> None:
        nonlocal best_before
        state.update((report[0], report) for report in reports)
        shown = bar.due()
        if shown is None:
            return
        passes = max((report[1] for report in state.values()), default=0)
        done = len(state) == n_starts and all(report[3] for report in state.values())
        if passes - shown.n < interval and not done:
            return
        best = max((report[2] for report in state.values()), default=best_before)
        notes = {bound: f"{best:.6g}"}
        if changes:
            notes["change"] = f"{best - best_before:.2g}"
        if n_starts > 1:
            finished = sum(report[3] for report in state.values())
            notes["finished"] = f"{finished}/{n_starts}"
        best_before = best
        shown.set_postfix(notes, refresh=False)
        shown.update(passes - shown.n)
        shown.refresh()

    return move
