//! Walkers that are updated in turns: moves that look at other walkers, and densities that want to
//! see all walkers in one call.
//!
//! A move that looks at other walkers updates one half of the ensemble given the other, so that
//! walkers of a half do not depend on each other (Foreman-Mackey et al. 2013, "emcee: the MCMC
//! hammer", section 3) and may be updated by any thread in any order.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::block::Block;
use super::density::{Calls, Reason};
use super::job::Job;
use super::moves::Others;
use super::outcome::{Failed, Stopped};
use super::pace::Pace;
use super::record::{Recorder, Tally};
use super::state::WHAT;
use super::transaction::{self, Crew, Member};
use super::transitions::{Scratch, Step};
use super::update::{Rejected, Rows};
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::memory;
use crate::simd::{Lanes64, prefetch};

/// Blocks of a group that make a thread's turn longer than the wait for the other threads, when
/// the density is built in.
const LEAST_BLOCKS: usize = 6;

/// The walkers that are updated together: all of them, or one half after the other.
#[must_use]
pub fn groups(n_walkers: usize, looks_at_others: bool) -> Vec<Range<usize>> {
    if looks_at_others {
        let half = n_walkers.div_ceil(2);
        vec![0..half, half..n_walkers]
    } else {
        std::iter::once(0..n_walkers).collect()
    }
}

/// All walkers, dealt to the threads that update them.
pub struct Lockstep<'a> {
    parts: Vec<Mutex<Part<'a>>>,
    seen: Vec<Seen>,
    pace: Pace,
}

/// The members that one thread updates, group by group.
struct Part<'a> {
    members: Vec<Vec<Member<'a>>>,
    scratch: Scratch,
    /// Whether there are other parts.
    shared: bool,
}

/// Where the walkers of a group are, for the other group to see.
struct Seen {
    /// Octet by octet, one vector per coordinate.
    positions: RwLock<Vec<Lanes64>>,
    walkers: Range<usize>,
}

impl<'a> Lockstep<'a> {
    /// Does `steps` steps from step `first` on; blocks and recorders are those of all walkers.
    ///
    /// # Errors
    ///
    /// [`Stopped`] after the last whole step: blocks and output stand there.
    pub fn run(
        context: &Context,
        job: &Job<'_>,
        (blocks, recorders): (&mut Vec<Block>, &mut Vec<Recorder<'a>>),
        tally: &mut Tally<'_>,
        groups: &[Range<usize>],
        span: (u64, u64),
    ) -> Result<(), Stopped> {
        let seen = groups.iter().map(|group| Seen::new(job.n_dims, group));
        let seen: Vec<Seen> = memory::gathered(seen, WHAT)?;
        let members = blocks.drain(..).zip(recorders.drain(..));
        let members = members.map(|(block, recorder)| Member::new(block, recorder));
        let members: Vec<Member<'_>> = memory::gathered(members, WHAT)?;
        let mut all = memory::with_capacity(members.len(), WHAT)?;
        let parts = deal(context, job, members, &seen)?;
        let pace = Pace::new(parts.len());
        let mut crew = Self { parts, seen, pace };
        let result = transaction::run(context, job, &mut crew, tally, span);
        let parts = crew.parts.into_iter();
        let parts = parts.map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        all.extend(parts.flat_map(|part| part.members.into_iter().flatten()));
        all.sort_unstable_by_key(|member: &Member<'_>| member.block.walkers.start);
        for member in all {
            blocks.push(member.block);
            recorders.push(member.recorder);
        }
        result
    }
}

impl<'a> Crew<'a> for Lockstep<'a> {
    fn members<'s>(&'s mut self) -> impl Iterator<Item = &'s mut Member<'a>>
    where
        'a: 's,
    {
        members(&mut self.parts)
    }

    fn piece(
        &mut self,
        context: &Context,
        job: &Job<'_>,
        span: (u64, u64),
    ) -> Result<(), (u64, Failed)> {
        publish(&mut self.parts, &self.seen);
        several(context, job, &self.parts, &self.seen, self.pace.together, span)
    }

