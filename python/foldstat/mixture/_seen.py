"""The proof that every pass over a source read the same rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from foldstat._common.callers import level_of_caller
from foldstat.summary import Summary

_WORD = 1 << 64


class Seen(NamedTuple):
    """What was seen of the rows of a pass: their number, and exact sums of what is in them; a commutative monoid."""

    rows: int
    present: int  # rows of positive weight
    columns: tuple[int, ...]
    weights: int
    contents: int  # of the rows, each with its weight
    order: int

    @classmethod
    def of(cls, seen: tuple[int, int, Sequence[int], int, int, int]) -> Seen:
        """Take what the compiled pass gives."""
        rows, present, columns, *sums = seen
        return cls(rows, present, tuple(columns), *sums)

    def __add__(self, other: object) -> Seen:
        if not isinstance(other, Seen):
            return NotImplemented
        columns = tuple((a + b) % _WORD for a, b in zip(self.columns, other.columns, strict=True))
        sums = ((a + b) % _WORD for a, b in zip(self[3:], other[3:], strict=True))
        return Seen(self.rows + other.rows, self.present + other.present, columns, *sums)

    def difference(self, first: Seen, names: Sequence[str] | None) -> str | None:
        """Say in what the rows of this pass differ from those of the first one; None if they are the same."""
        if self.rows != first.rows:
            return f"there are {self.rows} rows, where there were {first.rows}"
        for j, (now, before) in enumerate(zip(self.columns, first.columns, strict=True)):
            if now != before:
                return f"column {j if names is None else names[j]!r} has other values"
        if self.weights != first.weights or self.present != first.present:
            return "there are other weights"
        if self.contents != first.contents:
            return "rows have other values or weights"
        return None

    def check_same(self, first: Seen, name: str, names: Sequence[str] | None) -> None:
        """Fail if a pass read other rows than the first one."""
        difference = self.difference(first, names)
        if difference is not None:
            raise ValueError(
                f"{name} changed between two passes: {difference}. Every pass has to read the same rows: the fit is of "
                "neither"
            )
        if self.order != first.order:
            warnings.warn(
                f"{name} gives the same rows in another order in each pass: the result is right, but its last bits "
                "differ from run to run. Sort the rows, or write them to a file",
                RuntimeWarning,
                stacklevel=level_of_caller(),
            )


def unit_exponent(weights: Summary, present: int) -> int:
    """Give the power of two nearest to the mean of positive weights, by ratio: the unit that passes count them in."""
    mean = weights.power_sum(1) / present if present else Fraction(1)
    exponent = mean.numerator.bit_length() - mean.denominator.bit_length()
    while mean >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while mean < Fraction(2) ** exponent:
        exponent -= 1
    # √2 as a ratio of floats: a mean that is no further from it does not occur.
    return exponent + (mean / Fraction(2) ** exponent > Fraction(math.sqrt(2.0)))
