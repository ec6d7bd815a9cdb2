"""The keys of several groupings in one order, and where each of them is there."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat.summary._key_columns import KeyColumns
from foldstat.summary._keyed import Keys
from foldstat.summary._keys import common_key, identity, sorted_keys


class Union:
    """Keys that are one key in any of several lists are one, the others stay.

    Parameters
    ----------
    parts : sequence of sequences
        Canonical keys.
    columns : KeyColumns, optional
        What is known of them, as the order of their categories.
    """

    __slots__ = ("in_order", "keys", "places")

    def __init__(self, parts: Sequence[Sequence[Any]], columns: KeyColumns | None) -> None:
        numbers: dict[Hashable, int] = {}
        keys: list[Any] = []
        found: list[list[int]] = []
        for part in parts:
            places = []
            for key in part:
                number = numbers.setdefault(identity(key), len(keys))
                if number == len(keys):
                    keys.append(key)
                else:
                    keys[number] = common_key(keys[number], key)
                places.append(number)
            found.append(places)
        self._sort(Keys(keys), [np.array(places, dtype=np.intp) for places in found], columns)

    def _sort(self, keys: Keys, places: list[NDArray[np.intp]], columns: KeyColumns | None) -> None:
        """Bring the keys in order; `places` say which of them those of each part are."""
        ordered = sorted_keys(keys) if columns is None else columns.sorted(keys)
        moved = any(map(operator.is_not, ordered, keys))
        self.keys: list[Any] | NDArray[Any] = ordered
        self.places = places
        # Whether the keys of one part are all, as they were.
        self.in_order = not moved and len(places) == 1 and len(places[0]) == len(keys)
        if moved:
            order = np.fromiter(map(keys.places.__getitem__, map(identity, ordered)), dtype=np.intp, count=len(keys))
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            self.places = [rank[part] for part in places]

    @classmethod
    def of(cls, parts: Sequence[Keys], columns: KeyColumns | None) -> Union:
        """Unite the keys of groupings, each of which has every key once."""
        arrays = [part.given for part in parts if isinstance(part.given, np.ndarray)]
        if arrays and len(arrays) == len(parts) and len({array.dtype for array in arrays}) == 1:
            return cls._of_arrays(arrays)
        kinds = {type(part.listed[0]) for part in parts}
        if len(kinds) == 1 and all(part.plain for part in parts):
            return cls._of_plain(parts, columns)
        return cls([part.listed for part in parts], columns)

    @classmethod
    def _of_arrays(cls, arrays: Sequence[NDArray[Any]]) -> Union:
        made = cls.__new__(cls)
        made.in_order = len(arrays) == 1
        made.keys = arrays[0]
        for array in arrays[1:]:
            if not np.array_equal(made.keys, array):
                both = np.concatenate((made.keys, array))
                both.sort(kind="stable")  # of two runs that are in order it merges them
                made.keys = both[np.append(True, both[1:] != both[:-1])]
        made.places = [np.searchsorted(made.keys, array) for array in arrays]
        return made

    @classmethod
    def _of_plain(cls, parts: Sequence[Keys], columns: KeyColumns | None) -> Union:
        """Of keys each of which is equal to itself alone: a dict finds them without a step of ours for each."""
        made = cls.__new__(cls)
        keys, found = parts[0], [np.arange(len(parts[0]))]
        for part in parts[1:]:
            if part.listed == keys.listed:
                found.append(np.arange(len(part)))
                continue
            known = keys.places
            here = np.fromiter((known.get(key, -1) for key in part.listed), dtype=np.intp, count=len(part))
            new = np.flatnonzero(here < 0)
            if len(new):
                here[new] = np.arange(len(keys), len(keys) + len(new))
                keys = Keys(keys.listed + [part.listed[place] for place in new.tolist()])
            found.append(here)
        made._sort(keys, found, columns)
        return made
