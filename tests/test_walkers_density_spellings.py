"""One likelihood, written as people write it: each spelling is compiled, and has the posterior of all others."""

from __future__ import annotations

import functools
import io
import math
import types
import warnings
from math import lgamma

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import norm

from foldstat import walkers as w
from foldstat.walkers.density import understand

pytest.importorskip("numba")

D = np.random.default_rng(3).normal(10.0, 2.0, size=40)
n = len(D)
SQUARES = float(((D - D.mean()) ** 2).sum())
# With a flat prior of mu and of sigma > 0, sigma**2 is inverse gamma.
MEAN = (D.mean(), math.sqrt(SQUARES / 2) * math.exp(lgamma((n - 3) / 2) - lgamma((n - 2) / 2)))
STARTS = np.random.default_rng(0).normal(MEAN, 0.2, size=(64, 2))
BOUNDS = [(None, None), (0, None)]

TABLE = "\n".join(f"{a!r} {b!r}" for a, b in zip(range(n), D.tolist(), strict=True))
_, column = np.loadtxt(io.StringIO(TABLE), unpack=True)
series = pd.Series(D, index=np.arange(n) + 7)
frame = pd.DataFrame({"y": D, "name": ["a"] * n})
settings = {"y": D, "power": 2}
listed = D.tolist()
swapped = D.astype(">f8")
namespace = types.SimpleNamespace(y=D, half=0.5)
mymodel = types.ModuleType("mymodel")
exec(
    """
import numpy as np
data = None
def _residuals(mu):
    return data - mu
def log_prob(t):
    return -0.5 * np.sum(_residuals(t[0]) ** 2) / t[1] ** 2 - data.size * np.log(t[1])
""",
    vars(mymodel),
)
mymodel.data = D


class Model:
    scale = 1.0

    def __init__(self, y):
        self.y, self._n = y, len(y)

    def residuals(self, mu):
        return (self.y - mu) / self.scale

    def log_prob(self, mu, sigma):
        return -0.5 * np.sum(self.residuals(mu) ** 2) / sigma**2 - self._n * math.log(sigma)

    def __call__(self, point):
        return self.log_prob(point[0], point[1])


def guarded(point):
    mu, sigma = point
    if sigma <= 0 or not np.isfinite(mu):
        return -np.inf
    return -0.5 * np.sum(((D - mu) / sigma) ** 2) - len(D) * np.log(sigma)


def with_loop(mu, sigma):
    total = 0.0
    for y in D:
        total += (y - mu) ** 2
    return -total / (2 * sigma**2) - n * math.log(sigma)


def with_data(mu, sigma, y, power=2):
    return -0.5 * np.sum((y - mu) ** power) / sigma**power - len(y) * np.log(sigma)


def by_name(mu, sigma, *, y=D):
    return -0.5 * np.sum((y - mu) ** 2) / sigma**2 - len(y) * np.log(sigma)


logpdf = norm.logpdf
halves = [np.array_split(D, 2), 1.0]

