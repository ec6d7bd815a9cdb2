//! Fitted Gaussian mixtures of any dimension.

use super::{Value, Vectorised};
use crate::error::Error;
use crate::memory;
use crate::mixture::{Geometry, Mixture};
use crate::simd::{Lanes64, Vector, ln};

/// What the memory is for, in errors.
const WHAT: &str = "the density of the mixture";

/// Σₖ wₖ N(x | mₖ, Σₖ), one component after the other.
#[derive(Debug, PartialEq)]
pub struct MixtureDensity<W> {
    n_dims: usize,
    means: Vec<f64>,
    offsets: Vec<f64>,
    whitening: W,
}

/// How residuals of a component become independent and standard normal.
pub trait Whitening: Send + Sync {
    /// The squared length of (x − m) U, U Uᵀ = Σ⁻¹, for `P` vectors of walkers.
    ///
    /// Must be `#[inline(always)]`: see [`crate::simd`].
    fn squared_distance<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        component: usize,
        mean: &[f64],
        points: &[Lanes64],
    ) -> [V; P];
}

/// Upper-triangular factors, packed column by column; `stride` 0 if all components share one.
#[derive(Debug, PartialEq)]
pub struct Triangular {
    columns: Vec<f64>,
    stride: usize,
}

/// One factor per coordinate of each component.
#[derive(Debug, PartialEq)]
pub struct Diagonal {
    factors: Vec<f64>,
}

impl<W> MixtureDensity<W> {
    fn of(model: &Mixture, whitening: W) -> Result<Self, Error> {
        let offsets = model.weights().iter().enumerate();
        let offsets = offsets.map(|(k, &weight)| ln(weight) + model.log_normalizer(k));
        Ok(Self {
            n_dims: model.n_features(),
            means: memory::copied(model.means(), WHAT)?,
            offsets: memory::collected(offsets, WHAT)?,
            whitening,
        })
    }
}

impl MixtureDensity<Triangular> {
    /// A mixture with full or tied covariances.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for its factors.
    pub fn triangular(model: &Mixture) -> Result<Self, Error> {
        let d = model.n_features();
        let factors = model.precisions_cholesky().len() / (d * d);
        let mut columns = memory::with_capacity(factors * d * (d + 1) / 2, WHAT)?;
        for factor in model.precisions_cholesky().chunks_exact(d * d) {
            for column in 0..d {
                columns.extend((0..=column).map(|row| factor[row * d + column]));
            }
        }
        let tied = model.geometry() == Geometry::Tied;
        let stride = if tied { 0 } else { d * (d + 1) / 2 };
        Self::of(model, Triangular { columns, stride })
    }
}

impl MixtureDensity<Diagonal> {
    /// A mixture with diagonal or spherical covariances.
    ///
    /// # Errors
    ///
    /// As [`MixtureDensity::triangular`].
    pub fn diagonal(model: &Mixture) -> Result<Self, Error> {
        let each = model.precisions_cholesky();
        let times = match model.geometry() {
            Geometry::Spherical => model.n_features(),
            _ => 1,
        };
        let mut factors =
            memory::with_capacity(memory::product(&[each.len(), times], WHAT)?, WHAT)?;
        factors.extend(each.iter().flat_map(|&factor| std::iter::repeat_n(factor, times)));
        Self::of(model, Diagonal { factors })
    }
}

impl Whitening for Triangular {
    #[inline(always)]
    fn squared_distance<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        component: usize,
        mean: &[f64],
        points: &[Lanes64],
    ) -> [V; P] {
        let zero = V::splat(token, 0.0);
        let mut sum = [zero; P];
        let mut rest = &self.columns[component * self.stride..];
        for i in 0..mean.len() {
            let (column, after) = rest.split_at(i + 1);
            rest = after;
            let mut white = [zero; P];
            for j in 0..=i {
                let (center, factor) = (V::splat(token, mean[j]), V::splat(token, column[j]));
                for p in 0..P {
                    let residual = V::load(token, &points[j * P + p]) - center;
                    white[p] = residual.mul_add(factor, white[p]);
                }
            }
            for p in 0..P {
                sum[p] = white[p].mul_add(white[p], sum[p]);
            }
        }
        sum
    }
}

impl Whitening for Diagonal {
    #[inline(always)]
    fn squared_distance<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        component: usize,
        mean: &[f64],
        points: &[Lanes64],
    ) -> [V; P] {
        let mut sum = [V::splat(token, 0.0); P];
        let factors = &self.factors[component * mean.len()..][..mean.len()];
        for j in 0..mean.len() {
            let (center, factor) = (V::splat(token, mean[j]), V::splat(token, factors[j]));
            for p in 0..P {
                let white = (V::load(token, &points[j * P + p]) - center) * factor;
                sum[p] = white.mul_add(white, sum[p]);
            }
        }
        sum
    }
}

impl<W: Whitening> Vectorised for MixtureDensity<W> {
    const FACTOR: bool = true;

    fn n_dims(&self) -> usize {
        self.n_dims
    }

    fn nanoseconds(&self) -> f64 {
        let (k, d) = (self.offsets.len() as f64, self.n_dims as f64);
        k * (5.0 + d * d / 4.0)
    }

    /// The sum of exponentials is kept relative to the largest of them so far, so that each
    /// further component costs one exponential: that of the smaller over the larger.
    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P> {
        let one = V::splat(token, 1.0);
        let (lowest, infinity) = (V::splat(token, -f64::MAX), V::splat(token, f64::INFINITY));
        let minus_half = V::splat(token, -0.5);
        let mut exponent = [V::splat(token, f64::NEG_INFINITY); P];
        let mut factor = [one; P];
        for (k, (mean, &offset)) in
            self.means.chunks_exact(self.n_dims).zip(&self.offsets).enumerate()
        {
            let offset = V::splat(token, offset);
            let distance: [V; P] = self.whitening.squared_distance(token, k, mean, points);
            let (mut next, mut ratio) = (exponent, exponent);
            for p in 0..P {
                // A residual that overflows, times a zero, is a NaN: infinitely far as well.
                next[p] = distance[p].min(infinity).mul_add(minus_half, offset);
                let (smaller, larger) = (next[p].min(exponent[p]), next[p].max(exponent[p]));
                ratio[p] = smaller - larger.max(lowest);
            }
            let ratio = V::exp_each(ratio);
            for p in 0..P {
                let (before, after) = (factor[p] + ratio[p], factor[p].mul_add(ratio[p], one));
                factor[p] = exponent[p].select_less(next[p], after, before);
                exponent[p] = exponent[p].max(next[p]);
            }
        }
        Value { exponent, factor }
    }
}
