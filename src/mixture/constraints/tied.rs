//! One matrix for all components: Σ = S / Σₖ nₖ with S summed over components.

use super::{Constraint, Ridge, Scatter, push_divided};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};

/// One matrix for all components, under one of the names that it has.
#[derive(Debug)]
pub struct Tied(pub &'static str);

impl Constraint for Tied {
    fn name(&self) -> &'static str {
        self.0
    }

    fn geometry(&self) -> Geometry {
        Geometry::Tied
    }

    fn n_parameters(&self, _: usize, n_features: usize) -> usize {
        triangle(n_features)
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        let &Scatter { n_features: d, counts, values, .. } = scatter;
        let mut covariance = memory::with_capacity(d * d, ESTIMATES)?;
        push_divided(&mut covariance, values, d, counts.iter().sum());
        Ok(covariance)
    }
}
