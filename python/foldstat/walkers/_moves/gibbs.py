"""Some coordinates at a time, given all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foldstat import _core
from foldstat.walkers._moves._conditional import draw_of
from foldstat.walkers._moves._lost import Lost
from foldstat.walkers._moves._move import Move, Setting


@dataclass(frozen=True)
class Gibbs(Move):
    """Gibbs' sampler: every step moves one block of coordinates after the other, given all others.

    A block is drawn from its distribution given the other coordinates, by a function of the user, or
    makes a step of another move. The functions are called on one thread; one that numba compiled
    (``numba.njit``) from a compiled loop over all walkers.

    Walkers depend on no other walker, as long as functions look at nothing but what they are given: those of a range,
    ``sample(..., walkers=range(a, b))``, are to the bit those of the run of all.

    Parameters
    ----------
    blocks : dict of names to conditionals
        For each coordinate, or tuple of coordinates, in the order of the step: a function that draws
        them, or a move for them (`UniformStep`, `NormalStep`, `AdaptiveStep`, `ComponentwiseStep` or
        `Slice`). Coordinates are named as in `sample`, ``names=`` or the keys of ``start``, or numbered. A
        function is called as ``f(point, rng)``, with the whole point, or with coordinates by their names
        and ``rng``, ``f(mu, tau, rng)``; it gives a number, or a sequence of as many
        as the block has coordinates. ``rng`` is a ``numpy.random.Generator`` that takes the walker's own
        random stream, so that a run is reproducible and goes on bit for bit. Every coordinate has to be in a
        block.

    Raises
    ------
    TypeError
        If `blocks` is no dict, or holds what is neither a function nor a move.
    ValueError
        If there are no blocks, a coordinate is in several of them, or a move cannot be restricted to a block.

    Notes
    -----
    That a conditional is the right one is for the user to know: `sample` compares it with the density only so
    far that a draw at which that is zero is an error. If all blocks are drawn, ``sample(None, ...)`` needs no
    density. The acceptance rate counts a draw as accepted. Functions are not saved: give the move to
    `load` or `Run.extend` again.

    References
    ----------
    Geman & Geman, "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 6 (1984); Gelfand & Smith, "Sampling-based
    approaches to calculating marginal densities", Journal of the American Statistical Association 85 (1990).

    Examples
    --------
    A coin of unknown bias that fell on its head in 7 of 10 throws, and how often it will in 10 more:

    >>> from foldstat import walkers as w
    >>> move = w.Gibbs({
    ...     "p": lambda more, rng: rng.beta(1 + 7 + more, 1 + 3 + 10 - more),
    ...     "more": lambda p, rng: rng.binomial(10, p),
    ... })
    >>> run = w.sample(None, {"p": 0.5, "more": 5}, 2_000, move=move, rng=0)
    >>> bool(abs(run.mean()[0] - 8 / 12) < 0.01)
    True
    """

    blocks: Mapping[Any, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.blocks, Mapping):
            raise TypeError(f'blocks must be a dict such as {{"mu": draw_mu, "tau": draw_tau}}, got {self.blocks!r}')
        blocks = _Blocks({_as_block(name): _as_part(name, part) for name, part in self.blocks.items()})
        if not blocks:
            raise ValueError("blocks must hold at least one block, got none")
        self._set("blocks", blocks)

    def __hash__(self) -> int:
        return hash(tuple(self.blocks.items()))

    def config(self) -> dict[str, Any]:
        """Give the move as plain numbers and text, with the names of its functions.

        Returns
        -------
        dict
            The name of the class, and the blocks with their moves.
        """
        parts = [
            [list(block), part.config() if isinstance(part, Move) else Lost.config_of(part)]
            for block, part in self.blocks.items()
        ]
        return {"name": "Gibbs", "blocks": parts}

    @property
    def is_lost(self) -> bool:  # type: ignore[override]
        """Whether it was saved, and has lost its functions."""
        return any(isinstance(part, Lost) for part in self.blocks.values())

    def _needs_density(self) -> bool:
        return any(isinstance(part, Move) for part in self.blocks.values())

    def _asks_for_widths(self) -> bool:
        return any(isinstance(part, Move) and part._asks_for_widths() for part in self.blocks.values())

    def _must_learn(self, setting: Setting) -> bool:
        return any(isinstance(part, Move) and part._must_learn(setting) for part in self.blocks.values())

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        dims = [[setting.dim(name) for name in block] for block in self.blocks]
        _check_partition(dims, setting)
        parts = [
            self._part(block, part, place, setting)
            for (block, part), place in zip(self.blocks.items(), dims, strict=True)
        ]
        return _core.WalkerMove.cycle(parts, setting.n_dims)

    def _part(self, block: Any, part: Any, dims: list[int], setting: Setting) -> _core.WalkerMove:
        if isinstance(part, Move):
            return part._compiled(setting.of(dims))
        names = tuple(setting.names[dim] for dim in dims)
        return _core.WalkerMove.conditional(draw_of(part, names, setting.names), dims)


class _Blocks(dict[Any, Any]):
    """Blocks that are shown with the names of functions, and written by nobody."""

    def __repr__(self) -> str:
        shown = (
            f"{block[0] if len(block) == 1 else block!r}: "
            f"{part if isinstance(part, (Move, Lost)) else getattr(part, '__name__', part)}"
            for block, part in self.items()
        )
        return f"{{{', '.join(map(str, shown))}}}"


def _as_block(name: Any) -> tuple[Any, ...]:
    block = tuple(name) if isinstance(name, (tuple, list)) else (name,)
    if not block or not all(isinstance(entry, (str, int)) and not isinstance(entry, bool) for entry in block):
        raise TypeError(f"blocks: a block is a name, a number or a tuple of these, got {name!r}")
    return block


def _as_part(name: Any, part: Any) -> Any:
    if isinstance(part, Move):
        if not part.by_blocks:
            raise ValueError(
                f"blocks[{name!r}]: {type(part).__name__} cannot be restricted to some coordinates; UniformStep, "
                "NormalStep, AdaptiveStep, ComponentwiseStep and Slice can"
            )
    elif not callable(part):
        raise TypeError(f"blocks[{name!r}] must be a function that draws, or a move, got {part!r}")
    return part


def _check_partition(dims: list[list[int]], setting: Setting) -> None:
    """Refuse blocks that overlap, or leave coordinates where they are."""
    seen = [dim for block in dims for dim in block]
    twice = [setting.names[dim] for dim in set(seen) if seen.count(dim) > 1]
    if twice:
        raise ValueError(f"blocks: {twice[0]} is in several of them")
    missing = [name for dim, name in enumerate(setting.names) if dim not in seen]
    if missing:
        raise ValueError(f"blocks: no block moves {', '.join(missing[:6])}, which would stay where it starts")
