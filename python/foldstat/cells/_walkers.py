"""The cells of random walks: see :mod:`foldstat.cells`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from foldstat._common.arrays import Floats, as_floats, as_parameters
from foldstat._common.pyplot import import_pyplot
from foldstat._common.random import Rng
from foldstat.cells._inputs import whole
from foldstat.walkers import Run, UniformStep, sample
from foldstat.walkers._start import Start

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Function = Callable[..., Any]


def random_walker(
    func: Function,
    n_steps: float = 100_000,
    start: ArrayLike = (0, 0),
    burn_in: int = 100,
    *,
    half_width: float = 0.1,
    rng: Rng = None,
) -> Floats:
    """Let one walker explore a density by the Metropolis algorithm.

    In each step it tries to go to a point drawn uniformly from the square of half width `half_width`
    around it, and does so with probability min(1, func(there) / func(here)); else it stays for another
    step.

    Parameters
    ----------
    func : callable
        A density ``func(x, y)`` itself, not its logarithm; it need not be normalised. It is compiled
        with numba where that is installed.
    n_steps : int, default=100_000
        Length of the whole walk in points: the start, and those of the burn-in, are counted.
    start : array-like of shape (2,), default=(0, 0)
        Where the walk begins; as many coordinates as `func` takes.
    burn_in : int, default=100
        Number of points that are left out, besides the start.
    half_width : float, default=0.1
        The longest step in each coordinate.
    rng : int, SeedSequence, Generator or None, default=None
        Source of random numbers; the same int gives the same walk. None takes entropy from the
        operating system, whatever ``numpy.random.seed`` was told.

    Returns
    -------
    points : ndarray of shape (n_steps - burn_in - 1, 2), float64
        Where the walker was: the last points of the walk.

    Raises
    ------
    TypeError
        If a number is not a number.
    ValueError
        If the density is zero at `start`, if it is negative, NaN or infinite anywhere on the way, if no
        point is left after the burn-in, or if an argument is out of its range.

    See Also
    --------
    foldstat.walkers.sample : Many walkers, other moves, diagnostics, logarithms of densities.

    References
    ----------
    Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, "Equation of state calculations by fast
    computing machines", Journal of Chemical Physics 21 (1953).

    Examples
    --------
    >>> import math
    >>> from foldstat.cells import random_walker
    >>> def func(x, y):
    ...     return math.exp(-20 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
    >>> points = random_walker(func, 1e5, start=[0.5, 0.5], rng=0)
    >>> points.shape, bool(abs(points.mean(axis=0) - 0.5).max() < 0.05)
    ((99899, 2), True)
    """
    point = as_floats(start, "start")
    if point.ndim != 1:
        raise ValueError(f"start must be one point, got shape {point.shape}; random_walkers(starts=) takes several")
    draws: Floats = _walk(func, point[np.newaxis], 1, n_steps, burn_in, half_width, rng).draws[0]
    return draws


def random_walkers(
    func: Function,
    n: int | None = None,
    n_steps: float = 100_000,
    burn_in: int = 100,
    *,
    starts: ArrayLike | None = None,
    half_width: float = 0.1,
    rng: Rng = None,
) -> Floats:
    """Let several walkers explore a density at the same time, each as :func:`random_walker` does.

    One walker may stay near one mode of the density for the whole of its walk. Several that start far
    from each other show whether they agree.

    Parameters
    ----------
    func : callable
        A density ``func(x, y)`` itself, not its logarithm; see :func:`random_walker`.
    n : int, optional
        Number of walkers. Default: as many as `starts` has points, or 10.
    n_steps : int, default=100_000
        Length of each walk in points: the start, and those of the burn-in, are counted.
    burn_in : int, default=100
        Number of points of each walk that are left out, besides the start.
    starts : array-like of shape (n, 2), optional
        Where the walks begin. Default: points drawn uniformly from the unit square.
    half_width : float, default=0.1
        The longest step in each coordinate.
    rng : int, SeedSequence, Generator or None, default=None
        Source of random numbers. Each walker has streams of its own, for its start and for its steps, so
        more walkers do not change what the first ones do.

    Returns
    -------
    points : ndarray of shape (n, n_steps - burn_in - 1, 2), float64
        Where each walker was. ``numpy.concatenate(points)`` joins the walks; :func:`plot_points`
        takes them either way.

    Raises
    ------
    TypeError
        If a number is not a number.
    ValueError
        As :func:`random_walker`; a density of zero at a start names the walker. If `n` is not the number
        of `starts`.

    Examples
    --------
    >>> import math
    >>> from foldstat.cells import random_walkers
    >>> def func(x, y):
    ...     return math.exp(-math.hypot(x, y))
    >>> random_walkers(func, 3, n_steps=601, rng=0).shape
    (3, 500, 2)
    >>> random_walkers(func, n_steps=601, starts=[[0, 0], [5, 5]], rng=0).shape
    (2, 500, 2)
    """
    number = None if n is None else whole(n, "n", "a number of walkers", least=1)
    if starts is None:
        return _walk(func, _in_unit_square, number or 10, n_steps, burn_in, half_width, rng).draws
    points = as_floats(starts, "starts")
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"starts must have shape (n, 2), one point for each walker, got {points.shape}")
    if number not in (None, len(points)):
        raise ValueError(f"n must be the number of starts, {len(points)}, got {number}")
    return _walk(func, points, len(points), n_steps, burn_in, half_width, rng).draws


def _in_unit_square(rng: np.random.Generator) -> Floats:
    return rng.random(2)


def _walk(
    func: Function, start: Start, n_walkers: int, n_steps: float, burn_in: int, half_width: float, rng: Rng
) -> Run:
    left_out = whole(burn_in, "burn_in", "a number of points to leave out", least=0)
    length = whole(n_steps, "n_steps", "the number of points of a walk", least=0)
    if length < left_out + 2:
        raise ValueError(
            f"n_steps must be at least {left_out + 2} to leave a point after the start and a burn-in of {left_out}, "
            f"got {length}"
        )
    return sample(
        func,
        start,
        n_steps=length - left_out - 1,
        burn_in=left_out,
        move=UniformStep(half_width),
        n_walkers=n_walkers,
        log=False,
        rng=rng,
    )


def plot_points(
    points: ArrayLike,
    resolution: float = 50,
    *,
    range: ArrayLike | None = ((0, 1), (0, 1)),  # noqa: A002 - as in numpy.histogram2d
    ax: Axes | None = None,
) -> Axes:
    """Draw where the points of a random walk are dense: a histogram of two dimensions.

    Parameters
    ----------
    points : array-like of shape (n, 2) or (n_walkers, n, 2)
        Points such as :func:`random_walker` and :func:`random_walkers` return.
    resolution : int, default=50
        Number of bins along each side.
    range : array-like of shape (2, 2) or (2,), default=((0, 1), (0, 1))
        Lowest and highest x, and lowest and highest y, of the picture; one pair is for both; None for
        those of the points. Points outside are not drawn; the picture says how many they are.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None draws into the current axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `resolution` is not a number.
    ValueError
        If the points are none, not in the plane or not finite, `resolution` is not positive or not whole,
        or `range` does not rise.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from foldstat.cells import plot_points
    >>> points = np.random.default_rng(0).random((1000, 2))
    >>> ax = plot_points(points, resolution=20)
    >>> ax.images[0].get_array().shape, int(ax.images[0].get_array().sum())
    ((20, 20), 1000)
    """
    shape = np.shape(as_floats(points, "points"))
    if len(shape) not in (2, 3) or shape[-1] != 2 or 0 in shape:
        raise ValueError(f"points must have shape (n, 2) or (n_walkers, n, 2) and not be empty, got {shape}")
    x, y = as_parameters(points, shape, "points").reshape(-1, 2).T
    bins = whole(resolution, "resolution", "a number of bins along each side", least=1)
    limits = None if range is None else _limits(range)
    if ax is None:
        ax = import_pyplot("plot_points").gca()
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=bins, range=limits)
    extent = (x_edges[0], x_edges[-1], y_edges[0], y_edges[-1])
    ax.imshow(counts.T, origin="lower", extent=extent, aspect="equal", cmap="magma", interpolation="nearest")
    ax.set(xlabel="x", ylabel="y")
    outside = len(x) - int(counts.sum())
    if outside:
        ax.set_title(f"{outside:,} of {len(x):,} points are outside", loc="right", fontsize="small")
    return ax


def _limits(limits: ArrayLike) -> Floats:
    """Give the lowest and highest x, and the lowest and highest y, as (2, 2)."""
    array = as_floats(limits, "range")
    if array.shape not in ((2,), (2, 2)):
        raise ValueError(f"range must be ((low, high), (low, high)), or one pair for both sides, got {limits!r}")
    pairs = np.broadcast_to(as_parameters(array, array.shape, "range"), (2, 2))
    if not (pairs[:, 0] < pairs[:, 1]).all():
        raise ValueError(f"range must rise from low to high, got {pairs.tolist()}")
    return pairs
