//! What every kernel is handed: threads, the stop flag, and a place for progress reports.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::partition::left_branch;
use super::{Idle, Monoid, Output, Partition};
use crate::error::Error;
use crate::memory;

/// A flag that asks running work to end early.
#[derive(Debug, Default)]
pub struct Stop {
    raised: AtomicBool,
    /// Where nobody else can raise the flag: the work runs on the thread that would do it.
    watch: Option<Watch>,
}

impl Stop {
    /// Asks for the end.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    #[must_use]
    #[inline]
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed) || (self.watch.is_some() && self.is_raised_by_watch())
    }

    #[cold]
    fn is_raised_by_watch(&self) -> bool {
        if self.watch.as_ref().is_some_and(Watch::asks_for_the_end) {
            self.raise();
        }
        self.raised.load(Ordering::Relaxed)
    }

    /// Fails once the flag is raised.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// The positions `0..length` in pieces that take a few milliseconds at some nanoseconds each,
    /// with a look at the flag before each piece: for long loops on one thread.
    pub fn pieces(&self, length: usize) -> impl Iterator<Item = Result<Range<usize>, Error>> {
        (0..length).step_by(Self::PIECE).map(move |start| {
            self.check()?;
            Ok(start..length.min(start + Self::PIECE))
        })
    }

    /// Positions between two looks at the flag.
    const PIECE: usize = 1 << 20;
}

/// Says from time to time whether work should end.
struct Watch {
    begin: Instant,
    period: Duration,
    /// How many periods after `begin` to ask again.
    next: AtomicU32,
    look: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Watch {
    fn asks_for_the_end(&self) -> bool {
        let elapsed = self.begin.elapsed();
        if elapsed < self.period * self.next.load(Ordering::Relaxed) {
            return false;
        }
        let ends = (self.look)();
        let periods = self.begin.elapsed().as_nanos() / self.period.as_nanos().max(1);
        self.next.store(u32::try_from(periods).unwrap_or(u32::MAX - 1) + 1, Ordering::Relaxed);
        ends
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").field("period", &self.period).finish_non_exhaustive()
    }
}

/// Progress of one of the tasks of a job, such as one restart of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Which task.
    pub task: usize,
    /// Steps done so far.
    pub step: usize,
    /// What the task watches, such as its lower bound.
    pub value: f64,
    /// Whether the task has ended.
    pub finished: bool,
}

/// Threads, stop flag and reports of one job.
#[derive(Debug)]
pub struct Context {
    threads: usize,
    stop: Stop,
    reports: Arc<Reports>,
}

/// The progress reports that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Reports(Mutex<Vec<Report>>);

impl Reports {
    /// Takes the reports added since the last call.
    #[must_use]
    pub fn drain(&self) -> Vec<Report> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Context {
    /// A job on the calling thread alone.
    #[must_use]
    pub fn inline() -> Self {
        Self::with_threads(1)
    }

    /// A job on the calling thread alone that has nobody to watch over it: about every `period`
    /// one of its own checks calls `look`, which says whether the job should end.
    #[must_use]
    pub fn watched(
        period: Duration,
        look: impl Fn(&Reports) -> bool + Send + Sync + 'static,
    ) -> Self {
        let context = Self::inline();
        let reports = Arc::clone(&context.reports);
        let watch = Watch {
            begin: Instant::now(),
            period,
            next: AtomicU32::new(1),
            look: Box::new(move || look(&reports)),
        };
        Self { stop: Stop { watch: Some(watch), ..context.stop }, ..context }
    }

    /// A job that will run inside a [`Pool`](super::Pool) of that many threads.
    pub(super) fn with_threads(threads: usize) -> Self {
        Self { threads, stop: Stop::default(), reports: Arc::default() }
    }

    /// Number of threads working on the job. Results must not depend on it.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The flag that ends the job early.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Fails once the stop flag is raised; for loops of their own between two folds.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Memory`] as [`memory::check`].
    pub fn check(&self) -> Result<(), Error> {
        self.stop.check()?;
        memory::check("the work under way")
    }

    /// Adds a progress report.
    pub fn report(&self, report: Report) {
        self.reports.0.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    }

    /// The reports added so far and not taken.
    #[must_use]
    pub fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Takes the reports added since the last call.
    #[must_use]
    pub fn drain_reports(&self) -> Vec<Report> {
        self.reports.drain()
    }

    /// Runs `a` and `b`, at the same time if there is a thread to spare.
    pub fn join<A, B>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B)
    where
        A: Send,
        B: Send,
    {
        // Outside of a pool, rayon would start its global one, which does not survive a fork.
        if self.threads == 1 || rayon::current_thread_index().is_none() {
            (a(), b())
        } else {
            rayon::join(a, b)
        }
    }

    /// Maps each block of rows to a partial result and merges these in the order of the rows.
    ///
    /// The merges form a fixed binary tree, so the result does not depend on the threads.
    ///
    /// # Errors
    ///
    /// That of the first block, in the order of the rows, which failed;
    /// [`Error::Interrupted`] if the stop flag was raised.
    pub fn fold<P: Monoid + Send>(
        &self,
        partition: &Partition,
        map: impl Fn(Range<usize>) -> Result<P, Error> + Sync,
    ) -> Result<P, Error> {
        self.fold_into(partition, (), |rows, ()| map(rows))
    }

