//! Python callables as densities.

use ndarray::{Ix1, Ix2};
use numpy::prelude::*;
use numpy::{PyArray1, PyUntypedArray, dtype};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyTuple};

use super::raised::Raised;
use crate::error::Error;
use crate::fold::Stop;
use crate::python::arrays::{self, Borrowed, NewArray};
use crate::python::refusals::if_of_type;
use crate::walkers::density::{Calls, Density, Failure, Reason};

/// What a callable wants to be called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// An array of shape (n, n_dims); it gives n values.
    Points,
    /// An array of shape (n_dims,); it gives a number.
    Point,
    /// `n_dims` floats; it gives a number.
    Coordinates,
}

/// A Python callable, called on the thread that asks for values.
pub struct Callable {
    function: Py<PyAny>,
    /// What is passed after the point, if anything.
    args: Option<Py<PyTuple>>,
    convention: Convention,
    /// Whether values are logarithms, which True and False are not.
    log: bool,
    calls: Calls,
    raised: Raised,
}

impl Callable {
    /// A callable that is called by this convention, with `args` after the point; `log` says whether
    /// it gives logarithms.
    ///
    /// # Errors
    ///
    /// Whatever Python raises.
    pub fn new(
        function: Bound<'_, PyAny>,
        args: Option<Bound<'_, PyTuple>>,
        convention: Convention,
        log: bool,
    ) -> PyResult<Self> {
        let calls = if convention != Convention::Points && runs_in_parallel(function.py())? {
            Calls::Parallel
        } else {
            Calls::Together
        };
        let args = args.filter(|args| !args.is_empty()).map(Bound::unbind);
        let function = function.unbind();
        Ok(Self { function, args, convention, log, calls, raised: Raised::default() })
    }

    /// What the callable raised on this thread or, if nothing, on another one; only once.
    #[must_use]
    pub fn take_error(&self) -> Option<PyErr> {
        self.raised.take()
    }

    /// Whether it is called with the points of all walkers.
    #[must_use]
    pub fn is_of_points(&self) -> bool {
        self.convention == Convention::Points
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        first: impl IntoIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut arguments: Vec<_> = first.into_iter().collect();
        if let Some(args) = &self.args {
            arguments.extend(args.bind(py).iter());
        }
        self.function.bind(py).call1(PyTuple::new(py, arguments)?)
    }

    /// The value at one point.
    fn value(&self, py: Python<'_>, point: &[f64]) -> PyResult<f64> {
        let value = if self.convention == Convention::Coordinates {
            self.call(py, point.iter().map(|&x| PyFloat::new(py, x).into_any()))?
        } else {
            self.call(py, [PyArray1::from_slice(py, point).into_any()])?
        };
        if let Ok(float) = value.cast::<PyFloat>() {
            return Ok(float.value());
        }
        let Some(number) = self.number(&value, point.len())? else {
            return Err(PyTypeError::new_err(format!(
                "density must give one number for each point, but at {point:?} it gave {}",
                described(&value)?
            )));
        };
        Ok(number)
    }

    /// What is no float of Python as a number, if it is meant as one.
    fn number(&self, value: &Bound<'_, PyAny>, n_dims: usize) -> PyResult<Option<f64>> {
        let mut value = value.clone();
        if let Ok(array) = value.cast::<PyUntypedArray>() {
            // Arrays of one number are more likely a mistake than a number, but for a point that is
            // an array of one number itself.
            if array.ndim() > 0 && !(n_dims == 1 && array.len() == 1) {
                return Ok(None);
            }
            value = value.call_method0("item")?;
        }
        match kind_of(&value)? {
            Kind::Boolean if self.log => Err(PyTypeError::new_err(NO_LOGARITHM)),
            // NumPy's would give their real part.
            Kind::Complex => Ok(None),
            _ => if_of_type(value.py(), value.extract()),
        }
    }

    /// The values at all points, from one call.
    fn values(&self, points: Bound<'_, PyAny>, n_dims: usize, values: &mut [f64]) -> PyResult<()> {
        let result = self.call(points.py(), [points])?;
        let array = match arrays::float64_vector(&result, "density's result")? {
            Some(array) if array.shape() == [values.len()] => array,
            _ => self.numbers(&result, values.len(), n_dims)?,
        };
        values.iter_mut().zip(array.view::<Ix1>()).for_each(|(value, number)| *value = *number);
        Ok(())
    }

