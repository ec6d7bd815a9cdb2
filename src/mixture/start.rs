//! Where EM starts: parameters given by the user, the rest from first statistics.

use std::sync::Arc;

use super::constraints::Constraint;
use super::factors::{precisions, precisions_cholesky, precisions_cholesky_from_precisions};
use super::geometry::Geometry;
use super::maximization::estimate;
use super::statistics::MixtureStatistics;
use super::value::Mixture;
use super::{ESTIMATES, STARTS};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;

/// A mixture that EM starts from, and its covariances.
#[derive(Debug)]
pub struct Start {
    /// The mixture.
    pub mixture: Arc<Mixture>,
    /// Of [`Geometry::shape`].
    pub covariances: Vec<f64>,
}

/// Parameters to start from in place of those that are found.
#[derive(Debug, Default)]
pub struct Given {
    /// One for each component.
    pub weights: Option<Vec<f64>>,
    /// Components × features.
    pub means: Option<Vec<f64>>,
    /// Inverse covariances, of [`Geometry::shape`].
    pub precisions: Option<Vec<f64>>,
}

impl Given {
    /// Whether nothing is left to be found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.weights.is_some() && self.means.is_some() && self.precisions.is_some()
    }
}

impl Start {
    /// The parameters that maximise the likelihood of first statistics, but for those given.
    ///
    /// # Errors
    ///
    /// As [`estimate`] and [`Mixture::new`]; [`Error::IllConditioned`] if a covariance, or a given
    /// precision, is not positive definite.
    pub fn new(
        context: &Context,
        statistics: &MixtureStatistics,
        constraint: &dyn Constraint,
        reg_covar: f64,
        given: &Given,
    ) -> Result<Self, Error> {
        let estimates = estimate(statistics, constraint, reg_covar, context.stop())?;
        let (geometry, d) = (estimates.geometry, estimates.n_features());
        let total = statistics.total_weight();
        let weights = match &given.weights {
            Some(weights) => memory::copied(weights, STARTS)?,
            None => memory::collected(estimates.counts.iter().map(|n| n / total), STARTS)?,
        };
        let means = match &given.means {
            Some(means) => memory::copied(means, STARTS)?,
            None => estimates.means,
        };
        let (factors, covariances) = match &given.precisions {
            Some(precisions) => inverted(context, geometry, precisions, d)?,
            None => {
                let covariances = estimates.covariances;
                (precisions_cholesky(context, geometry, &covariances, d)?, covariances)
            }
        };
        let mixture = Mixture::new(geometry, d, weights, means, factors, context.stop())?;
        Ok(Self { mixture: Arc::new(mixture), covariances })
    }

    /// Of given weights, means and precisions.
    ///
    /// # Errors
    ///
    /// As [`Mixture::new`]; [`Error::IllConditioned`] if a precision is not positive definite.
    pub fn given(
        context: &Context,
        geometry: Geometry,
        n_features: usize,
        given: Given,
    ) -> Result<Self, Error> {
        let Given { weights, means, precisions } = given;
        let [weights, means, precisions] =
            [weights, means, precisions].map(Option::unwrap_or_default);
        let (factors, covariances) = inverted(context, geometry, &precisions, n_features)?;
        let mixture = Mixture::new(geometry, n_features, weights, means, factors, context.stop())?;
        Ok(Self { mixture: Arc::new(mixture), covariances })
    }
}

/// The factors and the inverses of precisions, by our own factorisations: the same bits everywhere.
fn inverted(
    context: &Context,
    geometry: Geometry,
    values: &[f64],
    d: usize,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let factors = precisions_cholesky_from_precisions(context, geometry, values, d)?;
    if !geometry.is_matrix() {
        let inverses = values.iter().map(|precision| 1.0 / precision);
        return Ok((factors, memory::collected(inverses, ESTIMATES)?));
    }
    // The precision of a precision.
    let inverse = precisions_cholesky(context, geometry, values, d)?;
    Ok((factors, precisions(context, geometry, &inverse, d)?))
}
