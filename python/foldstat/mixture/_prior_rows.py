"""What is known of a mixture before its rows, as rows that nobody has seen: for the mode of the posterior."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._core import MixtureStatistics
from foldstat.mixture._parameters import Family
from foldstat.mixture._prior import check_covariance, moments_of

KINDS = ("mclust", "robust")


class PriorRows(NamedTuple):
    """Means and covariances that components are drawn to, and by how many rows; None until the rows have been read."""

    kind: str | None
    n_components: int
    weight_rows: float
    mean: Any
    mean_rows: float
    covariance: Any
    covariance_rows: float

    @property
    def complete(self) -> bool:
        """Whether nothing is to be read from the rows."""
        return self.mean is not None and self.covariance is not None

    @property
    def listed(self) -> list[Any]:
        """The same as numbers and lists."""
        return [part.tolist() if isinstance(part, (np.ndarray, np.generic)) else part for part in self]

    @classmethod
    def of_listed(cls, parts: list[Any]) -> PriorRows:
        """Take the numbers of a prior that is complete."""
        kind, k, weight_rows, mean, mean_rows, covariance, covariance_rows = parts
        mean, covariance = np.array(mean, dtype=np.float64), np.array(covariance, dtype=np.float64)
        return cls(kind, int(k), float(weight_rows), mean, float(mean_rows), covariance, float(covariance_rows))

    @property
    def parts(self) -> Any:
        """The same as the compiled fit takes it."""
        mean, covariance = (np.ravel(part).astype(np.float64) for part in (self.mean, self.covariance))
        return float(self.weight_rows), mean, float(self.mean_rows), covariance, float(self.covariance_rows)

    def completed(self, whole: MixtureStatistics, family: Family) -> PriorRows:
        """Take what is not there from the statistics of all rows under a single component."""
        mean, covariance = moments_of(whole, family)
        told = self if self.mean is not None else self._replace(mean=mean)
        if told.covariance is not None:
            return told
        d, geometry = len(mean), _core.covariances_geometry(family)
        # Of k components each has the k-th part of the volume.
        covariance = covariance / self.n_components ** (2.0 / d)
        if self.kind == "robust":
            return told._replace(covariance=covariance, covariance_rows=1.0)
        return told._mclust(covariance, geometry, d)

    def _mclust(self, covariance: Floats, geometry: str, d: int) -> PriorRows:
        """Give the inverse Wishart (or gamma) prior of mclust, of d + 2 degrees of freedom, as rows.

        Its mode divides the sum of squares by n + rows. Variances are drawn to the mean variance of all features.
        """
        k, kappa = self.n_components, self.mean_rows
        scale: Any = np.asarray(covariance)
        if geometry == "full":
            rows = 2.0 * d + 4.0
        elif geometry == "tied":
            rows, scale = (2.0 * d + 3.0 + k) / k, scale / k
        elif geometry == "diag":
            rows, scale = d + 5.0, np.full(d, scale.mean())
        else:
            rows, scale = (2.0 * d + 4.0) / d, scale / d
        rows -= kappa  # which count as well
        if rows <= 0.0:
            raise ValueError(f"mean_prior must count for fewer rows than covariances' prior of mclust, got {kappa}")
        return self._replace(covariance=scale / rows, covariance_rows=rows)


def check_prior_rows(model: Any, d: int) -> PriorRows | None:
    """Check the priors of a mixture that is fitted by maximum likelihood without them; None if there are none."""
    kind = model.prior
    told = model.weight_prior, model.mean_prior, model.covariance_prior
    if kind is None and all(value is None for value in told):
        return None
    weight, mean, covariance = told
    mean, mean_rows = _pair(mean, "mean_prior") if mean is not None else (None, 0.01 if kind == "mclust" else 0.0)
    covariance, covariance_rows = _pair(covariance, "covariance_prior") if covariance is not None else (None, 0.0)
    if mean is not None:
        mean = check_array(mean, dtype=np.float64, ensure_2d=False)
        if mean.shape != (d,):
            raise ValueError(f"mean_prior must have a mean of shape {(d,)}, got {mean.shape}")
    elif mean_rows == 0.0:
        mean = np.zeros(d)  # draws nothing
    geometry = _core.covariances_geometry(model.covariance_type)
    if covariance is not None:
        covariance = check_covariance(covariance, geometry, d)
    elif kind is None:
        covariance = np.zeros(_core.covariances_shape(geometry, 1, d))
    weight = 0.0 if weight is None else float(weight)
    return PriorRows(kind, model.n_components, weight, mean, mean_rows, covariance, covariance_rows)


def _pair(value: Any, name: str) -> tuple[Any, float]:
    try:
        drawn_to, rows = value
        rows = float(rows)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a pair: what is drawn to, and for how many rows that counts") from None
    if not 0.0 <= rows < np.inf:
        raise ValueError(f"{name} must count for a finite number of rows, 0 or more, got {rows}")
    return drawn_to, rows
