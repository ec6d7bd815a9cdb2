"""What a mixture with known parameters can do: score, predict, sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from foldstat._common.arrays import FLOAT32, FLOAT64, Floats, Rows
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight, within_range
from foldstat.mixture._attributes import means_and_covariances_of, weights_of
from foldstat.mixture._hooks import ScikitLearnHooks
from foldstat.mixture._parameters import Family
from foldstat.mixture._rows import validated
from foldstat.mixture._sample import draw


class FittedMixture(ScikitLearnHooks):
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
        log_likelihood: Rows = self._apply("score_samples", X)
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
        probabilities: Rows = self._apply("predict_proba", X)
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
        labels: NDArray[np.int64] = self._apply("predict", X)
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
            How often each row counts: Σ w is the number of rows, so the scale of the weights matters.

        Returns
        -------
        float
            -2 Σ w log p(x) + p log Σ w, with p the number of free parameters.

        References
        ----------
        Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978).
        """
        return self._criterion(X, sample_weight, math.log)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: Σ w is the number of rows, so the scale of the weights matters.

        Returns
        -------
        float
            -2 Σ w log p(x) + 2 p, with p the number of free parameters.

        References
        ----------
        Akaike, "A new look at the statistical model identification", IEEE Transactions on
        Automatic Control 19 (1974).
        """
        return self._criterion(X, sample_weight, lambda count: 2)

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
        means, covariances = means_and_covariances_of(self)
        return draw(rng, n_samples, weights_of(self), means, covariances, self.covariance_type)

    def _apply(self, kernel: str, X: Any) -> Any:
        plain = self._is_plain(X)
        if not plain:
            check_is_fitted(self)
            X = validated(self, X, reset=False)
        try:
            self._check_overrides()
            result = getattr(self._compiled_mixture(), kernel)(X, thread_count(self.n_jobs))
        except ValueError:
            if plain:
                validated(self, X, reset=False)  # scikit-learn's own message, if it has one
            raise
        if X.dtype is FLOAT32 and result.dtype is FLOAT64:
            return self._as_precise_as(X, result)
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

    def _criterion(self, X: ArrayLike, sample_weight: ArrayLike | None, penalty: Callable[[float], float]) -> float:
        """Give -2 Σ w log p(x) and the penalty of the free parameters for that many rows."""
        if sample_weight is None:
            mean, count = self.score(X), float(np.shape(X)[0])
        else:
            mean, count = self._mean_and_count(X, sample_weight)
        if not math.isfinite(count):
            raise ValueError("sample_weight is too large: its sum, the number of rows, is not finite")
        return -2 * mean * count + penalty(count) * self._n_parameters()

    def _mean_and_count(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        log_likelihood = self.score_samples(X)
        w = as_sample_weight(sample_weight, len(log_likelihood))
        if w is None:
            return float(np.mean(log_likelihood)), len(log_likelihood)
        with np.errstate(over="ignore"):
            return float(np.average(log_likelihood, weights=within_range(w))), float(w.sum())
