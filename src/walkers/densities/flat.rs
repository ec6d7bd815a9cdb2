//! [`Flat`].

use super::{Value, Vectorised};
use crate::simd::{Lanes64, Vector};

/// The density that is 1 everywhere: of a uniform distribution within bounds, and of none without.
#[derive(Clone, Copy, Debug)]
pub struct Flat(pub usize);

impl Vectorised for Flat {
    const FACTOR: bool = false;

    fn n_dims(&self) -> usize {
        self.0
    }

    fn nanoseconds(&self) -> f64 {
        1.0
    }

    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        _points: &[Lanes64],
    ) -> Value<V, P> {
        Value::of_exponent(token, [V::splat(token, 0.0); P])
    }
}
