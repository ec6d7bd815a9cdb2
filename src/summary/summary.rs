//! [`Summary`].

use super::best::Best;
use super::column::Weights;
use super::distinct::Distinct;
use super::exact::Exact;
use super::histogram::Histogram;
use super::number::Number;
use super::parts::{Counts, Parts};
use super::prefixes::PrefixSketch;
use super::settings::Settings;
use super::sketch::Sketch;
use super::sums::Sums;
use super::weighted::{WeightKind, Weighted};
use crate::error::Error;

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

    /// Whether it keeps nothing but counts, extremes and the sums of values and squares.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.parts().is_none_or(Parts::is_plain)
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

    /// As [`Self::empty_parts`], for values with such weights: real ones are reliabilities unless
    /// the settings say otherwise.
    pub(super) fn parts_for(&self, weights: Option<&Weights<'_>>) -> Result<Parts, Error> {
        let parts = self.empty_parts()?;
        match weights {
            Some(Weights::Real(_)) => parts.with_weights(WeightKind::Reliability),
            Some(Weights::Times(_) | Weights::Signed(_)) | None => Ok(parts),
        }
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

    /// Takes values away that were added before: exactly, as far as counts and sums go. Single
    /// values, as the smallest, cannot be told from then on.
    ///
    /// # Errors
    ///
    /// [`Error::NeverAdded`] wherever it shows that they were not, [`Error::Incompatible`] as in
    /// [`Summary::try_merge`], [`Error::Memory`]; `self` then stays as it is.
    pub fn try_subtract(&mut self, other: &Self) -> Result<(), Error> {
        let Some(right) = other.parts() else { return Ok(()) };
        *self = match self.parts() {
            Some(left) => left.minus(right)?.into(),
            None => right.empty()?.minus(right)?.into(),
        };
        Ok(())
    }

    /// How many values of which kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.parts().map_or_else(Counts::default, |parts| parts.counts)
    }

    /// Whether values were subtracted, so that single values cannot be told.
    #[must_use]
    pub fn is_reduced(&self) -> bool {
        self.parts().is_some_and(|parts| parts.extremes.are_unknown())
    }

    /// The smallest value in IEEE total order, if there is any and it is known.
    #[must_use]
    pub fn minimum(&self) -> Option<Number> {
        self.parts()?.extremes.range().map(|(min, _)| min)
    }

    /// The largest value in IEEE total order, if there is any and it is known.
    #[must_use]
    pub fn maximum(&self) -> Option<Number> {
        self.parts()?.extremes.range().map(|(_, max)| max)
    }

    /// The exact sum of the `power`-th powers of the finite values, times their weights where these
    /// have some; `None` if that is not kept.
    ///
    /// The identity knows all of them, and they are 0.
    #[must_use]
    pub fn power_sum(&self, power: u8) -> Option<Exact> {
        let Some(parts) = self.parts() else {
            return (1..=4).contains(&power).then(|| Sums::new(false).first.exact());
        };
        if let Some(weighted) = &parts.weighted {
            return match power {
                1 => Some(weighted.sums.first.exact()),
                2 => Some(weighted.sums.second.exact()),
                _ => None,
            };
        }
        match power {
            1 => Some(parts.sums.first.exact()),
            2 => Some(parts.sums.second.exact()),
            3 => parts.sums.higher.as_ref().map(|higher| higher.third.exact()),
            4 => parts.sums.higher.as_ref().map(|higher| higher.fourth.exact()),
            _ => None,
        }
    }

    /// What real weights are; `None` if values have none.
    #[must_use]
    pub fn weights(&self) -> Option<WeightKind> {
        Some(self.weighted()?.kind)
    }

    pub(super) fn weighted(&self) -> Option<&Weighted> {
        self.parts()?.weighted.as_deref()
    }

    /// The exact sum of the weights of the finite values, or of the squares of these if `power` is 2.
    #[must_use]
    pub fn weight_power_sum(&self, power: u8) -> Exact {
        match (self.weighted(), power) {
            (None, _) => self.counts().finite_count().into(),
            (Some(weighted), 1) => weighted.sums.weight.exact(),
            (Some(weighted), _) => weighted.sums.square.exact(),
        }
    }

    /// The best values; `None` for the identity.
    #[must_use]
    pub fn best(&self) -> Option<&Best> {
        self.parts().map(|parts| &parts.best)
    }

    /// The sketch of quantiles by prefixes, if one is kept.
    #[must_use]
    pub fn prefixes(&self) -> Option<&PrefixSketch> {
        self.parts()?.prefixes.as_ref()
    }

    /// The sketch of quantiles with a relative error, if one is kept.
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
