//! [`Short`]: what most summaries of groups are, in a hundred bytes.

use super::exact::{Exact, Leading, QUOTIENT_BITS, RADICAND_BITS, Wide, with_sign};
use super::number::Number;
use super::parts::{Counts, Extremes, Parts};
use super::subtract::{
    check_range, left_over, negative_scatter, negative_squares, spread_of_one, too_large,
};
use super::sums::{
    First, Octet, Origins, Scaled, Second, Sums, SumsBuilder, WINDOWS, Window, extent,
    extent_without_zeros, max_abs, peel, signed_zeros, split, wider,
};
use crate::error::Error;
use crate::simd::Lines;

/// A summary that keeps nothing but counts, extremes and the sums of values and squares, of finite
/// values whose sums are short.
///
/// Whether a summary is one is a function of the multiset of its values: [`Short::of_parts`] says so.
/// Where values were subtracted the range is all numbers, which it stays whatever is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Short {
    count: u64,
    nan_count: u32,
    null_count: u32,
    /// Positive infinity of no values.
    min: Number,
    /// Negative infinity of no values.
    max: Number,
    first: Scaled<2>,
    second: Scaled<4>,
}

/// The range of values of which some were subtracted; there is no infinity among them.
const UNKNOWN: (Number, Number) = (Number::NEG_INFINITY, Number::INFINITY);
/// Up to this many values are added one by one.
const FEW: usize = 64;
/// Values are added as multiples of the unit of the smallest, if the unit of the largest is at most
/// 2^`SPREAD` times as large: such multiples are below 2¹¹³, and the squares of [`FEW`] below 2²³².
const SPREAD: usize = 60;

impl Short {
    /// Of nothing.
    pub(super) const EMPTY: Self = Self {
        count: 0,
        nan_count: 0,
        null_count: 0,
        min: Number::INFINITY,
        max: Number::NEG_INFINITY,
        first: Scaled::ZERO,
        second: Scaled::ZERO,
    };

    /// Of finite values; `None` if one is not, or their sizes are too far apart.
    pub(super) fn of_values(values: &[f64]) -> Option<Self> {
        if values.len() < FEW {
            return Self::of_few(values);
        }
        let mut total = Self::EMPTY;
        for block in values.chunks(SumsBuilder::BLOCK) {
            let (octets, rest) = block.as_chunks::<8>();
            total = total.merged(&Self::of_octets(octets)?)?.merged(&Self::of_few(rest)?)?;
        }
        Some(total)
    }

    /// By the vector kernels, if one window covers all values.
    fn of_octets(octets: &[Octet]) -> Option<Self> {
        if octets.is_empty() {
            return Some(Self::EMPTY);
        }
        let mut extent_of_all = extent(octets).pooled();
        let (min, max) = (extent_of_all.min[0], extent_of_all.max[0]);
        let largest = max_abs(min, max);
        if !largest.is_finite() {
            return None;
        }
        if extent_of_all.min_abs[0] == 0.0 {
            extent_of_all = extent_without_zeros(octets).pooled();
        }
        let values = octets.as_flattened();
        let Some(window) = Window::covering(extent_of_all.min_abs[0], largest) else {
            let mut parts = values.chunks(FEW).map(Self::of_few);
            return parts.try_fold(Self::EMPTY, |total, part| total.merged(&part?));
        };
        let lanes = peel(octets, Lines::NONE, &Origins::of(window))?;
        let sums: [i64; WINDOWS] = lanes.map(|lanes| lanes.iter().sum());
        let units = window.units();
        let sum = |index: usize| (i128::from(sums[index]), units[index]);
        // Units of one sum are so far apart that all of them fit.
        let (high, high_unit) = sum(0);
        let (low, low_unit) = sum(1);
        let first = Scaled::of(high, high_unit).checked_add(&Scaled::of(low, low_unit))?;
        let mut second = Scaled::ZERO;
        for index in 2..WINDOWS {
            let (sum, unit) = sum(index);
            second = second.checked_add(&Scaled::of(sum, unit))?;
        }
        let (min, max) = signed_zeros(min, max, values);
        let count = values.len() as u64;
        Some(Self { count, min: min.into(), max: max.into(), first, second, ..Self::EMPTY })
    }

