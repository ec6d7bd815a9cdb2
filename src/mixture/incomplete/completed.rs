//! From statistics of the features that are there to the expected ones of all.
//!
//! Of a row x of component k the features o are there and m are missing. With B = Σₘₒ Σₒₒ⁻¹ and
//! C = Σₘₘ − B Σₒₘ, all of component k,
//!
//! ```text
//! E[xₘ − μₘ | xₒ] = B (xₒ − μₒ)
//! E[(xₘ − μₘ)(xₘ − μₘ)ᵀ | xₒ] = B (xₒ − μₒ)(xₒ − μₒ)ᵀ Bᵀ + C
//! ```
//!
//! (Ghahramani & Jordan 1994). Summed with the responsibilities, n = Σr, s = Σr(xₒ − μₒ) and
//! S = Σr(xₒ − μₒ)(xₒ − μₒ)ᵀ are all that is needed of the rows: Bs, BS and BSBᵀ + nC.

use super::WHAT;
use super::marginal::part;
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::mixture::geometry::{Geometry, triangle};
use crate::mixture::statistics::MixtureStatistics;
use crate::mixture::value::Mixture;

/// A mixture, its covariances, and which features are there.
pub struct Known<'a> {
    /// Of all features.
    pub mixture: &'a Mixture,
    /// Of the shape of its geometry.
    pub covariances: &'a [f64],
    /// The features that are there, in their order.
    pub there: &'a [usize],
    /// Those that are not.
    pub missing: &'a [usize],
}

/// The expected statistics of all features, given those of the features that are there, about the
/// means of `marginal`, which is the mixture of these.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
pub fn completed(
    known: &Known<'_>,
    marginal: &Mixture,
    found: &MixtureStatistics,
    stop: &Stop,
) -> Result<MixtureStatistics, Error> {
    let (mixture, d) = (known.mixture, known.mixture.n_features());
    let geometry = mixture.geometry();
    let mut all = MixtureStatistics::zeros(geometry, d, memory::copied(mixture.means(), WHAT)?)?;
    (all.n_rows, all.total_weight) = (found.n_rows, found.total_weight);
    all.log_likelihood = found.log_likelihood;
    let bug = || Error::Bug("statistics without a model".into());
    let (to, from) = (all.model.as_mut().ok_or_else(bug)?, found.model.as_ref().ok_or_else(bug)?);
    to.counts.copy_from_slice(&from.counts);
    let o = known.there.len();
    let total: f64 = from.counts.iter().sum();
    let mut regression = None;
    for k in 0..from.counts.len() {
        stop.check()?;
        let sums = &from.sums[k * o..][..o];
        let into = &mut to.sums[k * d..][..d];
        known.there.iter().zip(sums).for_each(|(&j, sum)| into[j] = *sum);
        let shared = geometry.is_shared();
        let scatter = &from.scatter[geometry.scatter(k, o)];
        let target = &mut to.scatter[geometry.scatter(k, d)];
        let covariance = &known.covariances[geometry.factor(k, d)];
        let n = if shared { total } else { from.counts[k] };
        if !geometry.is_matrix() {
            if geometry == Geometry::Spherical {
                target[0] = scatter[0] + n * covariance[0] * known.missing.len() as f64;
            } else {
                known.there.iter().zip(scatter).for_each(|(&j, square)| target[j] = *square);
                known.missing.iter().for_each(|&j| target[j] = n * covariance[j]);
            }
            continue;
        }
        let first = regression.is_none();
        if first || !shared {
            regression = Some(Regression::new(known, covariance, marginal.factor(k))?);
        }
        let Some(regression) = &regression else { return Err(bug()) };
        for (row, &j) in regression.slopes.chunks_exact(o.max(1)).zip(known.missing) {
            into[j] = linalg::dot(row, sums);
        }
        if first || !shared {
            regression.complete(known, scatter, n, target)?;
        }
    }
    Ok(all)
}

