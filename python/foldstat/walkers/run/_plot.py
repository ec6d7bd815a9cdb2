"""Pictures of runs: histograms, traces, and the density of two coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foldstat._common.pyplot import import_pyplot
from foldstat.walkers.run._histogram import histogram_among
from foldstat.walkers.run._walked import Walked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_BINS = 80
_TRACED = 8  # walkers, spread over all of them
_POINTS = 1000  # of a trace
_MOST_CELLS = 120  # along each side of the density
_DENSITY_DRAWS = 2_000_000  # enough for a smooth picture


def plot_run(run: Walked, dims: tuple[int, ...]) -> list[Axes]:
    """Draw a row for each coordinate, and below them the density of two."""
    pyplot = import_pyplot("Run.plot")
    traces, plane = run.keep == "draws", len(dims) == 2
    if not traces:
        _check_kept(run, dims)
        plane = plane and histogram_among(run.moments.histograms, dims) is not None
    n_rows, height = len(dims) + 2 * plane, 1.8 * len(dims) + 3.6 * plane
    figure = pyplot.figure(figsize=(9.0 if traces else 5.0, max(height, 2.4)), layout="constrained")
    grid = figure.add_gridspec(n_rows, 2 if traces else 1, width_ratios=(1, 2) if traces else (1,))
    axes = []
    for row, dim in enumerate(dims):
        axes.append(_draw_marginal(figure.add_subplot(grid[row, 0]), run, dim))
        if traces:
            axes.append(_draw_trace(figure.add_subplot(grid[row, 1]), run, dim))
    if traces:
        shown = f" ({min(_TRACED, run.n_walkers)} of {run.n_walkers} walkers)"
        axes[-1].set_xlabel("steps after the burn-in" + shown)
    if plane:
        axes.append(_draw_plane(figure.add_subplot(grid[len(dims) :, :]), run, dims))
    return axes


def _check_kept(run: Walked, dims: tuple[int, ...]) -> None:
    missing = [run.names[dim] for dim in dims if (dim,) not in run.moments.histograms]
    if missing:
        raise ValueError(
            f"plot(): this run keeps moments only, and no histogram of {', '.join(missing)}; give others as dims, or "
            "keep them, sample(..., histograms={dim: bins})"
        )


def _bins(run: Walked, most: int) -> int:
    """Choose a number of bins: twice the cube root of the number of draws, as Rice's rule has it."""
    return int(np.clip(2 * (run.n_walkers * run.n_draws) ** (1 / 3), 10, most))


def _draw_marginal(ax: Axes, run: Walked, dim: int) -> Axes:
    """Draw the histogram of one coordinate."""
    histogram = run.histogram(_bins(run, _MOST_BINS) if run.keep == "draws" else None, (dim,))
    ax.stairs(histogram.density, histogram.edges[0], fill=True, color="C0", alpha=0.35)
    ax.stairs(histogram.density, histogram.edges[0], color="C0")
    ax.set(xlabel=run.names[dim], ylabel="density", ylim=(0, None))
    return ax


def _draw_trace(ax: Axes, run: Walked, dim: int) -> Axes:
    """Draw where a few walkers were, at most a thousand points of each."""
    stride = max(1, run.n_draws // _POINTS)
    steps = run.thin * (1 + np.arange(0, run.n_draws, stride))
    chosen = np.unique(np.linspace(0, run.n_walkers - 1, _TRACED).astype(np.intp))
    for walker in chosen:
        ax.plot(steps, run.draws[walker, ::stride, dim], linewidth=0.6, alpha=0.8)
    ax.set(ylabel=run.names[dim])
    ax.margins(x=0)
    return ax


def _draw_plane(ax: Axes, run: Walked, dims: tuple[int, ...]) -> Axes:
    """Draw the density of two coordinates."""
    if run.keep == "draws":
        stride = max(1, run.n_walkers * run.n_draws // _DENSITY_DRAWS)
        few = run.draws[:, ::stride][..., list(dims)].reshape(-1, 2)
        counts, *edges = np.histogram2d(few[:, 0], few[:, 1], _bins(run, _MOST_CELLS))
    else:
        counts, edges = run.histogram(dims=dims)
    image = ax.pcolormesh(edges[0], edges[1], np.ma.masked_equal(counts, 0).T, cmap="viridis", rasterized=True)
    image.set_clim(0, None)
    ax.figure.colorbar(image, ax=ax, label="draws per bin")
    ax.set(xlabel=run.names[dims[0]], ylabel=run.names[dims[1]])
    return ax
