//! Exact numbers, and the one rounding that turns them into `f64`.
//!
//! Every read of a summary is an exact rational number, or the square root of one, until its last
//! step. That step is one of [`ratio`] and [`sqrt_ratio`]: they find enough leading bits of the
//! result, remember in a sticky bit whether anything is left below them, and round once, to
//! nearest, ties to even.

use std::ops::{Add, Mul, Sub};

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::Zero;

/// Bits of a quotient that decide its rounding: 53 to keep, one for halves, one to spare; the
/// sticky bit comes below them.
const QUOTIENT_BITS: i64 = 55;
/// Bits of a radicand whose root has [`QUOTIENT_BITS`] and one to spare.
const RADICAND_BITS: i64 = 112;
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
struct Leading {
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
    fn sqrt(self) -> Self {
        // ⌊√x⌋ = ⌊√⌊x⌋⌋: the rest of x cannot change the digits of the root.
        let digits = self.digits.isqrt();
        let rest = self.rest || digits * digits != self.digits;
        Self { digits, exponent: self.exponent / 2, rest }
    }

    /// To nearest, ties to even. With a rest, there must be [`QUOTIENT_BITS`].
    fn round(self) -> f64 {
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
pub(super) mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    /// A finite `f64`, exactly.
    pub fn exact(value: f64) -> Exact {
        let bits = value.abs().to_bits();
        let (field, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
        let digits = if field == 0 { fraction } else { fraction | 1 << 52 };
        let magnitude = Exact::new(digits.into(), field.max(1).cast_signed() - 1075);
        if value < 0.0 { &Exact::default() - &magnitude } else { magnitude }
    }

    pub fn compare(left: &Exact, right: &Exact) -> Ordering {
        (left - right).numerator.cmp(&BigInt::ZERO)
    }

    /// Halfway from a number that is not negative to the next one; what would follow
    /// `f64::MAX` is 2^1024.
    fn middle_above(value: f64) -> Exact {
        let next = value.next_up();
        let next = if next.is_finite() { exact(next) } else { Exact::new(1.into(), 1024) };
        &(&exact(value) + &next) * &Exact::new(1.into(), -1)
    }

    /// Whether `value` is what rounding to nearest, ties to even, must give, where
    /// `compare_with_truth(x)` says how x compares with the magnitude of the true value.
    pub fn is_nearest(value: f64, compare_with_truth: impl Fn(&Exact) -> Ordering) -> bool {
        let value = value.abs();
        let even = value.to_bits() & 1 == 0;
        let right = |order: Ordering, wanted: Ordering| order == wanted || (order.is_eq() && even);
        let low_enough = value == 0.0
            || right(compare_with_truth(&middle_above(value.next_down())), Ordering::Less);
        let high_enough = value.is_infinite()
            || right(compare_with_truth(&middle_above(value)), Ordering::Greater);
        low_enough && high_enough
    }

    fn whole(value: i128) -> Exact {
        value.into()
    }

    fn power(exponent: i64) -> Exact {
        Exact::new(1.into(), exponent)
    }

    #[test]
    fn equal_numbers_are_equal() {
        assert_eq!(Exact::new(12.into(), 3), Exact::new(3.into(), 5));
        assert_eq!(Exact::new(0.into(), 77), Exact::default());
        assert_eq!(&Exact::new(3.into(), -2) + &Exact::new(1.into(), -2), whole(1));
        assert_eq!(&whole(3) - &Exact::new(3.into(), 0), whole(0));
        assert_eq!(&Exact::new(3.into(), -2000) * &Exact::new((-5).into(), 2000), whole(-15));
    }

    #[test]
    fn floats_come_back() {
        let values = [0.0, 1.0, -1.5, 0.1, 5e-324, -2.225073858507201e-308, f64::MIN_POSITIVE];
        for value in values.into_iter().chain([f64::MAX, f64::MIN, 1e300, 1e-300]) {
            assert_eq!(exact(value).nearest(), value);
        }
        assert!(whole(0).nearest().is_sign_positive());
    }

    #[test]
    fn quotients_by_hand() {
        assert_eq!(ratio(&whole(1), &whole(3)), 1.0 / 3.0);
        assert_eq!(ratio(&whole(-22), &whole(7)), -22.0 / 7.0);
        assert_eq!(ratio(&whole(22), &whole(-7)), -22.0 / 7.0);
        assert!(ratio(&whole(1), &whole(0)).is_nan());
        assert_eq!(ratio(&whole(0), &whole(-7)).to_bits(), 0);
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let two_53 = 1_i128 << 53;
        for (numerator, rounded) in [(1, 0), (3, 4), (5, 4), (7, 8)] {
            let half = ratio(&whole(2 * two_53 + numerator), &whole(2));
            assert_eq!(half, (two_53 + rounded / 2) as f64, "2^53 + {numerator}/2");
            let odd = ratio(&whole(two_53 + numerator), &whole(1));
            assert_eq!(odd, (two_53 + rounded) as f64, "2^53 + {numerator}");
        }
        // A bit far below decides.
        let above = &whole(two_53 + 1) + &power(-3000);
        assert_eq!(above.nearest(), (two_53 + 2) as f64);
        let below = &whole(two_53 + 1) - &power(-3000);
        assert_eq!(below.nearest(), two_53 as f64);
    }

    #[test]
    fn both_ends_of_the_range() {
        let step = power(970);
        assert_eq!((&exact(f64::MAX) + &(&step - &power(-5000))).nearest(), f64::MAX);
        assert_eq!((&exact(f64::MAX) + &step).nearest(), f64::INFINITY);
        assert_eq!((&exact(f64::MIN) - &step).nearest(), f64::NEG_INFINITY);
        assert_eq!(power(1024).nearest(), f64::INFINITY);
        assert_eq!(power(100_000).nearest(), f64::INFINITY);
        assert_eq!(power(-100_000).nearest(), 0.0);
        assert_eq!(power(-1075).nearest(), 0.0);
        assert_eq!((&power(-1075) + &power(-9000)).nearest(), 5e-324);
        assert_eq!(Exact::new(3.into(), -1075).nearest(), 2.0 * 5e-324);
        let largest_subnormal = f64::MIN_POSITIVE.next_down();
        assert_eq!((&exact(largest_subnormal) + &power(-1075)).nearest(), f64::MIN_POSITIVE);
        assert_eq!((&exact(largest_subnormal) + &power(-1076)).nearest(), largest_subnormal);
        // Ratios and roots get there, too.
        assert_eq!(ratio(&whole(3), &power(1076)), 5e-324);
        assert_eq!(ratio(&whole(2), &power(1076)), 0.0);
        assert_eq!(sqrt_ratio(&power(-2148), &whole(1)), 5e-324);
        assert_eq!(sqrt_ratio(&power(-2150), &whole(1)), 0.0);
        assert_eq!(sqrt_ratio(&whole(1), &(&power(2150) - &whole(1))), 5e-324);
        assert_eq!(sqrt_ratio(&power(2048), &whole(1)), f64::INFINITY);
    }

    #[test]
    fn roots_by_hand() {
        for value in [0_i128, 1, 2, 3, 4, 5, 99, 10_000, 1 << 60, (1 << 60) + 1] {
            assert_eq!(sqrt_ratio(&whole(value), &whole(1)), (value as f64).sqrt(), "√{value}");
        }
        assert_eq!(sqrt_ratio(&whole(-9), &whole(-4)), 1.5);
        assert!(sqrt_ratio(&whole(-9), &whole(4)).is_nan());
        assert!(sqrt_ratio(&whole(1), &whole(0)).is_nan());
        assert!(sqrt_ratio(&whole(0), &whole(0)).is_nan());
        // A root halfway between two numbers, and a hair to either side.
        let middle = whole((1 << 54) + 1);
        let square = &middle * &middle;
        let hair = power(-200);
        assert_eq!(sqrt_ratio(&square, &whole(1)), 2_f64.powi(54));
        assert_eq!(sqrt_ratio(&(&square - &hair), &whole(1)), 2_f64.powi(54));
        let middle = whole((1 << 54) + 2);
        let square = &middle * &middle;
        assert_eq!(sqrt_ratio(&square, &whole(1)), 2_f64.powi(54));
        assert_eq!(sqrt_ratio(&(&square - &hair), &whole(1)), 2_f64.powi(54));
        assert_eq!(sqrt_ratio(&(&square + &hair), &whole(1)), 2_f64.powi(54) + 4.0);
        // All of the radicand fits, and still its root leaves a rest.
        assert_eq!(sqrt_ratio(&(&square + &whole(1)), &whole(1)), 2_f64.powi(54) + 4.0);
    }

    prop_compose! {
        fn numbers()(sign in any::<bool>(), digits in prop::collection::vec(any::<u64>(), 1..6),
            short in 0_u64..64, exponent in -1200_i64..1100) -> Exact {
            let digits: Vec<u32> = digits.iter().flat_map(|&d| [d as u32, (d >> 32) as u32]).collect();
            let magnitude = BigInt::from(BigUint::new(digits)) >> short;
            Exact::new(if sign { -magnitude } else { magnitude }, exponent)
        }
    }

    proptest! {
        #[test]
        fn quotients_are_nearest(numerator in numbers(), denominator in numbers()) {
            prop_assume!(!denominator.is_zero());
            let value = ratio(&numerator, &denominator);
            let magnitude = |number: &Exact| Exact::new(
                number.numerator.magnitude().clone().into(), number.exponent);
            let (above, below) = (magnitude(&numerator), magnitude(&denominator));
            prop_assert!(is_nearest(value, |x| compare(&(x * &below), &above)), "{}", value);
            let negative = numerator.is_negative() != denominator.is_negative();
            prop_assert!(value == 0.0 || value.is_sign_negative() == negative);
        }

        #[test]
        fn roots_are_nearest(number in numbers(), denominator in numbers()) {
            prop_assume!(!denominator.is_zero());
            let numerator = &(&number * &number) * &denominator;
            // The square of |number|, and then something else.
            let root = sqrt_ratio(&numerator, &denominator);
            prop_assert_eq!(root, number.nearest().abs());
            let one = Exact::new(1.into(), number.exponent - 3);
            let other = &(&number * &number) + &one;
            let square = |x: &Exact| compare(&(&(x * x) * &one), &other);
            let root = sqrt_ratio(&other, &one);
            prop_assert!(is_nearest(root, square), "{}", root);
        }

        #[test]
        fn halfway_and_a_hair(value in any::<f64>(), hair in -1_i128..=1, far in 0_i64..3000) {
            prop_assume!(value.is_finite());
            let value = value.abs();
            let middle = middle_above(value);
            let truth = &middle + &Exact::new(hair.into(), middle.exponent - 1 - far);
            let rounded = truth.nearest();
            prop_assert!(is_nearest(rounded, |x| compare(x, &truth)), "{}", rounded);
            let squared = sqrt_ratio(&(&truth * &truth), &whole(1));
            prop_assert_eq!(rounded, squared);
        }
    }
}
