//! Fixed-point numbers so wide that no sum of powers of `f64` is ever rounded.
//!
//! Radford M. Neal, "Fast exact summation using small and large superaccumulators",
//! arXiv:1505.05571 (2015), traces the idea back to Kulisch.

use num_bigint::BigInt;

use crate::bytes::{Reader, Writer};
use crate::error::Error;
use crate::summary::exact::Exact;

/// An integer of `L` limbs in two's complement, least significant first, in units of
/// 2^(−1074·P): the smallest positive value that a P-th power of an `f64` can have a bit at.
///
/// [`First`] and its like leave at least 64 bits above the largest power, so that no number of
/// values that a counter can hold overflows, and sums that leave the range of `f64` on the way
/// come back. Addition is that of integers: associative and commutative to the last bit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fixed<const L: usize, const P: usize> {
    limbs: [u64; L],
}

/// Sums of values: 1074 + 1024 bits, 64 of headroom and the sign.
pub type First = Fixed<34, 1>;
/// Sums of squares and products.
pub type Second = Fixed<67, 2>;
/// Sums of cubes.
pub type Third = Fixed<100, 3>;
/// Sums of fourth powers.
pub type Fourth = Fixed<133, 4>;

impl<const L: usize, const P: usize> Fixed<L, P> {
    /// 0.
    pub const ZERO: Self = Self { limbs: [0; L] };
    /// Bits below the point.
    pub const POINT: usize = 1074 * P;

    const _WIDE_ENOUGH: () = assert!(64 * L > (1074 + 1024) * P + 64);

    /// The bit that stands for 2^`unit`.
    ///
    /// # Panics
    ///
    /// If that is below the last one: a bug in the caller.
    #[must_use]
    pub fn place(unit: i32) -> usize {
        Self::POINT.checked_add_signed(unit as isize).expect("units are not below the last bit")
    }

    /// Adds ±`magnitude`·2^`bit` units; `magnitude` is least significant limb first.
    ///
    /// Bits above the widest power and its headroom are lost: there are none.
    #[inline]
    pub fn add_limbs(&mut self, magnitude: &[u64], negative: bool, bit: usize) {
        let () = Self::_WIDE_ENOUGH;
        let (first, shift) = (bit / 64, bit % 64);
        let Some(target) = self.limbs.get_mut(first..) else { return };
        // In two's complement −m = !m + 1, and all limbs above the magnitude become ones.
        let flip = if negative { u64::MAX } else { 0 };
        let mut carry = negative;
        let mut below = 0;
        for (index, limb) in target.iter_mut().enumerate() {
            let here = magnitude.get(index).copied().unwrap_or(0);
            let shifted = if shift == 0 { here } else { (here << shift) | (below >> (64 - shift)) };
            below = here;
            (*limb, carry) = limb.carrying_add(shifted ^ flip, carry);
            // Above the magnitude, adding zeros without or ones with a carry changes nothing.
            if index >= magnitude.len() && carry == negative {
                break;
            }
        }
    }

    /// Adds `value`·2^`bit` units.
    #[inline]
    pub fn add_integer(&mut self, value: i128, bit: usize) {
        let magnitude = value.unsigned_abs();
        self.add_limbs(&[magnitude as u64, (magnitude >> 64) as u64], value < 0, bit);
    }

