//! Quantiles from counts of prefixes: as fine as the numbers themselves are spread.
//!
//! Floats have a *key* of 64 bits, by which they are in IEEE total order: -0.0 before +0.0,
//! neighbours at a distance of one. A sketch counts the prefixes `key >> s` of its numbers. With
//! a *shift* s of 0 it is the multiset itself; with s > 0 each bucket holds 2^s neighbouring
//! floats. Numbers that share their sign, exponent and first digits share the first bits of their
//! keys, and all buckets are left for the rest; an outlier takes one bucket.
//!
//! # Why the result does not depend on the order
//!
//! Let n(X, s) be the number of different prefixes of a multiset X. More numbers never have
//! fewer prefixes, nor does a smaller shift: n grows with X and falls with s. The sketch of X with
//! the limit m is *by definition* at the least s with n(X, s) ≤ m, called s(X, m); its counts are
//! those of X at that shift. For a part Y of X, s(Y, m') ≤ s(X, m) if m ≤ m'. So at no time is
//! anything joined in the sketch of a part that is not also joined in that of the whole; and
//! since shifting twice is shifting by the sum, every way to merge parts ends in the sketch of the
//! whole, with the least of the limits. Counts saturate, as those of `sketch.rs`.
//!
//! `tally.rs` has [`PrefixTally`], which counts fast, in `table.rs` and `windows.rs`.

mod table;
mod tally;
mod windows;

pub use self::tally::PrefixTally;
use super::quantile::{Buckets, Known};
use super::sketch::join_equal_neighbours;
use super::subtract::{never_added, subtract_buckets};
use super::sums::power_of_two;
use crate::bytes::{Reader, Writer};
use crate::error::Error;
use crate::memory;

/// A prefix, and how many numbers have it.
type Bucket = (u64, u64);

/// What the memory is for, in errors.
const WHAT: &str = "the buckets of quantiles";
const SIGN: u64 = 1 << 63;
/// Up to this shift the floats of a bucket have one exponent.
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// How many numbers have each prefix: the canonical state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixSketch {
    /// Most prefixes there may be.
    limit: usize,
    /// Bits of a key that are not in its prefix, at most 63.
    shift: u32,
    /// Those that are not empty, by ascending prefix.
    buckets: Vec<Bucket>,
}

impl PrefixSketch {
    /// Fewest and most buckets that can be asked for. Two are never too few: one for each sign.
    pub const LIMITS: (usize, usize) = (2, 1 << 20);

    /// Of nothing, with at most that many buckets.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if it cannot have as many.
    pub fn new(limit: usize) -> Result<Self, Error> {
        let (fewest, most) = Self::LIMITS;
        if !(fewest..=most).contains(&limit) {
            let message = format!("must be from {fewest} to {most}, found {limit}");
            return Err(Error::InvalidArgument { name: "quantile_buckets", message });
        }
        Ok(Self { limit, shift: 0, buckets: Vec::new() })
    }

