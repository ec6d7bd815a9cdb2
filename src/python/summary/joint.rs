//! [`JointState`]: exact sums and products of several columns.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayView1, Ix1, Ix2, s};
use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::VALUE_NANOSECONDS;
use super::input::{self, RowWeights, Segment};
use crate::error::Error;
use crate::fold::{Partition, RowsMut};
use crate::python::arrays::{self, NewArray, Reduced, reduced};
use crate::python::enter::enter;
use crate::summary::{Joint, JointReads};

/// Nanoseconds that one covariance takes to read, about.
const READ_NANOSECONDS: f64 = 1e3;

/// The exact sums and products of the complete rows of some columns, which threads may share.
///
/// As in a [`SummaryState`](super::SummaryState), no Python runs while the lock is held.
#[pyclass(module = "foldstat._core", frozen)]
#[derive(Debug)]
pub struct JointState(Mutex<Joint>);

impl From<Joint> for JointState {
    fn from(joint: Joint) -> Self {
        Self(Mutex::new(joint))
    }
}

impl JointState {
    fn with<R>(&self, f: impl FnOnce(&mut Joint) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn snapshot(&self) -> Result<Joint, Error> {
        self.with(|joint| joint.copied())
    }

    fn add(
        &self,
        py: Python<'_>,
        segments: &[Segment<'_>],
        weights: Option<ArrayView1<'_, u64>>,
        n_jobs: Option<isize>,
    ) -> PyResult<()> {
        let n_columns = self.n_columns();
        let found = segments.first().map_or(0, |segment| segment.columns.len());
        if found != n_columns {
            return Err(PyValueError::new_err(format!(
                "expected {n_columns} columns, found {found}"
            )));
        }
        let n_rows = segments.last().map_or(0, |segment| segment.rows.end);
        let products = (n_columns * (n_columns + 1) / 2) as f64;
        let work = VALUE_NANOSECONDS * n_rows as f64 * products;
        let partial = enter(py, work, n_jobs, None, |context| {
            let mut partial = Joint::new(n_columns)?;
            for Segment { rows, columns } in segments {
                let weights = weights.map(|weights| weights.slice_move(s![rows.clone()]));
                partial.update(context, columns, weights)?;
            }
            Ok(partial)
        })?;
        Ok(self.with(|joint| joint.try_merge(&partial))?)
    }

    /// A symmetric matrix of what `read` gives for each pair of columns.
    fn matrix<'py>(
        &self,
        py: Python<'py>,
        read: impl Fn(&JointReads<'_>, usize, usize) -> f64 + Sync,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let joint = self.snapshot()?;
        let d = joint.n_columns();
        let mut matrix = NewArray::<f64, Ix2>::zeros(py, [d, d])?;
        let values = matrix.values();
        let work = READ_NANOSECONDS * (d * d) as f64;
        enter(py, work, None, None, |context| {
            let reads = JointReads::new(&joint)?;
            let output = RowsMut::new(&mut *values, d, d);
            context.for_each_chunk(&Partition::new(d, 1), output, |rows, mut row| {
                for (j, value) in (0..=rows.start).zip(row.row(0)) {
                    *value = read(&reads, rows.start, j);
                }
                Ok(())
            })?;
            for i in 0..d {
                for j in 0..i {
                    values[j * d + i] = values[i * d + j];
                }
            }
            Ok(())
        })?;
        Ok(matrix.finish())
    }
}

#[pymethods]
impl JointState {
    /// Of no rows.
    #[new]
    fn new(n_columns: usize) -> PyResult<Self> {
        if n_columns > Joint::MOST_COLUMNS {
            return Err(PyValueError::new_err(format!(
                "n_columns must be at most {}, found {n_columns}: there is a sum for each pair",
                Joint::MOST_COLUMNS
            )));
        }
        Ok(Joint::new(n_columns)?.into())
    }

    /// Adds the rows of some columns; all of them, or none if it raises.
    #[pyo3(signature = (columns, sample_weight=None, n_jobs=None))]
    fn update(
        &self,
        py: Python<'_>,
        columns: &Bound<'_, PyList>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        n_jobs: Option<isize>,
    ) -> PyResult<()> {
        let inputs = input::columns(columns)?;
        let weights = RowWeights::borrow(sample_weight, inputs.n_rows())?;
        let times = weights.times()?;
        self.add(py, &inputs.segments()?, times, n_jobs)
    }

    /// Adds the rows of a matrix; all of them, or none if it raises.
    #[pyo3(signature = (values, sample_weight=None, n_jobs=None))]
    fn update_matrix(
        &self,
        values: &Bound<'_, PyAny>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        n_jobs: Option<isize>,
    ) -> PyResult<()> {
        let matrix = arrays::numbers(values, "values", 2)?;
        let n_rows = matrix.shape()[0];
        let weights = RowWeights::borrow(sample_weight, n_rows)?;
        let times = weights.times()?;
        let columns = matrix.lines(0, 0..matrix.shape().get(1).copied().unwrap_or(1))?;
        self.add(values.py(), &[Segment { rows: 0..n_rows, columns }], times, n_jobs)
    }

    /// Adds the rows of another state of as many columns.
    fn merge(&self, other: &Self) -> PyResult<()> {
        // One lock at a time: the other may be this one, or just now be merging this one.
        let other = other.snapshot()?;
        Ok(self.with(|joint| joint.try_merge(&other))?)
    }

    /// Takes the rows of another state away.
    fn subtract(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        let (mut left, other) = (self.snapshot()?, other.snapshot()?);
        let work = READ_NANOSECONDS * (left.n_columns() * left.n_columns()) as f64;
        let left = enter(py, work, Some(1), None, |context| {
            left.try_subtract(&other, context.stop())?;
            Ok(left)
        })?;
        self.with(|joint| *joint = left);
        Ok(())
    }

    /// The sum of all; there must be one.
    #[staticmethod]
    fn merge_all(states: &Bound<'_, PyList>) -> PyResult<Self> {
        let mut total: Option<Joint> = None;
        for (index, state) in states.iter().enumerate() {
            let Ok(state) = state.cast::<Self>() else {
                let found = state.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "states[{index}] must be a JointState, found {found}"
                )));
            };
            match &mut total {
                None => total = Some(state.get().snapshot()?),
                Some(total) => state.get().with(|joint| total.try_merge(joint))?,
            }
        }
        let empty = "merge_all needs at least one JointState, to know the number of columns";
        Ok(total.ok_or_else(|| PyValueError::new_err(empty))?.into())
    }

    /// A copy that further rows leave alone.
    fn copy(&self) -> PyResult<Self> {
        Ok(self.snapshot()?.into())
    }

    /// Versioned bytes that ``from_bytes`` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.with(|joint| joint.to_bytes())?)
    }

    /// Reads what ``to_bytes`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        Ok(Joint::from_bytes(data)?.into())
    }

    /// The same without an envelope, as part of the bytes of something else.
    fn to_payload<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.with(|joint| joint.to_payload())?)
    }

    /// Reads what ``to_payload`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_payload(data: &[u8]) -> PyResult<Self> {
        Ok(Joint::from_payload(data)?.into())
    }

    fn __eq__(&self, other: &Self) -> PyResult<bool> {
        let other = other.snapshot()?;
        Ok(self.with(|joint| *joint == other))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.with(|joint| joint.hash(&mut hasher));
        hasher.finish()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(self.to_bytes(py)?)
    }

    /// Number of columns.
    #[getter]
    fn n_columns(&self) -> usize {
        self.with(|joint| joint.n_columns())
    }
    /// Rows without nulls, NaN and infinities.
    #[getter]
    fn count(&self) -> u64 {
        self.with(|joint| joint.count())
    }
    /// Rows with at least one of these, which are left out.
    #[getter]
    fn incomplete_count(&self) -> u64 {
        self.with(|joint| joint.incomplete_count())
    }
    /// The mean of each column over the complete rows, correctly rounded.
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mut means = NewArray::<f64, Ix1>::zeros(py, self.n_columns())?;
        let places = means.values().iter_mut().enumerate();
        self.with(|joint| places.for_each(|(i, mean)| *mean = joint.mean(i)));
        Ok(means.finish())
    }

    /// The covariances with divisor n - ddof, correctly rounded, shape (n_columns, n_columns).
    #[pyo3(signature = (ddof=1))]
    fn cov<'py>(&self, py: Python<'py>, ddof: i64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.matrix(py, |reads, i, j| reads.covariance(i, j, ddof))
    }

    /// Pearson's correlations, correctly rounded, shape (n_columns, n_columns).
    fn corr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.matrix(py, |reads, i, j| reads.correlation(i, j))
    }

    /// Slope, intercept and correlation of the least-squares line of column y over column x.
    fn line(&self, x: usize, y: usize) -> PyResult<(f64, f64, f64)> {
        let joint = self.snapshot()?;
        let n_columns = joint.n_columns();
        if let Some(index) = [x, y].into_iter().find(|&index| index >= n_columns) {
            return Err(PyIndexError::new_err(format!(
                "there is no column {index}: there are {n_columns}"
            )));
        }
        let line = JointReads::new(&joint)?.line(x, y);
        Ok((line.slope, line.intercept, line.r))
    }
}
