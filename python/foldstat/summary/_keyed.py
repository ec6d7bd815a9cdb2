"""A mapping by keys of groups, which finds a key however it is spelt."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

from foldstat.summary._keys import PLAIN, canonical_key, identity

_Value = TypeVar("_Value")


class Keyed(Mapping[Any, _Value]):
    """A mapping of canonical keys, in their order.

    Parameters
    ----------
    values : dict
        What each canonical key stands for; no two keys have one identity.
    """

    __slots__ = ("_keys", "_values")

    def __init__(self, values: dict[Any, _Value]) -> None:
        self._values: dict[Hashable, _Value] = {identity(key): value for key, value in values.items()}
        # Of most kinds a key is its own identity, and is not kept twice.
        self._keys: dict[Hashable, Any] = {
            found: key for found, key in zip(self._values, values, strict=True) if found is not key
        }

    def __getitem__(self, key: Any) -> _Value:
        # What Python finds is right: no two keys are equal for it that are two here. But not all are that are one.
        if key in self._values or type(key) in PLAIN:
            return self._values[key]
        try:
            return self._values[identity(canonical_key(key))]
        except (KeyError, TypeError, ValueError):  # not there, or nothing that can be a key
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[Any]:
        return map(self._key, self._values) if self._keys else iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _key(self, found: Hashable) -> Any:
        return self._keys.get(found, found)

    def _pairs(self) -> Iterator[tuple[Any, _Value]]:
        """Give keys with their values, without looking keys up."""
        return zip(self, self._values.values(), strict=True)
