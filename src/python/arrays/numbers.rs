//! Arrays of numbers of any kind, as summaries read them.

use std::ops::Range;

use ndarray::{ArrayView1, Axis, Ix1, Ix2, IxDyn};
use numpy::prelude::*;
use numpy::{Element, PyUntypedArray};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{Borrowed, untyped};
use crate::error::Error;
use crate::memory;
use crate::summary::{Column, Values};

/// A borrowed array of real numbers, of one or two dimensions and any stride.
///
/// Keep it until [`enter`](super::super::enter::enter) has returned.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named after its element")]
pub enum BorrowedNumbers<'py> {
    F64(Borrowed<'py, f64>),
    F32(Borrowed<'py, f32>),
    I64(Borrowed<'py, i64>),
    I32(Borrowed<'py, i32>),
    I16(Borrowed<'py, i16>),
    I8(Borrowed<'py, i8>),
    U64(Borrowed<'py, u64>),
    U32(Borrowed<'py, u32>),
    U16(Borrowed<'py, u16>),
    /// Also booleans, as 0 and 1.
    U8(Borrowed<'py, u8>),
}

/// The same expression for every kind: `$kind` makes [`Values`] of a view of its element.
macro_rules! with_numbers {
    ($numbers:expr, $array:ident, $kind:ident => $body:expr) => {
        with_numbers!(@ $numbers, $array, $kind => $body; F64 F32 I64 I32 I16 I8 U64 U32 U16 U8)
    };
    (@ $numbers:expr, $array:ident, $kind:ident => $body:expr; $($name:ident)*) => {
        match $numbers {
            $(BorrowedNumbers::$name($array) => {
                #[allow(unused_imports, reason = "not every expression makes values")]
                use Values::$name as $kind;
                $body
            })*
        }
    };
}

impl BorrowedNumbers<'_> {
    /// The numbers of an array of one dimension.
    #[must_use]
    pub fn values(&self) -> Values<'_> {
        with_numbers!(self, array, Kind => Kind(line(array, 0, 0)))
    }

    /// The numbers along some lines of a matrix: of columns where `axis` is 0, of rows where it is 1.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there are more than there is room for.
    ///
    /// # Panics
    ///
    /// If there are no such lines.
    pub fn lines(&self, axis: usize, which: Range<usize>) -> Result<Vec<Column<'_>>, Error> {
        let lines = if axis == 0 { 1 } else { 0 };
        with_numbers!(self, array, Kind => {
            let column = |index| Column::new(Kind(line(array, lines, index)));
            memory::collected(which.map(column), "the lines of a matrix")
        })
    }

    /// Number of rows and, for a matrix, columns.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        with_numbers!(self, array, _Kind => array.shape())
    }
}

/// The elements with index `index` on axis `axis`, or all of a vector.
fn line<'a, T: Element>(
    array: &'a Borrowed<'_, T>,
    axis: usize,
    index: usize,
) -> ArrayView1<'a, T> {
    if array.shape().len() == 1 {
        array.view::<Ix1>()
    } else {
        array.view::<Ix2>().index_axis_move(Axis(axis), index)
    }
}

/// Borrows a vector (`dimensions` = 1) or matrix (2) of real numbers where it lies.
///
/// # Errors
///
/// `TypeError` if it is not a NumPy array of a native floating or integer type or of booleans,
/// `ValueError` if its dimensions are others or it is not aligned. The message names the
/// argument.
pub fn numbers<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    dimensions: usize,
) -> PyResult<BorrowedNumbers<'py>> {
    let array = untyped(object, name, Some(dimensions))?;
    if array.dtype().kind() == b'b' {
        return booleans(&array, name);
    }
    macro_rules! first_of {
        ($($kind:ident)*) => {$(
            if let Some(numbers) = Borrowed::of(&array, name)? {
                return Ok(BorrowedNumbers::$kind(numbers));
            }
        )*};
    }
    first_of!(F64 F32 I64 I32 I16 I8 U64 U32 U16 U8);
    Err(PyTypeError::new_err(format!(
        "{name} must be of dtype float64, float32, bool or an integer type, in native byte \
         order, found {}",
        array.dtype().repr()?
    )))
}

/// Booleans as 0 and 1. NumPy takes any other byte for True as well: an array that holds such is
/// copied.
fn booleans<'py>(array: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<BorrowedNumbers<'py>> {
    let bytes = octets(array, name)?;
    if bytes.view::<IxDyn>().fold(0, |largest, &byte| byte.max(largest)) <= 1 {
        return Ok(BorrowedNumbers::U8(bytes));
    }
    let truths = array.rich_compare(false, CompareOp::Ne)?;
    Ok(BorrowedNumbers::U8(octets(truths.cast()?, name)?))
}

/// The bytes of booleans.
fn octets<'py>(array: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<Borrowed<'py, u8>> {
    let bytes = array.call_method1("view", ("u1",))?;
    let borrowed = Borrowed::of(bytes.cast()?, name)?;
    borrowed.ok_or_else(|| Error::Bug("bytes are not of type uint8".to_owned()).into())
}
