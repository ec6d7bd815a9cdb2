//! What Python functions raised while walkers called them.

use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use pyo3::prelude::*;

/// What was raised last on each thread and has not been taken yet. Several ensembles may share a
/// function, each calling it on a thread of its own.
#[derive(Default)]
pub struct Raised(Mutex<Vec<(ThreadId, PyErr)>>);

impl Raised {
    /// Keeps what was raised on this thread.
    pub fn keep(&self, error: PyErr) {
        let here = std::thread::current().id();
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised.retain(|(thread, _)| *thread != here);
        raised.push((here, error));
    }

    /// What was raised on this thread or, if nothing, on another one; only once.
    #[must_use]
    pub fn take(&self) -> Option<PyErr> {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = std::thread::current().id();
        let last = raised.len().checked_sub(1)?;
        let position = raised.iter().position(|(thread, _)| *thread == here).unwrap_or(last);
        Some(raised.swap_remove(position).1)
    }
}
