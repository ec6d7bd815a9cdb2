//! Quantiles with a bounded relative error, from counts in logarithmic buckets.
//!
//! As in DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
//! relative-error guarantees", 2019, arXiv:1908.10693), but buckets have the boundaries 2^(j/2^s)
//! of a whole *scale* s, as in OpenTelemetry's exponential histogram. To halve the resolution is
//! to join pairs of neighbours, exactly, so that sketches of any two scales merge.
//!
//! | file | what it holds |
//! |---|---|
//! | `scale.rs` | [`Scale`]: the buckets |
//! | `tally.rs` | [`SketchTally`]: counting, fast |
//!
//! # Why the result does not depend on the order
//!
//! A sketch has at most [`MOST_BUCKETS`] buckets. Let n(X, s) be the number of buckets that a
//! multiset X of numbers needs at scale s. More numbers never need fewer buckets, nor does a
//! finer scale: n grows with X and with s. The sketch of X, with r requested, is *by definition*
//! at the largest s ≤ r with n(X, s) ≤ [`MOST_BUCKETS`], called s(X, r); its counts are those of
//! X at that scale. For a part Y of X, s(X, r) ≤ s(Y, r'), if r ≤ r'. So at no time is anything
//! joined in the sketch of a part that is not also joined in that of the whole; and since joining
//! twice is joining by both steps, every way to merge parts ends in the sketch of the whole, at
//! the smallest of the scales requested. Counts saturate at 2⁶⁴ - 1, which, as
//! min(a + b, 2⁶⁴ - 1), keeps their sum associative.

mod scale;
mod tally;

pub use self::scale::Scale;
pub use self::tally::SketchTally;
use super::quantile::{Buckets, Known};
use super::subtract::{never_added, subtract_buckets};
use crate::bytes::{Reader, Writer};
use crate::error::Error;

/// Most buckets that a sketch has, that of zero included. Scale 1 never needs more than 8393.
pub const MOST_BUCKETS: usize = 16384;

/// A bucket's key, and how many numbers are in it.
type Bucket = (i32, u64);

/// How many numbers are in each bucket: the canonical state.
///
/// An estimate of an order statistic is within [`Sketch::relative_error`] of its true value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sketch {
    /// The finest scale that this may have.
    requested: Scale,
    /// The scale it has.
    scale: Scale,
    /// Those that are not empty, by ascending key, that is, from the least numbers on.
    buckets: Vec<Bucket>,
}

impl Sketch {
    /// Of nothing, with estimates whose relative error is at most `error`, while few enough
    /// buckets are needed for that.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] unless 0.0001 ≤ error ≤ 0.5.
    pub fn new(error: f64) -> Result<Self, Error> {
        let scale = Scale::for_error(error).filter(|_| (1e-4..=0.5).contains(&error));
        scale.map(Self::with_scale).ok_or_else(|| Error::InvalidArgument {
            name: "relative_error",
            message: format!("must be from 0.0001 to 0.5, found {error:?}"),
        })
    }

    fn with_scale(scale: Scale) -> Self {
        Self { requested: scale, scale, buckets: Vec::new() }
    }

