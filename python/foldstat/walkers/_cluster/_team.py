"""The workers of an executor, asked for a density by who began the walk."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from foldstat.distributed import Executor, Failure, map_reduce
from foldstat.distributed._executor import opened, workers_of
from foldstat.walkers._cluster._worker import Missing, Recipe, Task, Work, do, forget, keep
from foldstat.walkers.density import Understood

_UNKNOWN = 32  # ranges for an executor that does not tell its number of workers
_OF_MAP_REDUCE = "map_reduce: "  # how notes begin that speak of items

__all__ = ["Recipe", "Team", "as_executor"]


def as_executor(executor: Any) -> Executor:
    """Check an argument `executor`."""
    with opened(executor) as checked:
        return checked


class Team:
    """The workers of an executor, all of which can be asked for work with one density.

    The density is sent to a worker that lacks it, once. What a worker raises is raised here, that of the first of the
    works which failed; who is done first decides nothing.
    """

    def __init__(self, executor: Executor, recipe: Recipe, known: Understood) -> None:
        self._executor, self._recipe, self._resident = executor, recipe, recipe.with_density(known)
        self._token, self._numbers = os.urandom(16), itertools.count()
        self.n_workers = _workers_of(executor)

    def __enter__(self) -> Team:
        keep(self._token, self._resident)  # threads of this process have it at once
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._resident.cancelled.set()
        forget(self._token)

    def cut(self, n: int, least: int, each: int) -> list[range]:
        """Cut so many things into ranges of `least` of them at least, `each` for every worker."""
        wanted = _UNKNOWN if self.n_workers is None else each * self.n_workers
        parts = max(1, min(wanted, n // least))
        # Vectors hold eight walkers.
        ends = [round(i * n / parts / least) * least for i in range(parts)] + [n]
        return [range(a, b) for a, b in itertools.pairwise(ends) if a < b]

    def ask(self, works: Sequence[Work], name: Callable[[int], str]) -> list[Any]:
        """Have works done, and give what came of each; `name` says in a sentence which one that was."""
        outcomes: dict[int, Any] = {}
        failed: dict[int, Failure] = {}
        carrying = 0
        while True:
            first = min(failed, default=len(works))
            left = [i for i in range(first) if i not in outcomes]
            if not left:
                break
            outcomes |= self._asked([self._task(i, works[i], i in left[:carrying]) for i in left], failed)
            carrying = len(left) if self.n_workers is None else max(1, self.n_workers)
        if failed:
            raise _named(failed[first], name(first))
        return [outcomes[i] for i in range(len(works))]

    def _task(self, index: int, work: Work, carries: bool) -> Task:
        return Task(index, next(self._numbers), self._token, self._recipe if carries else None, work)

    def _asked(self, tasks: list[Task], failed: dict[int, Failure]) -> dict[int, Any]:
        """Give the outcomes of tasks whose workers had the density, by the index; note those that failed."""

        def note(failure: Failure) -> None:
            failed[failure.item.index] = failure

        try:
            found = map_reduce(do, tasks, list, self._executor, progress=False, on_error=note, chunksize=1)
        except BaseException as error:
            self._resident.cancelled.set()
            _without_items(error)
            raise
        return {index: outcome for index, outcome in found if not isinstance(outcome, Missing)}


def _workers_of(executor: Executor) -> int | None:
    """Tell how many tasks an executor does at a time, if it says so; dask's does by way of its client."""
    nthreads = getattr(getattr(executor, "_client", None), "nthreads", None)
    if nthreads is None:
        return workers_of(executor)
    return sum(nthreads().values()) or None  # none while its workers are still to come


def _named(failure: Failure, name: str) -> BaseException:
    """Give the exception of a task, with a note that says which one that was."""
    error = failure.exception
    if failure.item.recipe is not None and isinstance(error, (pickle.PicklingError, pickle.UnpicklingError)):
        return type(error)(f"executor: the density, its args or the move do not travel to a worker: {error}")
    error.add_note(f"executor: {name}")
    return error


def _without_items(error: BaseException) -> None:
    """Take away what `map_reduce` says of items, which nobody here has heard of."""
    notes = getattr(error, "__notes__", None)
    if notes:
        notes[:] = [note for note in notes if not note.startswith(_OF_MAP_REDUCE)]
    for name in ("partial", "missing"):
        if name in getattr(error, "__dict__", ()):
            delattr(error, name)
