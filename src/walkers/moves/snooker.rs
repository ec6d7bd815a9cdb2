//! [`Snooker`].

use super::checks::{check_halves, check_positive};
use super::{EnsembleMove, Proposal};
use crate::error::Error;
use crate::simd::{Kernel, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Moves along the line through a walker of the other half, by a multiple γ of the distance of
/// two others seen along this line.
///
/// Ter Braak & Vrugt, "Differential evolution Markov chain with snooker updater and fewer chains",
/// Statistics and Computing 18 (2008), section 2.2: with the line's direction e = x − z, the step
/// is γ times the difference of the projections of two walkers on e, and Hastings' factor is
/// (|y − z|/|x − z|)^(d−1). Projections are orthogonal in units of the other half's standard
/// deviations, so that the units of the coordinates decide nothing; any inner product leaves the
/// target as it is that does not look at x, since the factor is the one along the line.
#[derive(Clone, Debug)]
pub struct Snooker {
    gamma: f64,
}

impl Snooker {
    /// Takes γ; 1.7 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if it is not positive and finite.
    pub fn new(gamma: f64) -> Result<Self, Error> {
        check_positive("gamma", &[gamma])?;
        Ok(Self { gamma })
    }
}

impl EnsembleMove for Snooker {
    fn check(&self, n_walkers: usize) -> Result<(), Error> {
        check_halves("Snooker", n_walkers, 3)
    }

    fn measures_others(&self) -> bool {
        true
    }

    fn propose(&self, proposal: &mut Proposal<'_>) {
        dispatch(Propose { gamma: self.gamma, proposal });
    }
}

struct Propose<'a, 'b> {
    gamma: f64,
    proposal: &'a mut Proposal<'b>,
}

impl Kernel for Propose<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { gamma, proposal } = self;
        let (d, stride) = (proposal.n_dims, proposal.stride);
        let splat = L::F64::splat;
        let zero = splat(token, 0.0);
        let mut generators = Generators::<L>::load(token, proposal.generators);
        let [anchor, a, b] = proposal.others.draw(&mut generators);
        generators.store(proposal.generators);
        let (mut square, mut projection) = (zero, zero);
        for j in 0..d {
            let z = L::F64::load(token, &proposal.others.gather(&anchor, j));
            let e = L::F64::load(token, &proposal.current[j * stride]) - z;
            let from = L::F64::load(token, &proposal.others.gather(&b, j));
            let difference = L::F64::load(token, &proposal.others.gather(&a, j)) - from;
            let unit = splat(token, proposal.others.closeness[j]);
            let length = e * unit;
            square = length.mul_add(length, square);
            projection = length.mul_add(difference * unit, projection);
            e.store(&mut proposal.proposed[j * stride]);
        }
        // The step in units of e. Where x = z there is no line, and x itself is proposed.
        let step = projection.div(square) * splat(token, gamma);
        let step = step.abs().select_less(splat(token, f64::MAX), step, zero);
        for j in 0..d {
            let e = L::F64::load(token, &proposal.proposed[j * stride]);
            let x = L::F64::load(token, &proposal.current[j * stride]);
            step.mul_add(e, x).store(&mut proposal.proposed[j * stride]);
        }
        // y − z = (1 + step)e; the smallest number stands for 0, which has no logarithm.
        let stretch = (splat(token, 1.0) + step).abs().max(splat(token, f64::MIN_POSITIVE));
        (stretch.ln() * splat(token, d as f64 - 1.0)).store(proposal.log_factor);
    }
}
