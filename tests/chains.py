"""Markov chains to diagnose, and ArviZ's diagnostics of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ 0.23 announces ArviZ 1.0
    arviz = pytest.importorskip("arviz")
    try:
        from arviz_stats.base import array_stats
    except ImportError:
        array_stats = None
        arviz.Numba.disable_numba()  # its one-pass variances lose all digits to a large offset


def reference(name, x, prob=None):
    """ArviZ's value of a diagnostic for draws of shape (chain, draw)."""
    function, method = {
        "r_hat": ("rhat", "rank"),
        "ess_bulk": ("ess", "bulk"),
        "ess_tail": ("ess", "tail"),
        "mcse_mean": ("mcse", "mean"),
        "mcse_sd": ("mcse", "sd"),
        "mcse_quantile": ("mcse", "quantile"),
    }[name]
    options = {} if prob is None else {"prob": prob}
    with np.errstate(all="ignore"):
        if array_stats is None:
            return float(getattr(arviz, function)(np.asarray(x), method=method, **options))
        if name == "ess_tail" and prob is None:
            options = {"prob": (0.05, 0.95)}
        return float(getattr(array_stats, function)(np.asarray(x), method=method, **options))


def autoregressive(rho, shape, seed=0):
    """x' = ρ x + √(1 − ρ²) ε along the second axis, from its stationary distribution N(0, 1)."""
    x = np.random.default_rng(seed).standard_normal(shape)
    for t in range(1, shape[1]):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


def metropolis(shape, seed=0):
    """Random walks on N(0, 1), with the repeated draws of rejected steps."""
    rng = np.random.default_rng(seed)
    here = rng.standard_normal(shape[0])
    draws = np.empty(shape)
    for t in range(shape[1]):
        there = here + 2.4 * rng.standard_normal(shape[0])
        accepted = np.log(rng.random(shape[0])) < (here**2 - there**2) / 2
        here = np.where(accepted, there, here)
        draws[:, t] = here
    return draws


def with_one(value):
    """Independent draws, but one of them has another value."""
    x = np.random.default_rng(3).standard_normal((4, 100))
    x[1, 17] = value
    return x


def cases():
    """Name and draws of everything that is compared with ArviZ."""
    rng = np.random.default_rng(1)
    normal = rng.standard_normal
    found = {f"{chains} x {draws}": normal((chains, draws)) for chains in (1, 2, 4) for draws in range(3, 16)}
    found |= {f"AR {rho}": autoregressive(rho, (4, 1000)) for rho in (-0.95, -0.5, 0.5, 0.9, 0.99)}
    return found | {
        "independent": normal((4, 1000)),
        "an odd number of draws": autoregressive(0.7, (4, 1001)),
        "one chain": autoregressive(0.5, (1, 500)),
        "one odd chain": autoregressive(0.5, (1, 501)),
        "many chains": autoregressive(0.5, (64, 313)),
        "more draws than a short sort": autoregressive(0.8, (8, 5000)),
        "slow": autoregressive(0.999, (3, 5000)),
        "random walks": normal((4, 3000)).cumsum(axis=1),
        "chains apart": normal((4, 1000)) + np.arange(4)[:, None],
        "chains of different scale": normal((4, 1000)) * np.arange(1, 5)[:, None],
        "rejected steps": metropolis((4, 1000)),
        "counts": rng.poisson(3, (4, 500)).astype(float),
        "zeros of both signs": np.where(rng.random((4, 400)) < 0.5, 0.0, -0.0) * normal((4, 400)).round(),
        "coins": (rng.random((4, 400)) < 0.3).astype(float),
        "heavy tails": rng.standard_cauchy((4, 3000)),
        "many magnitudes": np.exp(20 * normal((4, 3000))),
        "constant": np.full((4, 64), 2.0),
        "constant chains that differ": np.repeat([[0.0], [1.0]], 64, axis=1),
        "one constant chain": np.vstack([normal((3, 64)), np.ones((1, 64))]),
        "a NaN": with_one(np.nan),
        "an infinity": with_one(np.inf),
        "a minus infinity": with_one(-np.inf),
        "huge": normal((4, 500)) * 1e70,
        "tiny": normal((4, 500)) * 1e-14,
        "taken as constant": normal((4, 500)) * 1e-17,
    }
