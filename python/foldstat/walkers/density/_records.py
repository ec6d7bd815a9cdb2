"""Objects, dicts and tables in compiled code: tuples whose parts have names."""

from __future__ import annotations

import functools
import importlib
from collections import namedtuple
from typing import Any


@functools.cache
def record_class(owner: str, names: tuple[str, ...]) -> type:
    """Make a kind of tuple whose parts numba finds by name, as attributes or in brackets.

    Parameters
    ----------
    owner : str
        What it is called in messages.
    names : tuple of str
        Of the parts.

    Returns
    -------
    type
        Called with the parts.
    """
    _teach_brackets()
    make: Any = namedtuple
    kind: Any = make(owner, [f"part_{i}" for i in range(len(names))])
    # Any text may be a name here; numba asks the class for them.
    kind._fields, kind._is_record_of_foldstat = names, True
    return kind  # type: ignore[no-any-return]


@functools.cache
def _teach_brackets() -> None:
    """Let numba look up the parts of records by a text that stands in the code."""
    numba: Any = importlib.import_module("numba")
    operator: Any = importlib.import_module("operator")
    importlib.import_module("numba.extending")

    @numba.extending.overload(operator.getitem, prefer_literal=True)  # type: ignore[untyped-decorator]
    def _of_record(record: Any, key: Any) -> Any:
        kind: Any = getattr(record, "instance_class", None)
        if not getattr(kind, "_is_record_of_foldstat", False) or not isinstance(key, numba.types.StringLiteral):
            return None
        if key.literal_value not in kind._fields:
            return None
        place = kind._fields.index(key.literal_value)

        def part(record: Any, key: Any) -> Any:
            return record[place]

        return part


def is_known_to_numba(value: Any) -> bool:
    """Tell whether a value may be a part of a record.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        Whether numba has a type for it that constants may have.
    """
    numba: Any = importlib.import_module("numba")
    try:
        numba.typeof(value)
    except (ValueError, TypeError, numba.core.errors.NumbaError):
        return False
    return not isinstance(value, (list, set, dict))