    /// In integers, one by one.
    fn of_few(values: &[f64]) -> Option<Self> {
        let (mut lowest, mut highest, mut finite) = (usize::MAX, 0, true);
        let mut extremes = (f64::INFINITY, f64::NEG_INFINITY);
        for &value in values {
            let (mantissa, bit) = split(value);
            finite &= value.is_finite();
            lowest = if mantissa == 0 { lowest } else { lowest.min(bit) };
            highest = highest.max(bit);
            extremes = wider(extremes, value);
        }
        let lowest = lowest.min(highest);
        if !finite || highest - lowest > SPREAD {
            return None;
        }
        let integers = values.iter().map(|&value| {
            let (mantissa, bit) = split(value);
            i128::from(mantissa) << bit.saturating_sub(lowest)
        });
        let (first, second) = sums(integers, lowest as i32 - Sums::POINT as i32);
        let (min, max) = (extremes.0.into(), extremes.1.into());
        Some(Self { count: values.len() as u64, min, max, first, second, ..Self::EMPTY })
    }

    /// Of numbers other than infinities and NaN; `None` as [`Short::of_values`].
    pub(super) fn of_numbers(numbers: &[Number]) -> Option<Self> {
        let mut total = Self::EMPTY;
        for few in numbers.chunks(FEW) {
            total = total.merged(&Self::of_few_numbers(few)?)?;
        }
        Some(total)
    }

    fn of_few_numbers(numbers: &[Number]) -> Option<Self> {
        // Of a mixture of integers and others there is no common unit to begin with.
        let whole = |number: &Number| number.integer();
        let integers = numbers.iter().map(whole).collect::<Option<Vec<_>>>()?;
        let (first, second) = sums(integers.into_iter(), 0);
        let min = numbers.iter().copied().min().unwrap_or(Number::INFINITY);
        let max = numbers.iter().copied().max().unwrap_or(Number::NEG_INFINITY);
        Some(Self { count: numbers.len() as u64, min, max, first, second, ..Self::EMPTY })
    }

    /// Of nothing but NaN and nulls; `None` if there are too many.
    pub(super) fn of_absent(nan_count: u64, null_count: u64) -> Option<Self> {
        let nan_count = u32::try_from(nan_count).ok()?;
        Some(Self { nan_count, null_count: u32::try_from(null_count).ok()?, ..Self::EMPTY })
    }

