//! The egg box of nested sampling.

use std::f64::consts::PI;

use super::cosine::cos_each;
use super::{Value, Vectorised};
use crate::simd::{Lanes64, Vector};

/// ln p = (2 + cos(x/2) cos(y/2))⁵ on [0, 10π]², zero density outside; not normalised.
///
/// Eighteen equal modes. Feroz, Hobson & Bridges, "MultiNest: an efficient and robust Bayesian
/// inference tool for cosmology and particle physics", Monthly Notices of the Royal Astronomical
/// Society 398 (2009), section 6.1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EggBox;

impl Vectorised for EggBox {
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
        let (half, two) = (V::splat(token, 0.5), V::splat(token, 2.0));
        // 5π is both the centre of the box and half of its width.
        let center = V::splat(token, 5.0 * PI);
        let nothing = V::splat(token, f64::NEG_INFINITY);
        let (mut xs, mut ys) = ([half; P], [half; P]);
        for p in 0..P {
            xs[p] = V::load(token, &points[p]) * half;
            ys[p] = V::load(token, &points[P + p]) * half;
        }
        let (xs, ys) = (cos_each(token, xs), cos_each(token, ys));
        let mut exponent = [nothing; P];
        for p in 0..P {
            let base = xs[p].mul_add(ys[p], two);
            let square = base * base;
            exponent[p] = (square * square) * base;
            for j in 0..2 {
                let distance = (V::load(token, &points[j * P + p]) - center).abs();
                exponent[p] = center.select_less(distance, nothing, exponent[p]);
            }
        }
        Value::of_exponent(token, exponent)
    }
}
