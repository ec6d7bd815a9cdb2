//! Steps that are done whole or not at all: blocks are saved, do a piece of the run, and where that
//! fails go back and do the steps before the one that failed once more.

use std::time::{Duration, Instant};

use super::block::Block;
use super::job::Job;
use super::moments::{self, BlockMoments};
use super::outcome::{Failed, Stopped};
use super::pace::Chunk;
use super::record::{Path, Recorder, Tally};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::simd::Lanes64;

/// A block of walkers, what is kept of them, and where they were before.
pub struct Member<'a> {
    /// The walkers.
    pub block: Block,
    /// What is kept of them.
    pub recorder: Recorder<'a>,
    saved: Block,
    saved_moments: Option<BlockMoments>,
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

impl Trail {
    /// Room for the steps of a block.
    fn new(block: &Block) -> Result<Self, Error> {
        let room = |lanes: &[Lanes64]| {
            let length = memory::product(&[TRAIL, lanes.len()], WHAT)?;
            memory::with_capacity(length, WHAT)
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

/// What the memory is for, in errors.
const WHAT: &str = "the records of the walkers";

impl<'a> Member<'a> {
    /// A block that stands where it is to begin.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room to save it.
    pub fn new(block: Block, recorder: Recorder<'a>) -> Result<Self, Error> {
        Ok(Self {
            saved: block.copied()?,
            saved_moments: recorder.moments.as_ref().map(BlockMoments::copied).transpose()?,
            trail: Trail::new(&block)?,
            block,
            recorder,
        })
    }

    /// Remembers where the walkers are, at the end of the burn-in with no acceptances.
    fn save(&mut self, burnt_in: bool) {
        if burnt_in {
            self.block.accepted.fill(Lanes64::ZERO);
        }
        self.saved.copy_from(&self.block);
        moments::copy(&mut self.saved_moments, self.recorder.moments.as_ref());
    }

    /// Goes back to where the walkers were when they were saved.
    fn back(&mut self) {
        self.block.copy_from(&self.saved);
        moments::copy(&mut self.recorder.moments, self.saved_moments.as_ref());
        self.trail.clear();
    }

    /// Keeps where the walkers are after a step, before which there were `step`; if it is one that
    /// is recorded.
    pub fn remember(&mut self, job: &Job<'_>, step: u64) {
        let Some(before) = step.checked_sub(job.burn_in) else { return };
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

    /// Records steps that follow those of the trail.
    pub fn record(&mut self, path: Path<'_>) {
        self.flush();
        self.recorder.record(&self.block, path);
    }

    /// Records the trail.
    fn flush(&mut self) {
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
}

/// All members of a run, in the order in which they walk.
pub trait Crew<'a> {
    /// The members.
    fn members<'s>(&'s mut self) -> impl Iterator<Item = &'s mut Member<'a>>
    where
        'a: 's;

    /// Does `steps` steps from step `first` on.
    ///
    /// # Errors
    ///
    /// How many steps all members did before the first failure, and that; without any if the stop
    /// flag was raised.
    fn piece(
        &mut self,
        context: &Context,
        job: &Job<'_>,
        span: (u64, u64),
    ) -> Result<(), (u64, Failed)>;

    /// Takes how long so many steps took.
    fn learn_pace(&mut self, _elapsed: Duration, _steps: u64) {}
}

/// Does `steps` steps from step `first` on, piece by piece; between these all walkers are at the
/// same step.
///
/// # Errors
///
/// [`Stopped`] after the steps that all walkers did: blocks and output stand there.
pub fn run<'a>(
    context: &Context,
    job: &Job<'_>,
    crew: &mut impl Crew<'a>,
    tally: &mut Tally<'_>,
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    let most = tally.most_steps();
    // A piece that is interrupted is lost: it begins with a single step where one may take long.
    let mut chunk = Chunk::of(if job.fused.is_some() { 16 } else { 1 });
    let mut done = 0;
    while done < steps {
        let begin = Instant::now();
        let here = job.up_to_burn_in(first + done, chunk.steps().min(most).min(steps - done));
        let result = transact(context, job, crew, (first + done, here));
        crew.members().for_each(|member| tally.count(&mut member.recorder));
        if let Err(stopped) = result {
            return Err(Stopped { steps: done + stopped.steps, ..stopped });
        }
        done += here;
        let blocks = crew.members().map(|member| (&member.block, member.recorder.moments.as_ref()));
        job.report(context, blocks, first + done);
        let elapsed = begin.elapsed();
        crew.learn_pace(elapsed, here);
        if !job.once {
            chunk.learn(elapsed);
        }
    }
    Ok(())
}

/// One piece, or the whole steps of it.
fn transact<'a>(
    context: &Context,
    job: &Job<'_>,
    crew: &mut impl Crew<'a>,
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    crew.members().for_each(|member| member.save(first == job.burn_in));
    let Err((whole, failed)) = crew.piece(context, job, (first, steps)) else {
        crew.members().for_each(Member::flush);
        return Ok(());
    };
    crew.members().for_each(Member::back);
    let stopped = |steps, failed| {
        let failed = if context.stop().is_raised() { Failed::Interrupted } else { failed };
        Err(Stopped { steps, failed })
    };
    if whole == 0 || failed == Failed::Interrupted || context.stop().is_raised() {
        return stopped(0, failed);
    }
    // The same steps once more give the same draws, up to the last step that all walkers did.
    if crew.piece(context, job, (first, whole)).is_ok() {
        crew.members().for_each(Member::flush);
        return Err(Stopped { steps: whole, failed });
    }
    crew.members().for_each(Member::back);
    stopped(0, failed)
}
