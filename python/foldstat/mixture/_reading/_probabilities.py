"""Densities, distribution functions and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from foldstat import _core
from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.checks import flag
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._columns import column_number, names_of
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import exp


class ProbabilityReads(Fitted):
    """Probabilities of values, and values of probabilities."""

    def pdf(self, X: Any, column: int | str | None = None) -> Any:
        """Probability density.

        Parameters
        ----------
        X : array-like
            Values of any shape, if the model has one feature or `column` names one; else rows of shape (n_samples,
            n_features).
        column : int, str or None, default=None
            The feature whose marginal density is asked for. None takes all.

        Returns
        -------
        float or ndarray
            p(x), of the shape of the values, or (n_samples,) of rows. `score_samples` has its logarithm, which neither
            underflows nor overflows.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or the wrong number of features.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> model.pdf([0.0, 2.0]).round(6)
        array([0.199538, 0.053991])
        """
        check_is_fitted(self)
        if column is None and np.shape(self.means_)[1] != 1:
            return exp(self.score_samples(X))
        mixture, x = self._one_feature(column), _values(X, "X")
        found = np.zeros(x.shape)
        finite = np.isfinite(x)
        found[finite] = exp(mixture.score_samples(x[finite][:, np.newaxis], thread_count(self.n_jobs)))
        return found[()]

    def cdf(self, x: Any, column: int | str | None = None, *, upper: bool = False, log: bool = False) -> Any:
        """Cumulative distribution function of one feature.

        Parameters
        ----------
        x : array-like of any shape
            Values; infinite ones are values, too.
        column : int, str or None, default=None
            Which feature; a model of one feature needs no name for it.
        upper : bool, default=False
            Whether the probability of what lies above is wanted, which in the upper tail is more than one minus that
            of what lies below.
        log : bool, default=False
            Whether natural logarithms of probabilities are wanted, which do not underflow.

        Returns
        -------
        float or ndarray, shape of `x`
            P(X ≤ x), or P(X > x); to some roundings of itself, or of its logarithm, in both tails.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If x has NaN, the feature is not there, or the model has several and `column` names none.

        References
        ----------
        Shepherd & Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of
        Computation 36 (1981).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> float(model.cdf(2.0).round(6))
        0.5
        >>> float(model.cdf(44.0, upper=True, log=True).round(3))
        -805.302
        """
        check_is_fitted(self)
        upper, log = flag(upper, "upper"), flag(log, "log")
        mixture, values = self._one_feature(column), _values(x, "x")
        finite = np.isfinite(values)
        inside = np.where(finite, values, 0.0).reshape(-1)
        found = _core.distribution(mixture, inside, upper, log, thread_count(self.n_jobs)).reshape(values.shape)
        if not finite.all():
            nothing, everything = (-np.inf, 0.0) if log else (0.0, 1.0)
            found = np.where(finite, found, np.where((values > 0) == upper, nothing, everything))
        return found[()]

    def quantile(self, p: Any, column: int | str | None = None, *, upper: bool = False, log: bool = False) -> Any:
        """Quantile function of one feature: the inverse of `cdf`.

        Parameters
        ----------
        p : array-like of any shape
            Probabilities from 0 to 1, or their natural logarithms.
        column : int, str or None, default=None
            Which feature; a model of one feature needs no name for it.
        upper : bool, default=False
            Whether `p` is the probability of what lies above.
        log : bool, default=False
            Whether `p` are logarithms.

        Returns
        -------
        float or ndarray, shape of `p`
            x with P(X ≤ x) = p, as exactly as p tells: between components far apart a tiny change of p is a large one
            of x. Newton's method on the logarithm of the smaller tail, within a bracket.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If p is no probability, the feature is not there, or the model has several and `column` names none.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> model.quantile([0.1, 0.5, 1.0]).round(3)
        array([-0.842,  2.   ,    inf])
        """
        check_is_fitted(self)
        upper, log = flag(upper, "upper"), flag(log, "log")
        mixture, values = self._one_feature(column), _values(p, "p")
        bad = values > 0 if log else (values < 0) | (values > 1)
        if bad.any():
            accepted = "logarithms of probabilities, at most 0" if log else "probabilities from 0 to 1"
            raise ValueError(f"p must be {accepted}, got {values[bad][0]}")
        found = _core.quantiles(mixture, values.reshape(-1), upper, log, thread_count(self.n_jobs))
        return found.reshape(values.shape)[()]

    def _one_feature(self, column: int | str | None) -> _core.Mixture:
        """Give the marginal mixture of one feature as kernels take it."""
        d = np.shape(self.means_)[1]
        if column is None:
            if d != 1:
                raise ValueError(f"the model has {d} features: column must name one of them")
            compiled: _core.Mixture = self._compiled_mixture()
            return compiled
        chosen = column_number(column, names_of(self, d), "column")
        return Components.of(self).marginal([chosen]).compiled()


def _values(values: Any, name: str) -> Floats:
    with room_for(f"a copy of {name}"):
        found = as_doubles(values, name)
    if np.isnan(found).any():
        raise ValueError(f"{name} must not be NaN, got one at {tuple(int(i) for i in np.argwhere(np.isnan(found))[0])}")
    return found
