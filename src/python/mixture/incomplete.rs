//! Rows with missing values, for Python: which have which.

use ndarray::Ix1;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::memory;
use crate::mixture::{Group, Grouped};
use crate::python::arrays::{self, NewArray};
use crate::python::enter::enter;

/// What the memory is for, in errors.
const WHAT: &str = "the numbers of rows";

/// Rows, NaN for what is missing, sorted by which features are there.
#[pyclass(module = "foldstat._core", frozen)]
pub struct IncompleteRows {
    rows: Grouped,
}

/// Rows in which the same features are there: which features, the numbers of the rows.
type GroupOfRows<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

#[pymethods]
impl IncompleteRows {
    #[new]
    #[pyo3(signature = (X, sample_weight=None, n_jobs=None))]
    #[allow(non_snake_case)]
    fn new<'py>(
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_jobs: Option<isize>,
    ) -> PyResult<Self> {
        let borrowed = arrays::rows(X, "X")?;
        let rows = borrowed.rows();
        let weights = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
        let weights = weights.as_ref().map(|weights| weights.values());
        let work = 10.0 * (rows.n_rows() * rows.n_columns()) as f64;
        let rows = enter(py, work, n_jobs, None, |context| {
            Grouped::of(context, rows.reborrow(), weights)
        })?;
        Ok(Self { rows })
    }

    /// The groups: which features are there, and the numbers of the rows, both in their order.
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Vec<GroupOfRows<'py>>> {
        let numbers = |numbers: &[usize]| {
            let numbers = memory::collected(numbers.iter().map(|&number| number as i64), WHAT)?;
            NewArray::<_, Ix1>::of(py, numbers.len(), &numbers)
        };
        let group = |group: &Group| {
            let there = group.pattern().features(self.rows.n_features(), true)?;
            Ok((numbers(&there)?, numbers(group.numbers())?))
        };
        memory::gathered(self.rows.groups().iter().map(group), WHAT)
    }

    fn __len__(&self) -> usize {
        self.rows.n_rows()
    }
}
