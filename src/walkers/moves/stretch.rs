//! [`Stretch`].

use super::checks::check_halves;
use super::{EnsembleMove, Proposal};
use crate::error::Error;
use crate::simd::{Kernel, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Moves along the line through a walker of the other half, by a factor z.
///
/// The affine-invariant move of Goodman & Weare, "Ensemble samplers with affine invariance",
/// Communications in Applied Mathematics and Computational Science 5 (2010), equations 7 to 10:
/// y = xₖ + z(x − xₖ), where z has a density proportional to 1/√z on [1/a, a], and Hastings'
/// factor is z^(d−1). Halves in turn as in Foreman-Mackey, Hogg, Lang & Goodman, "emcee: the MCMC
/// hammer", Publications of the Astronomical Society of the Pacific 125 (2013), algorithm 3.
#[derive(Clone, Debug)]
pub struct Stretch {
    a: f64,
}

impl Stretch {
    /// Takes the largest factor; 2 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if it is not above 1 and finite.
    pub fn new(a: f64) -> Result<Self, Error> {
        if a > 1.0 && a.is_finite() {
            return Ok(Self { a });
        }
        let message = format!("must be finite and above 1, found {a:?}");
        Err(Error::InvalidArgument { name: "a", message })
    }
}

impl EnsembleMove for Stretch {
    fn check(&self, n_walkers: usize) -> Result<(), Error> {
        check_halves("Stretch", n_walkers, 1)
    }

    fn propose(&self, proposal: &mut Proposal<'_>) {
        dispatch(Propose { a: self.a, proposal });
    }
}

struct Propose<'a, 'b> {
    a: f64,
    proposal: &'a mut Proposal<'b>,
}

impl Kernel for Propose<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { a, proposal } = self;
        let (d, stride) = (proposal.n_dims, proposal.stride);
        let splat = L::F64::splat;
        let mut generators = Generators::<L>::load(token, proposal.generators);
        let [partners] = proposal.others.draw(&mut generators);
        // √z is uniform on [√(1/a), √a).
        let root = generators.uniform().mul_add(splat(token, a - 1.0), splat(token, 1.0));
        let z = (root * root).div(splat(token, a));
        generators.store(proposal.generators);
        for j in 0..d {
            let anchor = L::F64::load(token, &proposal.others.gather(&partners, j));
            let x = L::F64::load(token, &proposal.current[j * stride]);
            z.mul_add(x - anchor, anchor).store(&mut proposal.proposed[j * stride]);
        }
        (z.ln() * splat(token, d as f64 - 1.0)).store(proposal.log_factor);
    }
}