    /// That of both; `None` if it may be none.
    #[inline]
    pub(super) fn merged(&self, other: &Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_add(other.count).filter(|&count| count < 1 << 62)?,
            nan_count: self.nan_count.checked_add(other.nan_count)?,
            null_count: self.null_count.checked_add(other.null_count)?,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            first: self.first.checked_add(&other.first)?,
            second: self.second.checked_add(&other.second)?,
        })
    }

    /// That of the values without those of another; `None` if it may be none.
    ///
    /// # Errors
    ///
    /// As [`Summary::try_subtract`](super::Summary::try_subtract).
    pub(super) fn minus(&self, other: &Self) -> Result<Option<Self>, Error> {
        let counts = self.counts().minus(&other.counts())?;
        if let (Some(all), Some(part)) = (self.range(), other.range()) {
            check_range(all, part)?;
        }
        let sums = self.first.checked_sub(&other.first).zip(self.second.checked_sub(&other.second));
        let Some((first, second)) = sums else { return Ok(None) };
        let reduced = other.count > 0 || other.is_reduced();
        let (min, max) = if reduced { UNKNOWN } else { (self.min, self.max) };
        let (nan_count, null_count) =
            (self.nan_count - other.nan_count, self.null_count - other.null_count);
        let left = Self { count: counts.count, nan_count, null_count, min, max, first, second };
        left.check_sums().map(|checked| checked.then_some(left))
    }

    /// Checks that so many values can have the sums; whether that could be told here.
    fn check_sums(&self) -> Result<bool, Error> {
        let Self { count, first, second, .. } = self;
        if second.is_negative() {
            return Err(negative_squares());
        }
        if *count == 0 && (*first != Scaled::ZERO || *second != Scaled::ZERO) {
            return Err(left_over());
        }
        if first.top() > First::most_bits(*count) || second.top() > Second::most_bits(*count) {
            return Err(too_large());
        }
        let Some((products, square, _)) = self.scatter_terms() else { return Ok(false) };
        if products.is_less(&square) {
            return Err(negative_scatter());
        }
        if *count == 1 && square.is_less(&products) { Err(spread_of_one()) } else { Ok(true) }
    }

    // ------------------------------------------------------------ as parts

    /// Whether parts are of the settings of short summaries.
    pub(super) fn has_settings_of(parts: &Parts) -> bool {
        parts.is_plain() && !parts.best.largest()
    }

    /// What these parts are, if it is short.
    pub(super) fn of_parts(parts: &Parts) -> Option<Self> {
        let Counts { count, nan_count, null_count, .. } = parts.counts;
        if !Self::has_settings_of(parts) || parts.counts.finite_count() != count || count >= 1 << 62
        {
            return None;
        }
        let (min, max) = match parts.extremes {
            Extremes::None => (Self::EMPTY.min, Self::EMPTY.max),
            Extremes::Known(min, max) => (min, max),
            Extremes::Unknown => UNKNOWN,
        };
        Some(Self {
            count,
            nan_count: u32::try_from(nan_count).ok()?,
            null_count: u32::try_from(null_count).ok()?,
            min,
            max,
            first: Scaled::of_fixed(&parts.sums.first)?,
            second: Scaled::of_fixed(&parts.sums.second)?,
        })
    }

    /// The same as parts.
    pub(super) fn parts(&self) -> Parts {
        let mut sums = Sums::new(false);
        self.first.add_to(&mut sums.first);
        self.second.add_to(&mut sums.second);
        let extremes = match self.range() {
            _ if self.is_reduced() => Extremes::Unknown,
            Some((min, max)) => Extremes::Known(min, max),
            None => Extremes::None,
        };
        Parts { counts: self.counts(), extremes, sums, ..Parts::default() }
    }

    // ------------------------------------------------------------ reads

    /// How many values, NaN and nulls.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            count: self.count,
            nan_count: self.nan_count.into(),
            null_count: self.null_count.into(),
            ..Counts::default()
        }
    }

    /// The smallest and the largest value, if there are any and they are known.
    pub(super) fn range(&self) -> Option<(Number, Number)> {
        (self.count > 0 && !self.is_reduced()).then_some((self.min, self.max))
    }

    /// Whether values were subtracted.
    pub(super) fn is_reduced(&self) -> bool {
        (self.min, self.max) == UNKNOWN
    }

    /// The exact sum of the `power`-th powers, if it is kept.
    pub(super) fn power_sum(&self, power: u8) -> Option<Exact> {
        match power {
            1 => Some(self.first.exact()),
            2 => Some(self.second.exact()),
            _ => None,
        }
    }

    /// Σx, correctly rounded.
    pub(super) fn sum(&self) -> f64 {
        let (magnitude, negative) = self.first.magnitude();
        let leading =
            Leading::of_wide(&Wide::of(&magnitude), self.first.parts().1, 1, QUOTIENT_BITS);
        with_sign(negative, leading.round())
    }

    /// The mean, correctly rounded; NaN of no values.
    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        let (magnitude, negative) = self.first.magnitude();
        let (wide, exponent) = (Wide::of(&magnitude), self.first.parts().1);
        let mean = Leading::of_wide(&wide, exponent, self.count, QUOTIENT_BITS).round();
        with_sign(negative, mean)
    }

    /// Σ(x − x̄)²/(n − `ddof`), correctly rounded; `None` if that is too wide to be found here.
    pub(super) fn variance(&self, ddof: i64) -> Option<f64> {
        let divisor = self.divisor(ddof)?;
        let (scatter, exponent) = self.scatter()?;
        Some(Leading::of_wide(&scatter, exponent, divisor, QUOTIENT_BITS).round())
    }

    /// The square root of the variance, correctly rounded; `None` likewise.
    pub(super) fn standard_deviation(&self, ddof: i64) -> Option<f64> {
        self.root_of_scatter(self.divisor(ddof)?)
    }

    /// The standard error of the mean, correctly rounded; `None` likewise.
    pub(super) fn standard_error(&self) -> Option<f64> {
        self.root_of_scatter(self.divisor(1)?.checked_mul(self.count)?)
    }

    fn root_of_scatter(&self, divisor: u64) -> Option<f64> {
        let (scatter, exponent) = self.scatter()?;
        Some(Leading::of_wide(&scatter, exponent, divisor, RADICAND_BITS).sqrt().round())
    }

    /// n (n − `ddof`), if that is positive and one limb.
    fn divisor(&self, ddof: i64) -> Option<u64> {
        let degrees = i128::from(self.count) - i128::from(ddof);
        let product = i128::from(self.count).checked_mul(degrees)?;
        u64::try_from(product).ok().filter(|&product| product > 0)
    }

    /// n Σx² − (Σx)² and the exponent of its unit, if its limbs suffice.
    fn scatter(&self) -> Option<(Wide, i32)> {
        let (products, square, exponent) = self.scatter_terms()?;
        Some((products.minus(&square), exponent))
    }

    /// n Σx² and (Σx)², and the exponent of their unit, likewise.
    fn scatter_terms(&self) -> Option<(Wide, Wide, i32)> {
        let (first, _) = self.first.magnitude();
        let (second, second_exponent) = self.second.parts();
        let square_exponent = 2 * self.first.parts().1;
        let square = Wide::square(first);
        let products = Wide::of(second).times(self.count);
        // 0 has no exponent of its own, and if Σx² is 0 so is Σx.
        let exponent =
            if square.is_zero() { second_exponent } else { square_exponent.min(second_exponent) };
        let square = square.shifted_left((square_exponent.max(exponent) - exponent) as u32)?;
        let products = products.shifted_left((second_exponent - exponent) as u32)?;
        Some((products, square, exponent))
    }
}

/// Σi and Σi² of few integers, of the unit 2^`exponent`.
#[inline(always)]
fn sums(integers: impl Iterator<Item = i128>, exponent: i32) -> (Scaled<2>, Scaled<4>) {
    let (mut first, mut second) = (0_i128, [0_u64; 4]);
    for integer in integers {
        first += integer;
        let square = square(integer.unsigned_abs());
        let mut carry = false;
        for (limb, square) in second.iter_mut().zip(square) {
            (*limb, carry) = limb.carrying_add(square, carry);
        }
    }
    (Scaled::of(first, exponent), Scaled::new(second, 2 * exponent))
}

/// The square of an integer.
#[inline(always)]
fn square(integer: u128) -> [u64; 4] {
    let (low, high) = (integer as u64, (integer >> 64) as u64);
    let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let (lows, cross, highs) = (product(low, low), product(low, high), product(high, high));
    // The cross product counts twice.
    let middle = (lows >> 64) + (cross as u64 as u128) * 2;
    let above = (cross >> 64) * 2 + (middle >> 64) + highs;
    [lows as u64, middle as u64, above as u64, (above >> 64) as u64]
}
