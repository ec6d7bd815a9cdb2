//! Sufficient statistics for Python: the monoid, and what makes it.

use ndarray::{ArrayView2, s};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{ArrayOut, array};
use crate::error::Error;
use crate::fold::{Monoid, Partition};
use crate::memory;
use crate::mixture::{self, Geometry, MixtureStatistics, Sample, constraint};
use crate::python::arrays::{self, NewArray, Reduced, reduced};
use crate::python::enter::enter;
use crate::rows::Rows;

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

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(self.to_bytes(py)?)
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
    pub(super) fn checked(statistics: MixtureStatistics) -> PyResult<Self> {
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

/// Folds the rows with given responsibilities, shape (n, k), into sufficient statistics.
#[pyfunction]
#[pyo3(signature = (X, resp, covariance_type, sample_weight=None, n_jobs=None))]
#[allow(non_snake_case)]
pub(super) fn statistics_from_responsibilities<'py>(
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

/// The statistics of a pass over one model.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if sums overflowed.
pub(super) fn single(mut folded: Vec<MixtureStatistics>) -> PyResult<PyMixtureStatistics> {
    let bug = || Error::Bug("a pass over one model gave no statistics".into());
    PyMixtureStatistics::checked(folded.pop().ok_or_else(bug)?)
}

/// Statistics of the weights as the user gave them; what leaves the range in that unit only is
/// their fault.
///
/// # Errors
///
/// [`Error::InvalidArgument`] naming the weights or the rows.
pub(super) fn in_unit(
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
pub(super) fn moments<'py>(
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
