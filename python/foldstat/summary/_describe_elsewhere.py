"""Columns of a Dask frame or array, described partition by partition where these lie."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foldstat._common.threads import thread_count
from foldstat.sources import as_pieces
from foldstat.sources._dask import is_dask
from foldstat.summary._describe_batches import Added, begun
from foldstat.summary._describe_cells import Cells
from foldstat.summary._describe_select import selected
from foldstat.summary._described_frame import Columns, columns_of
from foldstat.summary._elsewhere import folded

if TYPE_CHECKING:
    from foldstat._core import SummaryState


class _Described(NamedTuple):
    """What is known of the columns of some partitions."""

    columns: list[Added]

    @classmethod
    def merge_all(cls, several: Iterable[_Described]) -> _Described:
        """Merge neighbours, column by column."""
        first, *others = (one.columns for one in several)
        rest = zip(*others, strict=True) if others else ((),) * len(first)
        return cls([column.merged(more) for column, more in zip(first, rest, strict=True)])


def described_elsewhere(
    frame: Any, include: Any, exclude: Any, template: SummaryState, shares: Sequence[float], n_jobs: int | None
) -> tuple[Columns, list[Cells]]:
    """Describe the columns of a collection of Dask; give them, without rows, and their cells."""
    if is_dask(frame, "dataframe", "Series"):
        frame = frame.to_frame()
    columns = columns_of(_without_rows(frame))
    if len(set(columns.labels)) < len(columns.raws):
        raise ValueError(f"frame has several columns of one name: {list(columns.labels)}")
    chosen = selected(columns, include, exclude)
    pieces = as_pieces(frame, kind="rows", name="frame")
    assert pieces is not None
    task = functools.partial(_describe_piece, template=template)
    found: _Described = folded(pieces, task, n_jobs, (chosen.raws, list(chosen.labels)))
    threads = thread_count(n_jobs)
    return chosen, [column.cells(shares, threads) for column in found.columns]


def _without_rows(frame: Any) -> Any:
    if is_dask(frame, "dataframe", "DataFrame"):
        return frame._meta
    if is_dask(frame, "array", "Array") and frame.ndim == 2:
        return np.empty((0, frame.shape[1]), frame.dtype)
    raise TypeError(
        f"describe needs columns: a Dask frame, Series or array of two dimensions; got a Dask {type(frame).__name__}"
    )


def _describe_piece(
    piece: Any, index: int, raws: tuple[Any, ...], labels: list[Any], *, template: SummaryState
) -> _Described:
    there = columns_of(piece)
    values = dict(zip(there.labels, there.raws, strict=True))
    threads = thread_count(None)
    columns = []
    for raw, label in zip(raws, labels, strict=True):
        column = begun(raw, f"frame[{label!r}]", template, threads)
        column.add(values[label])
        columns.append(column)
    return _Described(columns)
