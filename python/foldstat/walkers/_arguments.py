"""Checks of arguments that `sample` and `Run` share."""

from __future__ import annotations

from typing import Any

import numpy as np

from foldstat._validation import shown
from foldstat.summary._arguments import whole_number

_MOST = 2**62


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


def as_quantiles(quantiles: Any) -> list[float]:
    """Check quantiles: probabilities, or a single one."""
    try:
        values = np.asarray(quantiles, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"quantiles must be a sequence of numbers from 0 to 1, got {quantiles!r}") from None
    if values.ndim > 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"quantiles must be a sequence of numbers from 0 to 1, got {quantiles!r}")
    numbers: list[float] = np.atleast_1d(values).tolist()
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"quantiles must be different from each other, got {quantiles!r}")
    return numbers
