"""Means, covariances and histograms of walkers: a fold over walkers and steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._sums import scatter, weighted_sum
from foldstat._validation import Floats
from foldstat.walkers._histogram import Axes, Histogram


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of each walker, and histograms of all of them.

    Moments of different runs over the same density add up: ``run_a.moments + run_b.moments`` are those of
    all walkers together.

    Attributes
    ----------
    counts : ndarray of shape (n_walkers,), int64
        Draws of each walker.
    means : ndarray of shape (n_walkers, n_dims)
        Mean of each walker.
    covariances : ndarray of shape (n_walkers, n_dims, n_dims)
        Covariance of each walker, divided by the number of its draws less one; NaN below two draws.
    histograms : dict of tuple of int to Histogram
        The histograms that were kept, by their dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.walkers import Moments
    >>> draws = np.random.default_rng(0).normal(size=(4, 100, 2))
    >>> both = Moments.of_draws(draws[:1]) + Moments.of_draws(draws[1:])
    >>> np.allclose(both.mean(), draws.mean(axis=(0, 1)))
    True
    """

    counts: NDArray[np.int64]
    means: Floats
    covariances: Floats
    histograms: dict[tuple[int, ...], Histogram]

    @classmethod
    def of_draws(cls, draws: Floats) -> Moments:
        """Take the moments of draws.

        Parameters
        ----------
        draws : ndarray of shape (n_walkers, n_draws, n_dims)
            Draws.

        Returns
        -------
        Moments
            Without histograms.
        """
        n_walkers, n_draws, n_dims = draws.shape
        means, covariances = np.full((n_walkers, n_dims), np.nan), np.full((n_walkers, n_dims, n_dims), np.nan)
        for walker, walk in enumerate(draws if n_draws else ()):
            means[walker] = walk.mean(axis=0)
            if n_draws > 1:
                covariances[walker] = scatter(walk - means[walker]) / (n_draws - 1)
        return cls(np.full(n_walkers, n_draws), means, covariances, {})

    @classmethod
    def _of(cls, moments: _core.WalkerMoments, axes: Axes) -> Moments:
        """Read what the compiled module kept."""
        found = {dims: Histogram(c, list(e)) for (dims, e), c in zip(axes, moments.histograms, strict=True)}
        counts = np.full(len(moments.means), moments.count, dtype=np.int64)
        return cls(counts, moments.means, moments.covariances, found)

    def mean(self) -> Floats:
        """Mean of the draws of all walkers.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN without draws.
        """
        there = self.counts > 0
        if not there.any():
            return np.full(self.means.shape[1], np.nan)
        mean: Floats = np.average(self.means[there], axis=0, weights=self.counts[there])
        return mean

    def cov(self) -> Floats:
        """Covariance of the draws of all walkers, within walkers and between them.

        Returns
        -------
        ndarray of shape (n_dims, n_dims)
            Divided by the number of draws less one; NaN below two draws.
        """
        there = self.counts > 0
        n = self.counts[there].astype(np.float64)
        if n.sum() < 2:
            return np.full(self.covariances.shape[1:], np.nan)
        off = self.means[there] - self.mean()
        within = np.where(self.counts[there, None, None] > 1, self.covariances[there], 0.0)
        return np.asarray((weighted_sum(n - 1, within) + scatter(off, n)) / (n.sum() - 1))

    def mcse_mean(self) -> Floats:
        """Monte Carlo standard error of the mean, from how far the walkers' means lie apart.

        It takes the walkers as independent, which they are unless the move looks at other walkers.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN for fewer than two walkers.
        """
        n_walkers = len(self.means)
        if n_walkers < 2:
            return np.full(self.means.shape[1], np.nan)
        error: Floats = self.means.std(axis=0, ddof=1) / np.sqrt(n_walkers)
        return error

    def r_hat(self) -> Floats:
        r"""Potential scale reduction: :math:`\hat R = \sqrt{(W (n - 1)/n + B) / W}`.

        W is the mean variance of a walker, B the variance of the walkers' means, n the draws of each.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN for fewer than two walkers or draws.

        References
        ----------
        Gelman & Rubin, "Inference from iterative simulation using multiple sequences", Statistical
        Science 7 (1992). That of `foldstat.diagnostics` needs the draws, and sees more.
        """
        n = float(self.counts.mean())
        if len(self.means) < 2 or n < 2:
            return np.full(self.means.shape[1], np.nan)
        within = np.diagonal(self.covariances, axis1=1, axis2=2).mean(axis=0)
        between = self.means.var(axis=0, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # walkers that never moved
            r_hat: Floats = np.sqrt((within * ((n - 1) / n) + between) / within)
        return r_hat

    def __add__(self, other: Moments) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        if self.means.shape[1] != other.means.shape[1]:
            raise ValueError(f"moments of {self.means.shape[1]} and of {other.means.shape[1]} dimensions do not add up")
        if self.histograms.keys() != other.histograms.keys():
            raise ValueError("moments with histograms of different dimensions do not add up")
        return Moments(
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.means, other.means]),
            np.concatenate([self.covariances, other.covariances]),
            {dims: _merged(mine, other.histograms[dims], dims) for dims, mine in self.histograms.items()},
        )


def _merged(a: Histogram, b: Histogram, dims: Sequence[int]) -> Histogram:
    if not all(np.array_equal(x, y) for x, y in zip(a.edges, b.edges, strict=True)):
        raise ValueError(
            f"histograms of dimensions {tuple(dims)} have different edges, so that they do not add up: give the same "
            "edges to both runs, sample(..., histograms={0: edges})"
        )
    return Histogram(a.counts + b.counts, a.edges)
