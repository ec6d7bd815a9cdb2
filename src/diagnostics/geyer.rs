//! The effective sample size from autocovariances, cut off as Geyer proposed.

use super::autocovariance::Autocovariance;
use super::bits::Indicators;
use super::draws::WHAT;
use super::lags::{Centred, Series};
use super::r_hat::variance;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::simd::ln;

/// Series whose numbers differ by less are taken as constant, as ArviZ does.
const RESOLUTION: f64 = 1e-15;

/// The effective sample size of a series of range `range` (largest less smallest number).
pub(super) fn of_numbers(
    context: &Context,
    series: &Centred<'_>,
    range: f64,
) -> Result<f64, Error> {
    if range < RESOLUTION {
        return Ok((series.pieces() * series.length()) as f64);
    }
    let means = memory::collected(series.moments.iter().map(|piece| piece.mean), WHAT)?;
    effective_sample_size(context, series, &means)
}

/// The effective sample size of a series of 0 and 1.
pub(super) fn of_indicators(context: &Context, series: &Indicators) -> Result<f64, Error> {
    if series.are_constant() {
        return Ok((series.pieces() * series.length()) as f64);
    }
    let means = memory::collected(series.means(), WHAT)?;
    effective_sample_size(context, series, &means)
}

/// Draws over τ, the autocorrelation time: Vehtari et al. (2021), equations 10 to 13.
fn effective_sample_size<S: Series>(
    context: &Context,
    series: &S,
    means: &[f64],
) -> Result<f64, Error> {
    let n = series.length();
    let mut autocovariance = Autocovariance::new(context, series);
    let within = autocovariance.at(0)? * n as f64 / (n as f64 - 1.0);
    let mut total = within * (n as f64 - 1.0) / n as f64;
    if means.len() > 1 {
        total += variance(means);
    }
    let size = (n * means.len()) as f64;
    let time = autocorrelation_time(n, |lag| Ok(1.0 - (within - autocovariance.at(lag)?) / total))?;
    // Antithetic chains: no more than size · log₁₀ size.
    Ok(size / time.max(std::f64::consts::LN_10 / ln(size)))
}

/// 1 + 2 Σ ρₜ over Geyer's initial monotone sequence, of a series of `n` numbers.
///
/// Sums of pairs ρ₂ₖ + ρ₂ₖ₊₁ are positive and decrease (Geyer, "Practical Markov chain Monte
/// Carlo", Statistical Science 7(4), 1992): the sequence ends with the last positive one, and
/// none counts more than that before it. NaN if a correlation is.
fn autocorrelation_time(
    n: usize,
    mut correlation: impl FnMut(usize) -> Result<f64, Error>,
) -> Result<f64, Error> {
    let (mut even, mut odd) = (1.0, correlation(1)?);
    let mut pairs: Vec<[f64; 2]> = vec![[even, odd]];
    let mut next = 2;
    while next + 2 < n && even + odd > 0.0 {
        (even, odd) = (correlation(next)?, correlation(next + 1)?);
        next += 2;
        if even + odd >= 0.0 {
            memory::push(&mut pairs, [even, odd], WHAT)?;
        }
    }
    if even.is_nan() || odd.is_nan() {
        return Ok(f64::NAN);
    }
    // Of the last pair looked at only the even half counts: if it is positive, or the pair is.
    let last = if even > 0.0 || even + odd >= 0.0 { even } else { 0.0 };
    pairs.truncate(next / 2 - 1);
    for k in 1..pairs.len() {
        let (sum, before) = (pairs[k][0] + pairs[k][1], pairs[k - 1][0] + pairs[k - 1][1]);
        if sum > before {
            pairs[k] = [before / 2.0; 2];
        }
    }
    let sum: f64 = pairs.iter().flatten().sum();
    Ok(-1.0 + 2.0 * sum + last)
}
