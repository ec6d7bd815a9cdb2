//! Reads of very many summaries at once: quantiles, and what whole numbers that stand for times or
//! decimals have to say.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Ix1, Ix2};
use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::convert;
use super::states::{SummaryStates, Which};
use crate::memory;
use crate::python::arrays::{self, NewArray};
use crate::python::objects;
use crate::summary::{Known, Method, State, Statistic};

/// Checks which quantiles are asked for.
pub fn asked(q: &Bound<'_, PyAny>, method: &str) -> PyResult<(Vec<f64>, Method)> {
    let q = arrays::vector(q, "q")?.into_raw_vec_and_offset().0;
    let Some(method) = Method::named(method) else {
        let names = Method::ALL.map(|(name, _)| format!("'{name}'")).join(", ");
        let message = format!("method must be one of {names}; got '{method}'");
        return Err(PyValueError::new_err(message));
    };
    Ok((q, method))
}

/// A row for each state, of some parts of what is known of its quantiles; None if one keeps none.
fn known<'py, const PARTS: usize>(
    states: &Bound<'py, SummaryStates>,
    which: Which,
    q: &Bound<'py, PyAny>,
    method: &str,
    parts: [fn(&Known) -> f64; PARTS],
) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
    let (py, states) = (states.py(), states.get());
    let (q, method) = asked(q, method)?;
    let which = states.which(which)?;
    let width = memory::product(&[PARTS, q.len()], "the quantiles")?;
    let mut array = NewArray::<f64, Ix2>::zeros(py, [which.length(), width])?;
    if q.is_empty() {
        return Ok(Some(array.finish()));
    }
    let missing = AtomicBool::new(false);
    states.fill(py, which, array.values(), |state, row| {
        let Some(known) = state.read(|summary| summary.quantiles(&q, method)) else {
            missing.store(true, Ordering::Relaxed);
            return Ok(());
        };
        let known = known?;
        for (values, part) in row.chunks_mut(q.len()).zip(parts) {
            values.iter_mut().zip(&known).for_each(|(value, known)| *value = part(known));
        }
        Ok(())
    })?;
    Ok((!missing.into_inner()).then(|| array.finish()))
}

/// The quantiles of each, a row for each state; None if one keeps none.
#[pyfunction]
fn quantiles_of_each<'py>(
    states: &Bound<'py, SummaryStates>,
    which: Which,
    q: &Bound<'py, PyAny>,
    method: &str,
) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
    known(states, which, q, method, [|known| known.estimate])
}

/// Between which numbers they lie: of each state the lower ones, then the upper ones.
#[pyfunction]
fn quantile_bounds_of_each<'py>(
    states: &Bound<'py, SummaryStates>,
    which: Which,
    q: &Bound<'py, PyAny>,
    method: &str,
) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
    known(states, which, q, method, [|known| known.low, |known| known.high])
}

fn statistic(name: &str, ddof: i64) -> PyResult<Statistic> {
    Statistic::named(name, ddof)
        .ok_or_else(|| PyValueError::new_err(format!("there is no statistic {name:?}")))
}

/// A statistic of each, where one of its numbers is `factor` units, as the nearest number of units: an
/// array of int64, or a list if one needs more; 0 where there is none, and whether there is one.
#[pyfunction]
fn whole_of_each<'py>(
    states: &Bound<'py, SummaryStates>,
    which: Which,
    name: &str,
    ddof: i64,
    factor: u64,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<bool>>)> {
    let (py, states) = (states.py(), states.get());
    let statistic = statistic(name, ddof)?;
    let read = |state: &State| state.whole(statistic, factor);
    let which = states.which(which)?;
    let (fits, mut there) =
        (AtomicBool::new(true), NewArray::<bool, Ix1>::zeros(py, which.length())?);
    let mut array = NewArray::<i64, Ix1>::zeros(py, which.length())?;
    states.fill(py, which, array.values(), |state, row| {
        if let Some(value) = read(state) {
            row[0] = i64::try_from(value).unwrap_or_else(|_| {
                fits.store(false, Ordering::Relaxed);
                0
            });
        }
        Ok(())
    })?;
    states.fill(py, which, there.values(), |state, row| {
        row[0] = statistic.is_there(state);
        Ok(())
    })?;
    if fits.into_inner() {
        return Ok((array.finish().into_any(), there.finish()));
    }
    let values = states.collect(py, which, |state| Ok(read(state).unwrap_or_default()))?;
    let values = values.iter().map(|value| convert::integer(py, value));
    Ok((objects::list(py, values, "the list of a statistic")?.into_any(), there.finish()))
}

/// A statistic of each, of decimals of so many places, rounded once; NaN where there is none.
#[pyfunction]
fn decimals_of_each<'py>(
    states: &Bound<'py, SummaryStates>,
    which: Which,
    name: &str,
    ddof: i64,
    places: u16,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let statistic = statistic(name, ddof)?;
    let read = |state: &State| state.of_decimals(statistic, places.into());
    states.get().column(states.py(), which, read)
}

/// Adds this file's functions to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(quantiles_of_each, module)?)?;
    module.add_function(wrap_pyfunction!(quantile_bounds_of_each, module)?)?;
    module.add_function(wrap_pyfunction!(whole_of_each, module)?)?;
    module.add_function(wrap_pyfunction!(decimals_of_each, module)?)
}
