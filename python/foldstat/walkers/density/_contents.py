"""What a function refers to, sorted by what can become a part of compiled code.

Two things walk through this: the copies that are compiled, and the snapshot that tells whether they are still the same.
"""

from __future__ import annotations

import dis
import enum
import functools
import inspect
import sys
import types
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Code that numba either knows itself or will never compile: nothing is looked for inside of it.
_LIBRARIES = sys.stdlib_module_names | {
    *("numpy", "scipy", "numba", "llvmlite", "pandas", "polars", "sklearn", "matplotlib"),
    *("torch", "jax", "jaxlib", "tensorflow"),
}
_TABLES = ("pandas", "polars")
_CACHED = type(functools.lru_cache(lambda: None))


class NotCompilableError(Exception):
    """A function that cannot be compiled; the text says why."""


@dataclass(frozen=True)
class Function:
    """A plain function of the user."""

    function: types.FunctionType


@dataclass(frozen=True)
class Bound:
    """A callable with some of its arguments: a method, a partial, an object with ``__call__``."""

    function: Any
    leading: tuple[Any, ...]
    keywords: dict[str, Any]


@dataclass(frozen=True)
class Self:
    """An object whose method is called: its data, and of its methods those that this one mentions."""

    value: Any
    methods: frozenset[str]


@dataclass(frozen=True)
class Array:
    """Numbers, in one piece and in native byte order."""

    array: NDArray[Any]


@dataclass(frozen=True)
class Parts:
    """A tuple, or a list that does not change."""

    kind: type
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Fields:
    """Attributes of an object, entries of a dict, or columns of a table: those that are mentioned."""

    owner: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Module:
    """A module; of the user's own those of its variables that are mentioned, of others only arrays."""

    module: types.ModuleType
    fields: dict[str, Any]


@dataclass(frozen=True)
class Other:
    """Whatever numba makes of it."""

    value: Any


Content = Function | Bound | Array | Parts | Fields | Module | Other


def content_of(value: Any, names: frozenset[str]) -> Content:
    """Sort a value that a function refers to.

    Parameters
    ----------
    value : object
        A global variable, one of an enclosing function, a default, or a part of one.
    names : frozenset of str
        What functions mention by name: attributes and entries of other names are left out.

    Returns
    -------
    Content
        What it is.

    Examples
    --------
    >>> import numpy as np
    >>> content_of([1.0, 2.0], frozenset())
    Array(array=array([1., 2.]))
    >>> content_of({"scale": 2.0}, frozenset())
    Fields(owner='dict', fields={'scale': 2.0})
    """
    if isinstance(value, Self):
        return _content_of_object(value.value, names, value.methods)
    called = _callable_content(value)
    if called is not None:
        return called
    if isinstance(value, types.ModuleType):
        return Module(value, dict(_mentioned_in_module(value, names)))
    if isinstance(value, tuple):
        return Parts(type(value), tuple(value))
    if isinstance(value, list):
        return _content_of_list(value)
    if type(value) in (dict, OrderedDict, defaultdict, types.MappingProxyType):
        return Fields("dict", dict(value)) if all(isinstance(key, str) for key in value) else Other(value)
    if isinstance(value, np.ndarray):
        return _content_of_array(value)
    if _library_of(type(value)) in _TABLES:
        return _content_of_table(value, names)
    return _content_of_object(value, names, names)


def identity_of(value: Any) -> Any:
    """Tell values apart, also those that are made anew whenever they are looked at."""
    if isinstance(value, types.MethodType):
        return id(value.__func__), id(value.__self__)
    return (id(value.value), value.methods) if isinstance(value, Self) else id(value)


def _callable_content(value: Any) -> Content | None:
    if isinstance(value, types.FunctionType):
        return Other(value) if _library_of(value) in _LIBRARIES else Function(value)
    if isinstance(value, functools.partial):
        return Bound(value.func, value.args, value.keywords)
    if isinstance(value, types.MethodType):
        return _of_method(value.__func__, value.__self__) or Other(value)
    if isinstance(value, _CACHED):
        return _callable_content(value.__wrapped__)
    call = inspect.getattr_static(type(value), "__call__", None)
    return _of_method(call, value)


def _of_method(function: Any, owner: Any) -> Bound | None:
    if not isinstance(function, types.FunctionType) or _library_of(function) in _LIBRARIES:
        return None
    return Bound(function, (Self(owner, names_in(function.__code__)),), {})


def _content_of_list(value: list[Any]) -> Content:
    """Take numbers, also in rows of equal length, as an array; else a tuple, which may hold anything."""
    try:
        array = np.array(value)
    except ValueError:  # rows of different lengths
        return Parts(tuple, tuple(value))
    is_number = array.dtype.kind in "biuf" and array.size > 0
    return Array(array) if is_number else Parts(tuple, tuple(value))


