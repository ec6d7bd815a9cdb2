"""The picture of a fitted mixture: points, density contours, and one ellipse per component and sigma.

Matplotlib is only imported when a picture is asked for; it comes with ``pip install "foldstat[plot]"``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.arrays import as_doubles, as_floats
from foldstat._common.pyplot import import_pyplot
from foldstat._common.room import room_for
from foldstat.mixture._parameters import as_family, as_matrices, as_weights
from foldstat.mixture._reading._columns import column_numbers, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Features: TypeAlias = Sequence[int | str] | int | str | None

_GRID = 240  # cells per axis of the density; fine enough for smooth contours in a full-page picture
_MARGIN = 0.04  # of the range of the data, left free on each side
_REACH = 3.2  # standard deviations around every mean that are on show; the outermost contour fits
_CONTOUR_SHARE = 0.01  # the outermost automatic contour leaves this share of the points outside
LineStyle = Literal["solid", "dashed", "dotted", "dashdot"]
_LINE_STYLES: tuple[LineStyle, ...] = ("solid", "dashed", "dotted", "dashdot")


class FittedMixture(Protocol):
    """What a model must offer to be drawn; scikit-learn's own class does too."""

    covariance_type: str
    weights_: Any
    means_: Any
    covariances_: Any


def plot_mixture(
    model: FittedMixture,
    X: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    features: Features = None,
    levels: int | Sequence[float] = 7,
    n_sigma: Sequence[float] = (1, 2),
    max_points: int = 4000,
    random_state: int = 0,
) -> Axes:
    r"""Draw a fitted mixture of one or two features, or a marginal of one of more.

    Two features: contours of the log density over the points, and for every
    component its mean and the ellipses :math:`(x-\mu)^T \Sigma^{-1} (x-\mu) = s^2`
    for each s in `n_sigma`. One feature: a histogram under the density and the
    weighted density of every component. Points have the colour of the component
    that most probably made them, judged by the features on show.

    Parameters
    ----------
    model : fitted GaussianMixture
        Of any covariance type; also one of
        :meth:`foldstat.GaussianMixture.from_parameters`, or scikit-learn's.
    X : array-like of shape (n, d), default=None
        The rows to draw, with all d features of the model. Without rows only the
        model is drawn.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None draws into the current axes.
    features : sequence of one or two int or str, default=None
        Which features to show, by number or by name if the model was fitted to
        rows that have names; the picture is then of the marginal distribution. One
        alone need not be in a sequence. None shows all of them, which a model of
        one or two features allows.
    levels : int or sequence of float, default=7
        A number of contours, spread evenly between the highest log density and
        one that 1 % of the rows lie below; or the log densities (natural
        logarithm) themselves. Not used with one feature.
    n_sigma : sequence of float, default=(1, 2)
        Sizes of the ellipses in standard deviations. Not used with one feature.
    max_points : int, default=4000
        Of more rows than this, that many are drawn, chosen at random. A
        histogram always counts all rows.
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
        If the model is not fitted, X does not have its number of features,
        `features` does not name one or two of them, or more than two features
        would have to be shown.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from foldstat import GaussianMixture
    >>> from foldstat.plot import plot_mixture
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = plot_mixture(GaussianMixture(2, random_state=0).fit(X), X)
    >>> len(ax.patches)  # two components, two ellipses each
    4
    """
    pyplot = import_pyplot("plot_mixture")
    mixture = Marginal.of(model, features)
    points = rows_of(X, model)[:, mixture.features]
    if ax is None:
        ax = pyplot.gca()
    shown = points[subsample(len(points), max_points, random_state)]
    with room_for(f"the picture of {len(mixture.weights)} components"):
        if len(mixture.features) == 1:
            draw_line(ax, mixture, points)
        else:
            draw_plane(ax, mixture, shown, mixture.log_densities(shown).argmax(axis=1), levels, tuple(n_sigma))
            draw_key(ax, tuple(n_sigma))
    return ax


