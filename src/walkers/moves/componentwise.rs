//! [`ComponentwiseStep`].

use super::checks::{check_axes, check_positive};
use super::{Increments, RandomWalkMove};
use crate::error::Error;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Moves one coordinate after the other by a uniform number in (−half_width, half_width), each
/// with a decision of its own.
///
/// The original order of Metropolis et al. (1953), today called Metropolis within Gibbs: Tierney,
/// "Markov chains for exploring posterior distributions", The Annals of Statistics 22 (1994),
/// section 2.4. One step is a cycle through all coordinates, so it evaluates the density as often
/// as there are coordinates.
#[derive(Clone, Debug)]
pub struct ComponentwiseStep {
    half_width: Vec<f64>,
}

impl ComponentwiseStep {
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

impl RandomWalkMove for ComponentwiseStep {
    fn check(&self, n_dims: usize) -> Result<(), Error> {
        check_axes("half_width", [self.half_width.len()], n_dims)
    }

    fn updates(&self, n_dims: usize) -> usize {
        n_dims
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
        let (d, stride) = (increments.n_dims, increments.stride);
        let mut generators = Generators::<L>::load(token, increments.generators);
        for u in 0..increments.n_updates {
            for j in 0..d {
                increments.values[(u * d + j) * stride] = Lanes64::ZERO;
            }
            let j = (increments.first_update + u) % d;
            let [step, _] = generators.signed_pair();
            (step * L::F64::splat(token, half_width[j]))
                .store(&mut increments.values[(u * d + j) * stride]);
        }
        generators.store(increments.generators);
    }
}
