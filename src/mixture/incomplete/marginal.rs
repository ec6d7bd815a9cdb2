//! A mixture of some of the features: again one, of the same family of geometry.

use super::WHAT;
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::mixture::geometry::Geometry;
use crate::mixture::value::Mixture;

/// The covariances of a mixture, of the shape of its geometry.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
pub fn covariances(mixture: &Mixture, stop: &Stop) -> Result<Vec<f64>, Error> {
    let (factors, d) = (mixture.precisions_cholesky(), mixture.n_features());
    if !mixture.geometry().is_matrix() {
        return memory::collected(factors.iter().map(|u| 1.0 / (u * u)), WHAT);
    }
    let mut covariances = memory::with_capacity(factors.len(), WHAT)?;
    for factor in factors.chunks_exact(d * d) {
        covariances.extend(linalg::covariance(factor, d, stop)?);
    }
    Ok(covariances)
}

impl Mixture {
    /// The mixtures of some of the features, each in its order; of all of them in theirs a copy.
    ///
    /// # Errors
    ///
    /// As [`marginal`].
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn marginals(&self, features: &[Vec<usize>], stop: &Stop) -> Result<Vec<Self>, Error> {
        let covariances = covariances(self, stop)?;
        let of = features.iter().map(|some| {
            let all = some.iter().copied().eq(0..self.n_features());
            if all { self.copied() } else { marginal(self, &covariances, some, stop) }
        });
        memory::gathered(of, WHAT)
    }
}

/// The distribution of some of the features, in this order, given the covariances of all.
///
/// # Errors
///
/// [`Error::IllConditioned`] if a covariance of these is not positive definite, [`Error::Memory`],
/// [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If there is no such feature, or not as many covariances.
pub fn marginal(
    mixture: &Mixture,
    covariances: &[f64],
    features: &[usize],
    stop: &Stop,
) -> Result<Mixture, Error> {
    let (geometry, d, m) = (mixture.geometry(), mixture.n_features(), features.len());
    let weights = memory::copied(mixture.weights(), WHAT)?;
    let mut means = memory::with_capacity(weights.len() * m, WHAT)?;
    for mean in mixture.means().chunks_exact(d) {
        means.extend(features.iter().map(|&j| mean[j]));
    }
    let mut factors = Vec::new();
    for (component, covariance) in covariances.chunks_exact(geometry.factor_len(d)).enumerate() {
        stop.check()?;
        let factor = match geometry {
            Geometry::Spherical => memory::copied(mixture.factor(component), WHAT)?,
            Geometry::Diagonal => {
                let all = mixture.factor(component);
                memory::collected(features.iter().map(|&j| all[j]), WHAT)?
            }
            Geometry::Full | Geometry::Tied => {
                let some = part(covariance, d, features, features)?;
                linalg::precision_cholesky(&some, m, stop).map_err(|error| match error {
                    Error::IllConditioned { .. } => Error::IllConditioned { component },
                    other => other,
                })?
            }
        };
        memory::append(&mut factors, &factor, WHAT)?;
    }
    Mixture::new(geometry, m, weights, means, factors, stop)
}

/// Some rows and columns of a d × d matrix.
pub(super) fn part(
    matrix: &[f64],
    d: usize,
    rows: &[usize],
    columns: &[usize],
) -> Result<Vec<f64>, Error> {
    let mut found =
        memory::with_capacity(memory::product(&[rows.len(), columns.len()], WHAT)?, WHAT)?;
    for &i in rows {
        found.extend(columns.iter().map(|&j| matrix[i * d + j]));
    }
    Ok(found)
}