def _content_of_array(value: NDArray[Any]) -> Content:
    if type(value) not in (np.ndarray, np.memmap) or value.dtype.hasobject:
        return Other(value)
    array = np.asarray(value)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return Array(array if array.flags.forc and array.flags.aligned else np.ascontiguousarray(array))


def _content_of_table(value: Any, names: frozenset[str]) -> Content:
    if hasattr(value, "to_numpy") and hasattr(value, "dtype"):  # a column, or an index
        array = np.asarray(value)
        return Array(np.ascontiguousarray(array)) if array.dtype.kind in "biuf" else Other(value)
    if hasattr(value, "columns"):
        # A name that is no attribute stands in brackets, and the constants of code are not looked at.
        return Fields(type(value).__name__, {name: value[name] for name in value.columns if isinstance(name, str)})
    return Other(value)


def _content_of_object(value: Any, names: frozenset[str], methods: frozenset[str]) -> Content:
    kind = value if isinstance(value, type) else type(value)
    is_plain = kind is types.SimpleNamespace or _library_of(kind) not in _LIBRARIES
    known_to_numba = issubclass(kind, (BaseException, tuple, enum.Enum, np.generic)) or hasattr(value, "py_func")
    if not is_plain or known_to_numba:
        return Other(value)
    mentioned = [name for name in sorted(names) if not name.startswith("__") and hasattr(value, name)]
    found = {name: getattr(value, name) for name in mentioned}
    found = {name: part for name, part in found.items() if name in methods or not isinstance(part, types.MethodType)}
    return Fields(kind.__name__, found) if found or value is not kind else Other(value)


def _mentioned_in_module(module: types.ModuleType, names: frozenset[str]) -> Iterator[tuple[str, Any]]:
    is_library = module.__name__.split(".")[0] in _LIBRARIES
    for name in sorted(names & vars(module).keys()):
        value = vars(module)[name]
        if not is_library or isinstance(value, np.ndarray):
            yield name, value


def _library_of(thing: Any) -> str:
    return str(getattr(thing, "__module__", None) or "").split(".")[0]


# ---------------------------------------------------------------- of functions


def names_in(code: types.CodeType) -> frozenset[str]:
    """Give the names of global variables and attributes that code mentions, also that inside of it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(code.co_names).union(*map(names_in, inner))


def globals_of(function: types.FunctionType) -> dict[str, Any]:
    """Give the global variables that a function may mention, by name."""
    variables = function.__globals__
    names = sorted(names_in(function.__code__) & variables.keys())
    return {name: _as_used(function, name, variables[name]) for name in names}


def closure_of(function: types.FunctionType) -> list[Any]:
    """Give the variables of enclosing functions."""
    try:
        values = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:
        raise NotCompilableError("it refers to a variable that has no value yet") from None
    names = function.__code__.co_freevars
    return [_as_used(function, name, value) for name, value in zip(names, values, strict=True)]


def _as_used(function: types.FunctionType, name: str, value: Any) -> Any:
    """Tell an object that is called from one whose attributes are read."""
    is_object = not isinstance(value, (types.MethodType, functools.partial))
    if is_object and isinstance(_callable_content(value), Bound) and name in _owners_of_attributes(function.__code__):
        return Self(value, names_in(function.__code__))
    return value


@functools.lru_cache(maxsize=256)
def _owners_of_attributes(code: types.CodeType) -> frozenset[str]:
    """Give the variables of which code reads attributes."""
    found: set[str] = set()
    last: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(last, str):
            found.add(last)
        last = instruction.argval
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(found).union(*map(_owners_of_attributes, inner))


def names_reached(value: Any) -> frozenset[str]:
    """Give the names that a callable mentions, and all functions it leads to.

    Parameters
    ----------
    value : callable
        A plain function, a method, a partial or an object with ``__call__``.

    Returns
    -------
    frozenset of str
        Names of variables and attributes.

    Examples
    --------
    >>> sorted(names_reached(lambda x: abs(x.imag)))
    ['abs', 'imag']
    """
    value = getattr(value, "py_func", value)
    names = frozenset[str]()
    while True:
        functions = _functions_reached(value, names)
        more = names.union(*(names_in(function.__code__) for function in functions))
        # An attribute that is mentioned further down may be a function itself.
        if more == names:
            return names
        names = more


def _functions_reached(value: Any, names: frozenset[str]) -> list[types.FunctionType]:
    found: dict[Any, Any] = {}  # keeps what it has seen, so that no other value gets its identity
    left = [value]
    while left:
        value = left.pop()
        if identity_of(value) not in found:
            found[identity_of(value)] = value
            left += _inside(content_of(value, names))
    return [value for value in found.values() if isinstance(content_of(value, names), Function)]


def _inside(content: Content) -> list[Any]:
    if isinstance(content, Function):
        return [*globals_of(content.function).values(), *closure_of(content.function)]
    if isinstance(content, Bound):
        return [content.function, *content.leading, *content.keywords.values()]
    if isinstance(content, (Fields, Module)):
        return list(content.fields.values())
    return list(content.parts) if isinstance(content, Parts) else []