    fn learn_pace(&mut self, elapsed: Duration, steps: u64) {
        if self.parts.len() > 1 {
            self.pace.learn(elapsed, steps);
        }
    }
}

/// Deals the members to the threads, the same number of each group to each.
fn deal<'a>(
    context: &Context,
    job: &Job<'_>,
    members: Vec<Member<'a>>,
    seen: &[Seen],
) -> Result<Vec<Mutex<Part<'a>>>, Error> {
    let mut groups: Vec<Vec<Member<'a>>> = seen.iter().map(|_| Vec::new()).collect();
    for member in members {
        let start = member.block.walkers.start;
        let group = seen.iter().position(|seen| seen.walkers.contains(&start)).unwrap_or(0);
        memory::push(&mut groups[group], member, WHAT)?;
    }
    // Functions of Python are called by one thread; built-in densities are done sooner than a
    // thread is waited for, if there are few walkers.
    let least = if job.density.fused().is_some() { LEAST_BLOCKS } else { 1 };
    let blocks = groups.iter().map(Vec::len).min().unwrap_or(0);
    let most = context.most_in_lockstep().min(blocks / least).max(1);
    let n_parts = if job.once { 1 } else { most };
    let (width, n_rows) = groups.iter().flatten().fold((1, 0), |(width, n_rows), member| {
        (width.max(member.block.width), n_rows.max(member.block.n_walkers()))
    });
    let part = |_| {
        // Functions of all walkers see as many in each call.
        let rows = match job.density.calls() {
            Calls::Together => Rows::whole(n_rows, job.n_dims)?,
            Calls::Parallel => Rows::new(n_rows, job.n_dims)?,
        };
        let scratch = Scratch::new(job.n_dims, width, 1, rows)?;
        Ok(Part { members: Vec::new(), scratch, shared: n_parts > 1 })
    };
    let mut parts: Vec<Part<'_>> = memory::gathered::<_, Error>((0..n_parts).map(part), WHAT)?;
    for group in groups {
        let (len, mut group) = (group.len(), group.into_iter());
        for (i, part) in parts.iter_mut().enumerate() {
            let count = (i + 1) * len / n_parts - i * len / n_parts;
            part.members.push(memory::collected(group.by_ref().take(count), WHAT)?);
        }
    }
    memory::collected(parts.into_iter().map(Mutex::new), WHAT)
}

fn members<'p, 'a>(parts: &'p mut [Mutex<Part<'a>>]) -> impl Iterator<Item = &'p mut Member<'a>> {
    let parts = parts.iter_mut();
    parts
        .flat_map(|part| &mut part.get_mut().unwrap_or_else(PoisonError::into_inner).members)
        .flatten()
}

