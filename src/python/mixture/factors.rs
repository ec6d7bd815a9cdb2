//! Factorisations for Python: stacks of matrices in, stacks of factors out.

use ndarray::{Array2, IxDyn};
use pyo3::prelude::*;

use super::{ArrayOut, array, check_shape};
use crate::error::Error;
use crate::fold::Context;
use crate::linalg;
use crate::mixture::{self, Geometry, constraint};
use crate::python::arrays;
use crate::python::enter::enter;

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
pub(super) fn precisions_cholesky<'py>(
    covariances: &Bound<'py, PyAny>,
    covariance_type: &str,
) -> PyResult<ArrayOut<'py>> {
    factorise(covariances, "covariances", covariance_type, mixture::precisions_cholesky)
}

/// Upper-triangular U with U Uᵀ = P of precisions P.
#[pyfunction]
pub(super) fn precisions_cholesky_from_precisions<'py>(
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
pub(super) fn precisions<'py>(
    precisions_cholesky: &Bound<'py, PyAny>,
    covariance_type: &str,
) -> PyResult<ArrayOut<'py>> {
    factorise(precisions_cholesky, "precisions_cholesky", covariance_type, mixture::precisions)
}

/// The smallest eigenvalue of a symmetric matrix, by LAPACK.
#[pyfunction]
pub(super) fn smallest_eigenvalue(matrix: &Bound<'_, PyAny>) -> PyResult<f64> {
    Ok(linalg::smallest_eigenvalue(square(matrix)?.view())?)
}

/// The lower triangular Cholesky factor of a positive definite matrix, the same bits on every machine.
#[pyfunction]
pub(super) fn cholesky<'py>(matrix: &Bound<'py, PyAny>) -> PyResult<ArrayOut<'py>> {
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
