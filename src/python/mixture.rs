//! Gaussian mixtures for Python: arrays in, arrays out.

use ndarray::{Array2, ArrayView2, Ix1, Ix2, IxDyn, s};
use numpy::{PyArray1, PyArrayDyn};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::arrays::{self, BorrowedRows, NewArray};
use super::enter::enter;
use crate::error::Error;
use crate::fold::{Context, Monoid, Partition, RowsMut, Stop};
use crate::linalg;
use crate::memory;
use crate::mixture::{
    self, Columns, Em, Geometry, MaximumLikelihood, Method, Mixture, MixtureStatistics, Options,
    Outputs, Responsibilities, Sample, constraint,
};
use crate::rows::Rows;

type ArrayOut<'py> = Bound<'py, PyArrayDyn<f64>>;

/// Sufficient statistics of a Gaussian mixture, a monoid: ``a + b`` merges, ``MixtureStatistics()`` is the identity.
#[pyclass(name = "MixtureStatistics", module = "foldstat._core", frozen)]
pub struct PyMixtureStatistics(MixtureStatistics);

#[pymethods]
impl PyMixtureStatistics {
    #[new]
    fn new() -> Self {
        Self(MixtureStatistics::identity())
    }

    /// The covariance family, or None for the identity.
    #[getter]
    fn covariance_type(&self) -> Option<&'static str> {
        self.0.geometry().map(Geometry::name)
    }
    /// Number of components; 0 for the identity.
    #[getter]
    fn n_components(&self) -> usize {
        self.0.n_components()
    }
    /// Number of features; 0 for the identity.
    #[getter]
    fn n_features(&self) -> usize {
        self.0.n_features()
    }
    /// Number of rows of positive weight.
    #[getter]
    fn n_rows(&self) -> u64 {
        self.0.n_rows()
    }
    /// Σw: the number of rows where unweighted.
    #[getter]
    fn total_weight(&self) -> f64 {
        self.0.total_weight()
    }
    /// Σ w log p(x) under the model that gave the responsibilities.
    #[getter]
    fn log_likelihood(&self) -> f64 {
        self.0.log_likelihood()
    }
    /// Σ w r of each component, shape (n_components,).
    #[getter]
    fn responsibility_sums<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        NewArray::of(py, self.0.n_components(), self.0.counts())
    }
    /// Σ w r x / Σ w r of each component, shape (n_components, n_features).
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        array(py, &[self.0.n_components(), self.0.n_features()], &self.0.means()?)
    }
    /// Σ w r (x−m)(x−m)ᵀ about ``means``, in the shape of the family's covariances.
    #[getter]
    fn scatter<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        let shape = match self.0.geometry() {
            Some(geometry) => geometry.shape(self.0.n_components(), self.0.n_features()),
            None => vec![0],
        };
        let scatter = enter(py, self.work(), None, None, |context| self.0.scatter(context.stop()));
        array(py, &shape, &scatter?)
    }

    fn __add__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        self.0.check_compatible(&other.0)?;
        let merged = enter(py, self.work(), None, None, |context| {
            let mut merged = self.0.copied()?;
            merged.add(&other.0, context.stop())?;
            Ok(merged)
        })?;
        Self::checked(merged)
    }

    /// ``0 + statistics``, so that the built-in ``sum`` works without a start.
    fn __radd__(&self, zero: &Bound<'_, PyAny>) -> PyResult<Self> {
        match zero.extract::<i64>() {
            Ok(0) => self.__copy__(),
            _ => Err(PyTypeError::new_err(format!(
                "can only add MixtureStatistics to MixtureStatistics, found {}",
                zero.get_type().name()?
            ))),
        }
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    /// Versioned bytes that ``from_bytes`` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.0.to_bytes()?)
    }

    /// Reads what ``to_bytes`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        Ok(Self(MixtureStatistics::from_bytes(data)?))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let reader = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((reader, (self.to_bytes(py)?,)))
    }

    fn __copy__(&self) -> PyResult<Self> {
        Ok(Self(self.0.copied()?))
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.__copy__()
    }

    fn __repr__(&self) -> String {
        match self.covariance_type() {
            None => "MixtureStatistics()".to_owned(),
            Some(family) => format!(
                "<MixtureStatistics of {} '{family}' components in {} features, total weight {}, log-likelihood {}>",
                self.n_components(),
                self.n_features(),
                self.total_weight(),
                self.log_likelihood()
            ),
        }
    }
}

