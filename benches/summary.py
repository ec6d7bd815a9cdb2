"""One exact summary of ten million numbers, against those who compute the same or less."""

import math
import os
from collections import deque
from importlib.metadata import version

import numpy as np

import foldstat
from results import Result, agree, ratio
from summary_data import narrow, size, statistics, turns
from timing import best_of

# Peers sum in floating point, so they agree with the exact statistics to rounding only.
ROUNDING = 1e-9


def plain(x, settings):
    """The contestant of every row: all statistics of one plain summary."""
    return lambda: statistics(foldstat.Summary(x, n_jobs=settings.threads))


def _row(key, peer, bar, seconds, note=""):
    """Ratio of the peer's time to ours; `seconds` has both, ours first."""
    ours, theirs = seconds
    return [
        Result(
            key=f"summary-{key}",
            label="Summary of N(8.342, 1)",
            value=ratio(theirs, ours),
            unit="×",
            bar=bar,
            times={"foldstat": ours, peer: theirs},
            note=note,
        )
    ]


def polars_with(threads):
    """Polars, with as many threads: it reads their number once, when it is imported."""
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    import polars

    if polars.thread_pool_size() != threads:
        raise RuntimeError(f"Polars has {polars.thread_pool_size()} threads, foldstat {threads}.")
    return polars


def against_polars(settings):
    """All statistics in one select, each summed in floating point."""
    pl = polars_with(settings.threads)
    x = narrow(size(settings))
    frame, column = pl.DataFrame({"x": x}), pl.col("x")
    expressions = {
        "count": pl.len(),
        "min": column.min(),
        "max": column.max(),
        "sum": column.sum(),
        "mean": column.mean(),
        "var": column.var(),
        "std": column.std(),
    }
    select = [expression.alias(name) for name, expression in expressions.items()]
    functions = {"foldstat": plain(x, settings), "polars": lambda: frame.select(select).row(0)}
    best, results = best_of(functions, turns(settings), settings.threads)
    agree("statistics by Polars", results["foldstat"], results["polars"], ROUNDING)
    return _row("polars", f"Polars {pl.__version__}, one select", 1, best.values())


def against_numpy(settings):
    """One pass for each statistic, as a notebook has them; the standard deviation is free."""
    x = narrow(size(settings))

    def passes():
        variance = x.var(ddof=1)
        return x.size, x.min(), x.max(), x.sum(), x.mean(), variance, math.sqrt(variance)

    functions = {"foldstat": plain(x, settings), "numpy": passes}
    best, results = best_of(functions, turns(settings), settings.threads)
    agree("statistics by NumPy", results["foldstat"], results["numpy"], ROUNDING)
    return _row("numpy", f"NumPy {np.__version__}, separate passes", 4, best.values())


def against_pandas(settings):
    """`describe`, which sorts for its quartiles; nobody gets its other lines without them."""
    import pandas as pd

    x = narrow(size(settings))
    series = pd.Series(x)
    functions = {"foldstat": plain(x, settings), "pandas": series.describe}
    best, results = best_of(functions, max(1, turns(settings) // 3), settings.threads)
    table = results["pandas"][["count", "min", "max", "mean", "std"]]
    count, low, high, _, mean, _, deviation = results["foldstat"]
    agree("statistics by pandas", (count, low, high, mean, deviation), table, ROUNDING)
    return _row("pandas", f"pandas {pd.__version__} describe", 20, best.values())


def against_bitrep(settings):
    """The exact peer. It takes one number per call, so it gets fewer, and times are per value."""
    import bitrep

    x = narrow(size(settings))
    few = x[: max(1000, len(x) // 20)]
    numbers = few.tolist()

    def moments():
        exact = bitrep.MomentsF64()
        deque(map(exact.add, numbers), maxlen=0)  # the quickest loop there is
        return exact.count(), exact.mean(), exact.sample_variance(), math.sqrt(exact.sample_variance())

    functions = {"foldstat": plain(x, settings), "bitrep": moments}
    best, results = best_of(functions, max(1, turns(settings) // 3), settings.threads)
    count, _, _, _, mean, variance, deviation = plain(few, settings)()
    agree("statistics by bitrep", (count, mean, variance, deviation), results["bitrep"], 1e-15)
    per_value = best["foldstat"] / len(x), best["bitrep"] / len(few)
    note = f"per value; bitrep had {len(few):,} and no extremes to find"
    return _row("bitrep", f"bitrep {version('bitrep')}", 100, per_value, note)


def against_fsum(settings):
    """The exact sum alone, of a list: `fsum` is twice as slow on an array."""
    x = narrow(size(settings))
    numbers = x.tolist()
    functions = {"foldstat": plain(x, settings), "fsum": lambda: math.fsum(numbers)}
    best, results = best_of(functions, max(1, turns(settings) // 3), settings.threads)
    agree("the correctly rounded sum", results["foldstat"][3], results["fsum"], 0.0)
    return _row("fsum", "math.fsum", 30, best.values(), "its sum is the same to the bit")


ROWS = {
    "summary-polars": against_polars,
    "summary-numpy": against_numpy,
    "summary-pandas": against_pandas,
    "summary-bitrep": against_bitrep,
    "summary-fsum": against_fsum,
}
