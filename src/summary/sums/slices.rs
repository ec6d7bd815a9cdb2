//! The kernel of numbers of times: exact Σwx and Σwx² of a block, in fused multiply-adds.
//!
//! Numbers are cut into slices of few bits, so that products of slices with a small integer have no
//! more than 53 bits even where many of them are added up: then a fused multiply-add into an ordinary
//! accumulator rounds nothing. This is the scheme of Ozaki, Ogita, Oishi & Rump, "Error-free
//! transformations of matrix multiplication by using fast routines of matrix multiplication", Numer.
//! Algorithms 59 (2012). A slice is cut off by adding and subtracting 1.5·2⁵²·u, which leaves a
//! multiple of u and a rest below u/2, both exact.
//!
//! First x is multiplied by a power of two, so that all are below 1 in size: nothing leaves the range
//! of `f64` then. With slices of b bits the i-th of x, and of x·x = p + e (p rounded, e its error), is
//! a multiple of 2^(−b·i). With |x| ≥ 2^(−s), or 0, x is a multiple of 2^(−s−52), p of 2^(−2s−52) and e
//! of 2^(−2s−104).
//!
//! Weights are integers below 2^k, k ≤ 13, and b = 47 − k: then 64 terms, [`DEPTH`], are below
//! 64·2^k·2^b = 2⁵³ units. There are 2 slices of x and 3 or 4 of x², and s may be up to 2b − 52 and
//! (3b − 52)/2: 16 for k = 13, 34 for k = 4. Other blocks go through `points.rs`.
//!
//! What limits it: per octet 1 operation for the unit, 5 for Σwx, 12 to 20 for Σwx², 6 for the extent
//! and 4 to make floats of integers, 28 to 36 where the plain pass has 18; and twice the memory.

use std::ops::{Add, Sub};

use super::windows::{Octet, power_of_two};
use crate::simd::{Kernel, Lanes, Lanes64, Level, Lines, Part, Vector, dispatch};

/// Terms per accumulator, and most octets in a block.
pub const DEPTH: usize = 64;
/// Most bits of integers with the fewest slices.
pub const NARROW: u32 = 13;
/// Bits of a slice of values whose weights have `k` bits.
#[must_use]
pub fn narrow_bits(k: u32) -> i32 {
    47 - k as i32
}

/// Largest spread of such values.
#[must_use]
pub fn narrow_spread(k: u32) -> i32 {
    let b = narrow_bits(k);
    (2 * b - 52).min((3 * b - 52) / 2)
}

/// Sums by level, in units: the first counts 2^(−b), the next one 2^(−2b), ...
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Σwx.
    pub first: [i64; 2],
    /// Σwx².
    pub second: [i64; 4],
}

/// What will be read next, of values and of weights: it is fetched meanwhile.
pub type Ahead = [Lines; 2];

#[inline(always)]
fn fetch(ahead: &mut Ahead) {
    ahead[0].prefetch(1);
    ahead[1].prefetch(1);
}

/// The higher part of x, a multiple of the unit that `at` is 1.5·2⁵² of, and the rest.
#[inline(always)]
fn cut<P: Copy + Add<Output = P> + Sub<Output = P>>(x: P, at: P) -> (P, P) {
    let high = (x + at) - at;
    (high, x - high)
}

/// Where slices of b bits are cut: after the first, the second, ...
fn cuts<const N: usize>(bits: i32) -> [f64; N] {
    std::array::from_fn(|index| 1.5 * power_of_two(52 - bits * (index as i32 + 1)))
}

