"""Diagnostics of Markov chains: whether a run has converged, and how much it is worth.

All functions take draws as an array of shape (chain, draw), which gives a float, or (chain, draw, dimension),
which gives an array with one number per dimension; a vector is a single chain. Draws may be float64 or float32 in
any memory layout, or anything NumPy turns into numbers; everything is computed in float64. A dimension with a NaN
gives NaN. Results do not depend on the number of threads.

More chains than draws look like axes in another order. With shape (chain, draw, dimension) there is a warning; shape
(chain, draw) is refused from twice as many on, as a flat chain of (draw, dimension) is the likelier. `nested_r_hat` is
for many short chains, and takes them as they are.

The definitions, and the treatment of constant and of very short chains, are ArviZ's, which follow [1]_.

References
----------
.. [1] Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an improved
   R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2), 2021.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_floats
from foldstat._common.lazy import only
from foldstat._common.threads import thread_count

__all__ = [
    "autocorrelation_time",
    "ess_bulk",
    "ess_tail",
    "mcse_mean",
    "mcse_quantile",
    "mcse_sd",
    "nested_r_hat",
    "r_hat",
]

__dir__ = only(__all__)

# Φ(−1) and Φ(1): an interval of one standard error on either side.
_ONE_SIGMA = (0.1586553, 0.8413447)


def r_hat(x: ArrayLike, *, n_jobs: int | None = None) -> float | Floats:
    """Rank-normalised split R-hat: whether chains agree, in location and in scale.

    Draws are replaced by normal scores of their ranks, chains are cut into halves, and the variance between
    the halves is compared with that within. The larger one of two values is returned: of the draws, and of
    their distances from the median. Above 1.01, do not use the draws.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        R-hat; NaN with fewer than two chains or four draws, and if all draws are equal. It is infinite for
        constant chains that differ.

    References
    ----------
    Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat for assessing
    convergence of MCMC", Bayesian Analysis 16(2), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> print(f"{diagnostics.r_hat(x):.2f}")
    1.00
    >>> x[0] += 1.0
    >>> print(f"{diagnostics.r_hat(x):.2f}")
    1.09
    """
    draws, axes = _as_draws(x)
    return _in_shape(_core.diagnostics_r_hat(draws, thread_count(n_jobs)), axes)


def ess_bulk(x: ArrayLike, *, n_jobs: int | None = None) -> float | Floats:
    """Effective sample size in the bulk: as many independent draws would give as good a mean.

    Of the normal scores of ranks, so that it exists whatever the tails. Antithetic chains have more than draws.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        The effective sample size; NaN with fewer than four draws, the number of draws if all are equal.

    References
    ----------
    Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat for assessing
    convergence of MCMC", Bayesian Analysis 16(2), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000, 2)).cumsum(axis=1)
    >>> diagnostics.ess_bulk(x).round(1)
    array([5.8, 6.5])
    """
    draws, axes = _as_draws(x)
    return _in_shape(_core.diagnostics_ess_bulk(draws, thread_count(n_jobs)), axes)


def ess_tail(
    x: ArrayLike, prob: float | Sequence[float] = (0.05, 0.95), *, n_jobs: int | None = None
) -> float | Floats:
    """Effective sample size in the tails: the smaller one of those of two quantiles.

    That of a quantile is the effective sample size of the indicator of draws at or below it.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    prob : float or two floats, default=(0.05, 0.95)
        Probabilities of the two quantiles; a single one stands for itself and its complement.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        The effective sample size; NaN with fewer than four draws.

    Notes
    -----
    Quantiles are interpolated linearly; between equal draws, which Metropolis chains are full of, a quantile is
    exactly that draw, as in ArviZ 1. In ArviZ 0.2x rounding may put it below and leave these draws out. Where
    (n - 1) p is a whole number for n draws and probability p, the quantile is one of the draws in order, and is
    taken as that, as NumPy's is. What ArviZ interpolates there may miss it by its last bit, and count draws that
    are equal to it differently.

    References
    ----------
    Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat for assessing
    convergence of MCMC", Bayesian Analysis 16(2), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> print(round(diagnostics.ess_tail(x)))
    4028
    """
    draws, axes = _as_draws(x)
    pair = _as_two_probabilities(prob)
    return _in_shape(_core.diagnostics_ess_tail(draws, pair, thread_count(n_jobs)), axes)


def mcse_mean(x: ArrayLike, *, n_jobs: int | None = None) -> float | Floats:
    """Monte Carlo standard error of the mean of the draws.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        The standard deviation over the square root of the effective sample size; NaN with fewer than four draws.

    References
    ----------
    Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat for assessing
    convergence of MCMC", Bayesian Analysis 16(2), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> print(f"{diagnostics.mcse_mean(x):.3f}")
    0.016
    """
    draws, axes = _as_draws(x)
    return _in_shape(_core.diagnostics_mcse_mean(draws, thread_count(n_jobs)), axes)


def mcse_sd(x: ArrayLike, *, n_jobs: int | None = None) -> float | Floats:
    """Monte Carlo standard error of the standard deviation of the draws.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        The standard error, from that of the variance by the delta method and without assuming a normal
        distribution; NaN with fewer than four draws and if all draws are equal.

    References
    ----------
    Kenney and Keeping, "Mathematics of Statistics", part 2, second edition (1951), page 141.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> print(f"{diagnostics.mcse_sd(x):.3f}")
    0.011
    """
    draws, axes = _as_draws(x)
    return _in_shape(_core.diagnostics_mcse_sd(draws, thread_count(n_jobs)), axes)


def mcse_quantile(x: ArrayLike, prob: float, *, n_jobs: int | None = None) -> float | Floats:
    """Monte Carlo standard error of a quantile of the draws.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    prob : float
        Probability of the quantile, in [0, 1].
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        Half the distance between the two draws that lie a standard error below and above the quantile; NaN with
        fewer than four draws.

    Notes
    -----
    The effective sample size is that of draws at or below the quantile, of which `ess_tail` tells where ArviZ may
    count equal draws differently.

    References
    ----------
    Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat for assessing
    convergence of MCMC", Bayesian Analysis 16(2), 2021, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> print(f"{diagnostics.mcse_quantile(x, 0.9):.3f}")
    0.023
    """
    draws, axes = _as_draws(x)
    p, threads = _as_probability(prob), thread_count(n_jobs)
    size = _core.diagnostics_ess_quantile(draws, p, threads)
    count = draws.shape[0] * draws.shape[1]
    known = ~np.isnan(size)
    # The probability of a draw at or below the quantile has this beta distribution.
    effective = np.where(known, size, 1.0)
    low, high = (betaincinv(effective * p + 1, effective * (1 - p) + 1, sigma) * count - 1 for sigma in _ONE_SIGMA)
    places = np.stack([np.floor(low), np.ceil(high)], axis=1).clip(0, max(count - 1, 0))
    pairs = _core.diagnostics_order_statistics(draws, places.astype(np.int64).tolist(), threads)
    return _in_shape(np.where(known, (pairs[:, 1] - pairs[:, 0]) / 2, np.nan), axes)


def nested_r_hat(
    x: ArrayLike, superchains: int | ArrayLike, *, method: str = "rank", n_jobs: int | None = None
) -> float | Floats:
    """Nested R-hat: whether many chains, each too short for R-hat, have converged.

    Chains that started from the same point form a superchain, and the variance between superchains is compared
    with that within. A chain may have a single draw.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws.
    superchains : int or array-like of shape (chain,)
        Which superchain each chain belongs to, by any labels; all must have the same number of chains. A number
        n stands for n superchains of consecutive chains.
    method : {'rank', 'identity'}, default='rank'
        'rank' takes normal scores of ranks in halves of chains, and the larger one of draws and distances from
        the median, as `r_hat` does; chains of fewer than four draws are not cut (ArviZ gives NaN there).
        'identity' takes the draws as they are, as the paper and R's posterior do.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        Nested R-hat; even independent draws give about sqrt(1 + 1 / draws per superchain).

    Raises
    ------
    ValueError
        If there are fewer than two superchains or they differ in size.

    References
    ----------
    Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari and Gelman, "Nested R-hat: assessing the convergence of
    Markov chain Monte Carlo when running many short chains", Bayesian Analysis, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(512, 1))  # one draw each of 512 chains
    >>> print(f"{diagnostics.nested_r_hat(x, 8, method='identity'):.2f}")
    1.01
    """
    draws, axes = _as_draws(x, many_chains=True)
    if method not in ("rank", "identity"):
        raise ValueError(f"method must be 'rank' or 'identity', got {method!r}")
    labels = _as_superchains(superchains, draws.shape[0])
    return _in_shape(_core.diagnostics_nested_r_hat(draws, labels, method == "rank", thread_count(n_jobs)), axes)


def autocorrelation_time(x: ArrayLike, c: float = 5.0, *, n_jobs: int | None = None) -> float | Floats:
    """Integrated autocorrelation time: how many steps make one independent draw.

    1 plus twice the sum of the autocorrelations, averaged over the chains, up to the first lag of at least `c` times
    the sum so far. Chains should be at least 50 times as long; shorter ones give too small a time.

    Parameters
    ----------
    x : array-like of shape (chain, draw) or (chain, draw, dimension)
        Draws; note that emcee's chains come as (draw, chain, dimension).
    c : float, default=5.0
        Width of the window, in autocorrelation times.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.

    Returns
    -------
    float or ndarray of shape (dimension,)
        The time, in draws; NaN with fewer than two draws and where a chain is constant.

    Raises
    ------
    TypeError
        If `c` is not a number.
    ValueError
        If it is not positive.

    References
    ----------
    Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms" (1996).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import diagnostics
    >>> x = np.random.default_rng(0).normal(size=(8, 5001))
    >>> print(f"{diagnostics.autocorrelation_time(x[:, 1:] + x[:, :-1]):.1f}")
    2.0
    """
    draws, axes = _as_draws(x)
    return _in_shape(_core.diagnostics_autocorrelation_time(draws, _as_window(c), thread_count(n_jobs)), axes)


def _as_draws(x: ArrayLike, *, many_chains: bool = False) -> tuple[Rows, int]:
    """Give draws as (chain, draw, dimension), and how many axes they had.

    More chains than draws are what other orders of the axes look like, unless there are to be many chains. Draws of
    one flat chain, of shape (draw, dimension), have far more rows than columns.
    """
    array = as_floats(x, "x")
    axes = array.ndim
    if axes == 1:
        return array[None, :, None], axes
    chains, draws = array.shape[:2] if axes in (2, 3) else (0, 0)
    if axes == 2:
        if chains >= 2 * draws > 0 and not many_chains:
            raise ValueError(
                f"x has shape {array.shape}, which means {chains} chains of {draws} draws each. One chain of {chains} "
                f"draws in {draws} dimensions is x[None], draws in the order (draw, chain) are x.T, and what are so "
                "many chains indeed x[:, :, None]"
            )
        return array[:, :, None], axes
    if axes == 3:
        if chains > draws > 0 and not many_chains:
            warnings.warn(
                f"x has shape {array.shape}, which means {chains} chains of {draws} draws each; draws in the order "
                "(draw, chain, dimension), as emcee gives them, are x.swapaxes(0, 1)",
                UserWarning,
                stacklevel=3,
            )
        return array, axes
    raise ValueError(f"x must have shape (chain, draw) or (chain, draw, dimension), got shape {array.shape}")


def _in_shape(values: Floats, axes: int) -> float | Floats:
    """Give one number for draws of one dimension, else one for each."""
    return values if axes == 3 else float(values[0])


def _as_probability(prob: Any) -> float:
    """Check a probability."""
    try:
        value = float(prob)
    except (TypeError, ValueError):
        raise TypeError(f"prob must be a number, got {prob!r}") from None
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"prob must be a probability in [0, 1], got {prob!r}")
    return value


def _as_two_probabilities(prob: float | Sequence[float]) -> tuple[float, float]:
    """Check two probabilities; a single one stands for itself and its complement."""
    if np.ndim(prob) == 0:
        low = _as_probability(prob)
        return low, 1.0 - low
    numbers = list(prob)  # type: ignore[arg-type]
    if len(numbers) != 2:
        raise ValueError(f"prob must be one probability or two, got {len(numbers)}")
    return _as_probability(numbers[0]), _as_probability(numbers[1])


def _as_superchains(superchains: int | ArrayLike, chains: int) -> list[int]:
    """Give the superchain of every chain, counted from 0."""
    try:
        count = operator.index(superchains)  # type: ignore[arg-type]
    except TypeError:
        names = np.asarray(superchains)
        if names.ndim != 1:
            raise ValueError(f"superchains must be one number or one per chain, got shape {names.shape}") from None
        if len(names) != chains:
            raise ValueError(
                f"superchains must name one superchain for each of {chains} chains, got {len(names)}"
            ) from None
        numbers: list[int] = np.unique(names, return_inverse=True)[1].tolist()
        return numbers
    if count < 2 or chains % count:
        raise ValueError(f"superchains must be at least 2 and divide the number of chains, {chains}; got {count}")
    return [chain // (chains // count) for chain in range(chains)]


def _as_window(c: Any) -> float:
    """Check the width of a window; whether it is positive is seen where it is used."""
    try:
        if isinstance(c, (str, bytes)):
            raise TypeError
        return float(c)
    except TypeError:
        raise TypeError(f"c must be a number, the width of the window in autocorrelation times, got {c!r}") from None
