//! Weighted sums of any weights: exact Σw, Σw², Σwx and Σwx² of a block, in integers.
//!
//! Values and weights of a block, in units of a power of two, are integers of 62 bits and a sign, if
//! the smallest other than 0 is no less than 2⁻¹⁰ of the bound of the largest; few are not, and these
//! are added one by one. Processors multiply such integers to 128 bits in one instruction, which is
//! as many bits of a product as eight of the fused multiply-adds of `slices.rs` give.
//!
//! What limits it: 5 multiplications and about 30 other instructions per value, in no vectors.

use super::fixed::{First, Second, Third};
use super::weighted::WeightedSums;
use crate::simd::{Kernel, Level, Lines, dispatch};

/// Bits of the integers that values and weights are.
pub const BITS: i32 = 62;

/// A sum of numbers of 128 bits, and how often it was carried.
#[derive(Clone, Copy, Debug, Default)]
struct Long {
    low: u128,
    carries: u64,
}

impl Long {
    #[inline(always)]
    fn add(&mut self, value: u128) {
        let (low, carry) = self.low.overflowing_add(value);
        self.low = low;
        self.carries += u64::from(carry);
    }

    /// Adds a number with a sign.
    #[inline(always)]
    fn add_signed(&mut self, value: i128) {
        let (low, carry) = self.low.overflowing_add(value as u128);
        self.low = low;
        self.carries =
            self.carries.wrapping_add(u64::from(carry)).wrapping_add((value >> 127) as u64);
    }

    /// The limbs of the size of a number in two's complement.
    fn magnitude(self) -> [u64; 3] {
        let negative = self.carries > i64::MAX as u64;
        if !negative {
            return self.limbs();
        }
        let (low, carry) = (!self.low).overflowing_add(1);
        let carries = (!self.carries).wrapping_add(u64::from(carry));
        Self { low, carries }.limbs()
    }

    fn limbs(self) -> [u64; 3] {
        [self.low as u64, (self.low >> 64) as u64, self.carries]
    }
}

/// Sums in units of windows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Points {
    weight: u128,
    square: Long,
    /// Σwx, in two's complement.
    first: Long,
    /// Σwx² = low + 2⁶⁴·high.
    second: [Long; 2],
}

/// The unit of values is 2^`x`, that of weights 2^`w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Of values.
    pub x: i32,
    /// Of weights.
    pub w: i32,
}

impl Points {
    /// Moves them to where they belong; Σw and Σw² only if `weights`.
    pub fn move_into(self, units: Units, weights: bool, sums: &mut WeightedSums) {
        let Units { x, w } = units;
        if weights {
            let weight = [self.weight as u64, (self.weight >> 64) as u64];
            sums.weight.add_limbs(&weight, false, First::place(w));
            sums.square.add_limbs(&self.square.limbs(), false, Second::place(2 * w));
        }
        let first = Second::place(x + w);
        let negative = self.first.carries > i64::MAX as u64;
        sums.first.add_limbs(&self.first.magnitude(), negative, first);
        let second = Third::place(2 * x + w);
        sums.second.add_limbs(&self.second[0].limbs(), false, second);
        sums.second.add_limbs(&self.second[1].limbs(), false, second + 64);
    }
}

/// Puts the places of pairs into `found` of which a value or a weight, other than 0, is smaller than
/// these.
pub fn find_strange(x: &[f64], w: &[f64], least: [f64; 2], found: &mut Vec<u32>) {
    dispatch(Strange { x, w, least, found });
}

/// Adds values and weights, which are finite and below 2⁶² units in size, but for those at the places
/// `strange`, which are in order; others are whole numbers of units.
///
/// # Panics
///
/// If there are not as many weights as values: a bug in the caller.
pub fn add(
    points: &mut Points,
    (x, x_scale): (&[f64], f64),
    (w, w_scale): (&[f64], f64),
    strange: &[u32],
    ahead: [Lines; 2],
) {
    assert_eq!(x.len(), w.len(), "as many weights as values");
    if strange.is_empty() {
        dispatch(Add::<false> { points, x, x_scale, w, w_scale, strange, ahead });
    } else {
        dispatch(Add::<true> { points, x, x_scale, w, w_scale, strange, ahead });
    }
}

struct Add<'a, const CHECK: bool> {
    points: &'a mut Points,
    x: &'a [f64],
    x_scale: f64,
    w: &'a [f64],
    w_scale: f64,
    strange: &'a [u32],
    ahead: [Lines; 2],
}

impl<const CHECK: bool> Kernel for Add<'_, CHECK> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _: L) {
        let mut ahead = self.ahead;
        let mut strange = self.strange.iter().copied().peekable();
        let mut sums = *self.points;
        for (index, (x, w)) in self.x.iter().zip(self.w).enumerate() {
            if index % 8 == 0 {
                ahead.iter_mut().for_each(|ahead| ahead.prefetch(1));
            }
            let (m, n) = (whole(*x, self.x_scale), whole(*w, self.w_scale));
            if CHECK && strange.next_if_eq(&(index as u32)).is_some() {
                continue;
            }
            sums.weight += n as u128;
            sums.square.add(n as u128 * n as u128);
            sums.first.add_signed(i128::from(m) * i128::from(n));
            let square = (i128::from(m) * i128::from(m)) as u128;
            sums.second[0].add(n as u128 * u128::from(square as u64));
            sums.second[1].add(n as u128 * (square >> 64));
        }
        *self.points = sums;
    }
}

/// A number as a whole number of units; what is behind the point is lost.
#[inline(always)]
fn whole(number: f64, scale: f64) -> i64 {
    let scaled = number * scale;
    debug_assert!(scaled.abs() < 4.7e18, "{scaled} is below 2⁶²");
    // SAFETY: the callers' promise: finite, and far below 2⁶³.
    unsafe { scaled.to_int_unchecked::<i64>() }
}

/// The places of pairs of which one is no whole number of units.
struct Strange<'a> {
    x: &'a [f64],
    w: &'a [f64],
    least: [f64; 2],
    found: &'a mut Vec<u32>,
}

impl Kernel for Strange<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _: L) {
        for (eighth, (x, w)) in self.x.chunks(8).zip(self.w.chunks(8)).enumerate() {
            let mut any = false;
            for (x, w) in x.iter().zip(w) {
                any |= is_strange(*x, self.least[0]) | is_strange(*w, self.least[1]);
            }
            if !any {
                continue;
            }
            for (index, (x, w)) in (8 * eighth as u32..).zip(x.iter().zip(w)) {
                if is_strange(*x, self.least[0]) | is_strange(*w, self.least[1]) {
                    self.found.push(index);
                }
            }
        }
    }
}

/// Whether a number may be no multiple of the unit that it has been compared to.
#[inline(always)]
fn is_strange(number: f64, least: f64) -> bool {
    (number.abs() < least) & (number != 0.0)
}
