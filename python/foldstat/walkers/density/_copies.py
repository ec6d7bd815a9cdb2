"""Python functions as numba sees them, made to raise where Python does.

Functions are compiled with stand-ins for `math` and for the built-in functions that fail otherwise in compiled code,
together with the plain functions they call, and with copies of the data they refer to.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import hashlib
import importlib
import inspect
import types
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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
                if _is_known_to_numba(stand_in):
                    fields[name] = stand_in
        return _record_class(content.owner, tuple(fields))(*fields.values())

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
    return fields if fields is None or callable(fields) else _record_class("norm", tuple(fields))(*fields.values())


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


# ---------------------------------------------------------------- records


@functools.cache
def _record_class(owner: str, names: tuple[str, ...]) -> type:
    """Make a kind of tuple whose parts numba finds by name, as attributes or in brackets."""
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


def _is_known_to_numba(value: Any) -> bool:
    numba: Any = importlib.import_module("numba")
    try:
        numba.typeof(value)
    except (ValueError, TypeError, numba.core.errors.NumbaError):
        return False
    return not isinstance(value, (list, set, dict))


# ---------------------------------------------------------------- what compiled code depends on


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
