"""Certified values of NIST, and the edge cases of exact summation."""

from __future__ import annotations

import json
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from foldstat import Summary
from summaries import MAX, TINY, assert_reads, from_bits, round_ratio, same

# --- NIST Statistical Reference Datasets, univariate ------------------------------------------------


def alternating(first, low, high):
    return [first] + [low, high] * 500


NIST = json.loads((Path(__file__).parent / "reference" / "nist_univariate.json").read_text()) | {
    "NumAcc1": {"values": ["10000001", "10000003", "10000002"], "mean": "10000002", "standard_deviation": "1"},
    "NumAcc2": {"values": alternating("1.2", "1.1", "1.3"), "mean": "1.2", "standard_deviation": "0.1"},
    "NumAcc3": {
        "values": alternating("1000000.2", "1000000.1", "1000000.3"),
        "mean": "1000000.2",
        "standard_deviation": "0.1",
    },
    "NumAcc4": {
        "values": alternating("10000000.2", "10000000.1", "10000000.3"),
        "mean": "10000000.2",
        "standard_deviation": "0.1",
    },
}


@pytest.fixture(params=NIST)
def nist(request):
    return NIST[request.param]


def _exact(values):
    """Mean and standard deviation of decimal numbers, to 60 digits."""
    with localcontext(prec=60):
        numbers = [Decimal(v) for v in values]
        mean = sum(numbers) / len(numbers)
        return mean, (sum((v - mean) ** 2 for v in numbers) / (len(numbers) - 1)).sqrt()


def test_the_data_are_those_that_were_certified(nist):
    """Every value counts: a wrong one would change the certified digits."""
    for exact, name in zip(_exact(nist["values"]), ("mean", "standard_deviation"), strict=True):
        certified = Decimal(nist[name])
        assert abs(exact - certified) <= abs(certified) * Decimal("1e-14")


def test_certified_values(nist):
    """Within what reading the data as floats allows, which the summary adds nothing to."""
    values = [float(v) for v in nist["values"]]
    s = Summary(values)
    mean, deviation = _exact(nist["values"])
    half_ulp = max(Fraction(math.ulp(v)) for v in values) / 2
    shift = max(abs(Fraction(v) - Fraction(text)) for v, text in zip(values, nist["values"], strict=True))
    assert shift <= half_ulp
    # Neither statistic moves by more than the values did, but for the certified ones' own 15 digits.
    for found, exact, name in ((s.mean, mean, "mean"), (s.std(), deviation, "standard_deviation")):
        rounding = Fraction(math.ulp(found)) / 2
        allowed = shift * Fraction(1001, 1000) + rounding
        assert abs(Fraction(found) - Fraction(exact)) <= allowed
        assert abs(Fraction(found) - Fraction(nist[name])) <= allowed + abs(Fraction(nist[name])) * Fraction(1, 10**14)
    assert_reads(Summary(values, moments=4), values, moments=4)


@pytest.mark.parametrize("name", ["Lew", "Lottery", "NumAcc1"])
def test_certified_values_of_integers_to_the_last_bit(name):
    """Integers are read without error: what is left is the nearest float to the true value."""
    nist = NIST[name]
    s = Summary([int(v) for v in nist["values"]])
    mean, deviation = _exact(nist["values"])
    assert s.mean == float(mean)
    assert s.std() == float(deviation)
    assert f"{s.mean:.15g}" == f"{float(nist['mean']):.15g}"
    assert f"{s.std():.15g}" == f"{float(nist['standard_deviation']):.15g}"


def test_numacc4_of_the_nearest_floats():
    """A one-pass variance in floats loses every digit here, and a two-pass one half of them."""
    values = [float(v) for v in NIST["NumAcc4"]["values"]]
    s = Summary(values)
    assert s.mean == 10000000.2
    assert abs(s.std() - 0.1) < 1e-8
    total = sum(map(Fraction, values))
    squares = sum(Fraction(v) ** 2 for v in values)
    assert s.var() == round_ratio((squares - total**2 / 1001) / 1000)


# --- exact summation --------------------------------------------------------------------------------
# The kinds of cases that Neal's test program for exact summation goes through (arXiv:1505.05571): one
# number, cancellation, carries, ties, subnormals, and overflow on the way and back.

ULP = 2.0**-52
LEAST_NORMAL = 2.0**-1022
GREATEST_SUBNORMAL = LEAST_NORMAL - TINY


