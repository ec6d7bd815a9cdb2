"""What a mixture with known parameters can do: score, predict, sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from foldstat._common.arrays import FLOAT32, FLOAT64, Floats, Rows
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._attributes import means_and_covariances_of, weights_of
from foldstat.mixture._hooks import ScikitLearnHooks
from foldstat.mixture._likelihood import LogLikelihood
from foldstat.mixture._parameters import Family
from foldstat.mixture._rows import validated
from foldstat.mixture._sample import draw
from foldstat.mixture._scores import METHODS, Elsewhere


class FittedMixture(ScikitLearnHooks):
    """Methods that read the parameters of a mixture and never change them."""

    covariance_type: Family
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    weights_: Floats
    means_: Floats
    covariances_: Floats
    precisions_cholesky_: Floats

    def score_samples(self, X: Any) -> Rows:
        """Log-likelihood of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or of Dask where X is
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

    def predict_proba(self, X: Any) -> Rows:
        """Probability of every component for every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_components), or of Dask where X is
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

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), int64, or of Dask where X is
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

    def score(self, X: Any, y: None = None, sample_weight: Any = None) -> float:
        """Mean log-likelihood of a row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.
        y : None
            Ignored, present for the interface's sake.
        sample_weight : array-like of shape (n_samples,), str or source, default=None
            How often each row counts; of a source also the name of a column, or a source of the same chunks.

        Returns
        -------
        float
            Σ w log p(x) / Σ w.
        """
        return self._likelihood(X, sample_weight).mean

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.
        sample_weight : array-like of shape (n_samples,), str or source, default=None
            How often each row counts, as in `score`: Σ w is the number of rows, so the scale of the weights matters.

        Returns
        -------
        float
            -2 Σ w log p(x) + p log Σ w, with p the number of free parameters.

        References
        ----------
        Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978).
        """
        return self._criterion(X, sample_weight, math.log)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.
        sample_weight : array-like of shape (n_samples,), str or source, default=None
            How often each row counts, as in `score`: Σ w is the number of rows, so the scale of the weights matters.

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

    def iter_predictions(self, X: Any, *, method: str = "predict") -> Iterator[Any]:
        """Predict chunk by chunk, holding the results of one chunk at a time.

        Parameters
        ----------
        X : source
            Rows that come in chunks, as `foldstat.sources.as_source` opens them; rows in memory are one chunk.
        method : {'predict', 'predict_proba', 'score_samples'}, default='predict'
            What is asked about the rows.

        Yields
        ------
        ndarray
            What the method gives for the rows of the next chunk, in their order.

        Raises
        ------
        ValueError
            As the method; if `method` is none of these.

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> for labels in model.iter_predictions([np.array([[1.0], [3.0]]), np.array([[5.0]])]):
        ...     print(labels)
        [0 1]
        [1]
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
        check_is_fitted(self)
        rows = self._elsewhere(X)
        return iter([self._apply(method, X)]) if rows is None else rows.parts(method)

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
            rows = self._elsewhere(X)
            if rows is not None:
                self._check_overrides()
                return rows.collected(kernel)
            X = validated(self, X, reset=False)
        try:
            self._check_overrides()
            result = getattr(self._compiled_mixture(), kernel)(X, thread_count(self.n_jobs))
        except ValueError:
            if plain:
                validated(self, X, reset=False)  # scikit-learn's own message, if it has one
            raise
        if X.dtype == FLOAT32 and result.dtype == FLOAT64:
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

    def _elsewhere(self, X: Any, sample_weight: Any = None) -> Elsewhere | None:
        """Open rows that do not lie in memory; None for others."""
        return Elsewhere.of(self, X, sample_weight, thread_count(self.n_jobs))

    def _criterion(self, X: Any, sample_weight: Any, penalty: Callable[[float], float]) -> float:
        """Give -2 Σ w log p(x) and the penalty of the free parameters for that many rows."""
        if type(self).score is not FittedMixture.score and sample_weight is None:
            mean, count = self.score(X), self._likelihood(X, None).n_rows  # a subclass has the last word
        else:
            found = self._likelihood(X, sample_weight)
            mean, count = found.mean, found.n_rows
        if not math.isfinite(count):
            raise ValueError("sample_weight is too large: its sum, the number of rows, is not finite")
        return -2 * mean * count + penalty(count) * self._n_parameters()

    def _likelihood(self, X: Any, sample_weight: Any) -> LogLikelihood:
        """Sum the log-likelihoods of all rows, exactly: however they were cut; but see `LogLikelihood.of_singles`."""
        if not self._is_plain(X):
            check_is_fitted(self)
            rows = self._elsewhere(X, sample_weight)
            if rows is not None:
                self._check_overrides()
                return rows.log_likelihood()
        log_likelihoods = self.score_samples(X)
        if sample_weight is None and log_likelihoods.dtype == FLOAT32:
            return LogLikelihood.of_singles(log_likelihoods)
        return LogLikelihood.of(log_likelihoods, as_sample_weight(sample_weight, len(log_likelihoods)))
