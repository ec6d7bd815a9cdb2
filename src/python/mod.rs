//! The boundary: the only place that speaks both NumPy and Rust.
//!
//! Every wrapper has the same five beats: extract ([`arrays`]), validate, enter ([`enter`]),
//! kernel, convert.

pub mod arrays;
pub mod arrow;
pub mod bytes;
pub mod diagnostics;
pub mod enter;
pub mod mixture;
pub mod objects;
pub mod pairwise;
mod panics;
mod refusals;
pub mod summary;
pub mod system;
pub mod walkers;

use pyo3::exceptions::{
    PyKeyboardInterrupt, PyMemoryError, PyOverflowError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;

use crate::error::Error;

/// The one map from our errors to Python's.
impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NonFinite { .. }
            | Error::Shape { .. }
            | Error::IllConditioned { .. }
            | Error::InvalidArgument { .. }
            | Error::InvalidWeight { .. }
            | Error::Incompatible { .. }
            | Error::Rows { .. }
            | Error::NeverAdded(_)
            | Error::Corrupt(_) => PyValueError::new_err(message),
            Error::TooMany => PyOverflowError::new_err(message),
            Error::Memory { .. } => PyMemoryError::new_err(message),
            Error::Interrupted => PyKeyboardInterrupt::new_err(message),
            Error::Lapack(_)
            | Error::Threads { .. }
            | Error::Forked
            | Error::Bug(_)
            | Error::Library { .. } => PyRuntimeError::new_err(message),
        }
    }
}

/// Fills the module with what each room offers.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    crate::simd::check_environment()?;
    load_numpy(module.py())?;
    system::register(module)?;
    mixture::register(module)?;
    pairwise::register(module)?;
    arrow::register(module)?;
    bytes::register(module)?;
    summary::register(module)?;
    walkers::register(module)?;
    diagnostics::register(module)?;
    crate::lapack::load(module.py())
}

/// Has NumPy's table of functions loaded now: on first use that would panic where a signal handler
/// raises meanwhile.
fn load_numpy(py: Python<'_>) -> PyResult<()> {
    numpy::get_array_module(py)?.getattr("_ARRAY_API")?;
    numpy::npyffi::is_numpy_2(py);
    Ok(())
}
