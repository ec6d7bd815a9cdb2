//! The M-step's last act: from folded statistics to weights, means, covariances, precisions.

use super::parameters::{CovarianceType, Parameters, triangle};
use super::statistics::{MixtureStatistics, push_symmetric};
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::linalg;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the estimates of a mixture";

/// Counts, means and covariances of the components.
#[derive(Debug, PartialEq)]
pub struct Estimates {
    /// The covariance family.
    pub covariance_type: CovarianceType,
    /// nₖ = Σr + 10 ε of a row's mean weight, which keeps an empty component from dividing by zero.
    pub counts: Vec<f64>,
    /// Σrx / nₖ, components × features.
    pub means: Vec<f64>,
    /// Of [`CovarianceType::shape`].
    pub covariances: Vec<f64>,
}

/// Maximum-likelihood estimates with `reg_covar` added to every variance.
///
/// They are scikit-learn's: nₖ = Σr + 10 ε; μ = Σrx / nₖ; Σ = Σ r(x−μ)(x−μ)ᵀ / nₖ (for `tied` summed over
/// components and divided by Σ nₖ; for `spherical` averaged over features). Only the way there
/// differs: the second moments were accumulated about nearby centres, and ε is in units of what a
/// row weighs, so that the scale of sample weights does not matter.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for the identity, which has no components, and for sums that
/// overflowed; [`Error::Interrupted`] if stopped.
pub fn estimate(
    statistics: &MixtureStatistics,
    reg_covar: f64,
    stop: &Stop,
) -> Result<Estimates, Error> {
    let Some(moments) = &statistics.model else {
        return Err(Error::InvalidArgument {
            name: "statistics",
            message: "the identity MixtureStatistics() holds no components; add the statistics of some rows".into(),
        });
    };
    statistics.check_finite()?;
    let d = moments.n_features;
    let least = 10.0 * f64::EPSILON * statistics.mean_weight();
    let counts = memory::collected(moments.counts.iter().map(|n| n + least), WHAT)?;
    let mut means = memory::with_capacity(moments.centers.len(), WHAT)?;
    for (i, (center, sum)) in moments.centers.iter().zip(&moments.sums).enumerate() {
        let k = i / d;
        means.push(center * (moments.counts[k] / counts[k]) + sum / counts[k]);
    }
    let scatter = moments.about(&means, stop)?.scatter;
    let k = counts.len();
    let length = moments.covariance_type.len(k, d);
    let mut covariances = memory::with_capacity(length, WHAT)?;
    match moments.covariance_type {
        CovarianceType::Full => {
            for (lower, &n) in scatter.chunks_exact(triangle(d).max(1)).zip(&counts) {
                stop.check()?;
                covariance(&mut covariances, lower, d, n, reg_covar);
            }
        }
        CovarianceType::Tied => {
            covariance(&mut covariances, &scatter, d, counts.iter().sum(), reg_covar);
        }
        CovarianceType::Diagonal => {
            covariances.extend((0..k * d).map(|i| scatter[i] / counts[i / d] + reg_covar));
        }
        CovarianceType::Spherical => {
            let variance = |i: usize| scatter[i] / (counts[i] * d as f64) + reg_covar;
            covariances.extend((0..k).map(variance));
        }
    }
    Ok(Estimates { covariance_type: moments.covariance_type, counts, means, covariances })
}

/// Adds the covariance matrix of a scatter's lower triangle: divided by n, `reg_covar` on the
/// diagonal.
fn covariance(matrices: &mut Vec<f64>, lower: &[f64], d: usize, n: f64, reg_covar: f64) {
    let start = matrices.len();
    push_symmetric(matrices, lower, d);
    let matrix = &mut matrices[start..];
    for value in &mut *matrix {
        *value /= n;
    }
    for variance in matrix.iter_mut().step_by(d + 1) {
        *variance += reg_covar;
    }
}

/// Cholesky factors U of the precisions, Σ⁻¹ = UUᵀ, of covariances of the family's shape.
///
/// # Errors
///
/// [`Error::IllConditioned`] naming the first component whose covariance is not positive definite.
pub fn precisions_cholesky(
    context: &Context,
    covariance_type: CovarianceType,
    covariances: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    let d = n_features;
    match covariance_type {
        CovarianceType::Full | CovarianceType::Tied => {
            factor_each(context, covariances, d, linalg::precision_cholesky)
        }
        CovarianceType::Diagonal | CovarianceType::Spherical => {
            match covariances.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
                Some(i) => {
                    Err(Error::IllConditioned { component: i / per_component(covariance_type, d) })
                }
                None => memory::collected(covariances.iter().map(|v| 1.0 / v.sqrt()), WHAT),
            }
        }
    }
}

