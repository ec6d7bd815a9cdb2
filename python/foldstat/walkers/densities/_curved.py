"""Normal distributions, transformed: Haario's banana and Neal's funnel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foldstat._common.arrays import Floats
from foldstat.walkers.densities._density import Density, as_dimensions, as_number, as_positive


@dataclass(frozen=True, repr=False)
class Banana(Density):
    r"""Haario's banana: a normal distribution, bent along a parabola; normalised.

    .. math:: x_1 \sim N(0, s^2), \quad x_2 + b x_1^2 - b s^2 \sim N(0, 1),

    and all further coordinates are standard normal. The bend preserves volumes, so that moments and
    draws are exact.

    Parameters
    ----------
    b : float, default=0.03
        How much it is bent: 0.03 is the "moderately" twisted target of the paper, 0.1 the "strongly"
        twisted one, 0 a normal distribution.
    sd : float, default=10.0
        Standard deviation s of the first coordinate.
    n_dims : int, default=2
        Number of coordinates, at least 2.

    Raises
    ------
    ValueError
        If `b` is not finite, `sd` not positive or `n_dims` less than 2.

    References
    ----------
    Haario, Saksman & Tamminen, "Adaptive proposal distribution for random walk Metropolis
    algorithm", Computational Statistics 14 (1999).

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.Banana().cov()
    array([[100.,   0.],
           [  0.,  19.]])
    """

    name = "banana"
    normalised = True

    b: float = 0.03
    sd: float = 10.0
    n_dims: int = 2

    def __post_init__(self) -> None:
        self._set("b", as_number(self.b, "b"))
        self._set("sd", as_positive(self.sd, "sd"))
        self._set("n_dims", as_dimensions(self.n_dims, 2))

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: zero."""
        return np.zeros(self.n_dims)

    def cov(self) -> Floats:
        """Give the covariance matrix: diagonal, with 1 + 2 b² sd⁴ for the bent coordinate."""
        variances = np.ones(self.n_dims)
        variances[0] = self.sd**2
        variances[1] += 2 * self.b**2 * self.sd**4
        return np.diag(variances)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        draws = rng.standard_normal((n, self.n_dims))
        draws[:, 0] *= self.sd
        draws[:, 1] -= self.b * (draws[:, 0] ** 2 - self.sd**2)
        return draws

    def _numbers(self) -> list[float]:
        return [self.b, self.sd]


@dataclass(frozen=True, repr=False)
class Funnel(Density):
    r"""Neal's funnel: the scale of all coordinates but the first depends on the first; normalised.

    .. math:: v \sim N(0, s^2), \quad x_1, \ldots, x_{d-1} \sim N(0, e^v)

    where the second argument of N is a variance. No single step width suits both the mouth and the
    neck of the funnel. The logarithm is exact for v > -1400.

    Parameters
    ----------
    n_dims : int, default=10
        Number of coordinates d, at least 2; v is the first.
    sd : float, default=3.0
        Standard deviation s of v.

    Raises
    ------
    ValueError
        If `n_dims` is less than 2 or `sd` not positive.

    References
    ----------
    Neal, "Slice sampling", Annals of Statistics 31 (2003), section 8.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.Funnel(n_dims=3).names
    ('v', 'x1', 'x2')
    """

    name = "funnel"
    normalised = True

    n_dims: int = 10
    sd: float = 3.0

    def __post_init__(self) -> None:
        self._set("n_dims", as_dimensions(self.n_dims, 2))
        self._set("sd", as_positive(self.sd, "sd"))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates: v, x1, x2 and so on."""
        return ("v", *(f"x{i}" for i in range(1, self.n_dims)))

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: zero."""
        return np.zeros(self.n_dims)

    def cov(self) -> Floats:
        """Give the covariance matrix: diagonal, with exp(sd²/2) for all coordinates but the first."""
        variances = np.full(self.n_dims, np.exp(0.5 * self.sd**2))
        variances[0] = self.sd**2
        return np.diag(variances)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        draws = rng.standard_normal((n, self.n_dims))
        draws[:, 0] *= self.sd
        draws[:, 1:] *= np.exp(0.5 * draws[:, :1])
        return draws

    def _numbers(self) -> list[float]:
        return [self.sd]
