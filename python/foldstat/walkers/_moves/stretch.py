"""The affine-invariant stretch move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_number


@dataclass(frozen=True)
class Stretch(Move):
    r"""Affine-invariant move along the line to another walker: :math:`y = x_k + z (x - x_k)`.

    z has the density :math:`g(z) \propto 1/\sqrt{z}` on [1/a, a], and y is accepted with probability
    :math:`\min(1, z^{d-1} \pi(y) / \pi(x))`. Walker k is one of the other half of the ensemble; the halves
    are updated in turn. Needs no tuning and does not mind correlations, but slows down in more than
    about ten dimensions. Have several times as many walkers as dimensions, at different points.

    Walkers of a range, ``sample(..., walkers=range(a, b))``, look at those of their own range only.

    Parameters
    ----------
    a : float, default=2.0
        The longest stretch, greater than 1.

    Raises
    ------
    ValueError
        If `a` is not greater than 1.

    References
    ----------
    Goodman & Weare, "Ensemble samplers with affine invariance", Communications in Applied
    Mathematics and Computational Science 5 (2010), equations 7 to 10; Foreman-Mackey, Hogg, Lang &
    Goodman, "emcee: the MCMC hammer", PASP 125 (2013), for the halves.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.Stretch()
    Stretch(a=2.0)
    """

    interacts: ClassVar[bool] = True
    spans: ClassVar[bool] = True

    a: float = 2.0

    def __post_init__(self) -> None:
        self._set("a", as_number(self.a, "a", "a number greater than 1"))
        if self.a <= 1:
            raise ValueError(f"a must be greater than 1, got {self.a!r}")

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        return _core.WalkerMove.stretch(self.a)