    /// The same settings, and nothing counted.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self::with_scale(self.requested)
    }

    /// A tally with these settings and nothing counted.
    #[must_use]
    pub fn tally(&self) -> SketchTally {
        SketchTally::new(self)
    }

    /// The relative error that holds now, its roundings included (a few 2⁻⁵³).
    ///
    /// It grows when numbers are so many and so different that they need more than
    /// 16384 buckets; at an error of 0.01, numbers of one sign that span a factor of
    /// less than 10⁷⁶ never do.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        self.scale.relative_error()
    }

    /// The scale that was asked for and the one it has.
    #[must_use]
    pub fn scales(&self) -> (Scale, Scale) {
        (self.requested, self.scale)
    }

    /// Counts finite numbers: infinities are skipped. There must be no NaN. For many values, see
    /// `SketchTally`.
    pub fn add(&mut self, values: &[f64]) {
        let finite = values.iter().filter(|value| value.is_finite());
        let mut keys: Vec<Bucket> = finite.map(|&value| (self.scale.key(value), 1)).collect();
        gather(&mut keys);
        self.absorb(keys);
    }

    /// Counts a number as often as said, unless it is infinite. It must not be NaN.
    pub fn add_times(&mut self, value: f64, times: u64) {
        if value.is_finite() && times > 0 {
            self.absorb(vec![(self.scale.key(value), times)]);
        }
    }

    /// Becomes the sketch of both multisets, with the coarser of both requests.
    pub fn merge(&mut self, other: &Self) {
        self.requested = self.requested.min(other.requested);
        let scale = self.scale.min(other.scale).min(self.requested);
        self.coarsen_to(scale);
        if other.scale == scale {
            self.absorb_ref(&other.buckets);
        } else {
            let mut other = other.clone();
            other.coarsen_to(scale);
            self.absorb(other.buckets);
        }
    }

    /// The sketch of the numbers that are left without those of another, at the coarser of both
    /// resolutions; `complete` says that nothing was subtracted from the other one before.
    ///
    /// # Errors
    ///
    /// [`Error::NeverAdded`] if it shows that the other's were none of them.
    pub fn minus(&self, other: &Self, complete: bool) -> Result<Self, Error> {
        // A part needs no coarser buckets than the whole.
        if complete && other.requested >= self.requested && other.scale < self.scale {
            return Err(never_added(
                "buckets of quantiles that are coarser than those of the whole",
            ));
        }
        let requested = self.requested.min(other.requested);
        let scale = self.scale.min(other.scale).min(requested);
        let prepared = |sketch: &Self| {
            let mut sketch = Self { requested, ..sketch.clone() };
            sketch.coarsen_to(scale);
            sketch
        };
        let mut left = prepared(self);
        subtract_buckets(&mut left.buckets, &prepared(other).buckets)?;
        Ok(left)
    }

    /// Adds buckets of the same scale, by ascending key.
    fn absorb(&mut self, buckets: Vec<Bucket>) {
        if self.buckets.is_empty() {
            self.buckets = buckets;
            self.fit();
        } else {
            self.absorb_ref(&buckets);
        }
    }

    /// [`Sketch::absorb`], without taking them.
    fn absorb_ref(&mut self, buckets: &[Bucket]) {
        if let [(key, times)] = buckets
            && let Ok(position) = self.buckets.binary_search_by_key(key, |bucket| bucket.0)
        {
            let count = &mut self.buckets[position].1;
            *count = count.saturating_add(*times);
        } else if !buckets.is_empty() {
            self.buckets = interleave(&self.buckets, buckets);
            self.fit();
        }
    }

    /// Halves the resolution until there are few enough buckets.
    fn fit(&mut self) {
        while self.buckets.len() > MOST_BUCKETS
            && let Some(coarser) = self.scale.coarser()
        {
            self.coarsen_to(coarser);
        }
    }

    fn coarsen_to(&mut self, scale: Scale) {
        while self.scale > scale
            && let Some(coarser) = self.scale.coarser()
        {
            self.scale = coarser;
            for (key, _) in &mut self.buckets {
                *key = Scale::coarser_key(*key);
            }
            join_equal_neighbours(&mut self.buckets);
        }
    }

    /// Appends scales and buckets.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u8(self.requested.get());
        writer.u8(self.scale.get());
        writer.length(self.buckets.len());
        let mut next = -self.scale.last_key();
        for &(key, count) in &self.buckets {
            writer.varint(key.abs_diff(next).into());
            writer.varint(count);
            next = key + 1;
        }
    }

    /// Reads what [`Sketch::encode`] wrote; of what is `reduced` numbers were subtracted, and what
    /// is left may need fewer buckets than there were.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else.
    pub fn decode(reader: &mut Reader, reduced: bool) -> Result<Self, Error> {
        const WHAT: &str = "the scale of quantiles";
        let requested = Scale::new(reader.u8(WHAT)?);
        let scale = Scale::new(reader.u8(WHAT)?).filter(|&scale| Some(scale) <= requested);
        let (Some(requested), Some(scale)) = (requested, scale) else {
            return Err(reader.corrupt(WHAT, "none of those there are"));
        };
        let buckets = decode_buckets(reader, scale)?;
        // A coarser scale than the one requested is taken only where the next finer one needs
        // too many buckets: of each, at most two, and not more than there are numbers in it.
        let finer = || buckets.iter().map(|&(key, n)| n.min(if key == 0 { 1 } else { 2 }));
        if !reduced && scale < requested && finer().sum::<u64>() <= MOST_BUCKETS as u64 {
            return Err(reader.corrupt(WHAT, "coarser than its buckets need"));
        }
        Ok(Self { requested, scale, buckets })
    }
}

