"""What a fitted mixture says about rows that do not lie in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, FLOAT64
from foldstat._common.callers import level_of_caller
from foldstat._common.room import room_for
from foldstat.mixture._elsewhere import named_matrices
from foldstat.mixture._likelihood import LogLikelihood
from foldstat.mixture._missing import takes_missing
from foldstat.mixture._passes import ChunkedPasses
from foldstat.mixture._pieces import log_likelihood_of, scores
from foldstat.sources import Matrices, Pieces, as_pieces

METHODS = ("predict", "predict_proba", "score_samples")


class Elsewhere:
    """Rows that a fitted model reads where they lie, one pass for each question.

    Parameters
    ----------
    model : FittedMixture
        The model, whose features are chosen by their names where both have such.
    rows : Matrices or Pieces
        The rows.
    """

    def __init__(self, model: Any, rows: Matrices | Pieces, n_jobs: int | None) -> None:
        self._model, self._rows, self._n_jobs = model, rows, n_jobs
        self._missing = takes_missing(model)
        expected = getattr(model, "n_features_in_", None)
        if None not in (expected, rows.n_columns) and rows.n_columns != expected:
            raise ValueError(
                f"X has {rows.n_columns} features, but {type(model).__name__} is expecting {expected} features as input"
            )
        if rows.names is None and hasattr(model, "feature_names_in_"):
            warnings.warn(
                f"X does not have valid feature names, but {type(model).__name__} was fitted with feature names",
                UserWarning,
                stacklevel=level_of_caller(),
            )

    @classmethod
    def of(cls, model: Any, X: Any, sample_weight: Any, n_jobs: int | None) -> Elsewhere | None:
        """Open the rows; None if they lie in memory."""
        names = list(getattr(model, "feature_names_in_", ())) or None
        nulls = takes_missing(model)
        pieces = as_pieces(X, nulls=nulls)
        if pieces is not None:
            chosen = names if pieces.names is not None else None
            return cls(model, as_pieces(X, chosen, sample_weight, nulls=nulls) or pieces, n_jobs)
        matrices = named_matrices(X, names, sample_weight, nulls=nulls)
        return None if matrices is None else cls(model, matrices, n_jobs)

    def collected(self, method: str) -> Any:
        """Give what a method finds for all rows: an array, or one of Dask."""
        mixture, width = self._model._compiled_mixture(), self._width(method)
        dtype = self._dtype(method)
        if isinstance(self._rows, Pieces):
            return self._rows.map(scores, mixture, method, dtype.str, self._missing, meta=np.empty((0, *width), dtype))
        n = self._rows.n_rows
        if n is None:
            return np.concatenate([np.asarray(part, dtype) for part in self.parts(method)])
        with room_for(f"the results of {n} rows"):
            found = np.empty((n, *width), dtype)
        at = 0
        for part in self.parts(method):
            found[at : at + len(part)] = part
            at += len(part)
        return found

    def parts(self, method: str) -> Iterator[Any]:
        """Give what a method finds for the rows of each chunk."""
        if isinstance(self._rows, Pieces):
            raise TypeError(
                f"X is a collection of Dask, for which {method} gives one that is as lazy: iterate over that"
            )
        mixture, dtype = self._model._compiled_mixture(), self._dtype(method)
        self._check_override(method)
        for _, part in self._passes().scores(mixture, method):
            yield part.astype(dtype, copy=False)

    def log_likelihood(self) -> LogLikelihood:
        """Sum the log-likelihoods of all rows."""
        mixture: _core.Mixture = self._model._compiled_mixture()
        self._check_override("score_samples")
        if isinstance(self._rows, Pieces):
            total: LogLikelihood = self._rows.fold(log_likelihood_of, mixture, self._missing, desc="score")
            return total
        total, dtype = LogLikelihood(), self._dtype("score_samples")
        for block, values in self._passes().scores(mixture, "score_samples"):
            total += LogLikelihood.of(values.astype(dtype, copy=False), block.weights)
        return total

    def _passes(self) -> ChunkedPasses:
        assert not isinstance(self._rows, Pieces)
        return ChunkedPasses(self._rows, self._n_jobs, missing=self._missing)

    def _check_override(self, method: str) -> None:
        """Refuse what a subclass says otherwise about rows, and would not be asked."""
        for cls in type(self._model).__mro__:
            if method in vars(cls):
                if not cls.__module__.startswith("foldstat."):
                    raise TypeError(
                        f"{cls.__name__} overrides {method}, which rows that do not lie in memory never reach: call it "
                        "chunk by chunk"
                    )
                return

    def _width(self, method: str) -> tuple[int, ...]:
        return (len(self._model.means_),) if method == "predict_proba" else ()

    def _dtype(self, method: str) -> np.dtype[Any]:
        if method == "predict":
            return np.dtype(np.int64)
        single = self._rows.dtype == np.float32 and self._model.means_.dtype == np.float32
        return FLOAT32 if single else FLOAT64