    /// A [`fold`](Context::fold) over each of some ranges of blocks, all at the same time.
    pub(super) fn fold_each<P: Monoid + Send>(
        &self,
        partition: &Partition,
        ranges: &[Range<usize>],
        map: impl Fn(Range<usize>) -> Result<P, Error> + Sync,
    ) -> Result<Vec<P>, Error> {
        let map = |rows, ()| map(rows);
        let tree = Tree { context: self, partition, map, failed: AtomicUsize::new(usize::MAX) };
        tree.branches(ranges)
    }

    /// Hands each block of rows its own part of `output`.
    ///
    /// # Errors
    ///
    /// As [`Context::fold`].
    pub fn for_each_chunk<O: Output>(
        &self,
        partition: &Partition,
        output: O,
        write: impl Fn(Range<usize>, O) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        self.fold_into(partition, output, write)
    }

    /// Adds each block of rows to an accumulator, and returns the accumulators, in any order and
    /// with the blocks in any of them: one for each thread that worked, none without rows.
    ///
    /// This is for partials whose merge is exactly associative and commutative, and only for
    /// these: then it does not matter which block went where, and an accumulator may keep large
    /// tables from block to block.
    ///
    /// # Errors
    ///
    /// As [`Context::fold`].
    pub fn accumulate<A: Send>(
        &self,
        partition: &Partition,
        new: impl Fn() -> Result<A, Error> + Sync,
        add: impl Fn(&mut A, Range<usize>) -> Result<(), Error> + Sync,
    ) -> Result<Vec<A>, Error> {
        let idle = Idle::default();
        self.for_each_chunk(partition, (), |rows, ()| {
            let mut accumulator = idle.take().map_or_else(&new, Ok)?;
            add(&mut accumulator, rows)?;
            idle.put(accumulator);
            Ok(())
        })?;
        Ok(idle.into_values())
    }

    /// A [`fold`](Context::fold) in which each block also writes its own part of `output`.
    ///
    /// # Errors
    ///
    /// As [`Context::fold`].
    ///
    /// # Panics
    ///
    /// If `output` has not one row per input row: a bug in the caller.
    pub fn fold_into<P: Monoid + Send, O: Output>(
        &self,
        partition: &Partition,
        output: O,
        map: impl Fn(Range<usize>, O) -> Result<P, Error> + Sync,
    ) -> Result<P, Error> {
        assert!(output.has_rows(partition.rows()), "an output has one row per input row");
        if partition.leaves() == 0 {
            self.check()?;
            return Ok(P::identity());
        }
        let tree = Tree { context: self, partition, map, failed: AtomicUsize::new(usize::MAX) };
        tree.branch(0..partition.leaves(), output)
    }
}

/// One walk over the tree of blocks.
struct Tree<'a, F> {
    context: &'a Context,
    partition: &'a Partition,
    map: F,
    /// The first block known to have failed: those after it no longer matter.
    failed: AtomicUsize,
}

impl<F> Tree<'_, F> {
    fn branch<P, O>(&self, leaves: Range<usize>, output: O) -> Result<P, Error>
    where
        P: Monoid + Send,
        O: Output,
        F: Fn(Range<usize>, O) -> Result<P, Error> + Sync,
    {
        if leaves.len() == 1 {
            return self.leaf(leaves.start, output);
        }
        let middle = leaves.start + left_branch(leaves.len());
        let rows = self.partition.row_of(middle) - self.partition.row_of(leaves.start);
        let (left_output, right_output) = output.split_at_row(rows);
        let (left, right) = self.context.join(
            || self.branch(leaves.start..middle, left_output),
            || self.branch(middle..leaves.end, right_output),
        );
        // The left error comes first in the order of the rows, and a right branch that was
        // skipped because of it must not hide it.
        let mut merged = left?;
        merged.merge(&right?)?;
        Ok(merged)
    }

    fn branches<P>(&self, ranges: &[Range<usize>]) -> Result<Vec<P>, Error>
    where
        P: Monoid + Send,
        F: Fn(Range<usize>, ()) -> Result<P, Error> + Sync,
    {
        match ranges {
            [] => Ok(Vec::new()),
            [range] => Ok(vec![self.branch(range.clone(), ())?]),
            _ => {
                let (left, right) = ranges.split_at(ranges.len() / 2);
                let (left, right) =
                    self.context.join(|| self.branches(left), || self.branches(right));
                let mut values = left?;
                values.append(&mut right?);
                Ok(values)
            }
        }
    }

    fn leaf<P, O>(&self, leaf: usize, output: O) -> Result<P, Error>
    where
        F: Fn(Range<usize>, O) -> Result<P, Error> + Sync,
    {
        self.context.check()?;
        if leaf > self.failed.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let result = (self.map)(self.partition.leaf(leaf), output);
        if result.is_err() {
            self.failed.fetch_min(leaf, Ordering::Relaxed);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_job_looks_about_once_in_a_period_and_ends_when_told() {
        let period = Duration::from_millis(5);
        let looks = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&looks);
        let begin = Instant::now();
        let context = Context::watched(period, move |reports| {
            assert_eq!(reports.drain().len(), 1);
            count.fetch_add(1, Ordering::Relaxed) == 2
        });
        for look in 0..3 {
            context.report(Report { task: 0, step: look, value: 0.0, finished: false });
            while looks.load(Ordering::Relaxed) == look {
                let checked = context.check();
                assert_eq!(checked.is_err(), looks.load(Ordering::Relaxed) == 3);
            }
        }
        assert!(begin.elapsed() >= 3 * period);
        assert_eq!(context.check(), Err(Error::Interrupted));
        assert_eq!(looks.load(Ordering::Relaxed), 3, "it is over");
    }
}
