//! The kernels of weighted sums: exact Σwx and Σwx² of a block, in fused multiply-adds.
//!
//! Numbers are cut into slices of few bits, so that products of slices have no more than 53 bits
//! even where many of them are added up: then a fused multiply-add into an ordinary accumulator
//! rounds nothing. This is the scheme of Ozaki, Ogita, Oishi & Rump, "Error-free transformations of
//! matrix multiplication by using fast routines of matrix multiplication", Numer. Algorithms 59
//! (2012). A slice is cut off by adding and subtracting 1.5·2⁵²·u, which leaves a multiple of u and
//! a rest below u/2, both exact.
//!
//! First x and w are multiplied by powers of two, so that all are below 1 in size: nothing leaves
//! the range of `f64` then. With slices of b bits the i-th of x, and of x·x = p + e (p rounded, e
//! its error), is a multiple of 2^(−b·i). With |x| ≥ 2^(−s), or 0, x is a multiple of 2^(−s−52), p
//! of 2^(−2s−52) and e of 2^(−2s−104).
//!
//! | weights | slices | exact because of [`DEPTH`] = 64 terms |
//! |---|---|---|
//! | integers below 2^k, k ≤ 13 | 1 of w, 2 of x, 3 or 4 of x² with b = 47 − k | 64·2^k·2^b = 2⁵³ units |
//! | any | 3 of w, 3 of x, 6 of x² with b = 23 | at most 64·1.6·2^(2b) < 2⁵³ units |
//!
//! (Slices behind the first are half as large, but for the fourth of x², which is one of p and one of
//! e: so three products of one unit count 1.6 at most.)
//! Integers go with s ≤ 2b − 52 and s ≤ (3b − 52)/2, which is 16 for k = 13 and 34 for k = 4; any
//! weights with s ≤ 17 of x and of w. `weighted.rs` leaves out of a block what is smaller.
//!
//! What limits it: per octet of integers 1 operation for the unit, 5 for Σwx, 12 to 20 for Σwx², 6 for
//! the extent and 4 to make them floats, 28 to 36 where the plain pass has 18; for any weights 18
//! for Σw and Σw², 16 for Σwx, 41 for Σwx² and 9 for the extent, 84.

use std::ops::{Add, Sub};

use super::windows::{Octet, power_of_two};
use crate::simd::{Kernel, Lanes, Lanes64, Level, Lines, Part, Vector, dispatch};

/// Terms per accumulator, and most octets in a block.
pub const DEPTH: usize = 64;
/// Bits of a slice where weights are any.
pub const WIDE_BITS: i32 = 23;
/// Most bits of integers with the fewest slices.
pub const NARROW: u32 = 13;
/// Largest spread of weights, and of values, where weights are any.
pub const WIDE_SPREAD: i32 = 17;

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

/// Sums by level, in units: level i of a kind counts 2^(−b·(i + first level)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    /// Σwx.
    pub first: [i64; 5],
    /// Σwx².
    pub second: [i64; 8],
    /// Σw.
    pub weight: [i64; 3],
    /// Σw².
    pub square: [i64; 5],
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

fn all_units<const N: usize>(lanes: &[Lanes64], bits: i32, first: i32) -> Option<[i64; N]> {
    let mut sums = [0; N];
    for ((level, sum), lanes) in (first..).zip(&mut sums).zip(lanes) {
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
    let first: [i64; 2] = all_units(&ends[..2], b, 1)?;
    let second: [i64; 4] = all_units(&ends[2..], b, 1)?;
    let mut levels = Levels::default();
    levels.first[..2].copy_from_slice(&first);
    levels.second[..4].copy_from_slice(&second);
    Some(levels)
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

/// Scratch for slices of weights.
pub type Slices = [[Octet; DEPTH]; 3];

/// Adds up a block of any weights; the scales are those of values and weights, as in [`narrow`].
/// `None` if a number is NaN, or infinite.
///
/// # Panics
///
/// As [`narrow`].
#[must_use]
pub fn wide(
    (x, x_scale): (&[Octet], f64),
    (w, w_scale): (&[Octet], f64),
    slices: &mut Slices,
    ahead: Ahead,
) -> Option<Levels> {
    assert!(x.len() == w.len() && x.len() <= DEPTH, "a block keeps to the depth of its sums");
    let weights = dispatch(WideWeights { w, scale: w_scale, slices, cuts: cuts(WIDE_BITS) });
    let first = dispatch(WideFirst { x, scale: x_scale, slices, cuts: cuts(WIDE_BITS) });
    let second = dispatch(WideSecond { x, scale: x_scale, slices, cuts: cuts(WIDE_BITS), ahead });
    Some(Levels {
        first: all_units(&first, WIDE_BITS, 2)?,
        second: all_units(&second, WIDE_BITS, 2)?,
        weight: all_units(&weights[..3], WIDE_BITS, 1)?,
        square: all_units(&weights[3..], WIDE_BITS, 2)?,
    })
}

/// Adds the products of slices of values and weights to the sums of their levels.
///
/// Products of one level are added to each other first, which is exact, too: a sum that waited for
/// three fused additions, one after the other, would be what limits it.
#[inline(always)]
fn add_products<V: Vector<Scalar = f64>, const X: usize, const LEVELS: usize>(
    sums: &mut [V::Part; LEVELS],
    x: [V::Part; X],
    w: [V::Part; 3],
) {
    for (level, sum) in sums.iter_mut().enumerate() {
        let mut product: Option<V::Part> = None;
        for (j, w) in w.iter().enumerate() {
            if let Some(&x) = level.checked_sub(j).and_then(|i| x.get(i)) {
                product = Some(product.map_or_else(|| *w * x, |product| w.mul_add(x, product)));
            }
        }
        if let Some(product) = product {
            *sum = *sum + product;
        }
    }
}

/// Cuts weights into slices, and adds up them and their products.
struct WideWeights<'a> {
    w: &'a [Octet],
    scale: f64,
    slices: &'a mut Slices,
    cuts: [f64; 2],
}

impl Kernel for WideWeights<'_> {
    type Output = [Lanes64; 8];

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        type P<L> = <<L as Level>::F64 as Vector>::Part;
        let mut ends = [Lanes([0.0; 8]); 8];
        let [first, second, third] = self.slices;
        for part in 0..P::<L>::COUNT {
            let splat = |value: f64| P::<L>::splat(level, value);
            let (scale, zero) = (splat(self.scale), splat(0.0));
            let [c1, c2] = [splat(self.cuts[0]), splat(self.cuts[1])];
            let mut sums = [zero; 3];
            let mut squares = [zero; 5];
            let slices = first.iter_mut().zip(second.iter_mut()).zip(third.iter_mut());
            for (w, ((first, second), third)) in self.w.iter().zip(slices) {
                let w = P::<L>::load(level, &Lanes(*w), part) * scale;
                let (w1, rest) = cut(w, c1);
                let (w2, w3) = cut(rest, c2);
                for (slice, into) in [(w1, first), (w2, second), (w3, third)] {
                    let mut lanes = Lanes(*into);
                    slice.store(&mut lanes, part);
                    *into = lanes.0;
                }
                sums = [sums[0] + w1, sums[1] + w2, sums[2] + w3];
                let (twice, twice_second) = (w1 + w1, w2 + w2);
                squares[0] = w1.mul_add(w1, squares[0]);
                squares[1] = twice.mul_add(w2, squares[1]);
                squares[2] = squares[2] + twice.mul_add(w3, w2 * w2);
                squares[3] = twice_second.mul_add(w3, squares[3]);
                squares[4] = w3.mul_add(w3, squares[4]);
            }
            for (end, sum) in ends.iter_mut().zip(sums.into_iter().chain(squares)) {
                sum.store(end, part);
            }
        }
        ends
    }
}

