//! Everything of a summary table in one pass.

use super::draws::{Draws, Layout, Packed, WHAT};
use super::engine::{Work, each_dimension};
use super::measures::{self, Moments};
use super::normal::NormalScores;
use super::order::OrderStatistics;
use super::r_hat::{FEWEST_DRAWS, bulk_r_hat, folded_r_hat, larger};
use crate::error::Error;
use crate::fold::Context;
use crate::memory;

/// The quantiles whose effective sample sizes make up that of the tails.
const TAILS: [f64; 2] = [0.05, 0.95];

/// One line of a summary table.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionSummary {
    /// The mean of all draws.
    pub mean: f64,
    /// Their standard deviation, unbiased in its square.
    pub sd: f64,
    /// Monte Carlo standard error of the mean.
    pub mcse_mean: f64,
    /// Monte Carlo standard error of the standard deviation.
    pub mcse_sd: f64,
    /// The quantiles asked for.
    pub quantiles: Vec<f64>,
    /// Bulk effective sample size.
    pub ess_bulk: f64,
    /// Tail effective sample size.
    pub ess_tail: f64,
    /// Rank-normalised split R-hat.
    pub r_hat: f64,
}

impl DimensionSummary {
    /// That of a dimension of which nothing is known.
    fn unknown(quantiles: usize) -> Result<Self, Error> {
        let nan = f64::NAN;
        Ok(Self {
            mean: nan,
            sd: nan,
            mcse_mean: nan,
            mcse_sd: nan,
            quantiles: memory::filled(quantiles, nan, "the quantiles of draws")?,
            ess_bulk: nan,
            ess_tail: nan,
            r_hat: nan,
        })
    }
}

/// Mean, standard deviation, their errors, quantiles, effective sample sizes and R-hat of every
/// dimension.
///
/// Each is what the function of that name gives; draws are sorted once. Fewer than four draws
/// per chain have mean, standard deviation and quantiles only, and a single chain has no R-hat.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if a quantile's probability is not in [0, 1] or a dimension has
/// 2³² draws or more; [`Error::Interrupted`] if the stop flag was raised.
pub fn summary(
    context: &Context,
    draws: &Draws<'_>,
    quantiles: &[f64],
) -> Result<Vec<DimensionSummary>, Error> {
    if let Some(p) = quantiles.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        let message = format!("probabilities must lie in [0, 1], found {p:?}");
        return Err(Error::InvalidArgument { name: "quantiles", message });
    }
    let unknown = || DimensionSummary::unknown(quantiles.len());
    if draws.chains() * draws.draws() == 0 {
        return memory::gathered((0..draws.dimensions()).map(|_| unknown()), WHAT);
    }
    if draws.draws() < FEWEST_DRAWS {
        return each_dimension(context, draws, Layout::Whole, unknown, |packed, work| {
            work.sorter.sort(&packed.values, context.stop())?;
            location_and_scale(packed, work, quantiles)
        });
    }
    let scores = measures::scores_of_halves(context, draws)?;
    let single = draws.chains() == 1;
    each_dimension(context, draws, Layout::Halves, unknown, |packed, work| {
        work.sorter.sort(&packed.values, context.stop())?;
        let line = location_and_scale(packed, work, quantiles)?;
        let line = with_errors(context, packed, work, line)?;
        let line =
            DimensionSummary { ess_bulk: measures::bulk(context, packed, work, &scores)?, ..line };
        if single { Ok(line) } else { with_r_hat(context, packed, work, &scores, line) }
    })
}

/// What needs no chains.
fn location_and_scale(
    packed: &Packed,
    work: &Work,
    quantiles: &[f64],
) -> Result<DimensionSummary, Error> {
    let moments = Moments::of(packed);
    let statistics = OrderStatistics::new(packed, &work.sorter)?;
    let quantiles = quantiles.iter().map(|&p| statistics.quantile(p));
    Ok(DimensionSummary {
        mean: moments.mean(),
        sd: moments.sd(),
        quantiles: memory::collected(quantiles, "the quantiles of draws")?,
        ..DimensionSummary::unknown(0)?
    })
}

fn with_errors(
    context: &Context,
    packed: &Packed,
    work: &mut Work,
    line: DimensionSummary,
) -> Result<DimensionSummary, Error> {
    let moments = Moments::of(packed);
    let statistics = OrderStatistics::new(packed, &work.sorter)?;
    let ess_tail = measures::tail(context, packed, &statistics, TAILS)?;
    Ok(DimensionSummary {
        ess_tail,
        mcse_mean: measures::error_of_mean(context, packed, work, &moments)?,
        mcse_sd: measures::error_of_sd(context, packed, work, &moments)?,
        ..line
    })
}

fn with_r_hat(
    context: &Context,
    packed: &Packed,
    work: &mut Work,
    scores: &NormalScores,
    line: DimensionSummary,
) -> Result<DimensionSummary, Error> {
    let bulk = bulk_r_hat(packed, work, scores, context.stop())?;
    let folded = folded_r_hat(packed, work, scores, context.stop())?;
    Ok(DimensionSummary { r_hat: larger(bulk, folded), ..line })
}
