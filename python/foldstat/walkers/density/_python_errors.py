"""Python's arithmetic errors in compiled code.

numba follows C: ``math.log(0.0)`` is minus infinity, where Python raises ``ValueError``, ``10.0**400`` is infinity,
where Python raises ``OverflowError``, and ``int`` of an infinite number is some integer. A density that fails would so
become one that is zero, or anything. What is here raises where Python does; which exception it is, the function's own
call will tell.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import math
import types
from collections.abc import Callable
from typing import Any

UNARY = (
    *("acos", "acosh", "asin", "atanh", "cos", "cosh", "exp", "exp2", "expm1", "gamma", "lgamma"),
    *("log", "log10", "log1p", "log2", "sin", "sinh", "sqrt", "tan"),
)
"""Functions of `math` of one number that give a float, and raise."""

BINARY = ("pow",)
"""Such functions of two numbers."""

ROUNDING = ("floor", "ceil", "trunc")
"""Functions of `math` that give an integer."""

_LARGEST = 2.0**63 - 2.0**10  # the largest float that is less than 2^63


@functools.cache
def checked_math() -> tuple[types.ModuleType, dict[Any, Any]]:
    """Make a module to stand in for `math`, and map Python's functions to checked ones.

    Returns
    -------
    module
        Like `math`.
    dict
        What stands in for a function, by that function: those of `math` and of the built-in ones.
    """
    njit = importlib.import_module("numba").njit
    module = types.ModuleType("math")
    module.__dict__.update({name: value for name, value in vars(math).items() if not name.startswith("__")})
    replaced: dict[Any, Any] = {}
    makers = ((UNARY, _unary), (BINARY, _binary), (ROUNDING, _to_integer))
    for name, maker in ((name, maker) for names, maker in makers for name in names):
        original = getattr(math, name, None)  # exp2 is new in Python 3.11
        if original is not None:
            checked = njit(maker(original), inline="never")
            setattr(module, name, checked)
            replaced[original] = checked
    replaced[builtins.int] = njit(_to_integer(int), inline="never")
    replaced[builtins.round] = njit(_round, inline="never")
    replaced[builtins.pow] = njit(error_model="python")(_pow_of(checked_power()))
    return module, replaced


def _unary(original: Any) -> Callable[[float], float]:
    def checked(x: float) -> float:
        value = original(x)
        # Python raises where a finite number gives infinity, or a number gives NaN.
        if not abs(value) < math.inf and not (math.isnan(x) or (math.isinf(x) and math.isinf(value))):
            raise ValueError
        return value  # type: ignore[no-any-return]

    return checked


def _binary(original: Any) -> Callable[[float, float], float]:
    def checked(x: float, y: float) -> float:
        value = original(x, y)
        some_infinite = math.isinf(x) or math.isinf(y)
        excused = math.isnan(x) or math.isnan(y) or (some_infinite and math.isinf(value))
        if not abs(value) < math.inf and not excused:
            raise ValueError
        return value  # type: ignore[no-any-return]

    return checked


def _to_integer(original: Any) -> Callable[[float], int]:
    def checked(x: float) -> int:
        # An integer of Python has no limit, one of compiled code has.
        if not -_LARGEST <= x <= _LARGEST:
            raise ValueError
        return original(x)  # type: ignore[no-any-return]

    return checked


def _round(number: Any, ndigits: Any = None) -> Any:
    if ndigits is None:
        if not -_LARGEST <= number <= _LARGEST:
            raise ValueError
        return round(number)
    return round(number, ndigits)


def _pow_of(check: Any) -> Callable[[Any, Any], Any]:
    def checked(base: Any, exp: Any) -> Any:
        return check(base, exp, base**exp)

    return checked


@functools.cache
def checked_power() -> Callable[[Any, Any, Any], Any]:
    """Make the function that is called by compiled code with base, exponent and power.

    Returns
    -------
    callable
        It gives the power, or raises where Python would, or would give what is no float and no
        integer of 64 bits. Powers of arrays are NumPy's, which does not raise.
    """
    numba: Any = importlib.import_module("numba")
    nb = numba.types
    importlib.import_module("numba.extending")

    def power(base: Any, exponent: Any, value: Any) -> Any:
        raise NotImplementedError("for compiled code only")

    def is_integer(kind: Any) -> bool:
        return isinstance(kind, (nb.Integer, nb.Boolean))

    @numba.extending.overload(power)  # type: ignore[untyped-decorator]
    def _power(base: Any, exponent: Any, value: Any) -> Any:
        if is_integer(base) and is_integer(exponent):
            return _power_of_integers
        if isinstance(value, nb.Float):
            return _power_of_floats
        return _unchecked

    return power


def _unchecked(base: Any, exponent: Any, value: Any) -> Any:
    return value


def _power_of_integers(base: Any, exponent: Any, value: Any) -> Any:
    # A negative exponent gives a float in Python.
    if exponent < 0 or not abs(float(base) ** float(exponent)) <= _LARGEST:
        raise ValueError
    return value


def _power_of_floats(base: Any, exponent: Any, value: Any) -> Any:
    if not abs(value) < math.inf:
        x, y = float(base), float(exponent)
        some_infinite = math.isinf(x) or math.isinf(y)
        if not (math.isnan(x) or math.isnan(y) or (some_infinite and math.isinf(value))):
            raise ValueError
    return value
