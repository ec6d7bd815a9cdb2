"""Steps along the difference of two other walkers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from foldstat import _core
from foldstat.walkers._moves._move import Move, Setting, as_number


@dataclass(frozen=True)
class DifferentialEvolution(Move):
    r"""Differential evolution: :math:`y = x + (\gamma + \varepsilon)(x_a - x_b)`.

    Walkers a and b are two of the other half of the ensemble, so that the differences have the shape of
    the target and its units; ε is a little normal noise. With probability `jump_probability` γ is 1, and walkers jump
    between modes in which there are walkers. The proposal is symmetric. Have several times as many
    walkers as dimensions (2 d + 2 at least, so that the differences of either half span the space), at
    different points, and some of them in every mode.

    Walkers of a range, ``sample(..., walkers=range(a, b))``, look at those of their own range only.

    Parameters
    ----------
    gamma : float or None, default=None
        Length of the step in differences; None for :math:`2.38 / \sqrt{2 d}`.
    jitter : float, default=1e-5
        Standard deviation of ε.
    jump_probability : float, default=0.1
        How often γ is 1.

    Raises
    ------
    ValueError
        If `gamma` is not positive, `jitter` is negative, or the probability is not one.

    References
    ----------
    ter Braak, "A Markov chain Monte Carlo version of the genetic algorithm differential evolution:
    easy Bayesian computing for real parameter spaces", Statistics and Computing 16 (2006), equation 2.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.DifferentialEvolution(jump_probability=0.2)
    DifferentialEvolution(gamma=None, jitter=1e-05, jump_probability=0.2)
    """

    interacts: ClassVar[bool] = True
    spans: ClassVar[bool] = True

    gamma: float | None = None
    jitter: float = 1e-5
    jump_probability: float = 0.1

    def __post_init__(self) -> None:
        if self.gamma is not None:
            self._set("gamma", as_number(self.gamma, "gamma", "a positive number, or None"))
            if self.gamma <= 0:
                raise ValueError(f"gamma must be positive, got {self.gamma!r}")
        self._set("jitter", as_number(self.jitter, "jitter", "a standard deviation"))
        if self.jitter < 0:
            raise ValueError(f"jitter must not be negative, got {self.jitter!r}")
        self._set("jump_probability", as_number(self.jump_probability, "jump_probability", "a probability"))
        if not 0 <= self.jump_probability <= 1:
            raise ValueError(f"jump_probability must be from 0 to 1, got {self.jump_probability!r}")

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        gamma = 2.38 / math.sqrt(2 * setting.n_dims) if self.gamma is None else self.gamma
        return _core.WalkerMove.differential_evolution(gamma, self.jitter, self.jump_probability)
