"""The cells of a parallel-Python notebook, as functions.

People who met the GIL in a notebook wrote these cells in Cython: the two steps
of expectation-maximisation (EM) for a mixture of Gaussians, a weighted
covariance, a sum over all pairs, a count and a sum, a random walk over a
density. One import replaces them::

    from foldstat.cells import EM, covariance, expectation, maximization
    from foldstat.cells import pairwise_sum, summarize
    from foldstat.cells import plot_points, random_walker, random_walkers

The cells of EM keep the semantics such notebooks have, which are simpler than those
of :mod:`foldstat.mixture`: every component has the same weight ``1 / k``, in
every iteration; covariances are full and nothing is added to their diagonal;
:func:`EM` runs the number of iterations it is told to run. For weights that are
learned, regularisation, other covariance families or a convergence rule use
:class:`foldstat.GaussianMixture` or :func:`foldstat.mixture.em`.

Every cell leaves the GIL and uses the threads chosen by
:func:`foldstat.threads`, ``FOLDSTAT_NUM_THREADS`` or ``OMP_NUM_THREADS``, or
else all cores this process may use. Its result does not depend on their number.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._cell_inputs import (
    column,
    data_rows,
    equal_weights,
    factorise,
    iterations,
    means_and_covariances,
    non_negative,
    pair_scale,
    sample_pair,
    start_parameters,
)
from foldstat._cell_walkers import plot_points, random_walker, random_walkers
from foldstat._validation import Floats, as_floats, as_parameters, thread_count

__all__ = [
    "EM",
    "covariance",
    "expectation",
    "maximization",
    "pairwise_sum",
    "plot_points",
    "random_walker",
    "random_walkers",
    "summarize",
]

PairKernel = Literal["product", "rbf", "laplacian", "distance"]


def expectation(X: ArrayLike, mu: ArrayLike, cov: ArrayLike) -> Floats:
    r"""Responsibility of each component for each row: the E-step of EM.

    All components have the same weight, so that

    .. math:: r_{ij} = N(x_i | \mu_j, \Sigma_j) / \sum_l N(x_i | \mu_l, \Sigma_l).

    The ratio is taken between logarithms (log-sum-exp): a row far away from
    every component gets finite responsibilities that sum to one, where the
    plain ratio of densities is 0 / 0.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    mu : array-like of shape (k, d)
        Means of the components.
    cov : array-like of shape (k, d, d)
        Covariances of the components, symmetric and positive definite.

    Returns
    -------
    responsibilities : ndarray of shape (n, k), float64
        Non-negative; each row sums to one.

    Raises
    ------
    ValueError
        If the shapes do not fit together, if a value is NaN or infinite, or if
        a covariance is not symmetric or not positive definite.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning (2006), eq. 9.23.

    Examples
    --------
    >>> from foldstat.cells import expectation
    >>> X = [[0.0], [1.0], [2.0]]
    >>> expectation(X, mu=[[0.0], [2.0]], cov=[[[1.0]], [[1.0]]]).round(3)
    array([[0.881, 0.119],
           [0.5  , 0.5  ],
           [0.119, 0.881]])
    """
    rows = data_rows(X)
    means, covariances = start_parameters(mu, cov, rows.shape[1])
    factors = factorise(covariances, "cov")
    weights = equal_weights(len(means))
    return _core.predict_proba(rows, weights, means, factors, "full", thread_count(None))


def maximization(X: ArrayLike, r: ArrayLike) -> tuple[Floats, Floats]:
    """Means and covariances under given responsibilities: the M-step of EM.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    r : array-like of shape (n, k)
        Responsibilities, non-negative, such as :func:`expectation` returns.

    Returns
    -------
    mu : ndarray of shape (k, d), float64
        ``mu[j]`` is the mean of the rows weighted by ``r[:, j]``.
    cov : ndarray of shape (k, d, d), float64
        ``cov[j]`` is the covariance of the rows about ``mu[j]``, weighted by
        ``r[:, j]`` and divided by their sum; nothing is added to the diagonal.

    Raises
    ------
    ValueError
        If the shapes do not fit together, if a value is NaN, infinite or (in
        ``r``) negative, or if a component is responsible for no row at all.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning (2006), eqs. 9.24
    and 9.25.

    Examples
    --------
    >>> from foldstat.cells import maximization
    >>> mu, cov = maximization([[0.0], [2.0], [7.0]], [[1, 0], [1, 0], [0, 1]])
    >>> mu
    array([[1.],
           [7.]])
    >>> cov[0]
    array([[1.]])
    """
    rows = data_rows(X)
    responsibilities = as_floats(r, "r")
    shape = (len(rows), responsibilities.shape[1] if responsibilities.ndim == 2 else 1)
    responsibilities = non_negative(as_parameters(r, shape, "r"), "r")
    statistics = _core.statistics_from_responsibilities(rows, responsibilities, "full", None, thread_count(None))
    return means_and_covariances(statistics)


def covariance(X: ArrayLike, weights: ArrayLike, mu: ArrayLike) -> Floats:
    r"""Weighted covariance of the rows of `X` about the point `mu`.

    .. math:: \sum_i w_i (x_i - \mu)(x_i - \mu)^T / \sum_i w_i

    `mu` need not be the weighted mean of the rows.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    weights : array-like of shape (n,)
        A non-negative weight for each row, for instance one column of the
        responsibilities.
    mu : array-like of shape (d,)
        The point about which the second moments are taken.

    Returns
    -------
    cov : ndarray of shape (d, d), float64
        Symmetric and positive semi-definite.

    Raises
    ------
    ValueError
        If the shapes do not fit together, if a value is NaN, infinite or (in
        `weights`) negative, or if the weights sum to zero.

    Notes
    -----
    The second moments are accumulated about the weighted mean of the rows and
    then moved to `mu` (the parallel-axis theorem), so data far from the origin
    keeps its digits.

    Examples
    --------
    >>> from foldstat.cells import covariance
    >>> covariance([[0.0, 0.0], [2.0, 1.0]], weights=[1, 1], mu=[1.0, 0.5])
    array([[1.  , 0.5 ],
           [0.5 , 0.25]])
    """
    rows = data_rows(X)
    row_weights = non_negative(column(weights, len(rows), "weights"), "weights")
    point = column(mu, rows.shape[1], "mu")
    statistics = _core.statistics_from_responsibilities(
        rows, row_weights[:, np.newaxis], "full", None, thread_count(None)
    )
    total = float(statistics.responsibility_sums[0])
    if total == 0:
        raise ValueError("The weights sum to zero: give some row a positive weight.")
    shift: Floats = statistics.means[0] - point
    central: Floats = statistics.scatter[0] / total
    return central + np.outer(shift, shift)


def EM(  # noqa: N802 - the notebook's name
    X: ArrayLike, mu: ArrayLike, cov: ArrayLike, n_iter: int = 25
) -> tuple[Floats, Floats]:
    """Fit a mixture of `k` equally weighted Gaussians by `n_iter` EM iterations.

    Each iteration gives what :func:`maximization` gives on the result of
    :func:`expectation`, but in one pass over the data and without storing the
    ``n * k`` responsibilities.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    mu : array-like of shape (k, d)
        Means to start from. Not changed.
    cov : array-like of shape (k, d, d)
        Covariances to start from, positive definite. Not changed.
    n_iter : int, default=25
        Number of iterations; with 0 the start itself is returned.

    Returns
    -------
    mu : ndarray of shape (k, d), float64
        Means after `n_iter` iterations.
    cov : ndarray of shape (k, d, d), float64
        Covariances after `n_iter` iterations.

    Raises
    ------
    ValueError
        If the shapes do not fit together, if a value is NaN or infinite, if a
        covariance is not positive definite, at the start or in a later
        iteration, or if a component ends up responsible for no row.

    See Also
    --------
    foldstat.mixture.em : The same loop with learned weights, regularisation
        and a convergence rule.

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from
    incomplete data via the EM algorithm", J. R. Stat. Soc. B 39 (1977).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.cells import EM
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(m, size=(500, 2)) for m in (5, 15)])
    >>> mu, cov = EM(X, mu=[[6, 6], [8, 8]], cov=[np.eye(2)] * 2)
    >>> mu.round()
    array([[ 5.,  5.],
           [15., 15.]])
    """
    rows = data_rows(X)
    means, covariances = start_parameters(mu, cov, rows.shape[1])
    repeats = iterations(n_iter)
    n_jobs = thread_count(None)
    weights = equal_weights(len(means))
    for iteration in range(repeats):
        label = "cov" if iteration == 0 else f"the covariance after iteration {iteration}"
        factors = factorise(covariances, label)
        statistics = _core.statistics(rows, weights, means, factors, "full", None, n_jobs, iteration == 0)
        means, covariances = means_and_covariances(statistics)
    return means, covariances


def pairwise_sum(
    X: ArrayLike,
    Y: ArrayLike | None = None,
    *,
    kernel: PairKernel = "product",
    gamma: float | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Sum of a kernel over all pairs of rows, without the matrix of pairs.

    .. math:: \sum_i \sum_j k(x_i, y_j)

    Without `Y` the pairs are those of `X` with itself, in both orders and
    including each row with itself.

    ============== ================================== ======================
    kernel         k(x, y)                            work, n and m rows
    ============== ================================== ======================
    ``product``    <x, y>                             O((n + m) d)
    ``distance``   the Euclidean norm of x - y        O(n m d); in one
                                                      dimension
                                                      O((n + m) log(n + m))
    ``rbf``        exp(-gamma |x - y|^2)              O(n m d)
    ``laplacian``  exp(-gamma |x - y|_1), 1-norm      O(n m d)
    ============== ================================== ======================

    The sum of products over all pairs is the product of the sums, and the sum of
    one-dimensional distances follows from the sorted values, so these two do not
    visit the pairs at all. The others visit them block by block on all threads.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, d)
        First sample; one-dimensional input is read as n rows of one number.
    Y : array-like of shape (m,) or (m, d), optional
        Second sample, with as many columns as `X`. Default: `X` itself.
    kernel : {"product", "rbf", "laplacian", "distance"}, default="product"
        What is summed, see above.
    gamma : float, optional
        Positive scale of ``rbf`` and ``laplacian``. Default: ``1 / d``, as in
        :mod:`sklearn.metrics.pairwise`.
    n_jobs : int, optional
        Number of threads, negative counted from the number of cores; the result
        does not depend on it. Default: see :mod:`foldstat.cells`.

    Returns
    -------
    total : float
        The sum; 0.0 if a sample is empty.

    Raises
    ------
    ValueError
        If the samples differ in their number of columns, a value is NaN or
        infinite, `kernel` is unknown, or `gamma` is not positive or is given for
        a kernel that has none.

    Examples
    --------
    >>> from foldstat.cells import pairwise_sum
    >>> pairwise_sum([1.0, 2.0, 3.0])
    36.0
    >>> pairwise_sum([1.0, 2.0, 4.0], kernel="distance")
    12.0
    >>> pairwise_sum([[0.0, 0.0]], [[3.0, 4.0]], kernel="distance")
    5.0
    """
    first, second = sample_pair(X, Y)
    scale = pair_scale(gamma, kernel, first.shape[1])
    return _core.pairwise_sum(first, second, kernel, scale, thread_count(n_jobs))


def summarize(X: ArrayLike) -> tuple[int, float]:
    """Count the numbers in `X` and add them up.

    A pair ``(count, sum)`` is the smallest result that can be computed in parts
    and merged: the summary of two pieces is the sum of their summaries.

    Parameters
    ----------
    X : array-like of shape (n,)
        Numbers, float64 or float32 (other types are converted to float64). The
        sum is kept in float64.

    Returns
    -------
    count : int
        ``len(X)``.
    total : float
        The sum; 0.0 if `X` is empty.

    Raises
    ------
    ValueError
        If `X` is not one-dimensional or contains NaN or infinity.

    Examples
    --------
    >>> from foldstat.cells import summarize
    >>> summarize([1.0, 2.0, 4.0])
    (3, 7.0)
    """
    numbers = as_floats(X, "X")
    if numbers.ndim != 1:
        raise ValueError(
            f"X has {numbers.ndim} dimensions, expected 1: pass one column, or np.ravel(X) to add up everything."
        )
    count, total = _core.count_and_sum(numbers[:, np.newaxis], thread_count(None))
    if not np.isfinite(total):
        # Finite numbers may overflow to an infinite sum; others are named here.
        as_parameters(numbers, numbers.shape, "X")
    return count, total
