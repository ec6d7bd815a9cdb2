//! Small dense linear algebra. Square matrices are slices of d·d numbers, row by row.
//!
//! Where results depend on a factorisation it is ours: plain loops in a fixed order, so that no
//! BLAS's choice of kernel changes a bit of the result. The inner loops run along rows, over
//! contiguous memory. Products are rounded before they are added (`mul_add` would be a call into
//! libm outside of the SIMD dispatch). Each of them looks at the stop flag once a row: with
//! thousands of features one takes seconds, and Ctrl-C must not wait that long.
//!
//! What only decides whether input is refused goes to LAPACK, through ndarray-linalg.

mod blocked;
mod jacobi;

pub use jacobi::{Eigen, Rotation, eigen};

use ndarray::{Array2, ArrayView2};
use ndarray_linalg::{EigValsh, UPLO};

use crate::error::Error;
use crate::fold::Stop;
use crate::lapack;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "a matrix of features by features";

/// Independent sums of a dot product: enough to keep any SIMD unit busy, in a fixed order.
const LANES: usize = 8;

/// Σ aᵢbᵢ in a fixed order.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + rest
}

/// The lower triangular L with LLᵀ = A; reads the lower triangle of A only.
///
/// # Errors
///
/// [`Error::IllConditioned`] if A is not positive definite, [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `matrix` does not hold d·d numbers.
pub fn cholesky(matrix: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    assert_eq!(matrix.len(), d * d, "a square matrix");
    if d > blocked::BLOCK {
        return blocked::cholesky(matrix, d, stop);
    }
    let mut factor = memory::filled(d * d, 0.0, WHAT)?;
    for i in 0..d {
        stop.check()?;
        let (above, row) = factor.split_at_mut(i * d);
        for j in 0..i {
            let above = &above[j * d..];
            row[j] = (matrix[i * d + j] - dot(&row[..j], &above[..j])) / above[j];
        }
        let pivot = matrix[i * d + i] - dot(&row[..i], &row[..i]);
        // NaN must fail too, so this asks for what is right.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(Error::IllConditioned { component: 0 });
        }
        row[i] = pivot.sqrt();
    }
    Ok(factor)
}

/// The lower triangular L⁻¹ of a lower triangular L without zeros on the diagonal.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped, [`Error::Memory`] if there is no room for it.
///
/// # Panics
///
/// If `factor` does not hold d·d numbers.
pub fn invert_lower(factor: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    assert_eq!(factor.len(), d * d, "a square matrix");
    if d > blocked::BLOCK {
        return blocked::invert_lower(factor, d, stop);
    }
    let mut inverse = memory::filled(d * d, 0.0, WHAT)?;
    for i in 0..d {
        stop.check()?;
        let (above, row) = inverse.split_at_mut(i * d);
        for k in 0..i {
            let weight = factor[i * d + k];
            for (target, &source) in row.iter_mut().zip(&above[k * d..][..=k]) {
                *target -= weight * source;
            }
        }
        let diagonal = factor[i * d + i];
        row[..i].iter_mut().for_each(|value| *value /= diagonal);
        row[i] = 1.0 / diagonal;
    }
    Ok(inverse)
}

/// The upper triangular U with Σ⁻¹ = UUᵀ for a covariance Σ = LLᵀ: U = (L⁻¹)ᵀ, as in scikit-learn.
///
/// # Errors
///
/// [`Error::IllConditioned`] if Σ is not positive definite, or so nearly singular that U
/// overflows; [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `covariance` does not hold d·d numbers.
pub fn precision_cholesky(covariance: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let inverse = invert_lower(&cholesky(covariance, d, stop)?, d, stop)?;
    if inverse.iter().any(|value| !value.is_finite()) {
        return Err(Error::IllConditioned { component: 0 });
    }
    transposed(&inverse, d)
}

