"""Kinds of starts beside those of the compiled module: whitened k-means, short runs, what the user brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat.mixture._parameters import Family, restart_seeds
from foldstat.mixture._start import Given
from foldstat.mixture._start_rows import Chosen

Started = list[tuple[_core.Mixture, Any]]
Labels = NDArray[np.int64]

# Short runs for each start, and the iterations of each.
_RUNS, _SHORT = 10, 10


class Shape(NamedTuple):
    """What starts are of, and what of them is given."""

    family: Family
    n_components: int
    given: Given
    reg_covar: float
    n_jobs: int | None

    def of(self, rows: Rows, w: Floats | None, responsibilities: Floats) -> tuple[_core.Mixture, Any]:
        """Give the parameters that are likeliest under responsibilities, but for those that are given."""
        statistics = _core.statistics_from_responsibilities(rows, responsibilities, self.family, w, self.n_jobs)
        sizes, means, covariances = _core.moments(statistics, self.reg_covar, self.family)
        return self.mixture(sizes / sizes.sum(), means, covariances)

    def mixture(self, weights: Floats, means: Floats, covariances: Floats) -> tuple[_core.Mixture, Any]:
        """Give a mixture, whose parameters are replaced by those that are given."""
        given = self.given
        weights = weights if given.weights is None else given.weights
        means = means if given.means is None else given.means
        if given.precisions is None:
            factors = _core.precisions_cholesky(covariances, self.family)
        else:
            factors = _core.precisions_cholesky_from_precisions(given.precisions, self.family)
            covariances = _core.precisions(_core.precisions_cholesky(given.precisions, self.family), self.family)
        weights, means = (np.asarray(part, dtype=np.float64) for part in (weights, means))
        return _core.Mixture(weights, means, factors, self.family, self.n_jobs), covariances

    def of_labels(self, rows: Rows, w: Floats | None, labels: Labels) -> tuple[_core.Mixture, Any]:
        """Give the parameters that are likeliest if each row belongs to the component of its label; -1 is none."""
        responsibilities = np.zeros((len(labels), self.n_components))
        known = np.flatnonzero(labels >= 0)
        responsibilities[known, labels[known]] = 1.0
        return self.of(rows, w, responsibilities)

    def clusters(
        self,
        chosen: Chosen,
        family: Family,
        seeds: list[int],
        method: Literal["kmeans", "random_from_data"] = "kmeans",
        n_components: int | None = None,
    ) -> list[_core.MixtureStatistics]:
        """Give first statistics as the compiled module finds them."""
        rows, w = chosen
        k = self.n_components if n_components is None else n_components
        return _core.initial_statistics(rows, k, family, method, np.array(seeds, np.uint64), w, self.n_jobs)

    def nearest(self, rows: Rows, centres: Floats) -> Labels:
        """Give the number of the centre that is nearest to each row."""
        k = len(centres)
        mixture = _core.Mixture(np.full(k, 1 / k), centres, np.ones(k), "spherical", self.n_jobs)
        return mixture.predict(rows, self.n_jobs)


def whitened(shape: Shape, chosen: Chosen, seeds: list[int]) -> Started:
    """Start from the clusters of k-means in units of the rows' covariance."""
    rows, w = chosen
    one = shape.clusters(Chosen(rows, w), "full", [0], n_components=1)
    _, (mean,), covariances = _core.moments(one[0], 0.0, "full")
    try:
        (factor,) = _core.precisions_cholesky(covariances, "full")
    except ValueError as error:
        raise ValueError(
            "init_params='whitened' needs rows whose covariance is positive definite, and the columns of X depend on "
            "each other: leave one out, or use init_params='kmeans'"
        ) from error
    centred = np.asarray(rows, dtype=np.float64) - mean
    white = np.zeros_like(centred)
    for j in range(len(mean)):
        for i in range(j + 1):
            white[:, j] += centred[:, i] * factor[i, j]
    found = shape.clusters(Chosen(white, w), "spherical", seeds)
    return [shape.of_labels(rows, w, shape.nearest(white, clusters.means)) for clusters in found]


