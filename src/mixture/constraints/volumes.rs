//! Volumes of their own and all else in common: Σₖ = λₖ C, with C a diagonal (VEI) or any matrix (VEE).
//!
//! Celeux & Govaert (1995): for given λ the best C is Σₖ Sₖ/λₖ / n, and for given C the best λₖ is
//! tr Sₖ C⁻¹ / (d nₖ). What is minimised is convex in log λ and log C (for matrices along geodesics),
//! so there is one minimum, wherever the turns begin. A factor can move from C to λ; that between
//! the λₖ cannot.

use super::matrices::is_nothing;
use super::{Constraint, Scatter, free_parameters};
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};
use crate::mixture::statistics::push_symmetric;
use crate::simd::relative_exponentials;

/// Most turns of one M-step; EM goes on from there.
const TURNS: usize = 1000;
/// Enough when no volume changes by more than this share of itself.
const TOLERANCE: f64 = 1e-14;

/// Multiples of one diagonal.
#[derive(Debug)]
pub struct VolumesOfDiagonal;

/// Multiples of one matrix.
#[derive(Debug)]
pub struct VolumesOfMatrix;

impl Constraint for VolumesOfDiagonal {
    fn name(&self) -> &'static str {
        "VEI"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Diagonal
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, k, 1, 0)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        scatter.check_volumes()?;
        diagonals(scatter, scatter.values, stop)
    }
}

impl Constraint for VolumesOfMatrix {
    fn name(&self) -> &'static str {
        "VEE"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, k, 1, 1)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        scatter.check_volumes()?;
        let (d, n) = (scatter.n_features, scatter.total());
        let one = triangle(d).max(1);
        let mut common = memory::filled(d * d, 0.0, ESTIMATES)?;
        let volumes = alternate(scatter, stop, |volumes| {
            let mut lower = memory::filled(one, 0.0, ESTIMATES)?;
            for (part, volume) in scatter.values.chunks_exact(one).zip(volumes) {
                lower.iter_mut().zip(part).for_each(|(sum, s)| *sum += s / volume);
            }
            lower.iter_mut().for_each(|sum| *sum /= n);
            common.clear();
            push_symmetric(&mut common, &lower, d);
            let inverse = inverse(&common, d, stop)?;
            let trace = |part: &[f64]| trace_of_product(part, &inverse, d);
            memory::collected(scatter.values.chunks_exact(one).map(trace), ESTIMATES)
        })?;
        let mut covariances = memory::with_capacity(volumes.len() * d * d, ESTIMATES)?;
        for volume in volumes {
            covariances.extend(common.iter().map(|value| value * volume));
        }
        Ok(covariances)
    }
}

/// The diagonals λₖ bⱼ for squares sₖⱼ: as Σⱼ sₖⱼ/(λₖbⱼ) = d nₖ and Σₖ sₖⱼ/(λₖbⱼ) = n.
pub fn diagonals(scatter: &Scatter<'_>, squares: &[f64], stop: &Stop) -> Result<Vec<f64>, Error> {
    let (d, n) = (scatter.n_features, scatter.total());
    let mut shape = memory::filled(d, 0.0, ESTIMATES)?;
    let volumes = alternate(scatter, stop, |volumes| {
        shape.fill(0.0);
        for (part, volume) in squares.chunks_exact(d).zip(volumes) {
            shape.iter_mut().zip(part).for_each(|(sum, s)| *sum += s / volume / n);
        }
        if !shape.iter().all(|value| *value > 0.0) {
            return Err(Error::IllConditioned { component: 0 });
        }
        let trace = |part: &[f64]| part.iter().zip(&shape).map(|(s, b)| s / b).sum();
        memory::collected(squares.chunks_exact(d).map(trace), ESTIMATES)
    })?;
    let mut all = memory::with_capacity(squares.len(), ESTIMATES)?;
    for volume in volumes {
        all.extend(shape.iter().map(|value| value * volume));
    }
    Ok(all)
}

/// Volumes, in turns with what they have in common: `traces` finds that, and gives tr Sₖ C⁻¹.
fn alternate(
    scatter: &Scatter<'_>,
    stop: &Stop,
    mut traces: impl FnMut(&[f64]) -> Result<Vec<f64>, Error>,
) -> Result<Vec<f64>, Error> {
    let mut volumes = first(scatter)?;
    for _ in 0..TURNS {
        stop.check()?;
        let mut next = traces(&volumes)?;
        for (component, (volume, n)) in next.iter_mut().zip(scatter.counts).enumerate() {
            *volume /= n * scatter.n_features as f64;
            if !(*volume > 0.0 && volume.is_finite()) {
                return Err(Error::IllConditioned { component });
            }
        }
        let changes = next.iter().zip(&volumes).map(|(new, old)| (new / old - 1.0).abs());
        let change = changes.fold(0.0, f64::max);
        volumes = next;
        if change <= TOLERANCE {
            break;
        }
    }
    Ok(volumes)
}

/// The volumes of the mixture before, in units of the largest; all alike if there was none.
fn first(scatter: &Scatter<'_>) -> Result<Vec<f64>, Error> {
    let k = scatter.counts.len();
    let Some(mixture) = scatter.previous else { return memory::filled(k, 1.0, ESTIMATES) };
    let d = scatter.n_features as f64;
    let logarithm = |k| -2.0 / d * mixture.log_det(k);
    let mut volumes = memory::collected((0..k).map(logarithm), ESTIMATES)?;
    relative_exponentials(&mut volumes);
    // What is too small beside the largest for a number begins where it can grow.
    volumes.iter_mut().for_each(|volume| *volume = volume.max(f64::MIN_POSITIVE));
    Ok(volumes)
}

/// C⁻¹, unless C is singular to rounding, whatever the units of its features.
fn inverse(matrix: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let inverse = linalg::precision(&linalg::precision_cholesky(matrix, d, stop)?, d, stop)?;
    let diagonal = |values: &[f64], j: usize| values[j * d + j];
    let lost = |j: usize| is_nothing(1.0, diagonal(&inverse, j) * diagonal(matrix, j), d);
    if (0..d).any(lost) { Err(Error::IllConditioned { component: 0 }) } else { Ok(inverse) }
}

/// tr SP of a lower triangle and a symmetric matrix.
fn trace_of_product(lower: &[f64], matrix: &[f64], d: usize) -> f64 {
    let (mut diagonal, mut below) = (0.0, 0.0);
    for i in 0..d {
        let (row, line) = (&lower[triangle(i)..], &matrix[i * d..]);
        diagonal += row[i] * line[i];
        below += row[..i].iter().zip(line).map(|(s, p)| s * p).sum::<f64>();
    }
    diagonal + 2.0 * below
}
