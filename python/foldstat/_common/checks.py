"""Checks of arguments that are no arrays."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

_MOST = 2**62


def shown(value: Any) -> str:
    """Give a value for the text of an error; hundreds of digits tell nobody anything."""
    if type(value) is int and value.bit_length() > 128:
        return f"an integer of about {value.bit_length() * math.log10(2):.0f} digits"
    return repr(value)


def whole_number(value: Any, name: str, meaning: str) -> int:
    """Check an integer, which True and False are not."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {meaning}, an integer, got {value!r}") from None


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def as_count(value: Any, name: str, meaning: str, *, least: int) -> int:
    """Check a number of something."""
    number = whole_number(value, name, meaning)
    if not least <= number <= _MOST:
        problem = f"at least {least}" if number < least else f"at most 2^{_MOST.bit_length() - 1}"
        raise ValueError(f"{name} must be {meaning}, {problem}, got {shown(number)}")
    return number


def as_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Check one of several texts."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}")
    return value


def as_percentiles(percentiles: Any) -> list[float]:
    """Check percentiles: probabilities, or a single one."""
    try:
        values = np.asarray(percentiles, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"percentiles must be a sequence of numbers from 0 to 1, got {percentiles!r}") from None
    if values.ndim > 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"percentiles must be a sequence of numbers from 0 to 1, got {percentiles!r}")
    numbers: list[float] = np.atleast_1d(values).tolist()
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"percentiles must be different from each other, got {percentiles!r}")
    return numbers