@dataclass(frozen=True)
class Marginal:
    """A mixture of normals over the features on show, with full covariances."""

    features: tuple[int, ...]
    names: tuple[str, ...]
    weights: Floats  # (k,)
    means: Floats  # (k, len(features))
    covariances: Floats  # (k, len(features), len(features))

    @classmethod
    def of(cls, model: FittedMixture, features: Features) -> Marginal:
        """Marginal over the features; that of a normal reads off the rows and columns."""
        names = names_of(model, width_of(model))
        return cls._among(model, _chosen_features(features, names))

    @classmethod
    def of_all(cls, model: FittedMixture) -> Marginal:
        """Take all features, more than a picture shows."""
        return cls._among(model, tuple(range(width_of(model))))

    @classmethod
    def _among(cls, model: FittedMixture, chosen: tuple[int, ...]) -> Marginal:
        means = as_doubles(model.means_, "means_")
        names = names_of(model, means.shape[1])
        covariances = full_covariances(model, *means.shape)
        return cls(
            features=chosen,
            names=tuple(names[feature] or f"feature {feature}" for feature in chosen),
            weights=as_weights(model.weights_, len(means), "weights_"),
            means=means[:, chosen],
            covariances=covariances[np.ix_(range(len(means)), chosen, chosen)],
        )

    def log_densities(self, points: Floats) -> Floats:
        """Return log(weight · density) of every component at every point, shape (n, k)."""
        from foldstat import mixture

        if not len(points):
            return np.empty((0, len(self.weights)))
        with np.errstate(divide="ignore"):  # a component of weight 0 has density 0 everywhere
            log_weights = np.log(self.weights)
        log_prob: Floats = mixture.log_prob(points, self.means, self.covariances) + log_weights
        return log_prob

    def extent(self, points: Floats, n_sigma: float) -> tuple[Floats, Floats]:
        """Corners of a box around the points and the ellipses, with a margin."""
        reach = n_sigma * np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        corners = np.concatenate([points, self.means - reach, self.means + reach])
        low, high = corners.min(axis=0), corners.max(axis=0)
        margin = _MARGIN * (high - low)
        return low - margin, high + margin


def width_of(model: FittedMixture) -> int:
    """Give the number of features of a model that is fitted."""
    if not hasattr(model, "means_"):
        raise ValueError(f"this {type(model).__name__} is not fitted: call fit before it is drawn")
    return int(np.shape(model.means_)[1])


def _chosen_features(features: Features, names: list[str | None]) -> tuple[int, ...]:
    if features is not None:
        return column_numbers(features, names, "features", (1, 2), "one or two different features")
    if len(names) > 2:
        raise ValueError(
            f"the model has {len(names)} features and a picture shows one or two: "
            "name them, for example features=(0, 1)"
        )
    return tuple(range(len(names)))


def full_covariances(model: FittedMixture, k: int, d: int) -> Floats:
    """Spell the covariances of any type out as k matrices."""
    return as_matrices(as_doubles(model.covariances_, "covariances_"), as_family(model.covariance_type), k, d)


def rows_of(X: ArrayLike | None, model: FittedMixture) -> Floats:
    """Return rows with all features of the model; none without X."""
    n_features = np.shape(model.means_)[1]
    if X is None:
        return np.empty((0, n_features))
    rows = as_floats(X, "X")
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise ValueError(f"X must have shape (n, {n_features}), as the model was fitted, got {rows.shape}")
    points: Floats = rows.astype(np.float64)
    return points


def subsample(n: int, max_points: int, random_state: int) -> Any:
    """Choose which of `n` points are drawn."""
    if n <= max_points:
        return slice(None)
    return np.random.default_rng(random_state).choice(n, max_points, replace=False, shuffle=False)


def colors_of(k: int) -> Sequence[Any]:
    """Return k colours; beyond ten, evenly spaced ones."""
    from matplotlib import colormaps

    if k <= 10:
        return [colormaps["tab10"](j) for j in range(k)]
    return [colormaps["hsv"](j / k) for j in range(k)]


def _log_sum_exp(log_densities: Floats) -> Floats:
    result: Floats = np.logaddexp.reduce(log_densities, axis=-1)
    return result


def _contour_levels(levels: int | Sequence[float], peak: float, at_points: Floats) -> Floats:
    """Log densities of the contours, ascending."""
    if not isinstance(levels, numbers.Integral):
        return np.unique(np.asarray(levels, dtype=np.float64))
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    if len(at_points):
        peak = max(peak, float(at_points.max()))
        lowest = float(np.quantile(at_points, _CONTOUR_SHARE))
    else:
        # A single normal in the plane has this share of itself below exp(-r²/2) = share of its peak.
        lowest = peak + math.log(_CONTOUR_SHARE)
    return np.unique(np.linspace(lowest, peak, int(levels) + 1)[:-1])


