"""Tables as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

_MOST_ROWS = 60


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