/// The sum of all lanes in units of 2^(−`bits`), of which each has at most 2⁵³; `None` if one is NaN.
#[inline(always)]
fn units(lanes: &Lanes64, bits: i32) -> Option<i64> {
    // Of a multiple of 2²⁶ units and a rest below that the sums are exact, too.
    let at = 1.5 * power_of_two(52 + 26 - bits);
    let parts = lanes.0.map(|lane| cut(lane, at));
    let sum = |lanes: [f64; 8]| {
        let four: [f64; 4] = std::array::from_fn(|lane| lanes[lane] + lanes[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    };
    let (high, low) = (sum(parts.map(|(high, _)| high)), sum(parts.map(|(_, low)| low)));
    let scale = power_of_two(bits);
    (!low.is_nan()).then(|| (high * scale) as i64 + (low * scale) as i64)
}

fn all_units<const N: usize>(lanes: &[Lanes64], bits: i32) -> Option<[i64; N]> {
    let mut sums = [0; N];
    for ((level, sum), lanes) in (1..).zip(&mut sums).zip(lanes) {
        *sum = units(lanes, bits * level)?;
    }
    Some(sums)
}

/// Adds up a block whose weights are integers of `k` bits and whose values, times `scale`, are below
/// 1 and have that spread. `None` if one is NaN, or infinite.
///
/// # Panics
///
/// If there are not as many weights, or more than [`DEPTH`] octets: a bug in the caller.
#[must_use]
pub fn narrow(
    (x, scale): (&[Octet], f64),
    w: &[Octet],
    (k, spread): (u32, i32),
    ahead: Ahead,
) -> Option<Levels> {
    assert!(x.len() == w.len() && x.len() <= DEPTH, "a block keeps to the depth of its sums");
    let b = narrow_bits(k);
    let cuts = cuts(b);
    let whole = 2 * b >= 2 * spread + 52;
    let ends = if whole && 3 * b >= 2 * spread + 104 {
        dispatch(Narrow::<THREE> { x, w, scale, cuts, ahead })
    } else if whole {
        dispatch(Narrow::<FOUR> { x, w, scale, cuts, ahead })
    } else {
        dispatch(Narrow::<SPLIT> { x, w, scale, cuts, ahead })
    };
    Some(Levels { first: all_units(&ends[..2], b)?, second: all_units(&ends[2..], b)? })
}

/// p has a slice and a rest that is one, and e a slice and a rest that is one.
const THREE: u8 = 3;
/// The same, and e has two slices before the rest.
const FOUR: u8 = 4;
/// The same, and p has two slices before the rest.
const SPLIT: u8 = 5;

struct Narrow<'a, const FORM: u8> {
    x: &'a [Octet],
    w: &'a [Octet],
    scale: f64,
    cuts: [f64; 3],
    ahead: Ahead,
}

impl<const FORM: u8> Kernel for Narrow<'_, FORM> {
    type Output = [Lanes64; 6];

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        let mut ends = [Lanes([0.0; 8]); 6];
        for part in 0..<L::F64 as Vector>::Part::COUNT {
            self.part::<L::F64>(level, part, &mut ends);
        }
        ends
    }
}

impl<const FORM: u8> Narrow<'_, FORM> {
    #[inline(always)]
    fn part<V: Vector<Scalar = f64, Lanes = Lanes64>>(
        &self,
        level: V::Token,
        part: usize,
        ends: &mut [Lanes64; 6],
    ) {
        let splat = |value: f64| <V::Part as Part<V>>::splat(level, value);
        let (scale, zero) = (splat(self.scale), splat(0.0));
        let [c1, c2, c3] = [splat(self.cuts[0]), splat(self.cuts[1]), splat(self.cuts[2])];
        let mut first = [zero; 2];
        let mut second = [zero; 4];
        let mut ahead = if part == 0 { self.ahead } else { [Lines::NONE; 2] };
        for (x, w) in self.x.iter().zip(self.w) {
            fetch(&mut ahead);
            let x = <V::Part as Part<V>>::load(level, &Lanes(*x), part) * scale;
            let w = <V::Part as Part<V>>::load(level, &Lanes(*w), part);
            let (high, rest) = cut(x, c1);
            first[0] = w.mul_add(high, first[0]);
            first[1] = w.mul_add(rest, first[1]);
            let p = x * x;
            let e = x.mul_sub(x, p);
            let (high, rest) = cut(p, c1);
            second[0] = w.mul_add(high, second[0]);
            let (e1, e_rest) = cut(e, c2);
            if FORM == THREE {
                second[1] = w.mul_add(rest + e1, second[1]);
                second[2] = w.mul_add(e_rest, second[2]);
                continue;
            }
            let (e2, e_rest) = cut(e_rest, c3);
            second[3] = w.mul_add(e_rest, second[3]);
            if FORM == FOUR {
                second[1] = w.mul_add(rest + e1, second[1]);
                second[2] = w.mul_add(e2, second[2]);
            } else {
                let (middle, rest) = cut(rest, c2);
                second[1] = w.mul_add(middle + e1, second[1]);
                second[2] = w.mul_add(rest + e2, second[2]);
            }
        }
        for (end, sum) in ends.iter_mut().zip(first.into_iter().chain(second)) {
            sum.store(end, part);
        }
    }
}
