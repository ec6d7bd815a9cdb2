//! [`ByRows`].

use std::sync::Arc;

use super::{Step, Transition};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::walkers::density::{Calls, Failure};
use crate::walkers::state::WHAT;
use crate::walkers::stream::Stream;
use crate::walkers::update::{Rejected, write_rows};

/// A function that proposes for all walkers of a block together.
pub trait Proposer: Send + Sync {
    /// Writes the proposals.
    ///
    /// # Errors
    ///
    /// The first walker for which that failed.
    fn propose(&self, stop: &Stop, proposals: Proposals<'_>) -> Result<(), Failure>;

    /// Whether it looks at the other half of the ensemble.
    fn looks_at_others(&self) -> bool;

    /// Where it may be called.
    fn calls(&self) -> Calls;
}

/// Proposals to be written for the walkers of a block.
pub struct Proposals<'a> {
    /// Where the walkers are, row by row.
    pub points: &'a [f64],
    /// Where those of the other half are, row by row; empty if they are not looked at.
    pub others: &'a [f64],
    /// Number of coordinates.
    pub n_dims: usize,
    /// The stream of the first of the walkers, of which all numbers are taken.
    pub stream: &'a mut Stream,
    /// Where the walkers might go, row by row: to be written.
    pub proposed: &'a mut [f64],
    /// The logarithms of Hastings' factors: to be written.
    pub log_factor: &'a mut [f64],
    /// Which walker the first of them is.
    pub first: usize,
}

/// Metropolis-Hastings by proposals of rows.
#[derive(Clone)]
pub struct ByRows(pub Arc<dyn Proposer>);

impl Transition for ByRows {
    fn check(&self, _n_dims: usize, n_walkers: usize) -> Result<(), Error> {
        if n_walkers >= 2 || !self.0.looks_at_others() {
            return Ok(());
        }
        let message = "must be at least 2, as the move looks at others, found 1".to_owned();
        Err(Error::InvalidArgument { name: "n_walkers", message })
    }

    fn evaluations(&self, _n_dims: usize) -> usize {
        1
    }

    fn looks_at_others(&self) -> bool {
        self.0.looks_at_others()
    }

    /// Walkers that are proposed for together share the stream of the first of them.
    fn walks_alone(&self) -> bool {
        false
    }

    fn calls(&self) -> Calls {
        self.0.calls()
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        step.refresh()?;
        self.propose(step)?;
        step.decide(1)
    }
}

impl ByRows {
    fn propose(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        let d = step.n_dims();
        let (block, candidates) = (&mut *step.block, &mut step.scratch.candidates);
        let (n, width) = (block.n_walkers(), block.width);
        let failed = |error| Rejected::of_memory(block.walkers.start, error);
        let mut points = memory::filled(n * d, 0.0, WHAT).map_err(failed)?;
        let mut proposed = memory::filled(n * d, 0.0, WHAT).map_err(failed)?;
        let mut log_factor = memory::filled(n, 0.0, WHAT).map_err(failed)?;
        write_rows(&block.positions, width, d, &mut points);
        let others = step.others.filter(|_| self.0.looks_at_others());
        let all = others.iter().flat_map(|others| {
            (0..others.len()).flat_map(move |i| (0..d).map(move |j| others.coordinate(i, j)))
        });
        let others = memory::collected(all, WHAT).map_err(failed)?;
        let mut stream = Stream::of(&block.proposal, 0);
        let proposals = Proposals {
            points: &points,
            others: &others,
            n_dims: d,
            stream: &mut stream,
            proposed: &mut proposed,
            log_factor: &mut log_factor,
            first: block.walkers.start,
        };
        self.0
            .propose(step.target.stop, proposals)
            .map_err(|failure| Rejected::in_lane(block, failure.row, failure.reason))?;
        stream.store(&mut block.proposal, 0);
        candidates.positions.copy_from_slice(&block.positions);
        for (lane, (point, factor)) in proposed.chunks_exact(d).zip(log_factor).enumerate() {
            for (j, x) in point.iter().enumerate() {
                candidates.positions[j * width + lane / 8].0[lane % 8] = *x;
            }
            candidates.log_factor[lane / 8].0[lane % 8] = factor;
        }
        Ok(())
    }
}
