//! NumPy arrays in and out: inputs are read where they lie, results are written where they stay.
//!
//! rust-numpy's borrows keep other Rust code from writing into an array while it is read here.
//! Python code in another thread can still write into it, as into the operands of any NumPy
//! function that releases the GIL: the result is then that of some mixture of old and new
//! numbers, never a crash, because shape, strides and memory stay as they were: NumPy refuses to
//! resize an array while a reference to it is held, and the borrow holds one.

use ndarray::{Array, ArrayView1, ArrayView2, Axis, Dimension, Ix1, Ix2, Ix3, ShapeBuilder};
use numpy::prelude::*;
use numpy::{Element, PyArray, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArray, dtype};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::error::Error;
use crate::rows::Rows;

mod numbers;

pub use numbers::{BorrowedNumbers, numbers};

/// A borrowed float64 or float32 array of one or two dimensions.
///
/// Keep it until [`enter`](super::enter::enter) has returned, and hand the job [`Self::rows`].
#[derive(Debug)]
pub enum BorrowedRows<'py> {
    /// Double precision.
    F64(PyReadonlyArrayDyn<'py, f64>),
    /// Single precision.
    F32(PyReadonlyArrayDyn<'py, f32>),
}

impl BorrowedRows<'_> {
    /// The rows themselves; a vector is a matrix of one column.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        match self {
            // SAFETY: `borrow` has checked alignment and strides, and holds the borrow.
            Self::F64(array) => Rows::F64(unsafe { view_of(array) }),
            // SAFETY: as above.
            Self::F32(array) => Rows::F32(unsafe { view_of(array) }),
        }
    }
}

/// Borrows a matrix of observations by features.
///
/// # Errors
///
/// `TypeError` if it is not a native float64 or float32 array, `ValueError` if it is not
/// two-dimensional or not aligned. The message names the argument.
pub fn rows<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<BorrowedRows<'py>> {
    borrow(object, name, 2)
}

/// Borrows a vector with one value per row, as [`BorrowedRows`] of one column.
///
/// # Errors
///
/// As [`rows()`]; also if it does not hold `n_rows` values.
pub fn column<'py>(
    object: &Bound<'py, PyAny>,
    name: &'static str,
    n_rows: usize,
) -> PyResult<BorrowedRows<'py>> {
    let column = borrow(object, name, 1)?;
    let found = column.rows().n_rows();
    if found != n_rows {
        let expected = format!("({n_rows},)");
        return Err(Error::Shape { name, expected, found: vec![found] }.into());
    }
    Ok(column)
}

/// A borrowed vector of float64; one of float32 is converted, the only copy made of an input.
#[derive(Debug)]
pub enum BorrowedVector<'py> {
    /// Read where it lies.
    InPlace(PyReadonlyArrayDyn<'py, f64>),
    /// Converted.
    Converted(Array<f64, Ix1>),
}

impl BorrowedVector<'_> {
    /// The numbers.
    #[must_use]
    pub fn values(&self) -> ArrayView1<'_, f64> {
        match self {
            // SAFETY: `borrow` has checked alignment and strides, and holds the borrow.
            Self::InPlace(array) => unsafe { view_of(array) }.index_axis_move(Axis(1), 0),
            Self::Converted(values) => values.view(),
        }
    }
}

/// Borrows one weight per row, if there are any.
///
/// # Errors
///
/// As [`column()`].
pub fn weights<'py>(
    object: Option<&Bound<'py, PyAny>>,
    name: &'static str,
    n_rows: usize,
) -> PyResult<Option<BorrowedVector<'py>>> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
    let column = column(object, name, n_rows)?;
    Ok(Some(match column {
        BorrowedRows::F64(array) => BorrowedVector::InPlace(array),
        BorrowedRows::F32(array) => {
            // SAFETY: as in `BorrowedRows::rows`.
            let values = unsafe { view_of(&array) }.index_axis_move(Axis(1), 0);
            BorrowedVector::Converted(values.mapv(f64::from))
        }
    }))
}

/// The object as an array of that many dimensions.
fn untyped<'a, 'py>(
    object: &'a Bound<'py, PyAny>,
    name: &str,
    dimensions: usize,
) -> PyResult<&'a Bound<'py, PyUntypedArray>> {
    let Ok(array) = object.cast::<PyUntypedArray>() else {
        let found = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} must be a numpy.ndarray, found {found}")));
    };
    if array.ndim() != dimensions {
        return Err(PyValueError::new_err(format!(
            "{name} must have {dimensions} dimension(s), found an array of shape {:?}",
            array.shape()
        )));
    }
    Ok(array)
}

fn borrow<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    dimensions: usize,
) -> PyResult<BorrowedRows<'py>> {
    let array = untyped(object, name, dimensions)?;
    if let Ok(array) = array.cast::<PyArrayDyn<f64>>() {
        return Ok(BorrowedRows::F64(readonly(array, name)?));
    }
    if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
        return Ok(BorrowedRows::F32(readonly(array, name)?));
    }
    Err(PyTypeError::new_err(format!(
        "{name} must be of dtype float64 or float32 in native byte order, found {}",
        array.dtype().repr()?
    )))
}

/// Checks what Rust relies on and NumPy does not, and borrows.
fn readonly<'py, T: Element>(
    array: &Bound<'py, PyArrayDyn<T>>,
    name: &str,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let whole = |(&length, &stride): (&usize, &isize)| {
        length <= 1 || stride.unsigned_abs().is_multiple_of(size_of::<T>())
    };
    if !array.is_aligned() || !array.shape().iter().zip(array.strides()).all(whole) {
        return Err(PyValueError::new_err(format!(
            "{name} is not aligned in memory; pass numpy.require({name}, requirements=\"A\")"
        )));
    }
    array.try_readonly().map_err(|error| {
        PyValueError::new_err(format!("{name} is being written to by other code ({error})"))
    })
}

