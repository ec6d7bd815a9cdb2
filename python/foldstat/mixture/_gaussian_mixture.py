"""The estimator: scikit-learn's `GaussianMixture` over the compiled kernels."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from foldstat._common.arrays import FLOAT32, FLOAT64, Floats, Rows, as_rows
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._attributes import as_set, weights_of
from foldstat.mixture._checkpoint import Checkpoint
from foldstat.mixture._elsewhere import (
    check_weight_name,
    chosen_columns,
    named_matrices,
    passes_over,
    passes_over_rows,
    remember_names,
)
from foldstat.mixture._fitted import FittedMixture
from foldstat.mixture._parameters import (
    FAMILIES,
    Family,
    Method,
    as_covariances,
    as_family,
    as_means,
    as_weights,
    restart_seeds,
    sums_to_one,
)
from foldstat.mixture._passes import ChunkedPasses, Passes, locating
from foldstat.mixture._plan import Plan
from foldstat.mixture._progress import Callback, progress_bar
from foldstat.mixture._rows import ROW_DTYPES, validated
from foldstat.mixture._sklearn import Interval, StrOptions, fit_context
from foldstat.mixture._start import Given, Start, check_given
from foldstat.mixture._stepwise import Running
from foldstat.sources import Matrices, as_pieces

_NOT_CONVERGED = (
    "Best performing initialization did not converge. Try different init parameters, "
    "or increase max_iter, tol, or check for degenerate data."
)
_FLOAT32_HINT = " The numerical accuracy can also be improved by passing float64 data instead of float32."


class GaussianMixture(FittedMixture, DensityMixin, BaseEstimator):
    """A mixture of Gaussians fitted by expectation maximisation.

    A drop-in for :class:`sklearn.mixture.GaussianMixture`: the same parameters, attributes, methods and
    messages, and `n_jobs` and `sample_weight` besides. Every EM iteration is one parallel pass over the
    rows outside of Python's global lock; the result is the same to the last bit for any number of
    threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of Gaussians.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        What the covariances may be: a matrix for each component, one matrix for all, a diagonal
        matrix for each, or one variance for each.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood of a row changes by less than this.
    reg_covar : float, default=1e-6
        Added to the diagonal of every covariance, which keeps it positive definite.
    max_iter : int, default=100
        Largest number of EM iterations; 0 keeps the start, its weights divided by their sum.
    n_init : int, default=1
        Number of starts; the one that ends with the largest likelihood is kept. The first start does
        not depend on this number.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How a start is found: from the clusters of k-means, from rows far apart, from random
        responsibilities, or from random rows.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from, in place of those `init_params` finds.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from, in place of those `init_params` finds.
    precisions_init : array-like, default=None
        Inverses of the covariances to start from, in place of those `init_params` finds. The shape
        is that of `covariances_`.
    random_state : int, RandomState instance or None, default=None
        Decides the random starts and what `sample` draws.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the previous fit, if there is one.
    verbose : int, default=0
        Show a progress bar if 1; if larger also the change of the log-likelihood, and how far each pass over rows
        is that do not lie in memory.
    verbose_interval : int, default=10
        Number of iterations between two updates of the bar.
    init_size : int or None, default=None
        How many rows the start is looked for in, drawn by a hash of their numbers: the same ones from whatever source
        the rows come. None takes all rows of an array in memory, and 200,000 of what does not lie there.
    forgetting : float, default=0.6
        How fast `partial_fit` forgets: batch number t counts with a share of t**-forgetting. From just above 0.5, which
        follows what changes, to 1, where all batches count alike.
    n_jobs : int or None, default=None
        Number of threads; negative numbers count from the number of usable cores, -1 is all of them.
        None takes, in this order, the value of an enclosing :func:`foldstat.threads` block, the
        environment variables ``FOLDSTAT_NUM_THREADS`` and ``OMP_NUM_THREADS``, or all usable cores.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Share of each component; they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Centre of each component.
    covariances_ : ndarray
        Covariances, of shape (n_components, n_features, n_features) if 'full', (n_features,
        n_features) if 'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'.
    precisions_ : ndarray
        Inverses of the covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors U of the precisions U Uᵀ (inverse standard deviations if 'diag' or
        'spherical'), in the same shape. Set by hand, any factor F with F Fᵀ = Σ⁻¹ will do.
    converged_ : bool
        Whether the kept fit stopped because of `tol`.
    n_iter_ : int
        Number of iterations of the kept fit.
    lower_bound_ : float
        Mean log-likelihood of a row in the last iteration's E-step.
    lower_bounds_ : list of float, of length `n_iter_`
        The same for each iteration.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had them and all are strings.

    All arrays are float32 if X was, and float64 otherwise.

    The private methods of scikit-learn's class that other tools call (`_estimate_log_prob` and its like,
    `_get_parameters`, `_set_parameters`, `_n_parameters`) are there. A subclass that overrides one which
    `fit` and the methods that score would never call, such as `_m_step`, is a TypeError. One that overrides
    `fit_predict` has it called by `fit`.

    References
    ----------
    Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of
    the Royal Statistical Society B 39 (1977). Bishop, "Pattern Recognition and Machine Learning" (2006),
    section 9.2.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(model.means_[:, 0]).round(6)
    array([ 1., 10.])
    >>> left, right = model.predict([[0, 0], [12, 3]])
    >>> bool(left != right)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(FAMILIES))],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "random", "random_from_data", "k-means++"})],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "init_size": [Interval(Integral, 2, None, closed="left"), None],
        "forgetting": [Interval(Real, 0.5, 1.0, closed="right")],
        "n_jobs": "no_validation",  # by `thread_count`, as everywhere
    }

    _running: Running | None = None
    n_iter_: int
    lower_bounds_: list[float]

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Family = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Method = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        init_size: int | None = None,
        forgetting: float = 0.6,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.init_size = init_size
        self.forgetting = forgetting
        self.n_jobs = n_jobs

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: str = "full",
        **params: Any,
    ) -> GaussianMixture:
        """Build a ready-to-use model from known parameters.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Shares of the components, of sum 1.
        means : array-like of shape (n_components, n_features)
            Centres of the components.
        covariances : array-like
            Covariances: (n_components, n_features, n_features) if 'full', (n_features, n_features)
            if 'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'.
        covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
            The covariance family.
        **params
            Further constructor arguments, such as `random_state` for `sample`, or `warm_start`
            for a `fit` that starts from here.

        Returns
        -------
        GaussianMixture
            The model, with `n_iter_` 0, `converged_` False and `lower_bound_` -inf.

        Raises
        ------
        ValueError
            If a shape is wrong, a number is not finite, weights are negative or do not sum to 1, or
            a covariance is not symmetric and positive definite.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> model.predict([[1.0], [3.0]])
        array([0, 1])
        """
        family = as_family(covariance_type)
        mu = as_means(means)
        k, d = mu.shape
        shares = as_weights(weights, k)
        sigma, factor = as_covariances(covariances, family, k, d)
        model = cls(k, covariance_type=family, **params)
        model.n_features_in_ = d
        model._keep_start(Start(shares, mu, sigma, factor), FLOAT64)
        return model

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
    ) -> GaussianMixture:
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
            the same chunks. Their scale does not matter. A row of
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
        GaussianMixture
            The model itself.

        Raises
        ------
        ValueError
            If a parameter or weight is out of its range, X has NaN or infinite entries or too few
            rows, or a covariance collapses; if a source gives other rows in one pass than in another, or
            the checkpoint is of other data or parameters.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` iterations were not enough.
        UserWarning
            If the fit goes on from a checkpoint.
        RuntimeWarning
            If a source gives its rows in another order in each pass.
        """
        draft = self._draft()
        draft._running = None
        if self._hands_over(GaussianMixture.fit_predict):
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
        draft._running = None
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

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: None = None, sample_weight: Any = None, *, columns: Any = None) -> GaussianMixture:
        """Go on with a batch of rows that nobody will see again: stepwise EM.

        The first batch is fitted as by `fit`. If there was a fit already, its parameters are the start, and count for
        no rows: after the first batch the model is that of this batch, so that it must not be small. Of each batch
        that follows, one E-step gives statistics s; those that the model keeps become (1 − γ) s̄ + γ s, and the
        parameters follow from them. The step γ is t**-forgetting, where t is how many batches as heavy as this one
        there were in all, itself included.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            A batch of rows. Of a source every part that is read at a time is a batch: a whole array of a list, else
            at most ``FOLDSTAT_CHUNK_BYTES`` of a frame or file. An iterator that can be read only once will do.
        y : None
            Ignored, present for the interface's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts, as in `fit`. A batch of weight zero is no batch.
        columns : list of str, default=None
            Which columns of a source or frame are the features. None takes those of the batch before, by their names
            where a source has such.

        Returns
        -------
        GaussianMixture
            The model itself. `converged_` is False after the second batch and those that follow; `lower_bounds_` has
            the running mean log-likelihood of a row after each.

        Raises
        ------
        ValueError
            As `fit`; the model is as it was before the batch, then.

        References
        ----------
        Cappé & Moulines, "On-line expectation-maximization algorithm for latent data models", Journal of the Royal
        Statistical Society B 71 (2009).

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> model = GaussianMixture(2, random_state=0)
        >>> for _ in range(20):
        ...     batch = np.concatenate([rng.normal(0, 1, (100, 1)), rng.normal(8, 1, (100, 1))])
        ...     model = model.partial_fit(batch)
        >>> np.sort(model.means_[:, 0]).round()
        array([0., 8.])
        """
        if not 0.5 < self.forgetting <= 1.0:
            raise ValueError(f"forgetting must be above 0.5 and at most 1, got {self.forgetting!r}")
        if as_pieces(X) is not None:
            raise TypeError("partial_fit takes batches one after the other: fit takes a Dask collection as a whole")
        names = getattr(self, "feature_names_in_", None) if columns is None else columns
        matrices = named_matrices(X, names, sample_weight)
        if matrices is None:
            check_weight_name(X, sample_weight)
            self._step(chosen_columns(X, columns), sample_weight)
            return self
        for block in matrices:
            with locating(block):
                self._step(block.rows, block.weights, matrices)
        return self

    def _step(self, X: Any, sample_weight: Any, source: Matrices | None = None) -> None:
        """Take one batch in."""
        draft = self._draft()
        begun = hasattr(self, "n_features_in_") and hasattr(self, "converged_")
        if not begun:
            rows = as_rows(X)
            draft._fit(X, sample_weight)
            if source is not None:
                remember_names(draft, source.names)
        elif source is None:
            rows = validated(draft, X, dtype=ROW_DTYPES, reset=False)
        else:
            rows = as_rows(X)  # whose columns were chosen by their names
            if rows.shape[1] != self.n_features_in_:
                raise ValueError(f"X has {rows.shape[1]} features, but the model has {self.n_features_in_}")
        w = as_sample_weight(sample_weight, len(rows), all_rows=not begun)
        if w is not None and not w.any():
            return
        batch = draft._compiled_mixture().statistics(rows, w, thread_count(self.n_jobs))
        running = self._running
        draft._running = Running.of(batch) if running is None else running.after(batch, self.forgetting)
        if begun:
            draft._keep_running(draft._running, rows.dtype)
        self._become(draft)

    def _keep_running(self, running: Running, dtype: np.dtype[Any]) -> None:
        with _float32_hint(dtype):
            self._keep(running.start(self.covariance_type, self.reg_covar), dtype)
        self.converged_, self.n_iter_ = False, self.n_iter_ + 1
        self.lower_bound_ = running.lower_bound
        self.lower_bounds_ = [*self.lower_bounds_, self.lower_bound_]

    def _draft(self) -> GaussianMixture:
        """Give a model to be fitted in place of this one, which stays as it is if that fails."""
        self._check_overrides()
        draft: GaussianMixture = object.__new__(type(self))
        draft.__dict__ = dict(vars(self))
        return draft

    def _become(self, draft: GaussianMixture) -> None:
        """Take over all that was fitted, in one step that no interrupt can divide."""
        self.__dict__ = draft.__dict__

    def _fit(
        self, X: Any, sample_weight: Any, columns: Any = None, checkpoint: Any = None, executor: Any = None
    ) -> Rows | Passes:
        """Fit, and give the rows, or what reads them."""
        threads = thread_count(self.n_jobs)  # refused before the work, not after it
        passes = passes_over(X, columns, sample_weight, executor, threads)
        warm = self.warm_start and hasattr(self, "converged_")
        rows = w = None
        if passes is None:
            check_weight_name(X, sample_weight)
            X = chosen_columns(X, columns)
            rows, w = self._training_rows(X, sample_weight, searched=warm and not self.max_iter)
            d, dtype = rows.shape[1], rows.dtype
            if checkpoint is not None:
                passes = passes_over_rows(rows, w, threads)
        else:
            d, dtype = passes.n_columns, passes.dtype
            if warm and d != np.shape(self.means_)[1]:
                raise ValueError(f"X has {d} features, but the model to go on from has {np.shape(self.means_)[1]}")
            self.n_features_in_ = d
            remember_names(self, passes.names)
        plan = self._plan(d, warm, threads)
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
        )
        with _float32_hint(dtype), bar as report:
            if passes is not None:
                passes.progress = self.verbose > 1
                fits = plan.fit_passes(passes, saved, report)
            else:
                fits = self._fit_rows(X, rows, w, plan, report)
        if self.max_iter:
            self._keep_best(fits, dtype)
        else:
            self._keep_start(_parameters_of(fits[-1]), dtype)
        return passes or cast("Rows", rows)

    def _fit_rows(self, X: Any, rows: Any, w: Floats | None, plan: Plan, report: Callback | None) -> list[Any]:
        try:
            return plan.fit_rows(rows, w, report)
        except ValueError:
            validated(self, X, dtype=ROW_DTYPES)  # scikit-learn's own message, if it has one
            raise

    def _plan(self, d: int, warm: bool, n_jobs: int | None) -> Plan:
        k, family = self.n_components, self.covariance_type
        given = check_given(self.weights_init, self.means_init, self.precisions_init, family, k, d)
        return Plan(
            family=family,
            n_components=k,
            method=self.init_params,
            seeds=(seeds := [0] if warm else self._seeds_of_starts(given)),
            random_state=_told(self.random_state, seeds),
            given=given,
            last=(self._last(), float(self.lower_bound_)) if warm else None,
            init_size=None if self.init_size is None else int(self.init_size),
            tol=float(self.tol),
            reg_covar=float(self.reg_covar),
            max_iter=int(self.max_iter),
            n_jobs=n_jobs,
        )

    def _training_rows(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, searched: bool
    ) -> tuple[Rows, Floats | None]:
        """Check the rows and their weights; NaN and infinity are mostly found by the first pass of the fit."""
        least = 2 if sample_weight is None else 1
        rows = validated(self, X, dtype=ROW_DTYPES, ensure_min_samples=least, ensure_all_finite=searched)
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
        return Start(weights_of(self), means, as_set(self.covariances_, "covariances_"), factors)

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

    def _keep_best(self, fits: list[Any], dtype: np.dtype[Any]) -> None:
        best = max(fits, key=lambda fit: fit["lower_bounds"][-1])
        self._keep(_parameters_of(best), dtype)
        self.converged_ = best["converged"]
        self.lower_bounds_ = best["lower_bounds"].tolist()
        self.n_iter_ = len(self.lower_bounds_)
        self.lower_bound_ = self.lower_bounds_[-1]
        if not self.converged_:
            warnings.warn(_NOT_CONVERGED, ConvergenceWarning, stacklevel=5)

    def _keep(self, start: Start, dtype: np.dtype[Any]) -> None:
        weights, means, covariances, factors = (np.asarray(array, dtype=dtype) for array in start)
        self._set_parameters((weights, means, covariances, factors))
        # Those that a class keeps elsewhere, or that float32 cannot hold, are refused by the methods that need them.
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            self._compiled_mixture()


def _told(random_state: Any, seeds: list[int]) -> Any:
    """Give what tells one random state from another: the number, None, or the seeds that a generator gave."""
    if random_state is None:
        return None
    return int(random_state) if isinstance(random_state, Integral) else seeds


def _parameters_of(fit: dict[str, Any]) -> Start:
    mixture = fit["mixture"]
    return Start(mixture.weights, mixture.means, fit["covariances"], mixture.precisions_cholesky)


@contextlib.contextmanager
def _float32_hint(dtype: np.dtype[Any]) -> Iterator[None]:
    """Say in the error of a collapsed covariance that float64 rows may help."""
    try:
        yield
    except ValueError as error:
        if dtype == FLOAT32 and "ill-defined empirical covariance" in str(error):
            raise ValueError(str(error) + _FLOAT32_HINT) from error
        raise
