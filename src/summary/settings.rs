//! What a summary keeps.

use super::best::Best;
use super::distinct::Distinct;
use super::histogram::Histogram;
use super::parts::Parts;
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::sums::Sums;
use super::weighted::{WeightKind, Weighted};
use crate::error::Error;

/// What a summary keeps, as asked for or as found.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Highest power summed up: 2 or 4.
    pub moments: u8,
    /// How many of the best values are kept, with their ids.
    pub best: usize,
    /// Whether the best are the largest.
    pub largest: bool,
    /// Most buckets of the sketch of quantiles by prefixes; `None` for no such sketch.
    pub quantile_buckets: Option<usize>,
    /// Relative error of the sketch of quantiles that has one; `None` for no such sketch.
    pub relative_error: Option<f64>,
    /// Edges of the histogram; `None` for no histogram.
    pub histogram: Option<Vec<f64>>,
    /// Whether distinct values are counted.
    pub distinct: bool,
    /// What real weights are; `None` if values have none.
    pub weights: Option<WeightKind>,
}

/// Counts, extremes, sum and sum of squares.
impl Default for Settings {
    fn default() -> Self {
        Self {
            moments: 2,
            best: 0,
            largest: false,
            quantile_buckets: None,
            relative_error: None,
            histogram: None,
            distinct: false,
            weights: None,
        }
    }
}

impl Settings {
    /// The parts of an empty summary.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the setting that cannot be, [`Error::Memory`].
    pub(super) fn parts(&self) -> Result<Parts, Error> {
        let higher = match self.moments {
            2 => false,
            4 => true,
            other => {
                let message = format!("must be 2 or 4, found {other}");
                return Err(Error::InvalidArgument { name: "moments", message });
            }
        };
        if self.best > Best::MOST {
            let message = format!("must be at most {}, found {}", Best::MOST, self.best);
            return Err(Error::InvalidArgument { name: "best", message });
        }
        let parts = Parts {
            sums: Sums::new(higher),
            weighted: self.weights.map(|kind| Box::new(Weighted::new(kind))),
            best: Best::new(self.best, self.largest),
            prefixes: self.quantile_buckets.map(PrefixSketch::new).transpose()?,
            sketch: self.relative_error.map(Sketch::new).transpose()?,
            histogram: self.histogram.as_deref().map(Histogram::new).transpose()?,
            distinct: self.distinct.then(Distinct::new),
            ..Parts::default()
        };
        parts.check_weights()?;
        Ok(parts)
    }
}
