//! The one door for a fit: starts and EM, over rows that are searched once.

use ndarray::{Ix1, IxDyn};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::model::{PriorParts, Settings};
use super::statistics::{PyMixtureStatistics, in_unit};
use super::value::{PyMixture, check_features, work};
use super::{array, check_shape};
use crate::error::Error;
use crate::mixture::{
    self, Constraint, Counted, Em, Fit, Given, Method, Mixture, Options, Rule, Sample, Start,
    Starts, constraint,
};
use crate::python::arrays::{self, NewArray};
use crate::python::enter::enter;
use crate::rows::Rows;

/// A rough time in nanoseconds to look for one start.
fn initial_work(rows: &Rows<'_>, n_components: usize) -> f64 {
    10.0 * rows.n_rows() as f64 * rows.n_columns() as f64 * n_components as f64
}

/// Statistics to start from, one per seed; all starts share each pass over the rows.
#[pyfunction]
#[pyo3(signature = (X, n_components, covariance_type, method, seeds, sample_weight=None, n_jobs=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub(super) fn initial_statistics<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    n_components: usize,
    covariance_type: &str,
    method: &str,
    seeds: Vec<u64>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
) -> PyResult<Vec<PyMixtureStatistics>> {
    let geometry = constraint(covariance_type)?.geometry();
    let method = Method::from_name(method)?;
    let borrowed = arrays::rows(X, "X")?;
    let rows = borrowed.rows();
    let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
    let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
    let work = initial_work(&rows, n_components) * seeds.len() as f64;
    let statistics = enter(py, work, n_jobs, None, |context| {
        let sample = &Sample::new(context, rows.reborrow(), sample_weight)?;
        let found =
            mixture::initial_statistics(context, sample, n_components, geometry, method, &seeds)?;
        in_unit(found, sample)
    })?;
    let checked = |found| PyMixtureStatistics::checked(Counted::Loose(found));
    statistics.into_iter().map(checked).collect()
}

/// How starts are found: number of components, method, seeds, and the weights, means and precisions that
/// are given in place of those found.
type Initial<'py> = (
    usize,
    String,
    Vec<u64>,
    Option<Bound<'py, PyAny>>,
    Option<Bound<'py, PyAny>>,
    Option<Bound<'py, PyAny>>,
);

/// A mixture and its covariances, which only a fit without iterations needs.
type KnownStart<'py> = (PyRef<'py, PyMixture>, Option<Bound<'py, PyAny>>);

/// Fits a mixture by EM; all starts share each pass over the rows. Starts that collapse are left out, unless all do.
///
/// ``starts`` are mixtures with their covariances (or None, if there are iterations); ``initial`` says
/// how they are found: (n_components, method, seeds, weights, means, precisions), where the last three
/// replace what is found unless None. With ``max_iter=0`` the starts are returned. With a ``prior`` the fit is
/// variational: (process, concentration, mean_precision, mean, degrees_of_freedom, covariance).
#[pyfunction]
#[pyo3(signature = (
    X, covariance_type, *, tol, reg_covar, max_iter, stop="change", accelerate=None, starts=None,
    initial=None, sample_weight=None, n_jobs=None, lower_bounds=None, callback=None, prior=None
))]
#[allow(non_snake_case, clippy::too_many_arguments)]
pub(super) fn fit<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    covariance_type: &str,
    tol: f64,
    reg_covar: f64,
    max_iter: usize,
    stop: &str,
    accelerate: Option<&str>,
    starts: Option<Vec<KnownStart<'py>>>,
    initial: Option<Initial<'py>>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
    lower_bounds: Option<Vec<f64>>,
    callback: Option<&Bound<'py, PyAny>>,
    prior: Option<PriorParts<'py>>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let constraint = constraint(covariance_type)?;
    let settings = Settings::new(constraint, reg_covar, prior)?;
    let options = options(constraint, tol, max_iter, stop, accelerate)?;
    let borrowed = arrays::rows(X, "X")?;
    let rows = borrowed.rows();
    let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
    let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
    let starts = match (starts, initial) {
        (Some(starts), None) => Starts::Known(known(&rows, constraint, starts, max_iter)?),
        (None, Some(initial)) => of_initial(&rows, constraint, initial)?,
        _ => return Err(PyTypeError::new_err("one of starts and initial is needed")),
    };
    let n_starts = starts.len();
    let work = match &starts {
        Starts::Known(starts) => {
            let each = starts.iter().map(|start| 2.0 * work(&rows, &start.mixture));
            each.sum::<f64>() * max_iter as f64
        }
        Starts::Initial { n_components, .. } => {
            initial_work(&rows, *n_components) * n_starts as f64 * (1.0 + max_iter as f64)
        }
    };
    let previous = lower_bounds.unwrap_or_else(|| vec![f64::NEG_INFINITY; n_starts]);
    if previous.len() != n_starts {
        let (expected, found) = (format!("({n_starts},), one per start"), vec![previous.len()]);
        return Err(Error::Shape { name: "lower_bounds", expected, found }.into());
    }
    let fits = enter(py, work, n_jobs, callback, |context| {
        let sample = &Sample::new(context, rows.reborrow(), sample_weight)?;
        let model = settings.model(sample.exponent());
        let starts = starts.find(context, sample, constraint.geometry(), &*model)?;
        mixture::em(context, sample, Em::new(model, starts, &previous, options))
    })?;
    fits.into_iter().map(|fit| to_dict(py, fit, constraint)).collect()
}

