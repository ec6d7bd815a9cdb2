"""Results of rows that come in chunks, computed in the blocks that all rows together have.

The last bits of a row's results depend on the rows it shares a block with: so rows that begin a block wait for those
that end it, in the next chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from foldstat.sources import Block


class Queue:
    """Arrays one after the other, of which some rows are taken at a time."""

    def __init__(self) -> None:
        self._parts: deque[Any] = deque()
        self.n = 0

    def put(self, rows: Any) -> None:
        """Add rows at the end."""
        if len(rows):
            self._parts.append(rows)
            self.n += len(rows)

    def take(self, n: int) -> Any:
        """Give the first rows, of which there must be as many."""
        self.n -= n
        taken = []
        while n > 0:
            part = self._parts.popleft()
            if len(part) > n:
                self._parts.appendleft(part[n:])
                part = part[:n]
            taken.append(part)
            n -= len(part)
        return taken[0] if len(taken) == 1 else np.concatenate(taken)


def aligned(blocks: Iterable[Block], length: int, compute: Callable[[Any], Any]) -> Iterator[tuple[Block, Any]]:
    """Give each chunk, without its rows, and what is computed for them: ``compute(rows)`` of whole blocks.

    `length` is the number of rows of a block.
    """
    waiting, results = Queue(), Queue()
    told: deque[tuple[Block, int]] = deque()
    for block in blocks:
        # Whoever gives the chunks may fill the same arrays again.
        weights = None if block.weights is None else block.weights.copy()
        rows, chunk = block.rows, block._replace(rows=block.rows[:0].copy(), weights=weights)
        told.append((chunk, len(rows)))
        del block
        begun = min(len(rows), -waiting.n % length)
        whole = begun + (len(rows) - begun) // length * length
        waiting.put(rows[:begun].copy())
        if waiting.n and waiting.n % length == 0:
            results.put(compute(waiting.take(waiting.n)))
        if whole > begun:
            results.put(compute(rows[begun:whole]))
        waiting.put(rows[whole:].copy())
        del rows
        yield from _complete(told, results)
    if waiting.n:
        results.put(compute(waiting.take(waiting.n)))
    yield from _complete(told, results)


def _complete(told: deque[tuple[Block, int]], results: Queue) -> Iterator[tuple[Block, Any]]:
    while told and told[0][1] <= results.n:
        chunk, n = told.popleft()
        if n:
            yield chunk, results.take(n)
