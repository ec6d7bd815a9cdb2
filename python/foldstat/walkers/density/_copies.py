"""Python functions as numba sees them, made to raise where Python does.

Functions are compiled with stand-ins for `math` and for the built-in functions that fail otherwise in compiled code,
together with the plain functions they call, and with copies of the data they refer to.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any

from foldstat.walkers.density._contents import (
    Array,
    Bound,
    Fields,
    Function,
    Module,
    NotCompilableError,
    Parts,
    closure_of,
    content_of,
    globals_of,
    identity_of,
    names_in,
    names_reached,
)
from foldstat.walkers.density._python_errors import checked_math
from foldstat.walkers.density._records import is_known_to_numba, record_class
from foldstat.walkers.density._scipy import stand_in_of_scipy

_BUILTINS = vars(builtins)


def checked_function(
    function: Any, compiler: Callable[[Any], Any], constants: Sequence[Any] = ()
) -> tuple[Any, list[Any]]:
    """Compile a function, and those it calls, with Python's errors of `math`.

    Parameters
    ----------
    function : callable
        A plain Python function, a method of one, a partial, or an object with ``__call__``. It is not
        changed: a copy is compiled. What numba has compiled already is left as it is.
    compiler : callable
        ``numba.njit`` with its options.
    constants : sequence
        Dicts, objects and tuples that it will be passed.

    Returns
    -------
    compiled : callable
        What the compiler made of it.
    constants : list
        What stands in for these.

    Raises
    ------
    NotCompilableError
        If it is none of these, or refers to a variable that has no value yet.
    """
    names = names_reached(function)
    copies = _Copies(compiler, names)
    if not hasattr(function, "py_func"):
        if not isinstance(content_of(function, names), (Function, Bound)):
            raise NotCompilableError(f"a {type(function).__name__} is no Python function")
        function = copies.stand_in(function)
    return function, [copies.stand_in(value) for value in constants]


class _Copies:
    """Copies of functions that refer to each other, each with stand-ins for what it refers to."""

    def __init__(self, compiler: Callable[[Any], Any], names: frozenset[str]) -> None:
        self._compiler = compiler
        self._names = names
        self._done: dict[Any, Any] = {}
        self._open: set[Any] = set()

    def stand_in(self, value: Any) -> Any:
        """Give what compiled code has in place of a value."""
        replaced = _replaced(value)
        if replaced is not None:
            return replaced
        content = content_of(value, self._names)
        if isinstance(content, Function):
            return self._function(content.function)
        if isinstance(content, Array):
            copy = content.array.copy(order="K")
            copy.flags.writeable = False
            return copy
        identity = identity_of(value)
        if identity in self._open:
            raise NotCompilableError(f"a {type(value).__name__} refers to itself")
        self._open.add(identity)
        try:
            return self._inside(value, content)
        finally:
            self._open.discard(identity)

    def _inside(self, value: Any, content: Any) -> Any:
        if isinstance(content, Bound):
            return self._bound(content)
        if isinstance(content, Parts):
            parts = map(self.stand_in, content.parts)
            return content.kind._make(parts) if hasattr(content.kind, "_make") else tuple(parts)
        if isinstance(content, Fields):
            return self._record(content)
        return self._module(content) if isinstance(content, Module) else value

    def _function(self, function: types.FunctionType) -> Any:
        if function in self._done:
            return self._done[function]
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        variables: dict[str, Any] = {"__builtins__": __builtins__, "__name__": function.__module__}
        code, defaults = _without_keywords(function)
        defaults = tuple(map(self.stand_in, defaults))
        copy = types.FunctionType(code, variables, function.__name__, defaults, cells)
        # Known before what it refers to is looked at: functions may call themselves and each other.
        self._done[function] = result = self._compiler(copy)
        replaced = checked_math()[1]
        names = names_in(function.__code__)
        variables.update({name: replaced[_BUILTINS[name]] for name in names if _BUILTINS.get(name) in replaced})
        variables.update({name: self.stand_in(value) for name, value in globals_of(function).items()})
        for cell, value in zip(cells, closure_of(function), strict=True):
            cell.cell_contents = self.stand_in(value)
        return result

    def _bound(self, bound: Bound) -> Any:
        """Compile a function that passes what is bound, and then its own arguments."""
        whole = functools.partial(bound.function, *bound.leading, **bound.keywords)
        parameters = list(inspect.signature(whole).parameters.values())
        variables = {f"leading_{i}": self.stand_in(value) for i, value in enumerate(bound.leading)}
        passed = list(variables)
        own, defaults = [], []
        for parameter in parameters:
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
                own.append(parameter.name)
                if parameter.default is not inspect.Parameter.empty:
                    defaults.append(self.stand_in(parameter.default))
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                own.append(f"*{parameter.name}")
        passed += own
        for i, (name, value) in enumerate(bound.keywords.items()):
            variables[f"keyword_{i}"] = self.stand_in(value)
            passed.append(f"{name}=keyword_{i}")
        variables["callee"] = self.stand_in(bound.function)
        exec(f"def bound({', '.join(own)}):\n    return callee({', '.join(passed)})", variables)
        variables["bound"].__defaults__ = tuple(defaults)
        return self._compiler(variables["bound"])

    def _record(self, content: Fields) -> Any:
        fields = {}
        for name, value in content.fields.items():
            # What numba does not know may not be used after all.
            with contextlib.suppress(NotCompilableError):
                stand_in = self.stand_in(value)
                if is_known_to_numba(stand_in):
                    fields[name] = stand_in
        return record_class(content.owner, tuple(fields))(*fields.values())

    def _module(self, content: Module) -> types.ModuleType:
        known, _ = checked_math()
        module = content.module
        if module.__name__ == "math":
            return known
        replaced = {name: _replaced(value) for name, value in vars(module).items() if name in self._names}
        fields = {name: value for name, value in replaced.items() if value is not None}
        fields |= {name: self.stand_in(value) for name, value in content.fields.items() if name not in fields}
        if not fields:
            return module
        copy = types.ModuleType(module.__name__)
        copy.__dict__.update(vars(module) | fields)
        return copy


def _replaced(value: Any) -> Any:
    """Give what we have in place of a function of a library, if anything."""
    if isinstance(value, (types.BuiltinFunctionType, type)):
        return checked_math()[1].get(value)
    fields = stand_in_of_scipy(value)
    return fields if fields is None or callable(fields) else record_class("norm", tuple(fields))(*fields.values())


def _without_keywords(function: types.FunctionType) -> tuple[types.CodeType, tuple[Any, ...]]:
    """Make parameters that are passed by name ones that may also be passed by position, which numba needs."""
    code, defaults = function.__code__, function.__defaults__ or ()
    if code.co_flags & inspect.CO_VARKEYWORDS:  # nobody passes them; that they are read numba will tell
        code = code.replace(co_flags=code.co_flags & ~inspect.CO_VARKEYWORDS)
    count = code.co_kwonlyargcount
    if not count:
        return code, defaults
    names = code.co_varnames[code.co_argcount : code.co_argcount + count]
    own = function.__kwdefaults__ or {}
    given = tuple(own[name] for name in names if name in own)
    has_gap = any(name in own for name in names[: count - len(given)])
    if has_gap or (len(given) < count and defaults):
        raise NotCompilableError(f"{function.__name__} has a parameter without default after others with one")
    code = code.replace(co_argcount=code.co_argcount + count, co_kwonlyargcount=0)
    return code, (*defaults, *given)
