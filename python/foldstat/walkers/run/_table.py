"""Tables of what is known about each coordinate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._common.frames import build_frame
from foldstat._common.html import table_html
from foldstat.walkers.run._moments import Moments


class SummaryTable:
    """Statistics of each coordinate: columns by their names, as in a dict, shown as a table.

    Means, standard deviations and quantiles are shown with the digits that the standard error warrants.

    Attributes
    ----------
    names : tuple of str
        What the rows are called: the coordinates.
    columns : tuple of str
        What the columns are called.

    Examples
    --------
    >>> from foldstat.walkers import SummaryTable
    >>> table = SummaryTable(("x", "y"), {"mean": [0.5, 2.0], "r_hat": [1.001, 1.02]})
    >>> table
       mean  r_hat
    x   0.5  1.001
    y     2   1.02
    >>> table["mean"]
    array([0.5, 2. ])
    >>> table.row("y")
    {'mean': 2.0, 'r_hat': 1.02}
    >>> list(table), len(table), "sd" in table
    (['mean', 'r_hat'], 2, False)
    """

    def __init__(self, names: Sequence[str], columns: Mapping[str, Any]) -> None:
        self.names = tuple(names)
        self._columns = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns are called."""
        return tuple(self._columns)

    def keys(self) -> tuple[str, ...]:
        """Give the names of the columns, so that ``dict(table)`` works.

        Returns
        -------
        tuple of str
            As `columns`.
        """
        return self.columns

    def row(self, name: str) -> dict[str, float]:
        """Give what is known about one coordinate.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        dict of str to float
            By the names of columns.

        Raises
        ------
        KeyError
            If there is no such coordinate.
        """
        if name not in self.names:
            raise KeyError(f"{name!r} is none of {list(self.names)}")
        at = self.names.index(name)
        return {column: float(values[at]) for column, values in self._columns.items()}

    def to_pandas(self) -> Any:
        """Make a pandas frame.

        Returns
        -------
        pandas.DataFrame
            A row per coordinate.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = [column.tolist() for column in self._columns.values()]
        return build_frame("pandas", ("", self.names), self.columns, columns)

    def __getitem__(self, column: str) -> Floats:
        if column not in self._columns:
            raise KeyError(f"{column!r} is none of the columns {list(self._columns)}")
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, column: object) -> bool:
        return column in self._columns

    def __repr__(self) -> str:
        lines = [["", *self._columns], *self._cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = []
        for name, *cells in lines:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            shown.append("  ".join([name.ljust(widths[0]), *aligned]).rstrip())
        return "\n".join(shown)

    def _repr_html_(self) -> str:
        return table_html(["", *self._columns], self._cells())

    def _cells(self) -> list[list[str]]:
        columns = [[self._cell(name, row) for row in range(len(self.names))] for name in self._columns]
        return [list(row) for row in zip(self.names, *columns, strict=True)]

    def _cell(self, column: str, row: int) -> str:
        value = float(self._columns[column][row])
        if column.startswith("ess") and np.isfinite(value):
            return f"{value:.0f}"
        if column in ("r_hat", "psrf"):
            return f"{value:.4f}".rstrip("0").rstrip(".") if value < 100 else f"{value:.4g}"
        error = "mcse_sd" if column == "sd" else "mcse_mean"
        if column.startswith("mcse"):
            return _rounded(value, 2)
        if error not in self._columns:
            return f"{value:.4g}"
        return _as_exact_as(value, float(self._columns[error][row]))


def _as_exact_as(value: float, error: float) -> str:
    """Show the digits that a standard error warrants: down to the second one of the error."""
    if not (np.isfinite(value) and np.isfinite(error) and error > 0 and value):
        return f"{value:.4g}"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2
    return _rounded(value, min(max(digits, 2), 17))


def _rounded(value: float, digits: int) -> str:
    return f"{value:#.{digits}g}".removesuffix(".").replace(".e", "e")


def table_of_draws(names: Sequence[str], draws: Floats, quantiles: Sequence[float], n_jobs: int | None) -> SummaryTable:
    """Compute all diagnostics of draws."""
    found: dict[str, Any] = dict(_core.diagnostics_summary(draws, quantiles, n_jobs))
    shown = {f"{100 * p:.10g}%": column for p, column in zip(quantiles, found.pop("quantiles").T, strict=True)}
    first = {name: found.pop(name) for name in ("mean", "sd", "mcse_mean", "mcse_sd")}
    return SummaryTable(names, first | shown | found)


def table_of_moments(names: Sequence[str], moments: Moments) -> SummaryTable:
    """Tell what moments tell."""
    columns = {"mean": moments.mean(), "sd": np.sqrt(np.diagonal(moments.cov()))}
    return SummaryTable(names, columns | {"mcse_mean": moments.mcse_mean(), "psrf": moments.psrf()})
