//! From Rust's numbers and ids to Python's.

use num_bigint::BigInt;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyFloat, PyInt};

use crate::summary::{Id, Number};

/// A float, or an int where no float is that number.
pub fn number(py: Python<'_>, number: Number) -> PyResult<Bound<'_, PyAny>> {
    match number.integer() {
        Some(integer) if !number.is_f64() => integer.into_bound_py_any(py),
        _ => Ok(PyFloat::new(py, number.nearest()).into_any()),
    }
}

/// An int, bytes or str.
pub fn id<'py>(py: Python<'py>, id: &Id) -> PyResult<Bound<'py, PyAny>> {
    match id {
        Id::Integer(integer) => integer.into_bound_py_any(py),
        Id::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Id::Text(text) => text.into_bound_py_any(py),
    }
}

/// An int of any size.
pub fn integer<'py>(py: Python<'py>, integer: &BigInt) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &integer.to_signed_bytes_le());
    let signed = [("signed", true)].into_py_dict(py)?;
    py.get_type::<PyInt>().call_method("from_bytes", (bytes, "little"), Some(&signed))
}

/// Says how to get what a summary does not keep.
pub fn not_kept(what: &str, how: &str) -> PyErr {
    PyValueError::new_err(format!("this summary keeps no {what}: make it with {how}"))
}
