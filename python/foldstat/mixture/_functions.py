"""The kernels of the mixture as plain functions on arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_doubles, as_rows
from foldstat._common.checks import as_count
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight, within_range
from foldstat._core import MixtureStatistics
from foldstat.mixture._elsewhere import check_weight_name, chosen_columns, passes_over, passes_over_rows
from foldstat.mixture._parameters import Family, as_covariances, as_family, as_means, as_weights
from foldstat.mixture._passes import ChunkedPasses


class MixtureParameters(NamedTuple):
    """Parameters of a Gaussian mixture, the result of `maximization`.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
        Share of each component.
    means : ndarray of shape (n_components, n_features)
        Centre of each component.
    covariances : ndarray
        Covariances, in the shape of the covariance family.
    """

    weights: Floats
    means: Floats
    covariances: Floats


def checked(
    X: ArrayLike,
    weights: ArrayLike | None,
    means: ArrayLike,
    covariances: ArrayLike,
    covariance_type: str,
) -> tuple[Rows, _core.Mixture, Floats]:
    """Check rows and parameters; give them as the kernels take them. Without weights, components share equally."""
    family = as_family(covariance_type)
    rows = as_rows(X)
    return rows, *checked_mixture(weights, means, covariances, family, rows.shape[1])


def checked_mixture(
    weights: ArrayLike | None, means: ArrayLike, covariances: ArrayLike, covariance_type: str, n_features: int
) -> tuple[_core.Mixture, Floats]:
    """Check parameters for rows of that many features; give them as the kernels take them, and the covariances."""
    family = as_family(covariance_type)
    mu = as_means(means)
    k, d = mu.shape
    if n_features != d:
        raise ValueError(f"X has {n_features} features, means have {d}")
    sigma, factors = as_covariances(covariances, family, k, d)
    shares = None if weights is None else as_weights(weights, k)
    return _core.Mixture(shares, mu, factors, family), sigma


def log_prob(
    X: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    covariance_type: str = "full",
    n_jobs: int | None = None,
) -> Floats:
    """Log-density of every row under every Gaussian.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, float64 or float32 (read where they lie) or anything convertible.
    means : array-like of shape (n_components, n_features)
        Centres of the Gaussians.
    covariances : array-like
        Covariances: (n_components, n_features, n_features) if 'full', (n_features, n_features) if
        'tied', (n_components, n_features) if 'diag', (n_components,) if 'spherical'; of other families
        as `GaussianMixture` tells.
    covariance_type : str, default='full'
        The covariance family, one of those of `GaussianMixture`.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    ndarray of shape (n_samples, n_components), float64
        log N(x | mean, covariance), not weighted.

    Raises
    ------
    ValueError
        If shapes disagree, X has NaN or infinite entries, or a covariance is not positive definite.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning" (2006), equation 2.43.

    Examples
    --------
    >>> from foldstat.mixture import log_prob
    >>> log_prob([[0.0], [1.0]], [[0.0]], [1.0], covariance_type="spherical").round(4)
    array([[-0.9189],
           [-1.4189]])
    """
    rows, mixture, _ = checked(X, None, means, covariances, covariance_type)
    return mixture.log_prob(rows, thread_count(n_jobs))


def expectation(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    covariance_type: str = "full",
    n_jobs: int | None = None,
) -> tuple[Floats, Floats]:
    """E-step: log-likelihood and responsibilities of every row.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.
    weights : array-like of shape (n_components,)
        Shares of the components, of sum 1.
    means : array-like of shape (n_components, n_features)
        Centres of the components.
    covariances : array-like
        Covariances, in the shape of the family (see `log_prob`).
    covariance_type : str, default='full'
        The covariance family, one of those of `GaussianMixture`.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    log_likelihood : ndarray of shape (n_samples,), float64
        log p(x) of every row.
    responsibilities : ndarray of shape (n_samples, n_components), float64
        p(component | x); every row sums to 1.

    Raises
    ------
    ValueError
        If shapes disagree, X has NaN or infinite entries, weights do not sum to 1, or a covariance
        is not positive definite.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning" (2006), equation 9.23.

    Examples
    --------
    >>> from foldstat.mixture import expectation
    >>> _, r = expectation([[-1.0], [0.0], [1.0]], [0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0],
    ...                    covariance_type="spherical")
    >>> r.round(3)
    array([[0.881, 0.119],
           [0.5  , 0.5  ],
           [0.119, 0.881]])
    """
    rows, mixture, _ = checked(X, weights, means, covariances, covariance_type)
    return mixture.expectation(rows, thread_count(n_jobs))


def statistics(
    X: Any,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    covariance_type: str = "full",
    sample_weight: Any = None,
    n_jobs: int | None = None,
    first_row: int | None = None,
    piece: int | None = None,
    columns: Any = None,
) -> MixtureStatistics:
    """E-step folded into sufficient statistics, in one pass and without storing responsibilities.

    Statistics of chunks of the rows add up to those of all rows, so data that does not fit in
    memory, or lives on several machines, needs nothing but ``+``. Where chunks are told which rows they
    have (`first_row`), the sum has the bits of one call with all rows, whatever the order they are added
    in; rows that are there twice are an error then, and so are missing ones, once the sum is read.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or source
        Rows, in memory or as `foldstat.sources.as_source` opens them.
    weights : array-like of shape (n_components,)
        Shares of the components, of sum 1.
    means : array-like of shape (n_components, n_features)
        Centres of the components.
    covariances : array-like
        Covariances, in the shape of the family (see `log_prob`).
    covariance_type : str, default='full'
        The covariance family, one of those of `GaussianMixture`.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; of a source also the name of a column, or a source of the same chunks.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.
    first_row : int, default=None
        Number of the first row of X among all, a multiple of `block_rows` of the number of features. None: nobody
        numbers the rows, and chunks add up in the order in which they are added.
    piece : int, default=None
        In place of `first_row` where that is not known: number of X among all pieces. The bits depend on how the rows
        are cut, then, and still not on the order.
    columns : list of str, default=None
        Which columns of a source are the features.

    Returns
    -------
    MixtureStatistics
        What `maximization` needs.

    Raises
    ------
    ValueError
        If shapes disagree, X has NaN or infinite entries, weights do not sum to 1, a covariance is
        not positive definite, or a sample weight is negative or not finite; if no block begins at `first_row`.
    TypeError
        If both `first_row` and `piece` are given.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.mixture import maximization, statistics
    >>> X = np.array([[0.0], [1.0], [10.0], [12.0]])
    >>> parameters = [0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]]
    >>> chunks = statistics(X[:3], *parameters) + statistics(X[3:], *parameters)
    >>> maximization(chunks).means.round(6)
    array([[ 0.5],
           [11. ]])

    Chunks that know their rows:

    >>> rows = np.random.default_rng(0).normal(size=(5000, 1))
    >>> second = statistics(rows[2048:], *parameters, first_row=2048)
    >>> first = statistics(rows[:2048], *parameters, first_row=0)
    >>> (second + first).log_likelihood == statistics(rows, *parameters).log_likelihood
    True
    >>> second.means
    Traceback (most recent call last):
    ValueError: rows 0..2048 are missing
    """
    threads = thread_count(n_jobs)
    if first_row is not None and piece is not None:
        raise TypeError("first_row and piece exclude each other: a chunk has one place")
    numbered = first_row is not None or piece is not None
    for name, place in (("first_row", first_row), ("piece", piece)):
        if place is not None:
            as_count(place, name, "the number of a row or piece", least=0)
    passes = passes_over(X, columns, sample_weight, None, threads, again=sample_weight is not None)
    if passes is not None:
        mixture, _ = checked_mixture(weights, means, covariances, covariance_type, passes.n_columns)
    else:
        check_weight_name(X, sample_weight)
        rows, mixture, _ = checked(chosen_columns(X, columns), weights, means, covariances, covariance_type)
        w = as_sample_weight(sample_weight, len(rows), all_rows=not numbered)
        if not numbered:
            return mixture.statistics(rows, w, threads)
        if not len(rows):  # a part of a cluster's rows may be empty, and is there all the same
            empty = _core.MixturePass([mixture], rows.shape[1], first_row=first_row or 0, piece=piece)
            return empty.finish()[0][0]
        passes = passes_over_rows(rows, w, threads)
    if not numbered:
        return passes.whole_statistics(mixture)
    if not isinstance(passes, ChunkedPasses):
        raise TypeError("the chunks of a Dask collection have their own places: leave first_row and piece out")
    if passes.weighted:
        passes.look(1, None)
    return passes.placed_statistics(mixture, 0 if first_row is None else first_row, piece)


def block_rows(n_features: int) -> int:
    """Tell how many rows a block has: pieces of rows whose statistics know their places begin with one.

    Parameters
    ----------
    n_features : int
        Number of columns.

    Returns
    -------
    int
        2048, 1024 or 512; the fewer, the more features there are.

    Examples
    --------
    >>> from foldstat.mixture import block_rows
    >>> block_rows(8)
    2048
    """
    return _core.block_rows(as_count(n_features, "n_features", "a number of columns", least=1))


def _statistics_of(
    X: ArrayLike,
    responsibilities: ArrayLike,
    family: Family,
    sample_weight: ArrayLike | None,
    n_jobs: int | None,
) -> MixtureStatistics:
    rows = as_rows(X)
    if rows.shape[1] == 0:
        raise ValueError(f"X must have at least one column, got shape {rows.shape}")
    r = as_doubles(responsibilities, "responsibilities")
    if r.ndim != 2 or len(r) != len(rows):
        raise ValueError(f"responsibilities must have shape ({len(rows)}, n_components), got {r.shape}")
    w = as_sample_weight(sample_weight, len(rows))
    threads = thread_count(n_jobs)
    w = None if w is None else within_range(w)
    return _core.statistics_from_responsibilities(rows, _as_shares(r), family, w, threads)


def _as_shares(responsibilities: Floats) -> Floats:
    """Give responsibilities in units of the power of two nearest to the smallest positive sum of a row.

    Those that sum to 1 stay as they are. What is added to a component's sum, 10 ε of a row, is measured by the
    lightest row, so that a heavy one does not draw components to the origin that it is no part of; but a row
    counts as light down to 2⁻¹⁰⁰ of the heaviest only, so that no sum overflows.
    """
    if not responsibilities.min(initial=0.0) >= 0:
        return responsibilities  # the error names what was given
    r = within_range(responsibilities)
    sums = r.sum(axis=1)
    lightest = max(sums[sums > 0].min(initial=math.inf), sums.max(initial=0.0) * 2.0**-100)
    if not 0 < lightest < math.inf:
        return r
    mantissa, exponent = math.frexp(lightest)
    nearest = exponent - (mantissa < math.sqrt(0.5))
    return np.ldexp(r, -nearest) if nearest else r


def maximization(
    statistics_or_X: MixtureStatistics | ArrayLike,
    responsibilities: ArrayLike | None = None,
    *,
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> MixtureParameters:
    """M-step: the parameters that maximise the likelihood, given statistics or responsibilities.

    Parameters
    ----------
    statistics_or_X : MixtureStatistics or array-like of shape (n_samples, n_features)
        The statistics of an E-step, which know their covariance family, or the rows themselves.
    responsibilities : array-like of shape (n_samples, n_components), default=None
        p(component | x), needed with rows and refused with statistics. Their scale does not matter.
    covariance_type : str, default='full'
        The covariance family to estimate, one of those of `GaussianMixture`.
    reg_covar : float, default=1e-6
        Added to the diagonal of every covariance.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; refused with statistics, which contain it. Their scale does not
        matter to the parameters.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    MixtureParameters
        Named tuple of weights, means and covariances.

    Raises
    ------
    TypeError
        If rows come without responsibilities, or statistics with them or with weights.
    ValueError
        If shapes disagree, X has NaN or infinite entries, or `reg_covar` is negative.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning" (2006), equations 9.24 to 9.26.

    Examples
    --------
    >>> from foldstat.mixture import maximization
    >>> maximization([[0.0], [2.0]], [[1.0], [1.0]], reg_covar=0.0).covariances
    array([[[1.]]])
    """
    if not reg_covar >= 0:
        raise ValueError(f"reg_covar must not be negative, got {reg_covar!r}")
    family = as_family(covariance_type)
    if isinstance(statistics_or_X, MixtureStatistics):
        if responsibilities is not None or sample_weight is not None:
            raise TypeError("statistics contain the responsibilities and weights: do not pass them")
        if family != "full" and _core.covariances_geometry(family) != statistics_or_X.covariance_type:
            raise ValueError(
                f"covariance_type is {family!r}, but the statistics are of {statistics_or_X.covariance_type!r}"
            )
        folded = statistics_or_X
    elif responsibilities is None:
        raise TypeError("rows need responsibilities: maximization(X, responsibilities)")
    else:
        folded = _statistics_of(statistics_or_X, responsibilities, family, sample_weight, n_jobs)
    if folded.covariance_type is None:
        raise ValueError("the statistics are empty: no row has been added to them")
    # The default is that of the statistics.
    wanted = None if family == "full" else family
    sizes, means, covariances = _core.moments(folded, float(reg_covar), wanted)
    return MixtureParameters(sizes / sizes.sum(), means, covariances)