SPELLINGS = {
    "sum over variance": lambda mu, sigma: -0.5 * np.sum((D - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "math.log": lambda mu, sigma: -0.5 * np.sum((D - mu) ** 2) / sigma**2 - n * math.log(sigma),
    "method sum": lambda mu, sigma: -(((D - mu) / sigma) ** 2).sum() / 2 - D.size * np.log(sigma),
    "negative power": lambda mu, sigma: -0.5 * sigma**-2 * ((D - mu) ** 2).sum() - n * np.log(sigma),
    "two pi": lambda mu, sigma: -0.5 * np.sum((D - mu) ** 2 / sigma**2 + np.log(2 * np.pi * sigma**2)),
    "dot": lambda mu, sigma: -0.5 * np.dot(D - mu, D - mu) / sigma**2 - n * np.log(sigma),
    "matmul": lambda mu, sigma: -0.5 * ((D - mu) @ (D - mu)) / (sigma * sigma) - n * np.log(sigma),
    "square": lambda mu, sigma: -0.5 * np.square(D - mu).sum() / np.square(sigma) - n * np.log(sigma),
    "sufficient": lambda mu, sigma: -0.5 * n * (D.var() + (D.mean() - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "list": lambda mu, sigma: -0.5 * sum([(y - mu) ** 2 for y in D]) / sigma**2 - n * np.log(sigma),
    "density": lambda mu, sigma: np.sum(np.log(np.exp(-0.5 * ((D - mu) / sigma) ** 2) / sigma)),
    "loop": with_loop,
    "guarded point": guarded,
    "point": lambda p: -0.5 * np.sum((D - p[0]) ** 2) / p[1] ** 2 - n * np.log(p[1]),
    "norm.logpdf": lambda mu, sigma: norm.logpdf(D, mu, sigma).sum(),
    "stats.norm.logpdf": lambda mu, sigma: np.sum(stats.norm.logpdf(D, loc=mu, scale=sigma)),
    "logpdf": lambda mu, sigma: logpdf(D, mu, sigma).sum(),
    "a column of a file": lambda mu, sigma: -0.5 * np.sum((column - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "big endian": lambda mu, sigma: -0.5 * np.sum((swapped - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "pandas series": lambda mu, sigma: -0.5 * np.sum((series - mu) ** 2) / sigma**2 - len(series) * np.log(sigma),
    "pandas frame": lambda mu, sigma: -0.5 * np.sum((frame["y"] - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "pandas attribute": lambda mu, sigma: -0.5 * ((frame.y - mu) ** 2).sum() / sigma**2 - n * np.log(sigma),
    "dict": lambda mu, sigma: -0.5 * np.sum((settings["y"] - mu) ** settings["power"]) / sigma**2 - n * np.log(sigma),
    "list of numbers": lambda mu, sigma: (
        -0.5 * sum([(y - mu) ** 2 for y in listed]) / sigma**2 - len(listed) * np.log(sigma)
    ),
    "list of arrays": lambda mu, sigma: (
        -0.5 * np.sum((halves[0][0] - mu) ** 2) / sigma**2
        - 0.5 * np.sum((halves[0][1] - mu) ** 2) / sigma**2
        - n * np.log(sigma)
    ),
    "namespace": lambda mu, sigma: -namespace.half * np.sum((namespace.y - mu) ** 2) / sigma**2 - n * np.log(sigma),
    "module": lambda t: mymodel.log_prob(t),
    "function of a module": mymodel.log_prob,
    "method": Model(D).log_prob,
    "object": Model(D),
    "method in a closure": (lambda model: lambda mu, sigma: model.log_prob(mu, sigma))(Model(D)),
    "object in a closure": (lambda model: lambda p: model(p))(Model(D)),
    "partial": functools.partial(with_data, y=D),
    "partial of a method": functools.partial(Model(column).log_prob),
    "by name": by_name,
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_is_compiled_and_has_the_posterior(name):
    density = SPELLINGS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = w.sample(density, STARTS, 4000, 500, move=w.NormalStep([0.5, 0.4]), bounds=BOUNDS, rng=1)
    assert run.density_kind.startswith("compiled by numba"), run.density_kind
    error = np.array([0.35, 0.25]) / np.sqrt(64 * 4000 / 20)  # its autocorrelation time is less than 20
    np.testing.assert_allclose(run.mean(), MEAN, atol=5 * float(error.max()))


@pytest.mark.parametrize("name", SPELLINGS)
def test_it_is_compiled_without_bounds_as_well(name):
    density = SPELLINGS[name]
    understood = understand(density, STARTS)
    assert understood.kind.startswith("compiled by numba"), understood.kind
    found = np.empty(len(STARTS))
    understood.compiled.evaluate(STARTS, found, 1)
    by_point = "point" in understood.kind
    expected = [density(p) if by_point else density(*p) for p in (STARTS if by_point else STARTS.tolist())]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-10)
