"""What there was no room for, where Python's own `MemoryError` does not say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def room_for(what: str) -> Iterator[None]:
    """Name what the block makes in the `MemoryError` of a constructor that names nothing.

    Examples
    --------
    >>> from foldstat._common.room import room_for
    >>> with room_for("3 keys"):
    ...     raise MemoryError
    Traceback (most recent call last):
    MemoryError: out of memory: unable to allocate 3 keys
    """
    try:
        yield
    except MemoryError as error:
        if str(error):
            raise
        raise MemoryError(f"out of memory: unable to allocate {what}") from None
