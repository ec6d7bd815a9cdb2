"""What runs on a worker: ranges of walkers that walk, and points at which the density is evaluated.

A worker understands the density once and keeps it, so that what is sent to it afterwards is numbers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves import Move, Setting
from foldstat.walkers.density import OwnErrors, Understood, understand
from foldstat.walkers.run._names import Names

_MOST = 4  # densities that a worker keeps


@dataclass(frozen=True)
class Recipe:
    """What a worker needs to know the density and the move."""

    density: Any
    starts: Floats
    n_walkers: int  # of the walk, which may be some of those that have starts
    args: tuple[Any, ...]
    call: Any
    where: Any
    log: bool
    names: tuple[str, ...] | None  # as they were given
    bounds: Floats | None
    move: Move
    labels: Names
    kind: str  # how the density is called where the walk began

    def made(self) -> Resident:
        """Understand the density, which has to be called as where the walk began: other code may give other bits."""
        known = understand(
            self.density,
            aligned(self.starts),
            log=self.log,
            args=aligned(self.args),
            call=self.call,
            where=self.where,
            names=self.names,
            bounds=aligned(self.bounds),
        )
        if not known.compiled.is_built_in and known.kind != self.kind:
            raise RuntimeError(
                f"executor: on a worker the density is called in another way ({known.kind}) than here ({self.kind}), "
                "which may change the draws; have the same libraries on both"
            )
        return self.with_density(known)

    def with_density(self, known: Understood) -> Resident:
        """Make the moves."""
        setting = Setting(self.n_walkers, self.starts.shape[1], names=self.labels.labels)
        return Resident(known, self.move._schedule(setting))


@dataclass
class Resident:
    """A density and a move that a worker knows."""

    known: Understood
    schedule: list[tuple[float, _core.WalkerMove]]
    cancelled: threading.Event = field(default_factory=threading.Event)

    def check(self, reports: object) -> None:
        """End what runs in this process and nobody waits for any more."""
        if self.cancelled.is_set():
            raise RuntimeError("executor: the walk was given up")


def aligned(value: Any) -> Any:
    """Give arrays, alone or in dicts, lists and tuples, as they were before a scheduler laid them where it likes."""
    match value:
        case np.ndarray() if value.dtype.kind in "biufc":
            return np.require(value, requirements=["A", "W"])
        case dict():
            return {key: aligned(entry) for key, entry in value.items()}
        case list():
            return [aligned(entry) for entry in value]
        case tuple() if type(value) is tuple:
            return tuple(map(aligned, value))
    return value


class Missing:
    """Stands for the outcome of work for which a worker does not have the density yet."""


class Work(Protocol):
    """Something to be done with a density."""

    def done(self, resident: Resident) -> Any:
        """Do it, and give what came of it."""


@dataclass(frozen=True)
class Task:
    """Work as it travels: with the recipe only where the worker lacks what is made of it."""

    index: int
    number: int  # no two are equal, for schedulers that take equal calls for one
    token: bytes
    recipe: Recipe | None
    work: Work


_residents: dict[bytes, Resident] = {}
_lock = threading.RLock()


def do(task: Task) -> list[tuple[int, Any]]:
    """Do a task on a worker; its outcome comes with its index."""
    resident = _found(task)
    return [(task.index, Missing() if resident is None else task.work.done(resident))]


def _found(task: Task) -> Resident | None:
    with _lock:  # two threads of a worker need not compile the same
        resident = _residents.get(task.token)
        if resident is None and task.recipe is not None:
            resident = task.recipe.made()
            keep(task.token, resident)
        return resident


def keep(token: bytes, resident: Resident) -> None:
    """Let this process know a density; the oldest that it knows makes room."""
    with _lock:
        _residents[token] = resident
        while len(_residents) > _MOST:
            del _residents[next(iter(_residents))]


def forget(token: bytes) -> None:
    """Give a density up."""
    with _lock:
        _residents.pop(token, None)


@dataclass(frozen=True)
class Walk:
    """Walkers of a range that take some steps."""

    state: dict[str, Any]
    n_steps: int
    thin: int
    n_draws: int  # that they have already
    more: int  # draws of these steps
    with_log_density: bool
    moments: dict[str, Any] | None
    n_jobs: int | None

    def done(self, resident: Resident) -> Walked:
        """Walk."""
        ensemble = _core.WalkerEnsemble.from_state(aligned(self.state), resident.schedule)
        kept = self._kept(ensemble)
        with OwnErrors(resident.known):
            ensemble.advance(
                resident.known.compiled,
                self.n_steps,
                thin=self.thin,
                n_jobs=self.n_jobs,
                callback=resident.check,
                **kept,
            )
        moments = kept.get("moments")
        return Walked(
            ensemble.state(),
            self._new(kept.get("draws")),
            self._new(kept.get("log_density")),
            None if moments is None else moments.state(),
        )

    def _kept(self, ensemble: _core.WalkerEnsemble) -> dict[str, Any]:
        """Make room for what is kept. Draws are written where they lie in the whole walk; no page before is touched."""
        if self.moments is not None:
            return {"moments": _core.WalkerMoments.from_state(aligned(self.moments))}
        if not self.more:
            return {}
        shape = ensemble.n_walkers, self.n_draws + self.more
        draws = np.empty((*shape, ensemble.n_dims))
        return {"draws": draws, "log_density": np.empty(shape) if self.with_log_density else None}

    def _new(self, array: Floats | None) -> Floats | None:
        return None if array is None else np.ascontiguousarray(array[:, self.n_draws :])


@dataclass(frozen=True)
class Walked:
    """Walkers of a range after some steps, and what they left in these."""

    state: dict[str, Any]
    draws: Floats | None
    log_density: Floats | None
    moments: dict[str, Any] | None


@dataclass(frozen=True)
class Evaluate:
    """Points at which the density is evaluated."""

    points: Floats

    def done(self, resident: Resident) -> Floats:
        """Give the values, logarithms or not as the density has them."""
        known, points = resident.known, aligned(self.points)
        values = np.empty(len(points))
        with OwnErrors(known):
            if known.python_of != "point":
                known.compiled.evaluate(points, values, 1)
                return values
            for i, point in enumerate(points):  # the walk only knows for which half of the walkers it asked
                try:
                    known.compiled.evaluate(points[i : i + 1], values[i : i + 1], 1)
                except Exception as error:
                    error.add_note(f"density raised this at the point {point.tolist()}")
                    raise
        return values
