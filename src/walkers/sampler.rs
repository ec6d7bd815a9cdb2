//! An ensemble of walkers and how it advances.

use std::ops::Range;

use super::block::{Block, cut};
use super::density::{Calls, Density, Reason};
use super::fused::WIDE;
use super::independent::Independent;
use super::job::{Clock, Job};
use super::lockstep::{self, Lockstep};
use super::moments::Moments;
use super::outcome::{Failed, Stopped};
use super::pooled::Pooled;
use super::record::{Output, Tally, recorders};
use super::rules::Rules;
use super::state::{Layout, State, WHAT};
use super::transitions::{Schedule, Transition};
use super::update::{NARROW, Rejected};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;

/// Walkers over a density.
pub struct Sampler {
    state: State,
    schedule: Schedule,
    /// What the transitions keep of each walker, and where that of each lies.
    layout: Layout,
    places: Vec<Range<usize>>,
    rules: Rules,
    burn_in: u64,
    clock: Clock,
    /// What is learnt from all walkers, if anything is, and the walk that follows from it.
    pooled: Option<Pooled>,
    walk: Option<Schedule>,
}

impl Sampler {
    /// Walkers at their starts, before [`Sampler::start`] has looked at the density there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there are no walkers or no coordinates.
    pub fn new(
        start: Vec<f64>,
        n_dims: usize,
        schedule: Schedule,
        rules: Rules,
        burn_in: u64,
    ) -> Result<Self, Error> {
        if start.is_empty() || n_dims == 0 || !start.len().is_multiple_of(n_dims) {
            let message = "needs at least one walker and one coordinate".to_owned();
            return Err(Error::InvalidArgument { name: "start", message });
        }
        let (layout, places) = schedule.layout(n_dims)?;
        let state = State::new(schedule.key(), start, n_dims, &layout.initial)?;
        Ok(Self::alone(state, (schedule, layout, places), rules, burn_in))
    }

    /// Makes its walkers those from number `first` on of a larger ensemble, before they start.
    ///
    /// # Errors
    ///
    /// As [`State::number_from`].
    pub fn number_from(&mut self, first: usize) -> Result<(), Error> {
        self.state.number_from(self.schedule.key(), first)
    }

    /// Goes on from where another sampler was.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the transitions keep other columns.
    pub fn resume(
        state: State,
        schedule: Schedule,
        rules: Rules,
        burn_in: u64,
    ) -> Result<Self, Error> {
        let (layout, places) = schedule.layout(state.n_dims)?;
        if layout.initial.len() != state.n_columns() {
            let message = format!(
                "keep {} numbers of each walker, but the state has {}",
                layout.initial.len(),
                state.n_columns()
            );
            return Err(Error::InvalidArgument { name: "moves", message });
        }
        Ok(Self::alone(state, (schedule, layout, places), rules, burn_in))
    }

    /// Walkers that learn nothing from each other.
    fn alone(
        state: State,
        (schedule, layout, places): (Schedule, Layout, Vec<Range<usize>>),
        rules: Rules,
        burn_in: u64,
    ) -> Self {
        let clock = Clock::default();
        Self { state, schedule, layout, places, rules, burn_in, clock, pooled: None, walk: None }
    }

