"""Tables as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

_MOST_ROWS = 60


def shown_rows(count: int) -> tuple[range, range]:
    """Give the rows of a long table that are shown: its beginning and its end; all of a short one are the beginning."""
    if count <= _MOST_ROWS:
        return range(count), range(0)
    return range(_MOST_ROWS // 2), range(count - _MOST_ROWS // 2, count)


def table_html(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Show a table whose first column names the rows; long ones lose their middle."""
    listed = list(rows)
    return shown_table_html(header, [[listed[i] for i in part] for part in shown_rows(len(listed))], len(listed))


def shown_table_html(header: Sequence[Any], parts: Iterable[Iterable[Sequence[Any]]], count: int) -> str:
    """Show the beginning and the end that `shown_rows` tells, and how many more rows there are."""
    above, below = map(list, parts)
    if below:
        above.append([f"… {count - len(above) - len(below)} more …", *[""] * (len(header) - 1)])
    head = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(
        f"<tr><th>{_cell(row[0])}</th>{''.join(f'<td>{_cell(value)}</td>' for value in row[1:])}</tr>"
        for row in above + below
    )
    return f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))
