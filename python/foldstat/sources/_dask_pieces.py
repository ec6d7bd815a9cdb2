"""Pieces of a collection of Dask."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foldstat._common.threads import thread_count
from foldstat.sources._dask_graph import PieceGraph
from foldstat.sources._dask_run import client_of, compute, new_name, scheduler_of, threads_here, ticking
from foldstat.sources._piece_work import Work
from foldstat.sources._pieces import FAN_IN, Pieces, Progress, check_fan_in


@dataclass(frozen=True)
class Layout:
    """What is known of the pieces of a collection."""

    read: Callable[..., Any]
    lengths: tuple[int | None, ...] | None
    names: tuple[Any, ...] | None = None
    n_columns: int | None = None
    dtype: np.dtype[Any] | None = None
    weighted: bool = False
    word: str = "chunk"


class DaskPieces(Pieces):
    """The chunks of a Dask array, or the partitions of a frame or bag; made by `as_pieces`."""

    def __init__(self, collections: Sequence[Any], layout: Layout) -> None:
        self._collection, self._layout = collections[0], layout
        self._graph = PieceGraph(collections)
        self.n_pieces = len(self._graph.pieces)
        self.lengths = layout.lengths or (None,) * self.n_pieces
        self.names, self.n_columns = layout.names, layout.n_columns
        self.dtype, self.weighted = layout.dtype, layout.weighted

    def label(self, i: int) -> str:
        """Name a piece."""
        return f"{self._layout.word} {i}"

    def fold(
        self,
        task: Callable[..., Any],
        *broadcast: Any,
        merge: Callable[[Any, Any], Any] = operator.add,
        fan_in: int = FAN_IN,
        progress: Progress = False,
        desc: str = "fold",
    ) -> Any:
        """Fold on the scheduler of the collection."""
        get = scheduler_of(self._collection)
        plan = self._graph.fold(new_name(desc), self._work(get, task, broadcast), merge, check_fan_in(fan_in))
        with ticking(progress, self.n_pieces, desc) as tick:
            return compute(get, plan.graph, plan.root, plan.leaves, tick)

    def _work(self, get: Callable[..., Any], task: Callable[..., Any], broadcast: tuple[Any, ...]) -> Work:
        here = threads_here(get, self.n_pieces) if client_of(get) is None else None
        return Work(task, self._layout.read, broadcast, self._layout.word, here, thread_count(None))

    def map(self, task: Callable[..., Any], *broadcast: Any, meta: Any) -> Any:
        """Give a Dask array of results, chunk by chunk."""
        from dask.array import Array

        name, ndim = new_name("map"), np.ndim(meta)
        work = Work(task, self._layout.read, broadcast, self._layout.word, None, thread_count(None))
        graph = self._graph.map(name, work, ndim)
        rows = tuple(math.nan if length is None else length for length in self.lengths)
        return Array(graph, name, (rows, *((n,) for n in np.shape(meta)[1:])), meta=meta)
