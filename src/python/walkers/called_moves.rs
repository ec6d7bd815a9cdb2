//! Moves that Python makes: draws from conditionals, and proposals.
//!
//! The package hands over one function for all walkers of a block, which writes its results into
//! the arrays that it is given; the user's own function is behind it.

use std::sync::Arc;

use ndarray::{Ix1, Ix2};
use pyo3::prelude::*;

use super::raised::Raised;
use crate::fold::Stop;
use crate::python::arrays::{BorrowedMut, NewArray};
use crate::walkers::Stream;
use crate::walkers::density::{Calls, Failure, Reason};
use crate::walkers::transitions::{Draw, Drawing, Proposals, Proposer};

/// A function of Python that draws or proposes.
pub struct CalledMove {
    function: Py<PyAny>,
    raised: Arc<Raised>,
    looks_at_others: bool,
}

impl CalledMove {
    /// Keeps in `raised` what the function raises.
    #[must_use]
    pub fn new(function: Py<PyAny>, raised: Arc<Raised>, looks_at_others: bool) -> Self {
        Self { function, raised, looks_at_others }
    }

    /// Calls the function; what it raises is kept.
    fn attempt(&self, call: impl FnOnce(Python<'_>) -> PyResult<()>) -> Result<(), Failure> {
        Python::attach(call).map_err(|error| {
            self.raised.keep(error);
            Failure { row: 0, reason: Reason::MoveRaised }
        })
    }
}

/// Streams as an array of words, which the function moves on.
fn words<'py>(py: Python<'py>, streams: &[Stream]) -> PyResult<Bound<'py, PyAny>> {
    let mut array = NewArray::<u64, Ix2>::zeros(py, [streams.len(), 4])?;
    for (row, stream) in array.values().chunks_exact_mut(4).zip(streams) {
        row.copy_from_slice(&stream.0);
    }
    Ok(array.finish().into_any())
}

/// Takes the streams back.
fn take_words(array: &Bound<'_, PyAny>, streams: &mut [Stream]) -> PyResult<()> {
    let mut words = BorrowedMut::<u64>::of(array, "streams", 2)?;
    for (stream, row) in streams.iter_mut().zip(words.values().chunks_exact(4)) {
        stream.0.copy_from_slice(row);
    }
    Ok(())
}

/// Takes the numbers back that the function wrote.
fn take(array: &Bound<'_, PyAny>, dimensions: usize, values: &mut [f64]) -> PyResult<()> {
    let mut written = BorrowedMut::<f64>::of(array, "values", dimensions)?;
    values.copy_from_slice(written.values());
    Ok(())
}

impl Draw for CalledMove {
    fn draw(&self, _stop: &Stop, drawing: Drawing<'_>) -> Result<(), Failure> {
        let Drawing { points, n_dims, streams, values, first } = drawing;
        let n = streams.len();
        self.attempt(|py| {
            let points = NewArray::<f64, Ix2>::of(py, [n, n_dims], points)?;
            let drawn = NewArray::<f64, Ix2>::zeros(py, [n, values.len() / n])?.finish();
            let streams_array = words(py, streams)?;
            self.function.bind(py).call1((points, &streams_array, &drawn, first))?;
            take_words(&streams_array, streams)?;
            take(drawn.as_any(), 2, values)
        })
    }

    fn calls(&self) -> Calls {
        Calls::Together
    }
}

impl Proposer for CalledMove {
    fn propose(&self, _stop: &Stop, proposals: Proposals<'_>) -> Result<(), Failure> {
        let Proposals { points, others, n_dims, stream, proposed, log_factor, first } = proposals;
        let n = log_factor.len();
        self.attempt(|py| {
            let points = NewArray::<f64, Ix2>::of(py, [n, n_dims], points)?;
            let n_others = others.len() / n_dims;
            let others = NewArray::<f64, Ix2>::of(py, [n_others, n_dims], others)?;
            let there = NewArray::<f64, Ix2>::zeros(py, [n, n_dims])?.finish();
            let factors = NewArray::<f64, Ix1>::zeros(py, [n])?.finish();
            let streams = words(py, std::slice::from_ref(stream))?;
            self.function.bind(py).call1((points, others, &streams, &there, &factors, first))?;
            take_words(&streams, std::slice::from_mut(stream))?;
            take(there.as_any(), 2, proposed)?;
            take(factors.as_any(), 1, log_factor)
        })
    }

    fn looks_at_others(&self) -> bool {
        self.looks_at_others
    }

    fn calls(&self) -> Calls {
        Calls::Together
    }
}
