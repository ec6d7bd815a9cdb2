//! Neal's funnel.

use std::f64::consts::PI;

use super::{Value, Vectorised};
use crate::error::Error;
use crate::simd::{Lanes64, Vector, ln};

/// v ~ N(0, s²), and all further coordinates are N(0, eᵛ); normalised. v is the first coordinate.
///
/// Neal, "Slice sampling", Annals of Statistics 31 (2003), section 8, with s = 3 and nine further
/// coordinates there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funnel {
    n_dims: usize,
    half_precision: f64,
    half_others: f64,
    offset: f64,
}

impl Funnel {
    /// Checks the parameters: the standard deviation of v.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the first that cannot be used.
    pub fn new(n_dims: usize, sd: f64) -> Result<Self, Error> {
        let invalid = |name, message| Err(Error::InvalidArgument { name, message });
        if n_dims < 2 {
            return invalid("n_dims", format!("must be at least 2, found {n_dims}"));
        }
        let half_precision = 0.5 / sd / sd;
        if !(sd > 0.0 && half_precision.is_normal()) {
            return invalid("sd", format!("must be a positive, finite number, found {sd:?}"));
        }
        let offset = -0.5 * n_dims as f64 * ln(2.0 * PI) - ln(sd);
        Ok(Self { n_dims, half_precision, half_others: 0.5 * (n_dims - 1) as f64, offset })
    }
}

impl Vectorised for Funnel {
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
        let (zero, minus_half) = (V::splat(token, 0.0), V::splat(token, -0.5));
        let precision = V::splat(token, self.half_precision);
        let others = V::splat(token, self.half_others);
        let offset = V::splat(token, self.offset);
        // e⁷⁰⁰ is the end of what `exp_each` can do: v = −1400 is far beyond anything probable.
        let most = V::splat(token, 700.0);
        let mut inverse_sd = [zero; P];
        for p in 0..P {
            inverse_sd[p] = (V::load(token, &points[p]) * minus_half).min(most);
        }
        let inverse_sd = V::exp_each(inverse_sd);
        let mut exponent = [zero; P];
        for p in 0..P {
            let v = V::load(token, &points[p]);
            let mut sum = zero;
            for j in 1..self.n_dims {
                let z = V::load(token, &points[j * P + p]) * inverse_sd[p];
                sum = z.mul_add(z, sum);
            }
            // As one product, the square of a huge v comes in before anything of the other sign.
            let first = v * v.mul_add(precision, others);
            exponent[p] = sum.mul_add(minus_half, offset - first);
        }
        Value::of_exponent(token, exponent)
    }
}
