"""The cells of expectation-maximisation: see :mod:`foldstat.cells`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_floats, as_parameters, as_rows
from foldstat._common.threads import thread_count
from foldstat._common.weights import within_range
from foldstat.cells._inputs import (
    data_rows,
    means_and_covariances,
    non_negative,
    number,
    start_parameters,
    whole,
)


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
    means, _, factors = start_parameters(mu, cov, rows.shape[1])
    return _core.Mixture(None, means, factors, "full").predict_proba(rows, thread_count(None))


def maximization(X: ArrayLike, r: ArrayLike) -> tuple[Floats, Floats]:
    """Means and covariances under given responsibilities: the M-step of EM.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    r : array-like of shape (n, k)
        Responsibilities, non-negative, such as :func:`expectation` returns. The scale of each
        column does not matter.

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
    responsibilities = within_range(non_negative(as_parameters(r, shape, "r"), "r"), axis=0)
    statistics = _core.statistics_from_responsibilities(rows, responsibilities, "full", None, thread_count(None))
    return means_and_covariances(statistics)


def covariance(X: ArrayLike, weights: ArrayLike, mu: ArrayLike | None = None) -> Floats:
    r"""Weighted covariance of the rows of `X` about their weighted mean, or about the point `mu`.

    .. math:: \sum_i w_i (x_i - \mu)(x_i - \mu)^T / \sum_i w_i

    Parameters
    ----------
    X : array-like of shape (n, d)
        The data, float64 or float32 (other types are converted to float64).
    weights : array-like of shape (n,)
        A non-negative weight for each row, for instance one column of the
        responsibilities. Their scale does not matter.
    mu : array-like of shape (d,), optional
        The point about which the second moments are taken. Default: the weighted
        mean of the rows.

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
    >>> covariance([[0.0, 0.0], [2.0, 1.0]], weights=[1, 1])
    array([[1.  , 0.5 ],
           [0.5 , 0.25]])
    >>> covariance([[0.0], [2.0]], weights=[1, 1], mu=[0.0])
    array([[2.]])
    """
    rows = data_rows(X)
    row_weights = within_range(non_negative(as_parameters(weights, (len(rows),), "weights"), "weights"))
    point = None if mu is None else as_parameters(mu, (rows.shape[1],), "mu")
    statistics = _core.statistics_from_responsibilities(
        rows, row_weights[:, np.newaxis], "full", None, thread_count(None)
    )
    total = float(statistics.responsibility_sums[0])
    if total == 0:
        raise ValueError("The weights sum to zero: give some row a positive weight.")
    central: Floats = statistics.scatter[0] / total
    if point is None:
        return central
    shift: Floats = statistics.means[0] - point
    return central + np.outer(shift, shift)


def EM(  # noqa: N802 - the notebook's name
    X: ArrayLike, mu: ArrayLike, cov: ArrayLike, n_iter: int = 25
) -> tuple[Floats, Floats, Floats]:
    """Fit a mixture of `k` equally weighted Gaussians by `n_iter` EM iterations.

    Each iteration gives what :func:`maximization` gives on the result of
    :func:`expectation`, but in one pass over the data and without storing the
    ``n * k`` responsibilities. They are computed once, for the last iteration.

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
    r : ndarray of shape (n, k), float64
        Responsibilities in the last iteration: those that `mu` and `cov` were computed
        from, so that ``maximization(X, r)`` gives `mu` and `cov`. ``r.argmax(axis=1)`` labels
        the rows. With ``n_iter=0``: the responsibilities under the start.

    Raises
    ------
    TypeError
        If `n_iter` is not a number.
    ValueError
        If the shapes do not fit together, if a value is NaN or infinite, if a
        covariance is not positive definite, at the start or in a later
        iteration, if a component ends up responsible for no row, or if `n_iter` is
        negative or not whole.

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
    >>> mu, cov, r = EM(X, mu=[[6, 6], [8, 8]], cov=[np.eye(2)] * 2)
    >>> mu.round()
    array([[ 5.,  5.],
           [15., 15.]])
    >>> np.bincount(r.argmax(axis=1))
    array([500, 500])
    """
    rows = data_rows(X)
    means, covariances, factors = start_parameters(mu, cov, rows.shape[1])
    repeats = whole(n_iter, "n_iter", "a number of iterations", least=0)
    n_jobs = thread_count(None)
    used = _core.Mixture(None, means, factors, "full", n_jobs)
    for iteration in range(repeats):
        if iteration > 0:
            used = _core.Mixture(None, means, _factorise(covariances, iteration), "full", n_jobs)
        statistics = used.statistics(rows, None, n_jobs, iteration == 0)
        means, covariances = means_and_covariances(statistics)
    return means, covariances, used.predict_proba(rows, n_jobs)


