"""The numbers that are summarised, and what every contestant reads from them."""

import math
from functools import lru_cache

import numpy as np

from cases import SEED

VALUES = 10_000_000

# Two arrays of this size at a time are enough for any row, and more would stay in memory for all.
CACHED = 2


def size(settings):
    """How many values, at least as many as there are groups."""
    return VALUES // settings.factor


def turns(settings):
    """How often contestants of some milliseconds take turns: noise is larger against a short time."""
    return 1 if settings.repeats == 1 else 10 * settings.repeats


@lru_cache(maxsize=CACHED)
def narrow(n):
    """Values about 8.342 with standard deviation 1, nearly all of them in three binades."""
    return _read_only(np.random.default_rng(SEED).normal(8.342, 1.0, size=n))


@lru_cache(maxsize=CACHED)
def wide(n):
    """Values of either sign whose exponents of two are spread from -300 to 300."""
    rng = np.random.default_rng(SEED)
    return _read_only(np.ldexp(rng.standard_normal(n), rng.integers(-300, 300, size=n)))


def keys(n, groups=1000):
    """The group of each value, at random."""
    return np.random.default_rng(SEED + 1).integers(0, groups, size=n)


def _read_only(values):
    values.flags.writeable = False
    return values


def statistics(summary):
    """What is read from a summary and computed by its peers: count, min, max, sum, mean, var, std."""
    variance = summary.var()
    return (summary.count, summary.min, summary.max, summary.sum, summary.mean, variance, math.sqrt(variance))
