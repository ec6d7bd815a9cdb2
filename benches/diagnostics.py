"""Diagnostics of Markov chains against ArviZ, on as many draws as a long run of many walkers has."""

import os
import warnings
from importlib.metadata import version

import numpy as np

from foldstat import _core, diagnostics
from results import Result, agree, ratio
from timing import best_of

SHAPE = (64, 10_000, 10)  # chains, draws, dimensions
AGREEMENT = 1e-10  # relative


def draws(settings, rho=0.0):
    """Autoregressive chains; independent draws for ρ = 0."""
    chains, n, dimensions = SHAPE
    x = np.random.default_rng(0).standard_normal((chains, max(n // settings.factor, 50), dimensions))
    if rho:
        for t in range(1, x.shape[1]):
            x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


def _arviz(x):
    """ArviZ's functions of (R-hat, ESS), of a summary's diagnostics, and its version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ 0.23 announces ArviZ 1.0
        import arviz
    try:
        from arviz_stats.base import array_stats
    except ImportError:
        return _of_datasets(arviz, x)
    axes = {"chain_axis": 0, "draw_axis": 1}

    def two():
        return array_stats.rhat(x, **axes), array_stats.ess(x, **axes)

    def table():
        return {
            "ess_bulk": array_stats.ess(x, method="bulk", **axes),
            "ess_tail": array_stats.ess(x, method="tail", prob=(0.05, 0.95), **axes),
            "mcse_mean": array_stats.mcse(x, method="mean", **axes),
            "mcse_sd": array_stats.mcse(x, method="sd", **axes),
            "r_hat": array_stats.rhat(x, **axes),
        }

    return two, table, f"ArviZ {version('arviz')}"


def _of_datasets(arviz, x):
    """The same of ArviZ 0.2x, which takes arrays of one dimension or a dataset."""
    data = arviz.convert_to_dataset({"x": x})

    def two():
        return arviz.rhat(data)["x"].values, arviz.ess(data)["x"].values

    def table():
        # Not that of the standard deviation, which NumPy 2.4 keeps it from computing.
        return {
            "ess_bulk": arviz.ess(data, method="bulk")["x"].values,
            "ess_tail": arviz.ess(data, method="tail")["x"].values,
            "mcse_mean": arviz.mcse(data, method="mean")["x"].values,
            "r_hat": arviz.rhat(data)["x"].values,
        }

    return two, table, f"ArviZ {arviz.__version__}"


def _row(key, label, bar, best, peer, note):
    return [
        Result(
            key=f"diagnostics-{key}",
            label=label,
            value=ratio(best["arviz"], best["foldstat"]),
            unit="×",
            bar=bar,
            times={"foldstat": best["foldstat"], peer: best["arviz"]},
            note=note,
        )
    ]


def against_arviz(settings, rho=0.0, key="arviz"):
    """R-hat and bulk effective sample size, by one call each."""
    x = draws(settings, rho)
    two, _, peer = _arviz(x)

    def ours():
        return diagnostics.r_hat(x, n_jobs=settings.threads), diagnostics.ess_bulk(x, n_jobs=settings.threads)

    best, results = best_of({"foldstat": ours, "arviz": two}, settings.repeats, settings.threads)
    for name, found, wanted in zip(("R-hat", "ESS"), results["foldstat"], results["arviz"], strict=True):
        agree(f"{name} by {peer}", found, wanted, AGREEMENT)
    label = f"R-hat + ESS of {x.shape}, AR({rho})"
    return _row(key, label, 20, best, peer, f"ArviZ has one thread; {os.cpu_count()} cores")


def slow_chains(settings):
    """The same for chains that take a thousand steps to forget."""
    return against_arviz(settings, rho=0.998, key="arviz-slow")


def whole_summary(settings):
    """All diagnostics of a summary table: ours sorts once."""
    x = draws(settings, 0.9)
    _, table, peer = _arviz(x)
    functions = {
        "foldstat": lambda: _core.diagnostics_summary(x, [0.05, 0.5, 0.95], settings.threads),
        "arviz": table,
    }
    best, results = best_of(functions, settings.repeats, settings.threads)
    for name, wanted in results["arviz"].items():
        agree(f"{name} by {peer}", results["foldstat"][name], wanted, AGREEMENT)
    return _row("summary", f"summary of {x.shape}, AR(0.9)", 20, best, peer, "ArviZ: a call each, without quantiles")


ROWS = {
    "diagnostics-arviz": against_arviz,
    "diagnostics-arviz-slow": slow_chains,
    "diagnostics-summary": whole_summary,
}
