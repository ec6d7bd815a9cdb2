"""What all summaries have in common: they merge, copy and become bytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Self


class Monoid:
    """A class whose objects merge with ``+``, and whose ``merge_all`` of nothing is the identity."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy must not add to it element by element
    _kind: ClassVar[type[Any]]  # whose objects it merges with: subclasses merge with their base

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if Monoid in cls.__bases__:
            cls._kind = cls

    @classmethod
    @abstractmethod
    def merge_all(cls, several: Iterable[Self], /) -> Self:
        """Merge any number of them."""

    @abstractmethod
    def copy(self) -> Self:
        """Give one of the same contents that changes on its own."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Encode."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Self:
        """Decode what `to_bytes` gave."""

    @classmethod
    def _checked(cls, several: Iterable[Self]) -> list[Self]:
        """List what is to be merged, if it is all of this class."""
        parts = list(several)
        for position, part in enumerate(parts):
            if not isinstance(part, cls._kind):
                raise TypeError(
                    f"merge_all merges {cls._kind.__name__}, got {type(part).__name__} at position {position}"
                )
        return parts

    def __add__(self, other: object) -> Self:
        return self.merge_all([self, other]) if isinstance(other, self._kind) else NotImplemented

    def __radd__(self, other: object) -> Self:
        if isinstance(other, int) and other == 0:  # what sum() starts from
            return self.copy()
        return NotImplemented

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(),)
