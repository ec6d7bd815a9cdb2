//! Compiled functions of the user as densities: a pointer, and how it wants to be called.

use std::ffi::{c_int, c_void};

use pyo3::prelude::*;

use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::walkers::density::{Density, Failure, Reason};

/// A function that sees many points is given this many at a time, so that the stop flag is seen.
const POINTS_PER_CALL: usize = 256;
/// Gradients of so many dimensions are received on the stack.
const DIMENSIONS_ON_STACK: usize = 32;

/// `double (int, double *)`, as of `scipy.integrate`.
type Point = unsafe extern "C" fn(c_int, *mut f64) -> f64;
/// `double (int, double *, void *)`.
type PointAndData = unsafe extern "C" fn(c_int, *mut f64, *mut c_void) -> f64;
/// `double (double)`.
type Number = unsafe extern "C" fn(f64) -> f64;
/// `int (size_t, const double *, double *, double *, void *)`: nutpie's.
type Gradient = unsafe extern "C" fn(usize, *const f64, *mut f64, *mut f64, *mut c_void) -> c_int;
/// `void (size_t, size_t, const double *, double *, void *)`.
type Points = unsafe extern "C" fn(usize, usize, *const f64, *mut f64, *mut c_void);
/// `ssize_t (size_t, size_t, const double *, double *, void *)`.
type CheckedPoints = unsafe extern "C" fn(usize, usize, *const f64, *mut f64, *mut c_void) -> isize;

/// A function pointer with its type.
#[derive(Clone, Copy)]
enum Function {
    Point(Point),
    PointAndData(PointAndData),
    Number(Number),
    Gradient(Gradient),
    Points(Points),
    CheckedPoints(CheckedPoints),
}

impl Function {
    /// The spelling of each signature.
    const SIGNATURES: [&str; 6] = [
        "double (int, double *)",
        "double (int, double *, void *)",
        "double (double)",
        "int (size_t, const double *, double *, double *, void *)",
        "void (size_t, size_t, const double *, double *, void *)",
        "ssize_t (size_t, size_t, const double *, double *, void *)",
    ];

    /// Gives the pointer the type that `signature` spells, if it is one of ours.
    ///
    /// # Safety
    ///
    /// `address` is not null and that of a function with this signature.
    unsafe fn new(signature: &str, address: *const ()) -> Option<Self> {
        let position = Self::SIGNATURES.iter().position(|known| *known == signature)?;
        // SAFETY: the caller says that a function of this type is there.
        Some(unsafe {
            match position {
                0 => Self::Point(std::mem::transmute::<*const (), Point>(address)),
                1 => Self::PointAndData(std::mem::transmute::<*const (), PointAndData>(address)),
                2 => Self::Number(std::mem::transmute::<*const (), Number>(address)),
                3 => Self::Gradient(std::mem::transmute::<*const (), Gradient>(address)),
                4 => Self::Points(std::mem::transmute::<*const (), Points>(address)),
                _ => Self::CheckedPoints(std::mem::transmute::<*const (), CheckedPoints>(address)),
            }
        })
    }
}

/// A compiled function, called from any thread without the interpreter.
pub struct Native {
    function: Function,
    data: *mut c_void,
    /// Keeps the code and its data in memory; never looked at.
    _owner: Py<PyAny>,
}

