//! Sufficient statistics for Python: the monoid, and what makes it.

use std::sync::OnceLock;

use ndarray::{ArrayView2, s};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{ArrayOut, array};
use crate::error::Error;
use crate::fold::{Fold, Leaves, Partition};
use crate::memory;
use crate::mixture::{self, Counted, Geometry, MixtureStatistics, Sample, constraint};
use crate::python::arrays::{self, NewArray, Reduced, reduced};
use crate::python::enter::enter;
use crate::rows::Rows;

/// Sufficient statistics of a Gaussian mixture, a monoid: ``a + b`` merges, ``MixtureStatistics()`` is the identity.
///
/// Those made with ``first_row`` or ``piece`` know which rows they stand for: they may be added in any order, to the
/// same bits; what is there twice is a ValueError then, and what is missing one when they are read.
#[pyclass(name = "MixtureStatistics", module = "foldstat._core", frozen)]
pub struct PyMixtureStatistics {
    counted: Counted,
    /// What the parts amount to, once somebody has asked.
    whole: OnceLock<MixtureStatistics>,
}

#[pymethods]
impl PyMixtureStatistics {
    #[new]
    fn new() -> Self {
        Self::of(Counted::default())
    }

    /// The covariance family, or None for the identity.
    #[getter]
    fn covariance_type(&self) -> Option<&'static str> {
        self.geometry().map(Geometry::name)
    }
    /// Number of components; 0 for the identity.
    #[getter]
    fn n_components(&self) -> usize {
        self.counted.sample().map_or(0, MixtureStatistics::n_components)
    }
    /// Number of features; 0 for the identity.
    #[getter]
    fn n_features(&self) -> usize {
        self.features()
    }
    /// First and end of the rows it stands for, or of the pieces; None where nobody numbered them.
    #[getter]
    fn span(&self) -> Option<(u64, u64)> {
        self.counted.span().map(|rows| (rows.start, rows.end))
    }
    /// Number of rows of positive weight.
    #[getter]
    fn n_rows(&self) -> PyResult<u64> {
        Ok(self.value()?.n_rows())
    }
    /// Σw: the number of rows where unweighted.
    #[getter]
    fn total_weight(&self) -> PyResult<f64> {
        Ok(self.value()?.total_weight())
    }
    /// Σ w log p(x) under the model that gave the responsibilities.
    #[getter]
    fn log_likelihood(&self) -> PyResult<f64> {
        Ok(self.value()?.log_likelihood())
    }
    /// Σ w r of each component, shape (n_components,).
    #[getter]
    fn responsibility_sums<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        NewArray::of(py, self.n_components(), self.value()?.counts())
    }
    /// Σ w r x / Σ w r of each component, shape (n_components, n_features).
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        array(py, &[self.n_components(), self.n_features()], &self.value()?.means()?)
    }
    /// Σ w r (x−m)(x−m)ᵀ about ``means``, in the shape of the family's covariances.
    #[getter]
    fn scatter<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        let value = self.value()?;
        let shape = match self.geometry() {
            Some(geometry) => geometry.shape(self.n_components(), self.n_features()),
            None => vec![0],
        };
        let scatter = enter(py, self.work(), None, None, |context| value.scatter(context.stop()));
        array(py, &shape, &scatter?)
    }

    fn __add__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let merged = enter(py, self.work(), None, None, |context| {
            let mut merged = self.counted.copied()?;
            merged.add(&other.counted, context.stop())?;
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
        self.counted == other.counted
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.span().hash(&mut hasher);
        self.counted.parts().for_each(|part| part.hash(&mut hasher));
        hasher.finish()
    }

    /// Versioned bytes that ``from_bytes`` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.counted.to_bytes()?)
    }

    /// Reads what ``to_bytes`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        Ok(Self::of(Counted::from_bytes(data)?))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(self.to_bytes(py)?)
    }

    fn __copy__(&self) -> PyResult<Self> {
        Ok(Self::of(self.counted.copied()?))
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.__copy__()
    }

    fn __repr__(&self) -> String {
        let Some(family) = self.covariance_type() else { return "MixtureStatistics()".to_owned() };
        let (k, d) = (self.n_components(), self.n_features());
        let what = format!("<MixtureStatistics of {k} '{family}' components in {d} features");
        let rows = match &self.counted {
            Counted::Loose(_) => String::new(),
            Counted::Placed(fold) => format!(", {}", described(fold)),
        };
        match self.value() {
            Ok(value) => format!(
                "{what}{rows}, total weight {}, log-likelihood {}>",
                value.total_weight(),
                value.log_likelihood()
            ),
            Err(_) => format!("{what}{rows}>"),
        }
    }
}

