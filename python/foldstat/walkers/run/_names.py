"""What coordinates are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Names:
    """What the coordinates are called, and whether the user named them."""

    labels: tuple[str, ...]
    given: bool

    @classmethod
    def of(cls, names: Any, n_dims: int) -> Names:
        """Check the names of `n_dims` coordinates; None numbers them."""
        if names is None:
            return cls(tuple(f"x[{i}]" for i in range(n_dims)), False)
        labels = as_names(names)
        if len(labels) != n_dims:
            raise ValueError(f"names must hold one name for each of the {n_dims} dimensions, got {list(labels)}")
        return cls(labels, True)

    def dims(self, chosen: Any, argument: str = "dims") -> tuple[int, ...]:
        """Turn the names or numbers of coordinates into numbers."""
        if isinstance(chosen, str) or not isinstance(chosen, Iterable):
            chosen = (chosen,)
        found = tuple(self._dim(entry, argument) for entry in chosen)
        if not found or len(set(found)) < len(found):
            raise ValueError(f"{argument} must name different coordinates, at least one; got {chosen!r}")
        return found

    def _dim(self, entry: Any, argument: str) -> int:
        n_dims = len(self.labels)
        if isinstance(entry, str) and entry in self.labels:
            return self.labels.index(entry)
        whole = isinstance(entry, (int, np.integer)) and not isinstance(entry, bool)
        if whole and -n_dims <= entry < n_dims:
            return int(entry) % n_dims
        raise ValueError(f"{argument} must name coordinates out of {list(self.labels)}, or numbers; got {entry!r}")


def as_names(names: Any) -> tuple[str, ...]:
    """Check names: different texts."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise TypeError(f"names must be a sequence of str, one for each dimension, got {names!r}")
    labels = tuple(names)
    for label in labels:
        if not isinstance(label, str) or not label:
            raise TypeError(f"names must be a sequence of str, got {label!r} in it")
    if len(set(labels)) < len(labels):
        raise ValueError(f"names must be different from each other, got {list(labels)}")
    return labels
