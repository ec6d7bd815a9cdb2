//! [`Counted`]: statistics that travel, of rows nobody numbered or of rows that know their places.

use std::ops::Range;

use super::statistics::MixtureStatistics;
use crate::error::Error;
use crate::fold::{Fold, Stop};

/// Statistics of some rows.
#[derive(Debug, PartialEq)]
pub enum Counted {
    /// Of rows that nobody numbered: a monoid up to rounding.
    Loose(MixtureStatistics),
    /// Of rows, or pieces, that know their places among all: a commutative monoid to the bit, which
    /// proves that nothing is missing or counted twice.
    Placed(Fold<MixtureStatistics>),
}

impl Default for Counted {
    fn default() -> Self {
        Self::Loose(MixtureStatistics::default())
    }
}

impl Counted {
    /// Statistics that tell what was counted: all of them, or one of the parts.
    #[must_use]
    pub fn sample(&self) -> Option<&MixtureStatistics> {
        match self {
            Self::Loose(statistics) => Some(statistics),
            Self::Placed(fold) => fold.nodes().first().map(|node| &node.value),
        }
    }

    /// The parts.
    pub fn parts(&self) -> impl Iterator<Item = &MixtureStatistics> {
        let (loose, placed) = match self {
            Self::Loose(statistics) => (Some(statistics), &[][..]),
            Self::Placed(fold) => (None, fold.nodes()),
        };
        loose.into_iter().chain(placed.iter().map(|node| &node.value))
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(match self {
            Self::Loose(statistics) => Self::Loose(statistics.copied()?),
            Self::Placed(fold) => Self::Placed(fold.copied()?),
        })
    }

    /// Adds; this may be half-way through after an error.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if the two do not count the same, [`Error::Rows`] if rows are in
    /// both, [`Error::Memory`], [`Error::Interrupted`] if stopped.
    pub fn add(&mut self, other: &Self, stop: &Stop) -> Result<(), Error> {
        if let (Some(left), Some(right)) = (self.sample(), other.sample()) {
            left.check_compatible(right)?;
        }
        match (&mut *self, other) {
            (Self::Loose(left), Self::Loose(right)) => left.add(right, stop),
            (Self::Placed(left), Self::Placed(right)) => left.unite(right.copied()?),
            (_, Self::Loose(right)) if right.is_identity() => Ok(()),
            (Self::Loose(left), Self::Placed(right)) if left.is_identity() => {
                *self = Self::Placed(right.copied()?);
                Ok(())
            }
            _ => {
                let (left, right) = (self.describe().into(), other.describe().into());
                Err(Error::Incompatible { left, right })
            }
        }
    }

    /// What was counted in all.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if rows are missing, [`Error::Memory`].
    pub fn whole(&self) -> Result<MixtureStatistics, Error> {
        match self {
            Self::Loose(statistics) => statistics.copied(),
            Self::Placed(fold) => fold.value(),
        }
    }

    /// The rows, or pieces, from the first to the last; `None` where nobody numbered them.
    #[must_use]
    pub fn span(&self) -> Option<Range<u64>> {
        match self {
            Self::Loose(_) => None,
            Self::Placed(fold) => Some(fold.span().unwrap_or(0..0)),
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::Loose(_) => "statistics of rows without numbers",
            Self::Placed(_) => "statistics that know their rows",
        }
    }
}
