//! Sums of a few isotropic Gaussians in the plane.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::{Value, Vectorised};
use crate::error::Error;
use crate::simd::{Lanes64, Vector, ln};

/// Σₖ wₖ N(x | mₖ, sₖ² I) in two dimensions, normalised.
///
/// Component k is kept as q = (r x + a)² + (r y + b)² + c, minus the logarithm of its share of the
/// density, with r = 1/(s √2): four operations per component, two per coordinate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussians<const K: usize> {
    scales: [f64; K],
    shifts: [[f64; 2]; K],
    offsets: [f64; K],
}

impl<const K: usize> Gaussians<K> {
    /// Checks the parameters. The weights need not sum to one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the first that cannot be used.
    pub fn new(weights: [f64; K], means: [[f64; 2]; K], sds: [f64; K]) -> Result<Self, Error> {
        let positive = |value: &f64| value.is_normal() && *value > 0.0;
        if let Some(weight) = weights.iter().find(|weight| !positive(weight)) {
            return Err(invalid("weights", "positive, finite numbers", *weight));
        }
        if let Some(sd) = sds.iter().find(|sd| !positive(sd)) {
            return Err(invalid("sds", "positive, finite numbers", *sd));
        }
        let total: f64 = weights.iter().sum();
        let scales = sds.map(|sd| FRAC_1_SQRT_2 / sd);
        let mut shifts = [[0.0; 2]; K];
        let mut offsets = [0.0; K];
        for k in 0..K {
            for j in 0..2 {
                shifts[k][j] = -means[k][j] * scales[k];
                if !shifts[k][j].is_finite() {
                    let accepted = "finite numbers of a finite number of standard deviations";
                    return Err(invalid("means", accepted, means[k][j]));
                }
            }
            offsets[k] = ln(2.0 * PI) + 2.0 * ln(sds[k]) - (ln(weights[k]) - ln(total));
        }
        Ok(Self { scales, shifts, offsets })
    }
}

fn invalid(name: &'static str, accepted: &str, found: f64) -> Error {
    Error::InvalidArgument { name, message: format!("must be {accepted}, found {found}") }
}

impl<const K: usize> Vectorised for Gaussians<K> {
    const FACTOR: bool = true;

    fn n_dims(&self) -> usize {
        2
    }

    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P> {
        let (xs, ys) = points[..2 * P].split_at(P);
        let zero = V::splat(token, 0.0);
        let mut smallest = [zero; P];
        let mut others = [[zero; P]; K];
        for k in 0..K {
            let scale = V::splat(token, self.scales[k]);
            let [a, b] = self.shifts[k];
            let (a, b) = (V::splat(token, a), V::splat(token, b));
            let offset = V::splat(token, self.offsets[k]);
            for p in 0..P {
                let x = V::load(token, &xs[p]).mul_add(scale, a);
                let y = V::load(token, &ys[p]).mul_add(scale, b);
                let q = y.mul_add(y, x.mul_add(x, offset));
                if k == 0 {
                    smallest[p] = q;
                } else {
                    others[k][p] = q.max(smallest[p]);
                    smallest[p] = q.min(smallest[p]);
                }
            }
        }
        // The largest exponential, relative to itself, is one: only the others are computed. Where
        // all are infinite the difference of two infinities must not come in.
        let mut reference = smallest;
        let mut factor = [V::splat(token, 1.0); P];
        for p in 0..P {
            reference[p] = smallest[p].min(V::splat(token, f64::MAX));
        }
        for other in others.iter_mut().skip(1) {
            for p in 0..P {
                other[p] = reference[p] - other[p];
            }
            let share = V::exp_each(*other);
            for p in 0..P {
                factor[p] = factor[p] + share[p];
            }
        }
        let mut exponent = smallest;
        for p in 0..P {
            exponent[p] = zero - smallest[p];
        }
        Value { exponent, factor }
    }
}
