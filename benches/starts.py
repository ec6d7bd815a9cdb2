"""How often each start reaches the best known likelihood, and in how many passes, over thirty data sets.

    python benches/starts.py                     the table
    python benches/starts.py --only 'Gauss*'     of some of the data sets
    python benches/starts.py --likelihoods FILE  default fits alone: their likelihoods, into a file
    python benches/starts.py --beside FILE       ... and how they differ from those of a file

The best known likelihood of a data set is the largest of all fits to it that have no spike: a component of fewer than
2 (d + 1) rows. A fit reaches it if it ends within 0.001 of it for each row, or above. Passes are
those over all rows.
"""

import argparse
import fnmatch
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from foldstat import GaussianMixture
from start_sets import data_sets

SEEDS = range(5)  # of likelihoods
FEW_SEEDS = range(3)  # of the table
NEAR = 1e-3
LONGER = {"tol": 1e-6, "max_iter": 150, "stop": "aitken", "accelerate": "squarem"}
STARTS = {
    "`kmeans`, default": {},
    "`kmeans`, `stages=1`": {"stages": 1},
    "`kmeans`": LONGER,
    "`kmeans`, all rows": LONGER | {"stages": 1, "init_size": 10**6},
    "`whitened`": LONGER | {"init_params": "whitened"},
    "`short-em`": LONGER | {"init_params": "short-em"},
    "`k-means++`": LONGER | {"init_params": "k-means++"},
    "`random_from_data`": LONGER | {"init_params": "random_from_data"},
    "`random`": LONGER | {"init_params": "random"},
}


def spiked(model, n):
    """Whether a component has hardly more rows than its covariance needs."""
    return model.weights_.min() * n < 2 * (model.n_features_in_ + 1)


def fitted(data, seed, options, threads):
    """Likelihood (NaN of what collapsed, −∞ of a spike), passes and processor time of one fit."""
    begin = time.process_time()
    try:
        model = GaussianMixture(data.k, random_state=seed, n_jobs=threads, **options).fit(data.rows)
    except ValueError:
        return float("nan"), 0, time.process_time() - begin
    spent = time.process_time() - begin
    likelihood = float(model.score(data.rows))
    return (-np.inf if spiked(model, len(data.rows)) else likelihood), model.n_iter_, spent


def table(sets, threads):
    """Print how often each start reaches the best known likelihood."""
    found = {name: [] for name in STARTS}
    for data in sets:
        for name, options in STARTS.items():
            found[name].append([fitted(data, seed, options, threads) for seed in FEW_SEEDS])
        print(data.name, file=sys.stderr, flush=True)
    results = np.array(list(found.values()))  # starts × data sets × seeds × what is found
    likelihoods = np.where(np.isfinite(results[..., 0]), results[..., 0], -np.inf)
    best = likelihoods.max(axis=(0, 2), keepdims=True)
    print("| start | reached | median behind | passes | processor time |\n|---|---|---|---|---|")
    for name, mine, all_of_it in zip(STARTS, likelihoods, results, strict=True):
        behind = best[0] - mine
        reached, median = (behind <= NEAR).mean(), np.median(behind)
        passes, seconds = all_of_it[..., 1].mean(), all_of_it[..., 2].sum()
        print(f"| {name} | {reached:.0%} | {median:.4f} | {passes:.1f} | {seconds:.1f} s |")


def likelihoods(sets, threads):
    """Give the likelihoods of default fits."""
    return {data.name: [fitted_score(data, seed, threads) for seed in SEEDS] for data in sets}


def fitted_score(data, seed, threads):
    """Likelihood of a default fit, spikes and all."""
    return float(GaussianMixture(data.k, random_state=seed, n_jobs=threads).fit(data.rows).score(data.rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--likelihoods", type=Path)
    parser.add_argument("--beside", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    sets = [data for data in data_sets() if fnmatch.fnmatch(data.name, arguments.only)]
    if arguments.likelihoods is None and arguments.beside is None:
        table(sets, arguments.threads)
        return
    ours = likelihoods(sets, arguments.threads)
    if arguments.likelihoods is not None:
        arguments.likelihoods.write_text(json.dumps(ours))
    if arguments.beside is not None:
        theirs = json.loads(arguments.beside.read_text())
        gains = {name: float(np.mean(ours[name]) - np.mean(theirs[name])) for name in ours}
        for name, gain in gains.items():
            print(f"{name:36s} {gain:+.4f}")
        print(f"{'mean':36s} {np.mean(list(gains.values())):+.4f}")


if __name__ == "__main__":
    main()
