"""The estimator: scikit-learn's `GaussianMixture` over the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from foldstat._common.arrays import FLOAT32, FLOAT64, Floats, as_rows
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._criteria import Criteria
from foldstat.mixture._elsewhere import check_weight_name, chosen_columns, named_matrices, remember_names
from foldstat.mixture._estimator import MixtureEstimator, float32_hint
from foldstat.mixture._missing import statistics_of, takes_missing
from foldstat.mixture._parameters import (
    FAMILIES,
    METHODS,
    Accelerate,
    Family,
    Method,
    Stop,
    as_covariances,
    as_family,
    as_means,
    as_weights,
)
from foldstat.mixture._passes import locating
from foldstat.mixture._prior_rows import KINDS, PriorRows, check_prior_rows
from foldstat.mixture._reading._plain import not_a_mixture, read_fitted
from foldstat.mixture._sklearn import Interval, StrOptions, fit_context
from foldstat.mixture._start import Given, Start, check_given
from foldstat.mixture._stepwise import Running
from foldstat.sources import Matrices, as_pieces


class GaussianMixture(Criteria, MixtureEstimator, ours=True):
    """A mixture of Gaussians fitted by expectation maximisation.

    A drop-in for :class:`sklearn.mixture.GaussianMixture`: the same parameters, attributes, methods and
    messages, and `n_jobs` and `sample_weight` besides. Every EM iteration is one parallel pass over the
    rows outside of Python's global lock; the result is the same to the last bit for any number of
    threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of Gaussians.
    covariance_type : str, default='full'
        What the covariances may be: 'full', a matrix for each component; 'tied', one matrix for all; 'diag', a
        diagonal matrix for each; 'spherical', one variance for each; or one of mclust's 14 families, as the notes
        below tell them.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood of a row changes by less than this.
    reg_covar : float, default=1e-6
        Added to the diagonal of every covariance, which keeps it positive definite. Where that would break what a
        family has in common (VEI, EVI, VEE, EVE, VVE, EEV, VEV, EVV), it is added to the scatter of each component
        per row before the M-step, as if every feature had so much noise: the family's constraint holds exactly.
    max_iter : int, default=100
        Largest number of EM iterations; 0 keeps the start, its weights divided by their sum.
    n_init : int, default=1
        Number of starts; the one that ends with the largest likelihood is kept. The first start does
        not depend on this number. Starts that collapse onto too few rows are left out with a warning, unless all do.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data', 'whitened', 'short-em'}, array or callable, \
            default='kmeans'
        How a start is found: from the clusters of k-means, from rows far apart, from random
        responsibilities, or from random rows; from the clusters of k-means in units of the rows' covariance, which no
        linear map of the columns changes; or from the likeliest of ten short runs of EM. An array starts from labels
        of shape (n_samples,), where -1 is a row of no component, or from responsibilities of shape (n_samples,
        n_components). A function ``f(X, n_components, random_state)`` is called with the rows that a start is looked
        for in, and gives either of these for them, or means of shape (n_components, n_features).
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
    prior : {'mclust', 'robust'} or None, default=None
        What is known of the components before the rows; a fit then finds the mode of the posterior in place of the
        maximum of the likelihood. 'mclust' has the defaults of that package: means are drawn to the mean of the rows
        by a hundredth of a row, covariances to that of the rows, divided by n_components ** (2 / n_features), by
        d + 2 degrees of freedom. 'robust' draws covariances alone, to the same, by one row: as little as keeps every
        start from collapsing. As a prior counts for a number of rows, the scale of `sample_weight` matters with one.
    weight_prior : float or None, default=None
        How many rows more each component has for its weight.
    mean_prior : pair of array-like of shape (n_features,) and float, default=None
        What means are drawn to, and by how many rows.
    covariance_prior : pair of array-like and float, default=None
        What covariances are drawn to, and by how many rows: (n_features, n_features) if matrices, (n_features,) if
        'diag', a number if 'spherical'.
    init_size : int or None, default=None
        How many rows the start is looked for in, drawn by a hash of their numbers: the same ones from whatever source
        the rows come. None takes 20,000, or 32 (n_features + 1) for each component if that is more; where a cluster
        has too few of them for its covariance, all rows in memory, and 200,000 of what does not lie there.
    stages : int, default=2
        Where there are more rows than `init_size`, EM is run on these first, from two starts for each that is asked
        for, and the likelier goes on: with four times as many rows if 3, and so on, and with all rows, which need few
        passes then. 1 runs EM on all rows only, from one start. `n_iter_` and `lower_bounds_` are those of all rows.
    stop : {'change', 'aitken'}, default='change'
        What `tol` is compared with: the change of the mean log-likelihood of a row, or Aitken's estimate of all that
        was still to gain by it, which small changes that go on for long do not deceive.
    accelerate : {'squarem'} or None, default=None
        'squarem' lengthens EM's steps where they go on in one direction: the same optimum in fewer passes, up to ten
        times fewer where EM is slow, and about as many where it is fast. Each pass counts as an iteration; a step
        that does not raise the likelihood is taken back. Bounds are compared for `tol` over two or three passes.
    forgetting : float, default=0.6
        How fast `partial_fit` forgets: batch number t counts with a share of t**-forgetting. From just above 0.5, which
        follows what changes, to 1, where all batches count alike.
    missing : {'em'} or None, default=None
        What NaN means, and a null of frames and files. None refuses them. 'em' takes them for values that are missing
        at random (whether a value is missing may depend on those that are there, not on itself): the fit maximises
        the likelihood of what is there, by the exact expected moments of what is not (Ghahramani & Jordan 1994), and
        all methods read such rows. Nothing is filled in, except for the search for a start.
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
        n_features) if 'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'; of other
        families as the notes tell.
    precisions_ : ndarray
        Inverses of the covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors U of the precisions U Uᵀ (inverse standard deviations where
        covariances are diagonals or variances), in the same shape. Set by hand, any factor F with F Fᵀ = Σ⁻¹ will do.
    converged_ : bool
        Whether the kept fit stopped because of `tol`.
    n_iter_ : int
        Number of iterations of the kept fit.
    lower_bound_ : float
        Mean log-likelihood of a row in the last iteration's E-step; with a prior, and the logarithm of its density,
        shared among the rows, but for constants.
    lower_bounds_ : list of float, of length `n_iter_`
        The same for each iteration, each a pass over the rows; where `accelerate` had a step taken back, that of the
        parameters which the fit went on from.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had them and all are strings.

    All arrays are float32 if X was, and float64 otherwise.

    Of a fitted model one may ask for parts (`marginal`, `condition`, `predict_given`), probabilities of one feature
    (`pdf`, `cdf`, `quantile`), its shape (`modes`, `ellipses`, `contours`), how much it leaves open (`entropy`,
    `uncertainty`, `posterior_entropy`, `kl_divergence`), clusters of several components (`merge_components`), and for
    other forms (`to_dict`, `from_dict`, `to_sklearn`, `to_onnx`).

    The private methods of scikit-learn's class that other tools call (`_estimate_log_prob` and its like,
    `_get_parameters`, `_set_parameters`, `_n_parameters`) are there. A subclass that overrides one which
    `fit` and the methods that score would never call, such as `_m_step`, is a TypeError. One that overrides
    `fit_predict` has it called by `fit`.

    Notes
    -----
    The covariance of component k is λₖ Dₖ Aₖ Dₖᵀ: a volume λ, a shape A, which is a diagonal of determinant 1, and an
    orientation D, which is orthogonal. Each of the three is equal for all components (E), variable (V), or that of the
    identity (I). With k components in d features:

    ====  ========  ========  ===========  =======================  ======================  ===========
    name  volume    shape     orientation  parameters               covariances_ (shape)    also called
    ====  ========  ========  ===========  =======================  ======================  ===========
    EII   equal     sphere    none         1                        (k,), all equal
    VII   variable  sphere    none         k                        (k,)                    'spherical'
    EEI   equal     equal     axes         d                        (k, d), rows equal
    VEI   variable  equal     axes         k + d − 1                (k, d)
    EVI   equal     variable  axes         1 + k(d − 1)             (k, d)
    VVI   variable  variable  axes         kd                       (k, d)                  'diag'
    EEE   equal     equal     equal        d(d + 1)/2               (d, d)                  'tied'
    VEE   variable  equal     equal        k − 1 + d(d + 1)/2       (k, d, d)
    EVE   equal     variable  equal        1 + (k + d/2)(d − 1)     (k, d, d)
    VVE   variable  variable  equal        kd + d(d − 1)/2          (k, d, d)
    EEV   equal     equal     variable     d + kd(d − 1)/2          (k, d, d)
    VEV   variable  equal     variable     k + (1 + kd/2)(d − 1)    (k, d, d)
    EVV   equal     variable  variable     1 + k(d − 1)(1 + d/2)    (k, d, d)
    VVV   variable  variable  variable     kd(d + 1)/2              (k, d, d)               'full'
    ====  ========  ========  ===========  =======================  ======================  ===========

    M-steps are closed forms, but for VEI, VEE and VEV (volumes and what is common in turns, a convex problem) and for
    EVE and VVE (plane rotations to common axes, from those of the iteration before; mclust 6.0.0 leaves the volumes out
    where it looks for the axes of VVE, and so ends at smaller likelihoods). Rescaling all features alike
    rescales the fit of every family; rescaling each by itself does of EEI, VEI, EVI, VVI, EEE, VEE, EVV and VVV; a
    rotation turns those of EII, VII, EEE, VEE, EVE, VVE, EEV, VEV, EVV and VVV.

    References
    ----------
    Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of
    the Royal Statistical Society B 39 (1977). Bishop, "Pattern Recognition and Machine Learning" (2006),
    section 9.2. Families: Celeux & Govaert, "Gaussian parsimonious clustering models", Pattern Recognition 28 (1995);
    Browne & McNicholas, "Estimating common principal components in high dimensions", Advances in Data Analysis and
    Classification 8 (2014); Scrucca, Fop, Murphy & Raftery, "mclust 5", The R Journal 8 (2016). Priors: Fraley &
    Raftery, "Bayesian regularization for normal mixture estimation and model-based clustering", Journal of
    Classification 24 (2007). 'squarem': Varadhan & Roland, "Simple and globally convergent methods for accelerating
    the convergence of any EM algorithm", Scandinavian Journal of Statistics 35 (2008). 'aitken': Böhning, Dietz,
    Schaub, Schlattmann & Lindsay, "The distribution of the likelihood ratio for mixtures of densities from the
    one-parameter exponential family", Annals of the Institute of Statistical Mathematics 46 (1994). Missing values:
    Ghahramani & Jordan, "Supervised learning from incomplete data via an EM approach", Advances in Neural Information
    Processing Systems 6 (1994).

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
        **MixtureEstimator._parameter_constraints,
        "covariance_type": [StrOptions(set(FAMILIES))],
        "init_params": [StrOptions({*METHODS, "whitened", "short-em"}), "array-like", callable],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "prior": [StrOptions(set(KINDS)), None],
        "weight_prior": [Interval(Real, 0.0, None, closed="left"), None],
        "mean_prior": [tuple, list, None],
        "covariance_prior": [tuple, list, None],
        "stages": [Interval(Integral, 1, None, closed="left")],
        "stop": [StrOptions({"change", "aitken"})],
        "accelerate": [StrOptions({"squarem"}), None],
        "forgetting": [Interval(Real, 0.5, 1.0, closed="right")],
        "missing": [StrOptions({"em"}), None],
    }

    _running: Running | None = None

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Family = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Method | ArrayLike | Callable[..., Any] = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        prior: Literal["mclust", "robust"] | None = None,
        weight_prior: float | None = None,
        mean_prior: tuple[ArrayLike, float] | None = None,
        covariance_prior: tuple[ArrayLike, float] | None = None,
        init_size: int | None = None,
        stages: int = 2,
        stop: Stop = "change",
        accelerate: Accelerate | None = None,
        forgetting: float = 0.6,
        missing: Literal["em"] | None = None,
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
        self.prior = prior
        self.weight_prior = weight_prior
        self.mean_prior = mean_prior
        self.covariance_prior = covariance_prior
        self.init_size = init_size
        self.stages = stages
        self.stop = stop
        self.accelerate = accelerate
        self.forgetting = forgetting
        self.missing = missing
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
            if 'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'; of other families in
            the shape of `covariances_`.
        covariance_type : str, default='full'
            The covariance family. Whether covariances obey it is not looked at: the family counts parameters, and
            is what a fit from here is held to.
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
        if any(value is not None for value in (self.prior, self.weight_prior, self.mean_prior, self.covariance_prior)):
            raise ValueError("partial_fit finds the maximum of the likelihood, and has no place for priors: use fit")
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
            rows = draft._validated(X)
        else:
            rows = as_rows(X)  # whose columns were chosen by their names
            if rows.shape[1] != self.n_features_in_:
                raise ValueError(f"X has {rows.shape[1]} features, but the model has {self.n_features_in_}")
        w = as_sample_weight(sample_weight, len(rows), all_rows=not begun)
        if w is not None and not w.any():
            return
        batch = statistics_of(
            draft._compiled_mixture(), rows, w, thread_count(self.n_jobs), missing=takes_missing(self)
        )
        running = self._running
        draft._running = Running.of(batch) if running is None else running.after(batch, self.forgetting)
        if begun:
            draft._keep_running(draft._running, rows.dtype)
        self._become(draft)

    def _keep_running(self, running: Running, dtype: np.dtype[Any]) -> None:
        with float32_hint(dtype):
            self._keep(running.start(self.covariance_type, self.reg_covar), dtype)
        self.converged_, self.n_iter_ = False, self.n_iter_ + 1
        self.lower_bound_ = running.lower_bound
        self.lower_bounds_ = [*self.lower_bounds_, self.lower_bound_]

    def _begin(self) -> None:
        self._running = None

    def _given(self, d: int) -> Given:
        k, family = self.n_components, self.covariance_type
        return check_given(self.weights_init, self.means_init, self.precisions_init, family, k, d)

    def _prior(self, d: int) -> PriorRows | None:
        return check_prior_rows(self, d)

    def _with_parameters(
        self, weights: Floats, means: Floats, covariances: Floats, family: Family, names: Sequence[str | None]
    ) -> GaussianMixture:
        """Make a mixture of other parameters, as precise as this one, that draws and works as this one does."""
        kept = {"random_state": self.random_state, "n_jobs": self.n_jobs}
        model = GaussianMixture.from_parameters(weights, means, covariances, covariance_type=family, **kept)
        if self.means_.dtype == FLOAT32:
            model._keep_start(model._last(), FLOAT32)
        remember_names(model, None if None in names else names)
        return model

    def _become_fitted(self, fitted: Mapping[str, Any]) -> None:
        """Take over what `from_dict` read, if it is a mixture."""
        found = read_fitted(fitted)
        means = found["means_"]
        try:
            self._validate_params()
            thread_count(self.n_jobs)
            k, d = as_means(means).shape
            family = as_family(self.covariance_type)
            as_weights(found["weights_"], k)
            as_covariances(found["covariances_"], family, k, d)
            self._set_parameters((found["weights_"], means, found["covariances_"], found["precisions_cholesky_"]))
            self._compiled_mixture()
        except (TypeError, ValueError) as error:
            raise not_a_mixture(str(error)) from error
        names = found["feature_names_in_"]
        if names is not None and len(names) != d:
            raise not_a_mixture(f"its arrays are of {d} features, and {len(names)} are named")
        self.n_features_in_ = d
        remember_names(self, names)
        self.converged_, self.n_iter_ = found["converged_"], found["n_iter_"]
        self.lower_bound_, self.lower_bounds_ = found["lower_bound_"], found["lower_bounds_"]
