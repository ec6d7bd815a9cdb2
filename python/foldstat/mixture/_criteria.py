"""Information criteria: the likelihood of a mixture, less what its parameters cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from foldstat.mixture._fitted import FittedMixture


class Criteria(FittedMixture):
    """What tells fits of different size apart."""

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
