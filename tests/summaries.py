"""Data for the tests of summaries, and slow exact answers to compare with."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from foldstat import Summary

MAX = float(np.finfo(float).max)
TINY = 2.0**-1074
SPECIAL = [0.0, -0.0, 1.0, -1.0, TINY, -TINY, 2.0**-1022, -(2.0**-1022), 2.0**-1022 - TINY, MAX, -MAX]
NOT_FINITE = [math.nan, math.inf, -math.inf]
# Where squares lose their tail, underflow or overflow, and where numbers do.
EXPONENTS = [-1074, -1060, -1022, -969, -537, -511, -485, -300, -53, 0, 53, 300, 485, 511, 537, 969, 1022, 1023]


# --- what a summary should say ----------------------------------------------------------------------


def round_ratio(ratio: Fraction) -> float:
    """The nearest float, ties to even."""
    try:
        return float(ratio)  # Python divides integers with one rounding
    except OverflowError:
        return math.inf if ratio > 0 else -math.inf


def round_root(square: Fraction) -> float:
    """The float nearest to the square root, ties to even."""
    if square == 0:
        return 0.0
    # The integer root of square * 4**shift has at least 64 bits, and one bit more says whether it is
    # exact: rounding that to 53 bits or less rounds the root itself.
    bits = square.numerator.bit_length() - square.denominator.bit_length()
    shift = 65 - bits // 2
    scaled = square * Fraction(4) ** shift
    root = math.isqrt(math.floor(scaled))
    inexact = root * root != scaled
    return round_ratio(Fraction(2 * root + inexact) / Fraction(2) ** (shift + 1))


def is_nan(value) -> bool:
    return value is not None and value != value


def is_missing(value) -> bool:
    return value is None or is_nan(value)


def is_finite(value) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def total_order(value):
    """A sort key: numbers by size, -0.0 before +0.0, integers exactly."""
    return value, math.copysign(1, value) if value == 0 else 0


def id_order(identifier):
    kinds = [int, bytes, str]
    return kinds.index(type(identifier)), identifier


class Oracle:
    """Everything of a list of numbers, NaN and None, from exact fractions."""

    def __init__(self, values):
        self.values = list(values)
        self.present = [v for v in self.values if not is_missing(v)]
        self.finite = [v for v in self.present if is_finite(v)]
        self.count = len(self.present)
        self.null_count = sum(v is None for v in self.values)
        self.nan_count = sum(is_nan(v) for v in self.values)
        self.positive_infinity_count = self.present.count(math.inf)
        self.negative_infinity_count = self.present.count(-math.inf)

    def power_sum(self, power: int) -> Fraction:
        # Multiples of 2**-1074, or of the least unit there is.
        ratios = [v.as_integer_ratio() for v in self.finite]
        unit = max((d for _, d in ratios), default=1)
        total = sum((n * (unit // d)) ** power for n, d in ratios)
        return Fraction(total, unit**power)

    @property
    def _infinite(self) -> float | None:
        up, down = self.positive_infinity_count > 0, self.negative_infinity_count > 0
        if up or down:
            return math.nan if up and down else math.inf if up else -math.inf
        return None

    @property
    def min(self):
        return min(self.present, key=total_order, default=math.nan)

    @property
    def max(self):
        return max(self.present, key=total_order, default=math.nan)

    @property
    def sum(self) -> float:
        return self._infinite if self._infinite is not None else round_ratio(self.power_sum(1))

    @property
    def mean(self) -> float:
        if self.count == 0:
            return math.nan
        return self._infinite if self._infinite is not None else round_ratio(self.power_sum(1) / self.count)

    def central_moment(self, power: int) -> Fraction:
        """The mean of (x - mean)**power, of finite values."""
        n, mean = self.count, self.power_sum(1) / self.count
        terms = (math.comb(power, k) * (-mean) ** (power - k) * self.power_sum(k) for k in range(1, power + 1))
        return (sum(terms) + n * (-mean) ** power) / n

    def _variance(self, ddof) -> Fraction | None:
        if self._infinite is not None or self.count - ddof <= 0:
            return None
        return self.central_moment(2) * self.count / (self.count - ddof)

    def var(self, ddof=1) -> float:
        variance = self._variance(ddof)
        return math.nan if variance is None else round_ratio(variance)

    def std(self, ddof=1) -> float:
        variance = self._variance(ddof)
        return math.nan if variance is None else round_root(variance)

    @property
    def sem(self) -> float:
        variance = self._variance(1)
        return math.nan if variance is None else round_root(variance / self.count)

    def _spread(self) -> Fraction | None:
        """The second central moment, where shape is defined."""
        if self._infinite is not None or self.count == 0:
            return None
        return self.central_moment(2) or None

    @property
    def skewness(self) -> float:
        second = self._spread()
        if second is None:
            return math.nan
        third = self.central_moment(3)
        return math.copysign(round_root(third**2 / second**3), 1 if third >= 0 else -1)

    @property
    def kurtosis(self) -> float:
        second = self._spread()
        return math.nan if second is None else round_ratio(self.central_moment(4) / second**2 - 3)

    def best(self, n, ids=None, largest=False):
        ids = range(len(self.values)) if ids is None else ids
        pairs = [(v, i) for v, i in zip(self.values, ids, strict=True) if not is_missing(v)]
        pairs.sort(key=lambda pair: id_order(pair[1]))
        pairs.sort(key=lambda pair: total_order(pair[0]), reverse=largest)
        return pairs[:n]

    def histogram(self, edges):
        counts = [0] * (len(edges) + 1)
        for v in self.present:
            at = sum(v >= e for e in edges)
            counts[at - (v == edges[-1])] += 1
        return counts

    @property
    def distinct(self) -> int:
        return len(set(self.present))


def same(left, right) -> bool:
    """Equal to the last bit: zeros with their signs, and NaN is NaN."""
    if is_nan(left) or is_nan(right):
        return is_nan(left) and is_nan(right)
    return left == right and (left != 0 or math.copysign(1, left) == math.copysign(1, right))


COUNTS = ["count", "nan_count", "null_count", "positive_infinity_count", "negative_infinity_count"]
READS = ["min", "max", "sum", "mean", "sem"]
SHAPES = ["skewness", "kurtosis"]


def assert_reads(summary, values, moments=2):
    """Every count and every statistic of `summary` is that of `values`, to the last bit."""
    oracle = Oracle(values)
    expected = {name: getattr(oracle, name) for name in COUNTS + READS + SHAPES * (moments == 4)}
    found = {name: getattr(summary, name) for name in expected}
    for ddof in (0, 1, 2):
        expected |= {f"var({ddof})": oracle.var(ddof), f"std({ddof})": oracle.std(ddof)}
        found |= {f"var({ddof})": summary.var(ddof), f"std({ddof})": summary.std(ddof)}
    for power in range(1, moments + 1):
        expected[f"power_sum({power})"] = oracle.power_sum(power)
        found[f"power_sum({power})"] = summary.power_sum(power)
    wrong = {name: (found[name], expected[name]) for name in expected if not same(found[name], expected[name])}
    assert not wrong, f"(found, expected): {wrong}"


def assert_identical(left, right):
    """The same state: equal, with the same hash and the same bytes."""
    assert left.to_bytes() == right.to_bytes()
    assert left == right
    assert hash(left) == hash(right)


# --- numbers that are hard to add -------------------------------------------------------------------


def from_bits(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


@st.composite
def near_exponents(draw):
    """Floats about a power of two at which something happens."""
    exponent = draw(st.sampled_from(EXPONENTS)) + draw(st.integers(-2, 2))
    significand = draw(st.sampled_from([1 << 52, (1 << 53) - 1]) | st.integers(1 << 52, (1 << 53) - 1))
    value = min(max(math.ldexp(significand, min(exponent, 1023) - 52), 0.0), MAX)
    return draw(st.sampled_from([value, -value]))


anything = st.one_of(st.sampled_from(SPECIAL + NOT_FINITE), near_exponents(), st.floats())
finite = st.one_of(st.sampled_from(SPECIAL), near_exponents(), st.floats(allow_nan=False, allow_infinity=False))
integers = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([s * 2**53 + d for s in (-1, 1) for d in (-1, 0, 1)]),
    st.sampled_from([-(2**63), -(2**63) + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1, 2**60 + 1]),
    st.integers(-(2**63), 2**64 - 1),
)


@st.composite
def cancelling(draw):
    """Huge numbers that cancel, and something small between them."""
    huge = draw(st.lists(finite, min_size=1, max_size=6))
    small = draw(st.lists(finite, max_size=3))
    values = [s * v for v in huge for s in (1, -1) for _ in range(draw(st.integers(1, 3)))] + small
    return draw(st.permutations(values))


@st.composite
def long(draw, dtype=np.float64):
    """Thousands of numbers of about one size, some of them replaced by others of another."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1023, 2047, 2048, 2049, 4096, 5003, 9001]))
    exponents = [0, 0, 300, -300, 485, -485, 511, -511, -969, 1020, -1050]
    if dtype == np.float32:
        exponents = [0, 0, 90, -130]
    scale, center = 2.0 ** draw(st.sampled_from(exponents)), draw(st.sampled_from([0.0, 8.342, 1e8]))
    kind = draw(st.sampled_from(["normal", "normal", "integers", "ties", "constant", "wide"]))
    if kind == "normal":
        values = rng.normal(center, 1, size)
    elif kind == "integers":
        values = rng.integers(-1000, 1000, size).astype(float)
    elif kind == "ties":
        values = rng.choice([0.1, 0.2, 0.3, -0.0, 0.0], size)
    elif kind == "constant":
        values = np.full(size, 0.1 + center)
    else:
        values = rng.normal(size=size) * 2.0 ** rng.integers(-60, 60, size)
    with np.errstate(over="ignore", under="ignore"):
        values = (values * scale).astype(dtype)
    for outlier in draw(st.lists(st.sampled_from(NOT_FINITE) | anything, max_size=4)):
        where = rng.integers(0, size, draw(st.sampled_from([1, 1, 3, 200])))
        with np.errstate(over="ignore", under="ignore"):
            values[where] = np.float64(outlier).astype(dtype)
    return values


