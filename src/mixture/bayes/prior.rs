//! What is known of a mixture before any row was seen, and the M-step: what is known after them.

use std::sync::Arc;

use super::posterior::{Concentration, Posterior};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::mixture::constraints::Constraint;
use crate::mixture::factors::precisions_cholesky;
use crate::mixture::geometry::Geometry;
use crate::mixture::maximization::{Estimates, estimate};
use crate::mixture::model::Model;
use crate::mixture::start::{Given, Start};
use crate::mixture::statistics::MixtureStatistics;
use crate::mixture::value::Mixture;
use crate::mixture::{ESTIMATES, unit};

/// Conjugate priors: Dirichlet or its process for the weights, normal-Wishart for means and precisions.
#[derive(Debug)]
pub struct Prior {
    /// Whether the weights are those of a Dirichlet process.
    pub process: bool,
    /// Rows that each component has been seen in, or the concentration of the process.
    pub concentration: f64,
    /// How many rows the mean of the means counts for.
    pub mean_precision: f64,
    /// Mean of the means.
    pub mean: Vec<f64>,
    /// Of the Wishart distributions; above d − 1.
    pub degrees_of_freedom: f64,
    /// Inverse of the Wisharts' matrix W₀, as the factor of one component lies.
    pub covariance: Vec<f64>,
}

/// Variational Bayes: the posterior that is nearest to the true one among those in which responsibilities, weights,
/// and means with precisions are independent.
///
/// As scikit-learn's, down to its reading of one matrix for all (each component has seen 1/k of the rows) and to
/// `reg_covar` in the scatter. Unlike the likelihood's maximum it depends on how much the rows weigh as a whole.
#[derive(Debug)]
pub struct Bayes {
    /// What the covariances may be; one of those that are as free as their geometry.
    pub constraint: &'static dyn Constraint,
    /// Added to every variance of the scatter.
    pub reg_covar: f64,
    /// Before any row.
    pub prior: Prior,
    /// The logarithm to base 2 of the unit of the statistics' weights.
    pub exponent: i32,
}

impl Prior {
    /// Fails unless this is a distribution over covariances of that kind.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what cannot be used.
    pub fn check(&self, geometry: Geometry) -> Result<(), Error> {
        let invalid = |name, message: String| Err(Error::InvalidArgument { name, message });
        let d = self.mean.len();
        for (name, value, least) in [
            ("weight_concentration_prior", self.concentration, 0.0),
            ("mean_precision_prior", self.mean_precision, 0.0),
            ("degrees_of_freedom_prior", self.degrees_of_freedom, d as f64 - 1.0),
        ] {
            if !(value.is_finite() && value > least) {
                return invalid(name, format!("must be finite and above {least}, found {value:?}"));
            }
        }
        if !self.mean.iter().all(|value| value.is_finite()) {
            return invalid("mean_prior", "must be finite".into());
        }
        let expected = geometry.factor_len(d);
        let found = self.covariance.len();
        if found != expected || !self.covariance.iter().all(|value| value.is_finite()) {
            let message = format!("must hold {expected} finite numbers, found {found}");
            return invalid("covariance_prior", message);
        }
        Ok(())
    }

    /// What is known after rows with these estimates (Bishop 2006, equations 10.58 to 10.63; Blei & Jordan 2006).
    fn posterior(&self, estimates: &Estimates) -> Result<Posterior, Error> {
        let counts = &estimates.counts;
        let concentration = if self.process {
            let cut = memory::collected(counts.iter().map(|n| 1.0 + n), ESTIMATES)?;
            let mut left = memory::filled(counts.len(), 0.0, ESTIMATES)?;
            let mut behind = 0.0;
            for (left, n) in left.iter_mut().zip(counts).rev() {
                *left = self.concentration + behind;
                behind += n;
            }
            Concentration::Process(cut, left)
        } else {
            let numbers = counts.iter().map(|n| self.concentration + n);
            Concentration::Dirichlet(memory::collected(numbers, ESTIMATES)?)
        };
        let precisions = counts.iter().map(|n| self.mean_precision + n);
        let freedom = |n: f64| self.degrees_of_freedom + n;
        let degrees_of_freedom = if estimates.geometry.is_shared() {
            memory::filled(1, freedom(mean(counts)), ESTIMATES)?
        } else {
            memory::collected(counts.iter().map(|&n| freedom(n)), ESTIMATES)?
        };
        let mean_precision = memory::collected(precisions, ESTIMATES)?;
        Ok(Posterior { concentration, mean_precision, degrees_of_freedom })
    }

