//! Haario's banana.

use std::f64::consts::PI;

use super::{Value, Vectorised};
use crate::error::Error;
use crate::simd::{Lanes64, Vector, ln};

/// A Gaussian bent along a parabola: x₁ ~ N(0, s²), x₂ + b x₁² − b s² ~ N(0, 1), and all further
/// coordinates are standard normal; normalised.
///
/// The twisted target of Haario, Saksman & Tamminen, "Adaptive proposal distribution for random
/// walk Metropolis algorithm", Computational Statistics 14 (1999), with s² = 100 there. The twist
/// preserves volumes, so the normalisation is that of the Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Banana {
    n_dims: usize,
    bend: f64,
    shift: f64,
    scale: f64,
    offset: f64,
}

impl Banana {
    /// Checks the parameters: `b`, and the standard deviation of the first coordinate.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the first that cannot be used.
    pub fn new(n_dims: usize, b: f64, sd: f64) -> Result<Self, Error> {
        let invalid = |name, message| Err(Error::InvalidArgument { name, message });
        if n_dims < 2 {
            return invalid("n_dims", format!("must be at least 2, found {n_dims}"));
        }
        if !(sd.is_normal() && sd > 0.0 && (1.0 / sd).is_normal()) {
            return invalid("sd", format!("must be a positive, finite number, found {sd:?}"));
        }
        if !(b * sd * sd).is_finite() {
            return invalid("b", format!("must be a finite number, also times sd², found {b:?}"));
        }
        let offset = -0.5 * n_dims as f64 * ln(2.0 * PI) - ln(sd);
        Ok(Self { n_dims, bend: b, shift: b * sd * sd, scale: 1.0 / sd, offset })
    }
}

impl Vectorised for Banana {
    const FACTOR: bool = false;

    fn n_dims(&self) -> usize {
        self.n_dims
    }

    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P> {
        let (bend, scale) = (V::splat(token, self.bend), V::splat(token, self.scale));
        let (shift, offset) = (V::splat(token, self.shift), V::splat(token, self.offset));
        let minus_half = V::splat(token, -0.5);
        let mut exponent = [V::splat(token, 0.0); P];
        for p in 0..P {
            let first = V::load(token, &points[p]);
            let second = V::load(token, &points[P + p]);
            // (b x₁) x₁ and not b x₁²: with b = 0 the latter is not a number for a huge x₁.
            let bent = (bend * first).mul_add(first, second - shift);
            let first = first * scale;
            let mut sum = bent.mul_add(bent, first * first);
            for j in 2..self.n_dims {
                let x = V::load(token, &points[j * P + p]);
                sum = x.mul_add(x, sum);
            }
            exponent[p] = sum.mul_add(minus_half, offset);
        }
        Value::of_exponent(token, exponent)
    }
}