impl PyMixtureStatistics {
    /// Statistics whose sums did not overflow: whatever Python gets can be read, written and merged.
    fn checked(statistics: MixtureStatistics) -> PyResult<Self> {
        statistics.check_finite()?;
        Ok(Self(statistics))
    }

    /// A rough time in nanoseconds to go through all moments.
    fn work(&self) -> f64 {
        let (k, d) = (self.n_components(), self.n_features());
        let values = |geometry: Geometry| geometry.shape(k, d).into_iter().map(|n| n as f64);
        4.0 * self.0.geometry().map_or(0.0, |geometry| values(geometry).product())
    }
}

fn array<'py>(py: Python<'py>, shape: &[usize], values: &[f64]) -> PyResult<ArrayOut<'py>> {
    NewArray::of(py, IxDyn(shape), values)
}

/// Model parameters as they come from Python.
struct Model(Mixture);

impl Model {
    fn extract(
        weights: Option<&Bound<'_, PyAny>>,
        means: &Bound<'_, PyAny>,
        precisions_cholesky: &Bound<'_, PyAny>,
        covariance_type: &str,
        n_jobs: Option<isize>,
    ) -> PyResult<Self> {
        let py = means.py();
        let geometry = constraint(covariance_type)?.geometry();
        let means: Array2<f64> = arrays::matrix(means, "means")?;
        let (k, d) = means.dim();
        let weights = match weights {
            Some(weights) => arrays::vector(weights, "weights")?.into_raw_vec_and_offset().0,
            None => memory::filled(k, 1.0 / k as f64, "the weights")?,
        };
        if weights.len() != k {
            let (name, found) = ("weights", vec![weights.len()]);
            return Err(Error::Shape {
                name,
                expected: format!("({k},), one per row of means"),
                found,
            }
            .into());
        }
        let name = "precisions_cholesky";
        let factors = arrays::parameter::<IxDyn>(precisions_cholesky, name)?;
        check_shape(name, geometry, k, d, factors.shape())?;
        let (means, factors) =
            (means.into_raw_vec_and_offset().0, factors.into_raw_vec_and_offset().0);
        let work = checking_work(geometry, d, &factors);
        if work < UNNOTICED_NANOSECONDS {
            let stop = Stop::default();
            return Ok(Self(Mixture::new(geometry, d, weights, means, factors, &stop)?));
        }
        enter(py, work, n_jobs, None, |context| {
            Mixture::new(geometry, d, weights, means, factors, context.stop()).map(Self)
        })
    }

    /// The same, whose weights must add up to 1, as far as those do that went through float32.
    fn of_shares(self) -> Result<Self, Error> {
        let sum: f64 = self.0.weights().iter().sum();
        if (sum - 1.0).abs() <= 1e-6 {
            return Ok(self);
        }
        let message = format!("must sum to 1, found weights that sum to {sum:?}");
        Err(Error::InvalidArgument { name: "weights", message })
    }

    fn check_features(&self, rows: &Rows<'_>) -> Result<(), Error> {
        check_columns(rows, self.0.n_features())
    }
}

fn check_columns(rows: &Rows<'_>, n_features: usize) -> Result<(), Error> {
    if rows.n_columns() == n_features {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        name: "X",
        message: format!("has {} features, but the model has {n_features}", rows.n_columns()),
    })
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

/// Checking factors for less time than this is not worth a door: one row is scored meanwhile.
const UNNOTICED_NANOSECONDS: f64 = 5e4;