def draw_plane(
    ax: Axes,
    mixture: Marginal,
    points: Floats,
    labels: NDArray[np.int64],
    levels: int | Sequence[float],
    n_sigma: tuple[float, ...],
) -> None:
    """Draw two features: contours, points in the colours of their components, ellipses."""
    low, high = mixture.extent(points, max(_REACH, *n_sigma))
    x, y = np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)
    grid = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    density = _log_sum_exp(mixture.log_densities(grid)).reshape(_GRID, _GRID)
    heights = _contour_levels(levels, float(density.max()), _log_sum_exp(mixture.log_densities(points)))
    top = max(density.max(), heights[-1]) + 1.0  # above everything: the innermost area is filled too
    ax.contourf(x, y, density, levels=[*heights, top], cmap="Greys", alpha=0.35, zorder=0.5)
    ax.contour(x, y, density, levels=heights, colors="0.5", linewidths=0.6, linestyles="solid", zorder=1)
    colors = colors_of(len(mixture.weights))
    _draw_points(ax, points, [colors[label] for label in labels])
    for mean, covariance, color in zip(mixture.means, mixture.covariances, colors, strict=True):
        _draw_component(ax, mean, covariance, n_sigma, color)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=mixture.names[0], ylabel=mixture.names[1])


def _draw_points(ax: Axes, points: Floats, colors: Sequence[Any]) -> None:
    if not len(points):
        return
    # Many points are drawn small and faint, so that their number shows as depth of colour.
    crowd = min(1.0, math.sqrt(200 / len(points)))
    ax.scatter(
        points[:, 0],
        points[:, 1],
        s=4 + 14 * crowd,
        c=colors,
        alpha=0.25 + 0.5 * crowd,
        linewidths=0,
        rasterized=True,
        zorder=2,
    )


def _draw_component(ax: Axes, mean: Floats, covariance: Floats, n_sigma: tuple[float, ...], color: Any) -> None:
    from matplotlib.patches import Ellipse

    variances, axes = np.linalg.eigh(covariance)
    width, height = 2.0 * np.sqrt(np.maximum(variances[::-1], 0.0))  # the long axis first
    angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
    for position, sigma in enumerate(n_sigma):
        ellipse = Ellipse(
            (float(mean[0]), float(mean[1])),
            sigma * width,
            sigma * height,
            angle=angle,
            facecolor="none",
            edgecolor=color,
            linewidth=1.8,
            linestyle=_line_style(position),
            zorder=3,
        )
        ax.add_patch(ellipse)
    ax.plot(
        *mean,
        marker="o",
        markersize=6.5,
        markerfacecolor=color,
        markeredgecolor="white",
        markeredgewidth=1.2,
        zorder=4,
    )


def _line_style(position: int) -> LineStyle:
    return _LINE_STYLES[position % len(_LINE_STYLES)]


def draw_key(ax: Axes, n_sigma: tuple[float, ...]) -> None:
    """Say which line is how many standard deviations."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color="0.35", linewidth=1.8, linestyle=_line_style(position), label=f"{sigma:g} σ")
        for position, sigma in enumerate(n_sigma)
    ]
    if lines:
        ax.legend(handles=lines, loc="upper left", frameon=False)


def draw_line(ax: Axes, mixture: Marginal, points: Floats) -> None:
    """Draw one feature: a histogram, the density of each component and that of all."""
    low, high = mixture.extent(points, _REACH)
    x = np.linspace(low[0], high[0], 4 * _GRID)
    log_densities = mixture.log_densities(x[:, np.newaxis])
    if len(points):
        bins = max(len(np.histogram_bin_edges(points, "auto")) - 1, min(40, round(math.sqrt(2 * len(points)))))
        ax.hist(points[:, 0], bins=bins, density=True, color="0.85", edgecolor="white", linewidth=0.5)
    for column, color in zip(log_densities.T, colors_of(len(mixture.weights)), strict=True):
        ax.fill_between(x, np.exp(column), color=color, alpha=0.15, linewidth=0)
        ax.plot(x, np.exp(column), color=color, linewidth=1.2)
    ax.plot(x, np.exp(_log_sum_exp(log_densities)), color="0.2", linewidth=1.8)
    ax.set(xlim=(low[0], high[0]), xlabel=mixture.names[0], ylabel="density")
    ax.set_ylim(bottom=0)
