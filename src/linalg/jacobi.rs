//! Eigenvalues and eigenvectors of symmetric matrices by Jacobi's rotations, in a fixed order.
//!
//! Golub & Van Loan, "Matrix Computations", section 8.5. No LAPACK inside of a loop whose bits must
//! be the same on every machine.

use super::WHAT;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;

/// More rounds than any matrix needs; six to ten are usual.
const ROUNDS: usize = 60;

/// A turn of a plane: x′ = cx − sy, y′ = sx + cy.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// c.
    pub cosine: f64,
    /// s.
    pub sine: f64,
}

/// Eigenvalues, the largest first, with their eigenvectors.
#[derive(Debug)]
pub struct Eigen {
    /// The eigenvalues.
    pub values: Vec<f64>,
    /// Row j is the unit eigenvector of value j.
    pub vectors: Vec<f64>,
}

impl Rotation {
    /// Turns rows `p` < `q` of a d × d matrix.
    pub fn turn_rows(self, matrix: &mut [f64], d: usize, p: usize, q: usize) {
        let Self { cosine: c, sine: s } = self;
        let (above, below) = matrix.split_at_mut(q * d);
        for (x, y) in above[p * d..][..d].iter_mut().zip(&mut below[..d]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }

    /// Turns rows and columns `p` < `q` of a symmetric matrix, which stays symmetric to the bit.
    pub fn turn(self, matrix: &mut [f64], d: usize, p: usize, q: usize) {
        let Self { cosine: c, sine: s } = self;
        let (first, last, off) = (matrix[p * d + p], matrix[q * d + q], matrix[p * d + q]);
        self.turn_rows(matrix, d, p, q);
        let cross = 2.0 * c * s * off;
        matrix[p * d + p] = c * c * first - cross + s * s * last;
        matrix[q * d + q] = s * s * first + cross + c * c * last;
        matrix[p * d + q] = c * s * (first - last) + (c * c - s * s) * off;
        matrix[q * d + p] = matrix[p * d + q];
        for j in (0..d).filter(|j| *j != p && *j != q) {
            matrix[j * d + p] = matrix[p * d + j];
            matrix[j * d + q] = matrix[q * d + j];
        }
    }

    /// The smaller of the two turns after which entry (p, q) of a symmetric matrix is 0; none if it
    /// is 0 to rounding.
    fn diagonalising(matrix: &[f64], d: usize, p: usize, q: usize) -> Option<Self> {
        let (first, last, off) = (matrix[p * d + p], matrix[q * d + q], matrix[p * d + q]);
        let limit = f64::EPSILON * (first.abs().sqrt() * last.abs().sqrt());
        // NaN turns nothing.
        if off == 0.0 || off.is_nan() || off.abs() <= limit {
            return None;
        }
        let ratio = (last - first) / (2.0 * off);
        let tangent = 1.0_f64.copysign(ratio) / (ratio.abs() + (1.0 + ratio * ratio).sqrt());
        let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
        Some(Self { cosine, sine: tangent * cosine })
    }
}

/// Eigenvalues and eigenvectors of a symmetric d × d matrix.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
///
/// # Panics
///
/// If `matrix` does not hold d·d numbers.
pub fn eigen(matrix: &[f64], d: usize, stop: &Stop) -> Result<Eigen, Error> {
    assert_eq!(matrix.len(), d * d, "a square matrix");
    let mut rest = memory::copied(matrix, WHAT)?;
    let mut axes = identity(d)?;
    for _ in 0..ROUNDS {
        let mut turned = false;
        for p in 0..d {
            stop.check()?;
            for q in p + 1..d {
                if let Some(rotation) = Rotation::diagonalising(&rest, d, p, q) {
                    rotation.turn(&mut rest, d, p, q);
                    rotation.turn_rows(&mut axes, d, p, q);
                    turned = true;
                }
            }
        }
        if !turned {
            break;
        }
    }
    let value = |j: usize| rest[j * d + j];
    let mut order = memory::collected(0..d, WHAT)?;
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    let values = memory::collected(order.iter().map(|&j| value(j)), WHAT)?;
    let mut vectors = memory::with_capacity(d * d, WHAT)?;
    for &j in &order {
        vectors.extend_from_slice(&axes[j * d..][..d]);
    }
    Ok(Eigen { values, vectors })
}

/// The d × d identity.
fn identity(d: usize) -> Result<Vec<f64>, Error> {
    let mut matrix = memory::filled(d * d, 0.0, WHAT)?;
    matrix.iter_mut().step_by(d + 1).for_each(|value| *value = 1.0);
    Ok(matrix)
}
