"""How many items travel together, and how many are on their way."""

from __future__ import annotations

_SECONDS = 0.05  # that a batch should take: what it costs to send one is small beside that
_BYTES = 1 << 20  # of the items of a batch
_GROWTH = 4
_MOST = 4096

_PER_WORKER = 4  # batches on their way
_WIDE = 1024  # items on their way to an executor that does not tell its number of workers


class BatchSize:
    """The number of items in the next batch: a given one, or one that follows from how long items take.

    Threads get items one by one. So do other processes at first; their batches grow as long as they take less than a
    twentieth of a second.
    """

    def __init__(
        self, given: int | None, max_pending: int | None, workers: int | None, length: int | None, fan_in: int
    ) -> None:
        self._given, self._max_pending, self._workers, self._length = given, max_pending, workers, length
        self._size = given or 1
        self._most = _MOST if max_pending is None else max(1, max_pending // (2 * (workers or 2)))
        if max_pending is not None:
            self._size = min(self._size, max_pending)
        self._slowest = 0.0
        self._fan_in = fan_in

    def learn(self, items: int, seconds: float, elsewhere: bool) -> None:
        """Note how long a batch took, and whether another process did it."""
        if self._given is not None or not elsewhere or not items:
            return
        # One slow batch counts at once, and is forgotten step by step.
        self._slowest = max(seconds / items, self._slowest / 2)
        fitting = self._most if self._slowest * self._most <= _SECONDS else int(_SECONDS / self._slowest)
        self._size = max(1, min(fitting, _GROWTH * self._size))

    def next(self, taken: int) -> int:
        """Give the size of a batch after so many items."""
        if self._given is not None:
            return self._size
        size = self._size
        if self._length is not None:  # towards their end all workers shall have some
            size = max(1, min(size, (self._length - taken) // (2 * (self._workers or 8))))
        return size if size < self._fan_in else size - (taken + size) % self._fan_in  # whole groups of the tree

    @property
    def limit(self) -> int:
        """How many items may be on their way."""
        if self._max_pending is not None:
            return self._max_pending
        if self._workers is not None:
            return _PER_WORKER * self._workers * self._size
        return max(_WIDE, 2 * _PER_WORKER * self._size)

    def is_full(self, n_bytes: int) -> bool:
        """Whether a batch has as many bytes as it should."""
        return self._given is None and n_bytes >= _BYTES