    /// A copy, whose reports begin anew.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            state: self.state.copied()?,
            schedule: self.schedule.clone(),
            layout: self.layout.clone(),
            places: self.places.clone(),
            rules: self.rules.copied()?,
            burn_in: self.burn_in,
            clock: Clock::default(),
            pooled: self.pooled.as_ref().map(Pooled::copied).transpose()?,
            walk: self.walk.clone(),
        })
    }

    /// Lets walkers learn a random walk from each other; its schedule stands where `pooled` does.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it, [`Error::InvalidArgument`] if it is damaged.
    pub fn pool(&mut self, pooled: Pooled) -> Result<(), Error> {
        self.walk = pooled.schedule(*self.key(), &self.state)?;
        self.pooled = Some(pooled);
        Ok(())
    }

    /// What is learnt from all walkers, if anything is.
    #[must_use]
    pub fn pooled(&self) -> Option<&Pooled> {
        self.pooled.as_ref()
    }

    /// What the transitions keep of each walker.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Makes the burn-in `steps` steps longer, from where the walkers are or where it ends.
    ///
    /// Whoever learns in it goes on learning, and what was counted after it is forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] if there are more steps than can be counted, [`Error::Memory`] if there is
    /// no room for the moves.
    pub fn burn_in_again(&mut self, steps: u64) -> Result<(), Error> {
        let from = self.burn_in.max(self.state.step);
        let is_over = self.state.step >= self.burn_in;
        self.burn_in = from.checked_add(steps).ok_or(Error::TooMany)?;
        if is_over {
            self.state.accepted.fill(0.0);
            self.state.learns_from = self.state.step;
        }
        if let Some(pooled) = &mut self.pooled {
            pooled.begin_again(&self.state, self.burn_in);
            self.walk = pooled.schedule(*self.schedule.key(), &self.state)?;
        }
        Ok(())
    }

    /// Where steps are done: on the calling thread if the density or a transition wants that.
    #[must_use]
    pub fn calls(&self, density: &dyn Density) -> Calls {
        if density.calls() == Calls::Together { Calls::Together } else { self.schedule.calls() }
    }

    /// Whether the next step of a walker depends on no other walker.
    ///
    /// What is learnt from all of them together counts as long as there is more to be learnt.
    #[must_use]
    pub fn walks_alone(&self) -> bool {
        let ahead = self.pooled.as_ref();
        let ahead = ahead.and_then(|pooled| pooled.steps_ahead(&self.state, self.burn_in));
        let learns_from_all = ahead.is_some();
        let schedule = self.walk.as_ref().unwrap_or(&self.schedule);
        !learns_from_all && schedule.transitions().all(Transition::walks_alone)
    }

    /// Where the walkers are.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The key of all its random numbers.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        self.schedule.key()
    }

    /// How values are read.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// About how many values of the density a step may take for each walker.
    #[must_use]
    pub fn evaluations(&self) -> usize {
        let n_dims = self.state.n_dims;
        let schedule = self.walk.as_ref().unwrap_or(&self.schedule);
        schedule.transitions().map(|step| step.evaluations(n_dims)).max().unwrap_or(1)
    }

    /// Steps that are not recorded.
    #[must_use]
    pub fn burn_in(&self) -> u64 {
        self.burn_in
    }

    /// Evaluates the density where the walkers start.
    ///
    /// # Errors
    ///
    /// As [`Sampler::run`]; also if the density of a start is zero.
    pub fn start(&mut self, context: &Context, density: &dyn Density) -> Result<(), Stopped> {
        self.evaluate(context, density)?;
        let zero = self.state.log_densities.iter().position(|&x| x == f64::NEG_INFINITY);
        zero.map_or(Ok(()), |walker| Err(self.stopped(walker, Reason::Zero)))
    }

    /// Evaluates the density where the walkers are.
    fn evaluate(&mut self, context: &Context, density: &dyn Density) -> Result<(), Stopped> {
        let (state, rules) = (&mut self.state, &self.rules);
        let d = state.n_dims;
        let admitted =
            (0..state.n_walkers()).filter(|&walker| rules.admits(state.position(walker)));
        let admitted = memory::collected(admitted, WHAT)?;
        let mut points = memory::with_capacity(admitted.len() * d, WHAT)?;
        admitted.iter().for_each(|&walker| points.extend_from_slice(state.position(walker)));
        let mut values = memory::filled(admitted.len(), f64::NAN, WHAT)?;
        state.log_densities.fill(f64::NEG_INFINITY);
        if admitted.is_empty() {
            return Ok(());
        }
        if let Err(failure) = density.evaluate(context.stop(), &points, d, &mut values) {
            return Err(self.stopped(admitted[failure.row], failure.reason));
        }
        for (&walker, &value) in admitted.iter().zip(&values) {
            match self.rules.log_density(value) {
                Ok(log_density) => self.state.log_densities[walker] = log_density,
                Err(reason) => return Err(self.stopped(walker, reason)),
            }
        }
        Ok(())
    }

    fn stopped(&self, walker: usize, reason: Reason) -> Stopped {
        let failed = match (reason, memory::copied(self.state.position(walker), WHAT)) {
            (Reason::Interrupted, _) => Failed::Interrupted,
            (_, Ok(point)) => Failed::At(Rejected { walker, point, reason }),
            (_, Err(error)) => Failed::Memory(error),
        };
        Stopped { steps: 0, failed }
    }

    /// Does `steps` more steps and records them.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the density failed or the stop flag was raised: the sampler then stands
    /// after its last whole step, up to which all is recorded, and may run again.
    pub fn run(
        &mut self,
        context: &Context,
        density: &dyn Density,
        steps: u64,
        output: Output<'_>,
        moments: Option<&mut Moments>,
    ) -> Result<(), Stopped> {
        let mut done = 0;
        let after = |done, stopped: Stopped| Stopped { steps: done + stopped.steps, ..stopped };
        loop {
            self.learn(context).map_err(|stopped| after(done, stopped))?;
            let (here, learns) = self.ahead(steps - done);
            if done + here == steps {
                let rest = self.stretch(context, density, (here, learns), output, moments);
                rest.map_err(|stopped| after(done, stopped))?;
                return self.learn(context).map_err(|stopped| after(steps, stopped));
            }
            // All but the last stretch lie in the burn-in.
            let nowhere = Output { thin: 1, ..Output::default() };
            let stretch = self.stretch(context, density, (here, learns), nowhere, None);
            stretch.map_err(|stopped| after(done, stopped))?;
            done += here;
        }
    }

    /// The steps, `left` at most, that are of one kind: up to where walkers are looked at, and in
    /// the burn-in or after it if anything is learnt in it. Also whether one does.
    fn ahead(&self, left: u64) -> (u64, bool) {
        let burning = self.burn_in.saturating_sub(self.state.step);
        let learns = self.walk.is_none() && burning > 0 && self.state.n_columns() > 0;
        // Walkers that learn are in narrow blocks, and in wide ones afterwards.
        let here = if learns { left.min(burning) } else { left };
        let ahead = self.pooled.as_ref();
        let ahead = ahead.and_then(|pooled| pooled.steps_ahead(&self.state, self.burn_in));
        (ahead.map_or(here, |ahead| here.min(ahead)), learns)
    }

    /// Looks at all walkers, if this is a step at which that is to be done.
    fn learn(&mut self, context: &Context) -> Result<(), Stopped> {
        let Some(pooled) = &mut self.pooled else { return Ok(()) };
        if pooled.steps_ahead(&self.state, self.burn_in) != Some(0) {
            return Ok(());
        }
        let changed = pooled.learn(&self.state, self.burn_in, context.stop());
        let changed = changed.map_err(|error| match error {
            Error::Interrupted => Stopped { steps: 0, failed: Failed::Interrupted },
            error => error.into(),
        })?;
        if changed {
            self.walk = pooled.schedule(*self.schedule.key(), &self.state)?;
        }
        Ok(())
    }

    /// Steps in the burn-in, or after it, or both if no move learns.
    fn stretch(
        &mut self,
        context: &Context,
        density: &dyn Density,
        (steps, learns): (u64, bool),
        output: Output<'_>,
        moments: Option<&mut Moments>,
    ) -> Result<(), Stopped> {
        let nothing = [0..0, 0..0];
        let (schedule, places) = match &self.walk {
            Some(walk) => (walk, &nothing[..]),
            None => (&self.schedule, &self.places[..]),
        };
        let looks_at_others = schedule.looks_at_others();
        let together = self.calls(density) == Calls::Together;
        let in_registers = schedule.transitions().all(Transition::stays_in_registers);
        let groups = lockstep::groups(self.state.n_walkers(), looks_at_others);
        let (width, most) = self.shape(context, density, groups.len(), learns);
        let blocks = groups.iter().flat_map(|group| cut(group, most));
        let blocks = blocks.map(|walkers| Block::load(&self.state, walkers, width));
        let mut blocks: Vec<Block> = memory::gathered(blocks, WHAT)?;
        let job = Job {
            n_dims: self.state.n_dims,
            density,
            fused: density.fused().filter(|_| in_registers),
            schedule,
            places,
            rules: &self.rules,
            burn_in: self.burn_in,
            learns,
            learns_from: self.state.learns_from,
            once: together,
            clock: &self.clock,
        };
        let mut recorders = recorders(output, moments.as_deref(), &blocks, job.n_dims)?;
        let mut tally = Tally::new(moments);
        let walkers = (&mut blocks, &mut recorders);
        let span = (self.state.step, steps);
        let result = if looks_at_others || together {
            Lockstep::run(context, &job, walkers, &mut tally, &groups, span)
        } else {
            Independent::run(context, &job, walkers, &mut tally, span)
        };
        let in_registers = job.fused.is_some();
        let done = result.as_ref().map_or_else(|stopped| stopped.steps, |()| steps);
        self.state.step += done;
        blocks.iter().for_each(|block| block.store(&mut self.state));
        recorders.iter().for_each(|recorder| tally.store(recorder));
        if in_registers && done > 0 {
            // Walkers in registers carry no logarithms along; a density that is built in has a
            // value wherever it accepted one.
            self.evaluate(&Context::inline(), density)?;
        }
        result
    }

    /// Vectors and walkers of a block. It decides about speed only.
    fn shape(
        &self,
        context: &Context,
        density: &dyn Density,
        n_groups: usize,
        learns: bool,
    ) -> (usize, usize) {
        let (n_walkers, fused) = (self.state.n_walkers(), density.fused().is_some());
        if self.calls(density) == Calls::Together {
            // One block, so that all walkers are in one call.
            let each = n_walkers.div_ceil(n_groups);
            return (each.div_ceil(8), each);
        }
        if n_groups > 1 || learns {
            let each = n_walkers.div_ceil(n_groups * context.threads());
            return (NARROW, if fused { 8 * NARROW } else { each.clamp(1, 8 * NARROW) });
        }
        // Many walkers: wide blocks. Few of them: enough blocks for all threads, as far as a vector
        // of walkers costs no more in registers than one walker does.
        let each = n_walkers.div_ceil(context.threads());
        if each >= 8 * WIDE || (fused && each > 8) {
            (WIDE, 8 * WIDE)
        } else if fused {
            (NARROW, 8 * NARROW)
        } else {
            (NARROW, each.div_ceil(2).clamp(1, 8 * NARROW))
        }
    }
}
