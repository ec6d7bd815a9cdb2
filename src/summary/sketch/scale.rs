//! Which bucket a number is in, and where the buckets are.
//!
//! At scale s the buckets of |x| are [2^(j/2^s), 2^((j+1)/2^s)) for all integers j: a boundary
//! belongs to the bucket above it. The boundaries of the mantissa are a table of integers, made
//! with integer arithmetic only, and scale s takes every 2^(12-s)-th of the finest one: bucket j
//! of one scale is buckets 2j and 2j + 1 of the next, exactly and on every machine.

use std::sync::OnceLock;

use crate::summary::sums::power_of_two;

/// The finest scale: 4096 buckets per power of two.
pub const FINEST: u8 = 12;
/// Number of boundaries in [1, 2) at the finest scale.
const BOUNDARIES: usize = 1 << FINEST;
/// Bits of the mantissa of an `f64`.
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
/// Numbers that find buckets at the finest scale.
const CELLS: usize = 2 * BOUNDARIES;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;
/// The hidden bit of a normal number.
const HIDDEN: u64 = 1 << MANTISSA_BITS;
/// Biased exponents count from 2⁻¹⁰²³, keys from the least subnormal, 2⁻¹⁰⁷⁴.
const SUBNORMAL_EXPONENTS: i32 = 51;
/// Exponents from 2⁻¹⁰⁷⁴ to 2¹⁰²³.
const EXPONENTS: i32 = 2098;

/// The significands 2^(j/4096), rounded to 53 bits, for j from 0 to 4096 (which is 2).
fn boundaries() -> &'static [u64; BOUNDARIES + 1] {
    static TABLE: OnceLock<Box<[u64; BOUNDARIES + 1]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        // Fixed point with 63 bits after the point: errors of a few 2⁻⁶³.
        const ONE: u128 = 1 << 63;
        const DROPPED: u32 = 63 - MANTISSA_BITS;
        let mut fine = vec![ONE; BOUNDARIES + 1];
        fine[BOUNDARIES] = 2 * ONE;
        let mut step = BOUNDARIES;
        while step > 1 {
            // Between two neighbours lies the root of their product.
            for j in (0..BOUNDARIES).step_by(step) {
                fine[j + step / 2] = (fine[j] * fine[j + step]).isqrt();
            }
            step /= 2;
        }
        let mut table = Box::new([0; BOUNDARIES + 1]);
        for (rounded, fine) in table.iter_mut().zip(fine) {
            *rounded = ((fine + (1 << (DROPPED - 1))) >> DROPPED) as u64;
        }
        table
    })
}

/// A resolution, from 0 to [`FINEST`].
///
/// Buckets of either sign are numbered by *keys* in ascending order of the numbers in them: 0 is
/// zero, 1 the bucket of the least subnormal, -1 that of its negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scale(u8);

impl Scale {
    /// Of 2^`scale` buckets per power of two; `None` beyond the finest.
    #[must_use]
    pub fn new(scale: u8) -> Option<Self> {
        (scale <= FINEST).then_some(Self(scale))
    }

    /// The coarsest whose relative error is at most this, if there is one.
    #[must_use]
    pub fn for_error(error: f64) -> Option<Self> {
        (0..=FINEST).map(Self).find(|scale| scale.half_width() <= error)
    }

