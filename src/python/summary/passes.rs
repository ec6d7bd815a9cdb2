//! Many summaries in one pass: of columns, of the lines of a matrix, of groups of rows.

use std::ops::Range;

use ndarray::Ix1;
use numpy::Element;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::input::{self, RowIds, RowWeights, Segment};
use super::{SummaryState, SummaryStates, VALUE_NANOSECONDS};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::python::arrays::{self, NewArray};
use crate::python::enter::enter;
use crate::summary::{self, Ids, State, Stretch, Summary, Values, Weights};

/// Nanoseconds that finding the group of a row takes, about.
const GROUP_NANOSECONDS: f64 = 5.0;

/// Nanoseconds that making and filling a state takes, about, which is not a short one.
const STATE_NANOSECONDS: f64 = 5000.0;

/// Lines of a matrix that are worked on at a time.
const LINES: usize = 1 << 17;

/// What a pass over columns needs besides the columns.
pub struct Rows<'a> {
    /// What the summaries are to keep.
    pub template: &'a Summary,
    /// The ids of all rows.
    pub ids: Ids<'a>,
    /// How much all rows count.
    pub weights: Option<Weights<'a>>,
}

impl<'a> Rows<'a> {
    /// Nanoseconds that so many states take besides their values, about: nothing if they are short.
    fn work_of_states(&self, states: usize) -> f64 {
        let short = self.template.is_plain() && self.weights.is_none();
        if short { 0.0 } else { STATE_NANOSECONDS * states as f64 }
    }

    /// Ids and weights of some rows.
    fn of(&self, rows: &Range<usize>) -> (Ids<'a>, Option<Weights<'a>>) {
        let weights = self.weights.map(|weights| weights.slice(rows.clone()));
        (input::slice_ids(self.ids, rows.clone()), weights)
    }

    /// One summary per column.
    pub fn summarize(
        &self,
        context: &Context,
        segments: &[Segment<'a>],
    ) -> Result<Vec<State>, Error> {
        let mut totals = Vec::new();
        for Segment { rows, columns } in segments {
            let (ids, weights) = self.of(rows);
            let partials =
                summary::summarize_columns(context, self.template, columns, ids, weights)?;
            merge_each(&mut totals, partials)?;
        }
        Ok(totals)
    }

    /// The segments with the keys of their rows.
    fn stretches(&self, segments: &[Segment<'a>], keys: Values<'a>) -> Vec<Stretch<'a>> {
        let stretch = |segment: &Segment<'a>| {
            let (ids, weights) = self.of(&segment.rows);
            let keys = input::slice(keys, segment.rows.clone());
            Stretch { columns: segment.columns.clone(), keys, ids, weights }
        };
        segments.iter().map(stretch).collect()
    }
}

/// Merges summaries of the same columns, column by column.
fn merge_each(totals: &mut Vec<State>, partials: Vec<State>) -> Result<(), Error> {
    if totals.is_empty() {
        *totals = partials;
        return Ok(());
    }
    totals.iter_mut().zip(&partials).try_for_each(|(total, partial)| total.try_merge(partial))
}

/// One state per column, with the settings of `template`.
#[pyfunction]
#[pyo3(signature = (columns, template, ids=None, sample_weight=None, n_jobs=None))]
fn summarize_columns<'py>(
    columns: &Bound<'py, PyList>,
    template: &SummaryState,
    ids: Option<&Bound<'py, PyAny>>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
) -> PyResult<SummaryStates> {
    let py = columns.py();
    let inputs = input::columns(columns)?;
    let ids = RowIds::borrow(ids)?;
    ids.check_length(inputs.n_rows())?;
    let weights = RowWeights::borrow(sample_weight, inputs.n_rows())?;
    let (template, segments) = (template.template()?, inputs.segments()?);
    let (ids, weights) = (ids.ids(0), weights.values());
    let rows = Rows { template: &template, ids, weights };
    let work = VALUE_NANOSECONDS * inputs.size() + rows.work_of_states(columns.len());
    Ok(enter(py, work, n_jobs, None, |context| rows.summarize(context, &segments))?.into())
}

