//! The lower bound of the evidence, without the terms that no iteration changes.

use std::f64::consts::LN_2;

use super::posterior::{Concentration, Posterior};
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::mixture::geometry::{Geometry, triangle};
use crate::mixture::statistics::MixtureStatistics;
use crate::mixture::value::Mixture;
use crate::simd::{ln, ln_beta, ln_gamma};

/// −Σₙ wₙ Σₖ rₙₖ log rₙₖ of the responsibilities that the mixture gave.
///
/// Nothing is folded for it: with log rₙₖ = aₖ − ½ Mₖ²(xₙ) − log p(xₙ), where aₖ is the constant of the component's
/// weighted log-density,
///
/// ```text
/// −Σₙₖ w r log r = Σₙ w log p(xₙ) − Σₖ (aₖ Nₖ − ½ tr(Λₖ Sₖ)),    Sₖ = Σₙ w r (x − mₖ)(x − mₖ)ᵀ
/// ```
///
/// and the fold has all three: it centres the second moments on the means of the mixture. What cancels is of the order
/// of n d, as is the bound.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for a precision, [`Error::Interrupted`] if stopped.
pub fn entropy(
    statistics: &MixtureStatistics,
    mixture: &Mixture,
    stop: &Stop,
) -> Result<f64, Error> {
    let moved;
    let Some(moments) = &statistics.model else { return Ok(0.0) };
    let moments = if moments.centers == mixture.means() {
        moments
    } else {
        moved = moments.about(mixture.means(), stop)?;
        &moved
    };
    let (geometry, d) = (mixture.geometry(), mixture.n_features());
    let mut expected = 0.0;
    for (k, &n) in moments.counts.iter().enumerate().filter(|(_, n)| **n > 0.0) {
        stop.check()?;
        expected += (mixture.log_weight(k) + mixture.log_normalizer(k)) * n;
        if k == 0 || !geometry.is_shared() {
            let scatter = &moments.scatter[geometry.scatter(k, d)];
            expected -= 0.5 * squared_distances(geometry, mixture.factor(k), scatter, d, stop)?;
        }
    }
    Ok(statistics.log_likelihood - expected)
}

/// tr(Λ S): the squared distances of all rows in units of the covariance.
///
/// # Errors
///
/// As [`entropy`].
pub fn squared_distances(
    geometry: Geometry,
    factor: &[f64],
    scatter: &[f64],
    d: usize,
    stop: &Stop,
) -> Result<f64, Error> {
    if !geometry.is_matrix() {
        return Ok(factor.iter().zip(scatter).map(|(u, s)| u * u * s).sum());
    }
    let precision = linalg::precision(factor, d, stop)?;
    let row = |i: usize| {
        let (precision, scatter) = (&precision[i * d..][..i], &scatter[triangle(i)..][..i]);
        precision.iter().zip(scatter).map(|(p, s)| p * s).sum::<f64>()
    };
    let below: f64 = (0..d).map(row).sum();
    Ok(2.0 * below + (0..d).map(|i| precision[i * d + i] * scatter[triangle(i) + i]).sum::<f64>())
}

/// What the bound has of the distribution of the parameters: minus the logarithms of its normalisation, but for
/// constants and with those of its terms left out that cancel (Bishop 2006, equations 10.71 to 10.77).
pub fn of_parameters(mixture: &Mixture) -> f64 {
    let Some(posterior) = mixture.posterior() else { return f64::NEG_INFINITY };
    let d = mixture.n_features() as f64;
    let wisharts: f64 = (0..mixture.n_components()).map(|k| wishart(mixture, posterior, k)).sum();
    let means: f64 = posterior.mean_precision.iter().map(|beta| ln(*beta)).sum();
    -wisharts - weights(&posterior.concentration) - 0.5 * d * means
}

/// The logarithm of a Wishart distribution's normalisation, without its powers of π.
fn wishart(mixture: &Mixture, posterior: &Posterior, k: usize) -> f64 {
    let (nu, d) = (posterior.freedom(k), mixture.n_features());
    let log_det = mixture.log_det(k) - 0.5 * d as f64 * ln(nu);
    let gammas: f64 = (0..d).map(|i| ln_gamma(0.5 * (nu - i as f64))).sum();
    -(nu * log_det + 0.5 * nu * d as f64 * LN_2 + gammas)
}

/// The same of the weights' distribution.
fn weights(concentration: &Concentration) -> f64 {
    match concentration {
        Concentration::Dirichlet(numbers) => {
            let each: f64 = numbers.iter().map(|a| ln_gamma(*a)).sum();
            ln_gamma(numbers.iter().sum()) - each
        }
        Concentration::Process(cut, left) => {
            -cut.iter().zip(left).map(|(&a, &b)| ln_beta(a, b)).sum::<f64>()
        }
    }
}
