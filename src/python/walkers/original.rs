//! A compiled function together with the Python function that it was made from.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::native::Native;
use crate::fold::Stop;
use crate::walkers::density::{Density, Failure, Reason};

/// A compiled function; where it fails, its original is asked.
///
/// Compiled code may raise where Python has a value: an integer of more than 64 bits, or a division
/// by zero of `NumPy`'s numbers, which gives an infinity. That value is what the density is.
pub struct WithOriginal {
    compiled: Native,
    /// Called with a point.
    original: Py<PyAny>,
}

impl WithOriginal {
    /// Both, of one density.
    #[must_use]
    pub fn new(compiled: Native, original: Py<PyAny>) -> Self {
        Self { compiled, original }
    }

    /// What the original gives, if that is a number; what it raises is asked for again later.
    fn value(&self, point: &[f64]) -> Option<f64> {
        Python::attach(|py| {
            let value = self.original.bind(py).call1((PyArray1::from_slice(py, point),)).ok()?;
            let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
            if is_number && !value.is_instance_of::<PyBool>() { value.extract().ok() } else { None }
        })
    }
}

impl Density for WithOriginal {
    fn evaluate(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        let mut first = 0;
        loop {
            let rest = &points[first * n_dims..];
            let done = self.compiled.evaluate(stop, rest, n_dims, &mut values[first..]);
            let Err(Failure { row, reason }) = done else { return Ok(()) };
            let row = first + row;
            let Reason::Status(_) = reason else { return Err(Failure { row, reason }) };
            match self.value(&points[row * n_dims..][..n_dims]) {
                Some(value) => values[row] = value,
                None => return Err(Failure { row, reason }),
            }
            first = row + 1;
        }
    }

    fn gradient(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Option<Result<(), Failure>> {
        self.compiled.gradient(stop, points, n_dims, values, gradients)
    }
}
