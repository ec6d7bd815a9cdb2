"""Memory for chunks, used again once nobody holds them: fresh memory costs as much as what is read into it."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BUFFERS = 3  # one is computed with, one is read, one waits


def _references(arrays: list[NDArray[np.uint8]], place: int) -> int:
    return sys.getrefcount(arrays[place])


_ALONE = _references([np.empty(1, np.uint8)], 0)  # of what only a list holds: this is counted in various ways


class Buffers:
    """A few of them, each as large as the largest that was asked for when it was made."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.uint8]] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran: bool = False) -> NDArray[Any]:
        """Give an array whose contents mean nothing yet.

        Examples
        --------
        >>> buffers = Buffers()
        >>> address = buffers.empty((4, 2), np.dtype(float)).ctypes.data
        >>> held = buffers.empty((2, 2), np.dtype(float))
        >>> held.ctypes.data == address
        True
        >>> np.shares_memory(held, buffers.empty((2, 2), np.dtype(float)))
        False
        """
        n_bytes = math.prod(shape) * dtype.itemsize
        return self._find(n_bytes)[:n_bytes].view(dtype).reshape(shape, order="F" if fortran else "C")

    def _find(self, n_bytes: int) -> NDArray[np.uint8]:
        for place, kept in enumerate(map(len, self._kept)):
            if kept >= n_bytes and _references(self._kept, place) <= _ALONE:
                return self._kept[place]
        made = np.empty(n_bytes, np.uint8)
        self._kept = [made, *self._kept][:_BUFFERS]
        return made
