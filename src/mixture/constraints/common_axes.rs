//! Axes in common, and variances of their own along them: Σₖ = D Λₖ Dᵀ (VVE), with |Λₖ| the same for all (EVE).
//!
//! Browne & McNicholas, "Estimating common principal components in high dimensions", Advances in
//! Data Analysis and Classification 8 (2014): for given axes the best variances are closed forms;
//! for given variances the axes are to minimise Σₖ tr Sₖ D Λₖ⁻¹ Dᵀ, which majorises what is minimised
//! at these variances. That is done here in one plane after the other, where the best turn is a
//! closed form, too, as in Flury & Gautschi, "An algorithm for simultaneous orthogonal transformation
//! of several positive definite symmetric matrices to nearly diagonal form", SIAM Journal on
//! Scientific and Statistical Computing 7 (1986). No turn makes the objective larger. It may have
//! several minima: EM goes on from the axes of the mixture before. (mclust 6.0.0 leaves the volumes of
//! VVE out of Λₖ in that sum, and so finds the axes of EVE, which are less likely.)

use super::matrices::{is_nothing, push_spanned, seen_from, symmetric};
use super::shapes::relative_sizes;
use super::{Constraint, Scatter, free_parameters};
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg::{self, Rotation};
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::mixture::geometry::{Geometry, triangle};
use crate::mixture::value::Mixture;

/// Rounds over all planes in one M-step, at most; EM goes on from there.
const ROUNDS: usize = 1000;
/// At most so many of many features: a round takes some k d³ operations, and this is some 0.1 s.
const OPERATIONS: usize = 50_000_000;
/// At least.
const LEAST_ROUNDS: usize = 10;
/// Enough when no plane turns by more than this (radians).
const TOLERANCE: f64 = 1e-13;

/// One volume.
#[derive(Debug)]
pub struct CommonAxesAndVolume;

/// Volumes of their own.
#[derive(Debug)]
pub struct CommonAxes;

impl Constraint for CommonAxesAndVolume {
    fn name(&self) -> &'static str {
        "EVE"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, 1, k, 1)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        let d = scatter.n_features;
        let n = scatter.total();
        // Λₖ = squares / cₖ with cₖ = n |squares|^(1/d) / Σ |squares|^(1/d).
        on_common_axes(scatter, stop, |squares| {
            let mut sizes = relative_sizes(squares, d)?;
            let sum: f64 = sizes.iter().sum();
            sizes.iter_mut().for_each(|size| *size *= n / sum);
            Ok(sizes)
        })
    }
}

impl Constraint for CommonAxes {
    fn name(&self) -> &'static str {
        "VVE"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Full
    }

    fn n_parameters(&self, k: usize, d: usize) -> usize {
        free_parameters(d, k, k, 1)
    }

    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error> {
        on_common_axes(scatter, stop, |_| memory::copied(scatter.counts, ESTIMATES))
    }
}

/// Covariances on common axes, where the squares of component k along them, divided by cₖ, are its
/// variances; `divisors` gives these c.
fn on_common_axes(
    scatter: &Scatter<'_>,
    stop: &Stop,
    divisors: impl Fn(&[f64]) -> Result<Vec<f64>, Error>,
) -> Result<Vec<f64>, Error> {
    scatter.check_shapes()?;
    let (d, k) = (scatter.n_features, scatter.counts.len());
    let mut turned = Turned::new(scatter, stop)?;
    let operations = (d * d).saturating_mul(d * k);
    for _ in 0..(OPERATIONS / operations).clamp(LEAST_ROUNDS, ROUNDS) {
        let squares = turned.squares()?;
        let divisors = divisors(&squares)?;
        let precisions = squares.iter().enumerate().map(|(i, square)| divisors[i / d] / square);
        if turned.round(&memory::collected(precisions, ESTIMATES)?, stop)? <= TOLERANCE {
            break;
        }
    }
    let mut variances = turned.squares()?;
    let divisors = divisors(&variances)?;
    variances.iter_mut().enumerate().for_each(|(i, square)| *square /= divisors[i / d]);
    let mut covariances = memory::with_capacity(k * d * d, ESTIMATES)?;
    for variances in variances.chunks_exact(d) {
        push_spanned(&mut covariances, &turned.axes, variances, stop)?;
    }
    Ok(covariances)
}

/// Axes, and all scatters as they look from there.
struct Turned {
    d: usize,
    /// One a row.
    axes: Vec<f64>,
    /// D Sₖ Dᵀ.
    scatters: Vec<f64>,
}

