//! [`WalkerMove`]: how walkers propose.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::error::Error;
use crate::python::arrays;
use crate::walkers::moves::{
    AdaptiveStep, ComponentwiseStep, DifferentialEvolution, Move, NormalStep, Snooker, Stretch,
    UniformStep,
};

/// A move of [`crate::walkers::moves`], whichever it is.
#[pyclass(frozen, module = "foldstat._core")]
pub struct WalkerMove(pub Arc<dyn Move>);

fn wrapped(step: Result<impl Move + 'static, Error>) -> PyResult<WalkerMove> {
    Ok(WalkerMove(Arc::new(step?)))
}

/// The numbers of a vector with one number per dimension.
fn per_dimension(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<f64>> {
    Ok(arrays::vector(object, name)?.into_raw_vec_and_offset().0)
}

/// The numbers of a square matrix, row by row, and the number of its rows.
fn square(object: &Bound<'_, PyAny>, name: &'static str) -> PyResult<(Vec<f64>, usize)> {
    let matrix = arrays::matrix(object, name)?;
    let (rows, columns) = matrix.dim();
    if rows != columns {
        let (expected, found) = (format!("({rows}, {rows})"), vec![rows, columns]);
        return Err(Error::Shape { name, expected, found }.into());
    }
    Ok((matrix.into_raw_vec_and_offset().0, rows))
}

#[pymethods]
impl WalkerMove {
    #[staticmethod]
    fn uniform_step(half_width: &Bound<'_, PyAny>) -> PyResult<Self> {
        wrapped(UniformStep::new(per_dimension(half_width, "half_width")?))
    }

    #[staticmethod]
    fn normal_step(factor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (factor, n_dims) = square(factor, "factor")?;
        wrapped(NormalStep::new(&factor, n_dims))
    }

    #[staticmethod]
    fn adaptive_step(
        factor: &Bound<'_, PyAny>,
        target_acceptance: f64,
        decay: f64,
    ) -> PyResult<Self> {
        let (factor, n_dims) = square(factor, "factor")?;
        wrapped(AdaptiveStep::new(&factor, n_dims, target_acceptance, decay))
    }

    #[staticmethod]
    fn componentwise_step(half_width: &Bound<'_, PyAny>) -> PyResult<Self> {
        wrapped(ComponentwiseStep::new(per_dimension(half_width, "half_width")?))
    }

    #[staticmethod]
    fn stretch(a: f64) -> PyResult<Self> {
        wrapped(Stretch::new(a))
    }

    #[staticmethod]
    fn differential_evolution(gamma: f64, jitter: f64, jump_probability: f64) -> PyResult<Self> {
        wrapped(DifferentialEvolution::new(gamma, jitter, jump_probability))
    }

    #[staticmethod]
    fn snooker(gamma: f64) -> PyResult<Self> {
        wrapped(Snooker::new(gamma))
    }
}

/// Adds the class to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WalkerMove>()
}
