//! From Rust's numbers and ids to Python's.

use num_bigint::BigInt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyInt};

use crate::python::{arrays, objects};
use crate::summary::{Id, Number};

/// A float, or an int where no float is that number.
pub fn number(py: Python<'_>, number: Number) -> PyResult<Bound<'_, PyAny>> {
    match number.integer() {
        Some(integer) if !number.is_f64() => short_integer(py, integer),
        _ => objects::float(py, number.nearest()),
    }
}

/// An int, bytes or str.
pub fn id<'py>(py: Python<'py>, id: &Id) -> PyResult<Bound<'py, PyAny>> {
    match id {
        Id::Integer(integer) => short_integer(py, *integer),
        Id::Bytes(bytes) => Ok(arrays::bytes(py, bytes)?.into_any()),
        Id::Text(text) => objects::text(py, text),
    }
}

fn short_integer(py: Python<'_>, value: i128) -> PyResult<Bound<'_, PyAny>> {
    match i64::try_from(value) {
        Ok(value) => objects::int(py, value),
        Err(_) => integer(py, &value.into()),
    }
}

/// An int of any size.
pub fn integer<'py>(py: Python<'py>, integer: &BigInt) -> PyResult<Bound<'py, PyAny>> {
    let bytes = arrays::bytes(py, &integer.to_signed_bytes_le())?;
    let signed = [("signed", true)].into_py_dict(py)?;
    py.get_type::<PyInt>().call_method("from_bytes", (bytes, "little"), Some(&signed))
}

/// Says how to get what a summary does not keep.
pub fn not_kept(what: &str, how: &str) -> PyErr {
    PyValueError::new_err(format!("this summary keeps no {what}: make it with {how}"))
}
