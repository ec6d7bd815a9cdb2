//! A mixture for Python: a value whose methods are the kernels.

use std::sync::Arc;

use ndarray::{Array2, ArrayView, Ix1, Ix2, IxDyn};
use numpy::{PyArray1, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::model::{
    PosteriorOut, PosteriorParts, read_posterior, same_posterior, weights_follow, write_posterior,
};
use super::statistics::{PyMixtureStatistics, in_unit, single};
use super::{ArrayOut, array, check_shape};
use crate::error::Error;
use crate::fold::{RowsMut, Stop};
use crate::memory;
use crate::mixture::{
    self, Columns, Constraint, Geometry, Mixture, Outputs, Posterior, Responsibilities, Sample,
    constraint,
};
use crate::python::arrays::{self, BorrowedFloats, BorrowedRows, NewArray};
use crate::python::enter::enter;
use crate::rows::Rows;

/// A Gaussian mixture: weights, means and factors of the precisions, checked once.
#[pyclass(name = "Mixture", module = "foldstat._core", frozen)]
pub struct PyMixture {
    pub(super) mixture: Arc<Mixture>,
    pub(super) constraint: &'static dyn Constraint,
}

#[pymethods]
impl PyMixture {
    /// Without weights, components share equally. With a ``posterior`` the parameters have a distribution, of which
    /// means and factors are the means, and the weights follow: (concentration, those that are left or None,
    /// mean_precision, degrees_of_freedom).
    #[new]
    #[pyo3(signature = (
        weights, means, precisions_cholesky, covariance_type, n_jobs=None, posterior=None
    ))]
    fn new(
        weights: Option<&Bound<'_, PyAny>>,
        means: &Bound<'_, PyAny>,
        precisions_cholesky: &Bound<'_, PyAny>,
        covariance_type: &str,
        n_jobs: Option<isize>,
        posterior: Option<PosteriorParts<'_>>,
    ) -> PyResult<Self> {
        let py = means.py();
        let constraint = constraint(covariance_type)?;
        let geometry = constraint.geometry();
        let means: Array2<f64> = arrays::matrix(means, "means")?;
        let (k, d) = means.dim();
        let shares = Shares::read(weights, posterior, k)?;
        let name = "precisions_cholesky";
        let factors = arrays::parameter::<IxDyn>(precisions_cholesky, name)?;
        check_shape(name, geometry, k, d, factors.shape())?;
        let means = means.into_raw_vec_and_offset().0;
        let factors = factors.into_raw_vec_and_offset().0;
        let work = checking_work(geometry, d, &factors);
        let mixture = if work < UNNOTICED_NANOSECONDS {
            shares.mixture(geometry, d, means, factors, &Stop::default())?
        } else {
            enter(py, work, n_jobs, None, |context| {
                shares.mixture(geometry, d, means, factors, context.stop())
            })?
        };
        Ok(Self { mixture: Arc::new(mixture), constraint })
    }

    /// The name of what the covariances may be.
    #[getter]
    fn covariance_type(&self) -> &'static str {
        self.constraint.name()
    }
    /// Number of components.
    #[getter]
    fn n_components(&self) -> usize {
        self.mixture.n_components()
    }
    /// Number of features.
    #[getter]
    fn n_features(&self) -> usize {
        self.mixture.n_features()
    }
    /// Number of free parameters: of weights, means and covariances.
    #[getter]
    fn n_parameters(&self) -> usize {
        let (k, d) = (self.n_components(), self.n_features());
        k - 1 + k * d + self.constraint.n_parameters(k, d)
    }
    /// Weights of the components, shape (n_components,).
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        NewArray::of(py, self.n_components(), self.mixture.weights())
    }
    /// Means of the components, shape (n_components, n_features).
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        array(py, &[self.n_components(), self.n_features()], self.mixture.means())
    }
    /// Factors of the precisions, upper triangular if they are matrices, in the shape of the covariances.
    #[getter]
    fn precisions_cholesky<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        array(py, &self.shape(), self.mixture.precisions_cholesky())
    }
    /// Inverses of the covariances.
    #[getter]
    fn precisions<'py>(&self, py: Python<'py>) -> PyResult<ArrayOut<'py>> {
        let (mixture, d) = (&self.mixture, self.n_features());
        let factors = mixture.precisions_cholesky();
        let precisions = enter(py, (factors.len() * d) as f64, None, None, |context| {
            mixture::precisions(context, mixture.geometry(), factors, d)
        })?;
        array(py, &self.shape(), &precisions)
    }

    /// The distribution of the parameters, if they have one: (concentration, those that are left or None,
    /// mean_precision, degrees_of_freedom).
    #[getter]
    fn posterior<'py>(&self, py: Python<'py>) -> PyResult<Option<PosteriorOut<'py>>> {
        self.mixture.posterior().map(|posterior| write_posterior(py, posterior)).transpose()
    }
    /// What a distribution of the parameters makes of log wₖ and of log N(x | μₖ, Σₖ): E[log πₖ], and what is added to
    /// the other.
    #[getter]
    fn expected_logs<'py>(&self, py: Python<'py>) -> PyResult<Option<ExpectedLogs<'py>>> {
        let Some(posterior) = self.mixture.posterior() else { return Ok(None) };
        let (k, d) = (self.n_components(), self.n_features());
        let weights = NewArray::of(py, k, &posterior.concentration.log_weights()?)?;
        Ok(Some((weights, NewArray::of(py, k, &posterior.offsets(d, &Stop::default())?)?)))
    }

    /// The mixtures of some of the features: one for each array of their numbers, in that order.
    #[pyo3(signature = (features, n_jobs=None))]
    fn marginals(
        &self,
        py: Python<'_>,
        features: Vec<Vec<usize>>,
        n_jobs: Option<isize>,
    ) -> PyResult<Vec<Self>> {
        let (mixture, d) = (&self.mixture, self.n_features());
        if let Some(wrong) =
            features.iter().find(|some| some.is_empty() || some.iter().any(|&j| j >= d))
        {
            let message = format!("must be numbers below {d}, at least one, found {wrong:?}");
            return Err(Error::InvalidArgument { name: "features", message }.into());
        }
        if mixture.posterior().is_some() {
            let message =
                "must be all: of a distribution of the parameters there is no part".into();
            return Err(Error::InvalidArgument { name: "features", message }.into());
        }
        let work = (features.len() + 1) as f64 * (mixture.precisions_cholesky().len() * d) as f64;
        let found =
            enter(py, work, n_jobs, None, |context| mixture.marginals(&features, context.stop()))?;
        let of = |mixture| Self { mixture: Arc::new(mixture), constraint: self.constraint };
        Ok(found.into_iter().map(of).collect())
    }

    /// Whether these are the numbers that it was made of; weights are not looked at where there is a posterior.
    #[pyo3(signature = (weights, means, precisions_cholesky, covariance_type, posterior=None))]
    fn holds(
        &self,
        weights: &Bound<'_, PyAny>,
        means: &Bound<'_, PyAny>,
        precisions_cholesky: &Bound<'_, PyAny>,
        covariance_type: &str,
        posterior: Option<PosteriorParts<'_>>,
    ) -> bool {
        let (k, d) = (self.n_components(), self.n_features());
        let shares = match (&posterior, self.mixture.posterior()) {
            (None, None) => same(weights, &[k], self.mixture.weights()),
            (Some(parts), Some(posterior)) => same_posterior(parts, posterior, |array, values| {
                same(array, &[values.len()], values)
            }),
            _ => false,
        };
        shares
            && self.constraint.name() == covariance_type
            && same(means, &[k, d], self.mixture.means())
            && same(precisions_cholesky, &self.shape(), self.mixture.precisions_cholesky())
    }

    /// log N(x | μₖ, Σₖ), shape (n, k); not weighted.
    #[pyo3(signature = (X, n_jobs=None))]
    #[allow(non_snake_case)]
    fn log_prob<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        n_jobs: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rows = arrays::rows(X, "X")?;
        let wanted = (Columns::LogDensities, Wanted::COMPONENTS);
        Ok(scores(py, &rows, &self.mixture, wanted, n_jobs, true)?.1)
    }

    /// log p(x) of each row, shape (n,).
    #[pyo3(signature = (X, n_jobs=None))]
    #[allow(non_snake_case)]
    fn score_samples<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        n_jobs: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.scores(py, X, Wanted::LOG_LIKELIHOODS, n_jobs, true)?.0)
    }

    /// Responsibilities, shape (n, k).
    #[pyo3(signature = (X, n_jobs=None))]
    #[allow(non_snake_case)]
    fn predict_proba<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        n_jobs: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.scores(py, X, Wanted::COMPONENTS, n_jobs, true)?.1)
    }

    /// The most probable component of each row, shape (n,), int64.
    ///
    /// ``check_finite=False`` leaves out the search for NaN and infinity, for rows already searched.
    #[pyo3(signature = (X, n_jobs=None, check_finite=true))]
    #[allow(non_snake_case)]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        n_jobs: Option<isize>,
        check_finite: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.scores(py, X, Wanted::LABELS, n_jobs, check_finite)?.2)
    }

    /// log p(x) of each row and the responsibilities: ((n,), (n, k)).
    #[pyo3(signature = (X, n_jobs=None))]
    #[allow(non_snake_case)]
    fn expectation<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        n_jobs: Option<isize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (log_likelihoods, components, _) =
            self.scores(py, X, Wanted::EXPECTATION, n_jobs, true)?;
        Ok((log_likelihoods, components))
    }

    /// Folds the rows into sufficient statistics: an E-step without the M-step.
    ///
    /// ``check_finite=False`` leaves out the search for NaN and infinity, for rows already searched.
    #[pyo3(signature = (X, sample_weight=None, n_jobs=None, check_finite=true))]
    #[allow(non_snake_case)]
    fn statistics<'py>(
        &self,
        py: Python<'py>,
        X: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_jobs: Option<isize>,
        check_finite: bool,
    ) -> PyResult<PyMixtureStatistics> {
        let mixture = self.of_shares()?;
        let borrowed = arrays::rows(X, "X")?;
        let rows = borrowed.rows();
        check_features(&rows, mixture)?;
        let sample_weight = arrays::weights(sample_weight, "sample_weight", rows.n_rows())?;
        let sample_weight = sample_weight.as_ref().map(|weights| weights.values());
        let folded = enter(py, 2.0 * work(&rows, mixture), n_jobs, None, |context| {
            let rows = rows.reborrow();
            let sample = &match check_finite {
                true => Sample::new(context, rows, sample_weight)?,
                false => Sample::of_finite(rows, sample_weight)?,
            };
            let model = Responsibilities::Model;
            let folded = mixture::statistics(context, sample, &[mixture], model)?;
            in_unit(folded, sample)
        })?;
        single(folded)
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, this) = (slf.py(), slf.get());
        let (means, factors) = (this.means(py)?, this.precisions_cholesky(py)?);
        let name = this.constraint.name();
        let parts = match this.posterior(py)? {
            None => (this.weights(py)?, means, factors, name).into_pyobject(py)?,
            Some(posterior) => {
                (py.None(), means, factors, name, py.None(), posterior).into_pyobject(py)?
            }
        };
        Ok((slf.get_type().into_any(), parts))
    }

    fn __repr__(&self) -> String {
        let (k, d) = (self.n_components(), self.n_features());
        format!("<Mixture of {k} '{}' components in {d} features>", self.constraint.name())
    }
}

