"""The body of an estimator: what a fit is, whatever the model that is fitted."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from foldstat._common.arrays import FLOAT32, Floats, Rows
from foldstat._common.callers import level_of_caller
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._attributes import as_set, weights_of
from foldstat.mixture._checkpoint import Checkpoint
from foldstat.mixture._elsewhere import (
    check_weight_name,
    chosen_columns,
    passes_over,
    passes_over_rows,
    remember_names,
)
from foldstat.mixture._fitted import FittedMixture
from foldstat.mixture._missing import takes_missing
from foldstat.mixture._parameters import Accelerate, Stop, is_collapse, restart_seeds, sums_to_one
from foldstat.mixture._passes import ChunkedPasses, Passes
from foldstat.mixture._plan import Plan
from foldstat.mixture._prior import Prior
from foldstat.mixture._prior_rows import PriorRows
from foldstat.mixture._progress import Callback, progress_bar
from foldstat.mixture._rows import ROW_DTYPES, validated
from foldstat.mixture._sklearn import Interval, StrOptions, fit_context
from foldstat.mixture._start import Given, Posterior, Start

_NOT_CONVERGED = (
    "Best performing initialization did not converge. Try different init parameters, "
    "or increase max_iter, tol, or check for degenerate data."
)
_COLLAPSED = (
    "{} of {} starts collapsed onto too few rows and are left out, the fit is the best of the others: a larger "
    "reg_covar or fewer components keep them alive."
)
_FLOAT32_HINT = " The numerical accuracy can also be improved by passing float64 data instead of float32."


class MixtureEstimator(FittedMixture, DensityMixin, BaseEstimator):
    """An estimator that is fitted by folds over the rows, one for each iteration."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "random", "random_from_data", "k-means++"})],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "init_size": [Interval(Integral, 2, None, closed="left"), None],
        "n_jobs": "no_validation",  # by `thread_count`, as everywhere
    }

    n_components: int
    tol: float
    reg_covar: float
    max_iter: int
    n_init: int
    init_params: Any  # a `Method`, or what the class takes besides
    warm_start: bool
    verbose: int
    verbose_interval: int
    init_size: int | None
    stages: int = 1
    stop: Stop = "change"
    accelerate: Accelerate | None = None
    n_features_in_: int
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: None = None,
        sample_weight: Any = None,
        *,
        columns: Any = None,
        checkpoint: Any = None,
        executor: Any = None,
    ) -> Self:
        """Estimate the parameters with the EM algorithm.

        A fit that fails or is interrupted leaves the model as it was.

        The `n_init` starts share each pass over the data, and the one that ends with the largest
        likelihood is kept. EM itself stores nothing per row; while a start is looked for,
        'kmeans' and 'k-means++' keep one float64 for each row and restart, with the restarts in
        groups of at most 32 MB (or of one, if that alone needs more).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows; float64 and float32 arrays, and frames that NumPy can view, are read where they lie. What does not
            lie in memory is read chunk by chunk in every iteration, to the same bits: paths of files, lists of
            arrays, and all else that `foldstat.sources.as_source` opens; collections of Dask are folded where they
            are.
        y : None
            Ignored, present for the interface's sake.
        sample_weight : array-like of shape (n_samples,), str or source, default=None
            How often each row counts, finite and not negative; of a source also the name of a column, or a source of
            the same chunks. Their scale matters where priors count for rows, and not otherwise. A row of
            weight zero is not there: the fit is the one without it, from the same start. For EM from
            a given start an integer weight is that many copies; where a start is looked for, a row
            is drawn with a probability in proportion to its weight, as its copies together would be,
            but the draws themselves may be others.
        columns : list of str, default=None
            Which columns of a source or frame are the features, in their order. None takes all of them.
        checkpoint : path, default=None
            A file that the state of the fit is written to after every pass, in one step. The same call again goes on
            from it, to the bits of a fit that nothing interrupted. More iterations may be asked for.
        executor : object with a ``submit`` method, default=None
            Where the chunks of X are folded, in place of this process's threads: an executor in the manner of
            `concurrent.futures` (processes, loky, MPI, ipyparallel). X is a sequence of chunks, then.

        Returns
        -------
        self
            The model itself.

        Raises
        ------
        ValueError
            If a parameter or weight is out of its range, X has NaN or infinite entries or too few
            rows, or a covariance collapses in every start; if a source gives other rows in one pass than in another, or
            the checkpoint is of other data or parameters.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` iterations were not enough, or some of several starts have collapsed.
        UserWarning
            If the fit goes on from a checkpoint.
        RuntimeWarning
            If a source gives its rows in another order in each pass.
        """
        draft = self._draft()
        if self._hands_over(MixtureEstimator.fit_predict):
            given = {"sample_weight": sample_weight, "columns": columns, "checkpoint": checkpoint, "executor": executor}
            with draft._handing_over():
                draft.fit_predict(X, y, **{name: value for name, value in given.items() if value is not None})
        else:
            draft._fit(X, sample_weight, columns, checkpoint, executor)
        self._become(draft)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self,
        X: Any,
        y: None = None,
        sample_weight: Any = None,
        *,
        columns: Any = None,
        checkpoint: Any = None,
        executor: Any = None,
    ) -> NDArray[np.int64]:
        """Fit, and give the most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, as in `fit`.
        y : None
            Ignored, present for the interface's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts, as in `fit`.
        columns, checkpoint, executor
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            The same labels as ``fit(X).predict(X)``; of a collection of Dask one of its arrays.

        Raises
        ------
        ValueError
            As `fit`; also then the model stays as it was.
        """
        draft = self._draft()
        rows = draft._fit(X, sample_weight, columns, checkpoint, executor)
        draft._check_overrides()
        mixture = draft._compiled_mixture()
        labels: NDArray[np.int64]
        if isinstance(rows, ChunkedPasses):
            labels = np.concatenate([part for _, part in rows.scores(mixture, "predict")])
        elif isinstance(rows, Passes):
            labels = FittedMixture.predict(draft, X)
        else:
            labels = mixture.predict(rows, thread_count(self.n_jobs), check_finite=False)
        self._become(draft)
        return labels

    def _draft(self) -> Self:
        """Give a model to be fitted in place of this one, which stays as it is if that fails."""
        self._check_overrides()
        draft: Self = object.__new__(type(self))
        draft.__dict__ = dict(vars(self))
        return draft

    def _become(self, draft: Self) -> None:
        """Take over all that was fitted, in one step that no interrupt can divide."""
        self.__dict__ = draft.__dict__

    def _fit(
        self, X: Any, sample_weight: Any, columns: Any = None, checkpoint: Any = None, executor: Any = None
    ) -> Rows | Passes:
        """Fit, and give the rows, or what reads them."""
        self._begin()
        threads = thread_count(self.n_jobs)  # refused before the work, not after it
        missing = takes_missing(self)
        passes = passes_over(X, columns, sample_weight, executor, threads, missing=missing)
        warm = self.warm_start and hasattr(self, "converged_")
        rows = w = None
        if passes is None:
            check_weight_name(X, sample_weight)
            X = chosen_columns(X, columns)
            rows, w = self._training_rows(X, sample_weight, searched=warm and not self.max_iter)
            d, dtype = rows.shape[1], rows.dtype
            if checkpoint is not None or (missing and np.isnan(rows).any()):
                passes = passes_over_rows(rows, w, threads, missing=missing)
        else:
            d, dtype = passes.n_columns, passes.dtype
            if warm and d != np.shape(self.means_)[1]:
                raise ValueError(f"X has {d} features, but the model to go on from has {np.shape(self.means_)[1]}")
            self.n_features_in_ = d
            remember_names(self, passes.names)
        plan = self._plan(d, warm, threads)
        if missing and passes is not None:
            plan = plan._replace(stages=1)  # a sample whose gaps are filled is nothing to run EM on
        if warm and not self.max_iter:
            if passes is not None:
                passes.look(self.n_components, None)
                plan.check_rows(passes)
            self._keep_start(self._last(), dtype)
            return passes or cast("Rows", rows)
        saved = None if checkpoint is None else Checkpoint(checkpoint, plan.settings)
        bar = progress_bar(
            self.max_iter,
            show=bool(self.verbose),
            n_starts=len(plan.seeds),
            interval=self.verbose_interval,
            changes=self.verbose > 1,
            bound="log_likelihood" if plan.prior is None else "bound",
        )
        with float32_hint(dtype), bar as report:
            if passes is not None:
                passes.progress = self.verbose > 1
                fits = plan.fit_passes(passes, saved, report)
            else:
                fits = self._fit_rows(X, rows, w, plan, report)
        if self.max_iter:
            self._keep_best(fits, dtype, n_starts=len(plan.seeds))
        else:
            self._keep_start(_start_of(fits[-1]), dtype)
            self._keep_prior(fits[-1]["prior"], dtype)
        return passes or cast("Rows", rows)

    def _begin(self) -> None:
        """Forget what a fit does not go on from."""

    def _fit_rows(self, X: Any, rows: Any, w: Floats | None, plan: Plan, report: Callback | None) -> list[Any]:
        try:
            return plan.fit_rows(rows, w, report)
        except ValueError:
            validated(self, X, dtype=ROW_DTYPES)  # scikit-learn's own message, if it has one
            raise

    def _plan(self, d: int, warm: bool, n_jobs: int | None) -> Plan:
        given = self._given(d)
        return Plan(
            family=self.covariance_type,
            n_components=self.n_components,
            method=self.init_params,
            seeds=(seeds := [0] if warm else self._seeds_of_starts(given)),
            random_state=_told(self.random_state, seeds),
            given=given,
            prior=self._prior(d),
            last=(self._last(), float(self.lower_bound_)) if warm else None,
            init_size=None if self.init_size is None else int(self.init_size),
            stages=int(self.stages),
            tol=float(self.tol),
            reg_covar=float(self.reg_covar),
            stop=self.stop,
            accelerate=self.accelerate,
            max_iter=int(self.max_iter),
            n_jobs=n_jobs,
        )

    def _given(self, d: int) -> Given:
        """Check the parameters that a fit starts from."""
        return Given(None, None, None)

    def _prior(self, d: int) -> Prior | PriorRows | None:
        """Check what is known of the parameters before the rows."""
        return None

    def _training_rows(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, searched: bool
    ) -> tuple[Rows, Floats | None]:
        """Check the rows and their weights; NaN and infinity are mostly found by the first pass of the fit."""
        least = 2 if sample_weight is None else 1
        finite = "allow-nan" if takes_missing(self) else searched
        rows = validated(self, X, dtype=ROW_DTYPES, ensure_min_samples=least, ensure_all_finite=finite)
        w = as_sample_weight(sample_weight, len(rows))
        n = len(rows)
        if w is not None:
            # A row of weight zero is not there, and one of weight 5 is there five times.
            enough = max(self.n_components, 2)
            n = max(int(np.count_nonzero(w)), int(np.floor(np.minimum(w, enough)).sum()))
            if n < 2:
                raise ValueError(
                    f"Found array with {n} sample(s) (shape={rows.shape}) of positive weight "
                    f"while a minimum of 2 is required by {type(self).__name__}."
                )
        if n < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, n_samples = {n}"
            )
        return rows, w

    def _last(self) -> Start:
        """Where the fit before this one ended."""
        means, factors = as_set(self.means_, "means_"), as_set(self.precisions_cholesky_, "precisions_cholesky_")
        covariances = as_set(self.covariances_, "covariances_")
        return Start(weights_of(self), means, covariances, factors, self._posterior())

    def _seeds_of_starts(self, given: Given) -> list[int]:
        if given.complete:
            return [0]  # nothing is drawn
        seeds: list[int] = restart_seeds(check_random_state(self.random_state), self.n_init).tolist()
        # Without iterations nothing tells the starts apart: the last one stays.
        return seeds if self.max_iter else seeds[-1:]

    def _keep_start(self, start: Start, dtype: np.dtype[Any]) -> None:
        # A start from single rows weighs each component by its row, which is no share of 1 yet.
        shares = start.weights if sums_to_one(start.weights.sum(), FLOAT32) else start.weights / start.weights.sum()
        self._keep(start._replace(weights=shares), dtype)
        self.converged_, self.n_iter_ = False, 0
        self.lower_bound_ = -math.inf
        self.lower_bounds_ = []

    def _keep_fit(self, fit: dict[str, Any], dtype: np.dtype[Any]) -> None:
        self._keep(_start_of(fit), dtype)
        self._keep_prior(fit.get("prior"), dtype)
        self.converged_ = fit["converged"]
        self.lower_bounds_ = fit["lower_bounds"].tolist()
        self.n_iter_ = len(self.lower_bounds_)
        self.lower_bound_ = self.lower_bounds_[-1]

    def _keep_best(self, fits: list[Any], dtype: np.dtype[Any], n_starts: int) -> None:
        self._keep_fit(best_of(fits), dtype)
        if not self.converged_:
            warnings.warn(_NOT_CONVERGED, ConvergenceWarning, stacklevel=level_of_caller())
        if len(fits) < n_starts:
            warnings.warn(
                _COLLAPSED.format(n_starts - len(fits), n_starts), ConvergenceWarning, stacklevel=level_of_caller()
            )

    def _keep(self, start: Start, dtype: np.dtype[Any]) -> None:
        self._set_parameters(self._parameters_of_start(start, dtype))
        # Those that a class keeps elsewhere, or that float32 cannot hold, are refused by the methods that need them.
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            self._compiled_mixture()

    def _parameters_of_start(self, start: Start, dtype: np.dtype[Any]) -> Any:
        """Give what `_set_parameters` takes."""
        return tuple(np.asarray(array, dtype=dtype) for array in start[:4])

    def _keep_prior(self, prior: Any, dtype: np.dtype[Any]) -> None:
        """Keep what was known of the parameters before the rows."""


def best_of(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Choose the fit of the largest bound; of equal ones the first."""
    return max(fits, key=lambda fit: float(fit["lower_bounds"][-1]))


def _told(random_state: Any, seeds: list[int]) -> Any:
    """Give what tells one random state from another: the number, None, or the seeds that a generator gave."""
    if random_state is None:
        return None
    return int(random_state) if isinstance(random_state, Integral) else seeds


def _start_of(fit: dict[str, Any]) -> Start:
    mixture, posterior = fit["mixture"], fit["mixture"].posterior
    parts = mixture.weights, mixture.means, fit["covariances"], mixture.precisions_cholesky
    return Start(*parts, None if posterior is None else Posterior(*posterior))


@contextlib.contextmanager
def float32_hint(dtype: np.dtype[Any]) -> Iterator[None]:
    """Say in the error of a collapsed covariance that float64 rows may help."""
    try:
        yield
    except ValueError as error:
        if dtype == FLOAT32 and is_collapse(error):
            raise ValueError(str(error) + _FLOAT32_HINT) from error
        raise
