"""Very many groups: time beside that of pandas and Polars in one run, and what merging and reading them takes.

``python benches/summary_groups.py`` prints a line for each; ``--quick`` takes a hundredth of the rows.
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
import polars as pl

import foldstat
from timing import best_of

STATISTICS = ["count", "mean", "std", "min", "max"]
ROUNDS = 5


def by_pandas(x, keys):
    """The statistics of a table of ours, by pandas."""
    return pd.DataFrame({"x": x, "key": keys}).groupby("key")["x"].agg(STATISTICS)


def by_polars(frame):
    """The same by Polars, which does not sort the groups."""
    x = pl.col("x")
    each = [x.count().alias("count"), x.mean().alias("mean"), x.std().alias("std"), x.min().alias("min")]
    return frame.group_by("key").agg([*each, x.max().alias("max")])


def compare(n_rows, n_groups, *, texts):
    """Group rows by random keys on all sides, and check that they agree."""
    rng = np.random.default_rng(n_groups)
    x, numbers = rng.normal(size=n_rows), rng.integers(0, n_groups, n_rows)
    keys = pl.Series([f"key_{number:07d}" for number in numbers.tolist()]) if texts else numbers
    frame = pl.DataFrame({"x": x, "key": keys})
    sides = {"foldstat": partial(foldstat.summarize, x, by=keys), "Polars": partial(by_polars, frame)}
    if not texts:
        sides["pandas"] = partial(by_pandas, x, keys)
    best, results = best_of(sides, ROUNDS, 2)
    theirs = results["Polars"].sort("key").to_pandas().set_index("key")
    ours = results["foldstat"].to_frame("pandas")
    np.testing.assert_allclose(ours[STATISTICS].to_numpy(), theirs[STATISTICS].to_numpy(), rtol=1e-9, atol=1e-12)
    what = f"{n_rows:,} rows, {n_groups:,} groups by {'texts' if texts else 'integers'}"
    report(what, best)


def report(what, best):
    """Print the times, and the ratios of ours to the others."""
    times = ", ".join(f"{side} {1e3 * seconds:.1f} ms" for side, seconds in best.items())
    ratios = ", ".join(f"{best['foldstat'] / s:.2f} x {side}" for side, s in best.items() if side != "foldstat")
    print(f"{what}: {times}" + (f" ({ratios})" if ratios else ""), flush=True)


def alone(what, function):
    """Print what has no counterpart."""
    report(what, best_of({"foldstat": function}, ROUNDS, 2)[0])


def add(left, right):
    """Merge two."""
    return left + right


def rows_of_numpy(X):
    """Mean and standard deviation of rows."""
    return X.mean(axis=1), X.std(axis=1, ddof=1)


def rows_of_ours(X):
    """The same of ours."""
    found = foldstat.summarize(X, axis=1)
    return found.mean, found.std()


def main():
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    scale = 100 if parser.parse_args().quick else 1
    compare(10_000_000 // scale, 1000, texts=False)
    compare(1_000_000 // scale, 100_000 // scale, texts=False)
    compare(2_000_000 // scale, 1_000_000 // scale, texts=False)
    compare(1_000_000 // scale, 1000, texts=True)
    compare(1_000_000 // scale, 100_000 // scale, texts=True)
    rng = np.random.default_rng(0)
    keys = np.arange(100_000 // scale)
    for kind, by in (("integers", keys), ("texts", [f"key_{key}" for key in keys.tolist()])):
        left, right = (foldstat.summarize(rng.normal(size=len(keys)), by=by) for _ in range(2))
        alone(f"{len(keys):,} groups by {kind} + as many", partial(add, left, right))
    keys = np.arange(1_000_000 // scale)
    grouped = foldstat.summarize(rng.normal(size=2 * len(keys)), by=np.tile(keys, 2))
    alone(f"table of {len(keys):,} groups", partial(grouped.to_frame, "pandas"))
    X = rng.normal(size=(100_000 // scale, 10))
    best, results = best_of({"foldstat": partial(rows_of_ours, X), "NumPy": partial(rows_of_numpy, X)}, ROUNDS, 2)
    np.testing.assert_allclose(results["foldstat"], results["NumPy"], rtol=1e-9, atol=1e-12)
    report(f"mean and std of {len(X):,} rows of 10", best)


if __name__ == "__main__":
    main()