/// Shows all walkers to each other.
fn publish(parts: &mut [Mutex<Part<'_>>], seen: &[Seen]) {
    for part in parts {
        let part = part.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (seen, members) in seen.iter().zip(&part.members) {
            seen.publish(members);
        }
    }
}

impl Seen {
    fn new(n_dims: usize, walkers: &Range<usize>) -> Result<Self, Error> {
        let length = memory::product(&[walkers.len().div_ceil(8), n_dims], WHAT)?;
        let positions = memory::filled(length, Lanes64::ZERO, WHAT)?;
        Ok(Self { positions: RwLock::new(positions), walkers: walkers.clone() })
    }

    /// Shows where some members of the group are.
    fn publish(&self, members: &[Member<'_>]) {
        let mut positions = self.positions.write().unwrap_or_else(PoisonError::into_inner);
        for Member { block, .. } in members {
            let d = block.positions.len() / block.width;
            for (lane, walker) in block.walkers.clone().enumerate() {
                let place = walker - self.walkers.start;
                let octet = &mut positions[place / 8 * d..][..d];
                let here = block.positions.iter().skip(lane / 8).step_by(block.width);
                for (target, source) in octet.iter_mut().zip(here) {
                    target.0[place % 8] = source.0[lane % 8];
                }
            }
        }
    }
}

/// The first failure that any thread met; once there is one, all of them end after that turn.
struct FirstFailure {
    /// The turn it happened in, counted from the beginning of the chunk.
    turn: AtomicU64,
    failure: Mutex<Option<(u64, Failed)>>,
}

impl FirstFailure {
    fn note(&self, turn: u64, steps: u64, failed: Failed) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let walker = |failed: &Failed| match failed {
            Failed::Interrupted | Failed::Memory(_) => 0,
            Failed::At(rejected) => 1 + rejected.walker,
        };
        let place = (steps, walker(&failed));
        if failure.as_ref().is_none_or(|(steps, known)| place < (*steps, walker(known))) {
            *failure = Some((steps, failed));
        }
        self.turn.fetch_min(turn, Ordering::AcqRel);
    }
}

/// Steps; on failure how many whole ones were done.
fn several(
    context: &Context,
    job: &Job<'_>,
    parts: &[Mutex<Part<'_>>],
    seen: &[Seen],
    together: bool,
    (first, steps): (u64, u64),
) -> Result<(), (u64, Failed)> {
    let first_failure = FirstFailure { turn: AtomicU64::new(u64::MAX), failure: Mutex::new(None) };
    let threads = if together { parts.len() } else { 1 };
    context.lockstep(threads, |thread, barrier| {
        let mine = parts.iter().skip(thread).step_by(threads);
        let mut mine: Vec<_> =
            mine.map(|part| part.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let mut number = 0;
        for done in 0..steps {
            let step = first + done;
            for group in 0..seen.len() {
                for part in &mut mine {
                    if let Err(failed) = part.step(context.stop(), job, (step, group), seen) {
                        first_failure.note(number, done, failed);
                    }
                }
                let broken = barrier.wait().is_err();
                if broken || first_failure.turn.load(Ordering::Acquire) <= number {
                    return;
                }
                number += 1;
            }
        }
    });
    let failure = first_failure.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), Err)
}

impl Part<'_> {
    /// Moves the part's members of a group by a step, and shows where they are.
    fn step(
        &mut self,
        stop: &Stop,
        job: &Job<'_>,
        (step, group): (u64, usize),
        seen: &[Seen],
    ) -> Result<(), Failed> {
        if stop.is_raised() {
            return Err(Failed::Interrupted);
        }
        let (transition, columns) = job.transition(step);
        let other = seen.get(1 - group.min(1)).filter(|_| transition.looks_at_others());
        let guard =
            other.map(|other| other.positions.read().unwrap_or_else(PoisonError::into_inner));
        let mut others = other
            .zip(guard.as_ref())
            .map(|(other, guard)| Others::new(guard, job.n_dims, other.walkers.len()));
        if let Some(positions) = guard.as_ref().filter(|_| self.shared) {
            // Half of them were written by other threads, and are looked at in no order.
            prefetch(positions);
        }
        let mut closeness = std::mem::take(&mut self.scratch.closeness);
        if let Some(others) = others.as_mut().filter(|_| transition.measures_others()) {
            others.measure(&mut closeness);
            others.closeness = &closeness;
        }
        let members = &mut self.members[group];
        let result = members.iter_mut().try_for_each(|member| {
            let (number, columns) = (step, columns.clone());
            let mut this = Step {
                block: &mut member.block,
                scratch: &mut self.scratch,
                target: job.target(stop),
                others,
                columns,
                number,
                learns_from: job.learns_from,
                learns: job.learns_in(step),
                share: 1.0,
            };
            transition.step(&mut this).and_then(|()| this.refresh())?;
            member.remember(job, step);
            Ok(())
        });
        self.scratch.closeness = closeness;
        drop(guard);
        if seen.len() > 1 {
            seen[group].publish(members);
        }
        result.map_err(|rejected: Rejected| match rejected.reason {
            Reason::Interrupted => Failed::Interrupted,
            _ => Failed::At(rejected),
        })
    }
}