    /// Base-2 logarithm of the number of buckets per power of two.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// With buckets twice as wide.
    #[must_use]
    pub fn coarser(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// (γ - 1)/(γ + 1), where γ is the quotient of neighbouring boundaries.
    fn half_width(self) -> f64 {
        let gamma = (0..self.0).fold(2_f64, |gamma, _| gamma.sqrt());
        (gamma - 1.0) / (gamma + 1.0)
    }

    /// Largest relative error of [`Scale::estimate`], its own roundings included (a few 2⁻⁵³,
    /// since boundaries are rounded).
    #[must_use]
    pub fn relative_error(self) -> f64 {
        self.half_width() + 8.0 * f64::EPSILON
    }

    /// The key of the bucket of the largest `f64`: the largest key.
    #[must_use]
    pub fn last_key(self) -> i32 {
        EXPONENTS << self.0
    }

    /// The key of the bucket that a finite number is in.
    #[must_use]
    pub fn key(self, value: f64) -> i32 {
        let magnitude = value.abs().to_bits();
        if magnitude == 0 {
            return 0;
        }
        let (biased, normal) = match (magnitude >> MANTISSA_BITS) as i32 {
            0 => {
                let shift = magnitude.leading_zeros() - HIDDEN.leading_zeros();
                (1 - shift as i32, magnitude << shift)
            }
            biased => (biased, magnitude),
        };
        let bucket = self.lookup().bucket_and_above(normal & MANTISSA_MASK) as i32;
        let key = self.first_key(biased) + bucket;
        if value < 0.0 { -key } else { key }
    }

    /// The key of the lowest bucket of positive numbers with a biased exponent.
    pub(super) fn first_key(self, biased_exponent: i32) -> i32 {
        ((biased_exponent + SUBNORMAL_EXPONENTS) << self.0) + 1
    }

    /// The key, at the next coarser scale, of a bucket.
    #[must_use]
    pub fn coarser_key(key: i32) -> i32 {
        key.signum() * (((key.abs() - 1) >> 1) + 1)
    }

    /// A number close to all numbers in a bucket: 2ab/(a + b) between its boundaries a and b,
    /// whose relative distance to both is the same.
    ///
    /// The key must not be beyond that of the largest `f64`. The result is rounded to a multiple
    /// of 2⁻¹⁰⁷⁴, so below 2⁻¹⁰²² the error may be 2⁻¹⁰⁷⁵ larger.
    #[must_use]
    pub fn estimate(self, key: i32) -> f64 {
        if key == 0 {
            return 0.0;
        }
        let index = key.abs() - 1;
        let stride = 1 << (FINEST - self.0);
        let bucket = (index & ((1 << self.0) - 1)) as usize;
        let [low, high] = [bucket, bucket + 1].map(|j| boundaries()[j * stride] as f64);
        let unit = 1.0 / HIDDEN as f64;
        let (low, high) = (low * unit, high * unit);
        // At most 1.5, and then times 2¹⁰²³ at most: finite. The product is rounded once.
        let significand = 2.0 * low * high / (low + high);
        let magnitude = significand * power_of_two((index >> self.0) - 1074);
        if key < 0 { -magnitude } else { magnitude }
    }

    /// The table that finds buckets.
    pub(super) fn lookup(self) -> Lookup {
        static TABLES: [OnceLock<Lookup>; FINEST as usize + 1] =
            [const { OnceLock::new() }; FINEST as usize + 1];
        *TABLES[usize::from(self.0)].get_or_init(|| Lookup::new(self.0))
    }
}

/// Finds buckets by one look-up, one addition and one shift.
///
/// The mantissa's first s + 1 bits tell a cell, of width 2⁻ˢ⁻¹. Buckets are at least ln 2 · 2⁻ˢ
/// wide, so a cell has at most one boundary b in it. The number that is stored for the cell moves
/// b to the next multiple of 2⁻ˢ, where the addition carries into the bucket's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    /// 2^(s + 1) numbers, and zeros after them.
    cells: &'static [u64; CELLS],
    /// The bits that tell the cell, when shifted to the right.
    cell_mask: usize,
    /// Mantissa bits below these.
    cell_shift: u32,
    /// Mantissa bits below those of the bucket.
    bucket_shift: u32,
}

impl Lookup {
    fn new(scale: u8) -> Self {
        let bucket_shift = MANTISSA_BITS - u32::from(scale);
        let cell_shift = bucket_shift - 1;
        let stride = 1 << (FINEST - scale);
        // Bucket j starts at mantissa start(j).
        let start = |j: u64| boundaries()[j as usize * stride] - HIDDEN;
        let mut bucket = 0;
        let mut cells = Box::new([0; CELLS]);
        for (cell, number) in cells[..2 << scale].iter_mut().enumerate() {
            let from = (cell as u64) << cell_shift;
            let to = from + (1 << cell_shift);
            while start(bucket + 1) <= from {
                bucket += 1;
            }
            *number = match start(bucket + 1) {
                boundary if boundary < to => ((bucket + 1) << bucket_shift).wrapping_sub(boundary),
                _ => (bucket << bucket_shift).wrapping_sub(from),
            };
        }
        // A table per scale, made once per process.
        Self { cells: Box::leak(cells), cell_mask: (2 << scale) - 1, cell_shift, bucket_shift }
    }

