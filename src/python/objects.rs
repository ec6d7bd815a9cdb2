//! Python objects that are as many as the user has values: where there is no room for one more,
//! these functions raise `MemoryError`, while `PyO3`'s own constructors panic.

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::error::Error;

/// A float.
///
/// # Errors
///
/// `MemoryError` if there is no room for it; so it is for all functions here.
pub fn float(py: Python<'_>, value: f64) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached to the interpreter; the call gives a new reference, or null and an exception.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromDouble(value)) }
}

/// An int of 64 bits.
///
/// # Errors
///
/// As [`float`].
pub fn int(py: Python<'_>, value: i64) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: as in `float`.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLongLong(value)) }
}

/// A str.
///
/// # Errors
///
/// As [`float`].
pub fn text<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyString::from_bytes(py, text.as_bytes())?.into_any())
}

/// A tuple of two.
///
/// # Errors
///
/// As [`float`].
pub fn pair<'py>(
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: as in `float`; the two are as many as the first argument says, and the tuple takes
    // references of its own.
    unsafe {
        let pair = ffi::PyTuple_Pack(2, first.as_ptr(), second.as_ptr());
        Bound::from_owned_ptr_or_err(first.py(), pair)
    }
}

/// A list of what an iterator gives; `what` names it in the error.
///
/// # Errors
///
/// That of the iterator, or as [`float`].
pub fn list<'py, T>(
    py: Python<'py>,
    items: impl ExactSizeIterator<Item = PyResult<Bound<'py, T>>>,
    what: &'static str,
) -> PyResult<Bound<'py, PyList>> {
    let bytes = items.len().saturating_mul(size_of::<*mut ffi::PyObject>());
    let list = PyList::empty(py);
    for item in items {
        item.and_then(|item| list.append(item.into_any()))
            .map_err(|error| named(py, error, what, bytes))?;
    }
    Ok(list)
}

/// The same error, or, if it is Python's own `MemoryError`, which says nothing, one that names what
/// there is no room for.
pub fn named(py: Python<'_>, error: PyErr, what: &'static str, bytes: usize) -> PyErr {
    let silent = error.is_instance_of::<PyMemoryError>(py)
        && error.value(py).str().is_ok_and(|text| text.to_cow().is_ok_and(|text| text.is_empty()));
    if silent { Error::Memory { what, bytes }.into() } else { error }
}
