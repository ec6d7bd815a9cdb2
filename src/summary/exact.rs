//! Exact numbers, and the one rounding that turns them into `f64`.
//!
//! Every read of a summary is an exact rational number, or the square root of one, until its last
//! step. That step is one of [`ratio`] and [`sqrt_ratio`]: they find enough leading bits of the
//! result, remember in a sticky bit whether anything is left below them, and round once, to
//! nearest, ties to even.

mod whole;
mod wide;

use std::ops::{Add, Mul, Sub};

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::Zero;

pub use self::whole::{nearest_integer, nearest_root};
pub(super) use self::wide::Wide;

/// Bits of a quotient that decide its rounding: 53 to keep, one for halves, one to spare; the
/// sticky bit comes below them.
pub(super) const QUOTIENT_BITS: i64 = 55;
/// Bits of a radicand whose root has [`QUOTIENT_BITS`] and one to spare.
pub(super) const RADICAND_BITS: i64 = 112;
/// Exponent of the smallest subnormal number.
const LOWEST_EXPONENT: i64 = -1074;

/// The number `numerator` · 2^`exponent`.
///
/// It is kept in lowest terms (an odd numerator, or 0 · 2⁰), so that equal numbers are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exact {
    numerator: BigInt,
    exponent: i64,
}

impl Exact {
    /// `numerator` · 2^`exponent`.
    #[must_use]
    pub fn new(numerator: BigInt, exponent: i64) -> Self {
        match numerator.trailing_zeros() {
            None => Self::default(),
            Some(0) => Self { numerator, exponent },
            Some(zeros) => {
                Self { numerator: numerator >> zeros, exponent: exponent + zeros.cast_signed() }
            }
        }
    }

    /// The odd integer, or 0.
    #[must_use]
    pub fn numerator(&self) -> &BigInt {
        &self.numerator
    }

    /// The power of two it is to be multiplied with.
    #[must_use]
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// Whether it is below 0.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.numerator.sign() == Sign::Minus
    }

    /// The nearest `f64`; an infinity beyond their range.
    #[must_use]
    pub fn nearest(&self) -> f64 {
        ratio(self, &Self::from(1_i128))
    }

    /// Both numerators over the smaller of the exponents.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i64) {
        // 0 has no exponent of its own.
        if self.is_zero() || other.is_zero() {
            let exponent = if self.is_zero() { other.exponent } else { self.exponent };
            return (self.numerator.clone(), other.numerator.clone(), exponent);
        }
        let exponent = self.exponent.min(other.exponent);
        let over = |number: &Self| &number.numerator << (number.exponent - exponent);
        (over(self), over(other), exponent)
    }
}

impl From<i128> for Exact {
    fn from(value: i128) -> Self {
        Self::new(value.into(), 0)
    }
}

impl From<u64> for Exact {
    fn from(value: u64) -> Self {
        Self::new(value.into(), 0)
    }
}

impl Add for &Exact {
    type Output = Exact;

    fn add(self, other: Self) -> Exact {
        let (left, right, exponent) = self.aligned(other);
        Exact::new(left + right, exponent)
    }
}

impl Sub for &Exact {
    type Output = Exact;

    fn sub(self, other: Self) -> Exact {
        let (left, right, exponent) = self.aligned(other);
        Exact::new(left - right, exponent)
    }
}

impl Mul for &Exact {
    type Output = Exact;

    fn mul(self, other: Self) -> Exact {
        Exact::new(&self.numerator * &other.numerator, self.exponent + other.exponent)
    }
}

/// The `f64` nearest to `numerator` / `denominator`; NaN if the denominator is 0.
#[must_use]
pub fn ratio(numerator: &Exact, denominator: &Exact) -> f64 {
    if denominator.is_zero() {
        return f64::NAN;
    }
    let quotient = Leading::of_quotient(numerator, denominator, QUOTIENT_BITS);
    let negative = numerator.is_negative() != denominator.is_negative();
    with_sign(negative && !numerator.is_zero(), quotient.round())
}

