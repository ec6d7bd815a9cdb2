"""Python functions as numba sees them, made to raise where Python does.

Functions are compiled with stand-ins for `math` and for the built-in functions that fail otherwise in compiled code,
together with the plain functions they call, and with copies of the arrays they refer to.
"""

from __future__ import annotations

import builtins
import hashlib
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from foldstat.walkers._python_errors import checked_math

_BUILTINS = vars(builtins)


class NotCompilableError(Exception):
    """A function that cannot be compiled; the text says why."""


def checked_function(function: types.FunctionType, compiler: Callable[[Any], Any]) -> Any:
    """Compile a function, and those it calls, with Python's errors of `math`.

    Parameters
    ----------
    function : function
        A plain Python function. It is not changed: a copy is compiled.
    compiler : callable
        ``numba.njit`` with its options.

    Returns
    -------
    callable
        What the compiler made of it.

    Raises
    ------
    NotCompilableError
        If it refers to a variable that has no value yet.
    """
    return _Copies(compiler).compiled(function)


class _Copies:
    """Copies of functions that refer to each other, each with stand-ins for what it refers to."""

    def __init__(self, compiler: Callable[[Any], Any]) -> None:
        self._compiler = compiler
        self._done: dict[types.FunctionType, Any] = {}

    def compiled(self, function: types.FunctionType) -> Any:
        if function in self._done:
            return self._done[function]
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        variables: dict[str, Any] = {"__builtins__": __builtins__, "__name__": function.__module__}
        defaults = _frozen(function.__defaults__)
        copy = types.FunctionType(function.__code__, variables, function.__name__, defaults, cells)
        named = function.__kwdefaults__
        copy.__kwdefaults__ = named and {name: _frozen(value) for name, value in named.items()}
        # Known before what it refers to is looked at: functions may call themselves and each other.
        self._done[function] = result = self._compiler(copy)
        names = _names_in(function.__code__)
        replaced = checked_math()[1]
        variables.update({name: replaced[_BUILTINS[name]] for name in names if _BUILTINS.get(name) in replaced})
        for name, value in _globals_of(function):
            variables[name] = self._stand_in(value, names)
        for cell, value in zip(cells, _closure_of(function), strict=True):
            cell.cell_contents = self._stand_in(value, names)
        return result

    def _stand_in(self, value: Any, names: set[str]) -> Any:
        if isinstance(value, types.ModuleType):
            return checked_math()[0] if value is math else _frozen_module(value, names)
        if isinstance(value, types.FunctionType):
            return self.compiled(value)
        if isinstance(value, (types.BuiltinFunctionType, type)):
            return checked_math()[1].get(value, value)
        return _frozen(value)


def _frozen(value: Any) -> Any:
    """Copy arrays, also those in tuples: large ones are not copied into compiled code, but read where they lie."""
    if isinstance(value, np.ndarray):
        copy = value.copy(order="K")
        copy.flags.writeable = False
        return copy
    if isinstance(value, tuple):
        frozen = map(_frozen, value)
        return type(value)._make(frozen) if hasattr(value, "_make") else tuple(frozen)
    return value


def _frozen_module(module: types.ModuleType, names: set[str]) -> types.ModuleType:
    """Let a module with arrays that the function may mention have copies of them."""
    arrays = {name: value for name, value in vars(module).items() if name in names and isinstance(value, np.ndarray)}
    if not arrays:
        return module
    frozen = types.ModuleType(module.__name__)
    frozen.__dict__.update(vars(module) | {name: _frozen(value) for name, value in arrays.items()})
    return frozen


def _globals_of(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Global variables that the function may mention, by name."""
    variables = function.__globals__
    return ((name, variables[name]) for name in sorted(_names_in(function.__code__)) if name in variables)


def _names_in(code: types.CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


def _closure_of(function: types.FunctionType) -> list[Any]:
    try:
        return [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:
        raise NotCompilableError("it refers to a variable that has no value yet") from None


# ---------------------------------------------------------------- what compiled code depends on


class _Same:
    """Equal to itself only; keeps its object, so that no other one gets its identity."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def snapshot(function: types.FunctionType) -> tuple[Any, ...]:
    """Describe the code of a function with everything that numba would freeze into it.

    Parameters
    ----------
    function : function
        A plain Python function.

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
    return _snapshot(function, set())


def _snapshot(function: types.FunctionType, seen: set[types.FunctionType]) -> tuple[Any, ...]:
    if function in seen:
        return (function.__code__,)
    seen.add(function)
    named = sorted((function.__kwdefaults__ or {}).items())
    defaults = (*(function.__defaults__ or ()), *(value for _, value in named))
    values = [*defaults, *_closure_of(function), *(value for _, value in _globals_of(function))]
    names = _names_in(function.__code__)
    return (function.__code__, *(_token(value, seen, names) for value in values))


def _token(value: Any, seen: set[types.FunctionType], names: set[str]) -> Any:
    if isinstance(value, types.FunctionType):
        return _snapshot(value, seen)
    if isinstance(value, types.ModuleType):
        return _token_of_module(value, seen, names)
    if isinstance(value, tuple):
        return type(value), tuple(_token(part, seen, names) for part in value)
    if isinstance(value, (bool, int, float, complex, str, bytes)):
        return type(value), repr(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.dtype.str, value.shape, hashlib.blake2b(np.ascontiguousarray(value).tobytes()).digest()
    return _Same(value)


def _token_of_module(module: types.ModuleType, seen: set[types.FunctionType], names: set[str]) -> Any:
    """Describe a module by those of its variables that the function may mention."""
    mentioned = [(name, vars(module)[name]) for name in sorted(names) if name in vars(module)]
    # Each name leads to another module at most once, so that modules may refer to each other.
    return _Same(module), *(
        # A module's function is not compiled along with the density: it is the same or it is not.
        (name, _Same(value) if isinstance(value, types.FunctionType) else _token(value, seen, names - {name}))
        for name, value in mentioned
    )
