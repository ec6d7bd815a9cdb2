"""The cells of random walks: see :mod:`foldstat.cells`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from foldstat._validation import Floats, as_floats, as_parameters
from foldstat.plot import import_pyplot
from foldstat.summary._arguments import whole_number
from foldstat.walkers import Run, UniformStep, sample
from foldstat.walkers._keys import Rng

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Function = Callable[..., Any]


def _spread_starts() -> Floats:
    """Ten points of a lattice over [-5, 10]², no two in the same row or column."""
    columns = np.arange(10)
    cells = np.column_stack([columns, 3 * columns % 10]).astype(np.float64)
    return -5.0 + 1.5 * (cells + 0.5)


def random_walker(
    func: Function,
    n_steps: int = 1000,
    start: ArrayLike = (0, 0),
    burn_in: int = 100,
    *,
    half_width: float = 1.0,
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
    n_steps : int, default=1000
        Number of steps after the burn-in.
    start : array-like of shape (2,), default=(0, 0)
        Where the walk begins; as many coordinates as `func` takes.
    burn_in : int, default=100
        Number of steps before, whose points are left out.
    half_width : float, default=1.0
        The longest step in each coordinate.
    rng : int, SeedSequence, Generator or None, default=None
        Source of random numbers; the same int gives the same walk.

    Returns
    -------
    points : ndarray of shape (n_steps, 2), float64
        Where the walker was after each step.

    Raises
    ------
    ValueError
        If the density is zero at `start`, if it is negative, NaN or infinite anywhere on the way, or if
        an argument is out of its range.

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
    ...     return math.exp(-(x * x + y * y) / 2)
    >>> points = random_walker(func, n_steps=20_000, rng=0)
    >>> points.shape, bool(abs(points.mean(axis=0)).max() < 0.3)
    ((20000, 2), True)
    """
    point = as_floats(start, "start")
    if point.ndim != 1:
        raise ValueError(f"start must be one point, got shape {point.shape}; random_walkers takes several")
    draws: Floats = _walk(func, point[np.newaxis], n_steps, burn_in, half_width, rng).draws[0]
    return draws


def random_walkers(
    func: Function,
    n_steps: int = 1000,
    starts: ArrayLike | None = None,
    burn_in: int = 100,
    *,
    half_width: float = 1.0,
    rng: Rng = None,
) -> Floats:
    """Let several walkers explore a density at the same time, each as :func:`random_walker` does.

    One walker may stay near one mode of the density for the whole of its walk. Several that start far
    from each other show whether they agree.

    Parameters
    ----------
    func : callable
        A density ``func(x, y)`` itself, not its logarithm; see :func:`random_walker`.
    n_steps : int, default=1000
        Number of steps of each walker after the burn-in.
    starts : array-like of shape (n_starts, 2), optional
        Where the walks begin. Default: ten points spread over the square [-5, 10]².
    burn_in : int, default=100
        Number of steps before, whose points are left out.
    half_width : float, default=1.0
        The longest step in each coordinate.
    rng : int, SeedSequence, Generator or None, default=None
        Source of random numbers. Each walker has a stream of its own.

    Returns
    -------
    points : ndarray of shape (n_starts, n_steps, 2), float64
        Where each walker was after each step.

    Raises
    ------
    ValueError
        As :func:`random_walker`; a density of zero at a start names the walker.

    Examples
    --------
    >>> import math
    >>> from foldstat.cells import random_walkers
    >>> def func(x, y):
    ...     return math.exp(-math.hypot(x, y))
    >>> random_walkers(func, 500, starts=[[0, 0], [5, 5], [-5, 5]], rng=0).shape
    (3, 500, 2)
    """
    points = _spread_starts() if starts is None else as_floats(starts, "starts")
    if points.ndim != 2:
        raise ValueError(f"starts must have shape (n_starts, 2), one point for each walker, got {points.shape}")
    return _walk(func, points, n_steps, burn_in, half_width, rng).draws


def _walk(func: Function, starts: ArrayLike, n_steps: int, burn_in: int, half_width: float, rng: Rng) -> Run:
    move = UniformStep(half_width)
    return sample(func, starts, n_steps=n_steps, burn_in=burn_in, move=move, log=False, rng=rng, progress=False)


def plot_points(points: ArrayLike, resolution: int = 50, *, ax: Axes | None = None) -> Axes:
    """Draw where the points of a random walk are dense: a histogram of two dimensions.

    Parameters
    ----------
    points : array-like of shape (n, 2) or (n_walkers, n, 2)
        Points such as :func:`random_walker` and :func:`random_walkers` return.
    resolution : int, default=50
        Number of cells along each side.
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
    ValueError
        If the points are none, not in the plane or not finite, or `resolution` is not positive.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from foldstat.cells import plot_points
    >>> points = np.random.default_rng(0).normal(size=(1000, 2))
    >>> ax = plot_points(points, resolution=20)
    >>> ax.images[0].get_array().shape
    (20, 20)
    """
    shape = np.shape(as_floats(points, "points"))
    if len(shape) not in (2, 3) or shape[-1] != 2 or 0 in shape:
        raise ValueError(f"points must have shape (n, 2) or (n_walkers, n, 2) and not be empty, got {shape}")
    x, y = as_parameters(points, shape, "points").reshape(-1, 2).T
    cells = whole_number(resolution, "resolution", "a number of cells along each side")
    if cells < 1:
        raise ValueError(f"resolution must be at least 1, got {cells}")
    if ax is None:
        ax = import_pyplot("plot_points").gca()
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=cells)
    extent = (x_edges[0], x_edges[-1], y_edges[0], y_edges[-1])
    ax.imshow(counts.T, origin="lower", extent=extent, aspect="equal", cmap="magma", interpolation="nearest")
    ax.set(xlabel="x", ylabel="y")
    return ax
