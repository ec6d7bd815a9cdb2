//! The one door from Python into long-running Rust.
//!
//! Nothing else in the crate detaches from the interpreter. Behind the door there is no Python;
//! in front of it, the calling thread looks after signals and progress.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::panics;
use crate::error::Error;
use crate::fold::{Context, Halted, Pool, Report, Reports, Threads};

/// Shorter work keeps the interpreter: letting it go and taking it back would cost more.
const DETACH_NANOSECONDS: f64 = 5e4;
/// Shorter work stays on the calling thread: waking a pool would cost more.
const POOL_NANOSECONDS: f64 = 1e6;
/// How often Python gets to see signals and progress while work goes on.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs `job` away from the interpreter and returns what it returns.
///
/// `work` is the estimated duration in nanoseconds on one thread: it decides whether the job is
/// worth letting go of the interpreter and waking a pool. The job then runs in a pool, even for a
/// single thread, while the calling thread wakes up every 50 ms to let Python handle signals and
/// to hand new reports to `callback` as a list of tuples (task, step, value, finished). Where one
/// thread was asked for and none can be started, the job runs on the calling thread and its own
/// checks do that. The callback is called a last time, with what is left, after the job.
///
/// The job may borrow the data of NumPy arrays, as long as the caller keeps them borrowed:
/// this function returns only after the job has.
///
/// # Errors
///
/// That of the job. If Python's signal handlers or the callback raise (Ctrl-C), the job is
/// stopped and their exception comes through. A panic becomes a `RuntimeError`, and so does a
/// signal handler or callback that forks, in the child.
pub fn enter<R: Send>(
    py: Python<'_>,
    work: f64,
    n_jobs: Option<isize>,
    callback: Option<&Bound<'_, PyAny>>,
    job: impl FnOnce(&Context) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let threads = Threads::requested(n_jobs)?;
    let callback = callback.filter(|callback| !callback.is_none());
    let (result, reports) = if work < POOL_NANOSECONDS {
        let context = Context::inline();
        let job = || guarded(|| job(&context));
        let result = if work < DETACH_NANOSECONDS { job() } else { py.detach(job) };
        (result, context.drain_reports())
    } else {
        in_pool(py, threads.count(), callback, job)?
    };
    let value = result?;
    callback.map_or(Ok(()), |callback| call(callback, &reports))?;
    Ok(value)
}

/// What the job returned, and the reports that are left.
type Done<R> = (Result<R, Error>, Vec<Report>);

fn in_pool<R: Send>(
    py: Python<'_>,
    threads: usize,
    callback: Option<&Bound<'_, PyAny>>,
    job: impl FnOnce(&Context) -> Result<R, Error> + Send,
) -> PyResult<Done<R>> {
    let raised = Raised::new(callback);
    match Pool::lease(threads) {
        Ok(pool) => raised.supervise(py, &pool, job),
        Err(Error::Threads { .. }) if threads == 1 => raised.on_this_thread(py, job),
        Err(error) => Err(error.into()),
    }
}

/// Runs a piece of the job; a panic becomes an error.
fn guarded<R>(job: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    panics::remember();
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| Err(panics::error_of(&*panic)))
}

/// Calls `turn` on the calling thread, away from the interpreter, until it says that there is no
/// more to do. Between two turns Python handles signals and `callback` gets the reports.
///
/// This is for jobs that call Python themselves, all on one thread. A turn should take about 50 ms.
///
/// # Errors
///
/// As [`enter`].
pub fn take_turns(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    mut turn: impl FnMut(&Context) -> Result<bool, Error> + Send,
) -> PyResult<()> {
    let callback = callback.filter(|callback| !callback.is_none());
    let context = Context::inline();
    loop {
        let more = py.detach(|| guarded(|| turn(&context)))?;
        py.check_signals()?;
        let reports = context.drain_reports();
        match callback {
            Some(callback) if !reports.is_empty() => call(callback, &reports)?,
            _ => {}
        }
        if !more {
            return Ok(());
        }
    }
}

/// What looks after signals and progress while a job runs, and keeps what they raised.
struct Raised {
    callback: Option<Py<PyAny>>,
    process: u32,
    error: Mutex<Option<PyErr>>,
}

impl Raised {
    fn new(callback: Option<&Bound<'_, PyAny>>) -> Arc<Self> {
        let callback = callback.map(|callback| callback.clone().unbind());
        Arc::new(Self { callback, process: std::process::id(), error: Mutex::default() })
    }

    /// Runs the job in `pool`; fails with the exception that a signal or the callback raised.
    fn supervise<R: Send>(
        &self,
        py: Python<'_>,
        pool: &Pool,
        job: impl FnOnce(&Context) -> Result<R, Error> + Send,
    ) -> PyResult<Done<R>> {
        let context = pool.context();
        let result = py.detach(|| {
            let watch = || {
                if self.ends(context.reports(), true) {
                    context.stop().raise();
                }
            };
            pool.supervise(PERIOD, || guarded(|| job(&context)), watch)
        });
        let result = match (self.take(), result) {
            (Some(error), _) => return Err(error),
            (None, Ok(result)) => result,
            (None, Err(Halted::Forked)) => return Err(Error::Forked.into()),
            (None, Err(Halted::Panicked(panic))) => Err(panics::error_of(&*panic)),
        };
        Ok((result, context.drain_reports()))
    }

    /// Runs the job here; its own checks look after signals and progress.
    fn on_this_thread<R: Send>(
        self: Arc<Self>,
        py: Python<'_>,
        job: impl FnOnce(&Context) -> Result<R, Error> + Send,
    ) -> PyResult<Done<R>> {
        let watch = Arc::clone(&self);
        let context = Context::watched(PERIOD, move |reports| watch.ends(reports, false));
        let result = py.detach(|| guarded(|| job(&context)));
        self.take().map_or_else(|| Ok((result, context.drain_reports())), Err)
    }

    /// Lets Python handle signals, then hands it the new reports; whether the job should end.
    ///
    /// In the child of a fork the reports are not touched if `threads` of the parent write them.
    fn ends(&self, reports: &Reports, threads: bool) -> bool {
        if self.lock().is_some() {
            return true;
        }
        let looked = Python::try_attach(|py| {
            py.check_signals()?;
            let Some(callback) = &self.callback else { return Ok(()) };
            if threads && std::process::id() != self.process {
                return Ok(());
            }
            let reports = reports.drain();
            if reports.is_empty() { Ok(()) } else { call(callback.bind(py), &reports) }
        });
        // None: the interpreter is shutting down, nobody waits for the result any more.
        let error = looked.unwrap_or_else(|| Err(Error::Interrupted.into())).err();
        let ends = error.is_some();
        *self.lock() = error;
        ends
    }

    fn take(&self) -> Option<PyErr> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call(callback: &Bound<'_, PyAny>, reports: &[Report]) -> PyResult<()> {
    let rows = reports.iter().map(|report| {
        let Report { task, step, value, finished } = *report;
        (task, step, value, finished)
    });
    callback.call1((PyList::new(callback.py(), rows)?,))?;
    Ok(())
}
