"""Pictures of what one asks a fitted mixture: pairs of features, uncertainty, merging, and how it was selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.pyplot import import_pyplot
from foldstat._common.room import room_for
from foldstat.mixture._plot import (
    Features,
    FittedMixture,
    Marginal,
    colors_of,
    draw_line,
    draw_plane,
    rows_of,
    subsample,
    width_of,
)
from foldstat.mixture._reading._columns import column_numbers, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PAIRS = 12  # features of a pair plot: with more of them nothing can be seen
_SIZE = 2.2  # inches of a panel
_N_SIGMA = (1.0, 2.0)
_DOTS = (6.0, 60.0)  # areas of points that are sure, and that are as unsure as can be
_MARKERS = "osD^vP*Xph<>d8"


def plot_pairs(
    model: FittedMixture,
    X: ArrayLike | None = None,
    axes: Any = None,
    *,
    features: Any = None,
    levels: int = 5,
    max_points: int = 2000,
    random_state: int = 0,
) -> NDArray[Any]:
    """Draw the marginals of a fitted mixture: each feature on the diagonal, each pair below it.

    Points have the colour of the component that most probably made them, judged by all features.

    Parameters
    ----------
    model : fitted GaussianMixture
        Of any covariance type; also scikit-learn's.
    X : array-like of shape (n, d), default=None
        The rows to draw. Without rows only the model is drawn.
    axes : array of matplotlib.axes.Axes of shape (m, m), default=None
        Where to draw; None makes a figure.
    features : sequence of int or str, default=None
        Which m features to show, and in which order. None shows all.
    levels : int, default=5
        Number of contours.
    max_points : int, default=2000
        Of more rows than this, that many are drawn, chosen at random.
    random_state : int, default=0
        Seed of that choice.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (m, m)
        The axes drawn into; those above the diagonal are hidden.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the model is not fitted, X does not have its number of features, more than 12 features would have to be
        shown, or there are not as many axes as pairs.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from foldstat import GaussianMixture
    >>> from foldstat.plot import plot_pairs
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> plot_pairs(GaussianMixture(2, random_state=0).fit(X), X).shape
    (3, 3)
    """
    pyplot = import_pyplot("plot_pairs")
    chosen = _features(model, features)
    m = len(chosen)
    rows = rows_of(X, model)
    rows_shown = rows[subsample(len(rows), max_points, random_state)]
    labels = Marginal.of_all(model).log_densities(rows_shown).argmax(axis=1)
    if axes is None:
        _, axes = pyplot.subplots(m, m, figsize=(_SIZE * m, _SIZE * m), squeeze=False, layout="constrained")
    grid = np.asarray(axes, dtype=object)
    if grid.shape != (m, m):
        raise ValueError(f"axes must have shape {(m, m)}, one for each pair of features, got {grid.shape}")
    with room_for(f"the picture of {m} features"):
        for i, j in np.ndindex(m, m):
            ax: Any = grid[i, j]
            if j > i:
                ax.set_axis_off()
            elif j == i:
                draw_line(ax, Marginal.of(model, chosen[i]), rows[:, [chosen[i]]])
            else:
                pair = (chosen[j], chosen[i])
                draw_plane(ax, Marginal.of(model, pair), rows_shown[:, pair], labels, levels, _N_SIGMA)
            _label_outside(ax, first=j == 0, last=i == m - 1, diagonal=i == j)
    for j in range(m):  # one range of values in each column
        for i in range(m - 1):
            if i >= j:
                grid[i, j].set_xlim(grid[m - 1, j].get_xlim())
    return grid


def _features(model: FittedMixture, features: Any) -> tuple[int, ...]:
    names = names_of(model, width_of(model))
    counts = range(1, _MOST_PAIRS + 1)
    wanted = f"1 to {_MOST_PAIRS} different features"
    return column_numbers(range(len(names)) if features is None else features, names, "features", counts, wanted)


def _label_outside(ax: Axes, *, first: bool, last: bool, diagonal: bool) -> None:
    """Keep names and numbers at the left and at the bottom of the grid only."""
    if not last:
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    if not first:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False, left=not diagonal)


def plot_uncertainty(
    model: FittedMixture,
    X: ArrayLike,
    ax: Axes | None = None,
    *,
    features: Features = None,
    max_points: int = 4000,
    random_state: int = 0,
) -> Axes:
    """Draw rows the larger and darker, the less sure their components are.

    The uncertainty of a row is the probability that it is of another component than the most probable one, judged by
    all features.

    Parameters
    ----------
    model : fitted GaussianMixture
        Of any covariance type; also scikit-learn's.
    X : array-like of shape (n, d)
        The rows, with all features of the model.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None draws into the current axes.
    features : sequence of one or two int or str, default=None
        Which features to show. Of one feature the uncertainty is the height of the points. None shows all of them,
        which a model of one or two features allows.
    max_points : int, default=4000
        Of more rows than this, that many are drawn, chosen at random.
    random_state : int, default=0
        Seed of that choice.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the model is not fitted, X does not have its number of features, or `features` does not name one or two
        of them.

    References
    ----------
    Fraley & Raftery, "Model-based clustering, discriminant analysis, and density estimation", Journal of the American
    Statistical Association 97 (2002).

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from foldstat import GaussianMixture
    >>> from foldstat.plot import plot_uncertainty
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = plot_uncertainty(GaussianMixture(2, random_state=0).fit(X), X)
    >>> ax.get_xlabel()
    'feature 0'
    """
    pyplot = import_pyplot("plot_uncertainty")
    mixture = Marginal.of(model, features)
    rows = rows_of(X, model)
    rows = rows[subsample(len(rows), max_points, random_state)]
    log_densities = Marginal.of_all(model).log_densities(rows)
    shares = np.exp(log_densities - np.logaddexp.reduce(log_densities, axis=1)[:, np.newaxis])
    labels = shares.argmax(axis=1)
    unsure = 1.0 - shares.max(axis=1, initial=0.0)
    if ax is None:
        ax = pyplot.gca()
    points = rows[:, mixture.features]
    order = np.argsort(unsure, kind="stable")  # the unsure ones on top
    colors = colors_of(len(mixture.weights))
    share = unsure / max(1.0 - 1.0 / len(mixture.weights), 0.5)
    faces = [(*colors[label][:3], 0.25 + 0.7 * min(1.0, part)) for label, part in zip(labels, share, strict=True)]
    ax.scatter(
        points[order, 0],
        points[order, 1] if points.shape[1] == 2 else unsure[order],
        s=(_DOTS[0] + (_DOTS[1] - _DOTS[0]) * share)[order],
        c=[faces[i] for i in order],
        linewidths=0,
        rasterized=True,
    )
    ax.set(xlabel=mixture.names[0], ylabel=mixture.names[1] if len(mixture.names) == 2 else "uncertainty")
    if len(mixture.names) == 1:
        ax.set_ylim(bottom=0)
    return ax


def plot_entropy(merging: Any, ax: Axes | None = None) -> Axes:
    """Draw the entropy of clusters against their number: it falls steeply until those are merged that overlap.

    Parameters
    ----------
    merging : Merging
        What :meth:`foldstat.GaussianMixture.merge_components` gives.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None draws into the current axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into. Two straight lines, which fit best, meet at the elbow if there is one.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    References
    ----------
    Baudry, Raftery, Celeux, Lo & Gottardo, "Combining mixture components for clustering", Journal of Computational and
    Graphical Statistics 19 (2010).

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from foldstat import GaussianMixture
    >>> from foldstat.plot import plot_entropy
    >>> model = GaussianMixture.from_parameters([0.4, 0.2, 0.4], [[0.0], [8.0], [1.0]], [1.0, 1.0, 1.0],
    ...                                         covariance_type="spherical")
    >>> plot_entropy(model.merge_components(rng=0)).get_xlabel()
    'number of clusters'
    """
    pyplot = import_pyplot("plot_entropy")
    if ax is None:
        ax = pyplot.gca()
    counts, entropy = np.asarray(merging.n_clusters), np.asarray(merging.entropy)
    if len(counts) >= 4:
        for part in (counts <= merging.elbow, counts >= merging.elbow):
            slope, start = np.polyfit(counts[part], entropy[part], 1)
            ends = counts[part][[0, -1]]
            ax.plot(ends, start + slope * ends, color="0.6", linewidth=1.2, linestyle="dashed", zorder=1)
        ax.axvline(merging.elbow, color="0.8", linewidth=1.0, zorder=0)
    ax.plot(counts, entropy, color="tab:blue", marker="o", markersize=5, linewidth=1.5, zorder=2)
    ax.set(xlabel="number of clusters", ylabel="entropy of the labels", xticks=_ticks(counts))
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    return ax


def _legend(ax: Axes, n: int) -> None:
    """Put a legend where it hides nothing."""
    if n <= 6:
        ax.legend(frameon=False)
    else:
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _ticks(counts: Any) -> list[int]:
    """Choose whole numbers, not too many of them."""
    numbers = sorted({int(count) for count in counts})
    return numbers[:: -(-len(numbers) // 12)]
