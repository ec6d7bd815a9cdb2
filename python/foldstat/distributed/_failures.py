"""What map_reduce says of items that failed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from foldstat._common.callers import level_of_caller

_NAMED = 5  # failures that a warning names


@dataclass(frozen=True, slots=True)
class Failure:
    """An item whose function failed, as often as it was tried."""

    index: int
    item: Any
    exception: BaseException


class WorkerError(RuntimeError):
    """An exception of a worker that cannot be given back itself, as it does not survive pickling.

    Its text is the name of the exception's class and its message; its cause has the traceback.

    Attributes
    ----------
    kind : str
        The name of the exception's class.
    message : str
        What it said.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind, self.message = kind, message

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


def short(item: Any) -> str:
    """Show an item in a few words."""
    text = repr(item)
    return text if len(text) <= 80 else f"{text[:77]}..."


def warn_of(failures: list[Failure], taken: int) -> None:
    """Report the items that were skipped."""
    named = sorted(failures, key=lambda failure: failure.index)[:_NAMED]
    told = "; ".join(f"item {f.index}, {short(f.item)}: {f.exception!r}" for f in named)
    more = f"; and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    warnings.warn(
        f"map_reduce skipped {len(failures)} of {taken} items: {told}{more}. "
        "Pass on_error=failures.append to get all of them in a list",
        RuntimeWarning,
        stacklevel=level_of_caller(),
    )
