//! Sums over pairs for Python.

use pyo3::prelude::*;

use super::arrays;
use super::enter::enter;
use crate::error::Error;
use crate::pairwise::{self, PairwiseKernel};

/// Σᵢⱼ K(xᵢ, yⱼ); y = x where it is None.
#[pyfunction]
#[pyo3(signature = (x, y, kernel, gamma, n_jobs=None))]
fn pairwise_sum(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    kernel: &str,
    gamma: f64,
    n_jobs: Option<isize>,
) -> PyResult<f64> {
    let kernel = PairwiseKernel::from_name(kernel)?;
    let x = arrays::rows(x, "X")?;
    let y = y.map(|y| arrays::rows(y, "Y")).transpose()?;
    let (x, y) = (x.rows(), y.as_ref().map(arrays::BorrowedRows::rows));
    if let Some(y) = &y
        && y.n_columns() != x.n_columns()
    {
        let message = format!("has {} features, but X has {}", y.n_columns(), x.n_columns());
        return Err(Error::InvalidArgument { name: "Y", message }.into());
    }
    let pairs = x.n_rows() as f64 * y.map_or(x.n_rows(), |y| y.n_rows()) as f64;
    enter(py, pairs * x.n_columns() as f64, n_jobs, None, |context| {
        x.check_finite("X", context)?;
        if let Some(y) = &y {
            y.check_finite("Y", context)?;
        }
        pairwise::pairwise_sum(context, x, y, kernel, gamma)
    })
}

/// The number of values and their sum.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
fn count_and_sum(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    n_jobs: Option<isize>,
) -> PyResult<(u64, f64)> {
    let x = arrays::rows(x, "X")?;
    let x = x.rows();
    let values = x.n_rows() as f64 * x.n_columns() as f64;
    enter(py, values, n_jobs, None, |context| {
        x.check_finite("X", context)?;
        pairwise::count_and_sum(context, x)
    })
}

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pairwise_sum, module)?)?;
    module.add_function(wrap_pyfunction!(count_and_sum, module)?)
}
