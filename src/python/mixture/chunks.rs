//! E-steps over rows that come in chunks, and the machine that asks for them.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use numpy::PyArray1;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fit::{options, to_dict};
use super::model::{PriorParts, Settings};
use super::statistics::{PyMixtureStatistics, in_units};
use super::value::{PyMixture, work};
use crate::error::Error;
use crate::fold::{Partition, Stop};
use crate::mixture::{
    ChunkedPass, Constraint, Counted, Cycle, CyclePlace, Em, Fit, IncompletePass, Mixture,
    MixtureStatistics, Model, Place, Run, Seen, Start, constraint,
};
use crate::python::arrays::{self, NewArray};
use crate::python::enter::enter;

/// One pass over rows that come in chunks: the statistics of all ``models``, of one family and size.
///
/// Without models the rows are only looked at. ``exponent`` is the logarithm to base 2 of the unit of the weights;
/// the statistics are in that unit. The rows are those from ``first_row`` on (where a block begins), or one of many
/// pieces, that of number ``piece``. If ``missing``, NaN is a missing value: the statistics are the expected ones.
#[pyclass(module = "foldstat._core", frozen)]
pub struct MixturePass {
    pass: Mutex<Option<Pass>>,
    models: Vec<Arc<Mixture>>,
}

/// What folds the rows.
enum Pass {
    Complete(ChunkedPass),
    /// NaN is a missing value.
    Incomplete(IncompletePass),
}

/// What was seen of the rows of a pass: (rows, rows of positive weight, sums of the columns, of the weights, of the
/// rows, of the blocks). Two passes over the same rows have the same; those of pieces add up modulo 2^64.
type SeenRows = (u64, u64, Vec<u64>, u64, u64, u64);

#[pymethods]
impl MixturePass {
    #[new]
    #[pyo3(signature = (models, n_features, *, exponent=0, first_row=0, piece=None, missing=false))]
    fn new(
        models: Vec<PyRef<'_, PyMixture>>,
        n_features: usize,
        exponent: i32,
        first_row: u64,
        piece: Option<u64>,
        missing: bool,
    ) -> PyResult<Self> {
        let place = match piece {
            Some(piece) => Place::of_piece(piece)?,
            None => Place::at_row(first_row, n_features)?,
        };
        let models: Vec<_> = models.iter().map(|model| Arc::clone(&model.mixture)).collect();
        check_alike(&models, n_features)?;
        let of = models.clone();
        let pass = if missing {
            let stop = &Stop::default();
            Pass::Incomplete(IncompletePass::new(of, n_features, exponent, place, stop)?)
        } else {
            Pass::Complete(ChunkedPass::new(of, n_features, exponent, place))
        };
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
        enter(py, looking + each.sum::<f64>(), n_jobs, None, |context| match pass {
            Pass::Complete(pass) => {
                pass.push(context, rows.reborrow(), sample_weight, !check_finite)
            }
            Pass::Incomplete(pass) => pass.push(context, rows.reborrow(), sample_weight),
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
        let work = match &pass {
            Pass::Complete(pass) => pass.waiting_values() as f64 * 10.0 * self.models.len() as f64,
            Pass::Incomplete(pass) => pass.work(),
        };
        let (counted, seen) = enter(py, work, n_jobs, None, |context| match pass {
            Pass::Complete(pass) => {
                let (folds, seen) = pass.finish(context)?;
                Ok((folds.into_iter().map(Counted::Placed).collect::<Vec<_>>(), seen))
            }
            Pass::Incomplete(pass) => pass.finish(context),
        })?;
        let Seen { rows, present, columns, weights, contents, order } = seen;
        let statistics = counted.into_iter().map(PyMixtureStatistics::of).collect();
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
    em: Mutex<Option<Em<Box<dyn Model>>>>,
    constraint: &'static dyn Constraint,
}

/// A fit under way: mixture, covariances, last bound, whether it has converged, bounds so far.
type RunParts<'py> = (PyRef<'py, PyMixture>, Bound<'py, PyAny>, f64, bool, Vec<f64>);

#[pymethods]
impl PyEm {
    /// From ``runs`` as `runs` gives them, after ``iteration`` iterations; a fresh start has the bound -inf.
    ///
    /// ``states`` are those that `states` gave after as many; ``prior`` is that of `fit`, ``exponent`` the logarithm to
    /// base 2 of the unit of the weights.
    #[new]
    #[pyo3(signature = (
        covariance_type, runs, *, tol, reg_covar, max_iter, stop="change", accelerate=None, iteration=0, states=None,
        prior=None, exponent=0
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        covariance_type: &str,
        runs: Vec<RunParts<'_>>,
        tol: f64,
        reg_covar: f64,
        max_iter: usize,
        stop: &str,
        accelerate: Option<&str>,
        iteration: usize,
        states: Option<Vec<StateParts<'_>>>,
        prior: Option<PriorParts<'_>>,
        exponent: i32,
    ) -> PyResult<Self> {
        let constraint = constraint(covariance_type)?;
        let settings = Settings::new(constraint, reg_covar, prior)?;
        let options = options(constraint, tol, max_iter, stop, accelerate)?;
        let mut known = Vec::with_capacity(runs.len());
        for (mixture, covariances, bound, converged, lower_bounds) in runs {
            let (k, d) = (mixture.mixture.n_components(), mixture.mixture.n_features());
            if mixture.mixture.geometry() != constraint.geometry() {
                let message = format!("not of the family '{covariance_type}'");
                return Err(Error::InvalidArgument { name: "runs", message }.into());
            }
            let covariances = covariances_of(&covariances, constraint, k, d)?;
            let mixture = Arc::clone(&mixture.mixture);
            known.push(Run {
                mixture,
                covariances,
                bound,
                change: f64::INFINITY,
                converged,
                lower_bounds,
                collapsed: false,
                cycle: options.accelerate.then(Cycle::default),
            });
        }
        let mut mixtures: Vec<_> = known.iter().map(|run| Arc::clone(&run.mixture)).collect();
        for (run, state) in known.iter_mut().zip(states.unwrap_or_default()) {
            mixtures.extend(restored(run, state, constraint)?);
        }
        if let Some(first) = mixtures.first() {
            check_alike(&mixtures, first.n_features())?;
        }
        let model = settings.model(exponent);
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

    /// What else there is to know of them: how the last bound changed, and, if steps are lengthened, the cap, what the
    /// next pass is for (1, 2 or 3), and the mixture, covariances, bound and whether the step was as long as the cap
    /// that go with it.
    fn states<'py>(&self, py: Python<'py>) -> PyResult<Vec<OwnedState<'py>>> {
        let em = lock(&self.em)?;
        let em = em.as_ref().ok_or_else(ended)?;
        let value = |mixture: &Arc<Mixture>| PyMixture {
            mixture: Arc::clone(mixture),
            constraint: self.constraint,
        };
        let state = |run: &Run| {
            let Some(cycle) = &run.cycle else { return Ok((run.change, None)) };
            let parts = match &cycle.place {
                CyclePlace::First => (cycle.cap, 1, None, None, f64::NEG_INFINITY, false),
                CyclePlace::Second { base } => {
                    (cycle.cap, 2, Some(value(base)), None, f64::NEG_INFINITY, false)
                }
                CyclePlace::Third { kept, bound, capped } => {
                    let mixture = &kept.mixture;
                    let shape =
                        mixture.geometry().shape(mixture.n_components(), mixture.n_features());
                    let covariances = super::array(py, &shape, &kept.covariances)?.into_any();
                    (cycle.cap, 3, Some(value(mixture)), Some(covariances), *bound, *capped)
                }
            };
            Ok((run.change, Some(parts)))
        };
        em.runs().iter().map(state).collect()
    }

    /// Where the fits have ended, as `fit` gives them.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let em = lock(&self.em)?.take().ok_or_else(ended)?;
        let fits: Vec<Fit> = em.finish();
        fits.into_iter().map(|fit| to_dict(py, fit, self.constraint)).collect()
    }
}

