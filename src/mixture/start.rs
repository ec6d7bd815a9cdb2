//! Where EM starts: parameters given by the user, the rest from first statistics.

use std::sync::Arc;

use super::constraints::Constraint;
use super::factors::{precisions, precisions_cholesky, precisions_cholesky_from_precisions};
use super::geometry::Geometry;
use super::initialise::{Method, initial_statistics};
use super::maximization::estimate;
use super::model::Model;
use super::sample::Sample;
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

/// The first collapse among several fits: an error only if none is left.
#[derive(Debug, Default)]
pub struct Collapsed(Option<Error>);

impl Collapsed {
    /// What was found, unless it collapsed.
    ///
    /// # Errors
    ///
    /// Any other.
    pub fn or_found<T>(&mut self, found: Result<T, Error>) -> Result<Option<T>, Error> {
        match found {
            Err(error @ Error::IllConditioned { .. }) => {
                self.0.get_or_insert(error);
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Fails if there was a collapse and nothing is left.
    ///
    /// # Errors
    ///
    /// The first [`Error::IllConditioned`].
    pub fn unless_some_live(self, living: usize) -> Result<(), Error> {
        match self.0 {
            Some(error) if living == 0 => Err(error),
            _ => Ok(()),
        }
    }
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

/// Where the starts of a fit come from.
#[derive(Debug)]
pub enum Starts {
    /// They are there.
    Known(Vec<Start>),
    /// They are looked for.
    Initial {
        /// Number of components.
        n_components: usize,
        /// How.
        method: Method,
        /// One for each start.
        seeds: Vec<u64>,
        /// What replaces what is found; one start is made of it if it is complete.
        given: Given,
    },
}

impl Starts {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Known(starts) => starts.len(),
            Self::Initial { given, .. } if given.is_complete() => 1,
            Self::Initial { seeds, .. } => seeds.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The starts themselves, but for those of which a covariance has collapsed.
    ///
    /// # Errors
    ///
    /// [`Error::IllConditioned`] if all have; as [`initial_statistics`], [`Model::start`] and [`Start::given`].
    pub fn find(
        self,
        context: &Context,
        sample: &Sample<'_>,
        geometry: Geometry,
        model: &dyn Model,
    ) -> Result<Vec<Start>, Error> {
        match self {
            Self::Known(starts) => Ok(starts),
            Self::Initial { given, .. } if given.is_complete() => {
                let d = sample.rows().n_columns();
                Ok(vec![Start::given(context, geometry, d, given)?])
            }
            Self::Initial { n_components: k, method, seeds, given } => {
                let found = initial_statistics(context, sample, k, geometry, method, &seeds)?;
                let mut collapsed = Collapsed::default();
                let mut starts = memory::with_capacity(found.len(), STARTS)?;
                for found in &found {
                    starts.extend(collapsed.or_found(model.start(context, found, &given))?);
                }
                collapsed.unless_some_live(starts.len())?;
                Ok(starts)
            }
        }
    }
}

impl Given {
    /// Whether nothing is left to be found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.weights.is_some() && self.means.is_some() && self.precisions.is_some()
    }
}

impl Start {
    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        let covariances = memory::copied(&self.covariances, STARTS)?;
        Ok(Self { mixture: Arc::clone(&self.mixture), covariances })
    }

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
        let estimates = estimate(statistics, constraint, reg_covar, None, context.stop())?;
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
