"""Rows of which values are missing: NaN, and null where a library has such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat._core import MixtureStatistics
from foldstat.mixture._start_rows import Chosen
from foldstat.summary import Summary


def takes_missing(model: Any) -> bool:
    """Whether NaN is a missing value for a model, and no error."""
    return getattr(model, "missing", None) == "em"


def scored(model: _core.Mixture, method: str, rows: Rows, n_jobs: int | None, *, missing: bool = True) -> Any:
    """Give what a method of the compiled mixture finds for rows, of which values may be missing.

    Rows in which the same features are there are rows of the marginal mixture of these. Where nothing is there, each
    component has its weight and the density is that of nothing, 1.
    """
    if not missing:
        return getattr(model, method)(rows, n_jobs)
    groups = _core.IncompleteRows(rows, None, n_jobs).groups()
    models = model.marginals([there.tolist() for there, _ in groups if len(there)], n_jobs)
    if len(groups) == 1 and len(groups[0][0]) == model.n_features:
        return getattr(model, method)(rows, n_jobs)
    found: Any = None
    with_values = iter(models)
    for there, numbers in groups:
        if len(there):
            part = getattr(next(with_values), method)(rows[np.ix_(numbers, there)], n_jobs)
        else:
            part = _of_nothing(model, method, len(numbers), rows.dtype)
        if found is None:
            found = np.empty((len(rows), *part.shape[1:]), part.dtype)
        found[numbers] = part
    return found


def statistics_of(
    model: _core.Mixture, rows: Rows, weights: Floats | None, n_jobs: int | None, *, missing: bool
) -> MixtureStatistics:
    """Fold rows in memory, of which values may be missing, under a model."""
    if not (missing and np.isnan(rows).any()):
        return model.statistics(rows, weights, n_jobs)
    folding = _core.MixturePass([model], rows.shape[1], missing=True)
    folding.push(rows, weights, n_jobs)
    ((statistics,), _) = folding.finish(n_jobs)
    return statistics


def _of_nothing(model: _core.Mixture, method: str, n: int, dtype: np.dtype[Any]) -> Any:
    shares = model.weights / model.weights.sum()
    if method == "predict":
        return np.full(n, shares.argmax())
    if method == "score_samples":
        return np.zeros(n, dtype)
    return np.tile(shares.astype(dtype), (n, 1))


def filled(chosen: Chosen, names: Sequence[str] | None) -> Chosen:
    """Put the mean of its column in place of each missing value, for the search for a start.

    Rows without any value say nothing about where components are, and are left out. EM itself fills in nothing.
    """
    rows, weights = chosen
    there = ~np.isnan(rows)
    if there.all():
        return chosen
    some = there.any(axis=1)
    rows, there = rows[some], there[some]
    weights = None if weights is None else weights[some]
    found = rows.copy()
    for j, known in enumerate(there.T):
        values = Summary(rows[known, j], sample_weight=None if weights is None else weights[known])
        if not values.count:
            name = j if names is None else names[j]
            raise ValueError(
                f"column {name!r} of X holds no value in the {len(rows)} rows that a start is looked for in"
            )
        found[~known, j] = values.mean
    return Chosen(found, weights)
