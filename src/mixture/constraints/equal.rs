//! One volume and one shape for all, along the axes: σ² = tr S / (n d) (EII), σⱼ² = Sⱼ / n (EEI), with S
//! summed over components (Celeux & Govaert 1995).

use super::{Constraint, Ridge, Scatter};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::Geometry;

/// One variance for all components and features.
#[derive(Debug)]
pub struct EqualSpherical;

/// One diagonal for all components.
#[derive(Debug)]
pub struct EqualDiagonal;

impl Constraint for EqualSpherical {
    fn name(&self) -> &'static str {
        "EII"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Spherical
    }

    fn n_parameters(&self, _: usize, _: usize) -> usize {
        1
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        let trace: f64 = scatter.values.iter().sum();
        let variance = trace / (scatter.total() * scatter.n_features as f64);
        memory::filled(scatter.counts.len(), variance, ESTIMATES)
    }
}

impl Constraint for EqualDiagonal {
    fn name(&self) -> &'static str {
        "EEI"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Diagonal
    }

    fn n_parameters(&self, _: usize, n_features: usize) -> usize {
        n_features
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        let mut variances = scatter.pooled()?;
        let n = scatter.total();
        variances.iter_mut().for_each(|variance| *variance /= n);
        memory::repeated(&variances, scatter.counts.len(), ESTIMATES)
    }
}