@pytest.mark.parametrize("exponent", [*range(-1074, -1010, 3), *range(-1000, 1000, 50), *range(1000, 1024, 3)])
@pytest.mark.parametrize("significand", [1.0, 1.5, 2 - ULP])
def test_one_number(exponent, significand):
    value = math.ldexp(significand, exponent)
    for v in (value, -value):
        assert Summary([v]).sum == v
        assert Summary([v, 0.0, -0.0]).sum == v
        assert Summary(np.array([v] * 3)).mean == v
        assert Summary([v, -v]).sum == 0.0
        assert math.copysign(1, Summary([v, -v]).sum) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # cancellation down to something far away
        ([1.0, 2.0**300, -(2.0**300)], 1.0),
        ([2.0**1023, TINY, -(2.0**1023)], TINY),
        ([2.0**1023, -TINY, -(2.0**1023), TINY, -TINY], -TINY),
        ([1e308, 1.0, -1e308, 1e-308, -1.0], 1e-308),
        ([0.1, 0.2, -0.3], 2.0**-55),
        ([2.0**k for k in range(-1074, 1024)] + [-MAX, -(2.0**971)], -TINY),
        # carries through many limbs, and borrows
        ([2.0**900, -TINY, -(2.0**900)], -TINY),
        ([-(2.0**900), TINY, 2.0**900 - 2.0**847], -(2.0**847)),
        ([2.0 ** (64 * k) for k in range(-16, 16)] + [-(2.0 ** (64 * k)) for k in range(-16, 16)], 0.0),
        ([1.0] + [-(2.0**-k) for k in range(1, 1075)], TINY),
        ([-1.0] + [2.0**-k for k in range(1, 1075)], -TINY),
        # halfway cases go to even, and anything beyond decides them
        ([1.0, ULP / 2], 1.0),
        ([1.0, ULP / 2, TINY], 1 + ULP),
        ([1.0, ULP / 2, -TINY], 1.0),
        ([1 + ULP, ULP / 2], 1 + 2 * ULP),
        ([1 + ULP, ULP / 2, -TINY], 1 + ULP),
        ([-1.0, -ULP / 2, -TINY], -1 - ULP),
        ([-1.0, ULP / 4], -1.0),
        ([-1.0, ULP / 4, TINY], -1 + ULP / 2),
        ([1.0, -ULP / 4], 1.0),
        ([1.0, -ULP / 4, -TINY], 1 - ULP / 2),
        ([2 - ULP, ULP / 2], 2.0),
        ([2 - ULP, ULP / 2, -TINY], 2 - ULP),
        ([2.0**53, 1.0], 2.0**53),
        ([2.0**53, 1.0, 2.0**-1000], 2.0**53 + 2),
        ([2.0**53 + 2, 1.0], 2.0**53 + 4),
        # subnormals, and across the border
        ([TINY] * 7, 7 * TINY),
        ([GREATEST_SUBNORMAL, TINY], LEAST_NORMAL),
        ([GREATEST_SUBNORMAL, GREATEST_SUBNORMAL], 2 * LEAST_NORMAL - 2 * TINY),
        ([LEAST_NORMAL, -TINY], GREATEST_SUBNORMAL),
        ([3 * LEAST_NORMAL, -LEAST_NORMAL, -2 * LEAST_NORMAL], 0.0),
        ([LEAST_NORMAL * (1 + ULP), -LEAST_NORMAL], TINY),
        # overflow on the way, and back
        ([MAX, MAX, -MAX], MAX),
        ([MAX] * 1000 + [-MAX] * 999, MAX),
        ([MAX, MAX, -MAX, -MAX, 3.0], 3.0),
        ([-MAX, -MAX, MAX, TINY], -MAX),
        # overflow that stays: from half an ulp beyond the largest on, which is a tie with an even infinity
        ([MAX, 2.0**970], math.inf),
        ([MAX, 2.0**970, -TINY], MAX),
        ([MAX, 2.0**969], MAX),
        ([-MAX, -(2.0**970)], -math.inf),
        ([-MAX, -(2.0**970), TINY], -MAX),
        ([2.0**1023, 2.0**1023], math.inf),
        # nothing
        ([], 0.0),
        ([0.0], 0.0),
        ([-0.0, -0.0], 0.0),
    ],
)
def test_sums(values, expected):
    assert round_ratio(sum(map(Fraction, values), Fraction(0))) == expected, "the case itself is wrong"
    for ordered in (values, values[::-1], sorted(values)):
        assert same(Summary(ordered).sum, expected)
        assert same(Summary(np.array(ordered, dtype=float)).sum, expected)
        assert same(sum((Summary([v]) for v in ordered), Summary([])).sum, expected)
    # The same among so many zeros that whole blocks are summed.
    assert same(Summary(np.concatenate([values, np.zeros(5000)])).sum, expected)
    # And many times over, where that is exact: thousands of numbers of every size.
    many = Summary(np.tile(np.array(values, dtype=float), 1024))
    assert same(many.sum, round_ratio(1024 * sum(map(Fraction, values), Fraction(0))))


@pytest.mark.parametrize("n", [2**k + d for k in (10, 11, 12, 16) for d in (-1, 0, 1)])
def test_carries_of_many_equal_numbers(n):
    """All ones below the point: every addition carries."""
    for value in (2 - ULP, MAX, -MAX, GREATEST_SUBNORMAL, -TINY, from_bits(0x3FEFFFFFFFFFFFFF)):
        s = Summary(np.full(n, value))
        assert s.power_sum(1) == n * Fraction(value)
        assert s.power_sum(2) == n * Fraction(value) ** 2
        assert s.mean == value
        assert s.var() == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_random_numbers_that_cancel_to_one(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=2000) * 2.0 ** rng.integers(-1000, 1000, 2000)
    both = np.concatenate([values, -values, [seed + 0.5]])
    rng.shuffle(both)
    assert Summary(both).sum == seed + 0.5
    assert_reads(Summary(both), both.tolist())
