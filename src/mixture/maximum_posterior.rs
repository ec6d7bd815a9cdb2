//! The mode of the posterior: maximum likelihood with rows more, which nobody has seen.

use std::sync::Arc;

use super::bayes::squared_distances;
use super::geometry::Geometry;
use super::maximization::estimate;
use super::model::{MaximumLikelihood, Model};
use super::start::{Given, Start};
use super::statistics::MixtureStatistics;
use super::unit::times_power;
use super::value::Mixture;
use super::{ESTIMATES, STARTS};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::simd::ln;

/// Conjugate priors (Dirichlet for the weights, normal-inverse-Wishart for means and covariances) as what they are
/// conjugate for: rows that each component has been seen in before (Gelman et al. 2013, section 3.6).
///
/// A component has `mean_rows` rows at `mean`; `covariance_rows` whose mean is the component's own, whatever that is,
/// and whose covariance is `covariance`; and `weight_rows` that count for its weight only. Where all three numbers tend
/// to 0, what is left is the likelihood.
#[derive(Debug)]
pub struct PriorRows {
    /// How many count for the weight.
    pub weight_rows: f64,
    /// Where the means are drawn to.
    pub mean: Vec<f64>,
    /// By how many rows.
    pub mean_rows: f64,
    /// What the covariances are drawn to, as the factor of one component lies.
    pub covariance: Vec<f64>,
    /// By how many rows.
    pub covariance_rows: f64,
}

/// Maximum a posteriori. The bound is the mean log-likelihood of a row with the logarithm of the prior density, but for
/// constants, shared among the rows.
#[derive(Debug)]
pub struct MaximumPosterior {
    /// What is maximised without a prior.
    pub likelihood: MaximumLikelihood,
    /// The rows more.
    pub prior: PriorRows,
    /// The logarithm to base 2 of the unit of the statistics' weights.
    pub exponent: i32,
}

impl PriorRows {
    /// Fails unless this is a prior for covariances that lie so.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what cannot be used.
    pub fn check(&self, geometry: Geometry) -> Result<(), Error> {
        let invalid = |name, message: String| Err(Error::InvalidArgument { name, message });
        for (name, rows) in [
            ("weight_prior", self.weight_rows),
            ("mean_prior", self.mean_rows),
            ("covariance_prior", self.covariance_rows),
        ] {
            if !(rows.is_finite() && rows >= 0.0) {
                let message = format!("must count for a finite number of rows, found {rows:?}");
                return invalid(name, message);
            }
        }
        let expected = geometry.factor_len(self.mean.len());
        for (name, values, expected) in [
            ("mean_prior", &self.mean, self.mean.len()),
            ("covariance_prior", &self.covariance, expected),
        ] {
            if values.len() != expected || !values.iter().all(|value| value.is_finite()) {
                let found = values.len();
                return invalid(
                    name,
                    format!("must hold {expected} finite numbers, found {found}"),
                );
            }
        }
        Ok(())
    }

    /// Entry (i, j) of the sum of squares of the rows with that covariance.
    fn square(&self, geometry: Geometry, i: usize, j: usize) -> f64 {
        let d = self.mean.len();
        let covariance = match geometry {
            Geometry::Full | Geometry::Tied => self.covariance[i * d + j],
            _ if i != j => 0.0,
            Geometry::Diagonal => self.covariance[i],
            Geometry::Spherical => self.covariance[0],
        };
        self.covariance_rows * covariance
    }

    /// Adds the rows of every component.
    fn add_to(&self, statistics: &mut MixtureStatistics) -> Result<(), Error> {
        let Some(moments) = &mut statistics.model else { return Ok(()) };
        let (geometry, d) = (moments.geometry, moments.n_features);
        if d != self.mean.len() {
            let message = format!("is of {} features, but X has {d}", self.mean.len());
            return Err(Error::InvalidArgument { name: "mean_prior", message });
        }
        let mut apart = memory::filled(d, 0.0, ESTIMATES)?;
        let mut middle = memory::filled(d, 0.0, ESTIMATES)?;
        for k in 0..moments.n_components() {
            let sums = &mut moments.sums[k * d..][..d];
            let drawn = moments.counts[k] + self.mean_rows;
            for i in 0..d {
                apart[i] = self.mean[i] - moments.centers[k * d + i];
                sums[i] += self.mean_rows * apart[i];
                // Where the component's own mean will be, about which those of the covariance lie.
                middle[i] = if drawn > 0.0 { sums[i] / drawn } else { 0.0 };
                sums[i] += self.covariance_rows * middle[i];
            }
            moments.counts[k] = drawn + self.covariance_rows;
            moments.add_to_scatter(k, |i, j| {
                self.square(geometry, i, j)
                    + self.mean_rows * apart[i] * apart[j]
                    + self.covariance_rows * middle[i] * middle[j]
            });
        }
        Ok(())
    }

