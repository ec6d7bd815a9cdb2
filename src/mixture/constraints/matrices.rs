//! Symmetric matrices of a few features: spelled out, seen from other axes, and built on axes.

use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::statistics::push_symmetric;

/// The symmetric matrix of a lower triangle.
pub fn symmetric(lower: &[f64], d: usize) -> Result<Vec<f64>, Error> {
    let mut matrix = memory::with_capacity(d * d, ESTIMATES)?;
    push_symmetric(&mut matrix, lower, d);
    Ok(matrix)
}

/// D S Dᵀ: a symmetric matrix as it looks from the axes that are the rows of D.
pub fn seen_from(axes: &[f64], matrix: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let mut half = memory::filled(d * d, 0.0, ESTIMATES)?;
    for (row, axis) in half.chunks_exact_mut(d).zip(axes.chunks_exact(d)) {
        stop.check()?;
        for (along, line) in axis.iter().zip(matrix.chunks_exact(d)) {
            row.iter_mut().zip(line).for_each(|(sum, value)| *sum += along * value);
        }
    }
    let mut seen = memory::filled(d * d, 0.0, ESTIMATES)?;
    for i in 0..d {
        stop.check()?;
        for j in 0..=i {
            let pairs = half[i * d..][..d].iter().zip(&axes[j * d..][..d]);
            let value: f64 = pairs.map(|(a, b)| a * b).sum();
            (seen[i * d + j], seen[j * d + i]) = (value, value);
        }
    }
    Ok(seen)
}

/// Appends Dᵀ diag(v) D, the matrix with variances v along the rows of D, where there is room.
pub fn push_spanned(
    matrices: &mut Vec<f64>,
    axes: &[f64],
    variances: &[f64],
    stop: &Stop,
) -> Result<(), Error> {
    let d = variances.len();
    let first = matrices.len();
    matrices.resize(first + d * d, 0.0);
    let matrix = &mut matrices[first..];
    for (axis, variance) in axes.chunks_exact(d).zip(variances) {
        stop.check()?;
        for (i, row) in matrix.chunks_exact_mut(d).enumerate() {
            // A product of its own, so that both halves have the same bits.
            row.iter_mut().zip(axis).for_each(|(sum, a)| *sum += variance * (axis[i] * a));
        }
    }
    Ok(())
}

/// That one value is no more than rounding beside another.
pub fn is_nothing(value: f64, beside: f64, d: usize) -> bool {
    value.is_nan() || value <= d as f64 * f64::EPSILON * beside
}