def _factorise(covariances: Floats, iteration: int) -> Floats:
    """Factorise the precisions that an iteration has left."""
    try:
        return _core.precisions_cholesky(covariances, "full")
    except ValueError as error:
        raise ValueError(
            f"the covariance after iteration {iteration} is not positive definite for every component. Start from "
            "other means, use fewer components, or use foldstat.mixture.em, which regularises covariances with "
            "reg_covar."
        ) from error


def log_probability(
    X: ArrayLike, mu: ArrayLike, inv_cov: ArrayLike, log_det: float, d: int | None = None
) -> Floats | float:
    r"""Logarithm of one Gaussian density at a point, or at each row of `X`.

    .. math:: -\frac{1}{2} \left( d \log 2\pi + \log |\Sigma| + (x - \mu)^T \Sigma^{-1} (x - \mu) \right)

    Parameters
    ----------
    X : array-like of shape (n, d) or (d,)
        Rows, or one point. With ``d = 1``, an array of several numbers is that many rows.
    mu : array-like of shape (d,)
        The mean.
    inv_cov : array-like of shape (d, d)
        The inverse of the covariance, positive definite. Only its symmetric part counts, so the
        rounding in the result of ``numpy.linalg.inv`` does no harm.
    log_det : float
        Logarithm of the determinant of the covariance (not of its inverse), such as
        ``numpy.linalg.slogdet(cov)[1]``. It is used as it is given: 0 leaves that term out.
    d : int, optional
        Number of columns. Default: that of `mu`; another number is an error.

    Returns
    -------
    log_density : ndarray of shape (n,), float64, or float
        ``log N(x | mu, cov)`` of each row; a float for one point.

    Raises
    ------
    ValueError
        If the shapes do not fit together, if a value is NaN or infinite, or if `inv_cov` is
        not positive definite.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.43.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.cells import log_probability
    >>> cov = np.array([[2.0, 1.2], [1.2, 1.0]])
    >>> inv_cov, log_det = np.linalg.inv(cov), np.linalg.slogdet(cov)[1]
    >>> log_probability([[0.0, 1.0], [3.0, 2.0]], [0.0, 0.0], inv_cov, log_det, 2).round(3)
    array([-3.334, -3.869])
    """
    length = as_floats(mu, "mu").size
    mean = as_parameters(mu, (length,), "mu")
    if d is not None and whole(d, "d", "the number of columns", least=1) != length:
        raise ValueError(f"d must be the number of columns, {length} by mu, got {d!r}")
    rows, one = _points(X, length)
    factor, own = _factor_and_log_det(as_parameters(inv_cov, (length, length), "inv_cov"))
    given = number(log_det, "log_det", "the logarithm of a determinant")
    normal = _core.Mixture(None, mean[np.newaxis], factor, "full")
    values: Floats = normal.log_prob(rows, thread_count(None))[:, 0]
    values += 0.5 * (own - given)
    return float(values[0]) if one else values


def _points(X: ArrayLike, d: int) -> tuple[Rows, bool]:
    """Read rows of `d` numbers, or one such row without its second dimension."""
    array = as_floats(X, "X")
    one = array.ndim < 2 and array.size == d
    if one:
        array = array.reshape(1, d)
    elif array.ndim == 1 and d == 1:
        array = array[:, np.newaxis]
    rows = as_rows(array, "X")
    if rows.shape[1] != d:
        raise ValueError(f"X has {rows.shape[1]} columns, mu has {d}")
    return rows, one


def _factor_and_log_det(inv_cov: Floats) -> tuple[Floats, float]:
    """Factorise a precision; give the logarithm of the determinant of its inverse, too."""
    try:
        factor = _core.precisions_cholesky_from_precisions(0.5 * (inv_cov + inv_cov.T)[np.newaxis], "full")
    except ValueError as error:
        raise ValueError("inv_cov is not positive definite") from error
    return factor, -2.0 * math.fsum(np.log(np.diagonal(factor[0])))