    /// The weights of components that have these numbers of rows.
    fn weights(&self, counts: &[f64]) -> Result<Vec<f64>, Error> {
        let total: f64 = counts.iter().map(|n| n + self.weight_rows).sum();
        memory::collected(counts.iter().map(|n| (n + self.weight_rows) / total), ESTIMATES)
    }

    /// The logarithm of the density of the parameters, but for constants: the log-likelihood of the rows.
    fn log_density(&self, mixture: &Mixture, context: &Context) -> Result<f64, Error> {
        let (geometry, d) = (mixture.geometry(), mixture.n_features());
        let mut squares = memory::filled(geometry.scatter_len_of_one(d), 0.0, ESTIMATES)?;
        let rows = self.mean_rows + self.covariance_rows;
        let mut sum = 0.0;
        for k in 0..mixture.n_components() {
            context.check()?;
            let apart = |i: usize| mixture.mean(k)[i] - self.mean[i];
            let entry = |i, j| self.square(geometry, i, j) + self.mean_rows * apart(i) * apart(j);
            squares.fill(0.0);
            super::statistics::add_symmetric(geometry, d, &mut squares, entry);
            let factor = mixture.factor(k);
            let apart = squared_distances(geometry, factor, &squares, d, context.stop())?;
            sum += rows * mixture.log_det(k) - 0.5 * apart;
            if self.weight_rows > 0.0 {
                sum += self.weight_rows * ln(mixture.weights()[k]);
            }
        }
        Ok(sum)
    }
}

impl MaximumPosterior {
    /// The statistics in units of rows, with the rows more, and the counts without them.
    fn completed(
        &self,
        statistics: &MixtureStatistics,
    ) -> Result<(MixtureStatistics, Vec<f64>), Error> {
        let mut all = statistics.copied()?.times_power(self.exponent);
        let counts = memory::copied(all.counts(), ESTIMATES)?;
        self.prior.add_to(&mut all)?;
        Ok((all, counts))
    }
}

impl Model for MaximumPosterior {
    fn start(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        given: &Given,
    ) -> Result<Start, Error> {
        let MaximumLikelihood { constraint, reg_covar } = self.likelihood;
        let (all, counts) = self.completed(statistics)?;
        let copied = |values: &Option<Vec<f64>>| {
            values.as_ref().map(|values| memory::copied(values, STARTS)).transpose()
        };
        let given = Given {
            weights: Some(match copied(&given.weights)? {
                Some(weights) => weights,
                None => self.prior.weights(&counts)?,
            }),
            means: copied(&given.means)?,
            precisions: copied(&given.precisions)?,
        };
        Start::new(context, &all, constraint, reg_covar, &given)
    }

    fn maximize(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        previous: &Mixture,
    ) -> Result<Start, Error> {
        let MaximumLikelihood { constraint, reg_covar } = self.likelihood;
        let (all, mut counts) = self.completed(statistics)?;
        let mut estimates = estimate(&all, constraint, reg_covar, Some(previous), context.stop())?;
        let least = 10.0 * f64::EPSILON * all.mean_weight();
        counts.iter_mut().for_each(|n| *n += self.prior.weight_rows + least);
        estimates.counts = counts;
        let mixture = Arc::new(estimates.mixture(context)?);
        Ok(Start { mixture, covariances: estimates.covariances })
    }

    fn bound(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        before: &Mixture,
        _: &Mixture,
    ) -> Result<f64, Error> {
        let rows = times_power(statistics.total_weight(), self.exponent);
        Ok(statistics.lower_bound() + self.prior.log_density(before, context)? / rows)
    }
}
