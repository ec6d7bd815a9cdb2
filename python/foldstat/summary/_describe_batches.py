"""Columns that come in batches, described as if they lay in memory.

Of numbers there is one state, and of texts how often each is there. Of anything else the values of the column are kept:
the quantiles of times and decimals are exact, and need all of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from foldstat._common.libraries import offers_arrow
from foldstat.sources import Source, as_source
from foldstat.summary._column_kinds import Numbers, Others, kind_of
from foldstat.summary._counted_texts import CountedTexts, Texts, is_counted
from foldstat.summary._describe_cells import Cells, number_cells, other_cells
from foldstat.summary._describe_select import selected
from foldstat.summary._described_frame import Columns, columns_of
from foldstat.summary._input import as_column
from foldstat.summary._parts import go_together, is_untyped, plain, together, type_of
from foldstat.summary._streams import Batches, stream_of, told_in
from foldstat.summary._summary import Summary

if TYPE_CHECKING:
    from foldstat._core import SummaryState


class Added(Protocol):
    """What is known of a column, of which batch after batch is added."""

    def add(self, raw: Any) -> None:
        """Add the values of a batch."""

    def merged(self, others: Sequence[Any]) -> Added:
        """Give what is known of its values and those of others of the same column; none of them changes."""

    def cells(self, shares: Sequence[float], threads: int | None) -> Cells:
        """Describe all of them."""


class _Numeric:
    def __init__(self, kind: Numbers, name: str, template: SummaryState, threads: int | None) -> None:
        self._boolean, self._name, self._threads = kind.boolean, name, threads
        self._state = template.copy()

    def add(self, raw: Any) -> None:
        kind = kind_of(raw, self._name)
        if isinstance(kind, Numbers):
            self._state.update(kind.column, None, None, self._threads)
        elif isinstance(kind, (Texts, Others)) and kind.count == 0:
            self._state.update(as_column([None] * kind.null_count, self._name), None, None, self._threads)
        else:
            raise TypeError(f"{self._name} holds something else than the numbers of batches before")

    def merged(self, others: Sequence[_Numeric]) -> _Numeric:
        found = copy.copy(self)
        found._state = self._state.copy()
        for other in others:
            found._state.merge(other._state)
        return found

    def cells(self, shares: Sequence[float], threads: int | None) -> Cells:
        return number_cells(Summary._of(self._state), shares, boolean=self._boolean)


class _Texts:
    def __init__(self, name: str) -> None:
        self._name, self._counted = name, CountedTexts()

    def add(self, raw: Any) -> None:
        try:
            self._counted.add(raw)
        except TypeError as error:
            raise TypeError(f"{self._name} {error}") from None

    def merged(self, others: Sequence[_Texts]) -> _Texts:
        found = _Texts(self._name)
        for one in (self, *others):
            found._counted.merge(one._counted)
        return found

    def cells(self, shares: Sequence[float], threads: int | None) -> Cells:
        return other_cells(self._counted.texts(), shares, threads)


class _Kept:
    def __init__(self, name: str, template: SummaryState) -> None:
        self._name, self._template = name, template
        self._parts: list[Any] = []
        self._first: Any = None  # of those that are of some type

    def add(self, raw: Any) -> None:
        if not len(raw):
            self._parts = self._parts or [raw]
            return
        raw = plain(raw)
        if not is_untyped(raw):
            self._first = raw if self._first is None else self._first
            if not go_together(self._first, raw):
                raise TypeError(
                    f"{self._name} is of type {type_of(raw)}, where batches before hold {type_of(self._first)}"
                )
        self._parts.append(raw)

    def merged(self, others: Sequence[_Kept]) -> _Kept:
        found = _Kept(self._name, self._template)
        for one in (self, *others):
            for part in one._parts:
                found.add(part)
        return found

    def cells(self, shares: Sequence[float], threads: int | None) -> Cells:
        filled = [part for part in self._parts if len(part)] or self._parts
        kind = kind_of(together(filled), self._name)
        if not isinstance(kind, Numbers):
            return other_cells(kind, shares, threads)
        state = self._template.copy()
        state.update(kind.column, None, None, threads)
        return number_cells(Summary._of(state), shares, boolean=kind.boolean)


def described_source(frame: Any) -> Source | None:
    """Open what comes in batches; None for what lies in memory, and for streams that only the compiled module knows."""
    if isinstance(frame, Iterator) and not offers_arrow(frame) and not hasattr(frame, "__array__"):
        return as_source(frame)
    return stream_of(frame, "frame")


def described_batches(
    source: Source, include: Any, exclude: Any, template: SummaryState, shares: Sequence[float], threads: int | None
) -> tuple[Columns, list[Cells]]:
    """Describe the columns of a source batch by batch; give them, without rows, and their cells."""
    batches = Batches(source)
    columns = _columns_of(batches.empty, source)
    chosen = selected(columns, include, exclude)
    added: dict[Any, Added] = {}
    for raw, label in zip(chosen.raws, chosen.labels, strict=True):
        added[label] = begun(raw, f"frame[{label!r}]", template, threads)
        added[label].add(raw)
    for batch in batches:
        with told_in(batches):
            for label, raw in _raws(batch, columns).items():
                if label in added:
                    added[label].add(raw)
        del batch
    return chosen, [one.cells(shares, threads) for one in added.values()]


def _columns_of(empty: Any, source: Source) -> Columns:
    columns = columns_of(empty)
    if len(set(columns.labels)) < len(columns.raws):
        raise ValueError(f"{source.name} has several columns of one name: {list(columns.labels)}")
    return columns


def _raws(batch: Any, columns: Columns) -> Mapping[Any, Any]:
    found = columns_of(batch)
    if set(found.labels) != set(columns.labels):
        raise ValueError(f"columns are {list(found.labels)}, where they are {list(columns.labels)} before")
    return dict(zip(found.labels, found.raws, strict=True))


def begun(raw: Any, name: str, template: SummaryState, threads: int | None) -> Added:
    kind = kind_of(raw, name)
    if isinstance(kind, Numbers) and not _is_unknown(raw):
        return _Numeric(kind, name, template, threads)
    return _Texts(name) if is_counted(raw) else _Kept(name, template)


def _is_unknown(raw: Any) -> bool:
    """Tell columns of which nothing is known while they are empty."""
    return is_untyped(raw) or isinstance(raw, (list, tuple)) or str(getattr(raw, "dtype", "")) == "object"
