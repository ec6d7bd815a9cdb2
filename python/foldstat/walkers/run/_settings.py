"""What a run was asked to do, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves import Move
from foldstat.walkers.run._histogram import Axes, Declared, Reach
from foldstat.walkers.run._names import Names
from foldstat.walkers.run._part import Part

Keep: TypeAlias = Literal["draws", "moments"]


class NotKeptError(AttributeError, ValueError):
    """Draws were asked for, and the run keeps only their moments."""


@dataclass(frozen=True)
class Settings:
    """What does not change when a run is extended."""

    burn_in: int
    thin: int
    move: Move
    log: bool
    names: Names
    bounds: Floats | None
    part: Part | None = None  # which walkers of a larger ensemble these are; None where they are all

    def draws_after(self, step: int) -> int:
        """Count the draws of a walker after so many steps, the burn-in included."""
        return max(0, step - self.burn_in) // self.thin


@dataclass
class KeptDraws:
    """Buffers that draws are written into, with room for those to come."""

    keep: Keep = field(default="draws", init=False)
    draws: Floats
    log_density: Floats | None  # None where it is computed from the draws when asked for

    @classmethod
    def room(cls, n_walkers: int, n_draws: int, n_dims: int, with_log_density: bool) -> KeptDraws:
        """Allocate buffers."""
        try:
            draws = np.empty((n_walkers, n_draws, n_dims))
            return cls(draws, np.empty((n_walkers, n_draws)) if with_log_density else None)
        except (MemoryError, ValueError) as error:  # ValueError: more than NumPy can count
            gigabytes = n_walkers * n_draws * n_dims * 8 / 1e9
            raise MemoryError(
                f"{n_walkers} walkers × {n_draws} draws × {n_dims} dimensions need {gigabytes:.3g} GB: "
                "keep fewer with thin=, or their moments only with keep='moments'"
            ) from error

    def extended(self, n_draws: int, more: int) -> KeptDraws:
        """Copy the first draws into buffers with room for more."""
        n_walkers, _, n_dims = self.draws.shape
        new = self.room(n_walkers, n_draws + more, n_dims, self.log_density is not None)
        new.draws[:, :n_draws] = self.draws[:, :n_draws]
        if new.log_density is not None and self.log_density is not None:
            new.log_density[:, :n_draws] = self.log_density[:, :n_draws]
        return new

    def emptied(self, n_draws: int, first: int) -> KeptDraws:
        """Give buffers of the same kind, with room for so many draws."""
        n_walkers, _, n_dims = self.draws.shape
        return self.room(n_walkers, n_draws, n_dims, self.log_density is not None)

    def stages(self, ensemble: _core.WalkerEnsemble, settings: Settings, end: int) -> Iterator[int]:
        """Give the steps to stop at on the way to the end."""
        yield end

    def arguments(self) -> dict[str, Any]:
        """Give what the compiled module writes into."""
        return {"draws": self.draws, "log_density": self.log_density}


@dataclass
class KeptMoments:
    """Running moments; the edges of histograms are found at the end of the burn-in."""

    keep: Keep = field(default="moments", init=False)
    declared: Declared
    reach: Reach
    axes: Axes = field(default_factory=list)
    moments: _core.WalkerMoments | None = None  # None during the burn-in
    first: int = 0  # step of the burn-in

    def extended(self, n_draws: int, more: int) -> KeptMoments:
        """Copy what there is."""
        copy = KeptMoments(self.declared, Reach(self.reach.low, self.reach.high), self.axes, first=self.first)
        copy.moments = None if self.moments is None else self.moments.copy()
        return copy

    def emptied(self, n_draws: int, first: int) -> KeptMoments:
        """Give moments of no draws, whose histograms are chosen anew in a burn-in from step `first` on."""
        return KeptMoments(self.declared, Reach.nowhere(len(self.reach.low)), self.axes, first=first)

    def stages(self, ensemble: _core.WalkerEnsemble, settings: Settings, end: int) -> Iterator[int]:
        """Give the steps to stop at on the way to the end: some of the burn-in, to see how far walkers go."""
        if self.moments is None:
            for step in self.reach.checkpoints(self.first, settings.burn_in):
                if step >= ensemble.step:
                    yield step
                    self.reach.see(ensemble.positions)
            try:
                self.axes = self.reach.axes(self.declared, settings.bounds, settings.names)
            except ValueError:
                if not self.axes:  # those of an earlier burn-in will do
                    raise
            self.moments = self.empty(ensemble)
        yield end

    def empty(self, ensemble: _core.WalkerEnsemble) -> _core.WalkerMoments:
        """Make moments of no draws."""
        return _core.WalkerMoments(ensemble.n_walkers, ensemble.n_dims, self.axes)

    def arguments(self) -> dict[str, Any]:
        """Give what the compiled module adds to."""
        return {"moments": self.moments}

    def state(self) -> dict[str, Any]:
        """Give everything as arrays and plain values."""
        moments = None if self.moments is None else self.moments.state()
        reach = [self.reach.low, self.reach.high]
        return {
            "declared": self.declared,
            "reach": reach,
            "axes": self.axes,
            "moments": moments,
            "first": self.first,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> KeptMoments:
        """Make what `state` was given of."""
        moments = None if state["moments"] is None else _core.WalkerMoments.from_state(state["moments"])
        return cls(state["declared"], Reach(*state["reach"]), state["axes"], moments, state["first"])


Kept: TypeAlias = KeptDraws | KeptMoments
