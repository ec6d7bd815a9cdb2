"""The components of a fitted mixture, whatever its family: weights, means and matrices in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats
from foldstat.mixture._attributes import means_and_covariances_of, weights_of
from foldstat.mixture._parameters import Family, as_family, as_matrices


class Components(NamedTuple):
    """Weights, means and covariance matrices of normal components."""

    weights: Floats  # (k,), of sum 1
    means: Floats  # (k, d)
    covariances: Floats  # (k, d, d)

    @classmethod
    def of(cls, model: Any) -> Components:
        """Read those of a fitted model, scikit-learn's included."""
        means, covariances = means_and_covariances_of(model)
        weights = weights_of(model).astype(np.float64)
        if model.means_.dtype == FLOAT32:
            weights /= weights.sum()
        means, covariances = means.astype(np.float64), covariances.astype(np.float64)
        return cls(weights, means, as_matrices(covariances, as_family(model.covariance_type), *means.shape))

    @property
    def present(self) -> Components:
        """Those of positive weight: the others are nowhere."""
        there = self.weights > 0
        return self if there.all() else Components(self.weights[there], self.means[there], self.covariances[there])

    def marginal(self, columns: Sequence[int]) -> Components:
        """Give the distribution of some columns, in their order."""
        chosen = list(columns)
        return Components(
            self.weights,
            self.means[:, chosen],
            self.covariances[:, chosen][:, :, chosen].reshape(len(self.weights), len(chosen), len(chosen)),
        )

    def compiled(self) -> _core.Mixture:
        """Give them as the kernels take them."""
        factors = _core.precisions_cholesky(np.ascontiguousarray(self.covariances), "full")
        return _core.Mixture(self.weights, np.ascontiguousarray(self.means), factors, "full")

    def precisions(self) -> Floats:
        """Give the inverses of the covariances."""
        return _core.precisions(_core.precisions_cholesky(np.ascontiguousarray(self.covariances), "full"), "full")


def geometry_of(model: Any) -> Family:
    """Give the most general family whose covariances lie as the model's do: parts of a mixture may need it."""
    return _core.covariances_geometry(as_family(model.covariance_type))


def covariances_among(covariances: Floats, family: Family, columns: Sequence[int]) -> Floats:
    """Choose columns from covariances that lie as those of `family`."""
    chosen = list(columns)
    if family == "spherical":
        return covariances
    if family == "diag":
        return covariances[:, chosen]
    return covariances[..., chosen, :][..., chosen]