/// The upper triangular U with P = UUᵀ for a precision P.
///
/// Read backwards, rows and columns, an upper triangular factor is a lower one.
///
/// # Errors
///
/// [`Error::IllConditioned`] if P is not positive definite, [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `precision` does not hold d·d numbers.
pub fn precision_cholesky_from_precision(
    precision: &[f64],
    d: usize,
    stop: &Stop,
) -> Result<Vec<f64>, Error> {
    let reversed = memory::collected(precision.iter().rev().copied(), WHAT)?;
    let mut factor = cholesky(&reversed, d, stop)?;
    factor.reverse();
    Ok(factor)
}

/// Turns any F into the upper triangular U with UUᵀ = FFᵀ, in place.
///
/// Householder reflections from the right leave FFᵀ as it is; the one for row i, from the last row
/// up, clears what is left of its diagonal (the RQ factorisation: Golub & Van Loan, "Matrix
/// Computations", section 5.2). The error in a row is relative to that row, so features of very
/// different scales lose nothing, and FFᵀ with its squared condition is never formed. A factor
/// that is triangular already keeps every bit. The result says whether it was not.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for a row more, [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `factor` does not hold d·d numbers.
pub fn make_upper(factor: &mut [f64], d: usize, stop: &Stop) -> Result<bool, Error> {
    assert_eq!(factor.len(), d * d, "a square matrix");
    let mut turned = false;
    for i in (1..d).rev() {
        stop.check()?;
        let (above, row) = factor.split_at_mut(i * d);
        let row = &mut row[..=i];
        if row[..i].iter().all(|value| *value == 0.0) {
            continue;
        }
        turned = true;
        let largest = magnitude(row);
        let mut mirror = memory::collected(row.iter().map(|value| value / largest), WHAT)?;
        let norm = dot(&mirror, &mirror).sqrt();
        let diagonal = mirror[i];
        mirror[i] += norm.copysign(diagonal);
        let scale = 1.0 / (norm * (norm + diagonal.abs()));
        for other in above.chunks_exact_mut(d) {
            let step = scale * dot(&other[..=i], &mirror);
            for (value, direction) in other.iter_mut().zip(&mirror) {
                *value -= step * direction;
            }
        }
        row[..i].fill(0.0);
        row[i] = -(norm * largest).copysign(diagonal);
    }
    Ok(turned)
}

/// Whether an upper triangular factor has a zero on its diagonal, or, if [`make_upper`] turned it,
/// is no further from a singular one than rounding takes it.
///
/// What the reflections left is good to d ε of each row. So rows count by their direction alone
/// (features have units of their own), and the smallest singular value of these, found by inverse
/// iteration, must exceed d ε.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for a copy.
///
/// # Panics
///
/// If `upper` does not hold d·d numbers.
pub fn is_singular(upper: &[f64], d: usize, turned: bool) -> Result<bool, Error> {
    const ROUNDS: usize = 3;
    assert_eq!(upper.len(), d * d, "a square matrix");
    let zero = upper.iter().step_by(d + 1).any(|value| *value == 0.0);
    if zero || !turned {
        return Ok(zero);
    }
    let mut unit = memory::copied(upper, WHAT)?;
    unit.chunks_exact_mut(d).for_each(normalise);
    // No direction is orthogonal to numbers as irregular as these.
    let irregular = (0..d).map(|i| 0.5 + (i as f64 * 0.618_033_988_749_895).fract());
    let mut vector = memory::collected(irregular, WHAT)?;
    let mut growth = 0.0;
    for _ in 0..ROUNDS {
        normalise(&mut vector);
        solve_transposed(&unit, &mut vector);
        solve_upper(&unit, &mut vector);
        growth = dot(&vector, &vector).sqrt(); // tends to the square of the inverse of that value
    }
    let limit = 1.0 / (d as f64 * f64::EPSILON);
    // NaN comes of squares that overflow.
    Ok(growth.is_nan() || growth >= limit * limit)
}

/// Divides by the norm, whatever its scale.
fn normalise(vector: &mut [f64]) {
    let largest = magnitude(vector);
    vector.iter_mut().for_each(|value| *value /= largest);
    let norm = dot(vector, vector).sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
}

