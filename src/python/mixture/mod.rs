//! Gaussian mixtures for Python: arrays in, arrays out.
//!
//! | file | what it holds |
//! |---|---|
//! | `value.rs` | a mixture, whose methods are the kernels |
//! | `statistics.rs` | sufficient statistics, and what makes them without a mixture |
//! | `fit.rs` | starts and EM: the one door for a fit |
//! | `model.rs` | what a fit maximises; distributions of parameters |
//! | `chunks.rs` | passes over rows that come in chunks, and EM as a machine |
//! | `univariate.rs` | tails and quantiles of mixtures of one feature |
//! | `factors.rs` | factorisations |

mod chunks;
mod factors;
mod fit;
mod model;
mod statistics;
mod univariate;
mod value;

use ndarray::IxDyn;
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::arrays::NewArray;
use crate::error::Error;
use crate::mixture::{CONSTRAINTS, Geometry, constraint};

pub(super) use value::checking_work;

type ArrayOut<'py> = Bound<'py, PyArrayDyn<f64>>;

fn array<'py>(py: Python<'py>, shape: &[usize], values: &[f64]) -> PyResult<ArrayOut<'py>> {
    NewArray::of(py, IxDyn(shape), values)
}

fn check_shape(
    name: &'static str,
    geometry: Geometry,
    k: usize,
    d: usize,
    found: &[usize],
) -> Result<(), Error> {
    let expected = geometry.shape(k, d);
    if expected == found {
        return Ok(());
    }
    let expected = format!("{expected:?} for {k} '{}' components in {d} features", geometry.name());
    Err(Error::Shape { name, expected, found: found.to_vec() })
}

/// The names that ``covariance_type`` may have.
#[pyfunction]
fn covariance_types() -> Vec<&'static str> {
    CONSTRAINTS.iter().map(|constraint| constraint.name()).collect()
}

/// How covariances of that type lie: 'full', 'tied', 'diag' or 'spherical'.
#[pyfunction]
fn covariances_geometry(covariance_type: &str) -> PyResult<&'static str> {
    Ok(constraint(covariance_type)?.geometry().name())
}

/// The shape of the covariances of ``n_components`` in ``n_features``.
#[pyfunction]
fn covariances_shape<'py>(
    py: Python<'py>,
    covariance_type: &str,
    n_components: usize,
    n_features: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let shape = constraint(covariance_type)?.geometry().shape(n_components, n_features);
    PyTuple::new(py, shape)
}

/// Number of free parameters of the covariances of ``n_components`` in ``n_features``.
#[pyfunction]
fn n_covariance_parameters(
    covariance_type: &str,
    n_components: usize,
    n_features: usize,
) -> PyResult<usize> {
    Ok(constraint(covariance_type)?.n_parameters(n_components, n_features))
}

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<value::PyMixture>()?;
    module.add_class::<statistics::PyMixtureStatistics>()?;
    module.add_class::<chunks::MixturePass>()?;
    module.add_class::<chunks::PyEm>()?;
    module.add_function(wrap_pyfunction!(chunks::block_rows, module)?)?;
    module.add_function(wrap_pyfunction!(chunks::in_units_of_weights, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::scaled_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(covariance_types, module)?)?;
    module.add_function(wrap_pyfunction!(covariances_geometry, module)?)?;
    module.add_function(wrap_pyfunction!(covariances_shape, module)?)?;
    module.add_function(wrap_pyfunction!(n_covariance_parameters, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::statistics_from_responsibilities, module)?)?;
    module.add_function(wrap_pyfunction!(statistics::moments, module)?)?;
    module.add_function(wrap_pyfunction!(model::expected_weights, module)?)?;
    module.add_function(wrap_pyfunction!(factors::precisions_cholesky, module)?)?;
    module.add_function(wrap_pyfunction!(factors::precisions_cholesky_from_precisions, module)?)?;
    module.add_function(wrap_pyfunction!(factors::precisions, module)?)?;
    module.add_function(wrap_pyfunction!(factors::smallest_eigenvalue, module)?)?;
    module.add_function(wrap_pyfunction!(factors::cholesky, module)?)?;
    module.add_function(wrap_pyfunction!(univariate::distribution, module)?)?;
    module.add_function(wrap_pyfunction!(univariate::quantiles, module)?)?;
    module.add_function(wrap_pyfunction!(univariate::exp, module)?)?;
    module.add_function(wrap_pyfunction!(univariate::log, module)?)?;
    module.add_function(wrap_pyfunction!(fit::initial_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(fit::fit, module)?)
}
