//! E-steps over rows that come in chunks, and the machine that asks for them.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use numpy::PyArray1;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fit::to_dict;
use super::statistics::{PyMixtureStatistics, in_units};
use super::value::{PyMixture, work};
use crate::error::Error;
use crate::fold::Partition;
use crate::mixture::{
    ChunkedPass, Constraint, Counted, Em, Fit, MaximumLikelihood, Mixture, MixtureStatistics,
    Options, Place, Run, Seen, constraint,
};
use crate::python::arrays::{self, NewArray};
use crate::python::enter::enter;

/// One pass over rows that come in chunks: the statistics of all ``models``, of one family and size.
///
/// Without models the rows are only looked at. ``exponent`` is the logarithm to base 2 of the unit of the weights;
/// the statistics are in that unit. The rows are those from ``first_row`` on (where a block begins), or one of many
/// pieces, that of number ``piece``.
#[pyclass(module = "foldstat._core", frozen)]
pub struct MixturePass {
    pass: Mutex<Option<ChunkedPass>>,
    models: Vec<Arc<Mixture>>,
}

/// What was seen of the rows of a pass: (rows, rows of positive weight, sums of the columns, of the weights, of the
/// rows, of the blocks). Two passes over the same rows have the same; those of pieces add up modulo 2^64.
type SeenRows = (u64, u64, Vec<u64>, u64, u64, u64);

#[pymethods]
impl MixturePass {
    #[new]
    #[pyo3(signature = (models, n_features, *, exponent=0, first_row=0, piece=None))]
    fn new(
        models: Vec<PyRef<'_, PyMixture>>,
        n_features: usize,
        exponent: i32,
        first_row: u64,
        piece: Option<u64>,
    ) -> PyResult<Self> {
        let place = match piece {
            Some(piece) => Place::of_piece(piece)?,
            None => Place::at_row(first_row, n_features)?,
        };
        let models: Vec<_> = models.iter().map(|model| Arc::clone(&model.mixture)).collect();
        check_alike(&models, n_features)?;
        let pass = ChunkedPass::new(models.clone(), n_features, exponent, place);
        Ok(Self { pass: Mutex::new(Some(pass)), models })
    }

    /// Adds the rows that come next.
    ///
    /// ``check_finite=False`` leaves out the search for NaN and infinity, for rows already searched.
    #[pyo3(signature = (X, sample_weight=None, n_jobs=None, check_finite=true))]
    #[allow(non_snake_case)]
    fn push<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_jobs: Option<isize>,
        check_finite: bool,
    ) -> PyResult<()> {
        let borrowed = arrays::rows(X, "X")?;
        let rows = borrowed.rows();
        let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
        let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
        let each = self.models.iter().map(|model| 2.0 * work(&rows, model));
        let looking = (rows.n_rows() * rows.n_columns()) as f64;
        let mut pass = lock(&self.pass)?;
        let pass = pass.as_mut().ok_or_else(ended)?;
        enter(py, looking + each.sum::<f64>(), n_jobs, None, |context| {
            pass.push(context, rows.reborrow(), sample_weight, !check_finite)
        })
    }

    /// The statistics under each model, which know their rows, and what was seen of these.
    ///
    /// Whether sums overflowed is found out when the statistics are read: first it has to be known that the rows are
    /// those of the pass before.
    #[pyo3(signature = (n_jobs=None))]
    fn finish(
        &self,
        py: Python<'_>,
        n_jobs: Option<isize>,
    ) -> PyResult<(Vec<PyMixtureStatistics>, SeenRows)> {
        let mut pass = lock(&self.pass)?;
        let pass = pass.take().ok_or_else(ended)?;
        let block = pass.waiting_values() as f64 * 10.0 * self.models.len() as f64;
        let (folds, seen) = enter(py, block, n_jobs, None, |context| pass.finish(context))?;
        let Seen { rows, present, columns, weights, contents, order } = seen;
        let placed = |fold| PyMixtureStatistics::of(Counted::Placed(fold));
        let statistics = folds.into_iter().map(placed).collect();
        Ok((statistics, (rows, present, columns, weights, contents, order)))
    }
}

/// The rows of a block in that many features: where pieces of rows may be cut.
#[pyfunction]
pub(super) fn block_rows(n_features: usize) -> usize {
    Partition::of_rows(0, n_features).leaf_rows()
}

/// Statistics that know their rows, in units of their weights in place of ``2**exponent``.
#[pyfunction]
pub(super) fn in_units_of_weights(
    statistics: &PyMixtureStatistics,
    exponent: i32,
) -> PyResult<PyMixtureStatistics> {
    let scaled = |part: &MixtureStatistics| in_units(part.copied()?, exponent);
    let counted = match statistics.counted() {
        Counted::Loose(part) => Counted::Loose(scaled(part)?),
        Counted::Placed(fold) => Counted::Placed(fold.mapped(scaled)?),
    };
    PyMixtureStatistics::checked(counted)
}

/// EM from several starts, one iteration at a time, for whoever folds the rows.
#[pyclass(name = "Em", module = "foldstat._core", frozen)]
pub struct PyEm {
    em: Mutex<Option<Em<MaximumLikelihood>>>,
    constraint: &'static dyn Constraint,
}

/// A fit under way: mixture, covariances, last bound, whether it has converged, bounds so far.
type RunParts<'py> = (PyRef<'py, PyMixture>, Bound<'py, PyAny>, f64, bool, Vec<f64>);

