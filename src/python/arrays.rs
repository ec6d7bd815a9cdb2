//! NumPy arrays in and out: inputs are read where they lie, results are written where they stay.

use std::ffi::c_int;

use ndarray::{Array, ArrayView1, Dimension, Ix1, Ix2, Ix3};
use numpy::npyffi::PY_ARRAY_API;
use numpy::prelude::*;
use numpy::{Element, PyArray, PyArrayDyn, PyUntypedArray, dtype};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::Error;
use crate::memory;
use crate::python::enter::enter;
use crate::python::objects;
use crate::rows::Rows;

mod borrow;
mod numbers;

pub use borrow::{Borrowed, BorrowedMut};
use borrow::{check_dimensions, is_regular, own_view, untyped, wrong_dtype};
pub use numbers::{BorrowedNumbers, numbers};

/// A borrowed array of float64 or float32.
///
/// Keep it until [`enter`](super::enter::enter) has returned.
#[derive(Debug)]
pub enum BorrowedFloats<'py> {
    /// Double precision.
    F64(Borrowed<'py, f64>),
    /// Single precision.
    F32(Borrowed<'py, f32>),
}

/// Borrows an array of that many dimensions.
///
/// # Errors
///
/// `TypeError` if it is not a native float64 or float32 array, `ValueError` if it has other
/// dimensions or is not aligned. The message names the argument.
pub fn floats<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    dimensions: usize,
) -> PyResult<BorrowedFloats<'py>> {
    let view = untyped(object, name, Some(dimensions))?;
    if let Some(array) = Borrowed::of(&view, name)? {
        return Ok(BorrowedFloats::F64(array));
    }
    if let Some(array) = Borrowed::of(&view, name)? {
        return Ok(BorrowedFloats::F32(array));
    }
    Err(PyTypeError::new_err(format!(
        "{name} must be of dtype float64 or float32 in native byte order, found {}",
        view.dtype().repr()?
    )))
}

/// A borrowed matrix of observations by features.
#[derive(Debug)]
pub struct BorrowedRows<'py>(BorrowedFloats<'py>);

impl BorrowedRows<'_> {
    /// The rows themselves.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        match &self.0 {
            BorrowedFloats::F64(array) => Rows::F64(array.view()),
            BorrowedFloats::F32(array) => Rows::F32(array.view()),
        }
    }
}

/// Borrows a matrix of observations by features.
///
/// # Errors
///
/// As [`floats`].
pub fn rows<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<BorrowedRows<'py>> {
    floats(object, name, 2).map(BorrowedRows)
}

/// A borrowed vector of float64; one of float32 is converted, the only copy made of an input.
#[derive(Debug)]
pub enum BorrowedVector<'py> {
    /// Read where it lies.
    InPlace(Borrowed<'py, f64>),
    /// Converted.
    Converted(Array<f64, Ix1>),
}

impl BorrowedVector<'_> {
    /// The numbers.
    #[must_use]
    pub fn values(&self) -> ArrayView1<'_, f64> {
        match self {
            Self::InPlace(array) => array.view(),
            Self::Converted(values) => values.view(),
        }
    }
}

/// Borrows one weight per row, if there are any.
///
/// # Errors
///
/// As [`floats`]; also if there are not `n_rows`.
pub fn weights<'py>(
    object: Option<&Bound<'py, PyAny>>,
    name: &'static str,
    n_rows: usize,
) -> PyResult<Option<BorrowedVector<'py>>> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
    let weights = match floats(object, name, 1)? {
        BorrowedFloats::F64(array) => BorrowedVector::InPlace(array),
        BorrowedFloats::F32(array) => {
            let values = array.view::<Ix1>();
            let values = memory::collected(values.iter().map(|&value| value.into()), name)?;
            BorrowedVector::Converted(values.into())
        }
    };
    let found = weights.values().len();
    if found != n_rows {
        let expected = format!("({n_rows},)");
        return Err(Error::Shape { name, expected, found: vec![found] }.into());
    }
    Ok(Some(weights))
}