// SAFETY: the pointers are only handed to the user's function, which is documented to be called
// from several threads at once; `Py` may be sent and shared.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Native {
    /// A function at `address`, called with `data` where its signature has a place for that.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the signature is none of those known, if the address is null,
    /// or if points of `n_dims` coordinates cannot be handed to it.
    ///
    /// # Safety
    ///
    /// Unless it is null, `address` is that of a function with this signature, which may be called
    /// from any thread with this `data` for as long as `owner` lives. It does not write to the
    /// points, nor keep a pointer to them.
    pub unsafe fn new(
        signature: &str,
        address: usize,
        data: usize,
        owner: Py<PyAny>,
        n_dims: usize,
    ) -> Result<Self, Error> {
        let invalid = |message| Error::InvalidArgument { name: "density", message };
        if address == 0 {
            return Err(invalid("its function pointer is null".to_owned()));
        }
        let address = std::ptr::with_exposed_provenance(address);
        // SAFETY: not null, and the caller vouches for the rest.
        let function = unsafe { Function::new(signature, address) }.ok_or_else(|| {
            let known = Function::SIGNATURES.join("; ");
            invalid(format!("a function of signature {signature} is not among {known}"))
        })?;
        if matches!(function, Function::Number(_)) && n_dims != 1 {
            let message = format!("double (double) sees one coordinate, but points have {n_dims}");
            return Err(invalid(message));
        }
        if c_int::try_from(n_dims).is_err() {
            return Err(invalid(format!("{n_dims} dimensions are more than a C int can count")));
        }
        let data = std::ptr::with_exposed_provenance_mut(data);
        Ok(Self { function, data, _owner: owner })
    }

    /// Calls nutpie's kind of function for each point; `gradients` has a row for each, or one for all
    /// if they are not wanted.
    fn with_gradient(
        &self,
        f: Gradient,
        stop: &Stop,
        n_dims: usize,
        (points, values): (&[f64], &mut [f64]),
        gradients: &mut [f64],
    ) -> Outcome {
        let stride = if gradients.len() > n_dims { n_dims } else { 0 };
        let mut row = 0;
        for_each_row(stop, points, n_dims, values, |point, value| {
            *value = f64::NAN;
            let gradient = gradients[row * stride..][..n_dims].as_mut_ptr();
            row += 1;
            // SAFETY: see `Native::new`; the gradient has room for all dimensions.
            match unsafe { f(n_dims, point, gradient, value, self.data) } {
                0 => Ok(()),
                status => Err(Reason::Status(status.into())),
            }
        })
    }

    /// Calls a function of many points, which says at which row it failed, if it did.
    fn blocks(
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
        call: impl Fn(usize, *const f64, *mut f64) -> isize,
    ) -> Outcome {
        let blocks = points.chunks(POINTS_PER_CALL * n_dims.max(1));
        for (i, (points, values)) in blocks.zip(values.chunks_mut(POINTS_PER_CALL)).enumerate() {
            let first = i * POINTS_PER_CALL;
            if stop.is_raised() {
                return Err(Failure { row: first, reason: Reason::Interrupted });
            }
            // Whatever the function forgets is noticed.
            values.fill(f64::NAN);
            let status = call(values.len(), points.as_ptr(), values.as_mut_ptr());
            if let Ok(row) = usize::try_from(status) {
                let row = first + row.min(values.len() - 1);
                return Err(Failure { row, reason: Reason::Status(1) });
            }
        }
        Ok(())
    }
}

type Outcome = Result<(), Failure>;

/// That so many numbers find no room.
fn no_room(length: usize) -> Failure {
    Failure { row: 0, reason: Reason::Memory(length.saturating_mul(size_of::<f64>())) }
}

/// Calls `call` for each point until one fails.
#[inline(always)]
fn for_each_row(
    stop: &Stop,
    points: &[f64],
    n_dims: usize,
    values: &mut [f64],
    mut call: impl FnMut(*const f64, &mut f64) -> Result<(), Reason>,
) -> Outcome {
    for (row, (point, value)) in points.chunks_exact(n_dims).zip(values).enumerate() {
        let called =
            if stop.is_raised() { Err(Reason::Interrupted) } else { call(point.as_ptr(), value) };
        called.map_err(|reason| Failure { row, reason })?;
    }
    Ok(())
}

impl Density for Native {
    fn evaluate(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        let data = self.data;
        // `new` has seen that the number of dimensions is an int.
        let n = n_dims as c_int;
        // SAFETY, for all calls: `new`'s caller vouches for type, life and thread safety; a point
        // has `n_dims` coordinates, and a block as many points as values.
        match self.function {
            Function::Point(f) => for_each_row(stop, points, n_dims, values, |point, value| {
                // SAFETY: see above.
                *value = unsafe { f(n, point.cast_mut()) };
                Ok(())
            }),
            Function::PointAndData(f) => {
                for_each_row(stop, points, n_dims, values, |point, value| {
                    // SAFETY: see above.
                    *value = unsafe { f(n, point.cast_mut(), data) };
                    Ok(())
                })
            }
            Function::Number(f) => for_each_row(stop, points, n_dims, values, |point, value| {
                // SAFETY: see above; the point has one coordinate.
                *value = unsafe { f(*point) };
                Ok(())
            }),
            Function::Gradient(f) => {
                let mut stack = [0.0; DIMENSIONS_ON_STACK];
                let mut heap;
                let gradient = match stack.get_mut(..n_dims) {
                    Some(gradient) => gradient,
                    None => {
                        heap = memory::filled(n_dims, 0.0, "the gradient of a density")
                            .map_err(|_| no_room(n_dims))?;
                        &mut heap
                    }
                };
                self.with_gradient(f, stop, n_dims, (points, values), gradient)
            }
            Function::Points(f) => Self::blocks(stop, points, n_dims, values, |n, x, out| {
                // SAFETY: see above.
                unsafe { f(n, n_dims, x, out, data) };
                -1
            }),
            Function::CheckedPoints(f) => {
                Self::blocks(stop, points, n_dims, values, |n, x, out| {
                    // SAFETY: see above.
                    unsafe { f(n, n_dims, x, out, data) }
                })
            }
        }
    }

    fn gradient(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Option<Outcome> {
        let Function::Gradient(f) = self.function else { return None };
        Some(self.with_gradient(f, stop, n_dims, (points, values), gradients))
    }
}
