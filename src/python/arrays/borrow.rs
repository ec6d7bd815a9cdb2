//! The one way in for arrays: a view of our own of the caller's memory.
//!
//! Another thread may give the caller's array another dtype, shape or strides at any time. So we
//! read through an array object that we made and nobody else can reach: its description of the
//! memory stays as it was checked, and the reference it holds keeps NumPy from resizing or
//! freeing the memory.
//!
//! Python code in another thread can still write into that memory, as into the operands of any
//! NumPy function that releases the GIL: the result is then that of some mixture of old and new
//! numbers, never a crash.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayView, Axis, Dimension, ShapeBuilder};
use numpy::npyffi::{NPY_ARRAY_WRITEABLE, NpyTypes, PY_ARRAY_API, get_type_object};
use numpy::prelude::*;
use numpy::{Element, PyArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// An array object of our own that shows the same memory, as a plain `numpy.ndarray`.
///
/// # Errors
///
/// Whatever NumPy raises.
pub(super) fn own_view<'py>(
    array: &Bound<'py, PyUntypedArray>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = array.py();
    // SAFETY: the array is alive, null stands for its own dtype, and the type is that of arrays;
    // what comes back is null with an exception set or a new reference to such an array.
    unsafe {
        let plain = get_type_object(py, NpyTypes::PyArray_Type);
        let same = std::ptr::null_mut();
        let view = PY_ARRAY_API.PyArray_View(py, array.as_array_ptr(), same, plain);
        Ok(Bound::from_owned_ptr_or_err(py, view)?.cast_into_unchecked())
    }
}

/// A view of our own of an array that has so many dimensions; `None` accepts any number.
///
/// # Errors
///
/// `TypeError` if the object is no array, `ValueError` if its dimensions are others.
pub(super) fn untyped<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    dimensions: Option<usize>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let Ok(array) = object.cast::<PyUntypedArray>() else {
        let found = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} must be a numpy.ndarray, found {found}")));
    };
    let view = own_view(array)?;
    check_dimensions(&view, name, dimensions)?;
    Ok(view)
}

/// # Errors
///
/// `ValueError` unless there are `wanted` dimensions; `None` accepts any number.
pub(super) fn check_dimensions(
    array: &Bound<'_, PyUntypedArray>,
    name: &str,
    wanted: Option<usize>,
) -> PyResult<()> {
    match wanted {
        Some(wanted) if wanted != array.ndim() => Err(PyValueError::new_err(format!(
            "{name} must have {wanted} dimension(s), found an array of shape {:?}",
            array.shape()
        ))),
        _ => Ok(()),
    }
}

/// A borrowed array of elements `T`, aligned, of any strides that are whole elements.
///
/// Keep it until [`enter`](crate::python::enter::enter) has returned.
#[derive(Debug)]
pub struct Borrowed<'py, T>(Bound<'py, PyArrayDyn<T>>);

impl<'py, T: Element> Borrowed<'py, T> {
    /// Borrows through `view`, which has to be [our own](own_view); `None` if its elements are
    /// others.
    ///
    /// # Errors
    ///
    /// `ValueError` if it is not aligned, or if one of our own functions is writing to it.
    pub(super) fn of(view: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<Option<Self>> {
        let Ok(array) = view.cast::<PyArrayDyn<T>>() else { return Ok(None) };
        if !is_regular(array) {
            return Err(PyValueError::new_err(format!(
                "{name} is not aligned in memory; pass numpy.require({name}, requirements=\"A\")"
            )));
        }
        if is_written(&extent_of(array)) {
            return Err(PyValueError::new_err(format!("{name} is being written to by foldstat")));
        }
        Ok(Some(Self(array.clone())))
    }

    /// The length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The elements.
    ///
    /// # Panics
    ///
    /// If it has another number of dimensions than `D`: a bug in the caller.
    #[must_use]
    pub fn view<D: Dimension>(&self) -> ArrayView<'_, T, D> {
        let (shape, strides) = (self.0.shape(), self.0.strides());
        let mut dimension = D::zeros(shape.len());
        dimension.slice_mut().copy_from_slice(shape);
        if shape.contains(&0) {
            return ArrayView::from_shape(dimension, &[]).expect("no elements are needed");
        }
        // ndarray builds views with non-negative strides only: start at the lowest address and
        // turn the reversed axes round afterwards. NumPy allows any stride on axes of length 1.
        let size = size_of::<T>().cast_signed();
        let mut steps = D::zeros(shape.len());
        let mut lowest = 0;
        for (axis, step) in steps.slice_mut().iter_mut().enumerate() {
            let stride = if shape[axis] > 1 { strides[axis] / size } else { 0 };
            lowest += stride.min(0) * (shape[axis] - 1).cast_signed();
            *step = stride.unsigned_abs();
        }
        // SAFETY: `of` has checked alignment and strides, which cannot change; all addresses are
        // those of the array's elements, which our reference keeps alive.
        let mut view = unsafe {
            let first = self.0.data().cast_const().offset(lowest);
            ArrayView::from_shape_ptr(dimension.strides(steps), first)
        };
        for axis in 0..shape.len() {
            if shape[axis] > 1 && strides[axis] < 0 {
                view.invert_axis(Axis(axis));
            }
        }
        view
    }
}

