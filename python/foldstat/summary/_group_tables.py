"""Groups as tables: of the libraries, and as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foldstat._common.frames import FrameKind, build_levelled
from foldstat._common.html import shown_rows, shown_table_html
from foldstat.summary._collections import Summaries
from foldstat.summary._group_states import GroupStates, Shape
from foldstat.summary._key_columns import KeyColumns
from foldstat.summary._key_levels import levels
from foldstat.summary._keyed import Keys
from foldstat.summary._reads import statistics
from foldstat.summary._scaled_each import Cells, column_of, objects_of, shown_cells


def frame_of(kind: FrameKind, keys: Keys, groups: GroupStates, known: KeyColumns | None) -> Any:
    """Give the statistics of groups as a table; a ValueError if they have different columns."""
    shapes = set(groups.shapes()) if groups.shape is None else {groups.shape}
    if len(shapes) > 1:
        first, second, *_ = (sorted(map(str, shape.names or range(shape.width))) for shape in shapes)
        raise ValueError(f"the groups have different columns, {first} and {second}: they are no one table")
    cells = _columns(groups, range(len(keys)), *shapes)
    columns = [column_of(column, kind) for column in cells.values()]
    return build_levelled(kind, levels(kind, keys.given, known), list(cells), columns)


def _columns(groups: GroupStates, shown: range, shape: Shape) -> dict[str, Cells]:
    """Give the statistics of some groups by name, as columns of a table; all groups have one shape."""
    columns = [(groups.column(i, range(len(groups))), groups.column(i, shown)) for i in range(shape.width)]
    if shape.single:
        return columns[0][1]._table(columns[0][0]._kept())
    labels = range(shape.width) if shape.names is None else shape.names
    return {
        f"{label}.{name}": cells
        for label, (every, some) in zip(_apart(labels), columns, strict=True)
        for name, cells in some._table(every._kept()).items()
    }


def _apart(labels: Iterable[Any]) -> list[str]:
    """Print labels, those that look like one before them with a number, as a table has one column of a name."""
    printed = list(map(str, labels))
    taken, found = set(printed), dict.fromkeys(printed, 0)
    for position, label in enumerate(printed):
        found[label] = times = found.get(label, 0) + 1
        while times > 1 and printed[position] in taken:
            printed[position] = f"{label}_{times}"
            times += 1
        taken.add(printed[position])
    return printed


def _rows(groups: GroupStates, shown: range) -> list[dict[str, Any]]:
    """Give the statistics of each of some groups by name, whatever columns they have."""
    if groups.shape is not None:
        columns = _columns(groups, shown, groups.shape)
        return [dict(zip(columns, row, strict=True)) for row in zip(*map(objects_of, columns.values()), strict=True)]
    found = []
    for place in shown:
        group = groups.group(place)
        assert isinstance(group, Summaries)
        tables = zip(_apart(group._labels()), group, strict=True)
        found.append({f"{label}.{name}": cell for label, one in tables for name, cell in statistics(one).items()})
    return found


def html_of(keys: Keys, groups: GroupStates, known: KeyColumns | None) -> str:
    """Show groups, the beginning and the end of many."""
    titles = [] if known is None else [column.name for column in known.columns]
    title = ", ".join(f"key_{i}" if name is None else str(name) for i, name in enumerate(titles))
    places = shown_rows(len(keys))
    parts = [_rows(groups, part) for part in places]
    names = list(dict.fromkeys(name for part in parts for cells in part for name in cells))
    rows = (
        [
            [keys[place], *shown_cells(cells.get(name, "") for name in names)]
            for place, cells in zip(shown, part, strict=True)
        ]
        for shown, part in zip(places, parts, strict=True)
    )
    return shown_table_html([title if any(name is not None for name in titles) else "", *names], rows, len(keys))
