"""Choosing a mixture: all 14 covariance families with 1 to 9 components."""

import numpy as np
from sklearn.datasets import load_iris

import foldstat
from results import Result
from timing import best_of


def _row(key, X, bar, settings):
    def select():
        return foldstat.select(X, random_state=0, n_jobs=settings.threads, progress=False)

    best, results = best_of({"foldstat": select}, settings.repeats, settings.threads)
    found = results["foldstat"]
    return [
        Result(
            key=f"select-{key}",
            label=f"select among {len(found.table)} mixtures, {X.shape[0]:,} × {X.shape[1]}",
            value=best["foldstat"],
            unit="s",
            bar=bar,
            at_most=True,
            times=best,
            note=f"{found.best.name} is best; EM ran {sum(row.n_iter or 0 for row in found.table):,} passes",
        )
    ]


def of_iris(settings):
    """The classic: 150 rows."""
    return _row("iris", load_iris().data, 0.5, settings)


def of_many_rows(settings):
    """Five clusters of their own shapes."""
    rng = np.random.default_rng(0)
    n, d, k = 100_000 // settings.factor, 4, 5
    means = 3.0 * rng.normal(size=(k, d))
    roots = 0.4 * rng.normal(size=(k, d, d)) + np.eye(d)
    labels = rng.integers(k, size=n)
    X = means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))
    return _row("rows", X, 15, settings)


ROWS = {"select-iris": of_iris, "select-rows": of_many_rows}