/// The `f64` nearest to √(`numerator` / `denominator`); NaN if the denominator is 0 or the
/// quotient negative.
#[must_use]
pub fn sqrt_ratio(numerator: &Exact, denominator: &Exact) -> f64 {
    if denominator.is_zero() {
        return f64::NAN;
    }
    if numerator.is_zero() {
        return 0.0;
    }
    if numerator.is_negative() != denominator.is_negative() {
        return f64::NAN;
    }
    Leading::of_quotient(numerator, denominator, RADICAND_BITS).sqrt().round()
}

/// Minus the magnitude, or the magnitude.
#[must_use]
pub(super) fn with_sign(negative: bool, magnitude: f64) -> f64 {
    if negative { -magnitude } else { magnitude }
}

/// The leading bits of a number that is not negative: it is `digits` · 2^`exponent`, and a bit
/// more, but less than one unit of the last digit, if there is a `rest`.
pub(super) struct Leading {
    digits: u128,
    exponent: i64,
    rest: bool,
}

impl Leading {
    /// Of |`numerator` / `denominator`|: at least `bits` and at most `bits` + 2 of them, with an
    /// even exponent.
    fn of_quotient(numerator: &Exact, denominator: &Exact, bits: i64) -> Self {
        let (above, below) = (numerator.numerator.magnitude(), denominator.numerator.magnitude());
        if above.is_zero() {
            return Self { digits: 0, exponent: 0, rest: false };
        }
        let length = |number: &BigUint| number.bits().cast_signed();
        let exponent = numerator.exponent - denominator.exponent;
        let shift = bits + length(below) - length(above);
        let shift = shift + (exponent - shift).rem_euclid(2);
        let (quotient, remainder) = if shift >= 0 {
            (above << shift).div_rem(below)
        } else {
            above.div_rem(&(below << -shift))
        };
        // Fits: it has at most RADICAND_BITS + 2 bits.
        let digits = quotient
            .iter_u64_digits()
            .rev()
            .fold(0, |digits: u128, digit| digits << 64 | u128::from(digit));
        Self { digits, exponent: exponent - shift, rest: !remainder.is_zero() }
    }

    /// The leading bits of the square root. The exponent must be even.
    pub(super) fn sqrt(self) -> Self {
        // ⌊√x⌋ = ⌊√⌊x⌋⌋: the rest of x cannot change the digits of the root.
        let digits = self.digits.isqrt();
        let rest = self.rest || digits * digits != self.digits;
        Self { digits, exponent: self.exponent / 2, rest }
    }

    /// To nearest, ties to even. With a rest, there must be [`QUOTIENT_BITS`].
    pub(super) fn round(self) -> f64 {
        // The sticky bit, below the bit that stands for one half.
        let digits = self.digits << 1 | u128::from(self.rest);
        let exponent = self.exponent - 1;
        let length = i64::from(u128::BITS - digits.leading_zeros());
        if digits == 0 {
            return 0.0;
        }
        if exponent + length > 1024 {
            return f64::INFINITY;
        }
        // Of the last bit to keep: subnormal numbers keep fewer.
        let last = (exponent + length - 53).max(LOWEST_EXPONENT);
        let kept = match last - exponent {
            // Less than half of the smallest number.
            dropped if dropped > length => 0,
            dropped if dropped > 0 => {
                let floor = digits >> dropped;
                let half = 1 << (dropped - 1);
                let below = digits & ((half << 1) - 1);
                floor + u128::from(below > half || (below == half && floor & 1 == 1))
            }
            // Fewer than 53 bits, all kept.
            dropped => digits << -dropped,
        };
        // Of 53 bits, the first is worth one in the exponent's field, and a carry into a 54th one
        // more: the next power of two, or infinity. Subnormal numbers keep at most 52.
        let exponent_field = ((last - LOWEST_EXPONENT) as u64) << 52;
        f64::from_bits(exponent_field + kept as u64)
    }
}

#[cfg(test)]
pub(super) mod tests;
