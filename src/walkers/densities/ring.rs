//! A ring in the plane.

use super::{Value, Vectorised};
use crate::error::Error;
use crate::simd::{Lanes64, Vector};

/// ln p = −(|x| − r)²/(2 w²) in two dimensions, not normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ring {
    radius: f64,
    half_precision: f64,
}

impl Ring {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming the first that cannot be used.
    pub fn new(radius: f64, width: f64) -> Result<Self, Error> {
        let invalid = |name, message| Err(Error::InvalidArgument { name, message });
        if !(radius.is_finite() && radius >= 0.0) {
            return invalid("radius", format!("must be finite and not negative, found {radius:?}"));
        }
        let half_precision = 0.5 / width / width;
        if !(width > 0.0 && half_precision.is_normal()) {
            return invalid("width", format!("must be a positive, finite number, found {width:?}"));
        }
        Ok(Self { radius, half_precision })
    }
}

impl Vectorised for Ring {
    const FACTOR: bool = false;

    fn n_dims(&self) -> usize {
        2
    }

    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P> {
        let radius = V::splat(token, self.radius);
        let precision = V::splat(token, -self.half_precision);
        let zero = V::splat(token, 0.0);
        let mut exponent = [zero; P];
        for p in 0..P {
            let (x, y) = (V::load(token, &points[p]), V::load(token, &points[P + p]));
            let distance = x.mul_add(x, y * y).sqrt() - radius;
            // Plus zero, because on the ring itself the product is −0.
            exponent[p] = (distance * distance).mul_add(precision, zero);
        }
        Value::of_exponent(token, exponent)
    }
}
