//! What runs where: for `python -m foldstat info` and for bug reports.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::fold;

/// Adds this file's functions to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(system, module)?)?;
    module.add_function(wrap_pyfunction!(resolve_threads, module)?)
}

/// Version, SIMD level, default number of threads and origin of LAPACK, as a dict.
#[pyfunction]
fn system(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("version", env!("CARGO_PKG_VERSION"))?;
    found.set_item("simd", crate::simd::level_name())?;
    found.set_item("threads", fold::resolve_threads(None)?)?;
    found.set_item("lapack", crate::lapack::origin())?;
    Ok(found)
}

/// The number of threads used for `n_jobs`.
#[pyfunction]
#[pyo3(signature = (n_jobs=None))]
fn resolve_threads(n_jobs: Option<isize>) -> PyResult<usize> {
    Ok(fold::resolve_threads(n_jobs)?)
}
