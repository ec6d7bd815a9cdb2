//! [`WalkerMove`]: how walkers step.

use std::sync::Arc;

use pyo3::prelude::*;

use super::called_moves::CalledMove;
use super::raised::Raised;
use crate::error::Error;
use crate::python::arrays;
use crate::walkers::moves::{
    AdaptiveStep, ComponentwiseStep, DifferentialEvolution, EnsembleMove, NormalStep,
    RandomWalkMove, Snooker, Stretch, UniformStep,
};
use crate::walkers::transitions::{
    ByRows, Conditional, Cycle, Ensemble, Independence, RandomWalk, Slice, Transition,
};

/// A transition of [`crate::walkers::transitions`], whichever it is.
#[pyclass(frozen, module = "foldstat._core")]
pub struct WalkerMove {
    /// The transition.
    pub transition: Arc<dyn Transition>,
    /// Where functions of Python that it calls leave what they raise.
    pub raised: Vec<Arc<Raised>>,
}

fn of(transition: impl Transition + 'static) -> WalkerMove {
    WalkerMove { transition: Arc::new(transition), raised: Vec::new() }
}

fn random_walk(
    step: Result<impl RandomWalkMove + 'static, Error>,
    dims: Option<Vec<usize>>,
) -> PyResult<WalkerMove> {
    Ok(of(RandomWalk::of(Arc::new(step?), dims.unwrap_or_default())))
}

fn ensemble(step: Result<impl EnsembleMove + 'static, Error>) -> PyResult<WalkerMove> {
    Ok(of(Ensemble(Arc::new(step?))))
}

/// A transition that calls a function of Python.
fn called(
    function: Py<PyAny>,
    looks_at_others: bool,
    transition: impl FnOnce(Arc<CalledMove>) -> Arc<dyn Transition>,
) -> WalkerMove {
    let raised = Arc::<Raised>::default();
    let called = CalledMove::new(function, Arc::clone(&raised), looks_at_others);
    WalkerMove { transition: transition(Arc::new(called)), raised: vec![raised] }
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
    #[pyo3(signature = (half_width, dims=None))]
    fn uniform_step(half_width: &Bound<'_, PyAny>, dims: Option<Vec<usize>>) -> PyResult<Self> {
        random_walk(UniformStep::new(per_dimension(half_width, "half_width")?), dims)
    }

    #[staticmethod]
    #[pyo3(signature = (factor, dims=None))]
    fn normal_step(factor: &Bound<'_, PyAny>, dims: Option<Vec<usize>>) -> PyResult<Self> {
        let (factor, n_dims) = square(factor, "factor")?;
        random_walk(NormalStep::new(&factor, n_dims), dims)
    }

    #[staticmethod]
    #[pyo3(signature = (factor, target_acceptance, decay, dims=None))]
    fn adaptive_step(
        factor: &Bound<'_, PyAny>,
        target_acceptance: f64,
        decay: f64,
        dims: Option<Vec<usize>>,
    ) -> PyResult<Self> {
        let (factor, n_dims) = square(factor, "factor")?;
        random_walk(AdaptiveStep::new(&factor, n_dims, target_acceptance, decay), dims)
    }

    #[staticmethod]
    #[pyo3(signature = (half_width, dims=None))]
    fn componentwise_step(
        half_width: &Bound<'_, PyAny>,
        dims: Option<Vec<usize>>,
    ) -> PyResult<Self> {
        random_walk(ComponentwiseStep::new(per_dimension(half_width, "half_width")?), dims)
    }

    #[staticmethod]
    fn stretch(a: f64) -> PyResult<Self> {
        ensemble(Stretch::new(a))
    }

    #[staticmethod]
    fn differential_evolution(gamma: f64, jitter: f64, jump_probability: f64) -> PyResult<Self> {
        ensemble(DifferentialEvolution::new(gamma, jitter, jump_probability))
    }

    #[staticmethod]
    fn snooker(gamma: f64) -> PyResult<Self> {
        ensemble(Snooker::new(gamma))
    }

    #[staticmethod]
    fn independent_step(mean: &Bound<'_, PyAny>, factor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (factor, _) = square(factor, "factor")?;
        Ok(of(Independence::new(&per_dimension(mean, "mean")?, &factor)?))
    }

    #[staticmethod]
    #[pyo3(signature = (widths, dims=None))]
    fn slice(widths: &Bound<'_, PyAny>, dims: Option<Vec<usize>>) -> PyResult<Self> {
        Ok(of(Slice::new(per_dimension(widths, "widths")?, dims.unwrap_or_default())?))
    }

    /// Draws of these coordinates by `function(points, streams, values, first)`, which writes the
    /// values of each walker and moves its stream on.
    #[staticmethod]
    fn conditional(function: Py<PyAny>, dims: Vec<usize>) -> Self {
        called(function, false, |called| Arc::new(Conditional::new(called, dims)))
    }

    /// Proposals by `function(points, others, streams, proposed, log_factor, first)`, which writes
    /// the last two arrays but one and moves the only stream on.
    #[staticmethod]
    fn proposals(function: Py<PyAny>, looks_at_others: bool) -> Self {
        called(function, looks_at_others, |called| Arc::new(ByRows(called)))
    }

    /// Moves of `n_dims` coordinates, one after the other in each step.
    #[staticmethod]
    fn cycle(parts: Vec<Bound<'_, Self>>, n_dims: usize) -> PyResult<Self> {
        let raised = parts.iter().flat_map(|part| part.get().raised.clone()).collect();
        let parts = parts.iter().map(|part| Arc::clone(&part.get().transition)).collect();
        Ok(Self { transition: Arc::new(Cycle::new(parts, n_dims)?), raised })
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
