"""What a mixture with known parameters can do: score, predict, sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from foldstat import _core
from foldstat._validation import (
    FLOAT32,
    FLOAT64,
    Family,
    Floats,
    Rows,
    aligned,
    as_sample_weight,
    thread_count,
)
from foldstat.mixture._sample import draw

ROW_DTYPES = [np.float64, np.float32]


class FittedMixture:
    """Methods that read the parameters of a mixture and never change them."""

    covariance_type: Family
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    weights_: Floats
    means_: Floats
    covariances_: Floats
    precisions_cholesky_: Floats

    def score_samples(self, X: ArrayLike) -> Rows:
        """Log-likelihood of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            log p(x); float32 if both X and the model are, else float64.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.
        """
        log_likelihood: Rows = self._apply(_core.score_samples, X)
        return log_likelihood

    def predict_proba(self, X: ArrayLike) -> Rows:
        """Probability of every component for every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            p(component | x); float32 if both X and the model are, else float64.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.
        """
        probabilities: Rows = self._apply(_core.predict_proba, X)
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            Component labels.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.
        """
        labels: NDArray[np.int64] = self._apply(_core.predict, X)
        return labels

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood of a row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored, present for the interface's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        float
            Σ w log p(x) / Σ w.
        """
        return self._mean_and_count(X, sample_weight)[0]

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        float
            -2 Σ w log p(x) + p log Σ w, with p the number of free parameters.

        References
        ----------
        Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978).
        """
        mean, count = self._mean_and_count(X, sample_weight)
        return -2 * mean * count + self._n_parameters() * math.log(count)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        float
            -2 Σ w log p(x) + 2 p, with p the number of free parameters.

        References
        ----------
        Akaike, "A new look at the statistical model identification", IEEE Transactions on
        Automatic Control 19 (1974).
        """
        mean, count = self._mean_and_count(X, sample_weight)
        return -2 * mean * count + 2 * self._n_parameters()

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.int64]]:
        """Draw random rows; the same ones as scikit-learn for the same `random_state`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float64
            Rows, ordered by component.
        y : ndarray of shape (n_samples,), int64
            The component each row was drawn from.

        Raises
        ------
        ValueError
            If `n_samples` is less than 1.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample.")
        rng = check_random_state(self.random_state)
        parameters = self.weights_, self.means_, self.covariances_
        return draw(rng, n_samples, *parameters, self.covariance_type)

    def _kernel_arguments(self) -> tuple[Any, ...]:
        return (
            self.weights_,
            self.means_,
            self.precisions_cholesky_,
            self.covariance_type,
            thread_count(self.n_jobs),
        )

    def _apply(self, kernel: Callable[..., Any], X: Any) -> Any:
        plain = self._is_plain(X)
        if not plain:
            check_is_fitted(self)
            X = validate_data(self, X, reset=False)
            if X.dtype not in ROW_DTYPES:
                X = X.astype(np.float64)
            X = aligned(X)
        try:
            result = kernel(X, *self._kernel_arguments())
        except ValueError:
            if plain:
                validate_data(self, X, reset=False)  # scikit-learn's own message, if it has one
            raise
        if X.dtype is FLOAT32 and result.dtype is FLOAT64 and self.means_.dtype is FLOAT32:
            return result.astype(np.float32)
        return result

    def _is_plain(self, X: Any) -> bool:
        """Whether the kernel can take X as it is: a score of one row has no time for more."""
        mine = vars(self)
        return (
            type(X) is np.ndarray
            and (X.dtype is FLOAT64 or X.dtype is FLOAT32)
            and X.ndim == 2
            and X.shape[0] > 0
            and X.flags.aligned
            and X.shape[1] == mine.get("n_features_in_")
            and "feature_names_in_" not in mine
            and "precisions_cholesky_" in mine
        )

    def _mean_and_count(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        log_likelihood = self.score_samples(X)
        w = as_sample_weight(sample_weight, len(log_likelihood))
        if w is None:
            return float(np.mean(log_likelihood)), len(log_likelihood)
        return float(np.average(log_likelihood, weights=w)), float(w.sum())

    def _n_parameters(self) -> int:
        """Count the free parameters."""
        k, d = self.means_.shape
        of_covariances = {
            "full": k * d * (d + 1) // 2,
            "tied": d * (d + 1) // 2,
            "diag": k * d,
            "spherical": k,
        }[self.covariance_type]
        return int(of_covariances + k * d + k - 1)
