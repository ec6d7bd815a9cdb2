//! What a summary consists of, and how that merges.

use super::best::Best;
use super::distinct::Distinct;
use super::histogram::Histogram;
use super::number::Number;
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::sums::Sums;
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "a summary";

/// How many values there were, of which kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Values that are neither NaN nor null, infinities included.
    pub count: u64,
    /// NaN.
    pub nan_count: u64,
    /// Nulls: places of a value without one.
    pub null_count: u64,
    /// +∞, also in `count`.
    pub positive_infinity_count: u64,
    /// −∞, also in `count`.
    pub negative_infinity_count: u64,
}

impl Counts {
    /// Those of both; `None` if there are too many rows, which only weights could reach.
    fn sum(&self, other: &Self) -> Option<Self> {
        // No kind has more members than there are rows.
        self.rows()?.checked_add(other.rows()?)?;
        Some(Self {
            count: self.count + other.count,
            nan_count: self.nan_count + other.nan_count,
            null_count: self.null_count + other.null_count,
            positive_infinity_count: self.positive_infinity_count + other.positive_infinity_count,
            negative_infinity_count: self.negative_infinity_count + other.negative_infinity_count,
        })
    }

    /// All of them, values, NaN and nulls; `None` if these are too many to be counted, which they
    /// are in no summary.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.count.checked_add(self.nan_count)?.checked_add(self.null_count)
    }

    /// How many values are finite.
    #[must_use]
    pub fn finite_count(&self) -> u64 {
        self.count - self.positive_infinity_count - self.negative_infinity_count
    }
}

/// The smallest and the largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Extremes {
    /// There are no values.
    #[default]
    None,
    /// These.
    Known(Number, Number),
    /// Values were subtracted: which of those before are left cannot be told.
    Unknown,
}

impl Extremes {
    /// Both, if they are known.
    pub(super) fn range(&self) -> Option<(Number, Number)> {
        match *self {
            Self::Known(min, max) => Some((min, max)),
            Self::None | Self::Unknown => None,
        }
    }

    /// Whether values were subtracted.
    pub(super) fn are_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Widens them.
    pub(super) fn take(&mut self, min: Number, max: Number) {
        *self = match *self {
            Self::None => Self::Known(min, max),
            Self::Known(low, high) => Self::Known(low.min(min), high.max(max)),
            Self::Unknown => Self::Unknown,
        };
    }

    /// Widens them by those of other values.
    pub(super) fn merge(&mut self, other: &Self) {
        match *other {
            Self::None => {}
            Self::Known(min, max) => self.take(min, max),
            Self::Unknown => *self = Self::Unknown,
        }
    }
}

/// What a summary other than the identity consists of.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Parts {
    pub(super) counts: Counts,
    pub(super) extremes: Extremes,
    pub(super) sums: Sums,
    pub(super) best: Best,
    pub(super) prefixes: Option<PrefixSketch>,
    pub(super) sketch: Option<Sketch>,
    pub(super) histogram: Option<Histogram>,
    pub(super) distinct: Option<Distinct>,
}

/// Those of an empty summary with the default settings.
impl Default for Parts {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            extremes: Extremes::default(),
            sums: Sums::new(false),
            best: Best::new(0, false),
            prefixes: None,
            sketch: None,
            histogram: None,
            distinct: None,
        }
    }
}

impl Parts {
    /// A copy.
    pub(super) fn copied(&self) -> Result<Self, Error> {
        memory::check(WHAT)?;
        Ok(Self {
            counts: self.counts,
            extremes: self.extremes,
            sums: self.sums.clone(),
            best: self.best.copied()?,
            prefixes: self.prefixes.as_ref().map(PrefixSketch::copied).transpose()?,
            sketch: self.sketch.clone(),
            histogram: self.histogram.as_ref().map(Histogram::copied).transpose()?,
            distinct: self.distinct.clone(),
        })
    }

    /// Whether nothing but counts, extremes and the sums of values and squares is kept.
    pub(super) fn is_plain(&self) -> bool {
        self.sums.higher.is_none() && self.has_only_sums()
    }

    /// Whether nothing but counts, extremes and sums is kept.
    pub(super) fn has_only_sums(&self) -> bool {
        self.best.limit() == 0
            && self.prefixes.is_none()
            && self.sketch.is_none()
            && self.histogram.is_none()
            && self.distinct.is_none()
    }

    /// The same settings, and no values.
    pub(super) fn empty(&self) -> Result<Self, Error> {
        memory::check(WHAT)?;
        Ok(Self {
            sums: Sums::new(self.sums.higher.is_some()),
            best: Best::new(self.best.limit(), self.best.largest()),
            prefixes: self.prefixes.as_ref().map(PrefixSketch::empty),
            sketch: self.sketch.as_ref().map(Sketch::empty),
            histogram: self.histogram.as_ref().map(Histogram::empty).transpose()?,
            distinct: self.distinct.as_ref().map(|_| Distinct::new()),
            ..Self::default()
        })
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<(), Error> {
        // What can fail comes first, and leaves its left side as it is if it does.
        memory::check(WHAT)?;
        let counts = self.counts.sum(&other.counts).ok_or(Error::TooMany)?;
        let histogram = match (&self.histogram, &other.histogram) {
            (Some(left), Some(right)) => {
                let mut merged = left.copied()?;
                merged.merge(right)?;
                Some(merged)
            }
            _ => None,
        };
        if let (Some(left), Some(right)) = (&mut self.prefixes, &other.prefixes) {
            left.reserve(right)?;
        }
        if !self.extremes.are_unknown() && !other.extremes.are_unknown() {
            self.best.merge(&other.best)?;
        }
        self.extremes.merge(&other.extremes);
        self.histogram = histogram;
        self.counts = counts;
        self.sums.merge(&other.sums);
        merge_or_drop(&mut self.prefixes, other.prefixes.as_ref(), PrefixSketch::merge);
        merge_or_drop(&mut self.sketch, other.sketch.as_ref(), Sketch::merge);
        merge_or_drop(&mut self.distinct, other.distinct.as_ref(), Distinct::merge);
        if self.extremes.are_unknown() {
            self.forget_members();
        }
        Ok(())
    }

    /// Drops what single values make, of which a subtraction does not tell whether they are left.
    pub(super) fn forget_members(&mut self) {
        self.extremes = Extremes::Unknown;
        self.best = Best::new(0, false);
        self.distinct = None;
    }
}

/// A part that one side lacks cannot be told for both.
fn merge_or_drop<P>(left: &mut Option<P>, right: Option<&P>, merge: impl Fn(&mut P, &P)) {
    match (left.as_mut(), right) {
        (Some(left), Some(right)) => merge(left, right),
        _ => *left = None,
    }
}
