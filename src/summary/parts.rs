//! What a summary consists of, and how that merges.

use super::best::Best;
use super::distinct::Distinct;
use super::histogram::Histogram;
use super::number::Number;
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::sums::Sums;
use super::weighted::{WeightKind, Weighted};
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
    /// Of nothing where there are weights.
    pub(super) sums: Sums,
    /// The sums, if values have real weights.
    pub(super) weighted: Option<Box<Weighted>>,
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
            weighted: None,
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
            weighted: self.weighted.clone(),
            best: self.best.copied()?,
            prefixes: self.prefixes.as_ref().map(PrefixSketch::copied).transpose()?,
            sketch: self.sketch.clone(),
            histogram: self.histogram.as_ref().map(Histogram::copied).transpose()?,
            distinct: self.distinct.clone(),
        })
    }

    /// Whether nothing but counts, extremes and the sums of values and squares is kept.
    pub(super) fn is_plain(&self) -> bool {
        self.sums.higher.is_none() && self.weighted.is_none() && self.has_only_sums()
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
            weighted: self.weighted.as_ref().map(|of| Box::new(Weighted::new(of.kind))),
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
        let weighted = self.merged_weights(other)?;
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
        self.weighted = weighted;
        if self.weighted.is_some() {
            self.sums = Sums::new(false);
        } else {
            self.sums.merge(&other.sums);
        }
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

impl Parts {
    /// Checks that nothing is kept for which only numbers of times are known.
    pub(super) fn check_weights(&self) -> Result<(), Error> {
        let kept = [
            (self.sums.higher.is_some(), "moments=4"),
            (self.prefixes.is_some(), "quantiles"),
            (self.sketch.is_some(), "relative_error"),
            (self.histogram.is_some(), "histogram"),
        ];
        let kept = kept.iter().find(|(kept, _)| *kept && self.weighted.is_some());
        kept.map_or(Ok(()), |(_, what)| {
            let message = format!(
                "real weights and {what} do not go together, which counts how often each value was \
                 seen: leave {what} out, or give whole numbers of times, as integers"
            );
            Err(Error::InvalidArgument { name: "sample_weight", message })
        })
    }

    /// The same settings, and that of such weights unless they have one.
    pub(super) fn with_weights(mut self, kind: WeightKind) -> Result<Self, Error> {
        if self.weighted.is_none() {
            self.weighted = Some(Box::new(Weighted::new(kind)));
        }
        self.check_weights()?;
        Ok(self)
    }

    /// The sums with weights of both: values without weigh 1.
    fn merged_weights(&self, other: &Self) -> Result<Option<Box<Weighted>>, Error> {
        Ok(self.with_weights_of_both(other)?.map(|(mut left, right)| {
            left.sums.merge(&right.sums);
            Box::new(left)
        }))
    }

    /// The sums with weights of either, if one has them: values without weigh 1.
    pub(super) fn with_weights_of_both(
        &self,
        other: &Self,
    ) -> Result<Option<(Weighted, Weighted)>, Error> {
        let kind = match (&self.weighted, &other.weighted) {
            (None, None) => return Ok(None),
            (Some(left), Some(right)) if left.kind != right.kind => {
                let [left, right] = [left, right].map(|of| format!("{} weights", of.kind.name()));
                return Err(Error::Incompatible { left, right });
            }
            (Some(weighted), _) | (_, Some(weighted)) => weighted.kind,
        };
        Ok(Some((self.weighted_or_plain(kind), other.weighted_or_plain(kind))))
    }

    fn weighted_or_plain(&self, kind: WeightKind) -> Weighted {
        self.weighted.as_deref().cloned().unwrap_or_else(|| {
            let mut weighted = Weighted::new(kind);
            weighted.add_plain(self.counts.finite_count(), &self.sums);
            weighted
        })
    }
}

/// A part that one side lacks cannot be told for both.
fn merge_or_drop<P>(left: &mut Option<P>, right: Option<&P>, merge: impl Fn(&mut P, &P)) {
    match (left.as_mut(), right) {
        (Some(left), Some(right)) => merge(left, right),
        _ => *left = None,
    }
}
