"""The estimator: scikit-learn's `BayesianGaussianMixture` over the compiled kernels."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_rows
from foldstat.mixture._estimator import MixtureEstimator
from foldstat.mixture._parameters import Method
from foldstat.mixture._prior import Prior, check_prior
from foldstat.mixture._sklearn import Interval, StrOptions
from foldstat.mixture._start import Posterior, Start

_FAMILIES = ("full", "tied", "diag", "spherical")


class BayesianGaussianMixture(MixtureEstimator, ours=True):
    """A mixture of Gaussians whose parameters have a distribution, found by variational inference.

    A drop-in for :class:`sklearn.mixture.BayesianGaussianMixture`: the same parameters, attributes, methods and
    messages, and `n_jobs` and `sample_weight` besides. How many components the data need comes out of the fit: those
    that nothing speaks for end with a weight near zero. Every iteration is the parallel pass over the rows that
    :class:`GaussianMixture` makes; the result is the same to the last bit for any number of threads.

    The priors count for a number of rows, so that the scale of `sample_weight` matters here: an integer weight is that
    many copies of the row.

    Parameters
    ----------
    n_components : int, default=1
        Number of Gaussians, the largest that there may be.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        What the covariances may be: a matrix for each component, one matrix for all, a diagonal
        matrix for each, or one variance for each.
    tol : float, default=1e-3
        A fit stops when the lower bound of the evidence of all rows changes by less than this.
    reg_covar : float, default=1e-6
        Added to the diagonal of every component's scatter.
    max_iter : int, default=100
        Largest number of iterations; 0 keeps the start.
    n_init : int, default=1
        Number of starts; the one that ends with the largest bound is kept. The first start does not depend on this
        number.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How a start is found: from the clusters of k-means, from rows far apart, from random
        responsibilities, or from random rows.
    weight_concentration_prior_type : {'dirichlet_process', 'dirichlet_distribution'}, default='dirichlet_process'
        What the weights are distributed by: a Dirichlet process, cut off after `n_components` sticks, or a Dirichlet
        distribution.
    weight_concentration_prior : float or None, default=None
        The concentration of the process, or the number of rows that each component of the distribution has been seen
        in. The smaller, the fewer components are used. None is 1 / n_components.
    mean_precision_prior : float or None, default=None
        How many rows `mean_prior` counts for in each mean. None is 1.
    mean_prior : array-like of shape (n_features,), default=None
        What the means are expected to be. None is the mean of the rows.
    degrees_of_freedom_prior : float or None, default=None
        Of the precisions' Wishart distributions, above n_features - 1. None is n_features.
    covariance_prior : float or array-like, default=None
        Inverse of the Wisharts' matrix: (n_features, n_features) if 'full' or 'tied', (n_features,) if 'diag', a number
        if 'spherical'. None is the covariance of the rows.
    random_state : int, RandomState instance or None, default=None
        Decides the random starts and what `sample` draws.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the previous fit, if there is one.
    verbose : int, default=0
        Show a progress bar if 1; if larger also the change of the bound, and how far each pass over rows is that do not
        lie in memory.
    verbose_interval : int, default=10
        Number of iterations between two updates of the bar.
    init_size : int or None, default=None
        How many rows the start is looked for in, as in :class:`GaussianMixture`.
    n_jobs : int or None, default=None
        Number of threads, as in :class:`GaussianMixture`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Expected share of each component; they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Expected centre of each component.
    covariances_ : ndarray
        Inverses of the expected precisions, of shape (n_components, n_features, n_features) if 'full', (n_features,
        n_features) if 'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'.
    precisions_ : ndarray
        Expected precisions, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors of the precisions, in the same shape.
    converged_ : bool
        Whether the kept fit stopped because of `tol`.
    n_iter_ : int
        Number of iterations of the kept fit.
    lower_bound_ : float
        Lower bound of the log-evidence of all rows (not of a mean row) after the last iteration, without terms that do
        not change.
    lower_bounds_ : list of float, of length `n_iter_`
        The same for each iteration.
    weight_concentration_ : tuple of two ndarrays of shape (n_components,), or such an array
        The numbers of the sticks' beta distributions if 'dirichlet_process', else those of the Dirichlet distribution.
    mean_precision_ : ndarray of shape (n_components,)
        How many rows each mean is known from.
    degrees_of_freedom_ : ndarray of shape (n_components,), or float if 'tied'
        Of the precisions' Wishart distributions.
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, covariance_prior_
        The priors that the fit had.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had them and all are strings.

    There is no `partial_fit`: the defaults of the priors are read from all rows.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning" (2006), section 10.2. Attias, "A variational Bayesian framework
    for graphical models", Advances in Neural Information Processing Systems 12 (2000). Blei & Jordan, "Variational
    inference for Dirichlet process mixtures", Bayesian Analysis 1 (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import BayesianGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(-4, 1, (300, 1)), rng.normal(4, 1, (200, 1))])
    >>> model = BayesianGaussianMixture(6, random_state=0, max_iter=500).fit(X)
    >>> np.sort(model.weights_.round(1))[-2:]
    array([0.4, 0.6])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MixtureEstimator._parameter_constraints,
        "covariance_type": [StrOptions(set(_FAMILIES))],
        "weight_concentration_prior_type": [StrOptions({"dirichlet_process", "dirichlet_distribution"})],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
    }

    weight_concentration_: Any
    mean_precision_: Any
    degrees_of_freedom_: Any

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Method = "kmeans",
        weight_concentration_prior_type: Literal["dirichlet_process", "dirichlet_distribution"] = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: float | ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        init_size: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.init_size = init_size
        self.n_jobs = n_jobs

    def _prior(self, d: int) -> Prior:
        return check_prior(self, d)

    def _keep_prior(self, prior: Any, dtype: np.dtype[Any]) -> None:
        self.weight_concentration_prior_ = prior.concentration
        self.mean_precision_prior_ = prior.mean_precision
        self.degrees_of_freedom_prior_ = prior.degrees_of_freedom
        # What was given stays of its type.
        self.mean_prior_ = prior.mean if self.mean_prior is not None else prior.mean.astype(dtype)
        covariance = prior.covariance if self.covariance_prior is not None else prior.covariance.astype(dtype)
        self.covariance_prior_ = covariance if np.ndim(covariance) else covariance[()]

    @property
    def _process(self) -> bool:
        return self.weight_concentration_prior_type == "dirichlet_process"

    def _posterior(self) -> Posterior:
        first, left = self.weight_concentration_ if self._process else (self.weight_concentration_, None)
        return Posterior(first, left, self.mean_precision_, np.atleast_1d(self.degrees_of_freedom_))

    def _parameters_of_start(self, start: Start, dtype: np.dtype[Any]) -> Any:
        assert start.posterior is not None
        first, left, *numbers = start.posterior
        parts = (first, *numbers, start.means, start.covariances, start.precisions_cholesky)
        first, precision, freedom, means, covariances, factors = (np.asarray(part, dtype=dtype) for part in parts)
        concentration = (first, np.asarray(left, dtype=dtype)) if self._process else first
        freedom = freedom[0] if self.covariance_type == "tied" else freedom
        return concentration, precision, means, freedom, covariances, factors

    def _get_parameters(self) -> Any:
        return (
            self.weight_concentration_,
            self.mean_precision_,
            self.means_,
            self.degrees_of_freedom_,
            self.covariances_,
            self.precisions_cholesky_,
        )

    def _set_parameters(self, params: Any, xp: Any = None) -> None:
        """Take parameters as `_get_parameters` gives them; `fit` ends with this."""
        concentration, precision, means, freedom, covariances, factors = params
        copied = tuple(map(np.array, concentration)) if self._process else np.array(concentration)
        self.weight_concentration_ = copied
        self.mean_precision_, self.means_, self.degrees_of_freedom_ = np.array(precision), np.array(means), freedom
        self.covariances_, self.precisions_cholesky_ = np.array(covariances), np.array(factors)
        posterior, dtype = self._posterior(), self.precisions_cholesky_.dtype
        self.weights_ = _core.expected_weights(posterior.concentration, posterior.left).astype(dtype)
        self.precisions_ = _core.precisions(factors, self.covariance_type).astype(dtype)

    def _estimate_log_weights(self, xp: Any = None) -> Rows:
        """Give the expected logarithms of the weights."""
        return self._expected_logs()[0]

    def _estimate_log_prob(self, X: ArrayLike, xp: Any = None) -> Rows:
        """Give the expected log-density of every row under every component, not weighted."""
        rows = as_rows(X)
        densities = self._compiled_mixture().log_prob(rows) + self._expected_logs()[1]
        return self._as_precise_as(rows, densities)

    def _expected_logs(self) -> tuple[Floats, Floats]:
        logs = self._compiled_mixture().expected_logs
        assert logs is not None
        return logs
