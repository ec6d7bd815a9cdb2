//! Walkers that are updated in turns: moves that look at other walkers, and densities that want to
//! see all walkers in one call.
//!
//! A move that looks at other walkers updates one half of the ensemble given the other, so that
//! walkers of a half do not depend on each other (Foreman-Mackey et al. 2013, "emcee: the MCMC
//! hammer", section 3) and may be updated by any thread in any order.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

use super::block::Block;
use super::density::{Calls, Reason};
use super::job::Job;
use super::member::{Member, Turn, update_together};
use super::moves::Others;
use super::pace::{Chunk, Pace};
use super::record::{Recorder, Tally};
use super::sampler::{Failed, Stopped};
use super::state::WHAT;
use super::update::{self, Rejected};
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::memory;
use crate::simd::{Lanes64, prefetch};

/// Blocks of a group that make a thread's turn longer than the wait for the other threads, when
/// the density is built in.
const LEAST_BLOCKS: usize = 6;

/// The walkers that are updated together: all of them, or one half after the other.
#[must_use]
pub fn groups(n_walkers: usize, interacts: bool) -> Vec<Range<usize>> {
    if interacts {
        let half = n_walkers.div_ceil(2);
        vec![0..half, half..n_walkers]
    } else {
        std::iter::once(0..n_walkers).collect()
    }
}

/// The members that one thread updates, group by group.
struct Part<'a> {
    members: Vec<Vec<Member<'a>>>,
    rows: update::Rows,
    /// Whether there are other parts.
    shared: bool,
}

/// Where the walkers of a group are, for the other group to see.
struct Seen {
    /// Octet by octet, one vector per coordinate.
    positions: RwLock<Vec<Lanes64>>,
    walkers: Range<usize>,
}

