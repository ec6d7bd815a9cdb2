"""What a mixture with known parameters can do: score, predict, sample."""

from __future__ import annotations

from collections.abc import Iterator
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
from foldstat.mixture._missing import scored, takes_missing
from foldstat.mixture._parameters import Family
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import lower_factors
from foldstat.mixture._reading._reads import MixtureReads
from foldstat.mixture._rows import validated
from foldstat.mixture._sample import Rng, draw, draw_normals, generator_of
from foldstat.mixture._scores import METHODS, Elsewhere


class FittedMixture(MixtureReads, ScikitLearnHooks):
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

    def sample(self, n_samples: int = 1, *, rng: Rng = None) -> tuple[Floats, NDArray[np.int64]]:
        """Draw random rows; the same ones as scikit-learn for the same `random_state`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        rng : Generator, SeedSequence, int or None, default=None
            Where the draws come from, in place of `random_state`. They are not those of scikit-learn then, and no BLAS
            or LAPACK takes part in them. A generator goes on from call to call, an int gives the same rows again.

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

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [40.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> X, y = model.sample(100, rng=np.random.default_rng(0))
        >>> bool(((X[:, 0] > 20) == (y == 1)).all())
        True
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample.")
        if rng is not None:
            components = Components.of(self)
            factors = lower_factors(components.covariances, "covariances_")
            generator = generator_of(rng, self.random_state)
            return draw_normals(generator, n_samples, components.weights, components.means, factors)
        state = check_random_state(self.random_state)
        means, covariances = means_and_covariances_of(self)
        return draw(state, n_samples, weights_of(self), means, covariances, self.covariance_type)

    def _apply(self, kernel: str, X: Any) -> Any:
        plain = self._is_plain(X)
        if not plain:
            check_is_fitted(self)
            rows = self._elsewhere(X)
            if rows is not None:
                self._check_overrides()
                return rows.collected(kernel)
            X = self._validated(X)
        try:
            self._check_overrides()
            result = self._found(kernel, X)
        except ValueError:
            if plain:
                self._validated(X)  # scikit-learn's own message, if it has one
            raise
        if X.dtype == FLOAT32 and result.dtype == FLOAT64:
            return self._as_precise_as(X, result)
        return result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = takes_missing(self)
        return tags

    def _found(self, kernel: str, X: Rows) -> Any:
        return scored(self._compiled_mixture(), kernel, X, thread_count(self.n_jobs), missing=takes_missing(self))

    def _validated(self, X: Any) -> Rows:
        return validated(self, X, reset=False, ensure_all_finite="allow-nan" if takes_missing(self) else True)

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
