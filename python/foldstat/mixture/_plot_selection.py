"""A picture of a selection: a line for each family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from foldstat._common.checks import as_choice
from foldstat._common.pyplot import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^v<>pPX*hd8"
_LABELS = {
    "bic": "BIC (the lower the better)",
    "icl": "ICL (the lower the better)",
    "aic": "AIC (the lower the better)",
    "cv": "log-likelihood of a row left out (the higher the better)",
}


class Selected(Protocol):
    """What is drawn of a `Selection`."""

    criterion: str

    @property
    def table(self) -> Sequence[Any]:
        """Its candidates."""

    def best_by(self, criterion: str) -> Any:
        """Give the best of them."""


def plot_selection(selection: Selected, ax: Axes | None = None, *, criterion: str | None = None) -> Axes:
    """Draw the criterion of every family of a selection against the number of components.

    The worst fifth of the candidates may lie outside of the picture, so that the others can be told apart.

    Parameters
    ----------
    selection : Selection
        What `foldstat.select` found.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None draws into the current axes.
    criterion : {'bic', 'icl', 'aic', 'cv'}, default=None
        What to draw; None draws what the best was chosen by.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If no candidate has a value of the criterion.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> import foldstat
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = foldstat.select(X, range(1, 4), ["EII", "VVV"], random_state=0).plot(plt.figure().subplots())
    >>> len(ax.lines)  # two families, and the best of all
    3
    """
    pyplot = import_pyplot("plot_selection")
    criterion = as_choice(criterion or selection.criterion, "criterion", tuple(_LABELS))
    best = selection.best_by(criterion)
    axes = pyplot.gca() if ax is None else ax
    families = list(dict.fromkeys(one.covariance_type for one in selection.table))
    for number, family in enumerate(families):
        there = [one for one in selection.table if one.covariance_type == family]
        points = sorted((one.n_components, value) for one in there if (value := getattr(one, criterion)) is not None)
        marker = _MARKERS[number % len(_MARKERS)]
        style = "-" if number < 10 else "--"  # matplotlib has ten colours
        axes.plot(*zip(*points, strict=True) if points else ([], []), marker=marker, ms=4, lw=1, ls=style, label=family)
    name = f"best: {best.covariance_type}, {best.n_components}"
    axes.plot([best.n_components], [getattr(best, criterion)], "o", ms=13, mfc="none", mec="black", label=name)
    sizes = sorted({one.n_components for one in selection.table})
    axes.set(
        xlabel="components", ylabel=_LABELS[criterion], xticks=sizes if len(sizes) <= 20 else sizes[:: len(sizes) // 10]
    )
    _show_most(
        axes, sorted(value for one in selection.table if (value := getattr(one, criterion)) is not None), criterion
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    return axes


def _show_most(axes: Axes, values: list[float], criterion: str) -> None:
    """Leave the worst fifth out where that more than halves the range of the picture."""
    if criterion == "cv":
        best, limit, worst = values[-1], values[len(values) // 5], values[0]
    else:
        best, limit, worst = values[0], values[-1 - len(values) // 5], values[-1]
    if abs(limit - best) < 0.5 * abs(worst - best) and limit != best:
        margin = 0.08 * abs(limit - best)
        axes.set_ylim(min(best, limit) - margin, max(best, limit) + margin)
