//! Conversions against their neighbours, compared exactly.

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
    let low_enough =
        value == 0.0 || right(compare_with_truth(&middle_above(value.next_down())), Ordering::Less);
    let high_enough =
        value.is_infinite() || right(compare_with_truth(&middle_above(value)), Ordering::Greater);
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
