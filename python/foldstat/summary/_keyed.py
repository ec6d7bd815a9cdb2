"""Keys of groups in their order, and mappings by them, which find a key however it is spelt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from foldstat.summary._keys import PLAIN, canonical_key, identity, signature

_Value = TypeVar("_Value")


class Keys(Sequence[Any]):
    """Canonical keys in their order, no two of which are one.

    Parameters
    ----------
    keys : ndarray or list
        An array is one of int64 or uint64, in ascending order: a million of them take eight megabytes.
    """

    def __init__(self, keys: NDArray[Any] | list[Any]) -> None:
        self.given = keys

    @cached_property
    def listed(self) -> list[Any]:
        """All of them."""
        return self.given.tolist() if isinstance(self.given, np.ndarray) else self.given

    @cached_property
    def plain(self) -> bool:
        """Whether they are of one type whose objects are equal if they are one key."""
        return isinstance(self.given, np.ndarray) or (len(kinds := set(map(type, self.given))) == 1 and kinds <= PLAIN)

    @cached_property
    def places(self) -> dict[Hashable, int]:
        """The place of each, by its identity."""
        if self.plain:
            return dict(zip(self.listed, range(len(self)), strict=True))
        return {identity(key): place for place, key in enumerate(self.listed)}

    def place(self, key: Any) -> int:
        """Find a key however it is spelt; a KeyError if it is not there."""
        given = self.given
        if type(key) is int and isinstance(given, np.ndarray):
            place = int(np.searchsorted(given, key)) if _within(key, given.dtype) else len(given)
            if place < len(given) and given[place] == key:
                return place
            raise KeyError(key)
        places = self.places
        # What Python finds is right: no two keys are equal for it that are two here. But not all are that are one.
        if type(key) in PLAIN or key in places:
            return places[key]
        try:
            return places[identity(canonical_key(key))]
        except (KeyError, TypeError, ValueError):  # not there, or nothing that can be a key
            raise KeyError(key) from None

    def find(self, others: Keys) -> NDArray[np.intp]:
        """Give the place of each of others, -1 of one that is not there."""
        mine, theirs = self.given, others.given
        if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) and mine.dtype == theirs.dtype:
            found = np.searchsorted(mine, theirs)
            there = found < len(mine)
            there[there] = mine[found[there]] == theirs[there]
            return np.where(there, found, -1)
        alike = self.plain and others.plain and type(self.listed[0]) is type(others.listed[0])
        wanted = others.listed if alike else map(identity, others.listed)
        known = self.places if alike else {identity(key): place for place, key in enumerate(self.listed)}
        return np.fromiter((known.get(key, -1) for key in wanted), dtype=np.intp, count=len(others))

    def taken(self, places: NDArray[np.intp]) -> Keys:
        """Give some of them, in order."""
        if isinstance(self.given, np.ndarray):
            return Keys(self.given[places])
        return Keys([self.given[place] for place in places.tolist()])

    def signatures(self) -> list[Any]:
        """Give each with its types, so that 1 and 1.0 differ."""
        return list(map(signature, self.listed))

    def same(self, other: Keys) -> bool:
        """Tell whether others are the same, in the same order, of the same types."""
        mine, theirs = self.given, other.given
        if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
            return np.array_equal(mine, theirs)
        if self.plain and other.plain:
            return self.listed == other.listed and set(map(type, self.listed[:1])) == set(map(type, other.listed[:1]))
        return len(self) == len(other) and self.signatures() == other.signatures()

    def __len__(self) -> int:
        return len(self.given)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.listed)

    def __getitem__(self, place: Any) -> Any:
        return self.listed[place]


def _within(key: int, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= key <= limits.max)


class Keyed(Mapping[Any, _Value]):
    """A mapping of canonical keys, in their order."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @abstractmethod
    def _value(self, place: int) -> _Value:
        """Give what the key at a place stands for."""

    def __getitem__(self, key: Any) -> _Value:
        return self._value(self._keys.place(key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def _pairs(self) -> Iterator[tuple[Any, _Value]]:
        """Give keys with their values, without looking keys up."""
        return zip(self._keys, map(self._value, range(len(self))), strict=True)
