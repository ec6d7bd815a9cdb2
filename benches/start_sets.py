"""Thirty data sets on which starts are compared: drawn ones of many shapes, and real ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets

GEYSER = Path(__file__).parents[1] / "notebooks" / "data" / "faithful.csv"
SEED = 20261130


@dataclass(frozen=True)
class DataSet:
    """Rows, and how many components are fitted to them."""

    name: str
    k: int
    rows: np.ndarray


def gaussians(n, d, k, spread, seed, *, uneven=False, elongation=0.4):
    """Rows of `k` Gaussians whose means have a standard deviation of `spread` in each coordinate."""
    rng = np.random.default_rng([SEED, seed])
    weights = rng.dirichlet(np.ones(k)) + 0.1 / k if uneven else rng.uniform(0.5, 1.5, k)
    labels = rng.choice(k, n, p=weights / weights.sum())
    rows = rng.standard_normal((n, d))
    for j, mean in enumerate(spread * rng.normal(size=(k, d))):
        axes = np.linalg.qr(rng.normal(size=(d, d)))[0] * np.exp(elongation * rng.normal(size=d))
        here = labels == j
        rows[here] = rows[here] @ axes.T + mean
    return rows


def drawn():
    """Give the drawn ones."""
    shapes = [(n, d, k) for n, d, k in ((50_000, 2, 5), (50_000, 4, 12), (50_000, 8, 32), (60_000, 16, 8))]
    for i, (n, d, k) in enumerate(shapes):
        for spread in (1.0, 2.0, 4.0):
            yield f"Gaussians {d}-D, k={k}, spread {spread:g}", k, gaussians(n, d, k, spread, 10 * i + int(spread))
    yield "Gaussians 8-D, k=100, spread 1.5", 100, gaussians(60_000, 8, 100, 1.5, 50)
    yield "Gaussians 8-D, k=100, spread 4", 100, gaussians(60_000, 8, 100, 4.0, 51)
    yield "uneven 4-D, k=10", 10, gaussians(40_000, 4, 10, 3.0, 52, uneven=True)
    yield "uneven 8-D, k=20", 20, gaussians(60_000, 8, 20, 2.0, 53, uneven=True)
    yield "elongated 4-D, k=6", 6, gaussians(40_000, 4, 6, 3.0, 54, elongation=1.2)
    yield "elongated 8-D, k=12", 12, gaussians(60_000, 8, 12, 3.0, 55, elongation=1.2)
    rng = np.random.default_rng([SEED, 60])
    units = gaussians(40_000, 6, 8, 3.0, 56) * 10.0 ** np.arange(-3, 3)
    yield "columns in units from 0.001 to 100", 8, units
    tails = gaussians(40_000, 4, 6, 6.0, 57)
    yield "heavy tails", 6, tails + rng.standard_t(3, tails.shape)
    noisy = gaussians(40_000, 3, 6, 5.0, 58)
    noisy[::20] = rng.uniform(-15, 15, (2_000, 3))
    yield "background of 5 %", 6, noisy
    yield "uniform square", 9, rng.uniform(size=(40_000, 2))
    angle = rng.uniform(0, 2 * np.pi, 40_000)
    radius = rng.choice([1.0, 3.0], 40_000)[:, None]
    yield "two rings", 16, radius * np.c_[np.cos(angle), np.sin(angle)] + 0.1 * rng.normal(size=(40_000, 2))
    yield "two moons", 10, datasets.make_moons(40_000, noise=0.08, random_state=SEED)[0]
    yield "skewed", 8, np.exp(0.7 * gaussians(40_000, 3, 4, 1.0, 59))


def real():
    """Give the real ones, which come with scikit-learn and foldstat."""
    yield "iris", 3, datasets.load_iris().data
    yield "Old Faithful", 3, np.loadtxt(GEYSER, delimiter=",", skiprows=1)
    yield "wine", 3, datasets.load_wine().data
    yield "breast cancer, 6 columns", 4, datasets.load_breast_cancer().data[:, :6]
    digits = datasets.load_digits().data
    digits = digits - digits.mean(axis=0)
    yield "digits, 10 directions", 10, digits @ np.linalg.svd(digits, full_matrices=False)[2][:10].T


def data_sets():
    """Give all of them."""
    return [DataSet(*parts) for source in (drawn(), real()) for parts in source]
