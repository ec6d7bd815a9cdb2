"""Means, covariances and histograms of walkers: a monoid over walkers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat import _core
from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.bytes import malformed, seal, unseal
from foldstat._common.monoid import Monoid
from foldstat._common.sums import scatter, weighted_sum
from foldstat.walkers.run import _moments_bytes
from foldstat.walkers.run._histogram import Axes, Histogram

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Moments(Monoid):
    """Moments of each walker, and histograms of all of them.

    A monoid: ``+`` puts the walkers of both side by side, those on the left first, and adds up the
    histograms, so that moments of runs over the same density are those of all their walkers together.
    It is associative to the last bit, and so are the bytes; in another order of the walkers what is said
    of all of them (`mean`, `cov` and so on) is the same but for rounding. More draws of the same walkers
    come from `Run.extend`.

    ``Moments()`` is the identity of ``+``, of no walkers. Moments do not change: their arrays are
    read-only.

    Attributes
    ----------
    counts : ndarray of shape (n_walkers,), int64
        Draws of each walker.
    means : ndarray of shape (n_walkers, n_dims)
        Mean of each walker; NaN without draws.
    covariances : ndarray of shape (n_walkers, n_dims, n_dims)
        Covariance of each walker, divided by the number of its draws less one; NaN below two draws.
    histograms : dict of tuple of int to Histogram
        The histograms that were kept, by their dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import map_reduce
    >>> from foldstat.walkers import Moments
    >>> draws = np.random.default_rng(0).normal(size=(4, 100, 2))
    >>> both = Moments.of_draws(draws[:1]) + Moments.of_draws(draws[1:])
    >>> both
    <Moments of 400 draws of 4 walkers in 2 dimensions>
    >>> np.allclose(both.mean(), draws.mean(axis=(0, 1)))
    True
    >>> both == map_reduce(Moments.of_draws, np.split(draws, 4), monoid=Moments, progress=False)
    True
    """

    __slots__ = ("__weakref__", "_counts", "_covariances", "_histograms", "_means")

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._means: Floats = np.empty((0, 0))
        self._covariances: Floats = np.empty((0, 0, 0))
        self._histograms: dict[tuple[int, ...], Histogram] = {}

    @classmethod
    def of_draws(cls, draws: ArrayLike) -> Moments:
        """Take the moments of draws.

        Parameters
        ----------
        draws : array-like of shape (n_walkers, n_draws, n_dims)
            Draws; without walkers, the identity.

        Returns
        -------
        Moments
            Without histograms.

        Raises
        ------
        ValueError
            If `draws` has another number of axes or no dimensions, or is not finite.
        """
        array = as_doubles(draws, "draws")
        if array.ndim != 3 or not array.shape[2]:
            raise ValueError(f"draws must have shape (n_walkers, n_draws, n_dims), got {array.shape}")
        n_walkers, n_draws, n_dims = array.shape
        means, covariances = np.full((n_walkers, n_dims), np.nan), np.full((n_walkers, n_dims, n_dims), np.nan)
        for walker in range(n_walkers if n_draws else 0):
            walk = np.ascontiguousarray(array[walker])  # NumPy adds in the order in which numbers lie
            if not np.isfinite(walk).all():
                draw, dim = (int(i) for i in np.argwhere(~np.isfinite(walk))[0])
                raise ValueError(f"draws must be finite, got {walk[draw, dim]} at {(walker, draw, dim)}")
            means[walker] = walk.mean(axis=0)
            if n_draws > 1:
                off = np.empty_like(walk)  # made here, as in `scatter`: NumPy may crash where it finds no room
                np.subtract(walk, means[walker], out=off)
                covariances[walker] = scatter(off) / (n_draws - 1)
        return cls._of(np.full(n_walkers, n_draws), means, covariances, {})

    @classmethod
    def _of_kept(cls, moments: _core.WalkerMoments, axes: Axes) -> Moments:
        """Read what the compiled module kept."""
        found = {dims: Histogram(c, list(e)) for (dims, e), c in zip(axes, moments.histograms, strict=True)}
        means = moments.means
        return cls._of(np.full(len(means), moments.count), means, moments.covariances, found)

    @classmethod
    def _of(
        cls,
        counts: NDArray[np.int64],
        means: Floats,
        covariances: Floats,
        histograms: dict[tuple[int, ...], Histogram],
    ) -> Moments:
        """Take counts that nobody else writes to, and copy the rest."""
        moments = cls()
        if len(counts):
            moments._counts = _frozen(counts.astype(np.int64, copy=False))
            moments._means, moments._covariances = _plain(means), _plain(covariances)
            moments._histograms = {
                dims: Histogram(_frozen(found.counts), [_plain(edges) for edges in found.edges])
                for dims, found in histograms.items()
            }
        return moments

    # ---------------------------------------------------------------- reads

    @property
    def counts(self) -> NDArray[np.int64]:
        """Draws of each walker."""
        return self._counts

    @property
    def means(self) -> Floats:
        """Mean of each walker."""
        return self._means

    @property
    def covariances(self) -> Floats:
        """Covariance of each walker."""
        return self._covariances

    @property
    def histograms(self) -> dict[tuple[int, ...], Histogram]:
        """The histograms that were kept, by their dimensions."""
        return {dims: Histogram(found.counts, list(found.edges)) for dims, found in self._histograms.items()}

    def mean(self) -> Floats:
        """Mean of the draws of all walkers.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN without draws.
        """
        there = self.counts > 0
        if not there.any():
            return self._unknown()
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
            NaN for fewer than two walkers with draws.
        """
        n = self.counts.astype(np.float64)
        if np.count_nonzero(n) < 2:
            return self._unknown()
        error: Floats = np.sqrt(self._between() / n.sum())
        return error

    def psrf(self) -> Floats:
        r"""Potential scale reduction factor of Gelman and Rubin: :math:`\sqrt{(W (n - 1)/n + B/n) / W}`.

        W is the variance within walkers, B/n that of their means, n the draws of each (their mean, if
        walkers have different numbers of them). It is not the R-hat of `foldstat.diagnostics`, which
        needs the draws and sees what this does not: walkers that drift, heavy tails, different scales.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN for fewer than two walkers or draws.

        References
        ----------
        Gelman & Rubin, "Inference from iterative simulation using multiple sequences", Statistical
        Science 7 (1992).
        """
        several = self.counts > 1
        if np.count_nonzero(several) < 2:
            return self._unknown()
        n = self.counts[several].astype(np.float64)
        variances = np.diagonal(self.covariances[several], axis1=1, axis2=2)
        within = weighted_sum(n - 1, variances) / (n - 1).sum()
        draws = float(n.mean())
        with np.errstate(divide="ignore", invalid="ignore"):  # walkers that never moved
            factor: Floats = np.sqrt((within * ((draws - 1) / draws) + self._between(several) / draws) / within)
        return factor

    def _between(self, chosen: NDArray[np.bool_] | None = None) -> Floats:
        """Variance of the means of walkers times their draws: what one draw's would be if draws were independent."""
        chosen = self.counts > 0 if chosen is None else chosen
        n, means = self.counts[chosen].astype(np.float64), self.means[chosen]
        off = means - np.average(means, axis=0, weights=n)
        return weighted_sum(n, off * off) / (len(n) - 1)

    def _unknown(self) -> Floats:
        return np.full(self.means.shape[1], np.nan)

    # ---------------------------------------------------------------- the monoid

    @classmethod
    def merge_all(cls, several: Iterable[Moments]) -> Moments:
        """Put the walkers of any number of moments side by side; the identity if there are none.

        Parameters
        ----------
        several : iterable of Moments
            What to merge: in the same dimensions, with the same histograms, or without any walkers.

        Returns
        -------
        Moments
            A new object.

        Raises
        ------
        TypeError
            If one is something else.
        ValueError
            If their dimensions, or the dimensions or edges of their histograms, differ.
        OverflowError
            If a bin would hold 2⁶⁴ draws or more.
        """
        parts = [part for part in cls._checked(several) if len(part.counts)]
        merged = cls()
        if not parts:
            return merged
        for part in parts[1:]:
            _check_alike(parts[0], part)
        merged._counts = _frozen(np.concatenate([part._counts for part in parts]))
        merged._means = _frozen(np.concatenate([part._means for part in parts]))
        merged._covariances = _frozen(np.concatenate([part._covariances for part in parts]))
        merged._histograms = {dims: _total(dims, parts) for dims in parts[0]._histograms}
        return merged

    def copy(self) -> Moments:
        """Give other moments of the same contents."""
        return self.merge_all([self])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        mine, others = self._histograms.items(), other._histograms.items()
        return (
            np.array_equal(self._counts, other._counts)
            and np.array_equal(self._means, other._means, equal_nan=True)
            and np.array_equal(self._covariances, other._covariances, equal_nan=True)
            and [dims for dims, _ in mine] == [dims for dims, _ in others]
            and all(_equal(a, b) for (_, a), (_, b) in zip(mine, others, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self._counts.tobytes(), self._means.tobytes()))

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal moments have equal bytes on every machine."""
        return seal(_moments_bytes.KIND, self._fields())

    def _fields(self) -> list[bytes]:
        return _moments_bytes.encode(self._counts, self._means, self._covariances, self._histograms)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Moments:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes."""
        _, fields = unseal(_moments_bytes.KIND, data)  # the first version had the same
        moments = cls._of(*_moments_bytes.decode(fields))
        if moments._fields() != fields:
            raise malformed(_moments_bytes.KIND, "they hold numbers in another form")
        return moments

    def __repr__(self) -> str:
        name = type(self).__name__
        if not len(self.counts):
            return f"{name}()"
        n_walkers, n_dims = self.means.shape
        what = f"{sum(self.counts.tolist())} draws of {n_walkers} walkers in {n_dims} dimensions"
        kept = f", {len(self._histograms)} histograms" if self._histograms else ""
        return f"<{name} of {what}{kept}>"


def _frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Keep everybody from writing to an array."""
    array.flags.writeable = False
    return array


def _plain(values: Floats) -> Floats:
    """Copy numbers, with one zero and one NaN, so that equal ones have equal bytes."""
    copy: Floats = values + 0.0
    copy[np.isnan(copy)] = np.nan
    return _frozen(copy)


def _check_alike(first: Moments, other: Moments) -> None:
    """Refuse moments of something else."""
    n_dims, others = first.means.shape[1], other.means.shape[1]
    if n_dims != others:
        raise ValueError(f"moments of {n_dims} and of {others} dimensions do not add up")
    if first._histograms.keys() != other._histograms.keys():
        raise ValueError("moments with histograms of different dimensions do not add up")
    for dims, mine in first._histograms.items():
        theirs = other._histograms[dims]
        if not all(np.array_equal(a, b) for a, b in zip(mine.edges, theirs.edges, strict=True)):
            raise ValueError(
                f"histograms of dimensions {dims} have different edges, so that they do not add up: give the same "
                "edges to both runs, sample(..., histograms={0: edges})"
            )


def _total(dims: tuple[int, ...], parts: Sequence[Moments]) -> Histogram:
    """Add up the bins of a histogram."""
    first = parts[0]._histograms[dims]
    total = first.counts.copy()
    for part in parts[1:]:
        more = part._histograms[dims].counts
        total += more
        if (total < more).any():
            raise OverflowError(f"histograms of dimensions {dims} have 2^64 draws or more in a bin together")
    return Histogram(_frozen(total), first.edges)


def _equal(a: Histogram, b: Histogram) -> bool:
    edges = zip(a.edges, b.edges, strict=True)
    return np.array_equal(a.counts, b.counts) and all(np.array_equal(x, y) for x, y in edges)
