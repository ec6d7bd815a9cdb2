//! A block of an ensemble whose walkers are updated in turns.

use super::block::Block;
use super::density::Calls;
use super::job::{Job, Memory};
use super::moments::{self, BlockMoments};
use super::moves::{Adaptation, Increments, Move, Others, Proposal};
use super::record::{Path, Recorder};
use super::update::{self, Candidates, Rejected};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::simd::Lanes64;

/// A block and what it needs for an update.
pub struct Member<'a> {
    /// The walkers.
    pub block: Block,
    saved: Block,
    /// What is kept of them.
    pub recorder: Recorder<'a>,
    saved_moments: Option<BlockMoments>,
    candidates: Candidates,
    rows: update::Rows,
    increments: Vec<Lanes64>,
    note: [Lanes64; 1],
    trail: Trail,
}

/// Steps that are not recorded yet: writing several at a time fills whole cache lines.
struct Trail {
    positions: Vec<Lanes64>,
    log_density: Vec<Lanes64>,
    /// Steps after the burn-in before the first of these.
    before: u64,
    steps: usize,
}

/// Steps in a full trail.
const TRAIL: usize = 16;

/// One update of one group.
#[derive(Clone, Copy)]
pub struct Turn<'t> {
    /// What all walkers share.
    pub job: &'t Job<'t>,
    /// The step's move.
    pub chosen: &'t dyn Move,
    /// What walkers know of it.
    pub memory: &'t Memory,
    /// Steps done before.
    pub step: u64,
    /// Which update of the step, and of how many.
    pub update: usize,
    /// Updates in the step.
    pub updates: usize,
    /// Which group.
    pub group: usize,
}

/// Updates members of a group, all in one call of the density.
///
/// # Errors
///
/// The first walker for which the density failed.
pub fn update_together(
    members: &mut [Member<'_>],
    rows: &mut update::Rows,
    stop: &Stop,
    turn: &Turn<'_>,
    others: Option<Others<'_>>,
) -> Result<(), Rejected> {
    rows.clear();
    for member in &mut *members {
        member.propose(turn, others);
        rows.gather(turn.job.rules, &member.block, &member.candidates);
    }
    rows.evaluate(turn.job.density, turn.job.rules, stop)?;
    for member in members {
        rows.scatter(&member.block, &mut member.candidates);
        member.accept(turn);
    }
    Ok(())
}

impl Trail {
    /// Room for the steps of a block.
    fn new(block: &Block) -> Result<Self, Error> {
        let room = |lanes: &[Lanes64]| {
            memory::with_capacity(TRAIL * lanes.len(), "the records of the walkers")
        };
        let (positions, log_density) = (room(&block.positions)?, room(&block.log_density)?);
        Ok(Self { positions, log_density, before: 0, steps: 0 })
    }

    fn clear(&mut self) {
        self.positions.clear();
        self.log_density.clear();
        self.steps = 0;
    }
}

impl<'a> Member<'a> {
    /// Room for the updates of a block.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn new(job: &Job<'_>, block: Block, recorder: Recorder<'a>) -> Result<Self, Error> {
        let candidates = Candidates::new(job.n_dims, block.width)?;
        let alone = job.density.fused().is_none() && job.density.calls() == Calls::Parallel;
        let rows = if alone { block.n_walkers() } else { 0 };
        Ok(Self {
            saved: block.copied()?,
            saved_moments: recorder.moments.as_ref().map(BlockMoments::copied).transpose()?,
            increments: memory::copied(&block.positions, "the records of the walkers")?,
            note: [Lanes64::ZERO],
            rows: update::Rows::new(rows, job.n_dims)?,
            trail: Trail::new(&block)?,
            candidates,
            block,
            recorder,
        })
    }

    /// Remembers where the walker is, at the end of the burn-in with no acceptances.
    pub fn save(&mut self, burnt_in: bool) {
        if burnt_in {
            self.block.accepted.fill(Lanes64::ZERO);
        }
        self.saved.copy_from(&self.block);
        moments::copy(&mut self.saved_moments, self.recorder.moments.as_ref());
    }

    /// Goes back to where the walkers were when they were saved.
    pub fn restore(&mut self) {
        self.block.copy_from(&self.saved);
        moments::copy(&mut self.recorder.moments, self.saved_moments.as_ref());
        self.trail.clear();
    }

    /// Records the trail.
    pub fn flush(&mut self) {
        let Self { block, recorder, trail, .. } = self;
        let path = Path {
            before: trail.before,
            steps: trail.steps,
            stride: block.positions.len(),
            positions: &trail.positions,
            log_density: &trail.log_density,
        };
        recorder.record(block, path);
        trail.clear();
    }

    /// Remembers where the walkers are after a step; `before` steps came before it.
    fn remember(&mut self, before: u64) {
        let trail = &mut self.trail;
        if trail.steps == 0 {
            trail.before = before;
        }
        trail.steps += 1;
        trail.positions.extend_from_slice(&self.block.positions);
        trail.log_density.extend_from_slice(&self.block.log_density);
        if trail.steps == TRAIL {
            self.flush();
        }
    }

    /// Updates the walkers.
    ///
    /// # Errors
    ///
    /// The first walker for which the density failed.
    pub fn update(
        &mut self,
        stop: &Stop,
        turn: &Turn<'_>,
        others: Option<Others<'_>>,
    ) -> Result<(), Rejected> {
        self.propose(turn, others);
        self.evaluate(stop, turn)?;
        self.accept(turn);
        Ok(())
    }

    fn propose(&mut self, turn: &Turn<'_>, others: Option<Others<'_>>) {
        let (block, candidates) = (&mut self.block, &mut self.candidates);
        candidates.log_factor.fill(Lanes64::ZERO);
        match others {
            Some(others) => turn.chosen.propose(&mut Proposal {
                generators: &mut block.proposal[0],
                current: &block.positions,
                others,
                proposed: &mut candidates.positions,
                log_factor: &mut candidates.log_factor[0],
            }),
            None => {
                turn.chosen.increments(&mut Increments {
                    generators: &mut block.proposal[0],
                    n_dims: turn.job.n_dims,
                    first_update: turn.update,
                    n_updates: 1,
                    values: &mut self.increments,
                    stride: 1,
                    memory: &block.memory[turn.memory.numbers.clone()],
                    note: &mut self.note,
                });
                update::add(&block.positions, &self.increments, &mut candidates.positions);
            }
        }
        update::uniforms(&mut block.acceptance[0], 1, &mut candidates.uniforms, 1);
    }

    fn evaluate(&mut self, stop: &Stop, turn: &Turn<'_>) -> Result<(), Rejected> {
        update::evaluate(
            (turn.job.density, turn.job.rules, stop),
            &self.block,
            &mut self.candidates,
            &mut self.rows,
        )
    }

    fn accept(&mut self, turn: &Turn<'_>) {
        update::accept(&mut self.block, &mut self.candidates, 1.0 / turn.updates as f64);
        if turn.job.adapts(turn.step) && !turn.chosen.interacts() {
            turn.chosen.adapt(&mut Adaptation {
                memory: &mut self.block.memory[turn.memory.numbers.clone()],
                increments: &self.increments,
                note: &self.note[0],
                probability: &self.candidates.probability[0],
                step: turn.step + 1,
            });
        }
        if turn.update + 1 == turn.updates
            && let Some(before) = turn.step.checked_sub(turn.job.burn_in)
        {
            self.remember(before);
        }
    }
}
