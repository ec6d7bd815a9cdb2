//! The integrated autocorrelation time, with Sokal's window.

use super::autocovariance::Autocovariance;
use super::draws::{Draws, Layout, Packed, WHAT};
use super::engine::{Work, each_dimension};
use super::lags::Centred;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;

/// The integrated autocorrelation time τ = 1 + 2 Σ ρₜ of every dimension.
///
/// The sum ends at the first lag t ≥ c τ, τ being the sum so far (Sokal, "Monte Carlo methods in
/// statistical mechanics: foundations and new algorithms", 1996). ρ is averaged over the chains,
/// each with its own mean and variance, as emcee's `integrated_time` does. NaN with fewer than
/// two draws, and where a chain is constant.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if `c` is not positive; [`Error::Interrupted`] if the stop flag
/// was raised.
pub fn autocorrelation_time(
    context: &Context,
    draws: &Draws<'_>,
    c: f64,
) -> Result<Vec<f64>, Error> {
    if c.is_nan() || c <= 0.0 {
        let message = format!("must be positive, found {c:?}");
        return Err(Error::InvalidArgument { name: "c", message });
    }
    if draws.chains() == 0 || draws.draws() < 2 {
        return memory::filled(draws.dimensions(), f64::NAN, WHAT);
    }
    each_dimension(
        context,
        draws,
        Layout::Whole,
        || Ok(f64::NAN),
        |packed, work| of_dimension(context, packed, work, c),
    )
}

fn of_dimension(context: &Context, packed: &Packed, work: &mut Work, c: f64) -> Result<f64, Error> {
    work.take(&packed.values)?;
    let mut series = Centred::new(&mut work.series, packed.length)?;
    if !series.normalise() {
        return Ok(f64::NAN);
    }
    let mut autocovariance = Autocovariance::new(context, &series);
    // The autocovariance of a chain whose squares sum to 1 is its autocorrelation over n.
    let n = packed.length as f64;
    let mut time = 2.0 * autocovariance.at(0)? * n - 1.0;
    for lag in 1..packed.length {
        time = (2.0 * n).mul_add(autocovariance.at(lag)?, time);
        // The sum over all lags is 0, so this comes true sooner or later.
        if lag as f64 >= c * time {
            break;
        }
    }
    Ok(time)
}
