"""Columns that are left out of batches as they hold no numbers: the same of each batch, or parts of a column count."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from foldstat import _core
from foldstat._common.libraries import is_of


class LeftOut:
    """Which columns are left out of all batches; the first of them tells."""

    def __init__(self) -> None:
        self.labels: frozenset[Any] | None = None  # None as long as there was no batch

    def agree(self, others: Mapping[Any, str]) -> bool:
        """Check that these are left out, given with their types; tell whether they are the first, or raise."""
        if self.labels is None:
            self.labels = frozenset(others)
            return True
        problems = [
            *(f"{label!r} holds no numbers ({kind})" for label, kind in others.items() if label not in self.labels),
            *(f"{label!r} holds numbers" for label in sorted(self.labels - set(others), key=str)),
        ]
        if problems:
            raise TypeError(
                f"column {', column '.join(problems)}, unlike in batches before: have each column of one type, or "
                "leave it out"
            )
        return False

    def is_blank(self, label: Any, column: Any) -> bool:
        """Tell whether a column that is left out elsewhere holds nothing that tells what it is of."""
        if label not in (self.labels or ()):
            return False
        if isinstance(column, _core.ArrowColumn):
            return column.type == "null"
        return is_of(column, "pandas", "Series") and column.dtype == object and bool(column.isna().all())


def united(several: Iterable[frozenset[Any] | None]) -> frozenset[Any] | None:
    """Check that the same columns are left out of pieces that were read apart; None is of one without rows."""
    known = [labels for labels in several if labels is not None]
    for labels in known[1:]:
        differing = ", ".join(sorted(map(repr, labels ^ known[0])))
        if differing:
            raise TypeError(
                f"column {differing} holds numbers in some pieces and none in others: have each column of one type, or "
                "leave it out"
            )
    return known[0] if known else None


_agreed: ContextVar[LeftOut | None] = ContextVar("foldstat.left_out", default=None)


def agreed() -> LeftOut | None:
    """Give what batches agree on, while one of them is read."""
    return _agreed.get()


@contextlib.contextmanager
def agreeing(left_out: LeftOut) -> Iterator[None]:
    """Read a batch, out of which the same columns are left as out of others."""
    token = _agreed.set(left_out)
    try:
        yield
    finally:
        _agreed.reset(token)