    /// Adds another one.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, &other) in self.limbs.iter_mut().zip(&other.limbs) {
            (*limb, carry) = limb.carrying_add(other, carry);
        }
    }

    /// Takes another one away.
    pub fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (limb, &other) in self.limbs.iter_mut().zip(&other.limbs) {
            (*limb, borrow) = limb.borrowing_sub(other, borrow);
        }
    }

    /// Below which power of two the sum of so many powers or products is.
    #[must_use]
    pub fn most_bits(count: u64) -> i32 {
        // Each is below 2^(1024·P), and `count` of them below 2^(1024·P) times a power of two.
        (1024 * P as u32 + u64::BITS - count.leading_zeros()) as i32
    }

    /// Whether so many values can have it: none have 0 only.
    #[must_use]
    pub fn is_possible(&self, count: u64) -> bool {
        let (_, magnitude) = self.sign_and_magnitude();
        let Some(top) = magnitude.iter().rposition(|&limb| limb != 0) else { return true };
        let bits = 64 * (top as i32 + 1) - magnitude[top].leading_zeros() as i32;
        count > 0 && bits - Self::POINT as i32 <= Self::most_bits(count)
    }

    /// Adds `other`·2^`shift`.
    pub fn merge_shifted(&mut self, other: &Self, shift: usize) {
        let (negative, magnitude) = other.sign_and_magnitude();
        self.add_limbs(&magnitude, negative, shift);
    }

    /// Adds `value`·2^`unit`, of which bits below the point's last one are 0.
    pub(in crate::summary) fn add_units(&mut self, value: i128, unit: i32) {
        let bit = Self::POINT as i64 + i64::from(unit);
        match usize::try_from(bit) {
            Ok(bit) => self.add_integer(value, bit),
            Err(_) => {
                debug_assert!(value == 0 || i64::from(value.trailing_zeros()) >= -bit);
                self.add_integer(value >> (-bit).min(127), 0);
            }
        }
    }

    /// Adds a number of another width, of which bits below the point's last one are 0.
    pub(in crate::summary) fn merge_wide<const M: usize, const Q: usize>(
        &mut self,
        other: &Fixed<M, Q>,
    ) {
        let (negative, magnitude) = other.sign_and_magnitude();
        if P >= Q {
            let limbs = magnitude.iter().rposition(|&limb| limb != 0).map_or(0, |last| last + 1);
            self.add_limbs(&magnitude[..limbs], negative, 1074 * (P - Q));
            return;
        }
        let (skip, shift) = (1074 * (Q - P) / 64, 1074 * (Q - P) % 64);
        let at = |index: usize| magnitude.get(index).copied().unwrap_or(0);
        let shifted: [u64; L] = std::array::from_fn(|index| {
            let low = at(index + skip) >> shift;
            if shift == 0 { low } else { low | at(index + skip + 1) << (64 - shift) }
        });
        self.add_limbs(&shifted, negative, 0);
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.limbs[L - 1] >> 63 == 1
    }

    pub(super) fn sign_and_magnitude(&self) -> (bool, [u64; L]) {
        let negative = self.is_negative();
        let mut magnitude = self.limbs;
        if negative {
            let mut carry = true;
            for limb in &mut magnitude {
                (*limb, carry) = (!*limb).carrying_add(0, carry);
            }
        }
        (negative, magnitude)
    }

    /// The number as a big integer and a power of two.
    #[must_use]
    pub fn exact(&self) -> Exact {
        let bytes: Vec<u8> = self.limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        Exact::new(BigInt::from_signed_bytes_le(&bytes), -(Self::POINT as i64))
    }

    /// Whether it is 0.
    pub(in crate::summary) fn is_zero(&self) -> bool {
        self.limbs.iter().all(|&limb| limb == 0)
    }

    /// Writes sign and magnitude without the zero bytes at both ends: a sum of numbers of like
    /// size takes a few bytes.
    pub fn encode(&self, writer: &mut Writer) {
        let (negative, magnitude) = self.sign_and_magnitude();
        let (Some(first), Some(last)) = (
            magnitude.iter().position(|&limb| limb != 0),
            magnitude.iter().rposition(|&limb| limb != 0),
        ) else {
            return writer.varint(0);
        };
        let start = 8 * first + magnitude[first].trailing_zeros() as usize / 8;
        let end = 8 * (last + 1) - magnitude[last].leading_zeros() as usize / 8;
        writer.varint((((end - start) as u64) << 1) | u64::from(negative));
        writer.length(start);
        for limb in first..=last {
            let bytes = magnitude[limb].to_le_bytes();
            writer.raw(&bytes[start.saturating_sub(8 * limb)..(end - 8 * limb).min(8)]);
        }
    }

    /// Reads what [`Fixed::encode`] wrote of the sum of `count` powers or products.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, and for sums that so many values cannot have: so the
    /// headroom lasts, whatever is merged.
    pub fn decode(reader: &mut Reader<'_>, count: u64) -> Result<Self, Error> {
        let corrupt =
            |what: &str| Error::Corrupt(format!("these bytes are malformed: an exact sum {what}"));
        let head = reader.varint("an exact sum")?;
        let (length, negative) = (head >> 1, head & 1 == 1);
        let mut sum = Self::ZERO;
        if length == 0 {
            return if negative { Err(corrupt("of minus zero")) } else { Ok(sum) };
        }
        let start = reader.varint("an exact sum")?;
        let room = (8 * L) as u64;
        if start >= room || length > room - start {
            return Err(corrupt("out of range"));
        }
        let mut magnitude = [0; L];
        let (start, length) = (start as usize, length as usize);
        for position in start..start + length {
            let byte = reader.u8("an exact sum")?;
            if byte == 0 && (position == start || position + 1 == start + length) {
                return Err(corrupt("with zeros at its ends"));
            }
            magnitude[position / 8] |= u64::from(byte) << (8 * (position % 8));
        }
        if magnitude[L - 1] >> 63 == 1 {
            return Err(corrupt("out of range"));
        }
        sum.add_limbs(&magnitude, negative, 0);
        if sum.is_possible(count) {
            Ok(sum)
        } else {
            Err(corrupt("that so few values cannot have"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Small = Fixed<34, 1>;

    fn integer(sum: &Small) -> BigInt {
        let exact = sum.exact();
        exact.numerator() << (exact.exponent() + 1074) as usize
    }

    #[test]
    fn sums_are_those_of_big_integers() {
        let terms: [(i128, usize); 9] = [
            (1, 0),
            (-1, 1),
            (i128::MAX, 63),
            (i128::MIN + 1, 64),
            (-5, 2000),
            (-(1 << 53), 2045),
            (3, 64),
            (-1, 0),
            (1 << 100, 1999),
        ];
        let (mut sum, mut expected) = (Small::ZERO, BigInt::ZERO);
        for (value, bit) in terms.into_iter().cycle().take(100) {
            sum.add_integer(value, bit);
            expected += BigInt::from(value) << bit;
            assert_eq!(integer(&sum), expected);
        }
        let mut twice = sum.clone();
        twice.merge(&sum);
        let mut shifted = Small::ZERO;
        shifted.merge_shifted(&sum, 1);
        assert_eq!(twice, shifted);
        assert_eq!(integer(&twice), expected << 1);
    }

    #[test]
    fn encoding_round_trips_and_is_short() {
        let mut sum = Small::ZERO;
        for (value, bit) in [(0, 0), (-7, 1074), (1 << 60, 1030), (-1, 0), (1, 2100), (-1, 2101)] {
            sum.add_integer(value, bit);
            let mut writer = Writer::default();
            sum.encode(&mut writer);
            let bytes = writer.finish().unwrap();
            let mut reader = Reader::new(&bytes);
            assert_eq!(Small::decode(&mut reader, u64::MAX).as_ref(), Ok(&sum));
            reader.finish().unwrap();
        }
        let mut writer = Writer::default();
        Small::ZERO.encode(&mut writer);
        assert_eq!(writer.finish().unwrap(), [0]);
    }
}
