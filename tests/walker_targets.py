"""Targets whose moments are known, moves that suit them, and the harness that compares both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from foldstat import GaussianMixture, diagnostics
from foldstat import walkers as w

# Errors of independent draws are normal, so that one of a thousand statistics is beyond with a probability of 6e-4.
LIMIT = 5.0
# Errors of walks are divided by standard errors that are estimated from the walks themselves. Over a dozen seeds these
# scatter by 24 % at most (the stretch move, from mode to mode), as Student's ratio with 9 degrees of freedom does: it
# is beyond the limit with a probability of 3e-5. Of five hundred statistics some thirty are of that kind, the others
# scatter by about 8 % (80 degrees: 1e-11), so that one of all fails by chance once in a thousand times.
WALK_LIMIT = 8.0


@dataclass(frozen=True)
class Target:
    """A distribution with exact moments and draws."""

    name: str
    density: object
    mean: np.ndarray
    cov: np.ndarray
    draw: object  # a function of n and a seed
    uniforms: object  # draws → independent numbers that are uniform in [0, 1] if the draws are right
    weights: np.ndarray | None = None
    shares: object = None  # points → probabilities of the modes
    call: str | None = None

    @property
    def n_dims(self) -> int:
        return len(self.mean)

    def expectations(self, points):
        """Statistics of points of shape (..., n_dims), and what they should be on average."""
        centred = points - self.mean
        rows, columns = np.tril_indices(self.n_dims)
        products = centred[..., rows] * centred[..., columns]
        found, expected = [points, products], [self.mean, self.cov[rows, columns]]
        if self.weights is not None:
            found.append(self.shares(points))
            expected.append(self.weights)
        return np.concatenate(found, axis=-1), np.concatenate(expected)


def three_gaussians(means=((0.0, 0.0), (3.0, 3.0), (3.0, -3.0)), sds=(1.0, 0.9, 0.8), weights=(0.5, 0.3, 0.2)):
    """The notebook's density: three modes of different weights; built in."""
    density = w.densities.ThreeGaussians(means, sds, weights)
    centres, scales, shares = np.array(means), np.array(sds), np.array(weights)

    def responsibilities(points):
        squares = ((points[..., np.newaxis, :] - centres) ** 2).sum(axis=-1)
        terms = shares / scales**2 * np.exp(-squares / (2 * scales**2))
        return terms / terms.sum(axis=-1, keepdims=True)

    def uniforms(points):
        # The first coordinate by its distribution, the second by its own given the first.
        z = (points[:, :, np.newaxis] - centres.T) / scales
        given = shares / scales * np.exp(-(z[:, 0] ** 2) / 2)
        given /= given.sum(axis=1, keepdims=True)
        below = stats.norm.cdf(z)
        return np.stack([below[:, 0] @ shares, (given * below[:, 1]).sum(axis=1)], axis=1)

    return Target(
        "three Gaussians", density, density.mean(), density.cov(), density.sample, uniforms, shares, responsibilities
    )


NORMAL_COV = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, -0.3], [0.0, -0.3, 0.25]])


def normal(mean=(1.0, -2.0, 0.5), cov=NORMAL_COV):
    """A correlated normal distribution, as a function of NumPy arrays of points."""
    centre, root = np.array(mean), np.linalg.cholesky(cov)
    precision = np.linalg.inv(cov)

    def log_density(points):
        centred = points - centre
        return -0.5 * np.einsum("ni,ij,nj->n", centred, precision, centred)

    def draw(n, seed):
        return centre + np.random.default_rng(seed).standard_normal((n, len(centre))) @ root.T

    def uniforms(points):
        return stats.norm.cdf(np.linalg.solve(root, (points - centre).T).T)

    return Target("normal", log_density, centre, np.array(cov), draw, uniforms, call="points")


def mixture(weights=(0.4, 0.6)):
    """Two correlated normal distributions, as a model that could have been fitted."""
    means = np.array([[0.0, 0.0], [2.0, 1.0]])
    covariances = np.array([[[1.0, 0.6], [0.6, 1.0]], [[0.5, -0.3], [-0.3, 0.8]]])
    model = GaussianMixture.from_parameters(np.array(weights), means, covariances)
    density = w.densities.GaussianMixtureDensity.of(model)

    def uniforms(points):
        x, y = points.T
        below, given, above = [], [], []
        for share, mean, cov in zip(weights, means, covariances, strict=True):
            marginal = stats.norm(mean[0], np.sqrt(cov[0, 0]))
            slope = cov[0, 1] / cov[0, 0]
            rest = np.sqrt(cov[1, 1] - slope * cov[0, 1])
            below.append(share * marginal.cdf(x))
            given.append(share * marginal.pdf(x))
            above.append(stats.norm.cdf((y - mean[1] - slope * (x - mean[0])) / rest))
        second = (np.array(given) * np.array(above)).sum(axis=0) / np.sum(given, axis=0)
        return np.stack([np.sum(below, axis=0), second], axis=1)

    def shares(points):
        flat = model.predict_proba(points.reshape(-1, 2))
        return flat.reshape(*points.shape[:-1], 2)

    return Target(
        "mixture", density, density.mean(), density.cov(), density.sample, uniforms, np.array(weights), shares
    )


