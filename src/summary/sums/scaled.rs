//! Exact sums of numbers of like size: a few limbs, and the power of two that they are multiples of.
//!
//! A sum of a million `f64` within a factor of 2⁵⁰ of each other needs two limbs, that of their squares four, while
//! [`Fixed`] has 34 and 67 for any. There may be a sum for each of very many groups.

use num_bigint::BigInt;

use super::fixed::Fixed;
use crate::summary::exact::Exact;

/// An integer of `N` limbs in two's complement, least significant first, times 2^`exponent`.
///
/// It is in lowest terms, odd or 0·2⁰, so that equal sums are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scaled<const N: usize> {
    limbs: [u64; N],
    exponent: i32,
}

impl<const N: usize> Scaled<N> {
    /// 0.
    pub const ZERO: Self = Self { limbs: [0; N], exponent: 0 };

    /// `limbs`·2^`exponent`.
    #[inline(always)]
    pub fn new(limbs: [u64; N], exponent: i32) -> Self {
        let zeros = trailing_zeros(&limbs);
        if zeros as usize == 64 * N {
            return Self::ZERO;
        }
        Self { limbs: shifted_right(&limbs, zeros), exponent: exponent + zeros as i32 }
    }

    /// `value`·2^`exponent`.
    #[inline(always)]
    pub fn of(value: i128, exponent: i32) -> Self {
        let mut limbs = [if value < 0 { u64::MAX } else { 0 }; N];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Self::new(limbs, exponent)
    }

    /// The limbs, and the exponent.
    #[must_use]
    pub fn parts(&self) -> (&[u64; N], i32) {
        (&self.limbs, self.exponent)
    }

    fn is_zero(&self) -> bool {
        self.limbs[0] == 0 // else it is odd
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.limbs[N - 1] >> 63 == 1
    }

    /// The sum of both; `None` if it may need more limbs.
    #[inline(always)]
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return Some(*self);
        }
        if self.is_zero() {
            return Some(*other);
        }
        let (low, high) =
            if self.exponent <= other.exponent { (self, other) } else { (other, self) };
        let raised = shifted_left(&high.limbs, (high.exponent - low.exponent) as u32)?;
        let mut sum = low.limbs;
        let mut carry = false;
        for (limb, raised) in sum.iter_mut().zip(raised) {
            (*limb, carry) = limb.carrying_add(raised, carry);
        }
        // Of two numbers of one sign, a sum of the other one has overflowed.
        let sign = |limbs: &[u64; N]| limbs[N - 1] >> 63;
        let overflowed = sign(&raised) == sign(&low.limbs) && sign(&sum) != sign(&raised);
        (!overflowed).then(|| Self::new(sum, low.exponent))
    }

    /// The difference to another; `None` if it may need more limbs.
    #[inline(always)]
    #[must_use]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let mut negated = *other;
        let mut carry = true;
        // There is a negative of each: what is odd is not the least of all integers.
        for limb in &mut negated.limbs {
            (*limb, carry) = (!*limb).carrying_add(0, carry);
        }
        self.checked_add(&negated)
    }

    /// The power of two above the magnitude; none is above 0.
    #[must_use]
    pub fn top(&self) -> i32 {
        let (magnitude, _) = self.magnitude();
        let Some(last) = magnitude.iter().rposition(|&limb| limb != 0) else { return i32::MIN };
        self.exponent + 64 * (last as i32 + 1) - magnitude[last].leading_zeros() as i32
    }

    /// The magnitude of the limbs, and whether they are below zero.
    pub fn magnitude(&self) -> ([u64; N], bool) {
        let mut limbs = self.limbs;
        if self.is_negative() {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).carrying_add(0, carry);
            }
        }
        (limbs, self.is_negative())
    }

    /// Adds it to a wide sum.
    pub fn add_to<const L: usize, const P: usize>(&self, sum: &mut Fixed<L, P>) {
        let (magnitude, negative) = self.magnitude();
        if !self.is_zero() {
            sum.add_limbs(&magnitude, negative, Fixed::<L, P>::place(self.exponent));
        }
    }

    /// A wide sum, if it fits.
    #[must_use]
    pub fn of_fixed<const L: usize, const P: usize>(sum: &Fixed<L, P>) -> Option<Self> {
        let (negative, magnitude) = sum.sign_and_magnitude();
        let Some(start) = magnitude.iter().position(|&limb| limb != 0) else {
            return Some(Self::ZERO);
        };
        let bit = magnitude[start].trailing_zeros();
        let at = |index: usize| magnitude.get(start + index).copied().unwrap_or(0);
        let mut limbs = std::array::from_fn(|index| {
            if bit == 0 { at(index) } else { at(index) >> bit | at(index + 1) << (64 - bit) }
        });
        let above = start + N;
        let rest = magnitude.get(above).map_or(0, |limb| limb >> bit);
        let fits = rest == 0
            && limbs[N - 1] >> 63 == 0
            && magnitude.iter().skip(above + 1).all(|&limb| limb == 0);
        if negative {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).carrying_add(0, carry);
            }
        }
        let exponent = (64 * start + bit as usize) as i32 - Fixed::<L, P>::POINT as i32;
        fits.then_some(Self { limbs, exponent })
    }

    /// The number as a big integer and a power of two.
    #[must_use]
    pub fn exact(&self) -> Exact {
        let bytes: Vec<u8> = self.limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        Exact::new(BigInt::from_signed_bytes_le(&bytes), self.exponent.into())
    }
}

/// Zero bits below the lowest that is set; all of them of 0.
#[inline(always)]
fn trailing_zeros<const N: usize>(limbs: &[u64; N]) -> u32 {
    let first = limbs.iter().position(|&limb| limb != 0);
    first.map_or(64 * N as u32, |first| 64 * first as u32 + limbs[first].trailing_zeros())
}

/// Divided by 2^`bits`, of which it is a multiple.
#[inline(always)]
fn shifted_right<const N: usize>(limbs: &[u64; N], bits: u32) -> [u64; N] {
    let (skip, bits) = ((bits / 64) as usize, bits % 64);
    let sign = if limbs[N - 1] >> 63 == 1 { u64::MAX } else { 0 };
    let at = |index: usize| limbs.get(index + skip).copied().unwrap_or(sign);
    std::array::from_fn(|index| {
        if bits == 0 { at(index) } else { at(index) >> bits | at(index + 1) << (64 - bits) }
    })
}

/// Multiplied by 2^`bits`; `None` if that does not fit.
#[inline(always)]
fn shifted_left<const N: usize>(limbs: &[u64; N], bits: u32) -> Option<[u64; N]> {
    let sign = if limbs[N - 1] >> 63 == 1 { u64::MAX } else { 0 };
    let used = limbs
        .iter()
        .rposition(|&limb| limb != sign)
        .map_or(0, |last| 64 * last as u32 + 64 - (limbs[last] ^ sign).leading_zeros());
    if used.saturating_add(bits) >= 64 * N as u32 {
        return None;
    }
    let (skip, bits) = ((bits / 64) as usize, bits % 64);
    let at = |index: usize| if index < skip { 0 } else { limbs[index - skip] };
    Some(std::array::from_fn(|index| {
        let below = if index == 0 || bits == 0 { 0 } else { at(index - 1) >> (64 - bits) };
        at(index) << bits | below
    }))
}
