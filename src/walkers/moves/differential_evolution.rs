//! [`DifferentialEvolution`].

use super::checks::{check_halves, check_positive};
use super::lower::standard_normals;
use super::{EnsembleMove, Proposal};
use crate::error::Error;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Moves by a multiple γ of the difference between two walkers of the other half.
///
/// Ter Braak, "A Markov chain Monte Carlo version of the genetic algorithm differential
/// evolution", Statistics and Computing 16 (2006): y = x + γ(x_a − x_b) + ε with a ≠ b and a small
/// normal ε. Both differences of a pair are equally likely, so the proposal is symmetric. Now and
/// then γ is 1, which takes a walker from one mode to another.
#[derive(Clone, Debug)]
pub struct DifferentialEvolution {
    gamma: f64,
    jitter: f64,
    jump_probability: f64,
}

impl DifferentialEvolution {
    /// Takes γ, for which 2.38/√(2d) is usual in d dimensions; the standard deviation of ε in
    /// each coordinate; and the probability that γ is 1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what cannot be used.
    pub fn new(gamma: f64, jitter: f64, jump_probability: f64) -> Result<Self, Error> {
        check_positive("gamma", &[gamma])?;
        let invalid = |name, message| Err(Error::InvalidArgument { name, message });
        if !(jitter >= 0.0 && jitter.is_finite()) {
            return invalid("jitter", format!("must be finite and not negative, found {jitter:?}"));
        }
        if !(0.0..=1.0).contains(&jump_probability) {
            let message = format!("must lie between 0 and 1, found {jump_probability}");
            return invalid("jump_probability", message);
        }
        Ok(Self { gamma, jitter, jump_probability })
    }
}

impl EnsembleMove for DifferentialEvolution {
    fn check(&self, n_walkers: usize) -> Result<(), Error> {
        check_halves("DifferentialEvolution", n_walkers, 2)
    }

    fn propose(&self, proposal: &mut Proposal<'_>) {
        dispatch(Propose { parameters: self, proposal });
    }
}

struct Propose<'a, 'b> {
    parameters: &'a DifferentialEvolution,
    proposal: &'a mut Proposal<'b>,
}

impl Kernel for Propose<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { parameters, proposal } = self;
        let (d, stride) = (proposal.n_dims, proposal.stride);
        let splat = L::F64::splat;
        let mut generators = Generators::<L>::load(token, proposal.generators);
        let [a, b] = proposal.others.draw(&mut generators);
        let gamma = generators.uniform().select_less(
            splat(token, parameters.jump_probability),
            splat(token, 1.0),
            splat(token, parameters.gamma),
        );
        let mut noise = [Lanes64::ZERO];
        standard_normals(token, &mut generators, &mut noise, 1, 1);
        let gamma = L::F64::load(token, &noise[0]).mul_add(splat(token, parameters.jitter), gamma);
        generators.store(proposal.generators);
        for j in 0..d {
            let from = L::F64::load(token, &proposal.others.gather(&b, j));
            let difference = L::F64::load(token, &proposal.others.gather(&a, j)) - from;
            let x = L::F64::load(token, &proposal.current[j * stride]);
            gamma.mul_add(difference, x).store(&mut proposal.proposed[j * stride]);
        }
        *proposal.log_factor = Lanes64::ZERO;
    }
}
