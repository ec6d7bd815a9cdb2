"""Summaries as text and as HTML tables, as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foldstat.summary._reads import Reads
    from foldstat.summary._summary import Summary

_MOST_ROWS = 60
_SHOWN_BEST = 5


def statistics(summary: Reads) -> dict[str, Any]:
    """Give what a summary holds, by short names, in the order of a table."""
    row: dict[str, Any] = {
        "count": summary.count,
        "nulls": summary.null_count,
        "nan": summary.nan_count,
        "mean": summary.mean,
        "std": summary.std(),
        "min": summary.min,
    }
    state = summary._state
    if state.quantile_error is not None:
        row |= zip(("25%", "50%", "75%"), summary.quantile([0.25, 0.5, 0.75]).tolist(), strict=True)
    row["max"] = summary.max
    if state.moments == 4:
        row |= {"skewness": summary.skewness, "kurtosis": summary.kurtosis}
    if state.counts_distinct:
        row["distinct"] = summary.distinct_count
    return row


def summary_text(summary: Summary) -> str:
    """Show one summary in a line."""
    if summary.is_identity:
        return f"{type(summary).__name__}()"
    shown = [f"count={summary.count}"]
    shown += [f"{name}={getattr(summary, name)}" for name in ("nan_count", "null_count") if getattr(summary, name)]
    if summary.count:
        shown += [f"min={summary.min:.6g}", f"max={summary.max:.6g}"]
        shown += [f"mean={summary.mean:.6g}", f"std={summary.std():.6g}"]
    return f"<{type(summary).__name__} {' '.join(shown)}>"


def summary_html(summary: Reads) -> str:
    """Show one summary: a row per statistic, then the best values."""
    try:
        rows = [[name, value] for name, value in statistics(summary).items()]
        best = summary.best
    except ValueError as error:  # a NaN that must not be read
        counts = [["count", summary.count], ["nulls", summary.null_count], ["nan", summary.nan_count]]
        return table_html([type(summary).__name__, ""], [*counts, ["statistics", str(error)]])
    rows += [[f"best: {identity!s}", value] for value, identity in best[:_SHOWN_BEST]]
    if len(best) > _SHOWN_BEST:
        rows.append([f"and {len(best) - _SHOWN_BEST} more", ""])
    return table_html([type(summary).__name__, ""], rows)


def table_html(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Show a table whose first column names the rows; long ones lose their middle."""
    listed = list(rows)
    if len(listed) > _MOST_ROWS:
        half = _MOST_ROWS // 2
        gap = [f"… {len(listed) - 2 * half} more …", *[""] * (len(header) - 1)]
        listed = [*listed[:half], gap, *listed[-half:]]
    head = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(
        f"<tr><th>{_cell(row[0])}</th>{''.join(f'<td>{_cell(value)}</td>' for value in row[1:])}</tr>" for row in listed
    )
    return f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))