    /// The same limit, and nothing counted.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self { limit: self.limit, shift: 0, buckets: Vec::new() }
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        let buckets = memory::copied(&self.buckets, WHAT)?;
        Ok(Self { buckets, ..*self })
    }

    /// Most buckets it may have.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// By how much an estimate may be off, as a part of the true number, if that is not smaller
    /// than the least normal float; 0 if all numbers are known.
    ///
    /// It is the width of a bucket over its lower end. Up to a shift of 52 a bucket of smaller
    /// floats is at most 2⁻¹⁰²² wide.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        match self.shift {
            0 => 0.0,
            shift @ 1..=MANTISSA_BITS => power_of_two(shift as i32 - MANTISSA_BITS as i32),
            // Of so many powers of two; eleven bits of exponent are 2048 of them.
            shift => match 1_i32 << (shift - MANTISSA_BITS) {
                powers @ ..1024 => power_of_two(powers) - 1.0,
                _ => f64::INFINITY,
            },
        }
    }

    /// Makes room for those of another sketch, so that [`PrefixSketch::merge`] asks for none.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn reserve(&mut self, other: &Self) -> Result<(), Error> {
        memory::reserve(&mut self.buckets, other.buckets.len(), WHAT)
    }

    /// Becomes the sketch of both multisets, with the smaller of both limits.
    pub fn merge(&mut self, other: &Self) {
        self.limit = self.limit.min(other.limit);
        self.coarsen_to(self.shift.max(other.shift));
        let shift = self.shift - other.shift;
        if let &[(prefix, times)] = &other.buckets[..]
            && let Ok(place) = self.buckets.binary_search_by_key(&(prefix >> shift), |b| b.0)
        {
            let count = &mut self.buckets[place].1;
            *count = count.saturating_add(times);
        } else {
            self.interleave(&other.buckets, shift);
        }
        self.fit();
    }

    /// The sketch of the numbers that are left without those of another, at the coarser of both
    /// resolutions; `complete` says that nothing was subtracted from the other one before.
    ///
    /// # Errors
    ///
    /// [`Error::NeverAdded`] if it shows that the other's were none of them, [`Error::Memory`].
    pub fn minus(&self, other: &Self, complete: bool) -> Result<Self, Error> {
        // A part needs no coarser buckets than the whole.
        if complete && other.limit >= self.limit && other.shift > self.shift {
            return Err(never_added(
                "buckets of quantiles that are coarser than those of the whole",
            ));
        }
        let limit = self.limit.min(other.limit);
        let shift = self.shift.max(other.shift);
        let prepared = |sketch: &Self| {
            let mut sketch = sketch.copied()?;
            sketch.limit = limit;
            sketch.coarsen_to(shift);
            sketch.fit();
            Ok::<_, Error>(sketch)
        };
        let (mut left, mut right) = (prepared(self)?, prepared(other)?);
        let shift = left.shift.max(right.shift);
        left.coarsen_to(shift);
        right.coarsen_to(shift);
        subtract_buckets(&mut left.buckets, &right.buckets)?;
        Ok(left)
    }

    /// Adds buckets with a prefix that is `shift` bits longer, from the last to the first.
    fn interleave(&mut self, others: &[Bucket], shift: u32) {
        let (mut own, mut place) = (self.buckets.len(), self.buckets.len() + others.len());
        self.buckets.resize(place, (0, 0));
        for &(prefix, count) in others.iter().rev() {
            let prefix = prefix >> shift;
            while own > 0 && self.buckets[own - 1].0 > prefix {
                own -= 1;
                place -= 1;
                self.buckets[place] = self.buckets[own];
            }
            place -= 1;
            self.buckets[place] = (prefix, count);
        }
        join_equal_neighbours(&mut self.buckets);
    }

    /// Shifts until there are few enough buckets, and not further.
    fn fit(&mut self) {
        self.coarsen_to(self.shift + shift_for(&self.buckets, self.limit));
    }

    fn coarsen_to(&mut self, shift: u32) {
        if shift > self.shift {
            self.buckets.iter_mut().for_each(|bucket| bucket.0 >>= shift - self.shift);
            self.shift = shift;
            join_equal_neighbours(&mut self.buckets);
        }
    }

    /// Appends limit, shift and buckets.
    pub fn encode(&self, writer: &mut Writer) {
        writer.length(self.limit);
        writer.u8(self.shift as u8);
        writer.length(self.buckets.len());
        let mut next = key(f64::MIN) >> self.shift;
        for &(prefix, count) in &self.buckets {
            writer.varint(prefix - next);
            writer.varint(count);
            next = prefix + 1;
        }
    }

    /// Reads what [`PrefixSketch::encode`] wrote of as many finite numbers as said, which begin
    /// and end with the given ones where these are known. Without `ends` numbers may have been
    /// subtracted, and what is left may need fewer buckets than there were.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`].
    pub fn decode(
        reader: &mut Reader<'_>,
        finite_count: u64,
        ends: Option<[Option<f64>; 2]>,
    ) -> Result<Self, Error> {
        const WHAT: &str = "the number of buckets of quantiles";
        let limit = reader.varint(WHAT)?;
        let limit = usize::try_from(limit).ok().and_then(|limit| Self::new(limit).ok());
        let Some(sketch) = limit else { return Err(reader.corrupt(WHAT, "out of range")) };
        let shift = u32::from(reader.u8("the shift of quantiles")?);
        if shift >= u64::BITS {
            return Err(reader.corrupt("the shift of quantiles", "above 63"));
        }
        let buckets = decode_buckets(reader, sketch.limit, shift)?;
        let sketch = Self { shift, buckets, ..sketch };
        if ends.is_some() && shift > 0 && sketch.most_at_finer_shift() <= sketch.limit {
            return Err(reader.corrupt("the shift of quantiles", "larger than its buckets need"));
        }
        let found: u128 = sketch.buckets.iter().map(|bucket| u128::from(bucket.1)).sum();
        if found != u128::from(finite_count) {
            return Err(reader.corrupt("a bucket of quantiles", "not of as many as there are"));
        }
        let outer = [sketch.buckets.first(), sketch.buckets.last()];
        for (end, bucket) in ends.iter().flatten().zip(outer) {
            if let (Some(end), Some(bucket)) = (end, bucket)
                && key(*end) >> shift != bucket.0
            {
                return Err(reader.corrupt("a bucket of quantiles", "without the extreme number"));
            }
        }
        Ok(sketch)
    }

    /// Most buckets that there can have been before the last bit was dropped: of each at most two,
    /// and not more than it has numbers, nor than it has halves with finite floats in them.
    fn most_at_finer_shift(&self) -> usize {
        let shift = self.shift - 1;
        let halves = |&(prefix, count): &Bucket| {
            let halves = [2 * prefix, 2 * prefix + 1];
            halves.iter().filter(|&&half| is_finite(half, shift)).count().min(count.min(2) as usize)
        };
        self.buckets.iter().map(halves).sum()
    }
}