/// Of the weights, and what is added to log-densities.
type ExpectedLogs<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// What the components of a mixture share: the weights, or a distribution that says which.
enum Shares {
    Weights(Vec<f64>),
    Posterior(Posterior),
}

impl Shares {
    fn read(
        weights: Option<&Bound<'_, PyAny>>,
        posterior: Option<PosteriorParts<'_>>,
        k: usize,
    ) -> PyResult<Self> {
        let (shares, name, found) = match (weights, posterior) {
            (Some(_), Some(_)) => return Err(weights_follow().into()),
            (None, Some(parts)) => {
                let posterior = read_posterior(parts)?;
                let found = posterior.concentration.n_components();
                (Self::Posterior(posterior), "weight_concentration", found)
            }
            (Some(weights), None) => {
                let weights = arrays::vector(weights, "weights")?.into_raw_vec_and_offset().0;
                let found = weights.len();
                (Self::Weights(weights), "weights", found)
            }
            (None, None) => {
                (Self::Weights(memory::filled(k, 1.0 / k as f64, "the weights")?), "weights", k)
            }
        };
        if found == k {
            return Ok(shares);
        }
        let expected = format!("({k},), one per row of means");
        Err(Error::Shape { name, expected, found: vec![found] }.into())
    }

    fn mixture(
        self,
        geometry: Geometry,
        d: usize,
        means: Vec<f64>,
        factors: Vec<f64>,
        stop: &Stop,
    ) -> Result<Mixture, Error> {
        match self {
            Self::Weights(weights) => Mixture::new(geometry, d, weights, means, factors, stop),
            Self::Posterior(posterior) => {
                Mixture::of_posterior(geometry, d, posterior, means, factors, stop)
            }
        }
    }
}

