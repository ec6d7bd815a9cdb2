//! What a conversion may refuse, told apart from what happened while it ran.
//!
//! Objects convert themselves in Python code of their own (`__index__`, `__float__`, `__str__`), in
//! which they, and signal handlers, may raise anything. Only the exception that says "not of that
//! kind" is an answer; all others belong to the user.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// What was converted; `None` if the object is of another type.
///
/// # Errors
///
/// Whatever else was raised.
pub(super) fn if_of_type<T>(py: Python<'_>, converted: PyResult<T>) -> PyResult<Option<T>> {
    match converted {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was converted; `None` if the integer is too large for that.
///
/// # Errors
///
/// Whatever else was raised.
pub(super) fn if_it_fits<T>(py: Python<'_>, converted: PyResult<T>) -> PyResult<Option<T>> {
    match converted {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The digits of an integer, or "too large": Python refuses to write out thousands of them.
///
/// # Errors
///
/// Whatever else was raised.
pub(super) fn digits(integer: &Bound<'_, PyAny>) -> PyResult<String> {
    match integer.str() {
        Ok(text) => Ok(text.to_string()),
        Err(error) if error.is_instance_of::<PyValueError>(integer.py()) => {
            Ok("too large".to_owned())
        }
        Err(error) => Err(error),
    }
}
