"""`describe` of a Parquet file, against pandas, which reads it first, and Polars, which streams it."""

from functools import lru_cache, partial

import numpy as np

import foldstat
from cases import SEED
from results import Result, agree, ratio
from streaming import as_parquet
from summary import polars_with
from timing import best_of

ROWS_OF_FILE, COLUMNS = 10_000_000, 10
QUARTILES = ("25%", "50%", "75%")
MOMENTS = ("count", "mean", "std", "min", "max")


@lru_cache(maxsize=1)
def _file(n):
    rng = np.random.default_rng(SEED)
    return as_parquet(rng.normal(8.342, 1.0, size=(n, COLUMNS)), "none")


def _measured(name, peer, settings):
    """Best times of `describe` and of a peer, and what both found, as frames of pandas."""
    path = str(_file(ROWS_OF_FILE // settings.factor))
    ours = partial(foldstat.describe, path, n_jobs=settings.threads)
    best, found = best_of({"foldstat": ours, name: partial(peer, path)}, settings.repeats, settings.threads)
    return best, found["foldstat"], found[name]


def _row(key, name, bar, best, note, settings):
    ours, theirs = best.values()
    label = f"describe of Parquet, {ROWS_OF_FILE // settings.factor:,} × {COLUMNS}, float64"
    times = {"foldstat": ours, name: theirs}
    return [Result(f"describe-{key}", label, ratio(theirs, ours), "×", bar=bar, times=times, note=note)]


def against_pandas(settings):
    import pandas as pd

    name = f"pandas {pd.__version__} read_parquet, describe"
    best, ours, theirs = _measured(name, lambda path: pd.read_parquet(path).describe(), settings)
    agree("moments by pandas", ours.loc[list(MOMENTS)].astype(float), theirs.loc[list(MOMENTS)], 1e-9)
    agree("quartiles by pandas", ours.loc[list(QUARTILES)].astype(float), theirs.loc[list(QUARTILES)], 1e-3)
    return _row("pandas", name, 3, best, "the same quartiles to 1e-3", settings)


def against_polars(settings):
    """The statistics of `describe` in one streaming select. Quartiles and distinct values both sides approximate."""
    pl = polars_with(settings.threads)
    name = f"Polars {pl.__version__}, streaming select"
    best, ours, theirs = _measured(name, partial(_select, pl), settings)
    agree("moments by Polars", ours.loc[list(MOMENTS)].astype(float), theirs.loc[list(MOMENTS)], 1e-9)
    agree("quartiles by Polars", ours.loc[list(QUARTILES)].astype(float), theirs.loc[list(QUARTILES)], 1e-3)
    return _row("polars", name, 1, best, "its sums are inexact", settings)


def _select(pl, path):
    import pandas as pd

    every = pl.all()
    statistics = {
        "count": every.count(),
        "nulls": every.null_count(),
        "nan": every.is_nan().sum(),
        "mean": every.mean(),
        "std": every.std(),
        "min": every.min(),
        **{name: every.quantile(float(name[:-1]) / 100, interpolation="linear") for name in QUARTILES},
        "max": every.max(),
        "distinct": every.approx_n_unique(),
    }
    select = [expression.name.suffix(f"|{name}") for name, expression in statistics.items()]
    found = pl.scan_parquet(path).select(select).collect(engine="streaming").row(0, named=True)
    columns = dict.fromkeys(key.split("|")[0] for key in found)
    return pd.DataFrame({c: {name: found[f"{c}|{name}"] for name in statistics} for c in columns})


ROWS = {"describe-pandas": against_pandas, "describe-polars": against_polars}