/// "rows 0..4096", "rows 4096..8192, without those before".
fn described(fold: &Fold<MixtureStatistics>) -> String {
    let what = if fold.leaves() == Leaves::Pieces { "pieces" } else { "rows" };
    let rows = fold.span().unwrap_or(0..0);
    let gap = fold.gap().map(|gap| format!(" ({}..{} are missing)", gap.start, gap.end));
    format!("{what} {}..{}{}", rows.start, rows.end, gap.unwrap_or_default())
}

impl PyMixtureStatistics {
    pub(super) fn of(counted: Counted) -> Self {
        Self { counted, whole: OnceLock::new() }
    }

    /// Statistics whose sums did not overflow: whatever Python gets can be read, written and merged.
    pub(super) fn checked(counted: Counted) -> PyResult<Self> {
        counted.parts().try_for_each(MixtureStatistics::check_finite)?;
        Ok(Self::of(counted))
    }

    /// What was counted in all.
    pub(super) fn value(&self) -> Result<&MixtureStatistics, Error> {
        if let Counted::Loose(statistics) = &self.counted {
            return Ok(statistics);
        }
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let whole = self.counted.whole()?;
        whole.check_finite()?;
        Ok(self.whole.get_or_init(|| whole))
    }

    pub(super) fn features(&self) -> usize {
        self.counted.sample().map_or(0, MixtureStatistics::n_features)
    }

    /// What was counted, as it travels.
    pub(super) fn counted(&self) -> &Counted {
        &self.counted
    }

    fn geometry(&self) -> Option<Geometry> {
        self.counted.sample().and_then(MixtureStatistics::geometry)
    }

    /// A rough time in nanoseconds to go through all moments.
    pub(super) fn work(&self) -> f64 {
        let (k, d) = (self.n_components(), self.n_features());
        let values = |geometry: Geometry| geometry.shape(k, d).into_iter().map(|n| n as f64);
        let parts = self.counted.parts().count() as f64;
        4.0 * parts * self.geometry().map_or(0.0, |geometry| values(geometry).product())
    }
}

/// Statistics of the same rows that weigh ``factor`` times as much.
#[pyfunction]
pub(super) fn scaled_statistics(
    statistics: &PyMixtureStatistics,
    factor: f64,
) -> PyResult<PyMixtureStatistics> {
    let scaled = statistics.value()?.copied()?.times(factor);
    PyMixtureStatistics::checked(Counted::Loose(scaled))
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
    PyMixtureStatistics::checked(Counted::Loose(folded.pop().ok_or_else(bug)?))
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
    folded.into_iter().map(|statistics| in_units(statistics, sample.exponent())).collect()
}

/// Statistics of weights in units of one, which were in units of `2^exponent`.
///
/// # Errors
///
/// As [`in_unit`].
pub(super) fn in_units(
    statistics: MixtureStatistics,
    exponent: i32,
) -> Result<MixtureStatistics, Error> {
    let fault = |how: &str| Error::InvalidArgument {
        name: "sample_weight",
        message: format!("weighted sums {how} the range of float64; scale the weights"),
    };
    statistics.check_finite()?;
    if statistics.underflows(exponent) {
        return Err(fault("fall below"));
    }
    let statistics = statistics.times_power(exponent);
    statistics.check_finite().map_err(|_| fault("exceed"))?;
    Ok(statistics)
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
    let value = statistics.value()?;
    let own = value.geometry().unwrap_or(Geometry::Full).name();
    let constraint = constraint(covariance_type.unwrap_or(own))?;
    let estimates = enter(py, statistics.work(), None, None, |context| {
        mixture::estimate(value, constraint, reg_covar, None, context.stop())
    })?;
    let (k, d) = (estimates.counts.len(), estimates.n_features());
    let shape = estimates.geometry.shape(k, d);
    let counts = NewArray::of(py, k, &estimates.counts)?;
    Ok((counts, array(py, &[k, d], &estimates.means)?, array(py, &shape, &estimates.covariances)?))
}
