//! [`UniformStep`].

use super::checks::{check_axes, check_positive};
use super::{Increments, RandomWalkMove};
use crate::error::Error;
use crate::simd::{Kernel, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Adds a uniform number in (−half_width, half_width) to each coordinate.
///
/// The proposal of Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, "Equation of state
/// calculations by fast computing machines", The Journal of Chemical Physics 21 (1953).
#[derive(Clone, Debug)]
pub struct UniformStep {
    half_width: Vec<f64>,
}

impl UniformStep {
    /// Takes the half width of each coordinate.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if one is not positive and finite.
    pub fn new(half_width: Vec<f64>) -> Result<Self, Error> {
        check_positive("half_width", &half_width)?;
        Ok(Self { half_width })
    }
}

impl RandomWalkMove for UniformStep {
    fn check(&self, n_dims: usize) -> Result<(), Error> {
        check_axes("half_width", [self.half_width.len()], n_dims)
    }

    fn increments(&self, increments: &mut Increments<'_>) {
        dispatch(Fill { half_width: &self.half_width, increments });
    }
}

struct Fill<'a, 'b> {
    half_width: &'a [f64],
    increments: &'a mut Increments<'b>,
}

impl Kernel for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { half_width, increments } = self;
        let stride = increments.stride;
        let mut generators = Generators::<L>::load(token, increments.generators);
        let mut slots = increments.values.iter_mut().step_by(stride);
        for _ in 0..increments.n_updates {
            for widths in half_width.chunks(2) {
                let pair = generators.signed_pair();
                for i in 0..widths.len() {
                    if let Some(slot) = slots.next() {
                        (pair[i] * L::F64::splat(token, widths[i])).store(slot);
                    }
                }
            }
        }
        generators.store(increments.generators);
    }
}
