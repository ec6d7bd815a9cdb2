//! Densities for Python: compiled functions, Python callables, and those built in.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{ArrayD, Ix1, Ix2};
use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::{PyException, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::built_in;
use super::callable::{Callable, Convention};
use super::native::Native;
use super::original::WithOriginal;
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut, Stop};
use crate::mixture::constraint;
use crate::python::arrays::{self, BorrowedFloats, BorrowedMut, NewArray};
use crate::python::enter::enter;
use crate::python::mixture::checking_work;
use crate::walkers::Rejected;
use crate::walkers::density::{Calls, Density, Failure, Reason};

/// So many points are evaluated by one thread before the next block is looked for.
const POINTS_PER_BLOCK: usize = 1024;
pyo3::create_exception!(
    foldstat._core,
    DensityStatusError,
    PyRuntimeError,
    "A compiled density reported a failure; `point` says where, `status` with which number."
);

/// What walkers walk over, as [`crate::walkers`] sees it.
#[pyclass(frozen, module = "foldstat._core")]
pub struct WalkerDensity {
    /// The function.
    pub density: Arc<dyn Density>,
    /// The same, where it is Python's.
    callable: Option<Arc<Callable>>,
    /// Called with the point where a compiled function failed: its original.
    reproduce: Option<Py<PyAny>>,
    #[pyo3(get)]
    n_dims: usize,
    #[pyo3(get)]
    is_built_in: bool,
}

impl WalkerDensity {
    fn built_in_of(density: Arc<dyn Density>, n_dims: usize) -> Self {
        Self { density, callable: None, reproduce: None, n_dims, is_built_in: true }
    }

    /// Number of coordinates.
    #[must_use]
    pub fn n_dims(&self) -> usize {
        self.n_dims
    }

    /// Whether it is one of ours.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// The exception for a failure of this density at `point`: what the callable raised, if it is
    /// one.
    #[must_use]
    pub fn exception(&self, py: Python<'_>, failure: Failure, point: &[f64]) -> PyErr {
        let value = |what: &str| PyValueError::new_err(format!("density is {what} at {point:?}"));
        match failure.reason {
            Reason::Zero => value("zero"),
            Reason::NotANumber => value("NaN"),
            Reason::Infinite => value("infinite"),
            Reason::Negative => value("negative"),
            Reason::Interrupted => Error::Interrupted.into(),
            Reason::Memory(bytes) => {
                Error::Memory { what: "the points of a density", bytes }.into()
            }
            Reason::Status(status) => self.status_error(py, status, point),
            Reason::MoveRaised | Reason::DrawnWhereZero | Reason::Endless(_) => {
                Error::Bug("a density failed as only moves do".to_owned()).into()
            }
            Reason::Raised => self.take_error().unwrap_or_else(|| {
                Error::Bug("a density raised an exception, but kept none".to_owned()).into()
            }),
        }
    }

    /// The exception for what walkers stopped at after `step` steps, with a note that says where.
    #[must_use]
    pub fn exception_at(&self, py: Python<'_>, rejected: &Rejected, step: u64) -> PyErr {
        let Rejected { walker, point, reason } = rejected;
        let error = self.exception(py, Failure { row: 0, reason: *reason }, point);
        if error.is_instance_of::<PyException>(py) {
            let together = self.callable.as_ref().is_some_and(|callable| callable.is_of_points());
            let place = if together {
                format!("for all walkers together at step {step}, the first of them at {point:?}")
            } else {
                format!("for walker {walker} at step {step}, at the point {point:?}")
            };
            // An exception that takes no note comes out without.
            let _ =
                error.value(py).call_method1("add_note", (format!("density raised this {place}"),));
        }
        error
    }

    /// What the original of a compiled function raises at `point`, or that it failed there.
    fn status_error(&self, py: Python<'_>, status: i64, point: &[f64]) -> PyErr {
        let place = PyArray1::from_slice(py, point);
        if let Some(reproduce) = &self.reproduce
            && let Err(raised) = reproduce.bind(py).call1((&place,))
        {
            return raised;
        }
        let message = format!("density reported a failure (status {status}) at {point:?}");
        let error = DensityStatusError::new_err(message);
        let value = error.value(py);
        let told = value.setattr("status", status).and_then(|()| value.setattr("point", place));
        told.map_or_else(|other| other, |()| error)
    }

