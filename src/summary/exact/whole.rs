//! Integers nearest to exact quotients and roots: what counts units of time is one.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::Zero;

use super::Exact;

/// The integer nearest to `numerator` / `denominator`, ties to even; `None` if the denominator is 0.
#[must_use]
pub fn nearest_integer(numerator: &Exact, denominator: &Exact) -> Option<BigInt> {
    let (above, below) = fraction(numerator, denominator)?;
    let (floor, rest) = above.div_mod_floor(&below);
    let up = match (rest * 2_u8).cmp(&below) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => floor.is_odd(),
        std::cmp::Ordering::Greater => true,
    };
    Some(floor + u8::from(up))
}

/// The integer nearest to √(`numerator` / `denominator`), ties to even; `None` if the denominator
/// is 0 or the quotient negative.
#[must_use]
pub fn nearest_root(numerator: &Exact, denominator: &Exact) -> Option<BigInt> {
    let (above, below) = fraction(numerator, denominator)?;
    if above < BigInt::zero() {
        return None;
    }
    // Of twice the root the integer below: that is odd where the root is half an integer or beyond.
    let quadruple = above * 4_u8;
    let doubled = (&quadruple / &below).sqrt();
    let half = &doubled / 2_u8;
    let up = doubled.is_odd() && (half.is_odd() || &doubled * &doubled * below != quadruple);
    Some(half + u8::from(up))
}

/// The quotient as one of integers, the lower of which is positive.
fn fraction(numerator: &Exact, denominator: &Exact) -> Option<(BigInt, BigInt)> {
    if denominator.is_zero() {
        return None;
    }
    let (above, below, _) = numerator.aligned(denominator);
    Some(if denominator.is_negative() { (-above, -below) } else { (above, below) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(value: i128) -> Exact {
        value.into()
    }

    #[test]
    fn ties_go_to_even() {
        let nearest = |a, b| nearest_integer(&exact(a), &exact(b));
        assert_eq!(nearest(1, 2), Some(0.into()));
        assert_eq!(nearest(3, 2), Some(2.into()));
        assert_eq!(nearest(-3, 2), Some((-2).into()));
        assert_eq!(nearest(3, -2), Some((-2).into()));
        assert_eq!(nearest(0, 3), Some(0.into()));
        assert_eq!(nearest(3, 0), None);
        let root = |a, b| nearest_root(&exact(a), &exact(b));
        assert_eq!(root(1, 4), Some(0.into()));
        assert_eq!(root(9, 4), Some(2.into()));
        assert_eq!(root(25, 4), Some(2.into()));
        assert_eq!(root(-1, 4), None);
        assert_eq!(root(1, 0), None);
    }

    proptest! {
        #[test]
        fn no_integer_is_nearer(a in any::<i64>(), b in 1..i64::MAX, shift in 0..100_i64) {
            let numerator = Exact::new(a.into(), -shift);
            let (n, d) = (BigInt::from(a), BigInt::from(b) << shift);
            let found = nearest_integer(&numerator, &exact(b.into())).unwrap();
            let off = (&found * &d - &n) * 2;
            prop_assert!(off <= d && -&d <= off);
            prop_assert!((off != d && off != -&d) || found.is_even());
        }

        #[test]
        fn no_integer_is_nearer_to_the_root(a in 0..i64::MAX, b in 1..1000_i64) {
            let found = nearest_root(&exact(a.into()), &exact(b.into())).unwrap();
            // (2 r - 1)² b <= 4 a <= (2 r + 1)² b
            let square = |r: BigInt| &r * &r * b;
            let quadruple = BigInt::from(a) * 4;
            let (low, high) = (square(&found * 2 - 1_i32), square(&found * 2 + 1_i32));
            prop_assert!(found.is_zero() || low <= quadruple);
            prop_assert!(quadruple <= high);
            prop_assert!((low != quadruple && quadruple != high) || found.is_even());
        }
    }
}