/// A rough time in nanoseconds to check factors, of which those that are not triangular are turned.
pub(super) fn checking_work(geometry: Geometry, d: usize, factors: &[f64]) -> f64 {
    let zero = |(i, row): (usize, &[f64])| row[..i].iter().all(|value| *value == 0.0);
    let triangular = |factor: &[f64]| factor.chunks_exact(d).enumerate().all(zero);
    if geometry.is_matrix() && !factors.chunks_exact((d * d).max(1)).all(triangular) {
        factors.len() as f64 * d as f64
    } else {
        factors.len() as f64
    }
}

/// A rough time in nanoseconds, to decide between the calling thread and the pool.
fn work(rows: &Rows<'_>, model: &Mixture) -> f64 {
    let (k, d) = (model.n_components() as f64, model.n_features() as f64);
    let per_component = match model.geometry() {
        Geometry::Full => d * d / 16.0,
        _ => d / 4.0,
    };
    rows.n_rows() as f64 * k * (2.0 + per_component)
}

/// log N(x | μₖ, Σₖ), shape (n, k); not weighted.
#[pyfunction]
#[pyo3(signature = (X, means, precisions_cholesky, covariance_type, n_jobs=None))]
#[allow(non_snake_case)]
fn log_prob<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    means: &Bound<'py, PyAny>,
    precisions_cholesky: &Bound<'py, PyAny>,
    covariance_type: &str,
    n_jobs: Option<isize>,
) -> PyResult<Bound<'py, PyAny>> {
    let model = Model::extract(None, means, precisions_cholesky, covariance_type, n_jobs)?;
    let rows = arrays::rows(X, "X")?;
    let (_, components, _) =
        scores(py, &rows, &model, Columns::LogDensities, Wanted::COMPONENTS, n_jobs)?;
    Ok(components)
}

/// Which of the outputs of a scoring pass are wanted.
#[derive(Clone, Copy)]
struct Wanted {
    log_likelihoods: bool,
    components: bool,
    labels: bool,
}

impl Wanted {
    const NOTHING: Self = Self { log_likelihoods: false, components: false, labels: false };
    const LOG_LIKELIHOODS: Self = Self { log_likelihoods: true, ..Self::NOTHING };
    const COMPONENTS: Self = Self { components: true, ..Self::NOTHING };
    const LABELS: Self = Self { labels: true, ..Self::NOTHING };
    const EXPECTATION: Self = Self { labels: false, log_likelihoods: true, components: true };
}

/// Log-likelihoods, components and labels; None for those not wanted.
type Scores<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

fn scores<'py>(
    py: Python<'py>,
    borrowed: &BorrowedRows<'py>,
    model: &Model,
    columns: Columns,
    wanted: Wanted,
    n_jobs: Option<isize>,
) -> PyResult<Scores<'py>> {
    let rows = borrowed.rows();
    model.check_features(&rows)?;
    let (n, k) = (rows.n_rows(), model.0.n_components());
    let log_likelihoods = wanted.log_likelihoods.then(|| NewArray::<f64, Ix1>::zeros(py, [n]));
    let mut log_likelihoods = log_likelihoods.transpose()?;
    let components = wanted.components.then(|| NewArray::<f64, Ix2>::zeros(py, [n, k]));
    let mut components = components.transpose()?;
    let labels = wanted.labels.then(|| NewArray::<i64, Ix1>::zeros(py, [n]));
    let mut labels = labels.transpose()?;
    let outputs = Outputs {
        log_likelihoods: log_likelihoods.as_mut().map(|out| RowsMut::column(out.values())),
        components: components.as_mut().map(|out| RowsMut::new(out.values(), n, k)),
        labels: labels.as_mut().map(|out| RowsMut::column(out.values())),
    };
    enter(py, work(&rows, &model.0), n_jobs, None, |context| {
        rows.check_finite("X", context)?;
        mixture::score(context, rows, &model.0, columns, outputs)
    })?;
    let none = || py.None().into_bound(py);
    Ok((
        log_likelihoods.map_or_else(none, |out| out.finish().into_any()),
        components.map_or_else(none, |out| out.finish().into_any()),
        labels.map_or_else(none, |out| out.finish().into_any()),
    ))
}

