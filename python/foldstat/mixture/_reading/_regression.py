"""Gaussian mixture regression: what is not given, from what is (Ghahramani & Jordan 1994; Sung 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat._common.room import room_for
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import lower_factors, solved
from foldstat.mixture._sample import shape_normals

ROWS = 4096  # of a column that stay in the nearest cache while all components are added up


@dataclass(frozen=True)
class Regression:
    """Within each component the mean of the rest is linear in what is given, and its covariance is the same for all."""

    rest: tuple[int, ...]
    mixture: _core.Mixture | None  # of what is given
    weights: Floats  # (k,)
    center: Floats  # (g,), a point amid the given ones: slopes times large numbers would cancel
    slopes: Floats  # (k, r, g)
    intercepts: Floats  # (k, r), at the centre
    covariances: Floats  # (k, r, r)

    @classmethod
    def of(cls, components: Components, given: Sequence[int]) -> Regression:
        """Regress all other columns on these."""
        d = components.means.shape[1]
        rest = tuple(column for column in range(d) if column not in set(given))
        if not rest:
            raise ValueError(f"given must leave at least one of the {d} features, and names all of them")
        g = len(given)
        known = components.marginal(given)
        ordered = components.marginal((*given, *rest))
        # Σ = L Lᵀ in this order: no difference of matrices is taken, so that the conditional one is never indefinite.
        factors = lower_factors(ordered.covariances, "covariances_")
        below = factors[:, g:, :g]
        slopes = solved(factors[:, :g, :g], below.swapaxes(1, 2), transposed=True).swapaxes(1, 2)
        left = factors[:, g:, g:]
        center = (components.weights[:, np.newaxis] * known.means).sum(axis=0)
        offsets = center - known.means
        return cls(
            rest=rest,
            mixture=known.compiled() if g else None,
            weights=components.weights,
            center=center,
            slopes=slopes,
            intercepts=ordered.means[:, g:] + (slopes * offsets[:, np.newaxis, :]).sum(axis=-1),
            covariances=(left[:, :, np.newaxis, :] * left[:, np.newaxis, :, :]).sum(axis=-1),
        )

    def component_means(self, rows: Rows) -> Floats:
        """Give E(rest | given, component) of some rows, shape (r, k, n)."""
        n, (k, r, g) = len(rows), self.slopes.shape
        columns = np.ascontiguousarray((rows - self.center).T)
        means, product = np.empty((r, k, n)), np.empty(n)
        for j in range(r):
            for component in range(k):
                line = means[j, component]
                line.fill(self.intercepts[component, j])
                for i in range(g):
                    np.multiply(columns[i], self.slopes[component, j, i], out=product)
                    line += product
        return means

    def predict(self, rows: Rows, spread: str | None, n_jobs: int | None) -> tuple[Floats, ...]:
        """Give the means of the rest, and their standard deviations or covariances."""
        n, r = len(rows), len(self.rest)
        with room_for(f"the predictions of {n} rows"):
            means = np.empty((n, r))
            spreads = np.empty(shape_of_spread(spread, n, r)) if spread else None
        for first in range(0, n, ROWS * 16):  # large enough for threads
            part = rows[first : first + ROWS * 16]
            shares = self.shares(part, n_jobs)
            for start in range(0, len(part), ROWS):
                chosen = slice(start, start + ROWS)
                here = slice(first + start, first + start + len(part[chosen]))
                of_components = self.component_means(part[chosen])
                weights = np.ascontiguousarray(shares[chosen].T)
                means[here] = _weighted(weights, of_components.swapaxes(0, 1)).T
                if spreads is not None:
                    deviations = of_components - means[here].T[:, np.newaxis, :]
                    self._spread(deviations, weights, spread == "std", spreads[here])
        return (means,) if spreads is None else (means, spreads)

    def drawn(self, rows: Rows, generator: np.random.Generator, n_jobs: int | None) -> Floats:
        """Draw the rest of some rows: a component for each, then its values."""
        n, r = len(rows), len(self.rest)
        below = np.cumsum(self.shares(rows, n_jobs), axis=1)
        labels = (
            (generator.random(n)[:, np.newaxis] * below[:, -1:] >= below).sum(axis=1).clip(max=len(self.weights) - 1)
        )
        values = generator.standard_normal((n, r))
        nowhere, factors = np.zeros(r), lower_factors(self.covariances, "covariances_")
        for component, factor in enumerate(factors):
            mine = labels == component
            normals = values[mine]
            shape_normals(normals, nowhere, factor)
            values[mine] = normals
        return values + self.component_means(rows)[:, labels, np.arange(n)].T

    def shares(self, rows: Rows, n_jobs: int | None) -> Floats:
        """Give the probabilities of the components."""
        if self.mixture is None:  # nothing is known
            return np.broadcast_to(self.weights, (len(rows), len(self.weights)))
        return self.mixture.predict_proba(rows, n_jobs)

    def _spread(self, deviations: Floats, shares: Floats, roots: bool, out: Floats) -> None:
        """Add up the covariances within components and those of their means."""
        for i in range(len(deviations)):
            for j in range(i, i + 1) if roots else range(i + 1):
                within = self.covariances[:, i, j, np.newaxis]
                covariance = _weighted(shares, within + deviations[i] * deviations[j])
                if roots:
                    out[:, i] = np.sqrt(covariance)
                else:
                    out[:, i, j] = out[:, j, i] = covariance


def _weighted(shares: Floats, values: Floats) -> Floats:
    """Add up the components (first axis) one by one: NumPy's sum adds in another order where there is one row only."""
    total: Floats = shares[0] * values[0]
    for share, value in zip(shares[1:], values[1:], strict=True):
        total += share * value
    return total


def shape_of_spread(spread: str | None, n: int, r: int) -> tuple[int, ...]:
    """Give the shape of the deviations, or of the covariances, of n rows."""
    return (n, r) if spread == "std" else (n, r, r)
