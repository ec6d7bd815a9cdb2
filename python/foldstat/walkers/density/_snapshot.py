"""What compiled code depends on: it is compiled anew when that has changed."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from foldstat.walkers.density._contents import (
    Array,
    Bound,
    Fields,
    Function,
    Module,
    Parts,
    closure_of,
    content_of,
    globals_of,
    identity_of,
    names_reached,
)


class _Same:
    """Equal to itself only; keeps its object, so that no other one gets its identity."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def snapshot(function: Any, constants: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Describe the code of a function with everything that numba would freeze into it.

    Parameters
    ----------
    function : callable
        A plain Python function, a method of one, a partial, an object with ``__call__``, or what numba
        has compiled, which is only equal to itself.
    constants : sequence
        Dicts, objects and tuples that it will be passed.

    Returns
    -------
    tuple
        Hashable. It is equal as long as the code, the defaults, the variables of enclosing functions
        and the global variables it mentions are the same, also those of the functions it calls.

    Examples
    --------
    >>> scale = [2.0]
    >>> def made(factor):
    ...     return lambda x: -factor * x
    >>> snapshot(made(1.0)) == snapshot(made(1.0))
    True
    >>> snapshot(made(1.0)) == snapshot(made(2.0))
    False
    """
    tokens = _Tokens(names_reached(function))
    own = (_Same(function),) if hasattr(function, "py_func") else tokens.token(function)
    return own, *map(tokens.token, constants)


class _Tokens:
    """Describes values by what they hold."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._seen: set[Any] = set()

    def token(self, value: Any) -> tuple[Any, ...]:
        content = content_of(value, self._names)
        if isinstance(content, Function):
            return self._of_function(content.function)
        if isinstance(content, Array):
            array = content.array
            return array.dtype.str, array.shape, hashlib.blake2b(np.ascontiguousarray(array).tobytes()).digest()
        identity = identity_of(value)
        if identity in self._seen:
            return (_Same(value),)
        if isinstance(content, (Bound, Parts, Fields, Module)):
            self._seen.add(identity)
            described = self._inside(value, content)
            self._seen.discard(identity)
            return described
        if isinstance(value, (bool, int, float, complex, str, bytes)):
            return type(value), repr(value)
        return (_Same(value),)

    def _inside(self, value: Any, content: Any) -> tuple[Any, ...]:
        if isinstance(content, Bound):
            named = tuple((name, self.token(part)) for name, part in sorted(content.keywords.items()))
            return "bound", self.token(content.function), *map(self.token, content.leading), named
        if isinstance(content, Parts):
            return content.kind, *map(self.token, content.parts)
        fields = tuple((name, self.token(part)) for name, part in content.fields.items())
        return (_Same(value), fields) if isinstance(content, Module) else (content.owner, fields)

    def _of_function(self, function: types.FunctionType) -> tuple[Any, ...]:
        if function in self._seen:
            return (function.__code__,)
        self._seen.add(function)
        named = sorted((function.__kwdefaults__ or {}).items())
        defaults = (*(function.__defaults__ or ()), *(value for _, value in named))
        values = [*defaults, *closure_of(function), *globals_of(function).values()]
        return function.__code__, *map(self.token, values)
