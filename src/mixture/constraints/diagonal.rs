//! A diagonal for each component: σₖⱼ² = Sₖⱼ / nₖ.

use super::{Constraint, Ridge, Scatter};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::Geometry;

/// A diagonal for each component, under one of the names that it has.
#[derive(Debug)]
pub struct Diagonal(pub &'static str);

impl Constraint for Diagonal {
    fn name(&self) -> &'static str {
        self.0
    }

    fn geometry(&self) -> Geometry {
        Geometry::Diagonal
    }

    fn n_parameters(&self, n_components: usize, n_features: usize) -> usize {
        n_components * n_features
    }

    fn ridge(&self) -> Ridge {
        Ridge::Covariances
    }

    fn covariances(&self, scatter: &Scatter<'_>, _: &Stop) -> Result<Vec<f64>, Error> {
        let &Scatter { n_features: d, counts, values, .. } = scatter;
        memory::collected(values.iter().enumerate().map(|(i, s)| s / counts[i / d]), ESTIMATES)
    }
}