impl Turned {
    /// As seen from the axes of the mixture before, or from the eigenvectors of ΣSₖ.
    fn new(scatter: &Scatter<'_>, stop: &Stop) -> Result<Self, Error> {
        let d = scatter.n_features;
        let parts = || scatter.values.chunks_exact(triangle(d).max(1));
        let first = match scatter.previous {
            Some(mixture) => sum_of_precisions(mixture, stop)?,
            None => {
                let mut sum = memory::filled(triangle(d), 0.0, ESTIMATES)?;
                parts().for_each(|part| sum.iter_mut().zip(part).for_each(|(a, b)| *a += b));
                symmetric(&sum, d)?
            }
        };
        let axes = linalg::eigen(&first, d, stop)?.vectors;
        let mut scatters = memory::with_capacity(scatter.counts.len() * d * d, ESTIMATES)?;
        for part in parts() {
            scatters.extend(seen_from(&axes, &symmetric(part, d)?, d, stop)?);
        }
        Ok(Self { d, axes, scatters })
    }

    /// Squares along the axes, components × features, unless one has none along one of them.
    fn squares(&self) -> Result<Vec<f64>, Error> {
        let d = self.d;
        let mut squares = memory::with_capacity(self.scatters.len() / d, ESTIMATES)?;
        for (component, matrix) in self.scatters.chunks_exact(d * d).enumerate() {
            let diagonal = matrix.iter().step_by(d + 1);
            let largest = diagonal.clone().copied().fold(0.0, f64::max);
            if diagonal.clone().any(|square| is_nothing(*square, largest, d)) {
                return Err(Error::IllConditioned { component });
            }
            squares.extend(diagonal);
        }
        Ok(squares)
    }

    /// Turns every plane once, for Σₖ tr Λₖ⁻¹ D Sₖ Dᵀ to be as small as it can; how far is the largest turn.
    fn round(&mut self, precisions: &[f64], stop: &Stop) -> Result<f64, Error> {
        let d = self.d;
        let mut largest = 0.0_f64;
        for p in 0..d {
            stop.check()?;
            for q in p + 1..d {
                let Some(rotation) = self.best_turn(precisions, p, q) else { continue };
                largest = largest.max(rotation.sine.abs().min(rotation.cosine.abs()));
                rotation.turn_rows(&mut self.axes, d, p, q);
                for matrix in self.scatters.chunks_exact_mut(d * d) {
                    rotation.turn(matrix, d, p, q);
                }
            }
        }
        Ok(largest)
    }

    /// The turn of a plane by the θ that minimises a cos 2θ + b sin 2θ; none if that is 0 to rounding.
    fn best_turn(&self, precisions: &[f64], p: usize, q: usize) -> Option<Rotation> {
        let d = self.d;
        let (mut a, mut b, mut rounding) = (0.0, 0.0, 0.0);
        for (matrix, precisions) in
            self.scatters.chunks_exact(d * d).zip(precisions.chunks_exact(d))
        {
            let (first, last, off) = (matrix[p * d + p], matrix[q * d + q], matrix[p * d + q]);
            let difference = precisions[p] - precisions[q];
            a += difference * (first - last);
            b -= 2.0 * difference * off;
            rounding += difference.abs() * (first.sqrt() * last.sqrt());
        }
        if a <= 0.0 && b.abs() <= 4.0 * f64::EPSILON * rounding {
            return None;
        }
        let unit = f64::max(f64::abs(a), f64::abs(b));
        let (a, b) = (a / unit, b / unit);
        let length = (a * a + b * b).sqrt();
        let (cosine, sine) = (-a / length, -b / length);
        if !(cosine.is_finite() && sine.is_finite()) {
            return None;
        }
        // Of half the angle, by the root that cancels nothing.
        let larger = (0.5 * (1.0 + cosine.abs())).sqrt();
        let smaller = 0.5 * sine / larger;
        Some(if cosine >= 0.0 {
            Rotation { cosine: larger, sine: smaller }
        } else {
            Rotation { cosine: smaller.abs(), sine: larger.copysign(sine) }
        })
    }
}

/// A sum of a mixture's precisions, whose eigenvectors are the axes that these have in common. Each
/// counts differently, so that no two axes are alike in the sum which are not in all of them.
fn sum_of_precisions(mixture: &Mixture, stop: &Stop) -> Result<Vec<f64>, Error> {
    let d = mixture.n_features();
    let mut sum = memory::filled(d * d, 0.0, ESTIMATES)?;
    for k in 0..mixture.n_components() {
        let precision = linalg::precision(mixture.factor(k), d, stop)?;
        let trace: f64 = precision.iter().step_by(d + 1).sum();
        let share = (1.0 + (k as f64 * 0.618_033_988_749_895).fract()) / trace;
        sum.iter_mut().zip(&precision).for_each(|(sum, value)| *sum += share * value);
    }
    Ok(sum)
}
