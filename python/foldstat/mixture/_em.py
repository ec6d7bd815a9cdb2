"""The EM loop as a plain function on arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._common.bars import as_progress
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._elsewhere import chosen_columns, passes_over
from foldstat.mixture._functions import checked, checked_mixture
from foldstat.mixture._parameters import Accelerate, Stop
from foldstat.mixture._progress import progress_bar


class MixtureFit(NamedTuple):
    """What `em` found.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
        Share of each component.
    means : ndarray of shape (n_components, n_features)
        Centre of each component.
    covariances : ndarray
        Covariances, in the shape of the covariance family.
    lower_bounds : ndarray of shape (n_iter,)
        Mean log-likelihood of a row under the parameters each iteration started from; where `accelerate` had a step
        taken back, under those that it went on from.
    converged : bool
        Whether the last change of the mean log-likelihood was below `tol`.
    n_iter : int
        Number of iterations made: passes over the rows.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    lower_bounds: Floats
    converged: bool
    n_iter: int


def em(
    X: Any,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    covariance_type: str = "full",
    max_iter: int = 100,
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    stop: Stop = "change",
    accelerate: Accelerate | None = None,
    sample_weight: Any = None,
    n_jobs: int | None = None,
    progress: bool | None = None,
    columns: Any = None,
    executor: Any = None,
) -> MixtureFit:
    """Run expectation maximisation from given parameters.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or source
        Rows, in memory or as `foldstat.sources.as_source` opens them, which are read in every iteration.
    weights : array-like of shape (n_components,)
        Shares of the components to start from, of sum 1.
    means : array-like of shape (n_components, n_features)
        Centres to start from.
    covariances : array-like
        Covariances to start from, in the shape of the family (see `log_prob`).
    covariance_type : str, default='full'
        The covariance family, one of those of `GaussianMixture`.
    max_iter : int, default=100
        Largest number of iterations, at least 1.
    tol : float, default=1e-3
        Stop when the mean log-likelihood of a row changes by less; 0 for exactly `max_iter`
        iterations.
    reg_covar : float, default=1e-6
        Added to the diagonal of every covariance.
    stop : {'change', 'aitken'}, default='change'
        What `tol` is compared with: the change itself, or Aitken's estimate of all that was still to gain by it.
    accelerate : {'squarem'} or None, default=None
        'squarem' lengthens EM's steps where they go on in one direction, as in `GaussianMixture`.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; their scale does not matter, and a row of weight zero is not there. Of
        a source also the name of a column, or a source of the same chunks.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.
    progress : bool or None, default=None
        Show a progress bar. None shows one after some seconds, in a terminal or a notebook.
    columns : list of str, default=None
        Which columns of a source or frame are the features.
    executor : object with a ``submit`` method, default=None
        Where the chunks of X are folded, as in `GaussianMixture.fit`.

    Returns
    -------
    MixtureFit
        Named tuple of weights, means, covariances, lower_bounds, converged and n_iter.

    Raises
    ------
    ValueError
        If an argument is out of its range, shapes disagree, X has NaN or infinite entries, or a
        covariance stops being positive definite.

    References
    ----------
    Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
    Journal of the Royal Statistical Society B 39 (1977).

    Examples
    --------
    >>> from foldstat.mixture import em
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> fit = em(X, [0.5, 0.5], [[1.0], [9.0]], [1.0, 1.0], covariance_type="spherical")
    >>> fit.means.round(3)
    array([[ 1.],
           [11.]])
    >>> fit.converged
    True
    """
    threads = thread_count(n_jobs)
    passes = passes_over(X, columns, sample_weight, executor, threads)
    if passes is None:
        X = chosen_columns(X, columns)
        rows, mixture, sigma = checked(X, weights, means, covariances, covariance_type)
    else:
        mixture, sigma = checked_mixture(weights, means, covariances, covariance_type, passes.n_columns)
    if max_iter < 1 or not tol >= 0 or not reg_covar >= 0:
        raise ValueError(
            "max_iter must be at least 1, tol and reg_covar must not be negative, got "
            f"max_iter={max_iter!r}, tol={tol!r}, reg_covar={reg_covar!r}"
        )
    options: dict[str, Any] = {"tol": tol, "reg_covar": reg_covar, "max_iter": max_iter}
    options |= {"stop": stop, "accelerate": accelerate}
    with progress_bar(int(max_iter), show=as_progress(progress)) as report:
        if passes is None:
            more: dict[str, Any] = {
                "sample_weight": as_sample_weight(sample_weight, len(rows)),
                "n_jobs": threads,
                "callback": report,
            }
            (fit,) = _core.fit(rows, mixture.covariance_type, starts=[(mixture, sigma)], **options, **more)
        else:
            if passes.weighted:
                passes.look(1, None)
                passes.check_weights()
            machine = _core.Em(mixture.covariance_type, [(mixture, sigma, -math.inf, False, [])], **options)
            while models := machine.models():
                machine.advance(passes.statistics(models), threads, report)
            (fit,) = machine.finish()
    found, bounds = fit["mixture"], fit["lower_bounds"]
    return MixtureFit(found.weights, found.means, fit["covariances"], bounds, fit["converged"], len(bounds))