    /// The means' means.
    fn means(&self, estimates: &Estimates, posterior: &Posterior) -> Result<Vec<f64>, Error> {
        let d = self.mean.len();
        let mut means = memory::with_capacity(estimates.means.len(), ESTIMATES)?;
        for (k, found) in estimates.means.chunks_exact(d).enumerate() {
            let (n, beta) = (estimates.counts[k], posterior.mean_precision[k]);
            let each = self.mean.iter().zip(found);
            means.extend(
                each.map(|(prior, found)| (self.mean_precision * prior + n * found) / beta),
            );
        }
        Ok(means)
    }

    /// Turns the estimated covariances into E[Λₖ]⁻¹ = Wₖ⁻¹/νₖ.
    fn update_covariances(&self, estimates: &mut Estimates, posterior: &Posterior) {
        let (geometry, d) = (estimates.geometry, self.mean.len());
        let shared = geometry.is_shared();
        let share = if shared { 1.0 / estimates.counts.len() as f64 } else { 1.0 };
        let (counts, means) = (&estimates.counts, &estimates.means);
        let factors = estimates.covariances.chunks_exact_mut(geometry.factor_len(d));
        for (f, covariance) in factors.enumerate() {
            let n = if shared { mean(counts) } else { counts[f] };
            for (value, prior) in covariance.iter_mut().zip(&self.covariance) {
                *value = *value * n + prior;
            }
            let components = if shared { 0..counts.len() } else { f..f + 1 };
            for k in components {
                let drawn = share * counts[k] * self.mean_precision / posterior.mean_precision[k];
                let apart = |i: usize| means[k * d + i] - self.mean[i];
                add_outer(geometry, covariance, d, |i, j| drawn * apart(i) * apart(j));
            }
            let nu = posterior.freedom(f);
            covariance.iter_mut().for_each(|value| *value /= nu);
        }
    }
}

/// Adds a symmetric matrix, given by its entries, to a covariance: its diagonal, or the mean of that.
fn add_outer(
    geometry: Geometry,
    covariance: &mut [f64],
    d: usize,
    entry: impl Fn(usize, usize) -> f64,
) {
    match geometry {
        Geometry::Full | Geometry::Tied => {
            for (i, row) in covariance.chunks_exact_mut(d).enumerate() {
                row.iter_mut().enumerate().for_each(|(j, value)| *value += entry(i, j));
            }
        }
        Geometry::Diagonal => {
            covariance.iter_mut().enumerate().for_each(|(i, value)| *value += entry(i, i));
        }
        Geometry::Spherical => {
            covariance[0] += (0..d).map(|i| entry(i, i)).sum::<f64>() / d as f64;
        }
    }
}

fn mean(counts: &[f64]) -> f64 {
    counts.iter().sum::<f64>() / counts.len() as f64
}

impl Bayes {
    /// The posterior of the parameters.
    fn posterior_of(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
    ) -> Result<Start, Error> {
        let scaled;
        let statistics = if self.exponent == 0 {
            statistics
        } else {
            scaled = statistics.copied()?.times_power(self.exponent);
            &scaled
        };
        let stop = context.stop();
        let mut estimates = estimate(statistics, self.constraint, self.reg_covar, None, stop)?;
        let (geometry, d) = (estimates.geometry, estimates.n_features());
        if d != self.prior.mean.len() {
            let message = format!("is of {} features, but X has {d}", self.prior.mean.len());
            return Err(Error::InvalidArgument { name: "mean_prior", message });
        }
        let posterior = self.prior.posterior(&estimates)?;
        let means = self.prior.means(&estimates, &posterior)?;
        self.prior.update_covariances(&mut estimates, &posterior);
        let covariances = estimates.covariances;
        let factors = precisions_cholesky(context, geometry, &covariances, d)?;
        let mixture = Mixture::of_posterior(geometry, d, posterior, means, factors, stop)?;
        Ok(Start { mixture: Arc::new(mixture), covariances })
    }
}

impl Model for Bayes {
    /// Nothing is given in place of what is found.
    fn start(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        _: &Given,
    ) -> Result<Start, Error> {
        self.posterior_of(context, statistics)
    }

    fn maximize(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        _: &Mixture,
    ) -> Result<Start, Error> {
        self.posterior_of(context, statistics)
    }

    fn bound(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        before: &Mixture,
        after: &Mixture,
    ) -> Result<f64, Error> {
        let entropy = super::bound::entropy(statistics, before, context.stop())?;
        Ok(unit::times_power(entropy, self.exponent) + super::bound::of_parameters(after))
    }
}
