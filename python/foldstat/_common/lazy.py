"""Names of a module: loaded when they are first asked for, and shown where they are public (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazily(
    package: str, homes: Mapping[str, str], public: Iterable[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and the ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Its name.
    homes : mapping of str to str
        In which module each name is found that is not there yet.
    public : iterable of str
        What ``dir`` shows.

    Returns
    -------
    tuple of two callables
        ``__getattr__`` and ``__dir__``.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)  # asked for once
        return value

    return find, only(public)


def only(public: Iterable[str]) -> Callable[[], list[str]]:
    """Make a ``__dir__`` that shows these names, not what a module imports.

    Examples
    --------
    >>> only(["b", "a"])()
    ['a', 'b']
    """
    names = sorted(public)
    return lambda: list(names)
