//! Factors of precisions: from covariances, from precisions, and back.

use super::ESTIMATES;
use super::geometry::Geometry;
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::linalg;
use crate::memory;

/// Cholesky factors U of the precisions, Σ⁻¹ = UUᵀ, of covariances of the geometry's shape.
///
/// # Errors
///
/// [`Error::IllConditioned`] naming the first component whose covariance is not positive definite.
pub fn precisions_cholesky(
    context: &Context,
    geometry: Geometry,
    covariances: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    if geometry.is_matrix() {
        return factor_each(context, covariances, n_features, linalg::precision_cholesky);
    }
    each_positive(geometry, covariances, n_features, |variance| 1.0 / variance.sqrt())
}

/// Cholesky factors U of given precisions.
///
/// # Errors
///
/// As [`precisions_cholesky`].
pub fn precisions_cholesky_from_precisions(
    context: &Context,
    geometry: Geometry,
    precisions: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    if geometry.is_matrix() {
        let factor = linalg::precision_cholesky_from_precision;
        return factor_each(context, precisions, n_features, factor);
    }
    each_positive(geometry, precisions, n_features, f64::sqrt)
}

/// Precisions F Fᵀ (for diagonals p²) of their factors, whatever the form of these.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped.
pub fn precisions(
    context: &Context,
    geometry: Geometry,
    factors: &[f64],
    n_features: usize,
) -> Result<Vec<f64>, Error> {
    if !geometry.is_matrix() {
        return memory::collected(factors.iter().map(|p| p * p), ESTIMATES);
    }
    factor_each(context, factors, n_features, |factor, d, stop| {
        let mut upper = memory::copied(factor, ESTIMATES)?;
        linalg::make_upper(&mut upper, d, stop)?;
        linalg::precision(&upper, d, stop)
    })
}

/// A function of each of the values, which must be positive and finite.
fn each_positive(
    geometry: Geometry,
    values: &[f64],
    n_features: usize,
    function: impl Fn(f64) -> f64,
) -> Result<Vec<f64>, Error> {
    match values.iter().position(|value| !(value.is_finite() && *value > 0.0)) {
        Some(i) => {
            Err(Error::IllConditioned { component: i / geometry.factor_len(n_features).max(1) })
        }
        None => memory::collected(values.iter().map(|&value| function(value)), ESTIMATES),
    }
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
        memory::append(&mut left, &right, ESTIMATES)?;
        return Ok(left);
    }
    let mut factors = memory::with_capacity(matrices.len(), ESTIMATES)?;
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