/// # Safety
///
/// The array has one or two dimensions, is aligned, and its strides are multiples of the size
/// of its elements (on axes longer than 1; elsewhere NumPy allows any number).
unsafe fn view_of<'a, T: Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> ArrayView2<'a, T> {
    let size = size_of::<T>().cast_signed();
    let axis = |axis: usize| match (array.shape().get(axis), array.strides().get(axis)) {
        (Some(&length), Some(&stride)) if length > 1 => (length, stride / size),
        (Some(&length), _) => (length, 0),
        (None, _) => (1, 0),
    };
    let ((rows, row_stride), (columns, column_stride)) = (axis(0), axis(1));
    let shape = (rows, columns);
    if rows == 0 || columns == 0 {
        return ArrayView2::from_shape(shape, &[]).expect("an empty view needs no elements");
    }
    // ndarray builds views with non-negative strides only: start at the lowest address and turn
    // the reversed axes round afterwards.
    let below = |length: usize, stride: isize| stride.min(0) * (length - 1).cast_signed();
    let lowest = below(rows, row_stride) + below(columns, column_stride);
    let strides = (row_stride.unsigned_abs(), column_stride.unsigned_abs());
    // SAFETY: all addresses are those of the array's elements, which the borrow keeps alive.
    let mut view = unsafe {
        let first = array.data().cast_const().offset(lowest);
        ArrayView2::from_shape_ptr(shape.strides(strides), first)
    };
    if row_stride < 0 {
        view.invert_axis(Axis(0));
    }
    if column_stride < 0 {
        view.invert_axis(Axis(1));
    }
    view
}

/// A small parameter, copied into a float64 array in C order.
///
/// Accepts whatever NumPy can make real numbers of; float64 and float32 arrays go the fast way.
/// With a dynamic dimension, up to three dimensions.
///
/// # Errors
///
/// `TypeError` if the elements are not real numbers, `ValueError` if the number of dimensions is
/// wrong. The message names the argument.
pub fn parameter<D: Dimension>(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<f64, D>> {
    let copy = if let Some(array) = aligned::<f64>(object) {
        copied::<f64, D>(array, name)
    } else if let Some(array) = aligned::<f32>(object) {
        copied::<f32, D>(array, name)
    } else {
        copied::<f64, D>(&as_float64(object, name)?, name)
    }?;
    Ok(if copy.is_standard_layout() { copy } else { copy.as_standard_layout().into_owned() })
}

fn aligned<'a, 'py, T: Element>(
    object: &'a Bound<'py, PyAny>,
) -> Option<&'a Bound<'py, PyArrayDyn<T>>> {
    object.cast().ok().filter(|array| array.is_aligned())
}

fn copied<T: Element + Copy + Into<f64>, D: Dimension>(
    array: &Bound<'_, PyArrayDyn<T>>,
    name: &str,
) -> PyResult<Array<f64, D>> {
    if D::NDIM.map_or(array.ndim() > 3, |wanted| array.ndim() != wanted) {
        let wanted = D::NDIM.map_or("up to 3".to_owned(), |wanted| wanted.to_string());
        return Err(PyValueError::new_err(format!(
            "{name} must have {wanted} dimension(s), found an array of shape {:?}",
            array.shape()
        )));
    }
    let copy = readonly(array, name)?.as_array().mapv(Into::into);
    Ok(copy.into_dimensionality().expect("the number of dimensions was checked"))
}

fn as_float64<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let numpy = object.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (object,))?;
    let array = array.cast::<PyUntypedArray>()?;
    if !matches!(array.dtype().kind(), b'b' | b'i' | b'u' | b'f') {
        return Err(PyTypeError::new_err(format!(
            "{name} must hold real numbers, found {}",
            array.dtype().repr()?
        )));
    }
    let arguments = (array, dtype::<f64>(object.py()), ["C", "ALIGNED"]);
    Ok(numpy.call_method1("require", arguments)?.cast_into()?)
}

/// A [`parameter`] of one dimension.
///
/// # Errors
///
/// As [`parameter`].
pub fn vector(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<f64, Ix1>> {
    parameter(object, name)
}

/// A [`parameter`] of two dimensions.
///
/// # Errors
///
/// As [`parameter`].
pub fn matrix(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<f64, Ix2>> {
    parameter(object, name)
}

/// A [`parameter`] of three dimensions.
///
/// # Errors
///
/// As [`parameter`].
pub fn cube(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<f64, Ix3>> {
    parameter(object, name)
}

/// A result array of NumPy's, in C order and full of zeros, that nobody else has seen yet.
#[derive(Debug)]
pub struct NewArray<'py, T, D>(Bound<'py, PyArray<T, D>>);

impl<'py, T: Element + Copy, D: Dimension> NewArray<'py, T, D> {
    /// Allocates it.
    #[must_use]
    pub fn zeros<S: ndarray::IntoDimension<Dim = D>>(py: Python<'py>, shape: S) -> Self {
        Self(PyArray::zeros(py, shape, false))
    }

    /// Its elements, in C order, to be written.
    pub fn values(&mut self) -> &mut [T] {
        let length = self.0.len();
        if length == 0 {
            return &mut [];
        }
        // SAFETY: contiguous, initialised with zeros, and no other reference to it exists
        // before `finish`: this type owns the only one, and it is borrowed for as long as the
        // slice lives.
        unsafe { std::slice::from_raw_parts_mut(self.0.data(), length) }
    }

    /// Hands it over to Python.
    #[must_use]
    pub fn finish(self) -> Bound<'py, PyArray<T, D>> {
        self.0
    }
}
