//! One real number of an input, exactly.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::bytes::{Reader, Writer};
use crate::error::Error;

/// Any `f64`, or any 64-bit integer, as an unevaluated sum of two `f64`.
///
/// `high` is the nearest `f64` and `low` the exact rest, which is +0.0 unless an integer beyond
/// 2⁵³ needs it. The order is that of the numbers, with IEEE 754's total order among `f64`:
/// -0.0 < +0.0, so that the smaller of two is always well defined. Equality is that of the bits.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    high: f64,
    low: f64,
}

impl Number {
    /// +∞.
    pub const INFINITY: Self = Self { high: f64::INFINITY, low: 0.0 };
    /// −∞.
    pub const NEG_INFINITY: Self = Self { high: f64::NEG_INFINITY, low: 0.0 };

    /// Of both parts, as [`Number::parts`] gives them; `None` if no `f64` or integer has these.
    #[must_use]
    pub fn from_parts(high: f64, low: f64) -> Option<Self> {
        let number = Self { high, low };
        let valid = if low == 0.0 {
            low.is_sign_positive()
        } else {
            number.integer().is_some_and(|integer| Self::from(integer) == number)
        };
        valid.then_some(number)
    }

    /// The nearest `f64`, and the rest.
    #[must_use]
    pub fn parts(self) -> (f64, f64) {
        (self.high, self.low)
    }

    /// The nearest `f64`.
    #[must_use]
    pub fn nearest(self) -> f64 {
        self.high
    }

    /// Whether the nearest `f64` is the number itself.
    #[must_use]
    pub fn is_f64(self) -> bool {
        self.low == 0.0
    }

    /// The integer that it is, if it is one of at most 64 bits and a sign.
    #[must_use]
    pub fn integer(self) -> Option<i128> {
        let in_range = self.high.abs() <= 2_f64.powi(64) && self.low.abs() <= 2_f64.powi(11);
        let whole = self.high.trunc() == self.high && self.low.trunc() == self.low;
        (in_range && whole).then(|| self.high as i128 + self.low as i128)
    }

    /// Appends the nearest `f64`, whether a rest follows, and the rest.
    pub fn encode(self, writer: &mut Writer) {
        writer.f64(self.high);
        writer.u8((!self.is_f64()).into());
        if !self.is_f64() {
            writer.f64(self.low);
        }
    }

    /// Reads what [`Number::encode`] wrote, `what` being its name in messages.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, and for NaN.
    pub fn decode(reader: &mut Reader<'_>, what: &str) -> Result<Self, Error> {
        let high = reader.f64(what)?;
        let low = match reader.u8(what)? {
            0 => 0.0,
            1 => match reader.f64(what)? {
                0.0 => return Err(reader.corrupt(what, "followed by a rest of zero")),
                low => low,
            },
            _ => return Err(reader.corrupt(what, "neither a float nor an integer")),
        };
        match Self::from_parts(high, low) {
            Some(number) if !high.is_nan() => Ok(number),
            _ => Err(reader.corrupt(what, "not a number")),
        }
    }
}

impl From<f64> for Number {
    #[inline]
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

/// Of an integer in the range of `i64` or `u64`; others lose bits beyond 106.
impl From<i128> for Number {
    #[inline]
    fn from(value: i128) -> Self {
        let high = value as f64;
        Self { high, low: (value - high as i128) as f64 }
    }
}

macro_rules! number_from {
    ($wide:ty: $($narrow:ty),*) => {$(
        impl From<$narrow> for Number {
            #[inline]
            fn from(value: $narrow) -> Self {
                <$wide>::from(value).into()
            }
        }
    )*};
}

number_from!(i128: i64, u64);
number_from!(f64: f32, i32, u32, i16, u16, i8, u8);

impl Ord for Number {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.high.total_cmp(&other.high).then_with(|| self.low.total_cmp(&other.low))
    }
}

impl PartialOrd for Number {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.high.to_bits().hash(state);
        self.low.to_bits().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_53_bits_keep_every_bit_and_their_order() {
        for value in [i64::MIN, -(1 << 53) - 1, -1, 0, 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX] {
            let number = Number::from(value);
            assert_eq!(number.integer(), Some(value.into()));
            let (high, low) = number.parts();
            assert_eq!(Number::from_parts(high, low), Some(number));
            if let Some(next) = value.checked_add(1) {
                assert!(number < Number::from(next));
            }
        }
        let number = Number::from(u64::MAX);
        assert_eq!(number.integer(), Some(u64::MAX.into()));
        assert_eq!(number.nearest(), 2_f64.powi(64));
        assert!(!number.is_f64());
    }

    #[test]
    fn zeros_have_an_order() {
        assert!(Number::from(-0.0) < Number::from(0.0));
        assert_ne!(Number::from(-0.0), Number::from(0.0));
    }

    #[test]
    fn other_parts_are_refused() {
        assert_eq!(Number::from_parts(1.5, 0.25), None);
        assert_eq!(Number::from_parts(1.0, 1.0), None);
        assert_eq!(Number::from_parts(1.0, -0.0), None);
        assert_eq!(Number::from_parts(1e300, 1.0), None);
        assert_eq!(Number::from_parts(f64::INFINITY, f64::NAN), None);
    }
}
