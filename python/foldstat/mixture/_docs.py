"""The long docstring of the estimator, kept out of its code."""

GAUSSIAN_MIXTURE = """A mixture of Gaussians fitted by expectation maximisation.

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
    Show a progress bar if 1; also the change of the log-likelihood if larger.
verbose_interval : int, default=10
    Number of iterations between two updates of the bar.
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
