//! What all blocks of a run share, and how it is reported.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::block::Block;
use super::density::{Density, Fused};
use super::moments::{BlockMoments, worst_r_hat};
use super::rules::Rules;
use super::transitions::{Schedule, Target, Transition};
use crate::fold::{Context, Report, Stop};

/// What all blocks of a run share.
pub struct Job<'a> {
    /// Number of coordinates.
    pub n_dims: usize,
    /// What is walked over.
    pub density: &'a dyn Density,
    /// Its kernel, if walkers are to stay in registers.
    pub fused: Option<&'a dyn Fused>,
    /// Which transition makes which step.
    pub schedule: &'a Schedule,
    /// Where the columns of each transition lie in a walker's row.
    pub places: &'a [Range<usize>],
    /// How values are read.
    pub rules: &'a Rules,
    /// Steps that are not recorded.
    pub burn_in: u64,
    /// Whether anything is learnt in the burn-in, and from which step on.
    pub learns: bool,
    /// See above.
    pub learns_from: u64,
    /// Whether Python is called, which is not to be called again for steps that are done.
    pub once: bool,
    /// When something was last reported.
    pub clock: &'a Clock,
}

/// When the last reports were made, in nanoseconds since the beginning.
pub struct Clock {
    begin: Instant,
    last: AtomicU64,
    last_look: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { begin: Instant::now(), last: AtomicU64::new(0), last_look: AtomicU64::new(0) }
    }
}

/// Time between two looks at R-hat, in nanoseconds.
const LOOKS: u64 = 500_000_000;
/// Time between two reports, in nanoseconds: twice as often as Python looks.
const REPORTS: u64 = 25_000_000;

impl Job<'_> {
    /// Whether transitions learn in that step.
    #[must_use]
    pub fn learns_in(&self, step: u64) -> bool {
        self.learns && step < self.burn_in
    }

    /// Which transition makes a step, and where its columns lie.
    #[must_use]
    pub fn transition(&self, step: u64) -> (&dyn Transition, Range<usize>) {
        let index = self.schedule.choose(step);
        (self.schedule.get(index), self.places[index].clone())
    }

    /// What is walked over.
    #[must_use]
    pub fn target<'t>(&'t self, stop: &'t Stop) -> Target<'t> {
        Target { density: self.density, rules: self.rules, stop }
    }

    /// Whether the next step may need other preparations than this one.
    #[must_use]
    pub fn one_by_one(&self, step: u64) -> bool {
        self.learns_in(step) || self.schedule.is_mix()
    }

    /// How many of `steps` steps from `first` on do not cross the end of the burn-in.
    #[must_use]
    pub fn up_to_burn_in(&self, first: u64, steps: u64) -> u64 {
        if first < self.burn_in { steps.min(self.burn_in - first) } else { steps }
    }

    /// Tells how often proposals were accepted (as task 0) and, where moments are kept, the worst
    /// R-hat (as task 1), now and then; `step` steps are done.
    pub fn report<'b>(
        &self,
        context: &Context,
        blocks: impl Iterator<Item = (&'b Block, Option<&'b BlockMoments>)>,
        step: u64,
    ) {
        let now = self.clock.begin.elapsed().as_nanos() as u64;
        if now < self.clock.last.load(Ordering::Relaxed) + REPORTS {
            return;
        }
        self.clock.last.store(now, Ordering::Relaxed);
        let (mut sum, mut n_walkers, mut kept) = (0.0, 0, Vec::new());
        for (block, moments) in blocks {
            kept.extend(moments);
            n_walkers += block.n_walkers();
            for lane in 0..block.n_walkers() {
                sum += block.accepted[lane / 8].0[lane % 8];
            }
        }
        let steps = if step > self.burn_in { step - self.burn_in } else { step };
        let value = sum / (n_walkers as f64 * steps as f64);
        let report = Report { task: 0, step: step as usize, value, finished: false };
        context.report(report);
        if !kept.is_empty() && now > self.clock.last_look.load(Ordering::Relaxed) + LOOKS {
            self.clock.last_look.store(now, Ordering::Relaxed);
            context.report(Report { task: 1, value: worst_r_hat(&kept), ..report });
        }
    }
}
