//! A summary: its parts, and how they merge.

use super::best::{Best, Id};
use super::distinct::Distinct;
use super::exact::Exact;
use super::histogram::Histogram;
use super::number::Number;
use super::settings::Settings;
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

/// The smallest and the largest value, if there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Extremes(pub(super) Option<(Number, Number)>);

impl Extremes {
    /// Widens them.
    pub(super) fn take(&mut self, min: Number, max: Number) {
        self.0 = Some(match self.0 {
            None => (min, max),
            Some((low, high)) => (low.min(min), high.max(max)),
        });
    }

    /// Widens them by those of other values.
    pub(super) fn merge(&mut self, other: &Self) {
        if let Some((min, max)) = other.0 {
            self.take(min, max);
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
            sketch: self.sketch.clone(),
            histogram: self.histogram.as_ref().map(Histogram::copied).transpose()?,
            distinct: self.distinct.clone(),
        })
    }

    /// The same settings, and no values.
    pub(super) fn empty(&self) -> Result<Self, Error> {
        memory::check(WHAT)?;
        Ok(Self {
            sums: Sums::new(self.sums.higher.is_some()),
            best: Best::new(self.best.limit(), self.best.largest()),
            sketch: self.sketch.as_ref().map(Sketch::empty),
            histogram: self.histogram.as_ref().map(Histogram::empty).transpose()?,
            distinct: self.distinct.as_ref().map(|_| Distinct::new()),
            ..Self::default()
        })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
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
        self.best.merge(&other.best)?;
        self.histogram = histogram;
        self.counts = counts;
        self.extremes.merge(&other.extremes);
        self.sums.merge(&other.sums);
        merge_or_drop(&mut self.sketch, other.sketch.as_ref(), Sketch::merge);
        merge_or_drop(&mut self.distinct, other.distinct.as_ref(), Distinct::merge);
        Ok(())
    }
}

/// A part that one side lacks cannot be told for both.
fn merge_or_drop<P>(left: &mut Option<P>, right: Option<&P>, merge: impl Fn(&mut P, &P)) {
    match (left.as_mut(), right) {
        (Some(left), Some(right)) => merge(left, right),
        _ => *left = None,
    }
}

/// A summary of numbers: a monoid whose laws hold to the last bit.
///
/// The state is canonical: it is a function of the multiset of the values (with their ids) and of
/// the settings, whatever the order and the grouping in which they arrived. Where settings
/// differ, a merge keeps what both sides can tell, and where there is nothing it fails: of two
/// histograms without common bins, and of smallest and largest values. The laws hold for every
/// tree of merges in which none fails. The identity stands above all settings and gives way to any.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Summary {
    /// `None` for the identity.
    parts: Option<Box<Parts>>,
}

impl From<Parts> for Summary {
    fn from(parts: Parts) -> Self {
        Self { parts: Some(Box::new(parts)) }
    }
}

impl Summary {
    /// The neutral element of merging.
    #[must_use]
    pub fn identity() -> Self {
        Self { parts: None }
    }

    /// Of no values, with settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the setting that cannot be, [`Error::Memory`].
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        settings.parts().map(Self::from)
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self { parts: self.parts().map(|parts| parts.copied().map(Box::new)).transpose()? })
    }

    /// Whether it is the identity.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.parts.is_none()
    }

    pub(super) fn parts(&self) -> Option<&Parts> {
        self.parts.as_deref()
    }

    /// Its parts, without values: those of the default settings for the identity.
    pub(super) fn empty_parts(&self) -> Result<Parts, Error> {
        self.parts().map_or_else(|| Ok(Parts::default()), Parts::empty)
    }

    /// Adds the values of another summary.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if no summary can tell both, [`Error::TooMany`] if there would be
    /// more than 2⁶⁴ − 1 rows, [`Error::Memory`]; `self` then stays as it is.
    pub fn try_merge(&mut self, other: &Self) -> Result<(), Error> {
        match (&mut self.parts, &other.parts) {
            (_, None) => Ok(()),
            (None, Some(_)) => {
                *self = other.copied()?;
                Ok(())
            }
            (Some(left), Some(right)) => left.merge(right),
        }
    }

    /// Adds one value `times` times; `None` is a null.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] and [`Error::Memory`], and then nothing was added.
    pub fn push(
        &mut self,
        value: Option<Number>,
        id: impl FnOnce() -> Result<Id, Error>,
        times: u64,
    ) -> Result<(), Error> {
        let mut accumulator = super::accumulate::Accumulator::new(&self.empty_parts()?)?;
        match value {
            None => accumulator.add_nulls(times),
            Some(value) => accumulator.add_number(value, id, times),
        }
        self.try_merge(&Self::from(accumulator.finish()?))
    }

    /// How many values of which kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.parts().map_or_else(Counts::default, |parts| parts.counts)
    }

    /// The smallest value in IEEE total order, if there is any.
    #[must_use]
    pub fn minimum(&self) -> Option<Number> {
        self.parts()?.extremes.0.map(|(min, _)| min)
    }

    /// The largest value in IEEE total order, if there is any.
    #[must_use]
    pub fn maximum(&self) -> Option<Number> {
        self.parts()?.extremes.0.map(|(_, max)| max)
    }

    /// The exact sum of the `power`-th powers of the finite values; `None` if that is not kept.
    ///
    /// The identity knows all of them, and they are 0.
    #[must_use]
    pub fn power_sum(&self, power: u8) -> Option<Exact> {
        let Some(parts) = self.parts() else {
            return (1..=4).contains(&power).then(|| Sums::new(false).first.exact());
        };
        match power {
            1 => Some(parts.sums.first.exact()),
            2 => Some(parts.sums.second.exact()),
            3 => parts.sums.higher.as_ref().map(|higher| higher.third.exact()),
            4 => parts.sums.higher.as_ref().map(|higher| higher.fourth.exact()),
            _ => None,
        }
    }

    /// The best values; `None` for the identity.
    #[must_use]
    pub fn best(&self) -> Option<&Best> {
        self.parts().map(|parts| &parts.best)
    }

    /// The sketch of quantiles, if one is kept.
    #[must_use]
    pub fn sketch(&self) -> Option<&Sketch> {
        self.parts()?.sketch.as_ref()
    }

    /// The histogram, if one is kept.
    #[must_use]
    pub fn histogram(&self) -> Option<&Histogram> {
        self.parts()?.histogram.as_ref()
    }

    /// The counter of distinct values, if there is one.
    #[must_use]
    pub fn distinct(&self) -> Option<&Distinct> {
        self.parts()?.distinct.as_ref()
    }

    /// The highest power summed up, 2 or 4; `None` for the identity.
    #[must_use]
    pub fn moments(&self) -> Option<u8> {
        self.parts().map(|parts| if parts.sums.higher.is_some() { 4 } else { 2 })
    }
}
