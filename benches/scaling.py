"""How the time of an EM iteration depends on threads, rows, components and precision."""

from dataclasses import replace

import numpy as np

import foldstat
from cases import CASES, Case, make
from em import fitter, foldstat_contestant
from results import Result, agree, ratio
from timing import Contestant, seconds_per_iteration


def two_threads(case, settings):
    """How many times faster two threads are than one."""
    X, mixture = make(case)
    two = foldstat_contestant(X, mixture.start(), replace(settings, threads=2))
    one = fitter(foldstat.GaussianMixture, X, mixture.start(), n_jobs=1)
    contestants = {"2 threads": two, "1 thread": Contestant(one, two.few, two.many)}
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    (fast, with_two), (slow, with_one) = measured["2 threads"], measured["1 thread"]
    agree("lower bounds with 1 and 2 threads", with_two.lower_bounds_, with_one.lower_bounds_, 0.0)
    return [
        Result(
            key=f"threads-{case.key}",
            label=f"2 threads against 1, {case.label}",
            value=ratio(slow, fast),
            unit="×",
            bar=1.9,
            times={"2 threads": fast, "1 thread": slow},
        )
    ]


def float32(case, settings):
    """How many times faster single precision is than double."""
    X, mixture = make(case)
    double = foldstat_contestant(X, mixture.start(), settings)
    single = fitter(foldstat.GaussianMixture, X.astype(np.float32), mixture.start(), n_jobs=settings.threads)
    contestants = {
        "float32": Contestant(single, double.few, double.many),
        "float64": double,
    }
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    (fast, model32), (slow, model64) = measured["float32"], measured["float64"]
    agree("lower bounds in both precisions", model32.lower_bounds_, model64.lower_bounds_, 1e-3)
    return [
        Result(
            key=f"float32-{case.key}",
            label=f"float32 against float64, {case.label}",
            value=ratio(slow, fast),
            unit="×",
            times={"float32": fast, "float64": slow},
        )
    ]


def _line(key, label, sizes, cases, settings):
    """Fit a straight line to the times of an iteration and report its R²."""
    contestants = {}
    for size, case in zip(sizes, cases, strict=True):
        X, mixture = make(case)
        contestants[size] = foldstat_contestant(X, mixture.start(), settings)
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    times = np.array([measured[size][0] for size in sizes])
    slope, offset = np.polyfit(sizes, times, 1)
    residual = times - (slope * np.array(sizes) + offset)
    r_squared = 1.0 - residual.var() / times.var()
    return Result(
        key=key,
        label=label,
        value=float(r_squared),
        unit="R²",
        bar=0.99,
        times={f"{size:,}": float(seconds) for size, seconds in zip(sizes, times, strict=True)},
        note=f"{slope * 1e9:.3g} ns each, {offset * 1e6:+.0f} µs",
    )


def in_rows(settings):
    cases = [settings.reduced(Case("full", n, 8, 8, bar=0)) for n in (125_000, 250_000, 500_000, 750_000, 1_000_000)]
    sizes = [case.n for case in cases]
    label = f"time linear in rows, full n × 8, k=8, n={sizes[0]:,} to {sizes[-1]:,}"
    return [_line("linear-rows", label, sizes, cases, settings)]


def in_components(settings):
    sizes = [2, 4, 8, 16, 32]
    cases = [settings.reduced(Case("full", 250_000, 8, k, bar=0)) for k in sizes]
    # Equal rows for all, also where a reduced case would need more.
    cases = [replace(case, n=max(c.n for c in cases)) for case in cases]
    label = f"time linear in components, full {cases[0].n:,} × 8, k=2 to 32"
    return [_line("linear-components", label, sizes, cases, settings)]


FIRST_THREE = CASES[:3]
