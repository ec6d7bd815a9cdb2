//! Which features of a row are there.

use std::borrow::Borrow;

use super::WHAT;
use crate::error::Error;
use crate::memory;

/// The features that are there: a bit for each.
///
/// Patterns are ordered as their bits are, which decides in which order statistics are added.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Vec<u64>);

impl Pattern {
    /// Number of words for so many features.
    pub(super) fn words(n_features: usize) -> usize {
        n_features.div_ceil(64)
    }

    /// Of bits, the first feature lowest in the first word.
    pub(super) fn of(bits: &[u64]) -> Result<Self, Error> {
        Ok(Self(memory::copied(bits, WHAT)?))
    }

    /// A copy.
    pub(super) fn copied(&self) -> Result<Self, Error> {
        Self::of(&self.0)
    }

    /// Whether a feature is there.
    #[must_use]
    pub fn has(&self, feature: usize) -> bool {
        self.0[feature / 64] >> (feature % 64) & 1 == 1
    }

    /// The features that are there, in their order, or those that are not.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn features(&self, n_features: usize, there: bool) -> Result<Vec<usize>, Error> {
        memory::collected((0..n_features).filter(|&j| self.has(j) == there), WHAT)
    }
}

impl Borrow<[u64]> for Pattern {
    fn borrow(&self) -> &[u64] {
        &self.0
    }
}