fn decode_buckets(reader: &mut Reader, scale: Scale) -> Result<Vec<Bucket>, Error> {
    const WHAT: &str = "a bucket of quantiles";
    let length = reader.length("the number of buckets of quantiles", 2)?;
    if length > MOST_BUCKETS {
        return Err(reader.corrupt("the number of buckets of quantiles", "above 16384"));
    }
    let mut buckets = Vec::with_capacity(length);
    let last = i64::from(scale.last_key());
    let mut next = -last;
    for _ in 0..length {
        let gap = reader.varint(WHAT)?;
        if gap > last.abs_diff(next) || next > last {
            return Err(reader.corrupt(WHAT, "beyond the range of floats"));
        }
        let key = next + gap as i64;
        match reader.varint(WHAT)? {
            0 => return Err(reader.corrupt(WHAT, "empty")),
            count => buckets.push((key as i32, count)),
        }
        next = key + 1;
    }
    Ok(buckets)
}

/// How many infinities there are beside the finite numbers of a sketch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Infinities {
    /// How many -∞.
    pub negative: u64,
    /// How many +∞.
    pub positive: u64,
}

impl Buckets for Sketch {
    fn counts(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(|bucket| bucket.1)
    }

    /// The estimate of a number x is off by at most [`Sketch::relative_error`] · |x|, for
    /// |x| < 2⁻¹⁰²² by 2⁻¹⁰⁷⁵.
    fn known(&self, bucket: usize, _rank: u64, min: f64, max: f64) -> Known {
        let (key, error) = (self.buckets[bucket].0, self.relative_error());
        // Not `clamp`, which panics if the limits are not limits.
        let within = |value: f64| value.max(min).min(max);
        let middle = self.scale.estimate(key);
        let (inner, outer) = (middle / (1.0 + error), middle / (1.0 - error));
        let (low, high) = match key {
            0 => (middle, middle), // zeros
            1.. => (inner.next_down(), outer.next_up()),
            _ => (outer.next_down(), inner.next_up()),
        };
        Known { low: within(low), estimate: within(middle), high: within(high) }
    }
}

/// Sorts buckets and joins those with the same key.
fn gather(buckets: &mut Vec<Bucket>) {
    buckets.sort_unstable_by_key(|bucket| bucket.0);
    join_equal_neighbours(buckets);
}

/// Makes one bucket of neighbours with the same key.
pub(super) fn join_equal_neighbours<K: PartialEq>(buckets: &mut Vec<(K, u64)>) {
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

/// All buckets of two ascending lists, as one.
fn interleave(left: &[Bucket], right: &[Bucket]) -> Vec<Bucket> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(&a), Some(&b)) = (left.get(i), right.get(j)) {
        // Without branches: which of the keys is less is hard to predict.
        let (from_left, from_right) = (a.0 <= b.0, b.0 <= a.0);
        let [left, right] = [(from_left, a.1), (from_right, b.1)].map(|(is, n)| n * u64::from(is));
        merged.push((a.0.min(b.0), left.saturating_add(right)));
        i += usize::from(from_left);
        j += usize::from(from_right);
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}

#[cfg(test)]
mod tests;
