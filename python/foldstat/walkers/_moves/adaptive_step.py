"""A random walk that learns its shape during the burn-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves._move import Move, Setting, as_covariance, as_number, covariance_factor

_TARGET_IN_ONE_DIMENSION = 0.44
_TARGET = 0.234


@dataclass(frozen=True)
class AdaptiveStep(Move):
    r"""Robust adaptive Metropolis: normal increments whose covariance is learnt during the burn-in.

    Each walker has its own factor S of the increments :math:`y = x + S u`, u standard normal. After
    step n of the burn-in, with α the probability of acceptance,

    .. math:: S S^T \leftarrow S \left(I + \eta_n (\alpha - \alpha_*) \frac{u u^T}{\|u\|^2}\right) S^T,
       \qquad \eta_n = \min(1, d\, n^{-\gamma}),

    so that shape and size adapt to the target acceptance α*. After the burn-in S stays as it is, and
    the chain is an ordinary random walk with the right limit. Long correlated targets of many dimensions
    want a longer burn-in; `PooledStep` learns from all walkers together.

    Every walker learns for itself; only the first covariance follows from the starts of all. So walkers of a range,
    ``sample(..., walkers=range(a, b))``, are to the bit those of the run of all.

    Parameters
    ----------
    cov : float, sequence of float, matrix or None, default=None
        Covariance of the increments at the beginning: one variance, one for each dimension, or a
        symmetric positive definite matrix. None for :math:`2.38^2 / d` times the variances of the starts;
        in dimensions in which all walkers start at the same place, the width of the density there.
    target_acceptance : float or None, default=None
        α*, between 0 and 1; None for 0.44 in one dimension and 0.234 in more.
    decay : float, default=2/3
        γ, in (1/2, 1]: how fast learning slows down.

    Raises
    ------
    ValueError
        If `cov` is not positive definite, or another number is out of its range.

    References
    ----------
    Vihola, "Robust adaptive Metropolis algorithm with coerced acceptance rate", Statistics and
    Computing 22 (2012), algorithm 1.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> w.AdaptiveStep(target_acceptance=0.3).target_acceptance
    0.3
    """

    by_blocks: ClassVar[bool] = True
    adapts: ClassVar[bool] = True

    cov: ArrayLike | None = None
    target_acceptance: float | None = None
    decay: float = 2 / 3

    def __post_init__(self) -> None:
        if self.cov is not None:
            self._set("cov", as_covariance(self.cov, "cov"))
        self._set("decay", as_number(self.decay, "decay", "a number in (0.5, 1]"))
        if not 0.5 < self.decay <= 1:
            raise ValueError(f"decay must be greater than 0.5 and at most 1, got {self.decay!r}")
        if self.target_acceptance is not None:
            target = as_number(self.target_acceptance, "target_acceptance", "a number between 0 and 1, or None")
            if not 0 < target < 1:
                raise ValueError(f"target_acceptance must lie between 0 and 1, got {target!r}")
            self._set("target_acceptance", target)

    def _asks_for_widths(self) -> bool:
        return self.cov is None

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        target = self.target_acceptance
        if target is None:
            target = _TARGET_IN_ONE_DIMENSION if setting.n_dims == 1 else _TARGET
        return _core.WalkerMove.adaptive_step(self._factor(setting), target, self.decay, setting.dims)

    def _factor(self, setting: Setting) -> Floats:
        if self.cov is not None:
            return covariance_factor(self.cov, setting.n_dims, "cov")
        widths = np.ones(setting.n_dims) if setting.widths is None else setting.widths
        return np.diag(2.38 / np.sqrt(setting.n_dims) * widths)
