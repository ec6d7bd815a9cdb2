"""Densities of the plane that are not normal at all: a ring and an egg box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from foldstat._common.arrays import Floats
from foldstat.walkers.densities._density import Density, as_number, as_positive

_NODES = 80  # of the Gauss-Legendre rule: far more than smooth integrands of a few bends need
_REACH = 40.0  # widths on either side of the ring that an integral over it takes in
_SIDE = 10 * np.pi  # of the egg box


@dataclass(frozen=True, repr=False)
class Ring(Density):
    r"""A ring around the origin of the plane, not normalised.

    .. math:: \ln p(x) = -(|x| - r)^2 / (2 w^2)

    Parameters
    ----------
    radius : float, default=4.0
        Radius r of the ridge.
    width : float, default=0.5
        Standard deviation w across it.

    Raises
    ------
    ValueError
        If `radius` is negative, or `width` not positive.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.Ring(radius=1.0)([[1.0, 0.0], [0.0, 0.0]])
    array([ 0., -2.])
    """

    name = "ring"
    normalised = False

    radius: float = 4.0
    width: float = 0.5

    def __post_init__(self) -> None:
        self._set("radius", as_number(self.radius, "radius"))
        if self.radius < 0:
            raise ValueError(f"radius must not be negative, got {self.radius!r}")
        self._set("width", as_positive(self.width, "width"))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return ("x", "y")

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: zero."""
        return np.zeros(2)

    def cov(self) -> Floats:
        """Give the covariance matrix: half the mean squared radius, by quadrature over the radius."""
        low, high = max(0.0, self.radius - _REACH * self.width), self.radius + _REACH * self.width
        radii, weights = _rule(low, high, panels=40)
        weights = weights * radii * np.exp(-0.5 * ((radii - self.radius) / self.width) ** 2)
        variance = 0.5 * float(weights @ radii**2) / float(weights.sum())
        return np.diag([variance, variance])

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Rejection from a normal distribution about the mode m of the radius.

        The radius has the density r exp(-(r - R)²/2w²). As r <= m exp(r/m - 1), that of N(m, w²) is
        above it when multiplied with a constant, and touches it in m.
        """
        mode = 0.5 * (self.radius + np.hypot(self.radius, 2 * self.width))
        radii = np.empty(0)
        while len(radii) < n:
            proposed = rng.normal(mode, self.width, size=2 * (n - len(radii)) + 16)
            ratio = proposed / mode
            kept = rng.random(len(proposed)) < ratio * np.exp(1 - ratio)
            radii = np.concatenate([radii, proposed[kept]])
        angles = rng.uniform(0, 2 * np.pi, size=n)
        draws: Floats = radii[:n, np.newaxis] * np.column_stack([np.cos(angles), np.sin(angles)])
        return draws

    def _numbers(self) -> list[float]:
        return [self.radius, self.width]


@dataclass(frozen=True, repr=False)
class EggBox(Density):
    r"""The egg box of nested sampling: eighteen equal modes in the box [0, 10π]², not normalised.

    .. math:: \ln p(x, y) = \left(2 + \cos\frac{x}{2} \cos\frac{y}{2}\right)^5

    inside, and zero density outside. Modes are a tenth wide and nine apart, and at the passes between
    them the density is :math:`e^{-211}` of that on top: walkers with small steps never leave the mode
    they are in.

    References
    ----------
    Feroz, Hobson & Bridges, "MultiNest: an efficient and robust Bayesian inference tool for cosmology
    and particle physics", Monthly Notices of the Royal Astronomical Society 398 (2009), section 6.1.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.walkers import densities
    >>> densities.EggBox()([[2 * np.pi, 2 * np.pi], [-1.0, 0.0]])
    array([243., -inf])
    """

    name = "egg_box"
    normalised = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return ("x", "y")

    @property
    def bounds(self) -> Floats:
        """Lower and upper bound of each coordinate: 0 and 10π."""
        return np.array([[0.0, _SIDE], [0.0, _SIDE]])

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: the centre, as (x, y) is as likely as (10π - x, 10π - y)."""
        return np.full(2, 0.5 * _SIDE)

    def cov(self) -> Floats:
        """Give the covariance matrix, by quadrature."""
        return _egg_box_covariance().copy()


@cache
def _egg_box_covariance() -> Floats:
    # A mode is a tenth wide and a panel π, so that the rule is exact to rounding.
    nodes, weights = _rule(0.0, _SIDE, panels=10)
    cosines = np.cos(nodes / 2)
    density = np.exp((2 + np.multiply.outer(cosines, cosines)) ** 5 - 3.0**5)
    joint = weights[:, np.newaxis] * density * weights
    joint /= joint.sum()
    residuals = nodes - 0.5 * _SIDE
    variance, covariance = joint.sum(axis=1) @ residuals**2, residuals @ joint @ residuals
    return np.array([[variance, covariance], [covariance, variance]])


def _rule(low: float, high: float, panels: int) -> tuple[Floats, Floats]:
    """Nodes and weights of a Gauss-Legendre rule on equal parts of an interval."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(low, high, panels + 1)
    half = 0.5 * (edges[1] - edges[0])
    return (edges[:-1, np.newaxis] + half * (nodes + 1)).ravel(), np.tile(half * weights, panels)
