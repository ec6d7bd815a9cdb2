"""What is known of the keys of groups beyond the keys: the name of a column, the order of categories, the time zone.

A part of this that pieces of the data disagree in is dropped when they merge, and nothing is known of it. So merging
is associative and commutative here too: "nothing" meets anything and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from foldstat.summary._key_bytes import decode_key, encode_key
from foldstat.summary._keys import canonical_key, identity, order, signature, sorted_keys

Label: TypeAlias = "str | int"

_MALFORMED = "these bytes hold columns of keys that are malformed"


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """What is known of a column of keys."""

    name: Label | None = None
    categories: tuple[Hashable, ...] | None = None  # None: keys are sorted
    ordered: bool = False  # whether categories are said to have an order, as pandas has it
    zone: str | None = None

    @classmethod
    def of_categories(cls, categories: Iterable[Hashable], *, ordered: bool) -> KeyColumn:
        """Keep an order of categories, unless it is what pandas makes when none was given: that of the sorted keys.

        pandas' own order depends on which categories a piece of the data happens to hold.
        """
        kept = {identity(key): key for key in reversed(list(categories))}
        listed = tuple(reversed(kept.values()))
        if not listed or (not ordered and list(listed) == sorted_keys(listed)):
            return cls()
        return cls(categories=listed, ordered=ordered)

    def joined(self, other: KeyColumn) -> KeyColumn:
        """Keep what both say."""
        same = self.ordered == other.ordered and signature(self.categories) == signature(other.categories)
        return KeyColumn(
            self.name if self.name == other.name else None,
            self.categories if same else None,
            self.ordered and same,
            self.zone if self.zone == other.zone else None,
        )

    def place(self) -> Callable[[Any], Any]:
        """Give the function by which keys are sorted."""
        if self.categories is None:
            return order
        places = {identity(key): place for place, key in enumerate(self.categories)}
        last = len(places)

        def of(key: Any) -> Any:
            found = places.get(identity(key), last)
            return found, order(key) if found == last else (0,)

        return of


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """What is known of keys: of one column, or of several, whose keys are tuples."""

    columns: tuple[KeyColumn, ...]
    several: bool

    @classmethod
    def of_one(cls, column: KeyColumn) -> KeyColumns | None:
        """Give what is known of keys that are no tuples; None if it is nothing."""
        return cls((column,), False)._or_none()

    @classmethod
    def of_several(cls, columns: Iterable[KeyColumns | None]) -> KeyColumns | None:
        """Give what is known of tuples of keys; None if it is nothing."""
        return cls(tuple(KeyColumn() if one is None else one.columns[0] for one in columns), True)._or_none()

    def _or_none(self) -> KeyColumns | None:
        return None if all(column == KeyColumn() for column in self.columns) else self

    def named(self, name: Label) -> KeyColumns:
        """Give the same, of one column of this name."""
        (column,) = self.columns
        return KeyColumns((KeyColumn(name, column.categories, column.ordered, column.zone),), False)

    def joined(self, other: KeyColumns | None) -> KeyColumns | None:
        """Keep what both say."""
        if other is None or (len(self.columns), self.several) != (len(other.columns), other.several):
            return None
        columns = tuple(mine.joined(its) for mine, its in zip(self.columns, other.columns, strict=True))
        return KeyColumns(columns, self.several)._or_none()

    @property
    def categorical(self) -> bool:
        """Whether there is an order of categories."""
        return any(column.categories is not None for column in self.columns)

    def sorted(self, keys: Iterable[Any]) -> list[Any]:
        """Sort keys, by the order of categories where there is one."""
        listed = list(keys)
        if not self.categorical:
            return sorted_keys(listed)
        places = [column.place() for column in self.columns]
        if not self.several:
            return sorted(listed, key=places[0])
        return sorted(listed, key=lambda key: tuple(place(part) for place, part in zip(places, key, strict=True)))

    def fits(self, keys: Iterable[Any]) -> bool:
        """Tell whether keys are of these columns."""
        return not self.several or all(type(key) is tuple and len(key) == len(self.columns) for key in keys)

    def signed(self) -> Any:
        """Give what tells it from others, types of categories included."""
        return signature(self.plain())

    def plain(self) -> tuple[Any, ...]:
        """Give it as a tuple of what keys consist of."""
        columns = ((column.name, column.categories, column.ordered, column.zone) for column in self.columns)
        return self.several, *columns

    @classmethod
    def of_plain(cls, plain: Any) -> KeyColumns:
        """Give what was made plain; a ValueError if nothing was."""
        several, *columns = plain if isinstance(plain, tuple) and plain else (None,)
        if type(several) is not bool or not columns or not all(map(_is_column, columns)):
            raise ValueError(_MALFORMED)
        found = cls(tuple(KeyColumn(*column) for column in columns), several)
        if found._or_none() is None or (not several and len(columns) != 1):
            raise ValueError(_MALFORMED)
        return found

    def to_bytes(self) -> bytes:
        """Write it as a key is written."""
        return encode_key(self.plain())

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyColumns:
        """Read what `to_bytes` wrote."""
        return cls.of_plain(decode_key(data))


def _is_column(column: Any) -> bool:
    if type(column) is not tuple or len(column) != 4:
        return False
    name, categories, ordered, zone = column
    if type(name) not in (str, int, type(None)) or type(zone) not in (str, type(None)) or type(ordered) is not bool:
        return False
    if categories is None:
        return not ordered
    if type(categories) is not tuple or not categories or any(key is None for key in categories):
        return False
    if len(set(map(identity, categories))) < len(categories):
        return False
    canonical = tuple(map(canonical_key, categories))
    return signature(canonical) == signature(categories) and (ordered or list(categories) != sorted_keys(categories))


def joined(several: Iterable[KeyColumns | None]) -> KeyColumns | None:
    """Keep what all say."""
    found: KeyColumns | None = None
    for position, columns in enumerate(several):
        found = columns if position == 0 else None if found is None else found.joined(columns)
    return found