impl Buckets for PrefixSketch {
    fn counts(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(|bucket| bucket.1)
    }

    /// The numbers of a bucket are taken to lie evenly, by their keys: within a power of two by
    /// their values. Where a bucket of tiny numbers has zero in it, they are taken to be that.
    fn known(&self, bucket: usize, rank: u64, min: f64, max: f64) -> Known {
        let (prefix, count) = self.buckets[bucket];
        let first = prefix << self.shift;
        let last = first | ((1 << self.shift) - 1);
        let low = first.max(key(min));
        let high = last.min(key(max)).max(low);
        // Below 2¹²⁸: no bucket has more than 2⁶³ floats.
        let doubled = u128::from(high - low) * (2 * u128::from(rank) + 1);
        let even = low + (doubled / (2 * u128::from(count))) as u64;
        let zero = [key(-0.0), key(0.0)].into_iter().find(|zero| (low..=high).contains(zero));
        let estimate = zero.filter(|_| self.shift <= MANTISSA_BITS).unwrap_or(even);
        Known { low: value(low), estimate: value(estimate), high: value(high) }
    }
}

/// The place of a float in IEEE total order.
#[inline(always)]
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    bits ^ ((bits.cast_signed() >> 63).cast_unsigned() | SIGN)
}

/// The float of a key.
fn value(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

/// Whether there is a finite float with that prefix.
fn is_finite(prefix: u64, shift: u32) -> bool {
    (key(f64::MIN) >> shift..=key(f64::MAX) >> shift).contains(&prefix)
}

/// The fewest further bits to drop so that at most `limit` of ascending prefixes are different.
fn shift_for(buckets: &[Bucket], limit: usize) -> u32 {
    let mut different = buckets.len();
    if different <= limit {
        return 0;
    }
    // Neighbours become one when the highest bit in which they differ is dropped.
    let mut joined_by = [0; u64::BITS as usize + 1];
    for pair in buckets.windows(2) {
        joined_by[(u64::BITS - (pair[0].0 ^ pair[1].0).leading_zeros()) as usize] += 1;
    }
    let enough = joined_by.iter().position(|joined| {
        different -= joined;
        different <= limit
    });
    enough.unwrap_or(0) as u32
}

fn decode_buckets(reader: &mut Reader<'_>, limit: usize, shift: u32) -> Result<Vec<Bucket>, Error> {
    const BUCKET: &str = "a bucket of quantiles";
    let length = reader.length("the number of buckets of quantiles", 2)?;
    if length > limit {
        return Err(reader.corrupt("the number of buckets of quantiles", "above the limit"));
    }
    let mut buckets = memory::with_capacity(length, WHAT)?;
    let mut next = key(f64::MIN) >> shift;
    for _ in 0..length {
        let prefix = next.checked_add(reader.varint(BUCKET)?);
        let Some(prefix) = prefix.filter(|&prefix| is_finite(prefix, shift)) else {
            return Err(reader.corrupt(BUCKET, "beyond the range of floats"));
        };
        match reader.varint(BUCKET)? {
            0 => return Err(reader.corrupt(BUCKET, "empty")),
            count => buckets.push((prefix, count)),
        }
        next = prefix + 1;
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests;