short = st.one_of(
    st.lists(anything, max_size=12),
    st.lists(finite, max_size=12),
    st.lists(st.sampled_from([0.1, 0.1, 0.3, -0.0, 0.0]), max_size=12),
    cancelling(),
)
arrays = st.one_of(short.map(lambda values: np.array(values, dtype=np.float64)), long())
singles = st.one_of(
    st.lists(st.floats(width=32), max_size=12).map(lambda values: np.array(values, dtype=np.float32)),
    long(np.float32),
)


# --- arguments of a summary -------------------------------------------------------------------------

EDGES = [-1e300, -3.0, -1.0, 0.0, 0.1, 0.3, 1.0, 8.0, 9.0, 1e8]


@st.composite
def edges(draw):
    """Some of the edges above; 0.0 and the last are always among them, so that any two can merge."""
    kept = draw(st.lists(st.sampled_from(EDGES), max_size=6))
    return sorted({*kept, 0.0, EDGES[-1]})


@st.composite
def settings(draw, largest=None):
    """Keyword arguments of Summary; none of them left to its default."""
    return {
        "moments": draw(st.sampled_from([2, 4])),
        "best": draw(st.sampled_from([0, 1, 3, 100])),
        "largest": draw(st.booleans()) if largest is None else largest,
        "quantile_buckets": draw(st.sampled_from([None, 2, 9, 4096])),
        "relative_error": draw(st.sampled_from([None, 0.01, 0.1])),
        "histogram": draw(st.none() | edges()),
        "distinct": draw(st.booleans()),
    }


ids = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.integers(0, 5), st.text(max_size=3), st.binary(max_size=3), st.just("")
)


def shards(values, cuts):
    """The list in pieces, cut at the given fractions of it."""
    at = sorted(round(cut * len(values)) for cut in cuts)
    return [values[i:j] for i, j in zip([0, *at], [*at, len(values)], strict=True)]


cuts = st.lists(st.floats(0, 1), max_size=5)


def merge_as_tree(parts, rng):
    """Any two at a time, in any order."""
    parts = [part.copy() for part in parts]
    while len(parts) > 1:
        i, j = rng.choice(len(parts), 2, replace=False)
        parts[i] = parts[i] + parts[j]
        del parts[j]
    return parts[0] if parts else Summary()
