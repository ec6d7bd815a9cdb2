"""Histograms of draws, counted afterwards or while walking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats, as_floats
from foldstat.walkers.run._names import Names

BINS = 64
_MOST_BINS = 2**27
_BLOCK = 2**18  # draws that are counted at once: numpy needs some memory for each
_CHECKPOINTS = 32  # steps of the second half of the burn-in that tell how far walkers go
_MARGIN = 0.5  # of their range, added at either end

Axes = list[tuple[tuple[int, ...], list[Floats]]]
Declared = list[tuple[tuple[int, ...], list[Any]]]


class Histogram(NamedTuple):
    """Counts of draws in bins, as ``numpy.histogramdd`` gives them.

    Attributes
    ----------
    counts : ndarray of float64 or uint64
        Draws of all walkers in each bin; as many axes as dimensions were asked for.
    edges : list of ndarray
        The edges of the bins along each axis. A bin holds its lower edge, the last one both.
    """

    counts: NDArray[Any]
    edges: list[Floats]

    @property
    def density(self) -> Floats:
        """Counts divided by their sum and by the sizes of the bins."""
        widths = np.meshgrid(*(np.diff(edges) for edges in self.edges), indexing="ij")
        total = self.counts.sum()
        density: Floats = self.counts / np.prod(widths, axis=0) / (total if total else math.nan)
        return density


def histogram_of(draws: Floats, bins: Any, dims: tuple[int, ...]) -> Histogram:
    """Count the draws of all walkers in bins of these dimensions."""
    given = _bins(bins, len(dims))
    _check_number(given, "bins")
    edges = []
    for dim, entry in zip(dims, given, strict=True):
        if isinstance(entry, int):
            column = draws[..., dim]
            edges.append(np.histogram_bin_edges([], entry, _range(float(column.min()), float(column.max()))))
        else:
            edges.append(entry)
    counts = np.zeros([len(e) - 1 for e in edges])
    per_block = max(1, _BLOCK // len(draws))
    for first in range(0, draws.shape[1], per_block):
        block = draws[:, first : first + per_block][..., list(dims)]
        counts += np.histogramdd(block.reshape(-1, len(dims)), edges)[0]
    return Histogram(counts, edges)


def _range(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _bins(bins: Any, n_axes: int, name: str = "bins") -> list[int | Floats]:
    """Check bins: a number for all axes, or a number or edges for each."""
    if _is_number(bins):
        return [_one(bins, name)] * n_axes
    if isinstance(bins, (str, bytes)) or not isinstance(bins, (Sequence, np.ndarray)):
        raise TypeError(f"{name} must be a number of bins, or a number or edges for each dimension; got {bins!r}")
    if n_axes == 1 and not (len(bins) == 1 and np.ndim(bins[0]) == 1):
        return [_one(bins, name)]
    if len(bins) != n_axes:
        raise ValueError(f"{name} must hold a number or edges for each of the {n_axes} dimensions, got {len(bins)}")
    return [_one(entry, name) for entry in bins]


def _is_number(bins: Any) -> bool:
    return isinstance(bins, (int, np.integer)) and not isinstance(bins, bool)


def _one(entry: Any, name: str) -> int | Floats:
    if _is_number(entry):
        if entry < 1:
            raise ValueError(f"{name}: a number of bins must be at least 1, got {entry}")
        return int(entry)
    edges = np.array(as_floats(entry, name), dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise ValueError(f"{name}: edges must be at least two finite increasing numbers, got {entry!r}")
    return edges


def _check_number(bins: list[int | Floats], what: str) -> None:
    """Refuse more bins than there is memory for."""
    numbers = [entry if isinstance(entry, int) else len(entry) - 1 for entry in bins]
    if math.prod(numbers) > _MOST_BINS:
        shown = " × ".join(map(str, numbers))
        raise ValueError(f"{what}: {shown} bins are too many, there may be {_MOST_BINS} at most")


def histogram_among(kept: Mapping[tuple[int, ...], Histogram], dims: tuple[int, ...]) -> Histogram | None:
    """Find the histogram of these dimensions, whichever of them comes first; None if it was not kept."""
    if dims not in kept and dims[::-1] in kept:
        counts, edges = kept[dims[::-1]]
        return Histogram(counts.T, edges[::-1])
    return kept.get(dims)


def declared_of(histograms: Any, names: Names) -> Declared:
    """Check which histograms shall be kept while walking."""
    declared: Declared = []
    for chosen, bins in _entries(histograms, len(names.labels)):
        dims = names.dims(chosen, "histograms")
        if len(dims) > 2:
            raise ValueError(f"histograms are of one or two dimensions, got {chosen!r}")
        label = ", ".join(names.labels[dim] for dim in dims)
        if any(dims == others for others, _ in declared):
            raise ValueError(f"histograms must name dimensions once, got ({label}) twice")
        each = _bins(bins, len(dims), "histograms")
        _check_number(each, f"histograms of ({label})")
        declared.append((dims, list(each)))
    return declared


def _entries(histograms: Any, n_dims: int) -> Iterable[tuple[Any, Any]]:
    """Give pairs of dimensions and bins."""
    if histograms is None or _is_number(histograms):
        bins = BINS if histograms is None else _one(histograms, "histograms")
        pairs = [(0, 1)] if n_dims == 2 else []
        return [(dims, bins) for dims in [*((i,) for i in range(n_dims)), *pairs]]
    if isinstance(histograms, Mapping):
        return histograms.items()
    if isinstance(histograms, (str, bytes)) or not isinstance(histograms, Iterable):
        raise TypeError(
            "histograms must be a number of bins, a mapping of dimensions to bins such as {0: 100, (0, 1): 50}, "
            f"dimensions, or () for none; got {histograms!r}"
        )
    return [(dims, BINS) for dims in histograms]


@dataclass
class Reach:
    """How far walkers go in the second half of the burn-in."""

    low: Floats
    high: Floats

    @classmethod
    def nowhere(cls, n_dims: int) -> Reach:
        return cls(np.full(n_dims, np.inf), np.full(n_dims, -np.inf))

    @staticmethod
    def checkpoints(first: int, burn_in: int) -> list[int]:
        """Give the steps after which to look, always the same ones, the end of the burn-in being the last."""
        return sorted({burn_in - (burn_in - first) // 2 * i // _CHECKPOINTS for i in range(_CHECKPOINTS)})

    def see(self, positions: Floats) -> None:
        self.low = np.minimum(self.low, positions.min(axis=0))
        self.high = np.maximum(self.high, positions.max(axis=0))

    def axes(self, declared: Declared, bounds: Floats | None, names: Names) -> Axes:
        """Choose the edges where only a number of bins was given."""
        return [
            (dims, [self._edges(dim, bins, bounds, names) for dim, bins in zip(dims, each, strict=True)])
            for dims, each in declared
        ]

    def _edges(self, dim: int, bins: int | Floats, bounds: Floats | None, names: Names) -> Floats:
        if not isinstance(bins, int):
            return bins
        low, high = float(self.low[dim]), float(self.high[dim])
        margin = _MARGIN * (high - low)
        bound_low, bound_high = (-np.inf, np.inf) if bounds is None else bounds[dim]
        low = float(bound_low) if np.isfinite(bound_low) else low - margin
        high = float(bound_high) if np.isfinite(bound_high) else high + margin
        if not low < high:
            label = names.labels[dim]
            raise ValueError(
                f"histograms: the burn-in does not tell how far {label} goes; give edges, such as "
                f"histograms={{{label if names.given else dim!r}: numpy.linspace(low, high, 65)}}, or () for none"
            )
        return np.linspace(low, high, bins + 1)