/// Cholesky factors U of given precisions.
///
/// # Errors
///
/// As [`precisions_cholesky`].
pub fn precisions_cholesky_from_precisions(
    context: &Context,
    covariance_type: CovarianceType,
    precisions: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    match covariance_type {
        CovarianceType::Full | CovarianceType::Tied => {
            factor_each(context, precisions, n_features, linalg::precision_cholesky_from_precision)
        }
        CovarianceType::Diagonal | CovarianceType::Spherical => {
            match precisions.iter().position(|p| !(p.is_finite() && *p > 0.0)) {
                Some(i) => Err(Error::IllConditioned {
                    component: i / per_component(covariance_type, n_features),
                }),
                None => memory::collected(precisions.iter().map(|p| p.sqrt()), WHAT),
            }
        }
    }
}

/// Precisions F Fᵀ (for diagonal families p²) of their factors, whatever the form of these.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped.
pub fn precisions(
    context: &Context,
    covariance_type: CovarianceType,
    factors: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    match covariance_type {
        CovarianceType::Full | CovarianceType::Tied => {
            factor_each(context, factors, n_features, |factor, d, stop| {
                let mut upper = memory::copied(factor, WHAT)?;
                linalg::make_upper(&mut upper, d, stop)?;
                linalg::precision(&upper, d, stop)
            })
        }
        CovarianceType::Diagonal | CovarianceType::Spherical => {
            memory::collected(factors.iter().map(|p| p * p), WHAT)
        }
    }
}

/// Values per component of a diagonal family.
fn per_component(covariance_type: CovarianceType, n_features: usize) -> usize {
    if covariance_type == CovarianceType::Diagonal { n_features.max(1) } else { 1 }
}

/// A factorisation of a d × d matrix that ends early when it is asked to.
type Factorisation = fn(&[f64], usize, &Stop) -> Result<Vec<f64>, Error>;

/// Applies a d × d factorisation to every matrix of a stack, in parallel where it is worth it.
fn factor_each(
    context: &Context,
    matrices: &[f64],
    d: usize,
    factor: Factorisation,
) -> Result<Vec<f64>, Error> {
    let size = (d * d).max(1);
    let count = matrices.len() / size;
    if count > 1 && d >= 16 {
        let middle = count / 2;
        let (left, right) = matrices.split_at(middle * size);
        let (left, right) = context.join(
            || factor_each(context, left, d, factor),
            || factor_each(context, right, d, factor),
        );
        let mut left = left?;
        let right = right.map_err(|error| shift_component(error, middle))?;
        memory::append(&mut left, &right, WHAT)?;
        return Ok(left);
    }
    let mut factors = memory::with_capacity(matrices.len(), WHAT)?;
    for (component, matrix) in matrices.chunks_exact(size).enumerate() {
        let factor = factor(matrix, d, context.stop());
        factors.extend(factor.map_err(|error| shift_component(error, component))?);
    }
    Ok(factors)
}

fn shift_component(error: Error, by: usize) -> Error {
    match error {
        Error::IllConditioned { component } => Error::IllConditioned { component: component + by },
        other => other,
    }
}

impl Estimates {
    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.means.len() / self.counts.len().max(1)
    }

    /// The parameters of the next E-step: weights nₖ / Σ nₖ and the factors of the precisions.
    ///
    /// # Errors
    ///
    /// [`Error::IllConditioned`] if a covariance is not positive definite.
    pub fn parameters(&self, context: &Context) -> Result<Parameters, Error> {
        let d = self.n_features();
        let total: f64 = self.counts.iter().sum();
        let weights = memory::collected(self.counts.iter().map(|n| n / total), WHAT)?;
        let factors = precisions_cholesky(context, self.covariance_type, &self.covariances, d)?;
        let means = memory::copied(&self.means, WHAT)?;
        Parameters::new(self.covariance_type, d, weights, means, factors, context.stop())
    }
}
