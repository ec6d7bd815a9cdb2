"""Which rows lie in memory, and passes over those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foldstat._common.arrays import Floats, Rows
from foldstat.distributed import chunk_pieces
from foldstat.mixture._passes import ChunkedPasses, Passes
from foldstat.mixture._pieces import PiecePasses
from foldstat.mixture._start_rows import Chosen
from foldstat.sources import Matrices, Source, as_matrices, as_pieces, as_source
from foldstat.sources._source import chosen


def passes_over(
    X: Any,
    columns: Any,
    sample_weight: Any,
    executor: Any,
    n_jobs: int | None,
    *,
    again: bool = True,
    missing: bool = False,
) -> Passes | None:
    """Give what reads rows that do not lie in memory; None if these do.

    `again` if several passes are needed, `missing` if values may be.
    """
    if executor is not None:
        return PiecePasses(chunk_pieces(X, executor, columns, sample_weight, nulls=missing), missing=missing)
    pieces = as_pieces(X, columns, sample_weight, nulls=missing)
    if pieces is not None:
        return PiecePasses(pieces, missing=missing)
    matrices = as_matrices(X, columns, sample_weight, nulls=missing)
    if matrices is None:
        return None
    if again:
        matrices.check_opens_again()
    return ChunkedPasses(matrices, n_jobs, missing=missing)


def named_matrices(X: Any, names: Sequence[str] | None, sample_weight: Any, *, nulls: bool = False) -> Matrices | None:
    """Open a source for a model that knows the names of its features, which are chosen where the source has such."""
    source = as_source(X)
    if source is None:
        return None
    # Nothing is opened twice unless columns have to be chosen, and may be where they lie.
    choose = names is not None and source.columns is not None and list(source.columns) != list(names)
    again = choose and source.opens_again and not isinstance(X, Source)
    return as_matrices(X if again else source, names if choose else None, sample_weight, nulls=nulls)


def passes_over_rows(rows: Rows, weights: Floats | None, n_jobs: int | None, *, missing: bool = False) -> ChunkedPasses:
    """Give the same of rows in memory."""
    matrices = as_matrices([rows], sample_weight=None if weights is None else [weights])
    if matrices is None:  # it is an array of two dimensions, but for one whose shape another thread changes
        raise ValueError(f"X must have 2 dimensions (rows, features), got shape {rows.shape}")
    return ChunkedPasses(matrices, n_jobs, Chosen(rows, weights), missing=missing)


def chosen_columns(X: Any, columns: Any) -> Any:
    """Choose columns of a frame in memory."""
    if columns is None:
        return X
    there = getattr(X, "column_names", getattr(X, "columns", None))  # of pyarrow, of others
    if there is None or callable(there):
        raise TypeError(f"columns chooses those of a source or a frame, and X is {type(X).__name__} without any names")
    names = list(chosen(list(there), columns, "X") or ())
    return X[names] if hasattr(X, "iloc") else X.select(names)


def check_weight_name(X: Any, sample_weight: Any) -> None:
    """Say that weights have a name where rows have one only."""
    if isinstance(sample_weight, str):
        raise TypeError(
            f"sample_weight={sample_weight!r} names a column, which only sources have; of {type(X).__name__} in memory "
            "pass the weights themselves"
        )


def remember_names(model: Any, names: Sequence[Any] | None) -> None:
    """Set the attribute that scikit-learn's check of a frame would set."""
    vars(model).pop("feature_names_in_", None)
    if names is not None and all(isinstance(name, str) for name in names):
        model.feature_names_in_ = np.asarray(names, dtype=object)
