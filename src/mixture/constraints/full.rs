//! A matrix for each component: Σₖ = Sₖ / nₖ (Bishop 2006, equation 9.25).

use super::{Constraint, Ridge, Scatter, push_divided};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};

/// A matrix for each component, under one of the names that it has.
#[derive(Debug)]
pub struct Full(pub &'static str);

impl Constraint for Full {
    fn name(&self) -> &'static str {
        self.0
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, n_components: usize, n_features: usize) -> usize {
        n_components * triangle(n_features)
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        let &Scatter { n_features: d, counts, values, .. } = scatter;
        let mut covariances = memory::with_capacity(counts.len() * d * d, ESTIMATES)?;
        for (lower, &n) in values.chunks_exact(triangle(d).max(1)).zip(counts) {
            stop.check()?;
            push_divided(&mut covariances, lower, d, n);
        }
        Ok(covariances)
    }
}