    /// What the density raised, if it is Python's and failed with [`Reason::Raised`]; only once.
    #[must_use]
    pub fn take_error(&self) -> Option<PyErr> {
        self.callable.as_ref().and_then(|callable| callable.take_error())
    }

    /// Evaluates all points, in blocks if other threads may take part.
    fn evaluate_all(
        &self,
        py: Python<'_>,
        points: &[f64],
        values: &mut [f64],
        n_jobs: Option<isize>,
    ) -> PyResult<Result<(), Failure>> {
        let (density, n_dims) = (&*self.density, self.n_dims);
        if density.calls() == Calls::Together {
            return Ok(density.evaluate(&Stop::default(), points, n_dims, values));
        }
        let each = density.nanoseconds();
        let first = FirstFailure::default();
        let done = enter(py, values.len() as f64 * each, n_jobs, None, |context: &Context| {
            let partition = Partition::new(values.len(), POINTS_PER_BLOCK);
            context.for_each_chunk(&partition, RowsMut::column(values), |rows, mut chunk| {
                let points = &points[rows.start * n_dims..rows.end * n_dims];
                let values = chunk.values();
                density.evaluate(context.stop(), points, n_dims, values).map_err(|failure| {
                    if failure.reason != Reason::Interrupted {
                        first.note(Failure { row: rows.start + failure.row, ..failure });
                    }
                    Error::Interrupted
                })
            })
        });
        match first.into_inner() {
            Some(failure) => Ok(Err(failure)),
            None => done.map(Ok),
        }
    }
}

/// The failure of the lowest row among those that any thread met.
#[derive(Default)]
struct FirstFailure(Mutex<Option<Failure>>);

impl FirstFailure {
    fn note(&self, failure: Failure) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none_or(|first| failure.row < first.row) {
            *first = Some(failure);
        }
    }

    fn into_inner(self) -> Option<Failure> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checked_dimensions(n_dims: usize) -> PyResult<usize> {
    if n_dims == 0 {
        return Err(PyValueError::new_err("n_dims must be at least 1, found 0"));
    }
    Ok(n_dims)
}

