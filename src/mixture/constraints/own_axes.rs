//! Axes of their own, and one shape along them: Σₖ = λ Dₖ A Dₖᵀ (EEV), λₖ Dₖ A Dₖᵀ (VEV).
//!
//! Dₖ are the eigenvectors of Sₖ, the largest eigenvalue first, whatever A is; so eigenvalues take
//! the place of the squares of EEI and VEI (Celeux & Govaert 1995).

use super::matrices::{is_nothing, push_spanned, symmetric};
use super::volumes::diagonals;
use super::{Constraint, Scatter, free_parameters};
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};

/// Matrices with the same eigenvalues.
#[derive(Debug)]
pub struct OwnAxes;

/// Matrices with the same ratios of eigenvalues.
#[derive(Debug)]
pub struct OwnAxesAndVolumes;

impl Constraint for OwnAxes {
    fn name(&self) -> &'static str {
        "EEV"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, 1, 1, k)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        let Axes { axes, squares } = Axes::of(scatter, stop)?;
        let n = scatter.total();
        let mut variances = memory::filled(scatter.n_features, 0.0, ESTIMATES)?;
        for part in squares.chunks_exact(scatter.n_features) {
            variances.iter_mut().zip(part).for_each(|(sum, s)| *sum += s / n);
        }
        spanned(
            &axes,
            &memory::repeated(&variances, scatter.counts.len(), ESTIMATES)?,
            scatter,
            stop,
        )
    }
}

impl Constraint for OwnAxesAndVolumes {
    fn name(&self) -> &'static str {
        "VEV"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, k, 1, k)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        scatter.check_volumes()?;
        let Axes { axes, squares } = Axes::of(scatter, stop)?;
        spanned(&axes, &diagonals(scatter, &squares, stop)?, scatter, stop)
    }
}

/// Eigenvectors and eigenvalues of every scatter.
struct Axes {
    axes: Vec<f64>,
    squares: Vec<f64>,
}

impl Axes {
    fn of(scatter: &Scatter<'_>, stop: &Stop) -> Result<Self, Error> {
        let (d, k) = (scatter.n_features, scatter.counts.len());
        let mut axes = memory::with_capacity(k * d * d, ESTIMATES)?;
        let mut squares = memory::with_capacity(k * d, ESTIMATES)?;
        for lower in scatter.values.chunks_exact(triangle(d).max(1)) {
            let found = linalg::eigen(&symmetric(lower, d)?, d, stop)?;
            axes.extend_from_slice(&found.vectors);
            // What a rounding took below 0 is 0.
            squares.extend(found.values.iter().map(|value| value.max(0.0)));
        }
        Ok(Self { axes, squares })
    }
}

/// Matrices with such variances along such axes, unless one has none along one of them.
fn spanned(
    axes: &[f64],
    variances: &[f64],
    scatter: &Scatter<'_>,
    stop: &Stop,
) -> Result<Vec<f64>, Error> {
    let d = scatter.n_features;
    let mut covariances = memory::with_capacity(axes.len(), ESTIMATES)?;
    let parts = variances.chunks_exact(d).zip(axes.chunks_exact(d * d));
    for (component, (variances, axes)) in parts.enumerate() {
        // The largest is first.
        if variances.iter().any(|variance| is_nothing(*variance, variances[0], d)) {
            return Err(Error::IllConditioned { component });
        }
        push_spanned(&mut covariances, axes, variances, stop)?;
    }
    Ok(covariances)
}
