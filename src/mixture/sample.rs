//! What every pass over a sample reads: rows and their weights, checked once.

use std::sync::OnceLock;

use ndarray::ArrayView1;

use super::single::Extents;
use super::unit::UnitWeights;
use crate::error::Error;
use crate::fold::Context;
use crate::rows::Rows;

/// Rows and their weights.
///
/// All values are finite, no weight is negative, and weights have no unit ([`UnitWeights`]). Where
/// the rows of each block lie is found out by the first pass that asks, for all that follow
/// ([`Extents`]).
#[derive(Debug)]
pub struct Sample<'a> {
    rows: Rows<'a>,
    weights: UnitWeights<'a>,
    extents: OnceLock<Extents>,
}

impl<'a> Sample<'a> {
    /// Checks the rows and the weights.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`] or [`Error::InvalidWeight`] with the first of their kind,
    /// [`Error::Interrupted`] if stopped.
    pub fn new(
        context: &Context,
        rows: Rows<'a>,
        weights: Option<ArrayView1<'a, f64>>,
    ) -> Result<Self, Error> {
        rows.check_finite("X", context)?;
        Self::of_finite(rows, weights)
    }

    /// The same of rows that have been searched for NaN and infinity.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidWeight`] with the first of its kind.
    pub fn of_finite(rows: Rows<'a>, weights: Option<ArrayView1<'a, f64>>) -> Result<Self, Error> {
        Ok(Self { rows, weights: UnitWeights::of(weights)?, extents: OnceLock::new() })
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        self.rows.reborrow()
    }

    /// The weights, of mean about one.
    #[must_use]
    pub fn weights(&self) -> Option<ArrayView1<'_, f64>> {
        self.weights.view()
    }

    /// The logarithm to base 2 of the unit of the weights.
    #[must_use]
    pub fn exponent(&self) -> i32 {
        self.weights.exponent()
    }

    /// Where the rows of each block lie.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if stopped.
    pub fn extents(&self, context: &Context) -> Result<&Extents, Error> {
        if let Some(extents) = self.extents.get() {
            return Ok(extents);
        }
        let extents = Extents::of(context, self.rows(), self.weights())?;
        Ok(self.extents.get_or_init(|| extents))
    }

    /// Checks that some row counts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if none has a positive weight.
    pub fn check_weight(&self) -> Result<(), Error> {
        let rows = self.rows.n_rows() as f64;
        if self.weights().map_or(rows, |weights| weights.iter().sum()) > 0.0 {
            return Ok(());
        }
        Err(Error::InvalidArgument {
            name: if self.weights().is_some() { "sample_weight" } else { "X" },
            message: "at least one row of positive weight is needed, found none".into(),
        })
    }
}