/// How the last bound changed, and where a run with longer steps is in its cycle.
type StateParts<'py> = (f64, Option<CycleParts<PyRef<'py, PyMixture>, Bound<'py, PyAny>>>);

/// [`StateParts`] on their way out.
type OwnedState<'py> = (f64, Option<CycleParts<PyMixture, Bound<'py, PyAny>>>);

/// Cap, what the next pass is for, mixture, covariances, bound, whether the step was as long as the cap.
type CycleParts<M, A> = (f64, u8, Option<M>, Option<A>, f64, bool);

fn covariances_of(
    covariances: &Bound<'_, PyAny>,
    constraint: &dyn Constraint,
    k: usize,
    d: usize,
) -> PyResult<Vec<f64>> {
    let covariances = arrays::parameter::<ndarray::IxDyn>(covariances, "covariances")?;
    super::check_shape("covariances", constraint.geometry(), k, d, covariances.shape())?;
    Ok(covariances.into_raw_vec_and_offset().0)
}

/// Puts a run where it was; gives the mixture that came with it.
fn restored(
    run: &mut Run,
    (change, parts): StateParts<'_>,
    constraint: &dyn Constraint,
) -> PyResult<Option<Arc<Mixture>>> {
    run.change = change;
    let (Some(cycle), Some((cap, place, mixture, covariances, bound, capped))) =
        (&mut run.cycle, parts)
    else {
        return Ok(None);
    };
    let mixture = mixture.map(|mixture| Arc::clone(&mixture.mixture));
    cycle.cap = cap;
    cycle.place = match (place, &mixture, covariances) {
        (1, ..) => CyclePlace::First,
        (2, Some(base), _) => CyclePlace::Second { base: Arc::clone(base) },
        (3, Some(mixture), Some(covariances)) => {
            let (k, d) = (mixture.n_components(), mixture.n_features());
            let covariances = covariances_of(&covariances, constraint, k, d)?;
            let kept = Start { mixture: Arc::clone(mixture), covariances };
            CyclePlace::Third { kept, bound, capped }
        }
        _ => {
            let message = "not of a fit with longer steps".into();
            return Err(Error::InvalidArgument { name: "states", message }.into());
        }
    };
    Ok(mixture)
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