def short_em(shape: Shape, chosen: Chosen, seeds: list[int], fit: Callable[..., list[Any]]) -> Started:
    """Start from the likeliest of some short runs, which begin at random rows with the covariance of all."""
    rows, w = chosen
    k = shape.n_components
    one = shape.clusters(chosen, shape.family, [0], n_components=1)
    _, _, covariances = _core.moments(one[0], shape.reg_covar, shape.family)
    if _core.covariances_geometry(shape.family) != "tied":
        covariances = np.repeat(covariances, k, axis=0)
    runs = [run for seed in seeds for run in more_seeds(seed, _RUNS)]
    drawn = shape.clusters(chosen, shape.family, runs, method="random_from_data")
    starts = [shape.mixture(np.full(k, 1 / k), statistics.means, covariances) for statistics in drawn]
    best = likeliest(fit(rows, w, starts=starts, max_iter=_SHORT), _RUNS)
    # What is given is what EM over all rows begins with, wherever short runs took it.
    return [shape.mixture(run["mixture"].weights, run["mixture"].means, run["covariances"]) for run in best]


def likeliest(fits: list[Any], size: int) -> list[Any]:
    """Give the likeliest of each group of fits."""
    groups = (fits[i : i + size] for i in range(0, len(fits), size))
    return [max(group, key=lambda run: run["lower_bounds"][-1]) for group in groups]


def twice(seeds: list[int]) -> list[int]:
    """Give each seed and one more that follows from it."""
    return [one for seed in seeds for one in (seed, *more_seeds(seed, 1))]


def more_seeds(seed: int, n: int) -> list[int]:
    """Give seeds that follow from one."""
    found: list[int] = restart_seeds(np.random.RandomState(_words(seed)), n).tolist()
    return found


def brought(shape: Shape, chosen: Chosen, values: Any, name: str) -> tuple[_core.Mixture, Any]:
    """Start from labels, responsibilities or means of somebody else, which are checked."""
    rows, w = chosen
    n, k = len(rows), shape.n_components
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers, got an array of {values.dtype}")
    if values.shape == (n,):
        return shape.of_labels(rows, w, _checked_labels(values, k, w, name))
    if values.shape == (n, k):
        return shape.of(rows, w, _checked_responsibilities(values, w, name))
    if values.shape == (k, rows.shape[1]):
        means = np.asarray(values, dtype=np.float64)
        if not np.isfinite(means).all():
            raise ValueError(f"{name} must be finite, got means with NaN or infinity")
        labels = _checked_labels(shape.nearest(rows, means), k, w, f"the nearest means of {name}")
        return shape.of_labels(rows, w, labels)
    raise ValueError(
        f"{name} must be labels of shape ({n},), responsibilities of shape ({n}, {k}) or means of shape "
        f"({k}, {rows.shape[1]}), got shape {values.shape}"
    )


def called(shape: Shape, chosen: Chosen, seeds: list[int], function: Callable[..., Any]) -> Started:
    """Start from what a function of the user finds for the rows."""
    name = "what init_params returned"
    k = shape.n_components
    found = (function(chosen.rows, k, np.random.RandomState(_words(seed))) for seed in seeds)
    return [brought(shape, chosen, values, name) for values in found]


def _words(seed: int) -> list[int]:
    return [seed & 0xFFFFFFFF, seed >> 32]


def _checked_labels(values: Any, k: int, w: Floats | None, name: str) -> Labels:
    labels: Labels = values.astype(np.int64)
    if (labels != values).any() or labels.min() < -1 or labels.max() >= k:
        wrong = values[(labels != values) | (labels < -1) | (labels >= k)][0]
        raise ValueError(f"{name} must be labels from 0 to {k - 1}, or -1 for none, got {wrong}")
    there = labels if w is None else labels[w > 0]
    counts = np.bincount(there[there >= 0], minlength=k)
    if not counts.all():
        raise ValueError(f"{name} must give every component a row, and there is none for component {counts.argmin()}")
    return labels


def _checked_responsibilities(values: Any, w: Floats | None, name: str) -> Floats:
    shares: Floats = np.asarray(values, dtype=np.float64)
    if not np.isfinite(shares).all() or shares.min() < 0:
        raise ValueError(f"{name} must be responsibilities, finite and not negative")
    totals = shares.sum(axis=1)
    wrong = np.flatnonzero(~((np.abs(totals - 1) <= 1e-6) | (totals == 0)))
    if len(wrong):
        raise ValueError(
            f"{name} must be responsibilities of sum 1 in each row, or all 0 for a row of no component, got a sum of "
            f"{totals[wrong[0]]:g} in row {wrong[0]}"
        )
    counts = (shares if w is None else shares * w[:, None]).sum(axis=0)
    if not (counts > 0).all():
        raise ValueError(f"{name} must give every component a row, and there is none for component {counts.argmin()}")
    return shares
