"""Error for each byte of the two sketches of quantiles, over data of many shapes: ``python benches/quantiles.py``."""

import numpy as np

from foldstat import Summary

N = 1_000_000
PERCENTILES = np.arange(1, 100) / 100
# From the finest to the coarsest that there is.
ERRORS = np.geomspace(1e-4, 0.5, 40)


def shapes():
    """Data by name."""
    rng = np.random.default_rng(0)
    return {
        "uniform": rng.uniform(size=N),
        "normal": rng.normal(size=N),
        "lognormal": rng.lognormal(size=N),
        "Pareto, α = 1": rng.pareto(1.0, N) + 1,
        "latitudes, 46.9 ± 0.05": rng.normal(46.9, 0.05, N),
        "1 + noise of 1e-9": rng.normal(1, 1e-9, N),
        "epochs in ms, a year": rng.integers(1_672_531_200_000, 1_704_067_200_000, N).astype(float),
        "years 2000...2023": rng.integers(2000, 2024, N).astype(float),
        "integers to 100,000": rng.integers(0, 100_000, N).astype(float),
        "two scales, 1e-6 and 1e6": np.where(rng.random(N) < 0.5, 1e-6, 1e6) * rng.lognormal(0, 0.2, N),
        "latitudes and outliers": np.where(rng.random(N) < 1e-3, rng.standard_cauchy(N), rng.normal(46.9, 0.05, N)),
        "24 orders, both signs": rng.choice([-1, 1], N) * 10 ** rng.uniform(-12, 12, N),
    }


def measured(x, true, **settings):
    """Bytes of a sketch, its largest error as a part of the interquartile range, and as one of the value."""
    s = Summary(x, **settings)
    size = len(s.to_bytes()) - len(Summary(x).to_bytes())
    error = np.abs(s.quantile(PERCENTILES) - true)
    return size, error.max() / (true[74] - true[24]), (error / np.abs(true)).max()


def as_small(x, true, size):
    """The finest sketch of a relative error that takes no more bytes."""
    for error in ERRORS:
        found = measured(x, true, relative_error=error)
        if found[0] <= size or error == ERRORS[-1]:
            return found
    raise AssertionError("one of them is the last")


def main():
    """Print the table."""
    print("| 1,000,000 values | prefixes, 4096 buckets | relative error, as many bytes | relative_error=0.01 |")
    print("|---|---|---|---|")
    for name, x in shapes().items():
        true = np.quantile(x, PERCENTILES)
        ours = measured(x, true, quantiles=True)
        others = as_small(x, true, ours[0]), measured(x, true, relative_error=0.01)
        cells = [f"{size / 1024:.1f} KiB, {spread:.1e} / {value:.1e}" for size, spread, value in (ours, *others)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
