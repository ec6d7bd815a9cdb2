//! Steps of walkers: whatever leaves the target as it is, behind the trait [`Transition`].
//!
//! | file | what it holds |
//! |---|---|
//! | `random_walk.rs` | Metropolis steps by increments, many at once where that can be |
//! | `ensemble.rs` | Metropolis-Hastings steps that look at the other half of the ensemble |
//! | `by_rows.rs` | the same, proposed for all walkers of a block together by a function of rows |
//! | `independence.rs` | proposals of one distribution, wherever a walker is |
//! | `slice.rs` | slices, coordinate by coordinate |
//! | `conditional.rs` | draws of some coordinates given the others |
//! | `cycle.rs` | several transitions, one after the other |
//! | `schedule.rs` | a transition for every step: always the same, or a mix |
//! | `scratch.rs` | buffers of one thread |

mod by_rows;
mod conditional;
mod cycle;
mod ensemble;
mod independence;
mod random_walk;
mod schedule;
mod scratch;
mod slice;

pub use self::by_rows::{ByRows, Proposals, Proposer};
pub use self::conditional::{Conditional, Draw, Drawing};
pub use self::cycle::Cycle;
pub use self::ensemble::Ensemble;
pub use self::independence::{Independence, Reach};
pub use self::random_walk::RandomWalk;
pub use self::schedule::Schedule;
pub use self::scratch::Scratch;
pub use self::slice::Slice;

use std::ops::Range;

use super::block::Block;
use super::density::{Calls, Density, Reason};
use super::job::Job;
use super::moves::Others;
use super::rules::Rules;
use super::state::Column;
use super::transaction::Member;
use super::update::{self, Rejected};
use crate::error::Error;
use crate::fold::Stop;

/// A Markov kernel that leaves the target as it is.
///
/// All a step depends on is where the block's walkers are, their own streams and columns, and, if
/// it looks at them, the walkers of the other half. So blocks are cut as is fastest, and no thread
/// changes a bit.
pub trait Transition: Send + Sync {
    /// Checks that it can be used, naming the argument that is wrong otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`].
    fn check(&self, n_dims: usize, n_walkers: usize) -> Result<(), Error>;

    /// About how many values of the density a step takes.
    fn evaluations(&self, n_dims: usize) -> usize;

    /// Moves the walkers of a block by one step.
    ///
    /// # Errors
    ///
    /// The first walker that cannot go on. The block may be anywhere then.
    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected>;

    /// Numbers that it keeps of each walker.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    fn columns(&self, _n_dims: usize) -> Result<Vec<Column>, Error> {
        Ok(Vec::new())
    }

    /// Whether it looks at the other half of the ensemble.
    fn looks_at_others(&self) -> bool {
        false
    }

    /// Whether what it does with a walker depends on no other walker.
    fn walks_alone(&self) -> bool {
        !self.looks_at_others()
    }

    /// Whether it wants to know how far the others are apart.
    fn measures_others(&self) -> bool {
        false
    }

    /// Where it may be called.
    fn calls(&self) -> Calls {
        Calls::Parallel
    }

    /// Values of the density for each walker that [`Transition::piece`] prepares at once, in a block
    /// of `width` vectors.
    fn updates_at_once(&self, _n_dims: usize, _width: usize) -> usize {
        1
    }

    /// Moves the walkers of a block by consecutive steps that do not look at others, and records
    /// them.
    ///
    /// # Errors
    ///
    /// As [`Transition::step`], after so many whole steps.
    fn piece(&self, piece: &mut Piece<'_, '_>) -> Result<(), (u64, Rejected)> {
        piece.one_by_one(|step| self.step(step))
    }

    /// Whether [`Transition::piece`] stays in registers over a density that is built in, and does
    /// not carry log-densities along.
    fn stays_in_registers(&self) -> bool {
        false
    }
}

/// What is walked over.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The density.
    pub density: &'a dyn Density,
    /// How its values are read.
    pub rules: &'a Rules,
    /// Whether to stop.
    pub stop: &'a Stop,
}

