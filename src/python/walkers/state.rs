//! A sampler as a dict, and back: what is saved and pickled.

use std::sync::Arc;

use ndarray::{Array1, Ix1, Ix2};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::buffers::{read_bounds, read_key};
use super::moves::WalkerMove;
use crate::error::Error;
use crate::memory;
use crate::python::arrays::{self, NewArray};
use crate::walkers::transitions::Schedule;
use crate::walkers::{Pooled, Rules, Sampler, State};

/// What memory is for, in errors.
const STATE: &str = "the state of the walkers";

/// Everything that the next steps depend on, besides density and moves.
///
/// # Errors
///
/// If there is no room for it.
pub(super) fn as_dict<'py>(py: Python<'py>, sampler: &Sampler) -> PyResult<Bound<'py, PyDict>> {
    let state = sampler.state();
    let n = state.n_walkers();
    let dict = PyDict::new(py);
    dict.set_item("key", PyBytes::new(py, sampler.key()))?;
    if state.first > 0 {
        dict.set_item("first_walker", state.first)?;
    }
    dict.set_item("step", state.step)?;
    dict.set_item("learns_from", state.learns_from)?;
    dict.set_item("burn_in", sampler.burn_in())?;
    dict.set_item("log", sampler.rules().log)?;
    dict.set_item("reject_nan", sampler.rules().reject_nan)?;
    if let Some(bounds) = &sampler.rules().bounds {
        let values = bounds.as_flattened();
        dict.set_item("bounds", NewArray::<_, Ix2>::of(py, [bounds.len(), 2], values)?)?;
    }
    if let Some(pooled) = sampler.pooled() {
        let numbers = pooled.numbers()?;
        dict.set_item("pooled", NewArray::<_, Ix1>::of(py, numbers.len(), &numbers)?)?;
    }
    let positions = NewArray::<_, Ix2>::of(py, [n, state.n_dims], &state.positions)?;
    dict.set_item("positions", positions)?;
    dict.set_item("log_densities", NewArray::<_, Ix1>::of(py, n, &state.log_densities)?)?;
    dict.set_item("accepted", NewArray::<_, Ix1>::of(py, n, &state.accepted)?)?;
    let columns = PyDict::new(py);
    for (name, place) in &sampler.layout().columns {
        let mut column = NewArray::<f64, Ix2>::zeros(py, [n, place.len()])?;
        let rows = state.columns.chunks_exact(state.n_columns().max(1));
        for (target, row) in column.values().chunks_exact_mut(place.len().max(1)).zip(rows) {
            target.copy_from_slice(&row[place.clone()]);
        }
        columns.set_item(name, column.finish())?;
    }
    dict.set_item("columns", columns)?;
    for (name, states) in [("proposal", &state.proposal), ("acceptance", &state.acceptance)] {
        let words = states.as_flattened();
        dict.set_item(name, NewArray::<_, Ix2>::of(py, [n, 4], words)?)?;
    }
    Ok(dict)
}

/// A sampler in a state that [`as_dict`] gave.
///
/// # Errors
///
/// If something is missing in it, or is of another type or shape.
pub(super) fn from_dict(
    state: &Bound<'_, PyDict>,
    moves: &[(f64, Bound<'_, WalkerMove>)],
) -> PyResult<Sampler> {
    let get = |name: &str| {
        state.get_item(name)?.ok_or_else(|| PyKeyError::new_err(format!("state has no {name:?}")))
    };
    let floats = |name| arrays::matrix(&get(name)?, name);
    let vector = |name| {
        arrays::vector(&get(name)?, name).map(|v: Array1<f64>| v.into_raw_vec_and_offset().0)
    };
    let pooled = state.get_item("pooled")?.map(|_| vector("pooled")).transpose()?;
    let words = |name: &'static str| -> PyResult<Vec<[u64; 4]>> {
        let rows = arrays::words::<Ix2>(&get(name)?, name)?;
        if rows.ncols() != 4 {
            let found = rows.shape().to_vec();
            return Err(Error::Shape { name, expected: "(n, 4)".to_owned(), found }.into());
        }
        let states = rows.outer_iter().map(|row| std::array::from_fn(|word| row[word]));
        Ok(memory::collected(states, STATE)?)
    };
    let positions = floats("positions")?;
    let (n_walkers, n_dims) = positions.dim();
    let key = get("key")?;
    let schedule = schedule(moves, read_key(key.extract()?)?, n_dims, n_walkers)?;
    let columns = columns_of(get("columns")?.cast()?, &schedule, n_walkers, n_dims)?;
    let rules = Rules {
        log: get("log")?.extract()?,
        bounds: read_bounds(state.get_item("bounds")?.as_ref(), n_dims)?,
        reject_nan: get("reject_nan")?.extract()?,
    };
    let first = state.get_item("first_walker")?.map(|first| first.extract()).transpose()?;
    let state = State {
        n_dims,
        first: first.unwrap_or(0),
        positions: positions.into_raw_vec_and_offset().0,
        log_densities: vector("log_densities")?,
        proposal: words("proposal")?,
        acceptance: words("acceptance")?,
        columns,
        accepted: vector("accepted")?,
        step: get("step")?.extract()?,
        learns_from: get("learns_from")?.extract()?,
    };
    state.check()?;
    let mut sampler = Sampler::resume(state, schedule, rules, get("burn_in")?.extract()?)?;
    if let Some(numbers) = pooled {
        sampler.pool(Pooled::from_numbers(&numbers, n_dims)?)?;
    }
    Ok(sampler)
}

/// The rows that the columns of a state make, as the transitions want them.
fn columns_of(
    columns: &Bound<'_, PyDict>,
    schedule: &Schedule,
    n_walkers: usize,
    n_dims: usize,
) -> PyResult<Vec<f64>> {
    let (layout, _) = schedule.layout(n_dims)?;
    let m = layout.initial.len();
    let mut rows = memory::filled(memory::product(&[n_walkers, m], STATE)?, 0.0, STATE)?;
    for (name, place) in &layout.columns {
        let missing = || PyKeyError::new_err(format!("state has no column {name:?}"));
        let column = arrays::matrix(&columns.get_item(name)?.ok_or_else(missing)?, name)?;
        if column.dim() != (n_walkers, place.len()) {
            let expected = format!("({n_walkers}, {})", place.len());
            let found = column.shape().to_vec();
            return Err(Error::Shape { name: "columns", expected, found }.into());
        }
        for (row, values) in rows.chunks_exact_mut(m).zip(column.outer_iter()) {
            row[place.clone()].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        }
    }
    Ok(rows)
}

/// The moves of Python, each with its share, as one schedule.
///
/// # Errors
///
/// As [`Schedule::new`].
pub(super) fn schedule(
    moves: &[(f64, Bound<'_, WalkerMove>)],
    key: [u8; 32],
    n_dims: usize,
    n_walkers: usize,
) -> Result<Schedule, Error> {
    let moves = moves.iter().map(|(weight, step)| (*weight, Arc::clone(&step.get().transition)));
    let moves = moves.collect();
    Schedule::new(moves, key, n_dims, n_walkers)
}