/// When a fit stops, and how it gets there.
pub(super) fn options(
    constraint: &dyn Constraint,
    tol: f64,
    max_iter: usize,
    stop: &str,
    accelerate: Option<&str>,
) -> Result<Options, Error> {
    let invalid = |name, message| Err(Error::InvalidArgument { name, message });
    if tol.is_nan() || tol < 0.0 {
        return invalid("tol", format!("must not be negative, found {tol}"));
    }
    // An extrapolated mixture is any of its geometry: likelier than all of a narrower family.
    let (all, free) = (constraint.geometry().scatter_len(3, 4), constraint.n_parameters(3, 4));
    let accelerate = match accelerate {
        None => false,
        Some("squarem") if all == free => true,
        Some("squarem") => {
            let name = constraint.name();
            let message = format!(
                "'squarem' is not for covariance_type={name:?}, whose steps it would lead out of it"
            );
            return invalid("accelerate", message);
        }
        Some(other) => {
            return invalid("accelerate", format!("must be None or 'squarem', found {other:?}"));
        }
    };
    Ok(Options { tolerance: tol, rule: Rule::from_name(stop)?, max_iter, accelerate })
}

/// Starts that are there, all of one size and geometry.
fn known<'py>(
    rows: &Rows<'_>,
    constraint: &dyn Constraint,
    starts: Vec<KnownStart<'py>>,
    max_iter: usize,
) -> PyResult<Vec<Start>> {
    let mut known: Vec<Start> = Vec::with_capacity(starts.len());
    for (start, covariances) in starts {
        let mixture = &start.mixture;
        check_features(rows, mixture)?;
        let (k, d) = (mixture.n_components(), mixture.n_features());
        let first = known.first().map_or(k, |first| first.mixture.n_components());
        if first != k || mixture.geometry() != constraint.geometry() {
            let expected = format!("{first} '{}' components in every start", constraint.name());
            return Err(Error::Shape { name: "starts", expected, found: vec![k] }.into());
        }
        let covariances = match covariances {
            Some(covariances) => {
                let covariances = arrays::parameter::<IxDyn>(&covariances, "covariances")?;
                check_shape("covariances", mixture.geometry(), k, d, covariances.shape())?;
                covariances.into_raw_vec_and_offset().0
            }
            // The first iteration makes them.
            None if max_iter > 0 => Vec::new(),
            None => return Err(PyTypeError::new_err("without iterations, covariances are needed")),
        };
        known.push(Start { mixture: mixture.clone(), covariances });
    }
    Ok(known)
}

/// How to look for starts, where what is given has the shapes that are needed.
fn of_initial(
    rows: &Rows<'_>,
    constraint: &dyn Constraint,
    initial: Initial<'_>,
) -> PyResult<Starts> {
    let (n_components, method, seeds, weights, means, precisions) = initial;
    if n_components == 0 {
        let message = "must be at least 1, found 0".into();
        return Err(Error::InvalidArgument { name: "n_components", message }.into());
    }
    let (k, d) = (n_components, rows.n_columns());
    let read = |array: Option<Bound<'_, PyAny>>, name, expected: Vec<usize>| -> PyResult<_> {
        let Some(array) = array else { return Ok(None) };
        let values = arrays::parameter::<IxDyn>(&array, name)?;
        if values.shape() != expected {
            let (expected, found) = (format!("{expected:?}"), values.shape().to_vec());
            return Err(Error::Shape { name, expected, found }.into());
        }
        Ok(Some(values.into_raw_vec_and_offset().0))
    };
    let given = Given {
        weights: read(weights, "weights", vec![k])?,
        means: read(means, "means", vec![k, d])?,
        precisions: read(precisions, "precisions", constraint.geometry().shape(k, d))?,
    };
    Ok(Starts::Initial { n_components, method: Method::from_name(&method)?, seeds, given })
}

pub(super) fn to_dict<'py>(
    py: Python<'py>,
    fit: Fit,
    constraint: &'static dyn Constraint,
) -> PyResult<Bound<'py, PyDict>> {
    let mixture: &Mixture = &fit.mixture;
    let shape = mixture.geometry().shape(mixture.n_components(), mixture.n_features());
    let result = PyDict::new(py);
    result.set_item("covariances", array(py, &shape, &fit.covariances)?)?;
    result.set_item("converged", fit.converged)?;
    let bounds = NewArray::<_, Ix1>::of(py, fit.lower_bounds.len(), &fit.lower_bounds)?;
    result.set_item("lower_bounds", bounds)?;
    result.set_item("mixture", PyMixture { mixture: fit.mixture, constraint })?;
    Ok(result)
}
