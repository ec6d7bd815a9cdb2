//! The one door from Python into long-running Rust.
//!
//! Nothing else in the crate detaches from the interpreter. Behind the door there is no Python;
//! in front of it, the calling thread looks after signals and progress.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::Error;
use crate::fold::{Context, Pool, Report, Threads};

/// Shorter work keeps the interpreter: letting it go and taking it back would cost more.
const DETACH_NANOSECONDS: f64 = 5e4;
/// Shorter work stays on the calling thread: waking a pool would cost more.
const POOL_NANOSECONDS: f64 = 1e6;
/// How often Python gets to see signals and progress while work goes on.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs `job` away from the interpreter and returns what it returns.
///
/// `work` is the estimated duration in nanoseconds on one thread: it decides whether the job is
/// worth letting go of the interpreter and waking a pool. The job then runs in a pool, never on
/// the calling thread, even for a single thread. That one wakes up every 50 ms to let Python
/// handle signals and to hand new reports to `callback` as a list of tuples (task, step, value,
/// finished). The callback is called a last time, with what is left, after the job.
///
/// The job may borrow the data of NumPy arrays, as long as the caller keeps them borrowed:
/// this function returns only after the job has.
///
/// # Errors
///
/// That of the job. If Python's signal handlers or the callback raise (Ctrl-C), the job is
/// stopped and their exception comes through. A panic becomes a `RuntimeError`.
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
        let job = || catch_unwind(AssertUnwindSafe(|| job(&context)));
        let result = if work < DETACH_NANOSECONDS { job() } else { py.detach(job) };
        (result, context.drain_reports())
    } else {
        let pool = Pool::lease(threads.count())?;
        let context = pool.context();
        (supervise(py, &pool, &context, callback, job)?, context.drain_reports())
    };
    let value = result.unwrap_or_else(|panic| Err(Error::Bug(message_of(&*panic))))?;
    callback.map_or(Ok(()), |callback| call(callback, &reports))?;
    Ok(value)
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
        let result = py.detach(|| catch_unwind(AssertUnwindSafe(|| turn(&context))));
        let more = result.unwrap_or_else(|panic| Err(Error::Bug(message_of(&*panic))))?;
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

/// Runs the job in `pool`; fails with the exception that a signal or the callback raised.
fn supervise<R: Send>(
    py: Python<'_>,
    pool: &Pool,
    context: &Context,
    callback: Option<&Bound<'_, PyAny>>,
    job: impl FnOnce(&Context) -> Result<R, Error> + Send,
) -> PyResult<std::thread::Result<Result<R, Error>>> {
    let callback = callback.map(|callback| callback.clone().unbind());
    let mut raised: Option<PyErr> = None;
    let result = py.detach(|| {
        let watch = || {
            if raised.is_none() {
                raised = look_after(context, callback.as_ref()).err();
                if raised.is_some() {
                    context.stop().raise();
                }
            }
        };
        pool.supervise(PERIOD, || job(context), watch)
    });
    raised.map_or(Ok(result), Err)
}

/// Lets Python handle signals, then hands it the new reports.
fn look_after(context: &Context, callback: Option<&Py<PyAny>>) -> PyResult<()> {
    let attached = Python::try_attach(|py| {
        py.check_signals()?;
        let reports = context.drain_reports();
        match callback {
            Some(callback) if !reports.is_empty() => call(callback.bind(py), &reports),
            _ => Ok(()),
        }
    });
    // None: the interpreter is shutting down, nobody waits for the result any more.
    attached.unwrap_or_else(|| Err(Error::Interrupted.into()))
}

fn call(callback: &Bound<'_, PyAny>, reports: &[Report]) -> PyResult<()> {
    let rows = reports.iter().map(|report| {
        let Report { task, step, value, finished } = *report;
        (task, step, value, finished)
    });
    callback.call1((PyList::new(callback.py(), rows)?,))?;
    Ok(())
}

/// The text a panic was raised with.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}
