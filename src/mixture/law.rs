//! The law of a component: from squared distances to log-densities.

use super::prepared::PREPARED;
use super::softmax::lowest;
use super::value::Mixture;
use crate::error::Error;
use crate::memory;
use crate::simd::{Real, Vector};

/// Normal distributions: log wₖ + log det U − (d/2) log 2π − ½q, where q is the squared distance of a
/// row from the mean in units of the covariance. In the kernel's element type.
#[derive(Clone)]
pub struct Gaussian<E> {
    /// log det U − (d/2) log 2π.
    pub normalizers: Vec<E>,
    /// log wₖ, or what is expected in its place; all 0 where unweighted densities are asked for.
    pub log_weights: Vec<E>,
}

impl<E: Real> Gaussian<E> {
    /// Of all components; `weighted` says whether log w is included.
    pub fn new(parameters: &Mixture, weighted: bool) -> Result<Self, Error> {
        let k = parameters.n_components();
        let log_weight = |k| E::from_f64(if weighted { parameters.log_weight(k) } else { 0.0 });
        let normalizer = |k| E::from_f64(parameters.log_normalizer(k));
        Ok(Self {
            normalizers: memory::collected((0..k).map(normalizer), PREPARED)?,
            log_weights: memory::collected((0..k).map(log_weight), PREPARED)?,
        })
    }

    /// max(−½|y|² + normalizer, lowest) + log w; a squared norm that overflowed counts as lowest.
    #[inline(always)]
    pub fn log_density<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        k: usize,
        squared_norm: V,
    ) -> V {
        squared_norm
            .mul_add(V::splat(token, E::from_f64(-0.5)), V::splat(token, self.normalizers[k]))
            .max(V::splat(token, lowest::<E>()))
            + V::splat(token, self.log_weights[k])
    }
}
