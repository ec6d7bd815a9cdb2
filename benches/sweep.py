"""Default fits over shapes of few rows and many features, against scikit-learn.

    python benches/sweep.py                     all that takes scikit-learn a minute at most
    python benches/sweep.py --only 'diag-*'     some of them (names are family-n-d-k-dtype)
    python benches/sweep.py --seconds 10        all that takes it so long

k-means start, three iterations, the same data, the same threads, turn by turn. What would take longer is
told from the shape and named, not measured.
"""

import argparse
import fnmatch
import itertools
import sys
import warnings

import numpy as np
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

import foldstat
from timing import best_of

FAMILIES = ("full", "tied", "diag", "spherical")
SHAPES = [(n, d, k) for n, d, k in itertools.product((1_000, 20_000), (64, 384, 1000, 2500), (2, 8, 64)) if n > k]
ITERATIONS = 3


def rows_of(n, d, k, dtype):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(k, d))
    return (centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))).astype(dtype)


def estimated_seconds(family, n, d, k):
    """Of scikit-learn, from the products and factorisations that it makes at ten billion operations a second."""
    matrices = {"full": k, "tied": 1}.get(family, 0)
    passes = n * d * k * 2 * (d if family == "full" else 4) + (2 * n * d * d if family == "tied" else 0)
    return ITERATIONS * (passes + matrices * 4 * d**3) / 1e10


def fits(X, family, k, threads):
    options = {"covariance_type": family, "max_iter": ITERATIONS, "tol": 0.0, "random_state": 0, "reg_covar": 1e-2}
    return {
        "foldstat": lambda: foldstat.GaussianMixture(k, n_jobs=threads, **options).fit(X),
        "scikit-learn": lambda: sklearn.mixture.GaussianMixture(k, **options).fit(X),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    slower = []
    for family, (n, d, k), dtype in itertools.product(FAMILIES, SHAPES, (np.float32, np.float64)):
        name = f"{family}-{n}-{d}-{k}-{np.dtype(dtype).name}"
        if not fnmatch.fnmatch(name, arguments.only):
            continue
        seconds = estimated_seconds(family, n, d, k)
        if seconds > arguments.seconds:
            print(f"{name:32s} not measured: it would take scikit-learn some {seconds:.0f} s", flush=True)
            continue
        X = rows_of(n, d, k, dtype)
        best, _ = best_of(fits(X, family, k, arguments.threads), arguments.repeats, arguments.threads)
        ours, theirs = best["foldstat"], best["scikit-learn"]
        slower += [name] if ours > theirs else []
        print(f"{name:32s} {ours:9.4f} s  {theirs:9.4f} s  {theirs / ours:6.2f}×", flush=True)
    print(f"slower than scikit-learn: {', '.join(slower) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
