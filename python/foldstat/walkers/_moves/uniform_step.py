"""A random walk with uniform increments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_widths, spread_widths


@dataclass(frozen=True)
class UniformStep(Move):
    r"""Random walk with increments uniform in a box: :math:`y = x + h u` with u uniform in (-1, 1)ᵈ.

    The proposal is symmetric, so that it is accepted with probability min(1, π(y)/π(x)). It is the
    first of all moves and the cheapest. Choose `half_width` such that a quarter to a half of the
    proposals are accepted; in more than a few dimensions `AdaptiveStep` finds a better one by itself.

    Walkers depend on no other walker: those of a range, ``sample(..., walkers=range(a, b))``, are to the bit those of
    the run of all.

    Parameters
    ----------
    half_width : float or sequence of float
        Half the side of the box, in the units of the coordinates; one number for all dimensions or
        one for each.

    Raises
    ------
    ValueError
        If a half width is not positive and finite.

    References
    ----------
    Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, "Equation of state calculations by fast
    computing machines", Journal of Chemical Physics 21 (1953).

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.UniformStep([0.1, 2.0])
    UniformStep(half_width=(0.1, 2.0))
    """

    by_blocks: ClassVar[bool] = True

    half_width: ArrayLike

    def __post_init__(self) -> None:
        self._set("half_width", as_widths(self.half_width, "half_width"))

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        return _core.WalkerMove.uniform_step(spread_widths(self.half_width, setting.n_dims, "half_width"), setting.dims)