/// Borrows a vector of float64 if the object is one that can be read where it lies.
///
/// # Errors
///
/// `ValueError` if it is being written to. The message names the argument.
pub fn float64_vector<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<Borrowed<'py, f64>>> {
    let Ok(array) = object.cast::<PyUntypedArray>() else { return Ok(None) };
    let view = own_view(array)?;
    if view.ndim() == 1 && view.cast::<PyArrayDyn<f64>>().is_ok_and(is_regular) {
        return Borrowed::of(&view, name);
    }
    Ok(None)
}

/// A small parameter, copied into a float64 array in C order.
///
/// Accepts whatever NumPy can make real numbers of; float64 and float32 arrays go the fast way.
/// With a dynamic dimension, up to three dimensions.
///
/// # Errors
///
/// `TypeError` if the elements are not real numbers, or for a masked array, whose mask NumPy would
/// forget; `ValueError` if the number of dimensions is wrong. The message names the argument.
pub fn parameter<D: Dimension>(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<f64, D>> {
    let view = match object.cast_exact::<PyUntypedArray>() {
        Ok(array) => own_view(array)?,
        Err(_) => {
            let numpy = object.py().import("numpy")?;
            if object.is_instance(&numpy.getattr("ma")?.getattr("MaskedArray")?)? {
                let what = "is a masked array: drop or fill its masked entries first";
                return Err(PyTypeError::new_err(format!("{name} {what}")));
            }
            own_view(numpy.call_method1("asarray", (object,))?.cast()?)?
        }
    };
    let view = if view.dtype().kind() == b'O' { real_numbers(&view, name)? } else { view };
    if D::NDIM.is_none() && view.ndim() > 3 {
        return Err(PyValueError::new_err(format!(
            "{name} must have up to 3 dimension(s), found an array of shape {:?}",
            view.shape()
        )));
    }
    check_dimensions(&view, name, D::NDIM)?;
    if let Ok(array) = view.cast::<PyArrayDyn<f32>>()
        && is_regular(array)
    {
        return copied::<f32, f64, D>(&view, name);
    }
    let kind = view.dtype().kind();
    if !matches!(kind, b'b' | b'i' | b'u' | b'f') {
        return Err(PyTypeError::new_err(format!(
            "{name} must hold real numbers, found {}",
            view.dtype().repr()?
        )));
    }
    copied::<f64, f64, D>(&regular::<f64>(view)?, name)
}

/// Python's own numbers, as float64.
fn real_numbers<'py>(
    objects: &Bound<'py, PyUntypedArray>,
    name: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = objects.py();
    let converted = objects.call_method1("astype", (dtype::<f64>(py),)).map_err(|error| {
        let refused =
            error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyValueError>(py);
        let message = || format!("{name} must hold real numbers: {error}");
        if refused { PyTypeError::new_err(message()) } else { error }
    })?;
    Ok(converted.cast_into()?)
}

/// An array of unsigned 64-bit integers, copied in C order.
///
/// # Errors
///
/// `TypeError` if it is no such array, `ValueError` if the number of dimensions is wrong. The
/// message names the argument.
pub fn words<D: Dimension>(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array<u64, D>> {
    let view = untyped(object, name, D::NDIM)?;
    if view.cast::<PyArrayDyn<u64>>().is_err() {
        return Err(wrong_dtype::<u64>(&view, name)?);
    }
    copied::<u64, u64, D>(&regular::<u64>(view)?, name)
}

/// The array itself if it can be borrowed as one of `T`, else a copy that can.
fn regular<'py, T: Element>(
    view: Bound<'py, PyUntypedArray>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    if view.cast::<PyArrayDyn<T>>().is_ok_and(is_regular) {
        return Ok(view);
    }
    let py = view.py();
    let arguments = (view, dtype::<T>(py), ["C", "ALIGNED"]);
    Ok(py.import("numpy")?.call_method1("require", arguments)?.cast_into()?)
}

