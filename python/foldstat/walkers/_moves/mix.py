"""One of several moves at each step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from foldstat.walkers._moves._move import Move, Schedule, Setting, as_number


@dataclass(frozen=True)
class Mix(Move):
    """A mixture of moves: every step chooses one of them at random, the same for all walkers.

    Each move leaves the target as it is, so that a random choice between them does, too.

    Walkers depend on others if those of one of the moves do. The choice follows from the seed and the step, so that
    it is the same for a range of walkers, ``sample(..., walkers=range(a, b))``.

    Parameters
    ----------
    moves : sequence of (weight, move)
        Moves with positive weights, which need not sum to 1. A move may be a `Mix` itself.

    Raises
    ------
    TypeError
        If `moves` does not hold pairs of a number and a move.
    ValueError
        If there are none, a weight is not positive, or a move is `PooledStep`, a mix itself.

    References
    ----------
    Tierney, "Markov chains for exploring posterior distributions", Annals of Statistics 22 (1994),
    section 2.4.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.Mix([(4, w.Stretch()), (1, w.UniformStep(1.0))])
    Mix(moves=((4.0, Stretch(a=2.0)), (1.0, UniformStep(half_width=1.0))))
    """

    moves: Iterable[tuple[float, Move]]

    def __post_init__(self) -> None:
        if isinstance(self.moves, (str, bytes, Move)) or not isinstance(self.moves, Iterable):
            raise TypeError(f"moves must be a sequence of (weight, move), got {self.moves!r}")
        pairs = tuple(_pair(entry) for entry in self.moves)
        if not pairs:
            raise ValueError("moves must hold at least one (weight, move), got none")
        self._set("moves", pairs)

    @property
    def parts(self) -> tuple[tuple[float, Move], ...]:
        """Weights and moves."""
        return tuple(self.moves)

    @property
    def interacts(self) -> bool:  # type: ignore[override]
        """Whether every step looks at other walkers."""
        return all(move.interacts for _, move in self.parts)

    @property
    def spans(self) -> bool:  # type: ignore[override]
        """Whether every proposal lies in the space that the other walkers span."""
        return all(move.spans for _, move in self.parts)

    @property
    def is_lost(self) -> bool:  # type: ignore[override]
        """Whether it was saved, and has lost functions of the user's."""
        return any(move.is_lost for _, move in self.parts)

    @property
    def adapts(self) -> bool:  # type: ignore[override]
        """Whether a move learns during the burn-in."""
        return any(move.adapts for _, move in self.parts)

    def config(self) -> dict[str, Any]:
        """Give the moves as plain numbers and text.

        Returns
        -------
        dict
            The name of the class, and the weights with the moves' own.
        """
        return {"name": "Mix", "moves": [[weight, move.config()] for weight, move in self.parts]}

    def _asks_for_widths(self) -> bool:
        return any(move._asks_for_widths() for _, move in self.parts)

    def _needs_density(self) -> bool:
        return any(move._needs_density() for _, move in self.parts)

    def _must_learn(self, setting: Setting) -> bool:
        return any(move._must_learn(setting) for _, move in self.parts)

    def _schedule(self, setting: Setting) -> Schedule:
        total = sum(weight for weight, _ in self.parts)
        return [
            (weight / total * share, compiled)
            for weight, move in self.parts
            for share, compiled in move._schedule(setting)
        ]


def _pair(entry: Any) -> tuple[float, Move]:
    if not isinstance(entry, (tuple, list)) or len(entry) != 2 or not isinstance(entry[1], Move):
        raise TypeError(f"moves must hold pairs such as (0.5, Stretch()), got {entry!r}")
    weight = as_number(entry[0], "a weight in moves", "a positive number")
    if weight <= 0:
        raise ValueError(f"a weight in moves must be positive, got {weight!r}")
    if entry[1].pools:
        raise ValueError(f"moves: {type(entry[1]).__name__} chooses its moves by itself and cannot be part of a Mix")
    return weight, entry[1]
