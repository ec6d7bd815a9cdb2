//! Out of the capsules: pointers of other libraries become structures of ours.
//!
//! The structures are moved out of their capsules, as the interface asks for, and released when
//! the last array made of them is dropped, on whichever thread that happens. Streams are read on
//! the calling thread, away from the interpreter: their producers may compute, may themselves wait
//! for Python, and may hold what belongs to the thread they were made on.

use std::ffi::{CStr, c_int};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::incoming::Incoming;
use super::{ArrowColumn, invalid};
use crate::error::Error;
use crate::python::enter::{enter, take_turns};

/// The columns of an object with the `PyCapsule` interface.
///
/// # Errors
///
/// `TypeError` if it has none, `ValueError` if what it hands over is not valid Arrow data; what
/// its own code raises.
pub(super) fn columns(source: &Bound<'_, PyAny>) -> PyResult<Vec<ArrowColumn>> {
    let py = source.py();
    if let Some(export) = source.getattr_opt("__arrow_c_stream__")? {
        let mut stream = Stream::open(py, take_stream(&export.call0()?)?)?;
        let mut incoming = Incoming::new(&stream.schema);
        take_turns(py, None, |_| stream.next(&mut incoming))?;
        Ok(incoming.finish())
    } else if let Some(export) = source.getattr_opt("__arrow_c_array__")? {
        let (schema, array) = take_array(&export.call0()?)?;
        enter(py, 0.0, Some(1), None, move |_| read_array(&schema, array))
    } else {
        let found = source.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "expected an object with the Arrow PyCapsule interface (__arrow_c_stream__ or \
             __arrow_c_array__), such as a pandas, Polars or pyarrow column or table, found {found}"
        )))
    }
}

/// The pointer in a capsule, if the capsule has that name.
fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    let pointer = capsule.cast::<PyCapsule>().map_err(PyErr::from);
    let pointer = pointer.and_then(|capsule| capsule.pointer_checked(Some(name)));
    let pointer = pointer.map_err(|error| {
        PyValueError::new_err(format!("expected a PyCapsule of the name {name:?}: {error}"))
    })?;
    Ok(pointer.cast().as_ptr())
}

fn take_stream(capsule: &Bound<'_, PyAny>) -> PyResult<FFI_ArrowArrayStream> {
    let stream = pointer(capsule, c"arrow_array_stream")?;
    // SAFETY: by the interface, a capsule of that name holds a pointer to such a structure. We
    // are attached, so nobody else moves it out at the same time; one that was moved out before
    // has no release callback.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream) };
    stream.release().map(|_| ()).ok_or_else(consumed)?;
    Ok(stream)
}

fn take_array(capsules: &Bound<'_, PyAny>) -> PyResult<(FFI_ArrowSchema, FFI_ArrowArray)> {
    let pair = capsules.cast::<PyTuple>().map_err(PyErr::from)?;
    let (schema, array) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    let (schema, array) = (pointer(&schema, c"arrow_schema")?, pointer(&array, c"arrow_array")?);
    // SAFETY: as in `take_stream`.
    let (schema, array) =
        unsafe { (FFI_ArrowSchema::from_raw(schema), FFI_ArrowArray::from_raw(array)) };
    if schema.release().is_none() || array.is_released() {
        return Err(consumed());
    }
    Ok((schema, array))
}

fn consumed() -> PyErr {
    PyValueError::new_err("the Arrow data has already been consumed; export it again")
}

fn read_array(schema: &FFI_ArrowSchema, array: FFI_ArrowArray) -> Result<Vec<ArrowColumn>, Error> {
    let mut incoming = Incoming::new(schema);
    incoming.push(array)?;
    Ok(incoming.finish())
}

/// A stream that has told what its batches are like.
struct Stream {
    source: FFI_ArrowArrayStream,
    schema: FFI_ArrowSchema,
}

impl Stream {
    fn open(py: Python<'_>, mut source: FFI_ArrowArrayStream) -> PyResult<Self> {
        let mut schema = FFI_ArrowSchema::empty();
        take_turns(py, None, |_| {
            let get_schema = source.get_schema().ok_or_else(without_callbacks)?;
            // SAFETY: the stream is not released, and both pointers are valid and unaliased.
            let code = unsafe { get_schema(&raw mut source, &raw mut schema) };
            check(code, &mut source).map(|()| false)
        })?;
        Ok(Self { source, schema })
    }

    /// Reads one batch; whether there was one.
    fn next(&mut self, incoming: &mut Incoming) -> Result<bool, Error> {
        let get_next = self.source.get_next().ok_or_else(without_callbacks)?;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as in `open`.
        let code = unsafe { get_next(&raw mut self.source, &raw mut array) };
        check(code, &mut self.source)?;
        if array.is_released() {
            return Ok(false);
        }
        incoming.push(array)?;
        Ok(true)
    }
}

fn without_callbacks() -> Error {
    invalid("a stream without callbacks")
}

/// Turns what a callback returned into an error with the producer's own message.
fn check(code: c_int, stream: &mut FFI_ArrowArrayStream) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    let message = stream.get_last_error().and_then(|get_last_error| {
        // SAFETY: the stream is not released; its last call failed, and the text it gives is
        // copied before the next one.
        unsafe {
            let text = get_last_error(&raw mut *stream);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    });
    Err(invalid(message.unwrap_or_else(|| format!("the producer failed with error code {code}"))))
}
