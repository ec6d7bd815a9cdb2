"""Files of NumPy, a window at a time: neither is the file mapped nor ever held as a whole.

A window of rows that lie one after the other is mapped: to read it would be a copy, which costs a tenth of what a fit
does with it. But whoever looks at a mapped window of a file that has become shorter is killed (SIGBUS), and so each
window's file is looked at once more when its turn has come.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat.sources._buffers import Buffers
from foldstat.sources._source import Chunk, Source, chosen, rows_of_bytes

_FLAGS = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)  # all of it at once, and not page by page


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    begin: int


class NpySource(Source):
    """The rows of a ``.npy`` file of one or two dimensions."""

    def __init__(self, path: Path, columns: Any = None) -> None:
        self.name = str(path)
        self._path = path
        chosen(None, columns, self.name)
        with path.open("rb") as file:
            self._header = self._read_header(file)

    @property
    def n_rows(self) -> int:
        return self._header.shape[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return self._header.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self._header.shape

    def empty(self) -> NDArray[Any]:
        return np.empty((0, *self._header.shape[1:]), self._header.dtype)

    def _read_header(self, file: BinaryIO) -> _Header:
        formats = np.lib.format
        try:
            version = formats.read_magic(file)
            read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{self.name} is no .npy file that can be read: {error}") from None
        if dtype.kind not in "biuf":
            raise TypeError(f"{self.name} must hold real numbers, it is of dtype {dtype}")
        if len(shape) not in (1, 2):
            raise ValueError(f"{self.name} must have one or two dimensions (rows, features), it has shape {shape}")
        header = _Header(shape, fortran and len(shape) == 2, dtype, file.tell())
        needed = header.begin + math.prod(shape) * dtype.itemsize
        there = os.fstat(file.fileno()).st_size
        if there < needed:
            raise ValueError(
                f"{self.name} is truncated: an array of shape {shape} needs {needed} bytes, it has {there}"
            )
        return header

    def chunks(self) -> Iterator[Chunk]:
        with self._path.open("rb", buffering=0) as file:
            header = self._read_header(file)
            if header != self._header:
                raise ValueError(
                    f"{self.name} was replaced: it had shape {self._header.shape} and dtype {self._header.dtype}, it "
                    f"has shape {header.shape} and dtype {header.dtype}"
                )
            width = header.shape[1] if len(header.shape) == 2 else 1
            rows = rows_of_bytes(width * header.dtype.itemsize)
            buffers = Buffers()
            for begin in range(0, header.shape[0], rows):
                n = min(rows, header.shape[0] - begin)
                shape = (n, width) if len(header.shape) == 2 else (n,)
                chunk = None if header.fortran else self._mapped(file, shape, begin)
                if chunk is None:
                    window = buffers.empty(shape, header.dtype, fortran=header.fortran)
                    self._fill(file, window, begin)
                    chunk = Chunk(window, self.name, begin)
                    del window
                yield chunk
                del chunk

    def _mapped(self, file: BinaryIO, shape: tuple[int, ...], begin: int) -> Chunk | None:
        """Map some rows; None where they cannot be mapped."""
        dtype, number, size = self._header.dtype, file.fileno(), math.prod(shape) * self._header.dtype.itemsize
        offset = self._header.begin + begin * (size // shape[0])
        start = offset - offset % mmap.ALLOCATIONGRANULARITY
        try:
            os.posix_fadvise(number, offset + size, size, os.POSIX_FADV_WILLNEED)  # the next one
            window = mmap.mmap(number, offset + size - start, _FLAGS, mmap.PROT_READ, offset=start)
        except (OSError, ValueError):  # no room, no mappings on this file system, or no such rows
            return None

        def check() -> None:
            if window.size() < offset + size:
                raise self._shorter()

        rows = np.frombuffer(window, dtype, math.prod(shape), offset - start).reshape(shape)
        return Chunk(rows, self.name, begin, check)

    def _shorter(self) -> ValueError:
        return ValueError(f"{self.name} became shorter while it was read")

    def _fill(self, file: BinaryIO, window: NDArray[Any], begin: int) -> None:
        header = self._header
        size, (n_rows, *_) = header.dtype.itemsize, header.shape
        if not header.fortran:
            row_bytes = size * (window.shape[1] if window.ndim == 2 else 1)
            self._read(file, window, header.begin + begin * row_bytes)
            return
        for j in range(window.shape[1]):
            self._read(file, window[:, j], header.begin + (j * n_rows + begin) * size)

    def _read(self, file: BinaryIO, into: NDArray[Any], offset: int) -> None:
        left = into.reshape(-1).view(np.uint8).data
        while len(left):
            got = os.preadv(file.fileno(), [left], offset)
            if got == 0:
                raise self._shorter()
            left, offset = left[got:], offset + got
