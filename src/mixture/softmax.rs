//! From weighted log-densities to responsibilities, and the log-likelihood on the way.

use super::block::{PANEL, PanelColumn};
use crate::rows::Element;
use crate::simd::{Lanes64, Level, Real, Vector};

/// Log-densities are not taken below this: a row infinitely far from every component still has a
/// finite log-likelihood. A small power of two of the range keeps sums of it finite too.
pub const LOWEST: f64 = -1e300;
/// The same for kernels in `f32`.
pub const LOWEST_F32: f64 = -1e37;

/// The lowest log-density in the element type at hand.
#[inline(always)]
pub fn lowest<E: Real>() -> E {
    let wide = E::from_f64(LOWEST);
    if wide.is_finite() { wide } else { E::from_f64(LOWEST_F32) }
}

/// log Σₖ exp(densityₖ) for the rows of a panel, as maximum + log of a sum in [1, k].
pub struct LogSum<V: Vector> {
    /// maxₖ of the log-densities.
    pub maximum: [V; PANEL],
    /// Σₖ exp(densityₖ − maximum).
    pub sum: [V; PANEL],
}

impl<V: Vector> LogSum<V> {
    /// Replaces the log-densities of a panel (one column per component) by exp(density − maximum).
    #[inline(always)]
    pub fn of(token: V::Token, densities: &mut [PanelColumn<V>]) -> Self {
        let mut maximum = [V::splat(token, V::Scalar::from_f64(f64::NEG_INFINITY)); PANEL];
        for column in densities.iter() {
            for v in 0..PANEL {
                maximum[v] = V::load(token, &column[v]).max(maximum[v]);
            }
        }
        let mut sum = [V::splat(token, V::Scalar::ZERO); PANEL];
        if <V::Token as Level>::WIDE {
            let (pairs, single) = densities.as_chunks_mut::<2>();
            for pair in pairs {
                let vectors = pair.as_flattened_mut();
                exponentials::<V, { 2 * PANEL }>(token, vectors, 0, &maximum, &mut sum);
            }
            for column in single {
                exponentials::<V, PANEL>(token, column, 0, &maximum, &mut sum);
            }
        } else {
            for column in densities {
                // Two vectors are four registers, and each chain needs three at once.
                for (pair, vectors) in column.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                    exponentials::<V, 2>(token, vectors, 2 * pair, &maximum, &mut sum);
                }
            }
        }
        Self { maximum, sum }
    }

    /// The log-density of each row.
    #[inline(always)]
    pub fn log_likelihood(&self, v: usize) -> V {
        self.maximum[v] + self.sum[v].ln()
    }

    /// Divides by the sums and multiplies by `weights`: responsibilities of weighted rows. `plain`
    /// says that all weights are 1.
    #[inline(always)]
    pub fn normalize(
        &self,
        token: V::Token,
        weights: &PanelColumn<V>,
        plain: bool,
        terms: &mut [PanelColumn<V>],
    ) {
        let mut sums = self.sum;
        if !plain {
            // Four rows share a division: one of weight zero is no neighbour to the others.
            let zero = V::splat(token, V::Scalar::ZERO);
            let one = V::splat(token, V::Scalar::from_f64(1.0));
            for v in 0..PANEL {
                sums[v] = zero.select_less(V::load(token, &weights[v]), sums[v], one);
            }
        }
        // One division for the four reciprocals; the product of the sums is at most k⁴.
        let [a, b, c, d] = sums;
        let (ab, cd) = (a * b, c * d);
        let inverse = V::splat(token, V::Scalar::from_f64(1.0)).div(ab * cd);
        let (over_ab, over_cd) = (inverse * cd, inverse * ab);
        let mut scale = [over_ab * b, over_ab * a, over_cd * d, over_cd * c];
        for v in 0..PANEL {
            scale[v] = scale[v] * V::load(token, &weights[v]);
        }
        for column in terms.iter_mut() {
            for v in 0..PANEL {
                (V::load(token, &column[v]) * scale[v]).store(&mut column[v]);
            }
        }
    }

    /// Adds Σ w log p over the panel to lane accumulators.
    ///
    /// Where all weights are 1 (`plain`) the logarithm is taken once, of the product of the four
    /// sums: these lie in [1, k], so the product cannot overflow.
    #[inline(always)]
    pub fn accumulate(
        &self,
        token: V::Token,
        weights: &PanelColumn<V>,
        plain: bool,
        target: &mut Lanes64,
    ) {
        if plain {
            for v in 0..PANEL {
                self.maximum[v].accumulate(target);
            }
            ((self.sum[0] * self.sum[1]) * (self.sum[2] * self.sum[3])).ln().accumulate(target);
        } else {
            for v in 0..PANEL {
                (V::load(token, &weights[v]) * self.log_likelihood(v)).accumulate(target);
            }
        }
    }
}

/// Replaces N vectors by exp(density − maximum), the first of which is vector `first` of its panel.
#[inline(always)]
fn exponentials<V: Vector, const N: usize>(
    token: V::Token,
    vectors: &mut [V::Lanes],
    first: usize,
    maximum: &[V; PANEL],
    sum: &mut [V; PANEL],
) {
    let vectors = &mut vectors[..N];
    let mut x = [maximum[0]; N];
    for (n, x) in x.iter_mut().enumerate() {
        *x = V::load(token, &vectors[n]) - maximum[(first + n) % PANEL];
    }
    for (n, e) in V::exp_each(x).into_iter().enumerate() {
        e.store(&mut vectors[n]);
        sum[(first + n) % PANEL] = sum[(first + n) % PANEL] + e;
    }
}
