//! The envelope for what has its state in Python: fields of bytes.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::{arrays, objects};
use crate::bytes::{self, Kind, Opened};
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the list of the fields";

fn kind_of(name: &str) -> PyResult<Kind> {
    Kind::of_name(name).ok_or_else(|| PyValueError::new_err(format!("there is no kind {name:?}")))
}

/// The bytes of each, which live as long as the list.
fn borrowed<'a>(fields: &'a [Bound<'_, PyBytes>]) -> PyResult<Vec<&'a [u8]>> {
    Ok(memory::collected(fields.iter().map(|field| field.as_bytes()), WHAT)?)
}

fn given<'py>(fields: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    memory::gathered(fields.iter().map(|field| Ok::<_, PyErr>(field.cast_into::<PyBytes>()?)), WHAT)
}

fn listed<'py>(py: Python<'py>, fields: &[&[u8]]) -> PyResult<Bound<'py, PyList>> {
    objects::list(py, fields.iter().map(|field| arrays::bytes(py, field)), WHAT)
}

/// Puts fields into an envelope.
#[pyfunction]
fn seal_fields<'py>(
    py: Python<'py>,
    kind: &str,
    fields: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyBytes>> {
    let fields = given(fields)?;
    arrays::bytes(py, &bytes::seal_fields(kind_of(kind)?, &borrowed(&fields)?)?)
}

/// Version and fields of what ``seal_fields`` gave; ValueError for anything else, but None for bytes
/// of this kind from the time without envelopes.
#[pyfunction]
fn open_fields<'py>(
    py: Python<'py>,
    kind: &str,
    data: &[u8],
) -> PyResult<Option<(u64, Bound<'py, PyList>)>> {
    match bytes::open(data, kind_of(kind)?)? {
        Opened::Before(_) => Ok(None),
        Opened::Payload { kind, version, payload } => {
            let fields = bytes::open_fields(payload, kind.what())?;
            Ok(Some((version, listed(py, &fields)?)))
        }
    }
}

/// Fields as one field.
#[pyfunction]
fn join_fields<'py>(py: Python<'py>, fields: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyBytes>> {
    let mut joined = Vec::new();
    for field in given(fields)? {
        bytes::append_field(&mut joined, field.as_bytes())?;
    }
    arrays::bytes(py, &joined)
}

/// The fields that ``join_fields`` joined to one of what `kind` names; ValueError for anything else.
#[pyfunction]
fn split_fields<'py>(py: Python<'py>, kind: &str, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
    listed(py, &bytes::open_fields(data, kind_of(kind)?.what())?)
}

/// The kind that bytes say they are of; None if they say none.
#[pyfunction]
fn kind_of_bytes(data: &[u8]) -> Option<&'static str> {
    bytes::peek(data).map(Kind::name)
}

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(seal_fields, module)?)?;
    module.add_function(wrap_pyfunction!(open_fields, module)?)?;
    module.add_function(wrap_pyfunction!(join_fields, module)?)?;
    module.add_function(wrap_pyfunction!(split_fields, module)?)?;
    module.add_function(wrap_pyfunction!(kind_of_bytes, module)?)
}