/// The functions that score rows under a whole mixture differ in what they return only.
macro_rules! scoring_function {
    ($(#[$doc:meta])* $name:ident, $wanted:expr, |$py:ident, $scores:ident| $result:expr) => {
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (X, weights, means, precisions_cholesky, covariance_type, n_jobs=None))]
        #[allow(non_snake_case)]
        fn $name<'py>(
            $py: Python<'py>,
            X: &Bound<'py, PyAny>,
            weights: &Bound<'py, PyAny>,
            means: &Bound<'py, PyAny>,
            precisions_cholesky: &Bound<'py, PyAny>,
            covariance_type: &str,
            n_jobs: Option<isize>,
        ) -> PyResult<Bound<'py, PyAny>> {
            let model =
                Model::extract(Some(weights), means, precisions_cholesky, covariance_type, n_jobs)?.of_shares()?;
            let rows = arrays::rows(X, "X")?;
            let $scores = scores($py, &rows, &model, Columns::Responsibilities, $wanted, n_jobs)?;
            $result
        }
    };
}

scoring_function!(
    /// log p(x) of each row, shape (n,).
    score_samples, Wanted::LOG_LIKELIHOODS, |py, scores| Ok(scores.0)
);
scoring_function!(
    /// Responsibilities, shape (n, k).
    predict_proba, Wanted::COMPONENTS, |py, scores| Ok(scores.1)
);
scoring_function!(
    /// The most probable component of each row, shape (n,), int64.
    predict, Wanted::LABELS, |py, scores| Ok(scores.2)
);
scoring_function!(
    /// log p(x) of each row and the responsibilities: ((n,), (n, k)).
    expectation, Wanted::EXPECTATION,
    |py, scores| Ok((scores.0, scores.1).into_pyobject(py)?.into_any())
);

/// Folds the rows into sufficient statistics: an E-step without the M-step.
///
/// ``check_finite=False`` leaves out the search for NaN and infinity, for rows already searched.
#[pyfunction]
#[pyo3(signature = (
    X, weights, means, precisions_cholesky, covariance_type,
    sample_weight=None, n_jobs=None, check_finite=true
))]
#[allow(non_snake_case, clippy::too_many_arguments)]
fn statistics<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    weights: &Bound<'py, PyAny>,
    means: &Bound<'py, PyAny>,
    precisions_cholesky: &Bound<'py, PyAny>,
    covariance_type: &str,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
    check_finite: bool,
) -> PyResult<PyMixtureStatistics> {
    let model = Model::extract(Some(weights), means, precisions_cholesky, covariance_type, n_jobs)?
        .of_shares()?;
    let borrowed = arrays::rows(X, "X")?;
    let rows = borrowed.rows();
    model.check_features(&rows)?;
    let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
    let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
    let model = &model.0;
    let folded = enter(py, 2.0 * work(&rows, model), n_jobs, None, |context| {
        let rows = rows.reborrow();
        let sample = &match check_finite {
            true => Sample::new(context, rows, sample_weight)?,
            false => Sample::of_finite(context, rows, sample_weight)?,
        };
        let folded = mixture::statistics(context, sample, &[model], Responsibilities::Model)?;
        in_unit(folded, sample)
    })?;
    single(folded)
}