    /// Which bucket of its power of two a normal number is in, below its sign and exponent.
    #[inline(always)]
    pub fn bucket_and_above(self, bits: u64) -> u64 {
        let cell = (bits >> self.cell_shift) as usize & self.cell_mask;
        bits.wrapping_add(self.cells[cell % CELLS]) >> self.bucket_shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Scale> {
        (0..=FINEST).map(Scale)
    }

    #[test]
    fn boundaries_are_powers_of_two_within_half_a_unit() {
        let table = boundaries();
        assert_eq!(table[0], HIDDEN);
        assert_eq!(table[BOUNDARIES], 2 * HIDDEN);
        assert_eq!(table[BOUNDARIES / 2] as f64 / HIDDEN as f64, std::f64::consts::SQRT_2);
        for (j, &boundary) in table.iter().enumerate() {
            let expected = (j as f64 / BOUNDARIES as f64).exp2() * HIDDEN as f64;
            assert!((boundary as f64 - expected).abs() <= 2.0, "{j}");
        }
    }

    #[test]
    fn numbers_on_and_next_to_every_boundary_are_in_their_bucket() {
        for scale in all() {
            let stride = 1 << (FINEST - scale.0);
            let first = scale.key(1.0);
            for j in 0..1 << scale.0 {
                let boundary = boundaries()[j * stride] as f64 / HIDDEN as f64;
                let key = first + j as i32;
                assert_eq!(scale.key(boundary), key, "{scale:?} {j}");
                assert_eq!(scale.key(boundary.next_down()), key - 1, "{scale:?} {j}");
                assert_eq!(scale.key(-boundary * 2_f64.powi(900)), -key - (900 << scale.0));
            }
        }
    }

    #[test]
    fn keys_ascend_and_collapse_exactly() {
        let mut values = vec![0.0, 5e-324, 1e-323, f64::MIN_POSITIVE, f64::MAX];
        let mut value = 5e-324;
        while value < 1e308 {
            values.extend([value, value * 1.37]);
            value *= 1.618;
        }
        values.sort_by(f64::total_cmp);
        for scale in all() {
            let keys: Vec<_> = values.iter().map(|&value| scale.key(value)).collect();
            assert!(keys.is_sorted());
            assert_eq!(keys[0], 0);
            assert_eq!(scale.key(5e-324), 1);
            assert_eq!(scale.key(f64::MAX), scale.last_key());
            if let Some(coarser) = scale.coarser() {
                for (&value, &key) in values.iter().zip(&keys) {
                    assert_eq!(coarser.key(value), Scale::coarser_key(key));
                    assert_eq!(coarser.key(-value), Scale::coarser_key(-key));
                }
            }
        }
    }

    #[test]
    fn estimates_are_within_the_error() {
        for scale in all() {
            for exponent in [-1074, -1073, -1060, -1022, -300, 0, 1, 300, 1023] {
                for step in 0..1000 {
                    let value = (1.0 + f64::from(step) / 1000.0) * power_of_two(exponent);
                    let estimate = scale.estimate(scale.key(value));
                    let slack = if value < f64::MIN_POSITIVE { 5e-324 } else { 0.0 };
                    let bound = scale.relative_error() * value + slack;
                    assert!((estimate - value).abs() <= bound, "{scale:?} {value:e}");
                    assert_eq!(scale.estimate(scale.key(-value)), -estimate);
                }
            }
            assert!(scale.estimate(scale.last_key()).is_finite());
        }
    }

    #[test]
    fn scales_follow_from_the_error() {
        for (error, scale) in [(0.5, 0), (1.0 / 3.0, 0), (0.3, 1), (0.01, 6), (1e-4, 12)] {
            assert_eq!(Scale::for_error(error), Some(Scale(scale)));
        }
        assert_eq!(Scale::for_error(8e-5), None);
        assert_eq!(Scale::new(13), None);
    }
}
