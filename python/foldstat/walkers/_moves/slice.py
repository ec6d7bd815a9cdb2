"""Slice sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_widths, spread_widths


@dataclass(frozen=True)
class Slice(Move):
    r"""Slice sampling: one coordinate after the other is drawn from where the density exceeds a level.

    The level is uniform below the density where the walker is. An interval about the walker steps out
    by its width until both ends lie below the level, then points of it are drawn, and shrink it, until one lies
    above. Nothing is rejected and little has to be tuned, at the price of about six evaluations for each
    coordinate: it suits few coordinates, heavy tails, and blocks of `Gibbs`. Coordinates that depend on each
    other strongly want `PooledStep` or moves that look at other walkers.

    Walkers depend on no other walker, but for the first widths, which follow from all starts: those of a range,
    ``sample(..., walkers=range(a, b))``, are to the bit those of the run of all.

    Parameters
    ----------
    widths : float, sequence of float or None, default=None
        The width at the beginning, about that of the target: one number, or one for each dimension. None for
        the standard deviation of the starts, or where these agree, the width of the density there. During
        the burn-in each walker learns its own widths, twice the distances that it goes; afterwards they stay.

    Raises
    ------
    ValueError
        If a width is not positive and finite.

    Notes
    -----
    An interval has at most 1024 widths, which leaves the target as it is (Neal's m). Where 64 of them in a row
    are not enough in the burn-in, though each widens the next, the density does not fall along a coordinate, and
    `sample` raises ValueError. After 256 points below the level a walker stays where it is. The acceptance rate
    is the share of coordinates that moved: 1 but for such walkers.

    References
    ----------
    Neal, "Slice sampling", Annals of Statistics 31 (2003), figures 3 and 5.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> run = w.sample(lambda x: -abs(x), 0.0, 2_000, move=w.Slice(), rng=0)
    >>> bool(abs(run.draws.std() - 2**0.5) < 0.05)
    True
    """

    adapts: ClassVar[bool] = True
    by_blocks: ClassVar[bool] = True

    widths: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.widths is not None:
            self._set("widths", as_widths(self.widths, "widths"))

    def _asks_for_widths(self) -> bool:
        return self.widths is None

    def _must_learn(self, setting: Setting) -> bool:
        return False

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        if self.widths is not None:
            widths = spread_widths(self.widths, setting.n_dims, "widths")
        else:
            widths = np.ones(setting.n_dims) if setting.widths is None else setting.widths
        return _core.WalkerMove.slice(widths, setting.dims)