/// One state per column (axis 0) or row (axis 1) of a matrix.
#[pyfunction]
#[pyo3(signature = (values, axis, template, ids=None, sample_weight=None, n_jobs=None))]
fn summarize_matrix<'py>(
    values: &Bound<'py, PyAny>,
    axis: usize,
    template: &SummaryState,
    ids: Option<&Bound<'py, PyAny>>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
) -> PyResult<SummaryStates> {
    if axis > 1 {
        return Err(PyValueError::new_err(format!("axis must be 0 or 1, found {axis}")));
    }
    let matrix = arrays::numbers(values, "values", 2)?;
    let (length, count) = (matrix.shape()[axis], matrix.shape()[1 - axis]);
    let ids = RowIds::borrow(ids)?;
    ids.check_length(length)?;
    let weights = RowWeights::borrow(sample_weight, length)?;
    let template = template.template()?;
    let (ids, weights) = (ids.ids(0), weights.values());
    let rows = Rows { template: &template, ids, weights };
    let mut states = memory::with_capacity(count, "the summaries of the lines")?;
    for start in (0..count).step_by(LINES) {
        let lines = start..(start + LINES).min(count);
        let work = VALUE_NANOSECONDS * length as f64 * lines.len() as f64
            + rows.work_of_states(lines.len());
        let segment = Segment { rows: 0..length, columns: matrix.lines(axis, lines)? };
        states.extend(enter(values.py(), work, n_jobs, None, |context| {
            rows.summarize(context, std::slice::from_ref(&segment))
        })?);
    }
    Ok(states.into())
}

/// The keys in ascending order and, for each, one state per column. With `skip`, rows of that key
/// are of no group.
#[pyfunction]
#[pyo3(signature = (columns, keys, template, ids=None, sample_weight=None, n_jobs=None, skip=None))]
fn summarize_groups<'py>(
    columns: &Bound<'py, PyList>,
    keys: &Bound<'py, PyAny>,
    template: &SummaryState,
    ids: Option<&Bound<'py, PyAny>>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
    skip: Option<i64>,
) -> PyResult<(Bound<'py, PyAny>, SummaryStates)> {
    let py = columns.py();
    let inputs = input::columns(columns)?;
    let keys = arrays::numbers(keys, "keys", 1)?;
    let keys = keys.values();
    if matches!(keys, Values::F64(_) | Values::F32(_)) {
        return Err(PyTypeError::new_err("keys must be of an integer dtype or bool"));
    }
    if keys.len() != inputs.n_rows() {
        return Err(PyValueError::new_err(format!(
            "keys has {} elements, but there are {} rows",
            keys.len(),
            inputs.n_rows()
        )));
    }
    let ids = RowIds::borrow(ids)?;
    ids.check_length(inputs.n_rows())?;
    let weights = RowWeights::borrow(sample_weight, inputs.n_rows())?;
    let (template, segments) = (template.template()?, inputs.segments()?);
    let (ids, weights) = (ids.ids(0), weights.values());
    let rows = Rows { template: &template, ids, weights };
    // There may be a group for each row.
    let work = VALUE_NANOSECONDS * inputs.size()
        + GROUP_NANOSECONDS * inputs.n_rows() as f64
        + rows.work_of_states(inputs.n_rows());
    let stretches = rows.stretches(&segments, keys);
    let groups = enter(py, work, n_jobs, None, |context| {
        summary::summarize_groups(context, &template, &stretches, skip)
    })?;
    let found = groups.keys.iter().copied();
    let found = if matches!(keys, Values::U64(_)) {
        keys_of(py, found.map(|key| key as u64))?
    } else {
        keys_of(py, found.map(|key| key as i64))?
    };
    Ok((found, groups.states.into()))
}

/// An array of as many keys.
fn keys_of<T: Element + Copy>(
    py: Python<'_>,
    keys: impl ExactSizeIterator<Item = T>,
) -> PyResult<Bound<'_, PyAny>> {
    let mut array = NewArray::<T, Ix1>::zeros(py, keys.len())?;
    array.values().iter_mut().zip(keys).for_each(|(place, key)| *place = key);
    Ok(array.finish().into_any())
}

/// Adds this file's functions to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(summarize_columns, module)?)?;
    module.add_function(wrap_pyfunction!(summarize_matrix, module)?)?;
    module.add_function(wrap_pyfunction!(summarize_groups, module)?)
}
