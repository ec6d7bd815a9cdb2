//! The cosine over vectors, the same bits at every SIMD level.

use crate::simd::{Lanes64, Vector};

// The number itself, and what of π is left of it.
const PI_HIGH: f64 = std::f64::consts::PI;
const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
// Adding and subtracting 1.5·2⁵² rounds to an integer, ties to even.
const ROUND: f64 = 6_755_399_441_055_744.0;
// Taylor's series of cos in r², after its first two terms: the next would be 2e-17 at r = π/2.
const COEFFICIENTS: [f64; 9] = [
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
    1.0 / 20_922_789_888_000.0,
    -1.0 / 6_402_373_705_728_000.0,
    1.0 / 2_432_902_008_176_640_000.0,
];

/// Lane-wise cos x, of several vectors at once. The error is below 1e-15 for |x| < 1e5; beyond, it
/// grows with |x| until the result is some number in [−1, 1].
#[inline(always)]
pub fn cos_each<V: Vector<Scalar = f64, Lanes = Lanes64>, const N: usize>(
    token: V::Token,
    x: [V; N],
) -> [V; N] {
    let (one, two, half) = (V::splat(token, 1.0), V::splat(token, 2.0), V::splat(token, 0.5));
    let round = V::splat(token, ROUND);
    let (low, high) = (V::splat(token, -1.75), V::splat(token, 1.75));
    let (mut square, mut sign) = (x, x);
    for n in 0..N {
        // cos x = (−1)ᵏ cos r with x = k π + r, π in two parts (Cody & Waite 1980). |r| is at most
        // π/2 and a little, as x/π is rounded twice; the bounds are for a huge x only.
        let k = x[n].mul_add(V::splat(token, 1.0 / PI_HIGH), round) - round;
        let r = k.mul_add(V::splat(token, -PI_HIGH), x[n]);
        let r = k.mul_add(V::splat(token, -PI_LOW), r).max(low).min(high);
        square[n] = r * r;
        // −1, 0 or 1 for k = 2i + 1, 2i, 2i − 1. Its square tells odd from even.
        let odd = k - (k.mul_add(half, round) - round) * two;
        sign[n] = one - (odd * odd).min(one) * two;
    }
    let (&highest, others) = COEFFICIENTS.split_last().unwrap_or((&0.0, &[]));
    let mut cosine = [V::splat(token, highest); N];
    for &c in others.iter().rev() {
        for n in 0..N {
            cosine[n] = cosine[n].mul_add(square[n], V::splat(token, c));
        }
    }
    for n in 0..N {
        let rest = cosine[n].mul_add(square[n], V::splat(token, -0.5));
        cosine[n] = rest.mul_add(square[n], one) * sign[n];
    }
    cosine
}
