//! [`NormalStep`].

use super::checks::check_axes;
use super::lower::{multiply, pack, standard_normals};
use super::{Increments, RandomWalkMove};
use crate::error::Error;
use crate::simd::{Kernel, Level, dispatch};
use crate::walkers::generators::Generators;

/// Adds a normal vector of mean zero and given covariance.
///
/// The random walk Metropolis algorithm; a covariance near 2.38²/d times that of the target is
/// about the best in d dimensions (Gelman, Roberts & Gilks, "Efficient Metropolis jumping rules",
/// Bayesian Statistics 5, 1996).
#[derive(Clone, Debug)]
pub struct NormalStep {
    n_dims: usize,
    factor: Vec<f64>,
}

impl NormalStep {
    /// Takes the lower Cholesky factor of the covariance, `n_dims` rows one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`] if it is none.
    pub fn new(factor: &[f64], n_dims: usize) -> Result<Self, Error> {
        Ok(Self { n_dims, factor: pack("factor", factor, n_dims)? })
    }
}

impl RandomWalkMove for NormalStep {
    fn check(&self, n_dims: usize) -> Result<(), Error> {
        check_axes("factor", [self.n_dims; 2], n_dims)
    }

    fn increments(&self, increments: &mut Increments<'_>) {
        dispatch(Fill { factor: &self.factor, increments });
    }
}

struct Fill<'a, 'b> {
    factor: &'a [f64],
    increments: &'a mut Increments<'b>,
}

impl Kernel for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { factor, increments } = self;
        let (d, stride) = (increments.n_dims, increments.stride);
        let mut generators = Generators::<L>::load(token, increments.generators);
        for u in 0..increments.n_updates {
            let slots = &mut increments.values[u * d * stride..];
            standard_normals(token, &mut generators, slots, stride, d);
            multiply(token, factor, slots, stride, d);
        }
        generators.store(increments.generators);
    }
}