/// The same of rows of which nothing is there: each component has its share of them.
///
/// # Errors
///
/// As [`completed`].
pub fn nothing_there(
    mixture: &Mixture,
    covariances: &[f64],
    found: &MixtureStatistics,
) -> Result<MixtureStatistics, Error> {
    let (geometry, d) = (mixture.geometry(), mixture.n_features());
    let mut all = MixtureStatistics::zeros(geometry, d, memory::copied(mixture.means(), WHAT)?)?;
    (all.n_rows, all.total_weight) = (found.n_rows, found.total_weight);
    let Some(to) = all.model.as_mut() else { return Ok(all) };
    let shares: f64 = mixture.weights().iter().sum();
    for (k, weight) in mixture.weights().iter().enumerate() {
        let n = found.total_weight * (weight / shares);
        to.counts[k] = n;
        let target = &mut to.scatter[geometry.scatter(k, d)];
        let covariance = &covariances[geometry.factor(k, d)];
        match geometry {
            Geometry::Spherical => target[0] = n * covariance[0] * d as f64,
            Geometry::Diagonal => {
                target.iter_mut().zip(covariance).for_each(|(to, variance)| *to = n * variance);
            }
            Geometry::Full | Geometry::Tied => {
                for i in 0..d {
                    let row = target[triangle(i)..][..=i].iter_mut();
                    row.zip(&covariance[i * d..]).for_each(|(to, value)| *to += n * value);
                }
            }
        }
    }
    Ok(all)
}

/// What is missing as a function of what is there.
struct Regression {
    /// B, missing × there.
    slopes: Vec<f64>,
    /// C, missing × missing.
    rest: Vec<f64>,
}

impl Regression {
    /// Of a component, by the factor of the precision of what is there: with G = Σₘₒ U, B = G Uᵀ and
    /// C = Σₘₘ − G Gᵀ.
    fn new(known: &Known<'_>, covariance: &[f64], factor: &[f64]) -> Result<Self, Error> {
        let (d, o, m) = (known.mixture.n_features(), known.there.len(), known.missing.len());
        let mut whitened = part(covariance, d, known.missing, known.there)?;
        // U is upper triangular: column j of the product needs the columns up to j.
        for row in whitened.chunks_exact_mut(o.max(1)) {
            for j in (0..o).rev() {
                row[j] = (0..=j).map(|i| row[i] * factor[i * o + j]).sum();
            }
        }
        let mut slopes = memory::filled(m * o, 0.0, WHAT)?;
        let mut rest = part(covariance, d, known.missing, known.missing)?;
        for i in 0..m {
            let row = &whitened[i * o..][..o];
            for (j, slope) in slopes[i * o..][..o].iter_mut().enumerate() {
                *slope = linalg::dot(&row[j..], &factor[j * o + j..][..o - j]);
            }
            for j in 0..m {
                rest[i * m + j] -= linalg::dot(row, &whitened[j * o..][..o]);
            }
        }
        Ok(Self { slopes, rest })
    }

    /// Writes the second moments of all features as a lower triangle.
    fn complete(
        &self,
        known: &Known<'_>,
        scatter: &[f64],
        n: f64,
        target: &mut [f64],
    ) -> Result<(), Error> {
        let (o, m) = (known.there.len(), known.missing.len());
        let mut set = |i: usize, j: usize, value: f64| {
            target[triangle(i.max(j)) + i.min(j)] = value;
        };
        let mut square = memory::filled(o * o, 0.0, WHAT)?;
        for i in 0..o {
            for j in 0..=i {
                let value = scatter[triangle(i) + j];
                set(known.there[i], known.there[j], value);
                square[i * o + j] = value;
                square[j * o + i] = value;
            }
        }
        let mut product = memory::filled(o, 0.0, WHAT)?;
        for i in 0..m {
            let slopes = &self.slopes[i * o..][..o];
            for (j, value) in product.iter_mut().enumerate() {
                *value = linalg::dot(slopes, &square[j * o..][..o]);
                set(known.missing[i], known.there[j], *value);
            }
            for j in 0..=i {
                let value = linalg::dot(&product, &self.slopes[j * o..][..o]);
                set(known.missing[i], known.missing[j], value + n * self.rest[i * m + j]);
            }
        }
        Ok(())
    }
}
