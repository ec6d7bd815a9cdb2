//! Exact sums of values of any size: one big integer for each binary exponent.
//!
//! Neal's large superaccumulator (arXiv:1505.05571, 2015) with a bin for each exponent and sign, so
//! that adding a value is an addition of integers without a shift, extended to powers: x = ±m·2^b
//! with an integer m < 2⁵³ adds m to one bin, m² to another, and so on; the bins are moved to
//! where they belong only when they are read. That each sign has bins of its own spares a branch
//! which cannot be foreseen.
//!
//! What limits it: about 16 instructions per value for Σx and Σx², 5 cycles, as long as the bins
//! in use (32 bytes per binary exponent) stay in the first-level cache.

use super::Sums;

/// Number of exponents of finite `f64`, subnormal ones counting as the smallest normal one.
const EXPONENTS: usize = 2046;
/// Bins of both signs, those of negative values behind the others.
const BINS: usize = 2 * EXPONENTS;
/// m² has 106 bits of 128, so a bin takes 2²² of them.
const MOST: u32 = 1 << 21;

/// Σm and Σm².
#[derive(Clone, Copy, Debug, Default)]
struct Low {
    first: u128,
    second: u128,
}

/// Σm³ and Σm⁴, least significant limb first: m³ < 2¹⁵⁹ and m⁴ < 2²¹².
#[derive(Clone, Copy, Debug, Default)]
struct High {
    third: [u64; 3],
    fourth: [u64; 4],
}

/// Sums by exponent, not yet in their place.
#[derive(Clone, Debug)]
pub struct Bins {
    low: Box<[Low; BINS]>,
    /// Only where third and fourth powers are wanted.
    high: Option<Box<[High; BINS]>>,
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
                let (negative, bit) = sign_and_bit(bin);
                sums.first.add_limbs(&limbs(low.first), negative, bit);
                sums.second.add_limbs(&limbs(low.second), false, 2 * bit);
                *low = Low::default();
            }
        }
        let (Some(bins), Some(higher)) = (&mut self.high, &mut sums.higher) else { return };
        for (bin, high) in bins.iter_mut().enumerate() {
            if high.fourth != [0; 4] {
                let (negative, bit) = sign_and_bit(bin);
                higher.third.add_limbs(&high.third, negative, 3 * bit);
                higher.fourth.add_limbs(&high.fourth, false, 4 * bit);
                *high = High::default();
            }
        }
    }
}

fn boxed<T: Clone>(value: T) -> Box<[T; BINS]> {
    let boxed: Box<[T]> = vec![value; BINS].into();
    boxed.try_into().unwrap_or_else(|_| unreachable!("made of that many"))
}

fn limbs(sum: u128) -> [u64; 2] {
    [sum as u64, (sum >> 64) as u64]
}

/// Whether the values of a bin are negative, and the bit that their integers are multiples of.
fn sign_and_bit(bin: usize) -> (bool, usize) {
    (bin >= EXPONENTS, bin % EXPONENTS)
}

/// ±m and b with value = ±m·2^(b−1074).
#[inline(always)]
pub fn split(value: f64) -> (i64, usize) {
    let (magnitude, bit) = magnitude_and_bit(value);
    let magnitude = magnitude as i64;
    (if value.is_sign_negative() { -magnitude } else { magnitude }, bit)
}

/// m and b with |value| = m·2^(b−1074).
#[inline(always)]
fn magnitude_and_bit(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as usize;
    let hidden = u64::from(exponent != 0) << 52;
    (bits & ((1 << 52) - 1) | hidden, exponent.saturating_sub(1))
}

#[inline(always)]
fn add_low(bins: &mut [Low; BINS], value: f64) -> (usize, u64) {
    let (magnitude, bit) = magnitude_and_bit(value);
    let bin = bit + if value.is_sign_negative() { EXPONENTS } else { 0 };
    // A finite value's bin is in range; saying so here spares the panicking path in the loop.
    let bin = bin.min(BINS - 1);
    let low = &mut bins[bin];
    low.first += u128::from(magnitude);
    low.second += u128::from(magnitude) * u128::from(magnitude);
    (bin, magnitude)
}

#[inline(always)]
fn add_high(high: &mut High, magnitude: u64) {
    let (cube, fourth) = powers(magnitude);
    add_limbs(&mut high.third, cube);
    add_limbs(&mut high.fourth, fourth);
}

#[inline(always)]
fn add_limbs<const L: usize>(sum: &mut [u64; L], limbs: [u64; L]) {
    let mut carry = false;
    for (limb, added) in sum.iter_mut().zip(limbs) {
        (*limb, carry) = limb.carrying_add(added, carry);
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