/// U⁻¹b, in place.
fn solve_upper(upper: &[f64], b: &mut [f64]) {
    for (i, row) in upper.chunks_exact(b.len()).enumerate().rev() {
        b[i] = (b[i] - dot(&row[i + 1..], &b[i + 1..])) / row[i];
    }
}

/// U⁻ᵀb, in place.
fn solve_transposed(upper: &[f64], b: &mut [f64]) {
    for (i, row) in upper.chunks_exact(b.len()).enumerate() {
        b[i] /= row[i];
        let (done, rest) = b.split_at_mut(i + 1);
        rest.iter_mut().zip(&row[i + 1..]).for_each(|(value, u)| *value -= u * done[i]);
    }
}

/// The largest absolute value.
fn magnitude(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The precision P = UUᵀ of its upper triangular factor.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `factor` does not hold d·d numbers.
pub fn precision(factor: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    assert_eq!(factor.len(), d * d, "a square matrix");
    let mut product = memory::filled(d * d, 0.0, WHAT)?;
    for i in 0..d {
        stop.check()?;
        for j in 0..=i {
            let value = dot(&factor[i * d + i..(i + 1) * d], &factor[j * d + i..(j + 1) * d]);
            product[i * d + j] = value;
            product[j * d + i] = value;
        }
    }
    Ok(product)
}

/// The covariance Σ = (UUᵀ)⁻¹ of the upper triangular factor U of its precision: LLᵀ with L = U⁻ᵀ.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped, [`Error::Memory`] if there is no room for it.
///
/// # Panics
///
/// If `factor` does not hold d·d numbers.
pub fn covariance(factor: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let lower = invert_lower(&transposed(factor, d)?, d, stop)?;
    let mut product = memory::filled(d * d, 0.0, WHAT)?;
    for i in 0..d {
        stop.check()?;
        for j in 0..=i {
            let value = dot(&lower[i * d..][..=j], &lower[j * d..][..=j]);
            product[i * d + j] = value;
            product[j * d + i] = value;
        }
    }
    Ok(product)
}

fn transposed(matrix: &[f64], d: usize) -> Result<Vec<f64>, Error> {
    let mut result = memory::with_capacity(d * d, WHAT)?;
    for i in 0..d {
        result.extend((0..d).map(|j| matrix[j * d + i]));
    }
    Ok(result)
}

/// The smallest eigenvalue of a symmetric matrix, of which the lower triangle is read.
///
/// # Errors
///
/// [`Error::Shape`] if the matrix is empty or not square, [`Error::InvalidArgument`] if it holds
/// NaN or infinity, [`Error::Lapack`] if LAPACK is missing or fails.
pub fn smallest_eigenvalue(matrix: ArrayView2<'_, f64>) -> Result<f64, Error> {
    if matrix.is_empty() || !matrix.is_square() {
        let found = matrix.shape().to_vec();
        return Err(Error::Shape { name: "matrix", expected: "(d, d), d > 0".to_owned(), found });
    }
    if matrix.iter().any(|value| !value.is_finite()) {
        let message = "holds NaN or infinity".to_owned();
        return Err(Error::InvalidArgument { name: "matrix", message });
    }
    lapack::require()?;
    // Which triangle ndarray-linalg reads depends on the memory order: leave it no choice.
    let d = matrix.nrows();
    let entries = (0..d * d).map(|at| matrix[[(at / d).max(at % d), (at / d).min(at % d)]]);
    let symmetric = Array2::from_shape_vec(matrix.dim(), memory::collected(entries, WHAT)?)
        .map_err(|error| Error::Bug(error.to_string()))?;
    let eigenvalues = symmetric.eigvalsh(UPLO::Lower).map_err(|error| {
        Error::Lapack(format!("the eigenvalues of the matrix were not found: {error}"))
    })?;
    Ok(eigenvalues[0])
}
