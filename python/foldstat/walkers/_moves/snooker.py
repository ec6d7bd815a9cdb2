"""Steps along the line to another walker, as long as two others are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_number


@dataclass(frozen=True)
class Snooker(Move):
    r"""Snooker update: a step along the line through another walker z.

    :math:`y = x + \gamma (P z_1 - P z_2)`, where P projects onto the line from z to x, and z, z₁ and z₂ are
    three of the other half of the ensemble; accepted with probability
    :math:`\min(1, (\|y - z\| / \|x - z\|)^{d-1} \pi(y) / \pi(x))`. Mixed with
    `DifferentialEvolution` (one step in ten, say) it makes directions that no difference has.

    Walkers of a range, ``sample(..., walkers=range(a, b))``, look at those of their own range only.

    Parameters
    ----------
    gamma : float, default=1.7
        Length of the step in projected differences; the paper draws it from 1.2 to 2.2.

    Raises
    ------
    ValueError
        If `gamma` is not positive.

    References
    ----------
    ter Braak & Vrugt, "Differential evolution Markov chain with snooker updater and fewer chains",
    Statistics and Computing 18 (2008), equations 3 and 4.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.Mix([(0.9, w.DifferentialEvolution()), (0.1, w.Snooker())]).interacts
    True
    """

    interacts: ClassVar[bool] = True
    spans: ClassVar[bool] = True

    gamma: float = 1.7

    def __post_init__(self) -> None:
        self._set("gamma", as_number(self.gamma, "gamma", "a positive number"))
        if self.gamma <= 0:
            raise ValueError(f"gamma must be positive, got {self.gamma!r}")

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        return _core.WalkerMove.snooker(self.gamma)
