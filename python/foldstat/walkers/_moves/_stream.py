"""The random stream of one walker after the other, as a generator of NumPy."""

from __future__ import annotations

import ctypes
import threading
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat import _core

Words: TypeAlias = NDArray[np.uint64]


class _Interface(NamedTuple):
    """What compiled code knows a bit generator by: NumPy's ``BitGenerator.ctypes``."""

    state_address: int
    state: ctypes.c_void_p
    next_uint64: Any
    next_uint32: Any
    next_double: Any
    bit_generator: ctypes.c_void_p


class _Bits:
    """A bit generator, as far as ``numpy.random.Generator`` and numba look at one."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self._bits = _core.WalkerBits(words)
        self.capsule = self._bits.capsule
        self.lock = threading.RLock()

    @property
    def ctypes(self) -> _Interface:
        """The addresses of the state and of the functions."""
        state, next_uint64, next_uint32, next_double = self._bits.addresses

        def function(result: Any, address: int) -> Any:
            return ctypes.CFUNCTYPE(result, ctypes.c_void_p)(address)

        pointer = ctypes.c_void_p(state)
        return _Interface(
            state,
            pointer,
            function(ctypes.c_uint64, next_uint64),
            function(ctypes.c_uint32, next_uint32),
            function(ctypes.c_double, next_double),
            pointer,
        )


class Stream:
    """A generator that takes its bits from whichever walker's words are put into `words`.

    Each belongs to one call at a time, as several threads may walk with one move: see `take` and `put`.
    """

    _idle: ClassVar[list[Stream]] = []

    def __init__(self) -> None:
        self.words = np.zeros(4, dtype=np.uint64)
        self.generator = np.random.Generator(_Bits(self.words))  # type: ignore[arg-type]

    @classmethod
    def take(cls) -> Stream:
        """Give one that nobody uses."""
        try:
            return cls._idle.pop()
        except IndexError:
            return cls()

    def put(self) -> None:
        """Let others use it."""
        self._idle.append(self)
