"""What `select` found: a table of candidates, their models, and the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from foldstat._common.checks import as_choice
from foldstat._common.frames import FrameKind, as_kind, build_levelled
from foldstat._common.html import table_html
from foldstat.mixture._parameters import Family

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foldstat.mixture._gaussian_mixture import GaussianMixture

CRITERIA = ("bic", "icl", "aic", "cv")


class Candidate(NamedTuple):
    """One row of the table: a family and a size, and what its fit came to; None where there is none."""

    covariance_type: Family
    n_components: int
    n_parameters: int | None = None
    log_likelihood: float | None = None
    bic: float | None = None
    icl: float | None = None
    aic: float | None = None
    cv: float | None = None
    converged: bool | None = None
    n_iter: int | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """Its family and size in words."""
        plural = "" if self.n_components == 1 else "s"
        return f"{self.covariance_type} with {self.n_components} component{plural}"

    def loss(self, criterion: str) -> float | None:
        """Give the criterion with the sign by which the smallest is best; None without a fit."""
        value: float | None = getattr(self, criterion)
        return -value if criterion == "cv" and value is not None else value


class Selection:
    """Fits of many mixtures to the same rows, and the best of them by one criterion.

    Attributes
    ----------
    table : tuple of Candidate
        All candidates, in the order in which they were fitted. Those whose fit collapsed have a `reason` only.
    models : dict
        The fitted `GaussianMixture` of each (covariance_type, n_components) that has one.
    criterion : str
        What the best was chosen by.
    best : Candidate
        Its row of the table.
    best_ : GaussianMixture
        The best model.
    """

    def __init__(
        self, table: Sequence[Candidate], models: Mapping[tuple[Family, int], GaussianMixture], criterion: str
    ) -> None:
        self.table, self.models, self.criterion = tuple(table), dict(models), criterion
        self.best = self.best_by(criterion)

    @property
    def best_(self) -> GaussianMixture:
        """The best model."""
        return self.models[self.best.covariance_type, self.best.n_components]

    def best_by(self, criterion: str) -> Candidate:
        """Give the best candidate by another criterion; of equal ones the first.

        Parameters
        ----------
        criterion : {'bic', 'icl', 'aic', 'cv'}
            'cv' only where `select` was asked for it.

        Returns
        -------
        Candidate
            A row of the table.

        Raises
        ------
        ValueError
            If no candidate has a value.
        """
        as_choice(criterion, "criterion", CRITERIA)
        losses = [(loss, i) for i, one in enumerate(self.table) if (loss := one.loss(criterion)) is not None]
        if not losses:
            reasons = {one.reason for one in self.table if one.reason is not None}
            said = f": {'; '.join(sorted(reasons))}" if reasons else ""
            raise ValueError(f"no candidate has a value of {criterion!r}{said}")
        return self.table[min(losses)[1]]

    def to_frame(self, kind: FrameKind | None = None) -> Any:
        """Give the table as a frame, whose rows the family and the number of components name.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, default=None
            Of which library; None takes pandas, or Polars where pandas is not installed.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            One row for each candidate.
        """
        levels, names = Candidate._fields[:2], Candidate._fields[2:]
        columns = {name: [getattr(one, name) for one in self.table] for name in Candidate._fields}
        return build_levelled(
            as_kind(kind), [(name, columns[name]) for name in levels], names, [columns[name] for name in names]
        )

    def plot(self, ax: Axes | None = None, *, criterion: str | None = None) -> Axes:
        """Draw the criterion of every family against the number of components.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None draws into the current axes.
        criterion : {'bic', 'icl', 'aic', 'cv'}, default=None
            What to draw; None draws what the best was chosen by.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn into.
        """
        from foldstat.mixture._plot_selection import plot_selection

        return plot_selection(self, ax, criterion=criterion)

    def __repr__(self) -> str:
        return f"<Selection of {len(self.table)} candidates: {self.best.name} is best by {self.criterion}>"

    def _repr_html_(self) -> str:
        """Show the table, the best first."""
        columns = ("n_parameters", "log_likelihood", "bic", "icl", "aic", "cv", "reason")
        shown = [name for name in columns if any(getattr(one, name) is not None for one in self.table)]

        def order(one: Candidate) -> tuple[bool, float]:
            loss = one.loss(self.criterion)
            return loss is None, 0.0 if loss is None else loss

        rows = [
            (one.name, *("" if getattr(one, name) is None else getattr(one, name) for name in shown))
            for one in sorted(self.table, key=order)
        ]
        return table_html(["", *shown], rows)