#[pymethods]
impl WalkerDensity {
    /// A compiled function; `owner` keeps its code and data in memory, and `reproduce`, the
    /// function that it was made from, is called with a point where it failed: for its value, or to
    /// raise what there is to be raised.
    #[staticmethod]
    #[pyo3(signature = (signature, address, data, owner, n_dims, *, reproduce=None))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn native(
        py: Python<'_>,
        signature: &str,
        address: usize,
        data: usize,
        owner: Py<PyAny>,
        n_dims: usize,
        reproduce: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        checked_dimensions(n_dims)?;
        // SAFETY: `foldstat.walkers.density._native` takes address and signature from one and the same
        // object, which it passes as the owner. That they agree is for that object to know.
        let native = unsafe { Native::new(signature, address, data, owner, n_dims) }?;
        let density: Arc<dyn Density> = match &reproduce {
            Some(original) => Arc::new(WithOriginal::new(native, original.clone_ref(py))),
            None => Arc::new(native),
        };
        Ok(Self { density, callable: None, reproduce, n_dims, is_built_in: false })
    }

    /// A Python callable: of all points together, of one, or of coordinates. Where it gives
    /// logarithms, True and False are refused.
    #[staticmethod]
    #[pyo3(signature = (function, n_dims, together, *, coordinates=false, args=None, log=true))]
    fn python(
        function: Bound<'_, PyAny>,
        n_dims: usize,
        together: bool,
        coordinates: bool,
        args: Option<Bound<'_, PyTuple>>,
        log: bool,
    ) -> PyResult<Self> {
        checked_dimensions(n_dims)?;
        let convention = match (together, coordinates) {
            (true, false) => Convention::Points,
            (false, false) => Convention::Point,
            (false, true) => Convention::Coordinates,
            (true, true) => {
                let message = "a density is called with all points together or with coordinates";
                return Err(PyValueError::new_err(message));
            }
        };
        let callable = Arc::new(Callable::new(function, args, convention, log)?);
        let density = Arc::<Callable>::clone(&callable);
        Ok(Self { density, callable: Some(callable), reproduce: None, n_dims, is_built_in: false })
    }

    /// A density of ours, by its name.
    #[staticmethod]
    fn built_in(name: &str, parameters: &Bound<'_, PyAny>, n_dims: usize) -> PyResult<Self> {
        checked_dimensions(n_dims)?;
        let parameters = arrays::parameter::<Ix1>(parameters, "parameters")?;
        let density = built_in::built_in(name, &parameters.to_vec(), n_dims)?;
        Ok(Self::built_in_of(density, n_dims))
    }

    /// A fitted Gaussian mixture.
    #[staticmethod]
    fn mixture(
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        means: &Bound<'_, PyAny>,
        covariances: &Bound<'_, PyAny>,
        precisions_cholesky: &Bound<'_, PyAny>,
        covariance_type: &str,
    ) -> PyResult<Self> {
        let weights = arrays::vector(weights, "weights")?;
        let means = arrays::matrix(means, "means")?;
        let covariances: ArrayD<f64> = arrays::parameter(covariances, "covariances")?;
        let cholesky: ArrayD<f64> = arrays::parameter(precisions_cholesky, "precisions_cholesky")?;
        let n_dims = checked_dimensions(means.ncols())?;
        let geometry = constraint(covariance_type)?.geometry();
        let work = checking_work(geometry, n_dims, cholesky.as_slice().unwrap_or_default());
        let density = enter(py, work, None, None, |context| {
            built_in::mixture(weights, means, covariances, cholesky, geometry, context.stop())
        })?;
        Ok(Self::built_in_of(density, n_dims))
    }

    /// Values at the points and their derivatives by each coordinate, from a function that gives
    /// these; None from any other.
    fn gradient<'py>(
        &self,
        py: Python<'py>,
        points: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Values<'py>>> {
        let points = arrays::matrix(points, "points")?;
        let (n, found) = points.dim();
        if found != self.n_dims {
            let expected = format!("({n}, {})", self.n_dims);
            return Err(Error::Shape { name: "points", expected, found: vec![n, found] }.into());
        }
        let points = points.into_raw_vec_and_offset().0;
        let mut values = NewArray::<f64, Ix1>::zeros(py, [n])?;
        let mut gradients = NewArray::<f64, Ix2>::zeros(py, [n, self.n_dims])?;
        let stop = Stop::default();
        let given =
            self.density.gradient(&stop, &points, self.n_dims, values.values(), gradients.values());
        match given {
            None => Ok(None),
            Some(Ok(())) => Ok(Some((values.finish(), gradients.finish()))),
            Some(Err(failure)) => {
                let point = &points[failure.row * self.n_dims..][..self.n_dims];
                Err(self.exception(py, failure, point))
            }
        }
    }

    /// Writes the value at each of the points to `out`.
    #[pyo3(signature = (points, out, n_jobs=None))]
    fn evaluate(
        &self,
        py: Python<'_>,
        points: &Bound<'_, PyAny>,
        out: &Bound<'_, PyAny>,
        n_jobs: Option<isize>,
    ) -> PyResult<()> {
        // First, so that points in the same memory are noticed.
        let mut out = BorrowedMut::of(out, "out", 1)?;
        let BorrowedFloats::F64(points) = arrays::floats(points, "points", 2)? else {
            return Err(PyTypeError::new_err("points must be of dtype float64, found float32"));
        };
        let (n, found) = (points.shape()[0], points.shape()[1]);
        if found != self.n_dims {
            let expected = format!("({n}, {})", self.n_dims);
            return Err(Error::Shape { name: "points", expected, found: vec![n, found] }.into());
        }
        if out.shape() != [n] {
            let (expected, found) = (format!("({n},)"), out.shape().to_vec());
            return Err(Error::Shape { name: "out", expected, found }.into());
        }
        let points = points.view::<Ix2>();
        let points = points
            .to_slice()
            .ok_or_else(|| PyValueError::new_err("points must be aligned and in C order"))?;
        self.evaluate_all(py, points, out.values(), n_jobs)?.map_err(|failure| {
            let point = &points[failure.row * self.n_dims..][..self.n_dims];
            self.exception(py, failure, point)
        })
    }
}

type Values<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>);

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DensityStatusError", module.py().get_type::<DensityStatusError>())?;
    module.add_class::<WalkerDensity>()
}
