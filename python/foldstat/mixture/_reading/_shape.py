"""The shape of a density: its modes, ellipses of its components, contours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from foldstat import _core
from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.checks import as_count
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._columns import column_numbers, names_of
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import exp, lower_factors, unit_circle
from foldstat.mixture._reading._modes import Modes, climb_from_means
from foldstat.mixture._sample import Rng, draw_normals, generator_of

_REACH = 4.0  # standard deviations around every mean that the grid of contours covers
_DRAWS = 20_000  # from which the density around a region of some probability is taken


class Contour(NamedTuple):
    """The edge of the smallest region that has some probability.

    Attributes
    ----------
    level : float
        The probability.
    density : float
        The density at the edge.
    lines : list of ndarray of shape (n_points, 2)
        The edge: closed lines, one or several.
    """

    level: float
    density: float
    lines: list[Floats]


class ShapeReads(Fitted):
    """Where a density is high."""

    def modes(self) -> Modes:
        """Find the modes: maxima of the density.

        From every mean a climb by the fixed point of Carreira-Perpiñán, with Newton's steps where these lead higher;
        ends that are equal are one mode, and climbs that end on a saddle go on to both of its sides. Components that
        overlap have fewer modes than means. There may be more modes than components, too, if their covariances
        differ; those that no climb from a mean ends at are not found.

        Returns
        -------
        Modes
            `points`, `density` and `log_density` of the modes, the highest first, and in `labels` the mode of each
            component. Their number is its ``len``.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.

        References
        ----------
        Carreira-Perpiñán, "Mode-finding for mixtures of Gaussian distributions", IEEE Transactions on Pattern
        Analysis and Machine Intelligence 22 (2000).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.4, 0.4, 0.2], [[0.0], [1.0], [8.0]], [1.0, 1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> found = model.modes()
        >>> len(found), found.points.round(3).tolist(), found.labels.tolist()
        (2, [[0.5], [8.0]], [0, 0, 1])
        """
        check_is_fitted(self)
        threads = thread_count(self.n_jobs)
        points, labels = climb_from_means(Components.of(self), threads)
        mixture: _core.Mixture = self._compiled_mixture()
        heights = mixture.score_samples(points, threads)
        order = np.argsort(-heights, kind="stable")
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return Modes(points[order], exp(heights[order]), heights[order], ranks[labels])

    def ellipses(self, level: float = 0.95, columns: Any = None, *, n_points: int = 121) -> Floats:
        """Give the ellipse around each component that has some share of it.

        Parameters
        ----------
        level : float, default=0.95
            The share, above 0 and below 1. That of s standard deviations is 1 - exp(-s²/2).
        columns : sequence of two int or str, default=None
            The features that span the plane; a model of two features needs none.
        n_points : int, default=121
            Number of points, the last one equal to the first.

        Returns
        -------
        ndarray of shape (n_components, n_points, 2)
            Points of the ellipses.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If `level` is no such share, or `columns` does not name two features.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> model.ellipses(0.5).shape
        (1, 121, 2)
        """
        plane = self._plane(columns)
        radius = math.sqrt(-2.0 * math.log1p(-_share(level, "level")))
        n = as_count(n_points, "n_points", "a number of points", least=3)
        with room_for(f"ellipses of {n} points"):
            circle = radius * unit_circle(n)
            factors = lower_factors(plane.covariances, "covariances_")
            points: Floats = plane.means[:, np.newaxis] + (factors[:, np.newaxis] * circle[:, np.newaxis, :]).sum(
                axis=-1
            )
            return points

    def contours(
        self, levels: float | Sequence[float] = (0.5, 0.95), columns: Any = None, *, n_grid: int = 240, rng: Rng = 0
    ) -> list[Contour]:
        """Give the edges of the smallest regions that have some probability: those of highest density.

        Parameters
        ----------
        levels : float or sequence of float, default=(0.5, 0.95)
            The probabilities.
        columns : sequence of two int or str, default=None
            The features that span the plane; a model of two features needs none.
        n_grid : int, default=240
            Number of points of the grid along each feature, between which lines are straight.
        rng : Generator, SeedSequence, int or None, default=0
            Where the 20,000 draws come from that tell the density at the edges. None takes `random_state`.

        Returns
        -------
        list of Contour
            `level`, `density` and `lines` for each of `levels`.

        Raises
        ------
        ImportError
            If contourpy is not installed, which comes with matplotlib.
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If a level is not above 0 and below 1, or `columns` does not name two features.

        References
        ----------
        Hyndman, "Computing and graphing highest density regions", The American Statistician 50 (1996).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> inner, outer = model.contours()
        >>> inner.level, len(inner.lines), inner.density > outer.density
        (0.5, 1, True)
        """
        plane = self._plane(columns)
        shares = [_share(level, "levels") for level in np.atleast_1d(as_doubles(levels, "levels")).tolist()]
        n = as_count(n_grid, "n_grid", "a number of grid points", least=2)
        try:
            from contourpy import contour_generator
        except ImportError as error:
            raise ImportError(
                'contours needs contourpy, which is not installed: pip install "foldstat[plot]"'
            ) from error
        threads, mixture = thread_count(self.n_jobs), plane.compiled()
        generator = generator_of(rng, self.random_state)
        draws, _ = draw_normals(
            generator, _DRAWS, plane.weights, plane.means, lower_factors(plane.covariances, "covariances_")
        )
        heights = np.sort(mixture.score_samples(draws, threads))
        x, y = _grid(plane.present, n)
        with room_for(f"a grid of {n} × {n} points"):
            points = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
            density = mixture.score_samples(points, threads).reshape(n, n)
        lines = contour_generator(x, y, density).lines
        edges = [float(heights[int((1.0 - share) * len(heights))]) for share in shares]
        densities = exp(np.asarray(edges)).tolist()
        return [
            Contour(share, height, [np.asarray(line) for line in lines(edge)])
            for share, edge, height in zip(shares, edges, densities, strict=True)
        ]

    def _plane(self, columns: Any) -> Components:
        """Give the marginal of two features."""
        check_is_fitted(self)
        d = np.shape(self.means_)[1]
        if columns is None and d != 2:
            raise ValueError(f"the model has {d} features: columns must name two of them")
        names = names_of(self, d)
        chosen = (
            (0, 1) if columns is None else column_numbers(columns, names, "columns", (2,), "two different features")
        )
        return Components.of(self).marginal(chosen)


def _share(value: Any, name: str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a probability above 0 and below 1, got {value!r}") from None
    if not 0.0 < share < 1.0:
        raise ValueError(f"{name} must be above 0 and below 1, got {share!r}")
    return share


def _grid(plane: Components, n: int) -> tuple[Floats, Floats]:
    """Spread points over the plane as far as the components reach."""
    reach = _REACH * np.sqrt(np.diagonal(plane.covariances, axis1=1, axis2=2))
    low, high = (plane.means - reach).min(axis=0), (plane.means + reach).max(axis=0)
    return np.linspace(low[0], high[0], n), np.linspace(low[1], high[1], n)
