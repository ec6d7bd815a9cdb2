"""The densities walkers explore, each as every contestant wants it, and the loop of the notebook."""

import math
from functools import cache

import numpy as np

from cases import SEED
from foldstat import walkers as w
from results import agree

# 0.81 and 0.64 are squares of the standard deviations 0.9 and 0.8 of `ThreeGaussians()`.


def density(x, y):
    """The three Gaussians as a notebook has them, up to a factor of 2π."""
    return (
        0.5 * math.exp(-(x * x + y * y) / 2)
        + 0.3 / 0.81 * math.exp(-((x - 3) * (x - 3) + (y - 3) * (y - 3)) / 1.62)
        + 0.2 / 0.64 * math.exp(-((x - 3) * (x - 3) + (y + 3) * (y + 3)) / 1.28)
    )


def log_density_of_coordinates(x, y):
    """Its logarithm."""
    return math.log(
        0.5 * math.exp(-(x * x + y * y) / 2)
        + 0.3 / 0.81 * math.exp(-((x - 3) * (x - 3) + (y - 3) * (y - 3)) / 1.62)
        + 0.2 / 0.64 * math.exp(-((x - 3) * (x - 3) + (y + 3) * (y + 3)) / 1.28)
    )


def log_density(points):
    """Their logarithm in NumPy, column by column: twice as quick as with an axis for the components."""
    x, y = points[:, 0], points[:, 1]
    right = (x - 3) ** 2
    value = (
        0.5 * np.exp(-(x * x + y * y) / 2)
        + 0.3 / 0.81 * np.exp(-(right + (y - 3) ** 2) / 1.62)
        + 0.2 / 0.64 * np.exp(-(right + (y + 3) ** 2) / 1.28)
    )
    with np.errstate(divide="ignore"):  # far out it is zero
        return np.log(value)


def python_loop(density, x, y, n_steps, half_width, uniform=np.random.uniform):
    """Random-walk Metropolis in a notebook cell; as notebooks do, with NumPy's random numbers one by one."""
    here = density(x, y)
    points = []
    for _ in range(n_steps):
        new_x = x + uniform(-half_width, half_width)
        new_y = y + uniform(-half_width, half_width)
        there = density(new_x, new_y)
        if uniform(0.0, 1.0) * here < there:
            x, y, here = new_x, new_y, there
        points.append((x, y))
    return points


# ---------------------------------------------------------------- eight schools

EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)


def schools(point):
    """Posterior of (μ, ln τ, θ̃₁, ..., θ̃₈), up to a factor: N(0, 5²), half-Cauchy(5), N(0, 1)."""
    mu, log_tau = point[0], point[1]
    tau = math.exp(log_tau)
    total = -mu * mu / 50 - math.log(1 + tau * tau / 25) + log_tau
    for school in range(8):
        theta = point[2 + school]
        residual = (EFFECTS[school] - mu - tau * theta) / ERRORS[school]
        total -= 0.5 * (theta * theta + residual * residual)
    return total


@cache
def compiled_schools():
    """The same for many points at once, compiled by numba: what emcee is given.

    One thread: a step of the ensemble has some 50 µs of work, next to milliseconds of emcee's own.
    """
    import numba

    one = numba.njit(schools)

    @numba.njit
    def together(points):
        values = np.empty(len(points))
        for i in range(len(points)):
            values[i] = one(points[i])
        return values

    return together


# ---------------------------------------------------------------- starts, and equal work


def starts(target, n):
    """Where walkers start: exact draws where there are any, else near the middle."""
    rng = np.random.default_rng(SEED)
    if target.name == "eight_schools":
        return rng.normal([4.0, 0.5, *[0.0] * 8], 0.5, size=(n, 10))
    return target.sample(n, rng=rng)


def same_density(what, ours, theirs, points):
    """Raise unless two logarithms of densities differ by a constant only."""
    a, b = np.asarray(ours(points)), np.asarray(theirs(points))
    agree(what, a - a[0], b - b[0], 1e-10)


def same_modes(what, draws, target, tolerance):
    """Raise unless draws have about the mean and the variances of the target."""
    draws = np.asarray(draws).reshape(-1, target.n_dims)
    agree(f"means of {what}", draws.mean(axis=0), target.mean(), tolerance)
    agree(f"variances of {what}", draws.var(axis=0), np.diag(target.cov()), tolerance)


def three():
    return w.densities.ThreeGaussians()