/// Folds the rows with given responsibilities, shape (n, k), into sufficient statistics.
#[pyfunction]
#[pyo3(signature = (X, resp, covariance_type, sample_weight=None, n_jobs=None))]
#[allow(non_snake_case)]
fn statistics_from_responsibilities<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    resp: &Bound<'py, PyAny>,
    covariance_type: &str,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
) -> PyResult<PyMixtureStatistics> {
    let geometry = constraint(covariance_type)?.geometry();
    let borrowed = arrays::rows(X, "X")?;
    let rows = borrowed.rows();
    let resp = arrays::rows(resp, "responsibilities")?;
    let converted;
    let resp = match resp.rows() {
        Rows::F64(view) => view,
        Rows::F32(view) => {
            let values = view.iter().map(|&value| f64::from(value));
            converted = memory::collected(values, "the responsibilities")?;
            ArrayView2::from_shape(view.dim(), &converted)
                .map_err(|error| Error::Bug(error.to_string()))?
        }
    };
    let (name, found) = ("responsibilities", resp.shape().to_vec());
    if resp.nrows() != rows.n_rows() || resp.ncols() == 0 {
        let expected = format!("({}, n_components), one row per row of X", rows.n_rows());
        return Err(Error::Shape { name, expected, found }.into());
    }
    let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
    let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
    let d = rows.n_columns() as f64;
    let work = rows.n_rows() as f64 * resp.ncols() as f64 * d * (1.0 + d / 8.0);
    let folded = enter(py, work, n_jobs, None, |context| {
        let sample = &Sample::new(context, rows.reborrow(), sample_weight)?;
        context.fold(&Partition::of_rows(resp.nrows(), resp.ncols()), |range| {
            let first = range.start;
            let part = resp.slice(s![range, ..]);
            let bad = part.indexed_iter().find(|(_, r)| !(r.is_finite() && **r >= 0.0));
            bad.map_or(Ok(()), |((row, column), r)| {
                let row = first + row;
                let message = format!(
                    "must be finite and not negative, found {r:?} at row {row}, column {column}"
                );
                Err(Error::InvalidArgument { name, message })
            })
        })?;
        let resp = resp.reborrow();
        let folded = mixture::statistics_of_responsibilities(context, sample, geometry, resp)?;
        in_unit(vec![folded], sample)
    })?;
    single(folded)
}

fn single(mut folded: Vec<MixtureStatistics>) -> PyResult<PyMixtureStatistics> {
    let bug = || Error::Bug("a pass over one model gave no statistics".into());
    PyMixtureStatistics::checked(folded.pop().ok_or_else(bug)?)
}

/// Statistics of the weights as the user gave them; what leaves the range in that unit only is
/// their fault.
fn in_unit(
    folded: Vec<MixtureStatistics>,
    sample: &Sample<'_>,
) -> Result<Vec<MixtureStatistics>, Error> {
    let scaled = |statistics: MixtureStatistics| {
        let fault = |how: &str| Error::InvalidArgument {
            name: "sample_weight",
            message: format!("weighted sums {how} the range of float64; scale the weights"),
        };
        statistics.check_finite()?;
        if statistics.underflows(sample.exponent()) {
            return Err(fault("fall below"));
        }
        let statistics = statistics.times_power(sample.exponent());
        statistics.check_finite().map_err(|_| fault("exceed"))?;
        Ok(statistics)
    };
    folded.into_iter().map(scaled).collect()
}

/// Maximum-likelihood estimates (nk, means, covariances) from statistics; of the freest covariances
/// that lie as these do if no type is named.
#[pyfunction]
#[pyo3(signature = (statistics, reg_covar, covariance_type=None))]
fn moments<'py>(
    py: Python<'py>,
    statistics: &PyMixtureStatistics,
    reg_covar: f64,
    covariance_type: Option<&str>,
) -> PyResult<(Bound<'py, PyArray1<f64>>, ArrayOut<'py>, ArrayOut<'py>)> {
    let own = statistics.0.geometry().unwrap_or(Geometry::Full).name();
    let constraint = constraint(covariance_type.unwrap_or(own))?;
    let estimates = enter(py, statistics.work(), None, None, |context| {
        mixture::estimate(&statistics.0, constraint, reg_covar, context.stop())
    })?;
    let (k, d) = (estimates.counts.len(), estimates.n_features());
    let shape = estimates.geometry.shape(k, d);
    let counts = NewArray::of(py, k, &estimates.counts)?;
    Ok((counts, array(py, &[k, d], &estimates.means)?, array(py, &shape, &estimates.covariances)?))
}

/// A factorisation of a stack of matrices: context, geometry, values, number of features.
type Factorisation = fn(&Context, Geometry, &[f64], usize) -> Result<Vec<f64>, Error>;

