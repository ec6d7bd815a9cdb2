"""Rows of which values are missing: NaN, and null where a library has such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    if not (missing and np.isnan(rows).any()):
        return getattr(model, method)(rows, n_jobs)
    groups = [(np.flatnonzero(known), numbers) for known, numbers in patterns(rows)]
    marginals = iter(model.marginals([there.tolist() for there, _ in groups if len(there)], n_jobs))
    found: Any = None
    for there, numbers in groups:
        if len(there):
            part = getattr(next(marginals), method)(rows[np.ix_(numbers, there)], n_jobs)
        else:
            part = _of_nothing(model, method, len(numbers), rows.dtype)
        if found is None:
            found = np.empty((len(rows), *part.shape[1:]), part.dtype)
        found[numbers] = part
    return found


def patterns(rows: Rows) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Give every pattern of known columns, and the numbers of its rows, in their order."""
    known = ~np.isnan(rows)
    bits = np.packbits(known, axis=1)
    width = -bits.shape[1] % 8
    words = np.pad(bits, ((0, 0), (0, width))).view(np.uint64)
    keys = words[:, 0] if words.shape[1] == 1 else words.view([("", np.uint64)] * words.shape[1])[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.bincount(inverse).cumsum()
    for number, chosen in enumerate(np.split(order, ends[:-1])):
        yield known[first[number]], chosen


def incomplete_patterns(rows: Rows) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Give those that leave some column unknown."""
    if not np.isnan(rows).any():
        return iter(())
    return (pattern for pattern in patterns(rows) if not pattern[0].all())


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
