//! What a fit maximises, and distributions of parameters, on their way in and out.

use numpy::PyArray1;
use pyo3::prelude::*;

use crate::error::Error;
use crate::mixture::{
    Bayes, Concentration, Constraint, MaximumLikelihood, MaximumPosterior, Model, Posterior, Prior,
    PriorRows,
};
use crate::python::arrays::{self, NewArray};

/// Whether the weights are those of a Dirichlet process, their concentration, the means' precision and mean, degrees of
/// freedom, and the covariance, as that of one component lies.
type BayesianParts<'py> = (bool, f64, f64, Bound<'py, PyAny>, f64, Bound<'py, PyAny>);

/// Rows that count for a weight, the means' prior and its rows, the covariance's prior, as that of one component lies,
/// and its rows.
type RowsParts<'py> = (f64, Bound<'py, PyAny>, f64, Bound<'py, PyAny>, f64);

/// What is known of the parameters before the rows.
#[derive(FromPyObject)]
pub(super) enum PriorParts<'py> {
    /// The parameters have a distribution.
    Bayesian(BayesianParts<'py>),
    /// They are its mode.
    Rows(RowsParts<'py>),
}

enum Known {
    Nothing,
    Distribution(Prior),
    Rows(PriorRows),
}

/// A concentration for each component, the second numbers of a process (or None), mean precisions, degrees of freedom.
pub(super) type PosteriorParts<'py> =
    (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The same on their way out.
pub(super) type PosteriorOut<'py> = (
    Bound<'py, PyArray1<f64>>,
    Option<Bound<'py, PyArray1<f64>>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);

/// A model without the unit of its rows' weights.
pub(super) struct Settings {
    likelihood: MaximumLikelihood,
    known: Known,
}

impl Settings {
    pub fn new(
        constraint: &'static dyn Constraint,
        reg_covar: f64,
        prior: Option<PriorParts<'_>>,
    ) -> PyResult<Self> {
        let known = match prior {
            None => Known::Nothing,
            Some(PriorParts::Bayesian(parts)) => {
                Known::Distribution(read_prior(constraint, parts)?)
            }
            Some(PriorParts::Rows(parts)) => Known::Rows(read_rows(constraint, parts)?),
        };
        Ok(Self { likelihood: MaximumLikelihood { constraint, reg_covar }, known })
    }

    /// The model itself. The unit of the weights is `2^exponent`.
    pub fn model(self, exponent: i32) -> Box<dyn Model> {
        let Self { likelihood, known } = self;
        let MaximumLikelihood { constraint, reg_covar } = likelihood;
        match known {
            Known::Nothing => Box::new(likelihood),
            Known::Distribution(prior) => {
                Box::new(Bayes { constraint, reg_covar, prior, exponent })
            }
            Known::Rows(prior) => Box::new(MaximumPosterior { likelihood, prior, exponent }),
        }
    }
}

fn read_rows(constraint: &dyn Constraint, parts: RowsParts<'_>) -> PyResult<PriorRows> {
    let (weight_rows, mean, mean_rows, covariance, covariance_rows) = parts;
    let mean = arrays::vector(&mean, "mean_prior")?.into_raw_vec_and_offset().0;
    let covariance = arrays::vector(&covariance, "covariance_prior")?.into_raw_vec_and_offset().0;
    let prior = PriorRows { weight_rows, mean, mean_rows, covariance, covariance_rows };
    prior.check(constraint.geometry())?;
    Ok(prior)
}

fn read_prior(constraint: &dyn Constraint, parts: BayesianParts<'_>) -> PyResult<Prior> {
    let (process, concentration, mean_precision, mean, degrees_of_freedom, covariance) = parts;
    let mean = arrays::vector(&mean, "mean_prior")?.into_raw_vec_and_offset().0;
    let covariance = arrays::vector(&covariance, "covariance_prior")?.into_raw_vec_and_offset().0;
    let prior =
        Prior { process, concentration, mean_precision, mean, degrees_of_freedom, covariance };
    prior.check(constraint.geometry())?;
    Ok(prior)
}

fn read_concentration(
    first: &Bound<'_, PyAny>,
    left: Option<&Bound<'_, PyAny>>,
) -> PyResult<Concentration> {
    let vector = |array: &Bound<'_, PyAny>| -> PyResult<Vec<f64>> {
        Ok(arrays::vector(array, "weight_concentration")?.into_raw_vec_and_offset().0)
    };
    let concentration = match left {
        None => Concentration::Dirichlet(vector(first)?),
        Some(left) => Concentration::Process(vector(first)?, vector(left)?),
    };
    concentration.check()?;
    Ok(concentration)
}

pub(super) fn read_posterior(parts: PosteriorParts<'_>) -> PyResult<Posterior> {
    let (concentration, left, mean_precision, degrees_of_freedom) = parts;
    let vector = |array: &Bound<'_, PyAny>, name| -> PyResult<Vec<f64>> {
        Ok(arrays::vector(array, name)?.into_raw_vec_and_offset().0)
    };
    Ok(Posterior {
        concentration: read_concentration(&concentration, left.as_ref())?,
        mean_precision: vector(&mean_precision, "mean_precision")?,
        degrees_of_freedom: vector(&degrees_of_freedom, "degrees_of_freedom")?,
    })
}

pub(super) fn write_posterior<'py>(
    py: Python<'py>,
    posterior: &Posterior,
) -> PyResult<PosteriorOut<'py>> {
    let array = |values: &[f64]| NewArray::of(py, values.len(), values);
    let (first, left) = match &posterior.concentration {
        Concentration::Dirichlet(numbers) => (numbers, None),
        Concentration::Process(cut, left) => (cut, Some(left)),
    };
    Ok((
        array(first)?,
        left.map(|left| array(left)).transpose()?,
        array(&posterior.mean_precision)?,
        array(&posterior.degrees_of_freedom)?,
    ))
}

/// The weights that are expected where these are the numbers of a Dirichlet distribution, or with those that are
/// ``left`` of a process.
#[pyfunction]
#[pyo3(signature = (concentration, left=None))]
pub(super) fn expected_weights<'py>(
    py: Python<'py>,
    concentration: &Bound<'py, PyAny>,
    left: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let weights = read_concentration(concentration, left)?.weights()?;
    NewArray::of(py, weights.len(), &weights)
}

/// Whether the arrays hold these numbers.
pub(super) fn same_posterior(
    parts: &PosteriorParts<'_>,
    posterior: &Posterior,
    same: impl Fn(&Bound<'_, PyAny>, &[f64]) -> bool,
) -> bool {
    let (concentration, left, mean_precision, degrees_of_freedom) = parts;
    let concentration = match (&posterior.concentration, left) {
        (Concentration::Dirichlet(numbers), None) => same(concentration, numbers),
        (Concentration::Process(cut, rest), Some(left)) => {
            same(concentration, cut) && same(left, rest)
        }
        _ => false,
    };
    concentration
        && same(mean_precision, &posterior.mean_precision)
        && same(degrees_of_freedom, &posterior.degrees_of_freedom)
}

/// An error of the crate, for a distribution whose means are not those of the mixture.
pub(super) fn weights_follow() -> Error {
    let message = "must be None where there is a posterior, whose means they are".into();
    Error::InvalidArgument { name: "weights", message }
}
