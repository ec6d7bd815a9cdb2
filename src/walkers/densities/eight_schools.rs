//! The eight schools.

use std::f64::consts::{FRAC_2_PI, PI};

use super::{Value, Vectorised};
use crate::simd::{Lanes64, Vector, ln};

/// Estimated effects of coaching in eight schools.
pub const EFFECTS: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
/// Their standard errors.
pub const ERRORS: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

const PRIOR_SCALE: f64 = 5.0;

/// The joint density of data and parameters of a hierarchical model in ten dimensions, over
/// (μ, ln τ, z₁, ..., z₈): μ ~ N(0, 5²), τ ~ half-Cauchy(5), zⱼ ~ N(0, 1), yⱼ ~ N(μ + τ zⱼ, σⱼ²).
///
/// Data: Rubin, "Estimation in parallel randomized experiments", Journal of Educational Statistics
/// 6 (1981). With the effects θⱼ = μ + τ zⱼ themselves as coordinates it would be a funnel; this
/// parameterisation is the "non-centred" one of Papaspiliopoulos, Roberts & Sköld, Statistical
/// Science 22 (2007). The density is one of ln τ: the Jacobian τ is part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EightSchools {
    log_prior_scale: f64,
    offset: f64,
}

impl EightSchools {
    /// The one there is.
    #[must_use]
    pub fn new() -> Self {
        let log_prior_scale = ln(PRIOR_SCALE);
        let log_errors: f64 = ERRORS.iter().map(|&error| ln(error)).sum();
        let offset = ln(FRAC_2_PI) - log_prior_scale - log_errors - 8.5 * ln(2.0 * PI);
        Self { log_prior_scale, offset }
    }
}

impl Default for EightSchools {
    fn default() -> Self {
        Self::new()
    }
}

impl Vectorised for EightSchools {
    const FACTOR: bool = true;

    fn n_dims(&self) -> usize {
        10
    }

    #[inline(always)]
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P> {
        let (zero, one, minus_half) =
            (V::splat(token, 0.0), V::splat(token, 1.0), V::splat(token, -0.5));
        let (mut tau, mut t, mut decay) = ([zero; P], [zero; P], [zero; P]);
        for p in 0..P {
            let log_tau = V::load(token, &points[P + p]);
            // τ² must stay finite. Where this matters the prior is below e⁻³⁴⁸.
            tau[p] = log_tau.min(V::splat(token, 350.0));
            t[p] = (log_tau - V::splat(token, self.log_prior_scale)).abs();
            decay[p] = t[p] * V::splat(token, -2.0);
        }
        let (tau, decay) = (V::exp_each(tau), V::exp_each(decay));
        let (mut exponent, mut factor) = ([zero; P], [one; P]);
        for p in 0..P {
            let mu = V::load(token, &points[p]);
            let scaled = mu * V::splat(token, 1.0 / PRIOR_SCALE);
            let mut sum = scaled * scaled;
            for j in 0..8 {
                let z = V::load(token, &points[(2 + j) * P + p]);
                let residual = tau[p].mul_add(z, mu - V::splat(token, EFFECTS[j]))
                    * V::splat(token, 1.0 / ERRORS[j]);
                sum = residual.mul_add(residual, z.mul_add(z, sum));
            }
            // The half-Cauchy prior as one of ln τ: (2/π) e⁻ᵗ/(1 + e⁻²ᵗ) with t = |ln τ − ln 5|.
            exponent[p] = sum.mul_add(minus_half, V::splat(token, self.offset) - t[p]);
            factor[p] = one.div(one + decay[p]);
        }
        Value { exponent, factor }
    }
}
