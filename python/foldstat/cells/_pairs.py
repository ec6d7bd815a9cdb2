"""The cells that add up: over pairs of rows, and over numbers. See :mod:`foldstat.cells`."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_floats, as_parameters
from foldstat._common.threads import thread_count
from foldstat.cells._inputs import number, sample_rows, threads

PairKernel = Literal["product", "rbf", "laplacian", "distance"]
_KERNELS_WITH_GAMMA = ("rbf", "laplacian")


def pairwise_sum(
    X: ArrayLike,
    n_jobs: int | None = None,
    *,
    Y: ArrayLike | None = None,
    kernel: PairKernel = "product",
    gamma: float | None = None,
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
    n_jobs : int, optional
        Number of threads, negative counted from the number of cores; the result
        does not depend on it. Default: see :mod:`foldstat.cells`.
    Y : array-like of shape (m,) or (m, d), optional
        Second sample, with as many columns as `X`. Default: `X` itself.
    kernel : {"product", "rbf", "laplacian", "distance"}, default="product"
        What is summed, see above.
    gamma : float, optional
        Positive scale of ``rbf`` and ``laplacian``. Default: ``1 / d``, as in
        :mod:`sklearn.metrics.pairwise`.

    Returns
    -------
    total : float
        The sum; 0.0 if a sample is empty.

    Raises
    ------
    TypeError
        If `n_jobs` is not a number.
    ValueError
        If the samples differ in their number of columns, a value is NaN or
        infinite, `kernel` is unknown, or `gamma` is not positive or is given for
        a kernel that has none.

    See Also
    --------
    scalar_sum : The part of this sum that belongs to one row.

    Examples
    --------
    >>> from foldstat.cells import pairwise_sum
    >>> pairwise_sum([1.0, 2.0, 3.0])
    36.0
    >>> pairwise_sum([1.0, 2.0, 4.0], kernel="distance")
    12.0
    >>> pairwise_sum([[0.0, 0.0]], Y=[[3.0, 4.0]], kernel="distance")
    5.0
    """
    second_argument: Any = n_jobs
    if np.ndim(second_argument) > 0:
        raise TypeError("the second argument is n_jobs, a number of threads: give a second sample as Y=...")
    first = sample_rows(X, "X")
    second = None if Y is None else sample_rows(Y, "Y")
    return _sum_over_pairs(first, second, "Y", kernel, gamma, n_jobs)


def scalar_sum(
    X: ArrayLike,
    y: ArrayLike,
    *,
    kernel: PairKernel = "product",
    gamma: float | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Sum of a kernel over the rows of `X` with one row `y`: one part of :func:`pairwise_sum`.

    .. math:: \sum_i k(x_i, y)

    The sum of these parts over all rows of `X` is ``pairwise_sum(X)``, so that a pool of any kind can be
    given the parts: ``sum(pool.map(functools.partial(scalar_sum, X), X))``.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, d)
        A sample, as in :func:`pairwise_sum`.
    y : float, or array-like of shape (d,)
        One row: a number if `X` has one dimension.
    kernel : {"product", "rbf", "laplacian", "distance"}, default="product"
        What is summed, see :func:`pairwise_sum`.
    gamma : float, optional
        Positive scale of ``rbf`` and ``laplacian``. Default: ``1 / d``.
    n_jobs : int, optional
        Number of threads; the result does not depend on it. Default: see :mod:`foldstat.cells`.

    Returns
    -------
    total : float
        The sum; 0.0 if the sample is empty.

    Raises
    ------
    TypeError
        If `n_jobs` is not a number.
    ValueError
        If `y` is not one row of `X`, and as :func:`pairwise_sum`.

    Examples
    --------
    >>> from foldstat.cells import pairwise_sum, scalar_sum
    >>> X = [1.0, 2.0, 3.0]
    >>> scalar_sum(X, 3.0)
    18.0
    >>> sum(scalar_sum(X, y) for y in X) == pairwise_sum(X)
    True
    """
    rows = sample_rows(X, "X")
    row = as_floats(y, "y")
    if row.ndim > 1 or row.size != rows.shape[1]:
        raise ValueError(f"y must be one row of {rows.shape[1]} numbers, as X has, got shape {row.shape}")
    return _sum_over_pairs(rows, row.reshape(1, -1), "y", kernel, gamma, n_jobs)


def _sum_over_pairs(
    first: Rows, second: Rows | None, name: str, kernel: PairKernel, gamma: float | None, n_jobs: int | None
) -> float:
    if second is not None and second.shape[1] != first.shape[1]:
        raise ValueError(
            f"{name} has {second.shape[1]} columns but X has {first.shape[1]}: "
            "both samples need the same number of columns"
        )
    scale = _pair_scale(gamma, kernel, first.shape[1])
    return _core.pairwise_sum(first, second, kernel, scale, threads(n_jobs))


def _pair_scale(gamma: float | None, kernel: str, n_features: int) -> float:
    """Check `kernel` and `gamma`; kernels that have no gamma ignore the result."""
    if kernel not in get_args(PairKernel):
        raise ValueError(f"kernel must be one of {', '.join(map(repr, get_args(PairKernel)))}, got {kernel!r}")
    if gamma is None:
        return 1.0 / n_features
    if kernel not in _KERNELS_WITH_GAMMA:
        raise ValueError(
            f"kernel={kernel!r} has no gamma; it belongs to {' and '.join(map(repr, _KERNELS_WITH_GAMMA))}"
        )
    scale = number(gamma, "gamma", "a positive scale")
    if scale <= 0:
        raise ValueError(f"gamma must be a positive scale, got {gamma!r}")
    return scale


def summarize(X: ArrayLike) -> tuple[int, float | Floats]:
    """Count the numbers, or rows, in `X` and add them up.

    A pair ``(count, sum)`` is the smallest result that can be computed in parts
    and merged: the summary of two pieces is the sum of their summaries.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, d)
        Numbers, or rows of numbers; float64 or float32 (other types are converted to
        float64). The sums are kept in float64.

    Returns
    -------
    count : int
        ``len(X)``.
    total : float, or ndarray of shape (d,), float64
        The sum of the numbers, or that of the rows, ``X.sum(axis=0)``; zero if `X` is empty.

    Raises
    ------
    ValueError
        If `X` has another number of dimensions or contains NaN or infinity.

    Examples
    --------
    >>> from foldstat.cells import summarize
    >>> summarize([1.0, 2.0, 4.0])
    (3, 7.0)
    >>> summarize([[1.0, 10.0], [2.0, 20.0]])
    (2, array([ 3., 30.]))
    """
    numbers = as_floats(X, "X")
    n_jobs = thread_count(None)
    if numbers.ndim == 1:
        return _core.count_and_sum(numbers[:, np.newaxis], n_jobs)
    if numbers.ndim != 2:
        raise ValueError(f"X must have shape (n,) or (n, d), got {numbers.shape}: np.ravel(X) adds up everything")
    as_parameters(numbers, numbers.shape, "X")  # here an error can name the column
    columns = (_core.count_and_sum(numbers[:, j : j + 1], n_jobs)[1] for j in range(numbers.shape[1]))
    return len(numbers), np.fromiter(columns, np.float64)
