"""Metropolis within Gibbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_widths, spread_widths


@dataclass(frozen=True)
class ComponentwiseStep(Move):
    """Metropolis within Gibbs: one coordinate after the other makes a uniform step.

    A step is d updates, each with its own evaluation of the density and its own acceptance, so a step
    costs d times one of `UniformStep`. Wider steps are accepted than when all coordinates move at
    once: it suits coordinates of different scales that hardly depend on each other.

    Walkers depend on no other walker: those of a range, ``sample(..., walkers=range(a, b))``, are to the bit those of
    the run of all.

    Parameters
    ----------
    half_width : float or sequence of float
        Half the width of the uniform increments; one number for all dimensions or one for each.

    Raises
    ------
    ValueError
        If a half width is not positive and finite.

    Notes
    -----
    The acceptance rate of a run counts updates: it is the mean over the d updates of each step.

    References
    ----------
    Metropolis et al., "Equation of state calculations by fast computing machines", Journal of
    Chemical Physics 21 (1953); Tierney, "Markov chains for exploring posterior distributions",
    Annals of Statistics 22 (1994), section 2.4.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.ComponentwiseStep(0.5)
    ComponentwiseStep(half_width=0.5)
    """

    by_blocks: ClassVar[bool] = True

    half_width: ArrayLike

    def __post_init__(self) -> None:
        self._set("half_width", as_widths(self.half_width, "half_width"))

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        return _core.WalkerMove.componentwise_step(
            spread_widths(self.half_width, setting.n_dims, "half_width"), setting.dims
        )