#[pymethods]
impl PyEm {
    /// From ``runs`` as `runs` gives them, after ``iteration`` iterations; a fresh start has the bound -inf.
    #[new]
    #[pyo3(signature = (covariance_type, runs, *, tol, reg_covar, max_iter, iteration=0))]
    fn new(
        covariance_type: &str,
        runs: Vec<RunParts<'_>>,
        tol: f64,
        reg_covar: f64,
        max_iter: usize,
        iteration: usize,
    ) -> PyResult<Self> {
        let constraint = constraint(covariance_type)?;
        let mut known = Vec::with_capacity(runs.len());
        for (mixture, covariances, bound, converged, lower_bounds) in runs {
            let (k, d) = (mixture.mixture.n_components(), mixture.mixture.n_features());
            if mixture.mixture.geometry() != constraint.geometry() {
                let message = format!("not of the family '{covariance_type}'");
                return Err(Error::InvalidArgument { name: "runs", message }.into());
            }
            let covariances = arrays::parameter::<ndarray::IxDyn>(&covariances, "covariances")?;
            let geometry = constraint.geometry();
            super::check_shape("covariances", geometry, k, d, covariances.shape())?;
            let covariances = covariances.into_raw_vec_and_offset().0;
            let mixture = Arc::clone(&mixture.mixture);
            known.push(Run { mixture, covariances, bound, converged, lower_bounds });
        }
        let mixtures: Vec<_> = known.iter().map(|run| Arc::clone(&run.mixture)).collect();
        if let Some(first) = mixtures.first() {
            check_alike(&mixtures, first.n_features())?;
        }
        let model = MaximumLikelihood { constraint, reg_covar };
        let options = Options { tolerance: tol, max_iter };
        let em = Em::resumed(model, known, iteration, options);
        Ok(Self { em: Mutex::new(Some(em)), constraint })
    }

    /// The mixtures whose statistics `advance` wants next; none once all fits have ended.
    fn models(&self) -> PyResult<Vec<PyMixture>> {
        let em = lock(&self.em)?;
        let em = em.as_ref().ok_or_else(ended)?;
        let shared = |mixture: Arc<Mixture>| PyMixture { mixture, constraint: self.constraint };
        Ok(em.shared_models().map(shared).collect())
    }

    /// Iterations done.
    #[getter]
    fn iteration(&self) -> PyResult<usize> {
        Ok(lock(&self.em)?.as_ref().ok_or_else(ended)?.iteration())
    }

    /// One iteration, given the statistics of all rows under each of `models`.
    #[pyo3(signature = (statistics, n_jobs=None, callback=None))]
    fn advance(
        &self,
        py: Python<'_>,
        statistics: Vec<PyRef<'_, PyMixtureStatistics>>,
        n_jobs: Option<isize>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let work = statistics.iter().map(|statistics| statistics.work());
        let work = work.sum::<f64>() * statistics.first().map_or(1.0, |s| s.features() as f64);
        let folded: Vec<&MixtureStatistics> =
            statistics.iter().map(|statistics| statistics.value()).collect::<Result<_, _>>()?;
        let mut em = lock(&self.em)?;
        let em = em.as_mut().ok_or_else(ended)?;
        enter(py, work, n_jobs, callback, |context| em.advance(context, &folded))
    }

    /// All there is to know of the fits between two iterations.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Vec<OwnedRun<'py>>> {
        let em = lock(&self.em)?;
        let em = em.as_ref().ok_or_else(ended)?;
        let parts = |run: &Run| {
            let mixture = Arc::clone(&run.mixture);
            let shape = mixture.geometry().shape(mixture.n_components(), mixture.n_features());
            let covariances = super::array(py, &shape, &run.covariances)?.into_any();
            let bounds = NewArray::of(py, run.lower_bounds.len(), &run.lower_bounds)?;
            let mixture = PyMixture { mixture, constraint: self.constraint };
            Ok((mixture, covariances, run.bound, run.converged, bounds))
        };
        em.runs().iter().map(parts).collect()
    }

    /// Where the fits have ended, as `fit` gives them.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let em = lock(&self.em)?.take().ok_or_else(ended)?;
        let fits: Vec<Fit> = em.finish();
        fits.into_iter().map(|fit| to_dict(py, fit, self.constraint)).collect()
    }
}

/// [`RunParts`] on their way out.
type OwnedRun<'py> = (PyMixture, Bound<'py, PyAny>, f64, bool, Bound<'py, PyArray1<f64>>);

/// Models of one pass have one geometry and size.
fn check_alike(models: &[Arc<Mixture>], n_features: usize) -> Result<(), Error> {
    let what = |model: &Mixture| (model.geometry(), model.n_components(), model.n_features());
    let alike = models
        .iter()
        .all(|model| what(model) == what(&models[0]) && model.n_features() == n_features);
    if alike {
        return Ok(());
    }
    let message = format!("must be of one family and size, in {n_features} features");
    Err(Error::InvalidArgument { name: "models", message })
}

/// What is locked is used by one call at a time.
fn lock<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(PyRuntimeError::new_err("another thread is in the middle of a call of this object"))
        }
    }
}

fn ended() -> PyErr {
    PyTypeError::new_err("this has been finished: nothing can be added any more")
}
