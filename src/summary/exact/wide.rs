//! Integers of a fixed number of limbs: what small sums need on their way to one rounding.

use super::Leading;

/// An integer below 2⁵¹², least significant limb first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide([u64; Wide::LIMBS]);

impl Wide {
    const LIMBS: usize = 8;

    /// Of fewer limbs.
    #[inline(always)]
    pub fn of(limbs: &[u64]) -> Self {
        Self(std::array::from_fn(|index| limbs.get(index).copied().unwrap_or(0)))
    }

    /// Of an integer of two limbs, its square.
    #[inline(always)]
    pub fn square([low, high]: [u64; 2]) -> Self {
        let square = |limb: u64| u128::from(limb) * u128::from(limb);
        let cross = u128::from(low) * u128::from(high);
        let middle = (square(low) >> 64) + u128::from(cross as u64) * 2;
        // Below 2¹²⁸: it is what of a number below 2²⁵⁶ lies above 2¹²⁸.
        let above = (cross >> 64) * 2 + (middle >> 64) + square(high);
        Self::of(&[square(low) as u64, middle as u64, above as u64, (above >> 64) as u64])
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; Self::LIMBS]
    }

    /// Number of bits, without leading zeros.
    pub fn bits(&self) -> u32 {
        let last = self.0.iter().rposition(|&limb| limb != 0);
        last.map_or(0, |last| 64 * (last as u32 + 1) - self.0[last].leading_zeros())
    }

    /// Multiplied by one limb; what does not fit is lost.
    #[inline(always)]
    pub fn times(mut self, factor: u64) -> Self {
        let mut carry = 0;
        for limb in &mut self.0 {
            (*limb, carry) = limb.carrying_mul(factor, carry);
        }
        self
    }

    /// Multiplied by 2^`bits`; `None` if that does not fit.
    #[inline(always)]
    pub fn shifted_left(&self, bits: u32) -> Option<Self> {
        if self.is_zero() {
            return Some(*self);
        }
        let fits = self.bits().saturating_add(bits) <= 64 * Self::LIMBS as u32;
        fits.then(|| {
            let (skip, bits) = ((bits / 64) as usize, bits % 64);
            let at = |index: usize| if index < skip { 0 } else { self.0[index - skip] };
            Self(std::array::from_fn(|index| {
                let below = if index == 0 || bits == 0 { 0 } else { at(index - 1) >> (64 - bits) };
                at(index) << bits | below
            }))
        })
    }

    /// Divided by 2^`bits`, and whether anything was lost.
    #[inline(always)]
    fn shifted_right(&self, bits: u32) -> (Self, bool) {
        let (skip, bits) = ((bits / 64) as usize, bits % 64);
        let at = |index: usize| self.0.get(index + skip).copied().unwrap_or(0);
        let shifted = std::array::from_fn(|index| {
            if bits == 0 { at(index) } else { at(index) >> bits | at(index + 1) << (64 - bits) }
        });
        let lost =
            self.0.iter().take(skip).any(|&limb| limb != 0) || at(0) & ((1_u64 << bits) - 1) != 0;
        (Self(shifted), lost)
    }

    /// Whether another is larger.
    #[inline(always)]
    pub fn is_less(&self, other: &Self) -> bool {
        self.0.iter().rev().lt(other.0.iter().rev())
    }

    /// The difference to a number that is no larger.
    #[inline(always)]
    pub fn minus(mut self, other: &Self) -> Self {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            (*limb, borrow) = limb.borrowing_sub(other, borrow);
        }
        self
    }
}

impl Leading {
    /// Of `number`·2^`exponent`/`divisor`, as [`Leading::of_quotient`]: `bits` are at most 112.
    #[inline(always)]
    pub fn of_wide(number: &Wide, exponent: i32, divisor: u64, bits: i64) -> Self {
        let exponent = i64::from(exponent);
        if number.is_zero() {
            return Self { digits: 0, exponent: 0, rest: false };
        }
        let below = i64::from(u64::BITS - divisor.leading_zeros());
        let shift = bits + below - i64::from(number.bits());
        let shift = shift + (exponent - shift).rem_euclid(2);
        // At most 177 bits.
        let (dividend, lost) = match number.shifted_left(shift.max(0) as u32) {
            Some(shifted) if shift >= 0 => (shifted, false),
            _ => number.shifted_right(-shift as u32),
        };
        let (mut digits, mut remainder) = (0_u128, 0_u128);
        for &limb in dividend.0[..3].iter().rev() {
            let part = remainder << 64 | u128::from(limb);
            digits = (digits << 64) | (part / u128::from(divisor));
            remainder = part % u128::from(divisor);
        }
        Self { digits, exponent: exponent - shift, rest: lost || remainder != 0 }
    }
}