/// Σwx.
struct WideFirst<'a> {
    x: &'a [Octet],
    scale: f64,
    slices: &'a Slices,
    cuts: [f64; 2],
}

impl Kernel for WideFirst<'_> {
    type Output = [Lanes64; 5];

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        type P<L> = <<L as Level>::F64 as Vector>::Part;
        let mut ends = [Lanes([0.0; 8]); 5];
        for part in 0..P::<L>::COUNT {
            let splat = |value: f64| P::<L>::splat(level, value);
            let (scale, zero) = (splat(self.scale), splat(0.0));
            let [c1, c2] = [splat(self.cuts[0]), splat(self.cuts[1])];
            let mut sums = [zero; 5];
            for (index, x) in self.x.iter().enumerate() {
                let x = P::<L>::load(level, &Lanes(*x), part) * scale;
                let (x1, rest) = cut(x, c1);
                let (x2, x3) = cut(rest, c2);
                let w: [_; 3] = std::array::from_fn(|j| {
                    P::<L>::load(level, &Lanes(self.slices[j][index]), part)
                });
                add_products::<L::F64, 3, 5>(&mut sums, [x1, x2, x3], w);
            }
            for (end, sum) in ends.iter_mut().zip(sums) {
                sum.store(end, part);
            }
        }
        ends
    }
}

/// Σwx².
struct WideSecond<'a> {
    x: &'a [Octet],
    scale: f64,
    slices: &'a Slices,
    cuts: [f64; 5],
    ahead: Ahead,
}

impl Kernel for WideSecond<'_> {
    type Output = [Lanes64; 8];

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        type P<L> = <<L as Level>::F64 as Vector>::Part;
        let mut ends = [Lanes([0.0; 8]); 8];
        for part in 0..P::<L>::COUNT {
            let splat = |value: f64| P::<L>::splat(level, value);
            let (scale, zero) = (splat(self.scale), splat(0.0));
            let cuts = self.cuts.map(splat);
            let mut sums = [zero; 8];
            let mut ahead = if part == 0 { self.ahead } else { [Lines::NONE; 2] };
            for (index, x) in self.x.iter().enumerate() {
                fetch(&mut ahead);
                let x = P::<L>::load(level, &Lanes(*x), part) * scale;
                let p = x * x;
                let e = x.mul_sub(x, p);
                let (p1, rest) = cut(p, cuts[0]);
                let (p2, rest) = cut(rest, cuts[1]);
                // e is below 2⁻⁵³, in the range of the third slice, and what is left of p then
                // is a multiple of the fourth unit.
                let (p3, p4) = cut(rest, cuts[2]);
                let (e3, rest) = cut(e, cuts[2]);
                let (e4, rest) = cut(rest, cuts[3]);
                let (e5, e6) = cut(rest, cuts[4]);
                let q = [p1, p2, p3 + e3, p4 + e4, e5, e6];
                let w: [_; 3] = std::array::from_fn(|j| {
                    P::<L>::load(level, &Lanes(self.slices[j][index]), part)
                });
                add_products::<L::F64, 6, 8>(&mut sums, q, w);
            }
            for (end, sum) in ends.iter_mut().zip(sums) {
                sum.store(end, part);
            }
        }
        ends
    }
}
