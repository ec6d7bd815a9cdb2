//! Mixtures of one feature for Python, and what their densities are made of.

use numpy::{Ix1, PyArray1};
use pyo3::prelude::*;

use super::value::PyMixture;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::mixture::{self, Scale};
use crate::python::arrays::{self, BorrowedFloats, NewArray};
use crate::python::enter::enter;

type Numbers<'py> = PyResult<Bound<'py, PyArray1<f64>>>;

/// Applies a function of numbers, about so many nanoseconds each, behind the door.
fn each<'py>(
    values: &Bound<'py, PyAny>,
    name: &'static str,
    nanoseconds: f64,
    n_jobs: Option<isize>,
    apply: impl FnOnce(&Context, &[f64], &mut [f64]) -> Result<(), Error> + Send,
) -> Numbers<'py> {
    let py = values.py();
    let values = match arrays::floats(values, name, 1)? {
        BorrowedFloats::F64(array) => memory::collected(array.view::<Ix1>().iter().copied(), name)?,
        BorrowedFloats::F32(array) => {
            memory::collected(array.view::<Ix1>().iter().map(|&value| value.into()), name)?
        }
    };
    let mut out = NewArray::<f64, Ix1>::zeros(py, [values.len()])?;
    let (target, work) = (out.values(), values.len() as f64 * nanoseconds);
    enter(py, work, n_jobs, None, |context| apply(context, &values, target))?;
    Ok(out.finish())
}

/// P(X ≤ x), or P(X > x) if ``upper``, of a mixture of one feature; their logarithms if ``log``.
#[pyfunction]
#[pyo3(signature = (mixture, x, upper=false, log=false, n_jobs=None))]
pub(super) fn distribution<'py>(
    mixture: &PyMixture,
    x: &Bound<'py, PyAny>,
    upper: bool,
    log: bool,
    n_jobs: Option<isize>,
) -> Numbers<'py> {
    let (model, scale) = (&mixture.mixture, Scale { upper, logarithm: log });
    let work = 20.0 * model.n_components() as f64;
    each(x, "x", work, n_jobs, |context, x, out| {
        mixture::distribution(context, model, x, scale, out)
    })
}

/// The inverse of `distribution`.
#[pyfunction]
#[pyo3(signature = (mixture, p, upper=false, log=false, n_jobs=None))]
pub(super) fn quantiles<'py>(
    mixture: &PyMixture,
    p: &Bound<'py, PyAny>,
    upper: bool,
    log: bool,
    n_jobs: Option<isize>,
) -> Numbers<'py> {
    let (model, scale) = (&mixture.mixture, Scale { upper, logarithm: log });
    let work = 200.0 * model.n_components() as f64;
    each(p, "p", work, n_jobs, |context, p, out| mixture::quantiles(context, model, p, scale, out))
}

/// eˣ of every number.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
pub(super) fn exp<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> Numbers<'py> {
    each(x, "x", 3.0, n_jobs, |context, x, out| mixture::elementary(context, x, false, out))
}

/// The natural logarithm of every number.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
pub(super) fn log<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> Numbers<'py> {
    each(x, "x", 10.0, n_jobs, |context, x, out| mixture::elementary(context, x, true, out))
}
