//! What EM fits, behind the trait [`Model`].

use super::constraints::Constraint;
use super::maximization::{Estimates, estimate};
use super::statistics::MixtureStatistics;
use crate::error::Error;
use crate::fold::Stop;

/// What EM asks of a model: its M-step, and the bound that the iterations raise.
pub trait Model {
    /// The parameters that maximise the bound, given the statistics of an E-step.
    ///
    /// # Errors
    ///
    /// As [`estimate`].
    fn maximize(&self, statistics: &MixtureStatistics, stop: &Stop) -> Result<Estimates, Error>;

    /// The bound per unit of weight that the E-step of these statistics found.
    fn bound(&self, statistics: &MixtureStatistics) -> f64;
}

/// Maximum likelihood.
#[derive(Clone, Copy, Debug)]
pub struct MaximumLikelihood {
    /// What the covariances may be.
    pub constraint: &'static dyn Constraint,
    /// Added to every variance.
    pub reg_covar: f64,
}

impl Model for MaximumLikelihood {
    fn maximize(&self, statistics: &MixtureStatistics, stop: &Stop) -> Result<Estimates, Error> {
        estimate(statistics, self.constraint, self.reg_covar, stop)
    }

    fn bound(&self, statistics: &MixtureStatistics) -> f64 {
        statistics.lower_bound()
    }
}
