//! Diagnostics of Markov chains for Python.

use numpy::{Ix1, Ix2, PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::{self, BorrowedFloats, NewArray};
use super::enter::enter;
use crate::diagnostics::{self, DimensionSummary, Draws, Superchains};
use crate::error::Error;
use crate::fold::Context;

/// Nanoseconds that one draw takes, about, in all of a summary.
const DRAW_NANOSECONDS: f64 = 60.0;

/// Runs a diagnostic behind the door.
fn run<'py, R: Send>(
    x: &Bound<'py, PyAny>,
    n_jobs: Option<isize>,
    diagnostic: impl FnOnce(&Context, &Draws<'_>) -> Result<Vec<R>, Error> + Send,
) -> PyResult<Vec<R>> {
    let borrowed = arrays::floats(x, "x", 3)?;
    let draws = match &borrowed {
        BorrowedFloats::F64(array) => Draws::F64(array.view()),
        BorrowedFloats::F32(array) => Draws::F32(array.view()),
    };
    let numbers = draws.chains() as f64 * draws.draws() as f64 * draws.dimensions() as f64;
    enter(x.py(), numbers * DRAW_NANOSECONDS, n_jobs, None, |context| diagnostic(context, &draws))
}

/// A result with one number for each dimension.
type PerDimension<'py> = PyResult<Bound<'py, PyArray1<f64>>>;

fn per_dimension<'py>(py: Python<'py>, result: &[f64]) -> PerDimension<'py> {
    NewArray::of(py, result.len(), result)
}

/// Rank-normalised split R-hat.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
fn diagnostics_r_hat<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> PerDimension<'py> {
    per_dimension(x.py(), &run(x, n_jobs, diagnostics::r_hat)?)
}

/// Bulk effective sample size.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
fn diagnostics_ess_bulk<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> PerDimension<'py> {
    per_dimension(x.py(), &run(x, n_jobs, diagnostics::ess_bulk)?)
}

/// Tail effective sample size: the smaller one of two quantiles.
#[pyfunction]
#[pyo3(signature = (x, prob, n_jobs=None))]
fn diagnostics_ess_tail<'py>(
    x: &Bound<'py, PyAny>,
    prob: (f64, f64),
    n_jobs: Option<isize>,
) -> PerDimension<'py> {
    let prob = [probability(prob.0)?, probability(prob.1)?];
    let result = run(x, n_jobs, |context, draws| diagnostics::ess_tail(context, draws, prob))?;
    per_dimension(x.py(), &result)
}

/// Effective sample size of a quantile.
#[pyfunction]
#[pyo3(signature = (x, prob, n_jobs=None))]
fn diagnostics_ess_quantile<'py>(
    x: &Bound<'py, PyAny>,
    prob: f64,
    n_jobs: Option<isize>,
) -> PerDimension<'py> {
    let prob = probability(prob)?;
    let result = run(x, n_jobs, |context, draws| diagnostics::ess_quantile(context, draws, prob))?;
    per_dimension(x.py(), &result)
}

fn probability(prob: f64) -> Result<f64, Error> {
    if (0.0..=1.0).contains(&prob) {
        return Ok(prob);
    }
    let message = format!("must be a probability in [0, 1], found {prob:?}");
    Err(Error::InvalidArgument { name: "prob", message })
}

/// Monte Carlo standard error of the mean.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
fn diagnostics_mcse_mean<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> PerDimension<'py> {
    per_dimension(x.py(), &run(x, n_jobs, diagnostics::mcse_mean)?)
}

/// Monte Carlo standard error of the standard deviation.
#[pyfunction]
#[pyo3(signature = (x, n_jobs=None))]
fn diagnostics_mcse_sd<'py>(x: &Bound<'py, PyAny>, n_jobs: Option<isize>) -> PerDimension<'py> {
    per_dimension(x.py(), &run(x, n_jobs, diagnostics::mcse_sd)?)
}

/// The numbers of two ranks (from 0) of each dimension.
#[pyfunction]
#[pyo3(signature = (x, ranks, n_jobs=None))]
fn diagnostics_order_statistics<'py>(
    x: &Bound<'py, PyAny>,
    ranks: Vec<[usize; 2]>,
    n_jobs: Option<isize>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let pairs =
        run(x, n_jobs, |context, draws| diagnostics::order_statistics(context, draws, &ranks))?;
    NewArray::of(x.py(), [pairs.len(), 2], pairs.as_flattened())
}

/// Nested R-hat; chain i belongs to superchain `superchains[i]`.
#[pyfunction]
#[pyo3(signature = (x, superchains, rank, n_jobs=None))]
fn diagnostics_nested_r_hat<'py>(
    x: &Bound<'py, PyAny>,
    superchains: Vec<usize>,
    rank: bool,
    n_jobs: Option<isize>,
) -> PerDimension<'py> {
    let superchains = Superchains::new(superchains)?;
    let result = run(x, n_jobs, |context, draws| {
        diagnostics::nested_r_hat(context, draws, &superchains, rank)
    })?;
    per_dimension(x.py(), &result)
}

/// Integrated autocorrelation time with Sokal's window.
#[pyfunction]
#[pyo3(signature = (x, c, n_jobs=None))]
fn diagnostics_autocorrelation_time<'py>(
    x: &Bound<'py, PyAny>,
    c: f64,
    n_jobs: Option<isize>,
) -> PerDimension<'py> {
    let result =
        run(x, n_jobs, |context, draws| diagnostics::autocorrelation_time(context, draws, c))?;
    per_dimension(x.py(), &result)
}

/// All columns of a summary table, by name; those of quantiles as (dimension, quantile).
#[pyfunction]
#[pyo3(signature = (x, quantiles, n_jobs=None))]
fn diagnostics_summary<'py>(
    x: &Bound<'py, PyAny>,
    quantiles: Vec<f64>,
    n_jobs: Option<isize>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = x.py();
    let lines = run(x, n_jobs, |context, draws| diagnostics::summary(context, draws, &quantiles))?;
    let column = |read: fn(&DimensionSummary) -> f64| {
        let mut column = NewArray::<f64, Ix1>::zeros(py, lines.len())?;
        column.values().iter_mut().zip(&lines).for_each(|(slot, line)| *slot = read(line));
        PyResult::Ok(column.finish())
    };
    let table = PyDict::new(py);
    table.set_item("mean", column(|line| line.mean)?)?;
    table.set_item("sd", column(|line| line.sd)?)?;
    table.set_item("mcse_mean", column(|line| line.mcse_mean)?)?;
    table.set_item("mcse_sd", column(|line| line.mcse_sd)?)?;
    let mut columns = NewArray::<f64, Ix2>::zeros(py, [lines.len(), quantiles.len()])?;
    let values = lines.iter().flat_map(|line| &line.quantiles);
    columns.values().iter_mut().zip(values).for_each(|(slot, &value)| *slot = value);
    table.set_item("quantiles", columns.finish())?;
    table.set_item("ess_bulk", column(|line| line.ess_bulk)?)?;
    table.set_item("ess_tail", column(|line| line.ess_tail)?)?;
    table.set_item("r_hat", column(|line| line.r_hat)?)?;
    Ok(table)
}

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(diagnostics_r_hat, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_ess_bulk, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_ess_tail, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_ess_quantile, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_mcse_mean, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_mcse_sd, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_order_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_nested_r_hat, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_autocorrelation_time, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostics_summary, module)?)
}
