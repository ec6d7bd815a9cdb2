//! Private thread pools that survive `fork`.
//!
//! Nothing is started at import: a pool comes to life with the first job that needs it, and
//! idle ones are kept for the next.
//!
//! A pool serves one job at a time. If two jobs shared one, a worker waiting for its half of the
//! first could pick up the whole of the second, and then the first, interrupted by the user,
//! could not return before the second is done.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Context;
use crate::error::Error;

/// How many idle pools are kept; further ones end when their job does.
const MOST_IDLE: usize = 4;

/// The idle pools of one process.
struct Registry {
    process: u32,
    idle: Mutex<Vec<(usize, rayon::ThreadPool)>>,
}

/// The registry of the process that last used one, null before.
///
/// After a fork, the child inherits the parent's registry, whose threads do not exist in the
/// child and whose lock may have been held by one of them. So the child touches nothing of it
/// but the immutable process id, finds that this is not its own, and leaks it: dropping it would
/// wait for threads that never answer.
static REGISTRY: AtomicPtr<Registry> = AtomicPtr::new(std::ptr::null_mut());

impl Registry {
    /// That of this process.
    fn current() -> &'static Self {
        let process = std::process::id();
        let mut known = REGISTRY.load(Ordering::Acquire);
        loop {
            // SAFETY: the pointer is null or comes from `Box::leak` below, so it lives for ever.
            if let Some(registry) = unsafe { known.as_ref() }
                && registry.process == process
            {
                return registry;
            }
            let mine = Box::into_raw(Box::new(Self { process, idle: Mutex::default() }));
            match REGISTRY.compare_exchange(known, mine, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: just made, and from here on leaked.
                Ok(_) => return unsafe { &*mine },
                Err(other) => {
                    // SAFETY: another thread was faster; nobody has seen ours.
                    drop(unsafe { Box::from_raw(mine) });
                    known = other;
                }
            }
        }
    }

    fn take(&self, threads: usize) -> Option<rayon::ThreadPool> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let position = idle.iter().rposition(|(count, _)| *count == threads)?;
        Some(idle.remove(position).1)
    }

    fn put_back(&self, threads: usize, pool: rayon::ThreadPool) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((threads, pool));
        let oldest = (idle.len() > MOST_IDLE).then(|| idle.remove(0));
        drop(idle);
        drop(oldest); // outside of the lock: its threads are told to end
    }
}

/// Threads leased for one job; on drop they go back to the idle ones.
#[derive(Debug)]
pub struct Pool {
    threads: usize,
    process: u32,
    /// `None` only while being dropped.
    inner: Option<rayon::ThreadPool>,
}

/// More threads than this only take memory.
const MOST_THREADS: usize = 256;

impl Pool {
    /// Leases a pool of that many threads (at most 256), starting it if none is idle.
    ///
    /// # Errors
    ///
    /// [`Error::Threads`] if the system refuses to start them.
    pub fn lease(threads: usize) -> Result<Self, Error> {
        let threads = threads.clamp(1, MOST_THREADS);
        let inner = match Registry::current().take(threads) {
            Some(pool) => pool,
            None => rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("foldstat-{index}"))
                .build()
                .map_err(|error| Error::Threads { threads, message: error.to_string() })?,
        };
        Ok(Self { threads, process: std::process::id(), inner: Some(inner) })
    }

    /// The context of a job that will run on this pool.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::with_threads(self.threads)
    }

    /// Runs `job` on the pool's threads and returns what it returns. For callers without Python.
    ///
    /// # Panics
    ///
    /// If `job` does.
    pub fn run<R: Send>(&self, job: impl FnOnce(&Context) -> R + Send) -> R {
        let context = self.context();
        match self.supervise(Duration::from_secs(3600), || job(&context), || ()) {
            Ok(result) => result,
            Err(Halted::Panicked(panic)) => resume_unwind(panic),
            Err(Halted::Forked) => unreachable!("nothing that is called here forks"),
        }
    }

    /// Runs `job` on the pool's threads while the calling thread calls `watch` every `period`.
    ///
    /// Returns when `job` has returned, even after `watch` raised its stop flag: what the job
    /// borrows stays valid for as long as it runs.
    ///
    /// # Errors
    ///
    /// [`Halted`] if `job` panicked, or if `watch` forked and this is the child.
    pub fn supervise<R: Send>(
        &self,
        period: Duration,
        job: impl FnOnce() -> R + Send,
        mut watch: impl FnMut(),
    ) -> Result<R, Halted> {
        let outcome = Arc::new(Outcome::default());
        let theirs = Arc::clone(&outcome);
        let task = move || theirs.set(catch_unwind(AssertUnwindSafe(job)));
        let task: Box<dyn FnOnce() + Send + '_> = Box::new(task);
        // SAFETY: what the task borrows outlives its run. It is over once the outcome is there
        // (after that the worker touches its own share of `outcome` only, which is then empty),
        // and `Waiting` lets nobody leave this function before, not even by a panic of `watch`.
        // In the child of a fork no thread runs the task, now or later, and it is never dropped.
        let task: Box<dyn FnOnce() + Send> = unsafe { std::mem::transmute(task) };
        let pool = self.inner.as_ref().expect("a leased pool is there until it is dropped");
        let waiting = Waiting { outcome: &outcome, process: self.process };
        pool.spawn(task);
        while !outcome.wait(period) {
            watch();
            if std::process::id() != self.process {
                return Err(Halted::Forked);
            }
        }
        drop(waiting);
        outcome.take().map_err(Halted::Panicked)
    }
}

/// Why a job has no result.
#[derive(Debug)]
pub enum Halted {
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
    /// This is the child of a fork, and the threads that work on the job are those of the parent.
    Forked,
}

impl Drop for Pool {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.process == std::process::id() {
            Registry::current().put_back(self.threads, inner);
        } else {
            // Forked while the job ran: these threads do not exist here and cannot be joined.
            std::mem::forget(inner);
        }
    }
}

/// What a job returned or panicked with, once it has.
struct Outcome<R> {
    result: Mutex<Option<std::thread::Result<R>>>,
    changed: Condvar,
}

impl<R> Default for Outcome<R> {
    fn default() -> Self {
        Self { result: Mutex::new(None), changed: Condvar::new() }
    }
}

impl<R> Outcome<R> {
    fn set(&self, result: std::thread::Result<R>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.changed.notify_all();
    }

    /// Waits for the job, at most for `period`; whether it has ended.
    fn wait(&self, period: Duration) -> bool {
        let guard = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = self
            .changed
            .wait_timeout_while(guard, period, |result| result.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        guard.is_some()
    }

    fn take(&self) -> std::thread::Result<R> {
        let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        result.take().expect("it was waited for")
    }
}

/// Waits for the job when dropped, unless this is the child of a fork: there nothing comes, and
/// a thread of the parent may have held the lock.
struct Waiting<'a, R> {
    outcome: &'a Outcome<R>,
    process: u32,
}

impl<R> Drop for Waiting<'_, R> {
    fn drop(&mut self) {
        while std::process::id() == self.process && !self.outcome.wait(Duration::from_secs(3600)) {}
    }
}