/// Applies a factorisation to parameters of the geometry's shape.
fn factorise<'py>(
    matrices: &Bound<'py, PyAny>,
    name: &'static str,
    covariance_type: &str,
    factor: Factorisation,
) -> PyResult<ArrayOut<'py>> {
    let py = matrices.py();
    let geometry = constraint(covariance_type)?.geometry();
    let values = arrays::parameter::<IxDyn>(matrices, name)?;
    let shape = values.shape().to_vec();
    let (k, d) = geometry.sizes(&shape).unwrap_or_default();
    check_shape(name, geometry, k, d, &shape)?;
    let values = values.into_raw_vec_and_offset().0;
    let work = (values.len() * d) as f64;
    let factors = enter(py, work, None, None, |context| factor(context, geometry, &values, d))?;
    array(py, &shape, &factors)
}

/// Upper-triangular U with U Uᵀ = Σ⁻¹ (for diagonal families 1/σ) of covariances.
#[pyfunction]
fn precisions_cholesky<'py>(
    covariances: &Bound<'py, PyAny>,
    covariance_type: &str,
) -> PyResult<ArrayOut<'py>> {
    factorise(covariances, "covariances", covariance_type, mixture::precisions_cholesky)
}

/// Upper-triangular U with U Uᵀ = P of precisions P.
#[pyfunction]
fn precisions_cholesky_from_precisions<'py>(
    precisions: &Bound<'py, PyAny>,
    covariance_type: &str,
) -> PyResult<ArrayOut<'py>> {
    factorise(
        precisions,
        "precisions",
        covariance_type,
        mixture::precisions_cholesky_from_precisions,
    )
}

/// Precisions U Uᵀ from their Cholesky factors.
#[pyfunction]
fn precisions<'py>(
    precisions_cholesky: &Bound<'py, PyAny>,
    covariance_type: &str,
) -> PyResult<ArrayOut<'py>> {
    factorise(precisions_cholesky, "precisions_cholesky", covariance_type, mixture::precisions)
}

/// The smallest eigenvalue of a symmetric matrix, by LAPACK.
#[pyfunction]
fn smallest_eigenvalue(matrix: &Bound<'_, PyAny>) -> PyResult<f64> {
    Ok(linalg::smallest_eigenvalue(square(matrix)?.view())?)
}

/// The lower triangular Cholesky factor of a positive definite matrix, the same bits on every machine.
#[pyfunction]
fn cholesky<'py>(matrix: &Bound<'py, PyAny>) -> PyResult<ArrayOut<'py>> {
    let py = matrix.py();
    let matrix = square(matrix)?;
    let d = matrix.nrows();
    let values = matrix.into_raw_vec_and_offset().0;
    let factor = enter(py, (d * d * d) as f64, None, None, |context| {
        linalg::cholesky(&values, d, context.stop())
    })?;
    array(py, &[d, d], &factor)
}

fn square(matrix: &Bound<'_, PyAny>) -> PyResult<Array2<f64>> {
    let matrix = arrays::matrix(matrix, "matrix")?;
    if matrix.nrows() != matrix.ncols() || matrix.is_empty() {
        let (name, found) = ("matrix", matrix.shape().to_vec());
        return Err(Error::Shape { name, expected: "a square matrix".into(), found }.into());
    }
    Ok(matrix)
}

/// Statistics to start from, one per seed; all starts share each pass over the rows.
#[pyfunction]
#[pyo3(signature = (X, n_components, covariance_type, method, seeds, sample_weight=None, n_jobs=None))]
#[allow(non_snake_case, clippy::too_many_arguments)]
fn initial_statistics<'py>(
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
    let size = rows.n_rows() as f64 * rows.n_columns() as f64 * n_components as f64;
    let statistics = enter(py, 10.0 * size * seeds.len() as f64, n_jobs, None, |context| {
        let sample = &Sample::new(context, rows.reborrow(), sample_weight)?;
        let statistics =
            mixture::initial_statistics(context, sample, n_components, geometry, method, &seeds)?;
        in_unit(statistics, sample)
    })?;
    statistics.into_iter().map(PyMixtureStatistics::checked).collect()
}

