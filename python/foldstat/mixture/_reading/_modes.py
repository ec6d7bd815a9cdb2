"""Where the density of a mixture has its maxima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import lower_factors, lower_factors_where, solved, solved_twice

# All distances are in standard deviations of the components that count where they are measured.
_ARRIVED = 1e-10  # steps shorter than this end a climb
_ONE_MODE = 1e-2  # ends as close as this are one mode
_PUSH = 0.1  # how far a climb that ended on a saddle is set off to both of its sides
_SADDLE = 1e-6  # by how much the largest curvature of a saddle exceeds that of a plateau
_MOST_STEPS = 1000
_MOST_SADDLES = 4
_POWER_STEPS = 100
_NUMBERS = 1 << 20  # held for each step: climbs are taken in groups


@dataclass(frozen=True)
class Modes:
    """Maxima of a density, the highest first.

    Attributes
    ----------
    points : ndarray of shape (n_modes, n_features)
        Where they are.
    density : ndarray of shape (n_modes,)
        How high they are.
    log_density : ndarray of shape (n_modes,)
        The natural logarithm of that.
    labels : ndarray of shape (n_components,), int64
        The mode that the climb from the mean of each component ends at.
    """

    points: Floats
    density: Floats
    log_density: Floats
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)


def climb_from_means(components: Components, n_jobs: int | None) -> tuple[Floats, NDArray[np.int64]]:
    """Give all different ends of climbs, and which one that of each mean is."""
    hill = _Hill(components.present, n_jobs)
    starts = components.means
    ends, labels = np.empty((0, starts.shape[1])), np.empty(0, dtype=np.int64)
    group = max(1, _NUMBERS // hill.precisions.size)
    for first in range(0, len(starts), group):
        ends, found = _added(hill, ends, hill.climb(starts[first : first + group]))
        labels = np.concatenate([labels, found])
    for _ in range(_MOST_SADDLES):
        pushed, which = hill.pushed_off(ends)
        if not len(which):
            break
        both = hill.climb(np.concatenate(pushed))
        stay = np.setdiff1d(np.arange(len(ends)), which)
        new, places = _added(hill, ends[stay], both)
        moved = np.empty(len(ends), dtype=np.int64)
        moved[stay], moved[which] = np.arange(len(stay)), places[: len(which)]
        ends, labels = new, moved[labels]
    return ends, labels


def _added(hill: _Hill, ends: Floats, more: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Add ends that are not there yet; also say which one each of `more` is."""
    labels = np.empty(len(more), dtype=np.int64)
    precisions = hill.view(more)[2] if len(more) else np.empty(0)
    for i, end in enumerate(more):
        apart = ends - end
        distances = (apart * (precisions[i] * apart[:, np.newaxis, :]).sum(axis=-1)).sum(axis=-1)
        near = np.flatnonzero(distances <= _ONE_MODE**2)
        if not len(near):
            ends = np.concatenate([ends, end[np.newaxis]])
        labels[i] = near[0] if len(near) else len(ends) - 1
    return ends, labels


class _Hill:
    """A density to climb."""

    def __init__(self, components: Components, n_jobs: int | None) -> None:
        self.means, self.mixture, self.n_jobs = components.means, components.compiled(), n_jobs
        self.precisions = components.precisions()

    def view(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Give at some points: the gradient of log p, minus its Hessian, and the mean precision."""
        shares = self.mixture.predict_proba(x, self.n_jobs)
        offsets = self.means - x[:, np.newaxis]
        pulls = (self.precisions * offsets[:, :, np.newaxis]).sum(axis=-1)
        weighted = shares[:, :, np.newaxis] * pulls
        gradient = weighted.sum(axis=1)
        precision = (shares[:, :, np.newaxis, np.newaxis] * self.precisions).sum(axis=1)
        # Deviations from the mean pull: their squares do not cancel.
        apart = pulls - gradient[:, np.newaxis]
        products = shares[:, :, np.newaxis, np.newaxis] * apart[:, :, :, np.newaxis] * apart[:, :, np.newaxis, :]
        return gradient, precision - products.sum(axis=1), precision

    def climb(self, starts: Floats) -> Floats:
        """Climb from some points: Newton's steps where these lead upwards, else those of the fixed point."""
        x = starts.copy()
        moving = np.arange(len(x))
        for _ in range(_MOST_STEPS):
            here = x[moving]
            gradient, curvature, precision = self.view(here)
            step = solved_twice(lower_factors(precision, "covariances_"), gradient)
            factors, definite = lower_factors_where(curvature)
            newton = np.where(definite[:, np.newaxis], solved_twice(factors, gradient), step)
            # A step of the fixed point never goes down. Newton's may, or lead to another hill.
            short = _length(newton, precision) <= 1.0
            newtons, fixed = (self.mixture.score_samples(here + one, self.n_jobs) for one in (newton, step))
            higher = newtons >= fixed
            step = np.where((definite & short & higher)[:, np.newaxis], newton, step)
            x[moving] = here + step
            moving = moving[_length(step, precision) > _ARRIVED]
            if not len(moving):
                break
        return x

    def pushed_off(self, ends: Floats) -> tuple[list[Floats], NDArray[np.intp]]:
        """Give points on both sides of those ends that are saddles, and which these are.

        By symmetry a climb may end between two hills: there the pulls of the components differ more in some
        direction than their precisions hold.
        """
        _, curvature, precision = self.view(ends)
        factors = lower_factors(precision, "covariances_")
        # In units of the precision, minus the Hessian is 1 - S with the scatter S of the pulls.
        half = solved(factors, precision - curvature)
        scatter = solved(factors, half.swapaxes(1, 2))
        vector = np.ones(ends.shape) + np.arange(ends.shape[1]) / ends.shape[1]
        size = np.zeros(len(ends))
        for _ in range(_POWER_STEPS):
            vector = vector / np.sqrt((vector * vector).sum(axis=1))[:, np.newaxis]
            image = (scatter * vector[:, np.newaxis]).sum(axis=-1)
            size = (image * vector).sum(axis=1)
            vector = np.where(np.abs(image).sum(axis=1)[:, np.newaxis] > 0, image, vector)
        which = np.flatnonzero(size > 1 + _SADDLE)
        vector = vector[which] / np.sqrt((vector[which] ** 2).sum(axis=1))[:, np.newaxis]
        push = _PUSH * solved(factors[which], vector[..., np.newaxis], transposed=True)[..., 0]
        return [ends[which] + push, ends[which] - push], which


def _length(step: Floats, precision: Floats) -> Floats:
    images = (precision * step[:, np.newaxis]).sum(axis=-1)
    lengths: Floats = np.sqrt(np.maximum((step * images).sum(axis=-1), 0.0))
    return lengths
