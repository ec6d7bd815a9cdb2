//! Exact sums of values of any size: one big integer for each binary exponent.
//!
//! Neal's large superaccumulator (arXiv:1505.05571, 2015) with a bin for each exponent, so that
//! adding a value is an addition of integers without a shift, extended to powers: x = ±m·2^b
//! with an integer m < 2⁵³ adds ±m to one bin, m² to another, and so on; the bins are moved to
//! where they belong only when they are read.
//!
//! What limits it: about 16 instructions per value for Σx and Σx², 5 cycles, as long as the bins
//! in use (32 bytes per binary exponent) stay in the first-level cache.

use super::Sums;

/// Number of exponents of finite `f64`, subnormal ones counting as the smallest normal one.
const EXPONENTS: usize = 2046;
/// m² has 106 bits of 128, so a bin takes 2²² of them.
const MOST: u32 = 1 << 21;

#[derive(Clone, Copy, Debug, Default)]
struct Low {
    first: i128,
    second: u128,
}

/// Two's complement, least significant first: |m³| < 2¹⁵⁹ and m⁴ < 2²¹².
#[derive(Clone, Copy, Debug, Default)]
struct High {
    third: [u64; 4],
    fourth: [u64; 4],
}

/// Sums by exponent, not yet in their place.
#[derive(Clone, Debug)]
pub struct Bins {
    low: Box<[Low; EXPONENTS]>,
    /// Only where third and fourth powers are wanted.
    high: Option<Box<[High; EXPONENTS]>>,
    /// Values added since the bins were last emptied.
    pending: u32,
}

impl Bins {
    /// Empty ones, for the powers that `sums` holds.
    #[must_use]
    pub fn new(sums: &Sums) -> Self {
        let high = sums.higher.is_some().then(|| boxed(High::default()));
        Self { low: boxed(Low::default()), high, pending: 0 }
    }

    /// Adds finite values; `sums` takes what the bins cannot hold any more.
    pub fn add(&mut self, values: &[f64], sums: &mut Sums) {
        for chunk in values.chunks(MOST as usize / 2) {
            if self.pending + chunk.len() as u32 > MOST {
                self.empty_into(sums);
            }
            self.pending += chunk.len() as u32;
            match &mut self.high {
                None => chunk.iter().for_each(|&value| {
                    add_low(&mut self.low, value);
                }),
                Some(high) => chunk.iter().for_each(|&value| {
                    let (bin, mantissa) = add_low(&mut self.low, value);
                    add_high(&mut high[bin], mantissa);
                }),
            }
        }
    }

    /// Moves everything into `sums`.
    pub fn empty_into(&mut self, sums: &mut Sums) {
        if self.pending == 0 {
            return;
        }
        self.pending = 0;
        for (bin, low) in self.low.iter_mut().enumerate() {
            if low.second != 0 {
                sums.first.add_integer(low.first, bin);
                let square = [low.second as u64, (low.second >> 64) as u64];
                sums.second.add_limbs(&square, false, 2 * bin);
                *low = Low::default();
            }
        }
        let (Some(bins), Some(higher)) = (&mut self.high, &mut sums.higher) else { return };
        for (bin, high) in bins.iter_mut().enumerate() {
            if high.fourth != [0; 4] {
                let (negative, cube) = magnitude(high.third);
                higher.third.add_limbs(&cube, negative, 3 * bin);
                higher.fourth.add_limbs(&high.fourth, false, 4 * bin);
                *high = High::default();
            }
        }
    }
}

fn boxed<T: Clone>(value: T) -> Box<[T; EXPONENTS]> {
    let boxed: Box<[T]> = vec![value; EXPONENTS].into();
    boxed.try_into().unwrap_or_else(|_| unreachable!("made of that many"))
}

/// ±m and b with value = ±m·2^(b−1074); b is the bin.
#[inline(always)]
pub fn split(value: f64) -> (i64, usize) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as usize;
    let hidden = u64::from(exponent != 0) << 52;
    let magnitude = (bits & ((1 << 52) - 1) | hidden) as i64;
    let mantissa = if value.is_sign_negative() { -magnitude } else { magnitude };
    (mantissa, exponent.saturating_sub(1))
}

#[inline(always)]
fn add_low(bins: &mut [Low; EXPONENTS], value: f64) -> (usize, i64) {
    let (mantissa, bin) = split(value);
    // A finite value's bin is in range; saying so here spares the panicking path in the loop.
    let bin = bin.min(EXPONENTS - 1);
    let low = &mut bins[bin];
    low.first += i128::from(mantissa);
    low.second += u128::from(mantissa.unsigned_abs()) * u128::from(mantissa.unsigned_abs());
    (bin, mantissa)
}

#[inline(always)]
fn add_high(high: &mut High, mantissa: i64) {
    let (cube, fourth) = powers(mantissa.unsigned_abs());
    if mantissa < 0 {
        let mut borrow = false;
        for (limb, part) in high.third.iter_mut().zip([cube[0], cube[1], cube[2], 0]) {
            (*limb, borrow) = limb.borrowing_sub(part, borrow);
        }
    } else {
        let mut carry = false;
        for (limb, part) in high.third.iter_mut().zip([cube[0], cube[1], cube[2], 0]) {
            (*limb, carry) = limb.carrying_add(part, carry);
        }
    }
    let mut carry = false;
    for (limb, part) in high.fourth.iter_mut().zip(fourth) {
        (*limb, carry) = limb.carrying_add(part, carry);
    }
}

/// m³ and m⁴ of an integer.
#[inline(always)]
pub fn powers(m: u64) -> ([u64; 3], [u64; 4]) {
    let square = u128::from(m) * u128::from(m);
    let (low, high) = (square as u64, (square >> 64) as u64);
    let (c0, carry) = low.carrying_mul(m, 0);
    let (c1, c2) = high.carrying_mul(m, carry);
    let (f0, carry) = c0.carrying_mul(m, 0);
    let (f1, carry) = c1.carrying_mul(m, carry);
    let (f2, f3) = c2.carrying_mul(m, carry);
    ([c0, c1, c2], [f0, f1, f2, f3])
}

fn magnitude(limbs: [u64; 4]) -> (bool, [u64; 4]) {
    let negative = limbs[3] >> 63 == 1;
    if !negative {
        return (false, limbs);
    }
    let mut carry = true;
    (
        true,
        limbs.map(|limb| {
            let sum;
            (sum, carry) = (!limb).carrying_add(0, carry);
            sum
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_emptied_before_they_overflow() {
        // The largest mantissa: 2²² of its squares are more than 128 bits.
        let value = f64::from_bits(1.0_f64.to_bits() | ((1 << 52) - 1));
        let mut sums = Sums::new(false);
        let mut bins = Bins::new(&sums);
        let block = vec![value; 1 << 20];
        for _ in 0..5 {
            bins.add(&block, &mut sums);
        }
        bins.empty_into(&mut sums);
        let (mut one, mut expected) = (Sums::new(false), Sums::new(false));
        one.add(value);
        expected.merge_shifted(&one, 20);
        expected.merge_shifted(&one, 22);
        assert_eq!(sums, expected);
    }
}
