//! A variance for each component: σₖ² = tr Sₖ / (nₖ d).

use super::{Constraint, Ridge, Scatter};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::Geometry;

/// A variance for each component, under one of the names that it has.
#[derive(Debug)]
pub struct Spherical(pub &'static str);

impl Constraint for Spherical {
    fn name(&self) -> &'static str {
        self.0
    }

    fn geometry(&self) -> Geometry {
        Geometry::Spherical
    }

    fn n_parameters(&self, n_components: usize, _: usize) -> usize {
        n_components
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        let &Scatter { n_features: d, counts, values, .. } = scatter;
        let variance = |(s, n): (&f64, &f64)| s / (n * d as f64);
        memory::collected(values.iter().zip(counts).map(variance), ESTIMATES)
    }
}