def banana(b=0.15, sd=2.0):
    """Haario's banana, of a size that random walks cross in reasonable time; built in."""
    density = w.densities.Banana(b, sd)

    def uniforms(points):
        bent = points[:, 1] + b * (points[:, 0] ** 2 - sd**2)
        return stats.norm.cdf(np.stack([points[:, 0] / sd, bent], axis=1))

    return Target("banana", density, density.mean(), density.cov(), density.sample, uniforms)


TARGETS = {make.__name__: make for make in (three_gaussians, normal, mixture, banana)}


class PythonStretch(w.PythonMove):
    """The stretch move, as a user would write it."""

    def propose(self, positions, others, rng):
        n, n_dims = positions.shape
        z = (rng.random(n) + 1) ** 2 / 2
        anchors = others[rng.integers(len(others), size=n)]
        return anchors + z[:, np.newaxis] * (positions - anchors), (n_dims - 1) * np.log(z)


class PythonWalk(w.PythonMove):
    """A random walk, as a user would write it."""

    interacts = False

    def __init__(self, cov):
        self.factor = np.linalg.cholesky(cov)

    def propose(self, positions, others, rng):
        assert others.shape == (0, positions.shape[1])
        return positions + rng.standard_normal(positions.shape) @ self.factor.T, 0.0


MOVES = {
    "uniform": lambda target: w.UniformStep(1.7 * np.sqrt(np.diag(target.cov))),
    "normal": lambda target: w.NormalStep(1.5 * target.cov),
    "adaptive": lambda target: w.AdaptiveStep(),
    "componentwise": lambda target: w.ComponentwiseStep(2.0 * np.sqrt(np.diag(target.cov))),
    "stretch": lambda target: w.Stretch(),
    "differential evolution": lambda target: w.DifferentialEvolution(),
    "snooker": lambda target: w.Snooker(),
    "slice": lambda target: w.Slice(),
    "independent": lambda target: w.IndependentStep(target.mean, 1.5 * target.cov),
    "blocks": lambda target: w.Gibbs(
        {0: w.Slice(), tuple(range(1, target.n_dims)): w.NormalStep(3.0 * target.cov[1:, 1:])}
    ),
    "python, stretch": lambda target: PythonStretch(),
    "python, random walk": lambda target: PythonWalk(1.5 * target.cov),
    "mix of those that look at nobody": lambda target: w.Mix(
        [(1, w.IndependentStep(target.mean, 1.5 * target.cov)), (1, w.NormalStep(target.cov)), (1, w.Slice())]
    ),
    "mix": lambda target: w.Mix(
        [
            (0.4, w.DifferentialEvolution()),
            (0.1, w.Snooker()),
            (0.2, w.Stretch()),
            (0.2, w.AdaptiveStep()),
            (0.1, w.ComponentwiseStep(2.0 * np.sqrt(np.diag(target.cov)))),
        ]
    ),
}
INTERACTING = ("stretch", "python, stretch", "differential evolution", "snooker", "mix")


def walk(target, move, n_walkers=200, n_steps=8000, burn_in=500, thin=5, seed=0, **options):
    """Walk over a target, from starts that are wider than it."""
    spread = np.random.default_rng(seed).standard_normal((n_walkers, target.n_dims))
    start = target.mean + 1.5 * np.sqrt(np.diag(target.cov)) * spread
    options = {"call": target.call, **options}
    return w.sample(target.density, start, n_steps, burn_in, thin, move, rng=seed, **options)


def errors(target, *runs):
    """Differences between what walkers found and what is true, in Monte Carlo standard errors.

    Walkers that interact are not independent of each other. Their mean at each step is one series,
    whose standard error takes everything into account. Runs of different seeds are averaged.
    """
    offsets, variances = [], []
    for draws in runs:
        found, expected = target.expectations(draws)
        series = found.mean(axis=0)
        offsets.append(series.mean(axis=0) - expected)
        variances.append(diagnostics.mcse_mean(series[np.newaxis]) ** 2)
    return np.sum(offsets, axis=0) / np.sqrt(np.sum(variances, axis=0))
