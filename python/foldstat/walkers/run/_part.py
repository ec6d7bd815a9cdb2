"""Some walkers of an ensemble: the rows of its state, taken out and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.room import room_for

_ROWS = ("positions", "log_densities", "accepted", "proposal", "acceptance")  # of an ensemble's state
_MOMENTS = ("origins", "sums", "products")  # the rows of the state of moments
_WHAT = "the state of the walkers"

_Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Which walkers of a larger ensemble these are."""

    first: int
    stop: int
    of: int

    @property
    def walkers(self) -> range:
        """Their numbers."""
        return range(self.first, self.stop)

    def __str__(self) -> str:
        return f"{named(self.walkers)} of {self.of}"


def named(walkers: range) -> str:
    """Name walkers in a sentence."""
    return f"walker {walkers[0]}" if len(walkers) == 1 else f"walkers {walkers[0]} to {walkers[-1]}"


def rows_of_ensemble(state: dict[str, Any], rows: slice) -> dict[str, Any]:
    """Take some walkers out of the state of an ensemble."""
    part = _by_rows(state, _ROWS, lambda array: array[rows])
    part["columns"] = {name: column[rows] for name, column in state["columns"].items()}
    return _numbered_from(part, state.get("first_walker", 0) + rows.start)


def ensemble_of(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put walkers that follow each other together; all else they have in common is that of the first of them."""
    with room_for(_WHAT):
        together = {name: np.concatenate([state[name] for state in states]) for name in _ROWS}
        columns = {name: np.concatenate([state["columns"][name] for state in states]) for name in states[0]["columns"]}
    first = states[0].get("first_walker", 0)
    return _numbered_from(states[0] | together | {"columns": columns}, first)


def _by_rows(state: dict[str, Any], names: Sequence[str], take: Callable[[_Array], _Array]) -> dict[str, Any]:
    return state | {name: take(state[name]) for name in names}


def _numbered_from(state: dict[str, Any], first: int) -> dict[str, Any]:
    """Give walkers their numbers; those that begin with 0 do not say so."""
    state = {name: value for name, value in state.items() if name != "first_walker"}
    return state | {"first_walker": first} if first else state


def rows_of_moments(state: dict[str, Any], rows: slice) -> dict[str, Any]:
    """Take the moments of some walkers out of a state, with empty histograms."""
    part = _by_rows(state, _MOMENTS, lambda array: array[rows])
    part["counts"] = [np.zeros_like(counts) for counts in state["counts"]]
    return part


def moments_of(states: Sequence[dict[str, Any]], before: Sequence[_Array] = ()) -> _core.WalkerMoments:
    """Put moments of walkers that follow each other together, and add up their histograms and those of before."""
    with room_for(_WHAT):
        together = {name: np.concatenate([state[name] for state in states]) for name in _MOMENTS}
    counts: list[_Array] = [
        np.asarray(np.sum(several, axis=0, dtype=np.uint64))
        for several in zip(*(state["counts"] for state in states), *([before] if before else ()), strict=True)
    ]
    return _core.WalkerMoments.from_state(states[0] | together | {"counts": counts})
