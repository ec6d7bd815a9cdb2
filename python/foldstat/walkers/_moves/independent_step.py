"""Proposals that do not depend on where a walker is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import as_doubles
from foldstat.walkers._moves._move import Move, Setting, as_covariance, covariance_factor


@dataclass(frozen=True)
class IndependentStep(Move):
    r"""The independence sampler: proposals of Student's t distribution about a mean, wherever a walker is.

    .. math:: y = m + L z \sqrt{8 / \chi^2_8}, \qquad L L^T = \Sigma,

    with z standard normal, accepted with probability :math:`\min(1, \pi(y) t(x) / (\pi(x) t(y))`. Where the target is
    nearly normal, with mean m and covariance Σ, most steps are independent draws of it. Where the target has
    heavier tails than t, or modes that t does not reach, walkers get stuck: mix it with a random walk.
    `PooledStep` does both, with a mean and a covariance that it learns.

    Walkers depend on no other walker: those of a range, ``sample(..., walkers=range(a, b))``, are to the bit those of
    the run of all.

    Parameters
    ----------
    mean : float or sequence of float
        m, one number for all dimensions or one for each.
    cov : float, sequence of float or matrix
        Σ: one variance, one for each dimension, or a symmetric positive definite matrix.

    Raises
    ------
    ValueError
        If `mean` is not finite, or `cov` not positive definite.

    References
    ----------
    Tierney, "Markov chains for exploring posterior distributions", Annals of Statistics 22 (1994), section 2.3.3.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> run = w.sample(lambda x: -(x - 3) ** 2 / 2, 0.0, 1_000, move=w.IndependentStep(3.0, 1.0), rng=0)
    >>> bool(run.acceptance_rate.mean() > 0.8)
    True
    """

    mean: ArrayLike
    cov: ArrayLike

    def __post_init__(self) -> None:
        mean = as_doubles(self.mean, "mean")
        if mean.ndim > 1 or mean.size == 0 or not np.isfinite(mean).all():
            raise ValueError(f"mean must be a finite number, or one for each dimension, got {self.mean!r}")
        self._set("mean", float(mean) if mean.ndim == 0 else tuple(mean.tolist()))
        self._set("cov", as_covariance(self.cov, "cov"))

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        n_dims = setting.n_dims
        if isinstance(self.mean, tuple) and len(self.mean) != n_dims:
            raise ValueError(f"mean must be a number or {n_dims} of them, one for each dimension; got {len(self.mean)}")
        mean = np.array(np.broadcast_to(np.asarray(self.mean, dtype=np.float64), (n_dims,)))
        return _core.WalkerMove.independent_step(mean, covariance_factor(self.cov, n_dims, "cov"))
