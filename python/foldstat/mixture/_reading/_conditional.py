"""Marginals and conditionals of a mixture, and the regression that is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from foldstat._common.arrays import FLOAT32, Floats, Rows, as_floats, as_rows
from foldstat._common.checks import flag
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.mixture._attributes import means_and_covariances_of, weights_of
from foldstat.mixture._elsewhere import chosen_columns
from foldstat.mixture._missing import incomplete_patterns
from foldstat.mixture._parameters import Family
from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._columns import column_numbers, names_of
from foldstat.mixture._reading._components import Components, covariances_among, geometry_of
from foldstat.mixture._reading._regression import ROWS, Regression, shape_of_spread
from foldstat.mixture._sample import Rng, generator_of


class ConditionalReads(Fitted):
    """Parts of a mixture, which are mixtures again."""

    def _with_parameters(
        self, weights: Floats, means: Floats, covariances: Floats, family: Family, names: Sequence[str | None]
    ) -> Any:
        """Make a mixture of this kind with other parameters; each kind says how."""
        raise NotImplementedError

    def marginal(self, columns: Any) -> Any:
        """Give the distribution of some of the features.

        Parameters
        ----------
        columns : int, str, or sequence of these
            Numbers of the features, or names if the model was fitted to rows that have names. Their order is that
            of the result.

        Returns
        -------
        GaussianMixture
            The marginal mixture, with the names of its features. Its `covariance_type` is 'full', 'tied', 'diag' or
            'spherical', as the covariances of this model lie.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If a feature is not there, or is named twice.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> model.marginal(1).covariances_
        array([[[2.]]])
        """
        check_is_fitted(self)
        means, covariances = means_and_covariances_of(self)
        names = names_of(self, means.shape[1])
        chosen = column_numbers(columns, names, "columns")
        family = geometry_of(self)
        return self._with_parameters(
            weights_of(self),
            means[:, list(chosen)],
            covariances_among(covariances, family, chosen),
            family,
            [names[column] for column in chosen],
        )

    def condition(self, given: Any) -> Any:
        """Give the distribution of the other features where some are known.

        Parameters
        ----------
        given : mapping of int or str to float, or Series
            The values of features, by number or name.

        Returns
        -------
        GaussianMixture
            The conditional mixture over the remaining features, in the order of the model, with their names.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If a feature is not there, a value is not finite, no feature is given, or none remains.

        References
        ----------
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 2.3.1 and equation 9.86.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> model.condition({0: 2.0}).means_
        array([[6.]])
        """
        check_is_fitted(self)
        components = Components.of(self)
        names = names_of(self, components.means.shape[1])
        columns, values = _known(given, names)
        regression = Regression.of(components, columns)
        row = values[np.newaxis]
        weights = regression.shares(row, thread_count(self.n_jobs))[0]
        family = geometry_of(self)
        return self._with_parameters(
            weights,
            regression.component_means(row)[:, :, 0].T,
            _as_family(regression.covariances, family),
            family,
            [names[column] for column in regression.rest],
        )

    def predict_given(self, X: Any, given: Any = None, *, return_std: bool = False, return_cov: bool = False) -> Any:
        """Predict features from others, row by row: Gaussian mixture regression.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_given) or (n_samples, n_features)
            The values of the given features, in the order of `given`; of a frame, the columns of these names. If
            `given` is None, rows of all features in which NaN stands for what is not known.
        given : int, str, sequence of these or None, default=None
            The features that are known, by number or name. None takes from each row what is known in it.
        return_std : bool, default=False
            Whether standard deviations are returned, too.
        return_cov : bool, default=False
            Whether covariance matrices are returned, too.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_features - n_given) or (n_samples, n_features)
            E(rest | given), of the features that are not given, in the order of the model. If `given` is None the
            rows with their gaps filled.
        spread : ndarray, same shape, or with one dimension more
            Standard deviations or covariances of the same, if asked for: those of the whole conditional mixture. What
            is known has none.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If a feature is not there, X has the wrong number of columns, is infinite, or has NaN and `given` is
            not None.

        References
        ----------
        Ghahramani & Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 6 (1994). Sung,
        "Gaussian mixture regression and classification", PhD thesis, Rice University (2004).

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> model.predict_given([[2.0], [4.0]], given=0)
        array([[6.],
               [7.]])
        >>> model.predict_given([[2.0, np.nan]])
        array([[2., 6.]])
        """
        check_is_fitted(self)
        if flag(return_std, "return_std") and flag(return_cov, "return_cov"):
            raise ValueError("return_std and return_cov exclude each other: the diagonal of one is the other's square")
        spread = "std" if return_std else "cov" if return_cov else None
        components = Components.of(self)
        names = names_of(self, components.means.shape[1])
        if given is None:
            found = self._filled(components, _rows_of(X, names, range(len(names)), missing=True), spread)
        else:
            columns = column_numbers(given, names, "given")
            rows = _rows_of(X, names, columns, missing=False)
            found = Regression.of(components, columns).predict(rows, spread, thread_count(self.n_jobs))
        if _is_single(X, self.means_):
            found = tuple(part.astype(np.float32) for part in found)
        return found if spread else found[0]

    def impute(self, X: Any, *, rng: Rng = None) -> Floats:
        """Fill the gaps of rows, by what is known in each of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in which NaN stands for what is missing.
        rng : None, int, SeedSequence, BitGenerator or Generator, default=None
            None fills in the expected values, which vary less than the rows do. Otherwise values are drawn from their
            distribution, for multiple imputation.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows; what was known is as it was.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has the wrong number of columns or is infinite.

        References
        ----------
        Ghahramani & Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 6 (1994). Rubin,
        "Multiple Imputation for Nonresponse in Surveys" (1987).

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[1.0, 0.5], [0.5, 2.0]]])
        >>> model.impute([[2.0, np.nan], [1.0, 1.0]])
        array([[2., 6.],
               [1., 1.]])
        >>> draws = model.impute(np.full((1000, 2), np.nan), rng=0)
        >>> bool(abs(draws[:, 1].mean() - 5.0) < 0.2)
        True
        """
        if rng is None:
            filled: Floats = self.predict_given(X)
            return filled
        check_is_fitted(self)
        components, generator = Components.of(self), generator_of(rng, None)
        names = names_of(self, components.means.shape[1])
        rows = _rows_of(X, names, range(len(names)), missing=True)
        with room_for(f"the gaps of {len(rows)} rows"):
            drawn = rows.astype(np.float64)
        for known, chosen in incomplete_patterns(rows):
            rest = np.flatnonzero(~known)
            regression = Regression.of(components, np.flatnonzero(known).tolist())
            for first in range(0, len(chosen), ROWS):
                here = chosen[first : first + ROWS]
                part = regression.drawn(rows[here][:, known], generator, thread_count(self.n_jobs))
                drawn[np.ix_(here, rest)] = part
        return drawn.astype(np.float32) if _is_single(X, self.means_) else drawn

    def _filled(self, components: Components, rows: Rows, spread: str | None) -> tuple[Floats, ...]:
        """Predict what is missing in each row."""
        n, d = rows.shape
        with room_for(f"the predictions of {n} rows"):
            means = rows.astype(np.float64)
            spreads = np.zeros(shape_of_spread(spread, n, d)) if spread else None
        for known, chosen in incomplete_patterns(rows):
            rest = np.flatnonzero(~known)
            regression = Regression.of(components, np.flatnonzero(known).tolist())
            found = regression.predict(rows[chosen][:, known], spread, thread_count(self.n_jobs))
            means[np.ix_(chosen, rest)] = found[0]
            if spreads is not None:
                spreads[np.ix_(chosen, rest) if spread == "std" else np.ix_(chosen, rest, rest)] = found[1]
        return (means,) if spreads is None else (means, spreads)


def _as_family(matrices: Floats, family: Family) -> Floats:
    """Give matrices as the covariances of a family lie."""
    if family == "full":
        return matrices
    if family == "tied":
        return np.asarray(matrices[0])
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    return np.asarray(diagonals if family == "diag" else diagonals[:, 0])


def _known(given: Any, names: Sequence[str | None]) -> tuple[tuple[int, ...], Floats]:
    """Read what is given for one row: columns and their values."""
    if not isinstance(given, Mapping) and not (hasattr(given, "items") and hasattr(given, "index")):
        raise TypeError(f"given must be a mapping of features to values, or a Series, got {type(given).__name__}")
    items = list(given.items())
    columns = column_numbers([column for column, _ in items], names, "given")
    values = as_floats([value for _, value in items], "given").astype(np.float64)
    if values.ndim != 1:
        raise ValueError("given must have one number for each feature: predict_given takes many rows")
    if not np.isfinite(values).all():
        where = int((~np.isfinite(values)).argmax())
        raise ValueError(f"given must be finite, got {values[where]} for {items[where][0]!r}")
    return columns, values


def _rows_of(X: Any, names: Sequence[str | None], columns: Sequence[int], *, missing: bool) -> Rows:
    """Read rows of some columns, by their names if both the rows and the model have such."""
    there = getattr(X, "column_names", getattr(X, "columns", None))
    if there is not None and not callable(there) and None not in names and all(isinstance(one, str) for one in there):
        X = chosen_columns(X, [names[column] for column in columns])
    if missing and hasattr(X, "iloc"):
        X = X.to_numpy(dtype=np.float64, na_value=np.nan)  # a null of pandas
    rows = as_rows(X)
    if rows.shape[1] != len(columns):
        raise ValueError(f"X must have {len(columns)} columns, one for each given feature, got {rows.shape[1]}")
    bad = np.isinf(rows) if missing else ~np.isfinite(rows)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        hint = "" if missing or not np.isnan(rows[row, column]) else "; given=None takes NaN for what is not known"
        raise ValueError(f"X must be finite, got {rows[row, column]} at row {row}, column {column}{hint}")
    return rows


def _is_single(X: Any, means: Floats) -> bool:
    """Whether both the rows and the model are of float32."""
    return getattr(X, "dtype", None) == FLOAT32 and means.dtype == FLOAT32