/// Does `steps` steps from step `first` on; blocks and recorders are those of all walkers.
///
/// # Errors
///
/// [`Stopped`] after the last whole step: blocks and output stand there.
pub fn advance(
    context: &Context,
    job: &Job<'_>,
    blocks: &mut Vec<Block>,
    recorders: &mut Vec<Recorder<'_>>,
    tally: &mut Tally<'_>,
    groups: &[Range<usize>],
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    let seen = groups.iter().map(|group| Seen::new(job.n_dims, group));
    let seen: Vec<Seen> = memory::gathered(seen, WHAT)?;
    let members = blocks.drain(..).zip(recorders.drain(..));
    let members = members.map(|(block, recorder)| Member::new(job, block, recorder));
    let members: Vec<Member<'_>> = memory::gathered(members, WHAT)?;
    let mut all = memory::with_capacity(members.len(), WHAT)?;
    let mut parts = deal(context, job, members, &seen)?;
    let result = chunks(context, job, &mut parts, (&seen, tally), (first, steps));
    let parts =
        parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
    all.extend(parts.flat_map(|part| part.members.into_iter().flatten()));
    all.sort_unstable_by_key(|member: &Member<'_>| member.block.walkers.start);
    for member in all {
        blocks.push(member.block);
        recorders.push(member.recorder);
    }
    result
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
    // Rows of all walkers of a group, where these are evaluated in one call.
    let (n_parts, n_rows) = match job.density.calls() {
        Calls::Together => (1, seen.iter().map(|seen| seen.walkers.len()).max().unwrap_or(0)),
        Calls::Parallel => (context.most_in_lockstep().min(blocks / least).max(1), 0),
    };
    let part = |_| {
        let rows = update::Rows::whole(n_rows, job.n_dims)?;
        Ok(Part { members: Vec::new(), rows, shared: n_parts > 1 })
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

/// Some steps at a time, before which the walkers are saved.
fn chunks(
    context: &Context,
    job: &Job<'_>,
    parts: &mut [Mutex<Part<'_>>],
    (seen, tally): (&[Seen], &mut Tally<'_>),
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    let most = tally.most_steps();
    // Functions of Python are not called again for steps that they have been called for.
    let once = job.density.calls() == Calls::Together;
    let (mut done, mut chunk) = (0, Chunk::of(1));
    let mut pace = Pace::new(parts.len());
    publish(parts, seen);
    while done < steps {
        let begin = Instant::now();
        let here = job.up_to_burn_in(first + done, chunk.steps().min(most).min(steps - done));
        members(parts).for_each(|member| member.save(first + done == job.burn_in));
        if let Err((whole, failed)) =
            several(context, job, parts, seen, pace.together, (first + done, here))
        {
            let (whole, failed) = back(context, job, parts, seen, (first + done, whole), failed);
            members(parts).for_each(|member| tally.count(&mut member.recorder));
            return Err(Stopped { steps: done + whole, failed });
        }
        for member in members(parts) {
            member.flush();
            tally.count(&mut member.recorder);
        }
        done += here;
        let blocks = members(parts).map(|m| (&m.block, m.recorder.moments.as_ref()));
        job.report(context, blocks, first + done);
        let elapsed = begin.elapsed();
        if parts.len() > 1 {
            pace.learn(elapsed, here);
        }
        if !once {
            chunk.learn(elapsed);
        }
    }
    Ok(())
}

/// Goes back to the beginning of a chunk and does its whole steps once more, unless the user
/// wants to stop. Returns how many steps are done, and what stopped it.
fn back(
    context: &Context,
    job: &Job<'_>,
    parts: &mut [Mutex<Part<'_>>],
    seen: &[Seen],
    (first, whole): (u64, u64),
    failed: Failed,
) -> (u64, Failed) {
    members(parts).for_each(Member::restore);
    publish(parts, seen);
    if failed == Failed::Interrupted || whole == 0 {
        return (0, failed);
    }
    if several(context, job, parts, seen, false, (first, whole)).is_ok() {
        members(parts).for_each(Member::flush);
        return (whole, failed);
    }
    members(parts).for_each(Member::restore);
    (0, if context.stop().is_raised() { Failed::Interrupted } else { failed })
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
            let d = block.positions.len();
            for (lane, walker) in block.walkers.clone().enumerate() {
                let place = walker - self.walkers.start;
                let octet = &mut positions[place / 8 * d..][..d];
                for (target, source) in octet.iter_mut().zip(&block.positions) {
                    target.0[place % 8] = source.0[lane];
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
            let index = job.schedule.choose(step);
            let chosen = job.schedule.get(index);
            let updates = chosen.updates(job.n_dims);
            for (update, group) in (0..updates).flat_map(|u| (0..seen.len()).map(move |g| (u, g))) {
                let memory = &job.memories[index];
                let turn = Turn { job, chosen, memory, step, update, updates, group };
                for part in &mut mine {
                    if let Err(failed) = part.update(context.stop(), &turn, seen) {
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
    /// Updates the part's members of a group, and shows where they are.
    fn update(&mut self, stop: &Stop, turn: &Turn<'_>, seen: &[Seen]) -> Result<(), Failed> {
        if stop.is_raised() {
            return Err(Failed::Interrupted);
        }
        let other = seen.get(1 - turn.group.min(1)).filter(|_| turn.chosen.interacts());
        let guard =
            other.map(|other| other.positions.read().unwrap_or_else(PoisonError::into_inner));
        let others = other
            .zip(guard.as_ref())
            .map(|(other, guard)| Others::new(guard, turn.job.n_dims, other.walkers.len()));
        if let Some(positions) = guard.as_ref().filter(|_| self.shared) {
            // Half of them were written by other threads, and are looked at in no order.
            prefetch(positions);
        }
        let members = &mut self.members[turn.group];
        let result = match turn.job.density.calls() {
            Calls::Together => update_together(members, &mut self.rows, stop, turn, others),
            Calls::Parallel => {
                members.iter_mut().try_for_each(|member| member.update(stop, turn, others))
            }
        };
        drop(guard);
        if seen.len() > 1 {
            seen[turn.group].publish(members);
        }
        result.map_err(|rejected: Rejected| match rejected.reason {
            Reason::Interrupted => Failed::Interrupted,
            _ => Failed::At(rejected),
        })
    }
}