    /// An array library's result as `n` float64.
    fn numbers<'py>(
        &self,
        result: &Bound<'py, PyAny>,
        n: usize,
        n_dims: usize,
    ) -> PyResult<Borrowed<'py, f64>> {
        let numpy = result.py().import("numpy")?;
        let array = numpy.call_method1("asarray", (result,))?;
        let shape = array.cast::<PyUntypedArray>()?.shape().to_vec();
        if shape != [n] && !(n_dims == 1 && shape == [n, 1]) {
            return Err(PyValueError::new_err(format!(
                "density was called with {n} points and must give an array of shape ({n},), but it \
                 gave {}; call=\"point\" calls it with one point at a time",
                described(result)?
            )));
        }
        let kind = array.cast::<PyUntypedArray>()?.dtype().kind();
        if kind == b'b' && self.log {
            return Err(PyTypeError::new_err(NO_LOGARITHM));
        }
        if !matches!(kind, b'b' | b'i' | b'u' | b'f') {
            return Err(PyTypeError::new_err(format!(
                "density must give real numbers, but it gave {}",
                described(result)?
            )));
        }
        let array = array.call_method1("reshape", (n,))?;
        let arguments = (array, dtype::<f64>(result.py()), ["C", "ALIGNED"]);
        let array = numpy.call_method1("require", arguments)?;
        let array = arrays::float64_vector(&array, "density's result")?;
        array.ok_or_else(|| Error::Bug("numpy.require gave something else".to_owned()).into())
    }
}

/// What a user is told who returns a condition.
const NO_LOGARITHM: &str = "density gave True or False, which is no logarithm: give 0.0 or \
     -inf, or pass log=False to have them taken for 1 and 0";

/// What kind of number a value of Python or NumPy is.
#[derive(PartialEq, Eq)]
enum Kind {
    Boolean,
    Complex,
    Other,
}

fn kind_of(value: &Bound<'_, PyAny>) -> PyResult<Kind> {
    if value.is_instance_of::<PyBool>() {
        return Ok(Kind::Boolean);
    }
    if value.is_instance_of::<PyComplex>() {
        return Ok(Kind::Complex);
    }
    let numpy = value.py().import("numpy")?;
    Ok(if value.is_instance(&numpy.getattr("bool_")?)? {
        Kind::Boolean
    } else if value.is_instance(&numpy.getattr("complexfloating")?)? {
        Kind::Complex
    } else {
        Kind::Other
    })
}

/// Whether threads of this interpreter run Python code at the same time.
fn runs_in_parallel(py: Python<'_>) -> PyResult<bool> {
    match py.import("sys")?.getattr_opt("_is_gil_enabled")? {
        Some(is_gil_enabled) => Ok(!is_gil_enabled.call0()?.is_truthy()?),
        None => Ok(false),
    }
}

/// What a result is, in words.
fn described(result: &Bound<'_, PyAny>) -> PyResult<String> {
    let name = result.get_type().name()?;
    Ok(match result.cast::<PyUntypedArray>() {
        Ok(array) => {
            format!("a {name} of shape {} and dtype {}", array.getattr("shape")?, array.dtype())
        }
        Err(_) if result.is_none() => "None".to_owned(),
        Err(_) => format!("a value of type {name}"),
    })
}

impl Density for Callable {
    fn evaluate(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        let mut row = 0;
        let outcome = Python::attach(|py| {
            if self.convention == Convention::Points {
                // An array of its own, which the callable may keep or write to.
                let array = NewArray::<f64, Ix2>::of(py, [values.len(), n_dims], points);
                return self.values(array.map_err(Some)?.into_any(), n_dims, values).map_err(Some);
            }
            for (point, value) in points.chunks_exact(n_dims).zip(values) {
                if stop.is_raised() {
                    return Err(None);
                }
                *value = self.value(py, point).map_err(Some)?;
                row += 1;
            }
            Ok(())
        });
        let reason = match outcome {
            Ok(()) => return Ok(()),
            Err(None) => Reason::Interrupted,
            Err(Some(error)) => {
                self.raised.keep(error);
                Reason::Raised
            }
        };
        Err(Failure { row, reason })
    }

    fn calls(&self) -> Calls {
        self.calls
    }
}
