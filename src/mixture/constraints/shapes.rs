//! One volume, and shapes of their own: Σₖ = λ Cₖ with |Cₖ| = 1, Cₖ a diagonal (EVI) or any matrix (EVV).
//!
//! Cₖ = Sₖ / |Sₖ|^(1/d) and λ = Σₖ |Sₖ|^(1/d) / n (Celeux & Govaert 1995). Only ratios of determinants
//! are needed, which have no units.

use super::matrices::{is_nothing, symmetric};
use super::{Constraint, Scatter, free_parameters, push_divided};
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};
use crate::simd::relative_geometric_means;

/// Diagonals of one determinant.
#[derive(Debug)]
pub struct ShapesOfDiagonals;

/// Matrices of one determinant.
#[derive(Debug)]
pub struct ShapesOfMatrices;

impl Constraint for ShapesOfDiagonals {
    fn name(&self) -> &'static str {
        "EVI"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Diagonal
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, 1, k, 0)
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        scatter.check_shapes()?;
        let d = scatter.n_features;
        let divisors = divisors(scatter.values, scatter)?;
        memory::collected(
            scatter.values.iter().enumerate().map(|(i, s)| s / divisors[i / d]),
            ESTIMATES,
        )
    }
}

impl Constraint for ShapesOfMatrices {
    fn name(&self) -> &'static str {
        "EVV"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, 1, k, k)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        scatter.check_shapes()?;
        let (d, k) = (scatter.n_features, scatter.counts.len());
        let parts = || scatter.values.chunks_exact(triangle(d).max(1));
        let mut pivots = memory::with_capacity(k * d, ESTIMATES)?;
        for (component, lower) in parts().enumerate() {
            let lost = Error::IllConditioned { component };
            let factor =
                linalg::cholesky(&symmetric(lower, d)?, d, stop).map_err(|error| match error {
                    Error::IllConditioned { .. } => lost.clone(),
                    other => other,
                })?;
            for j in 0..d {
                let pivot = factor[j * d + j] * factor[j * d + j];
                if is_nothing(pivot, lower[triangle(j) + j], d) {
                    return Err(lost);
                }
                pivots.push(pivot);
            }
        }
        let divisors = divisors(&pivots, scatter)?;
        let mut covariances = memory::with_capacity(k * d * d, ESTIMATES)?;
        parts().zip(&divisors).for_each(|(lower, &n)| push_divided(&mut covariances, lower, d, n));
        Ok(covariances)
    }
}

/// What Sₖ is divided by: n |Sₖ|^(1/d) / Σₗ |Sₗ|^(1/d).
fn divisors(pivots: &[f64], scatter: &Scatter<'_>) -> Result<Vec<f64>, Error> {
    let n = scatter.total();
    let sizes = relative_sizes(pivots, scatter.n_features)?;
    let divisor = |size: &f64| n / sizes.iter().map(|other| other / size).sum::<f64>();
    let divisors = memory::collected(sizes.iter().map(divisor), ESTIMATES)?;
    match divisors.iter().position(|divisor| !(divisor.is_finite() && *divisor > 0.0)) {
        Some(component) => Err(Error::IllConditioned { component }),
        None => Ok(divisors),
    }
}

/// The geometric means of each component's d positive values, over the largest of these.
pub fn relative_sizes(values: &[f64], d: usize) -> Result<Vec<f64>, Error> {
    let mut means = memory::filled(values.len() / d, 0.0, ESTIMATES)?;
    relative_geometric_means(values, d, &mut means);
    Ok(means)
}