/// Runs EM from every start; all starts share each pass over the rows.
#[pyfunction]
#[pyo3(signature = (
    X, starts, covariance_type, tol, reg_covar, max_iter,
    sample_weight=None, n_jobs=None, lower_bounds=None, callback=None
))]
#[allow(non_snake_case, clippy::too_many_arguments)]
fn em<'py>(
    py: Python<'py>,
    X: &Bound<'py, PyAny>,
    starts: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    covariance_type: &str,
    tol: f64,
    reg_covar: f64,
    max_iter: usize,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_jobs: Option<isize>,
    lower_bounds: Option<Vec<f64>>,
    callback: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let borrowed = arrays::rows(X, "X")?;
    let rows = borrowed.rows();
    let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
    let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
    let mut models = Vec::with_capacity(starts.len());
    for (weights, means, factors) in &starts {
        let model = Model::extract(Some(weights), means, factors, covariance_type, n_jobs)?;
        model.check_features(&rows)?;
        if let Some(first) =
            models.first().filter(|m: &&Mixture| m.n_components() != model.0.n_components())
        {
            let expected =
                format!("{} components in every start, as in the first", first.n_components());
            let found = vec![model.0.n_components()];
            return Err(Error::Shape { name: "starts", expected, found }.into());
        }
        models.push(model.0);
    }
    let previous = lower_bounds.unwrap_or_else(|| vec![f64::NEG_INFINITY; models.len()]);
    if previous.len() != models.len() {
        let (expected, found) =
            (format!("({},), one per start", models.len()), vec![previous.len()]);
        return Err(Error::Shape { name: "lower_bounds", expected, found }.into());
    }
    let model = MaximumLikelihood { constraint: constraint(covariance_type)?, reg_covar };
    let options = Options { tolerance: tol, max_iter };
    let work = models.iter().map(|model| 2.0 * max_iter as f64 * work(&rows, model)).sum();
    let fits = enter(py, work, n_jobs, callback, |context| {
        let sample = &Sample::new(context, rows.reborrow(), sample_weight)?;
        mixture::em(context, sample, Em::new(model, models, &previous, options))
    })?;
    fits.into_iter().map(|fit| fit_to_dict(py, fit)).collect()
}

fn fit_to_dict<'py>(py: Python<'py>, fit: mixture::Fit) -> PyResult<Bound<'py, PyDict>> {
    let parameters = fit.mixture;
    let (k, d) = (parameters.n_components(), parameters.n_features());
    let shape = parameters.geometry().shape(k, d);
    let result = PyDict::new(py);
    result.set_item("weights", array(py, &[k], parameters.weights())?)?;
    result.set_item("means", array(py, &[k, d], parameters.means())?)?;
    result.set_item("covariances", array(py, &shape, &fit.estimates.covariances)?)?;
    result.set_item("precisions_cholesky", array(py, &shape, parameters.precisions_cholesky())?)?;
    result.set_item("converged", fit.converged)?;
    result.set_item("n_iter", fit.lower_bounds.len())?;
    let bounds = NewArray::<_, Ix1>::of(py, fit.lower_bounds.len(), &fit.lower_bounds)?;
    result.set_item("lower_bounds", bounds)?;
    Ok(result)
}

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyMixtureStatistics>()?;
    module.add_function(wrap_pyfunction!(log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(score_samples, module)?)?;
    module.add_function(wrap_pyfunction!(predict_proba, module)?)?;
    module.add_function(wrap_pyfunction!(predict, module)?)?;
    module.add_function(wrap_pyfunction!(expectation, module)?)?;
    module.add_function(wrap_pyfunction!(statistics, module)?)?;
    module.add_function(wrap_pyfunction!(statistics_from_responsibilities, module)?)?;
    module.add_function(wrap_pyfunction!(moments, module)?)?;
    module.add_function(wrap_pyfunction!(precisions_cholesky, module)?)?;
    module.add_function(wrap_pyfunction!(precisions_cholesky_from_precisions, module)?)?;
    module.add_function(wrap_pyfunction!(precisions, module)?)?;
    module.add_function(wrap_pyfunction!(smallest_eigenvalue, module)?)?;
    module.add_function(wrap_pyfunction!(cholesky, module)?)?;
    module.add_function(wrap_pyfunction!(initial_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(em, module)?)
}
