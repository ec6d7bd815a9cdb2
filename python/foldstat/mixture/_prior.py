"""What is known of a Bayesian mixture before its rows: checked, with what is not given read from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat._common.matrices import symmetrised
from foldstat._core import MixtureStatistics
from foldstat.mixture._parameters import Family, are_matrices
from foldstat.mixture._start import check_shape

_DTYPES = [np.float64, np.float32]


class Prior(NamedTuple):
    """Conjugate priors; the mean and the covariance are None until they have been read from the rows."""

    process: bool
    concentration: float
    mean_precision: float
    mean: Any
    degrees_of_freedom: float
    covariance: Any

    @property
    def complete(self) -> bool:
        """Whether nothing is to be read from the rows."""
        return self.mean is not None and self.covariance is not None

    @property
    def listed(self) -> list[Any]:
        """The same as numbers and lists."""
        return [part.tolist() if isinstance(part, (np.ndarray, np.generic)) else part for part in self]

    @classmethod
    def of_listed(cls, parts: list[Any]) -> Prior:
        """Take the numbers of a prior that is complete."""
        process, concentration, precision, mean, freedom, covariance = parts
        mean, covariance = np.array(mean, dtype=np.float64), np.array(covariance, dtype=np.float64)
        return cls(bool(process), float(concentration), float(precision), mean, float(freedom), covariance)

    @property
    def parts(self) -> Any:
        """The same as the compiled fit takes it."""
        mean, covariance = (np.ravel(part).astype(np.float64) for part in (self.mean, self.covariance))
        numbers = bool(self.process), float(self.concentration), float(self.mean_precision)
        return *numbers, mean, float(self.degrees_of_freedom), covariance

    def completed(self, whole: MixtureStatistics, family: Family) -> Prior:
        """Take the mean and the covariance of all rows, from their statistics under a single component."""
        if self.covariance is not None:
            return self._replace(mean=whole.means[0])
        mean, covariance = moments_of(whole, family)
        return self._replace(mean=mean if self.mean is None else self.mean, covariance=covariance)


def moments_of(whole: MixtureStatistics, family: Family) -> tuple[Floats, Any]:
    """Give the mean and the covariance of all rows, from their statistics under a single component."""
    if not whole.total_weight > 1.0:
        raise ValueError(
            "sample_weight counts rows, and must sum to more than 1 for their covariance, got a sum of "
            f"{whole.total_weight!r}; scale the weights, or set covariance_prior"
        )
    geometry, d = _core.covariances_geometry(family), whole.n_features
    scatter = whole.scatter if geometry == "tied" else whole.scatter[0]
    covariance = np.asarray(scatter / (whole.total_weight - 1.0))
    return whole.means[0], covariance / d if geometry == "spherical" else covariance


def single(center: Floats, family: Family, n_jobs: int | None) -> _core.Mixture:
    """Give the mixture that counts every row as one component's, near that point."""
    d = len(center)
    shape = _core.covariances_shape(family, 1, d)
    factors = np.broadcast_to(np.eye(d), shape) if are_matrices(family) else np.ones(shape)
    return _core.Mixture(None, center[np.newaxis], np.ascontiguousarray(factors), family, n_jobs)


def center_of(rows: Rows, weights: Floats | None, n_jobs: int | None) -> Floats:
    """Give the mean of some rows: second moments of all rows are well summed about it."""
    first = np.asarray(rows[0 if weights is None else int(weights.argmax())], dtype=np.float64)
    mean: Floats = single(first, "spherical", n_jobs).statistics(rows, weights, n_jobs).means[0]
    return mean


def check_prior(model: Any, d: int) -> Prior:
    """Check what a Bayesian mixture was told of its parameters; the messages are those of scikit-learn."""
    k, freedom = model.n_components, model.degrees_of_freedom_prior
    concentration, precision = model.weight_concentration_prior, model.mean_precision_prior
    if freedom is None:
        freedom = d
    elif not freedom > d - 1.0:
        raise ValueError(
            f"The parameter 'degrees_of_freedom_prior' should be greater than {d - 1}, but got {freedom:.3f}."
        )
    mean = model.mean_prior
    if mean is not None:
        mean = check_shape(check_array(mean, dtype=_DTYPES, ensure_2d=False), (d,), "means")
    covariance = model.covariance_prior
    if covariance is not None:
        covariance = check_covariance(covariance, model.covariance_type, d)
    return Prior(
        model.weight_concentration_prior_type == "dirichlet_process",
        1.0 / k if concentration is None else concentration,
        1.0 if precision is None else precision,
        mean,
        freedom,
        covariance,
    )


def check_covariance(values: Any, family: Family, d: int) -> Any:
    """Check a covariance as that of one component lies; the messages are those of scikit-learn."""
    geometry = _core.covariances_geometry(family)
    if geometry == "spherical":
        if np.ndim(values):
            raise ValueError(f"The parameter 'spherical covariance_prior' should be a number, but got {values!r}")
        return np.asarray(values, dtype=np.float64)
    covariance = check_array(values, dtype=_DTYPES, ensure_2d=False)
    shape = (d,) if geometry == "diag" else (d, d)
    check_shape(covariance, shape, f"{family} covariance_prior")
    if geometry == "diag":
        if (covariance <= 0.0).any():
            raise ValueError(f"'{family} precision' should be positive")
        return covariance
    try:
        even = symmetrised(np.asarray(covariance, dtype=np.float64), "covariance_prior", covariance.dtype)
        _core.precisions_cholesky(even, "tied")
    except ValueError as error:
        raise ValueError(f"'{family} precision' should be symmetric, positive-definite") from error
    return covariance