/// Whether it is what Rust relies on and NumPy does not: aligned, with strides of whole elements.
pub(super) fn is_regular<T: Element>(array: &Bound<'_, PyArrayDyn<T>>) -> bool {
    let whole = |(&length, &stride): (&usize, &isize)| {
        length <= 1 || stride.unsigned_abs().is_multiple_of(size_of::<T>())
    };
    array.is_aligned() && array.shape().iter().zip(array.strides()).all(whole)
}

/// The addresses from the first to behind the last byte of its elements.
fn extent_of<T: Element>(array: &Bound<'_, PyArrayDyn<T>>) -> Range<usize> {
    let first = array.data() as usize;
    if array.is_empty() {
        return first..first;
    }
    let mut extent = first..first + size_of::<T>();
    for (&length, &stride) in array.shape().iter().zip(array.strides()) {
        let reach = stride.unsigned_abs() * (length - 1);
        if stride < 0 {
            extent.start -= reach;
        } else {
            extent.end += reach;
        }
    }
    extent
}

/// An array in C order, borrowed to be written to; nothing else of ours reads or writes it then.
#[derive(Debug)]
pub struct BorrowedMut<'py, T> {
    array: Bound<'py, PyArrayDyn<T>>,
    claim: Claim,
}

impl<'py, T: Element> BorrowedMut<'py, T> {
    /// Borrows an array of that many dimensions.
    ///
    /// # Errors
    ///
    /// `TypeError` if it is no array of `T`, `ValueError` if it has other dimensions, is read-only,
    /// not aligned, not in C order, or if another call is writing to it. The message names the
    /// argument.
    pub fn of(object: &Bound<'py, PyAny>, name: &str, dimensions: usize) -> PyResult<Self> {
        let view = untyped(object, name, Some(dimensions))?;
        let Ok(array) = view.cast::<PyArrayDyn<T>>() else {
            return Err(wrong_dtype::<T>(&view, name)?);
        };
        // SAFETY: the object is alive.
        let flags = unsafe { (*array.as_array_ptr()).fields.flags };
        if flags & NPY_ARRAY_WRITEABLE == 0 {
            return Err(PyValueError::new_err(format!(
                "{name} cannot be written to: it is read-only"
            )));
        }
        if !(array.is_c_contiguous() && is_regular(array)) {
            return Err(PyValueError::new_err(format!("{name} must be aligned and in C order")));
        }
        let Some(claim) = Claim::of(extent_of(array)) else {
            return Err(PyValueError::new_err(format!(
                "{name} cannot be written to: foldstat is writing to it already"
            )));
        };
        Ok(Self { array: array.clone(), claim })
    }

    /// The length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// All elements.
    #[must_use]
    pub fn values(&mut self) -> &mut [T] {
        if self.claim.0.is_empty() {
            return &mut [];
        }
        // SAFETY: aligned and contiguous as `of` has checked and nobody can change, kept alive by
        // our reference, and nothing else of ours reads or writes it while the claim lasts.
        unsafe { std::slice::from_raw_parts_mut(self.array.data(), self.array.len()) }
    }
}

/// That the elements are not those wanted.
///
/// # Errors
///
/// Whatever Python raises.
pub(super) fn wrong_dtype<T: Element>(
    array: &Bound<'_, PyUntypedArray>,
    name: &str,
) -> PyResult<PyErr> {
    let wanted = T::get_dtype(array.py());
    let found = array.dtype().repr()?;
    Ok(PyTypeError::new_err(format!(
        "{name} must be of dtype {wanted} in native byte order, found {found}"
    )))
}

/// The memory that is being written to, each with the process that writes: a fork inherits the
/// list but not the threads.
static WRITTEN: Mutex<Vec<(u32, Range<usize>)>> = Mutex::new(Vec::new());

/// Whether a part of the memory is being written to.
fn is_written(extent: &Range<usize>) -> bool {
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    overlaps(&written, extent)
}

fn overlaps(written: &[(u32, Range<usize>)], extent: &Range<usize>) -> bool {
    written.iter().any(|(process, other)| {
        other.start < extent.end && extent.start < other.end && *process == std::process::id()
    })
}

/// Memory that is being written to until this is dropped.
#[derive(Debug)]
struct Claim(Range<usize>);

impl Claim {
    /// `None` if a part of it is being written to already.
    fn of(extent: Range<usize>) -> Option<Self> {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        if overlaps(&written, &extent) {
            return None;
        }
        if !extent.is_empty() {
            written.push((std::process::id(), extent.clone()));
        }
        Some(Self(extent))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = written.iter().rposition(|(_, extent)| *extent == self.0) {
            written.swap_remove(position);
        }
    }
}