/// One step of one block.
pub struct Step<'a> {
    /// The walkers.
    pub block: &'a mut Block,
    /// Room for what is needed on the way.
    pub scratch: &'a mut Scratch,
    /// What is walked over.
    pub target: Target<'a>,
    /// The walkers of the other half, for a transition that looks at them.
    pub others: Option<Others<'a>>,
    /// The transition's columns.
    pub columns: Range<usize>,
    /// Steps done before.
    pub number: u64,
    /// The first step of those in which to learn.
    pub learns_from: u64,
    /// Whether this is one of them.
    pub learns: bool,
    /// What the step counts for among acceptances: less than 1 if it is a part of one.
    pub share: f64,
}

impl Step<'_> {
    /// Number of coordinates.
    #[must_use]
    pub fn n_dims(&self) -> usize {
        self.block.positions.len() / self.block.width
    }

    /// How many steps walkers have learnt in.
    #[must_use]
    pub fn learnt(&self) -> u64 {
        self.number.saturating_sub(self.learns_from)
    }

    /// Metropolis and Hastings: evaluates the candidates, and accepts them or not; the step has
    /// `updates` such decisions.
    ///
    /// # Errors
    ///
    /// The first walker for which the density failed.
    pub fn decide(&mut self, updates: usize) -> Result<(), Rejected> {
        let Self { block, scratch, target, share, .. } = self;
        let candidates = &mut scratch.candidates;
        for (octet, uniforms) in block.acceptance.iter_mut().zip(&mut candidates.uniforms) {
            update::uniforms(octet, 1, std::slice::from_mut(uniforms), 1);
        }
        update::evaluate(*target, block, candidates, &mut scratch.rows)?;
        update::accept(block, candidates, *share / updates as f64);
        Ok(())
    }

    /// Evaluates the density where the walkers are, if they have moved since.
    ///
    /// # Errors
    ///
    /// The first walker for which the density failed, or is zero.
    pub fn refresh(&mut self) -> Result<(), Rejected> {
        let Self { block, scratch, target, .. } = self;
        if !block.stale {
            return Ok(());
        }
        scratch.candidates.positions.copy_from_slice(&block.positions);
        // A density is not asked where it is known to be zero.
        scratch.rows.clear();
        scratch.rows.gather(target.rules, block, &scratch.candidates);
        if let Some(lane) = scratch.rows.refused() {
            return Err(Rejected::in_lane(block, lane, Reason::DrawnWhereZero));
        }
        update::evaluate(*target, block, &mut scratch.candidates, &mut scratch.rows)?;
        block.log_density.copy_from_slice(&scratch.candidates.log_density);
        let is_zero = |lane: &usize| block.log_density[lane / 8].0[lane % 8] == f64::NEG_INFINITY;
        if let Some(lane) = block.lanes().find(is_zero) {
            return Err(Rejected::in_lane(block, lane, Reason::DrawnWhereZero));
        }
        block.stale = false;
        Ok(())
    }
}

/// Consecutive steps of one block.
pub struct Piece<'a, 'r> {
    /// The walkers, and where they are recorded.
    pub member: &'a mut Member<'r>,
    /// Room for what is needed on the way.
    pub scratch: &'a mut Scratch,
    /// What all blocks share.
    pub job: &'a Job<'a>,
    /// Whether to stop.
    pub stop: &'a Stop,
    /// The transition's columns.
    pub columns: Range<usize>,
    /// Steps done before.
    pub first: u64,
    /// How many these are.
    pub steps: usize,
}

impl Piece<'_, '_> {
    /// Does one step after the other.
    ///
    /// # Errors
    ///
    /// As [`Transition::piece`].
    pub fn one_by_one(
        &mut self,
        step: impl Fn(&mut Step<'_>) -> Result<(), Rejected>,
    ) -> Result<(), (u64, Rejected)> {
        for done in 0..self.steps as u64 {
            let number = self.first + done;
            let mut this = Step {
                block: &mut self.member.block,
                scratch: self.scratch,
                target: self.job.target(self.stop),
                others: None,
                columns: self.columns.clone(),
                number,
                learns_from: self.job.learns_from,
                learns: self.job.learns_in(number),
                share: 1.0,
            };
            step(&mut this).and_then(|()| this.refresh()).map_err(|rejected| (done, rejected))?;
            self.member.remember(self.job, number);
        }
        Ok(())
    }
}
