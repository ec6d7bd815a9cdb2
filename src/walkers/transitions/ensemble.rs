//! [`Ensemble`].

use std::sync::Arc;

use super::{Step, Transition};
use crate::error::Error;
use crate::simd::Lanes64;
use crate::walkers::moves::{EnsembleMove, Proposal};
use crate::walkers::update::Rejected;

/// Metropolis-Hastings by proposals that look at the other half of the ensemble.
#[derive(Clone)]
pub struct Ensemble(pub Arc<dyn EnsembleMove>);

impl Transition for Ensemble {
    fn check(&self, _n_dims: usize, n_walkers: usize) -> Result<(), Error> {
        self.0.check(n_walkers)
    }

    fn evaluations(&self, _n_dims: usize) -> usize {
        1
    }

    fn looks_at_others(&self) -> bool {
        true
    }

    fn measures_others(&self) -> bool {
        self.0.measures_others()
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        step.refresh()?;
        let n_dims = step.n_dims();
        let Step { block, scratch, others, .. } = step;
        let candidates = &mut scratch.candidates;
        candidates.log_factor.fill(Lanes64::ZERO);
        for p in 0..block.width {
            // Without others, as there are none, walkers stay where they are.
            let Some(others) = *others else { return Ok(()) };
            self.0.propose(&mut Proposal {
                generators: &mut block.proposal[p],
                n_dims,
                current: &block.positions[p..],
                others,
                proposed: &mut candidates.positions[p..],
                stride: block.width,
                log_factor: &mut candidates.log_factor[p],
            });
        }
        step.decide(1)
    }
}
