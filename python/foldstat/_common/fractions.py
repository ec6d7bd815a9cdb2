"""Exact ratios as floats, rounded once."""

from __future__ import annotations

import math
from fractions import Fraction


def as_fraction(numerator: int, exponent: int) -> Fraction:
    """Give ``numerator * 2**exponent``.

    Examples
    --------
    >>> from foldstat._common.fractions import as_fraction
    >>> as_fraction(3, -2)
    Fraction(3, 4)
    """
    return Fraction(numerator << max(exponent, 0), 1 << max(-exponent, 0))


def rounded(ratio: Fraction) -> float:
    """Give the nearest float, ties to even; infinity where floats end.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from foldstat._common.fractions import rounded
    >>> rounded(Fraction(1, 3))
    0.3333333333333333
    """
    try:
        return ratio.numerator / ratio.denominator  # Python divides integers with one rounding
    except OverflowError:
        return math.inf if ratio > 0 else -math.inf


def rounded_root(square: Fraction) -> float:
    """Give the float nearest to a square root.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from foldstat._common.fractions import rounded_root
    >>> rounded_root(Fraction(9, 4))
    1.5
    """
    if square == 0:
        return 0.0
    # A root of at least 64 bits, and one bit that says whether more would follow: no tie is made or broken.
    shift = max(65 - (square.numerator.bit_length() - square.denominator.bit_length()) // 2, 0)
    numerator = square.numerator << (2 * shift)
    floor = math.isqrt(numerator // square.denominator)
    inexact = floor * floor * square.denominator != numerator
    return rounded(Fraction(2 * floor + inexact, 1 << (shift + 1)))


def whole_root(square: Fraction) -> int:
    """Give the integer nearest to a square root, ties to even."""
    doubled = math.isqrt(math.floor(4 * square))  # of twice the root, the integer below
    tie = doubled % 2 and doubled * doubled == 4 * square
    return doubled // 2 + (doubled // 2) % 2 if tie else (doubled + 1) // 2