impl PyMixture {
    fn shape(&self) -> Vec<usize> {
        self.mixture.geometry().shape(self.n_components(), self.n_features())
    }

    /// The mixture, whose weights must add up to 1, as far as those do that went through float32.
    fn of_shares(&self) -> Result<&Mixture, Error> {
        let sum: f64 = self.mixture.weights().iter().sum();
        if (sum - 1.0).abs() <= 1e-6 {
            return Ok(&self.mixture);
        }
        let message = format!("must sum to 1, found weights that sum to {sum:?}");
        Err(Error::InvalidArgument { name: "weights", message })
    }

    fn scores<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyAny>,
        wanted: Wanted,
        n_jobs: Option<isize>,
        check_finite: bool,
    ) -> PyResult<Scores<'py>> {
        let mixture = self.of_shares()?;
        let rows = arrays::rows(rows, "X")?;
        scores(py, &rows, mixture, (Columns::Responsibilities, wanted), n_jobs, check_finite)
    }
}

/// Whether an array has this shape and these values.
fn same(array: &Bound<'_, PyAny>, shape: &[usize], values: &[f64]) -> bool {
    let Ok(expected) = ArrayView::from_shape(shape, values) else { return false };
    if array.cast_exact::<PyUntypedArray>().is_err() {
        return false; // a mask would not be seen
    }
    match arrays::floats(array, "an array", shape.len()) {
        Ok(BorrowedFloats::F64(array)) => array.view::<IxDyn>() == expected,
        Ok(BorrowedFloats::F32(array)) => {
            let array = array.view::<IxDyn>();
            array.shape() == shape
                && array.iter().zip(expected).all(|(&found, &value)| f64::from(found) == value)
        }
        Err(_) => false,
    }
}