/// A copy in C order.
fn copied<T: Element + Copy + Into<U>, U, D: Dimension>(
    view: &Bound<'_, PyUntypedArray>,
    name: &str,
) -> PyResult<Array<U, D>> {
    let Some(array) = Borrowed::<T>::of(view, name)? else {
        return Err(wrong_dtype::<T>(view, name)?);
    };
    let view = array.view::<D>();
    let values =
        memory::collected(view.iter().map(|&value| value.into()), "a copy of a parameter")?;
    Ok(Array::from_shape_vec(view.raw_dim(), values).expect("as many values as elements"))
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

fn too_large<D: Dimension>(shape: &D) -> Error {
    let bytes = shape.slice().iter().fold(8_usize, |bytes, &size| bytes.saturating_mul(size));
    Error::Memory { what: "a result", bytes }
}

/// Values that are copied at once.
const AT_ONCE: usize = 1 << 20;
/// Nanoseconds that copying a value takes, about: new memory is slow, some 1 GB/s.
const COPY_NANOSECONDS: f64 = 8.0;

/// A result array of NumPy's, in C order and full of zeros, that nobody else has seen yet.
#[derive(Debug)]
pub struct NewArray<'py, T, D>(Bound<'py, PyArray<T, D>>);

impl<'py, T: Element + Copy, D: Dimension> NewArray<'py, T, D> {
    /// Allocates it.
    ///
    /// # Errors
    ///
    /// `MemoryError` in NumPy's words, with the size and the shape; `ValueError` if the shape is
    /// larger than any array can be.
    pub fn zeros<S: ndarray::IntoDimension<Dim = D>>(py: Python<'py>, shape: S) -> PyResult<Self> {
        let shape = shape.into_dimension();
        let mut sizes = memory::gathered(
            shape.slice().iter().map(|&size| isize::try_from(size).map_err(|_| too_large(&shape))),
            "a shape",
        )?;
        let dimensions = c_int::try_from(sizes.len()).map_err(|_| too_large(&shape))?;
        // SAFETY: as many sizes as dimensions; the call takes over the reference to the dtype, and
        // gives an array of that dtype and number of dimensions, or null with an exception set.
        let array = unsafe {
            let dtype = T::get_dtype(py).into_dtype_ptr();
            let sizes = sizes.as_mut_ptr();
            let array = PY_ARRAY_API.PyArray_Zeros(py, dimensions, sizes, dtype, 0);
            Bound::from_owned_ptr_or_err(py, array)?.cast_into_unchecked()
        };
        Ok(Self(array))
    }

    /// An array of that shape with these values, in C order.
    ///
    /// # Errors
    ///
    /// As [`Self::zeros`]; `KeyboardInterrupt` and what else a signal raises while many values are
    /// copied; `RuntimeError`, a bug, if there are not as many values.
    pub fn of<S: ndarray::IntoDimension<Dim = D>>(
        py: Python<'py>,
        shape: S,
        values: &[T],
    ) -> PyResult<Bound<'py, PyArray<T, D>>> {
        let mut array = Self::zeros(py, shape)?;
        let places = array.values();
        if places.len() != values.len() {
            return Err(Error::Bug("a result does not fit its shape".to_owned()).into());
        }
        if values.len() <= AT_ONCE {
            places.copy_from_slice(values);
            return Ok(array.finish());
        }
        let work = COPY_NANOSECONDS * values.len() as f64;
        enter(py, work, Some(1), None, |context| {
            for (places, values) in places.chunks_mut(AT_ONCE).zip(values.chunks(AT_ONCE)) {
                context.check()?;
                places.copy_from_slice(values);
            }
            Ok(())
        })?;
        Ok(array.finish())
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

/// A `bytes` object.
///
/// # Errors
///
/// `MemoryError` if there is no room for it.
pub fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let object = PyBytes::new_with(py, bytes.len(), |places| {
        places.copy_from_slice(bytes);
        Ok(())
    });
    object.map_err(|error| objects::named(py, error, "a bytes object", bytes.len()))
}

/// What a class whose objects travel as bytes gives for pickle: its ``from_bytes``, and the bytes.
pub type Reduced<'py> = (Bound<'py, PyAny>, (Bound<'py, PyBytes>,));

/// Gives it.
///
/// # Errors
///
/// Those of Python, if the class has no such method.
pub fn reduced<'py, T: PyTypeInfo>(bytes: Bound<'py, PyBytes>) -> PyResult<Reduced<'py>> {
    Ok((bytes.py().get_type::<T>().getattr("from_bytes")?, (bytes,)))
}