/// Checks that rows have as many columns as the model has features.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if they have not.
pub(super) fn check_features(rows: &Rows<'_>, model: &Mixture) -> Result<(), Error> {
    let n_features = model.n_features();
    if rows.n_columns() == n_features {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        name: "X",
        message: format!("has {} features, but the model has {n_features}", rows.n_columns()),
    })
}

/// Checking factors for less time than this is not worth a door: one row is scored meanwhile.
const UNNOTICED_NANOSECONDS: f64 = 5e4;

/// A rough time in nanoseconds to check factors, of which those that are not triangular are turned.
pub(in crate::python) fn checking_work(geometry: Geometry, d: usize, factors: &[f64]) -> f64 {
    let zero = |(i, row): (usize, &[f64])| row[..i].iter().all(|value| *value == 0.0);
    let triangular = |factor: &[f64]| factor.chunks_exact(d).enumerate().all(zero);
    if geometry.is_matrix() && !factors.chunks_exact((d * d).max(1)).all(triangular) {
        factors.len() as f64 * d as f64
    } else {
        factors.len() as f64
    }
}

/// A rough time in nanoseconds, to decide between the calling thread and the pool.
pub(super) fn work(rows: &Rows<'_>, model: &Mixture) -> f64 {
    let (k, d) = (model.n_components() as f64, model.n_features() as f64);
    let per_component = match model.geometry() {
        Geometry::Full => d * d / 16.0,
        _ => d / 4.0,
    };
    rows.n_rows() as f64 * k * (2.0 + per_component)
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
    model: &Mixture,
    (columns, wanted): (Columns, Wanted),
    n_jobs: Option<isize>,
    check_finite: bool,
) -> PyResult<Scores<'py>> {
    let rows = borrowed.rows();
    check_features(&rows, model)?;
    let (n, k) = (rows.n_rows(), model.n_components());
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
    enter(py, work(&rows, model), n_jobs, None, |context| {
        if check_finite {
            rows.check_finite("X", context)?;
        }
        mixture::score(context, rows, model, columns, outputs)
    })?;
    let none = || py.None().into_bound(py);
    Ok((
        log_likelihoods.map_or_else(none, |out| out.finish().into_any()),
        components.map_or_else(none, |out| out.finish().into_any()),
        labels.map_or_else(none, |out| out.finish().into_any()),
    ))
}
