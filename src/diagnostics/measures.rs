//! The diagnostics of one dimension, and each of them for all dimensions.

use super::bits::Indicators;
use super::draws::{Draws, Layout, Packed, WHAT};
use super::engine::{Work, each_dimension};
use super::geyer;
use super::lags::{Centred, lane_sum};
use super::normal::NormalScores;
use super::order::OrderStatistics;
use super::order::check_count;
use super::r_hat::{FEWEST_DRAWS, bulk_r_hat, folded_r_hat, larger};
use super::ranks;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;

/// Mean and moments around it, of all draws of a dimension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// One of the numbers: distances from it keep their digits if all have a large offset.
    pivot: f64,
    /// The mean, less the pivot.
    mean: f64,
    /// Σ (x − mean)².
    squares: f64,
    /// How many numbers there are.
    count: f64,
}

impl Moments {
    /// Of all numbers of a dimension, of which there is at least one.
    pub fn of(packed: &Packed) -> Self {
        let count = packed.len() as f64;
        let sum = |term: &dyn Fn(f64) -> f64| {
            lane_sum(&packed.values, term) + lane_sum(&packed.left_over, term)
        };
        let pivot = packed.values[0];
        let mean = sum(&|value| value - pivot) / count;
        let squares = sum(&|value| ((value - pivot) - mean).powi(2));
        Self { pivot, mean, squares, count }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.pivot + self.mean
    }

    /// The squared distance from the mean.
    fn square(&self, value: f64) -> f64 {
        ((value - self.pivot) - self.mean).powi(2)
    }

    /// The unbiased standard deviation.
    pub fn sd(&self) -> f64 {
        (self.squares / (self.count - 1.0)).sqrt()
    }
}

/// The largest less the smallest number.
fn range(values: &[f64]) -> f64 {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values {
        low = if value < low { value } else { low };
        high = if value > high { value } else { high };
    }
    high - low
}

/// The effective sample size of the normal scores, after `packed` was sorted.
pub(super) fn bulk(
    context: &Context,
    packed: &Packed,
    work: &mut Work,
    scores: &NormalScores,
) -> Result<f64, Error> {
    let series = &mut work.series;
    memory::resize(series, packed.values.len(), 0.0, WHAT)?;
    let (sorted, order) = (work.sorter.sorted(), work.sorter.order());
    let stop = context.stop();
    ranks::for_each_score(sorted, order, scores, stop, |place, score| series[place] = score)?;
    let constant = sorted[0] == sorted[sorted.len() - 1];
    let range = if constant { 0.0 } else { range(series) };
    geyer::of_numbers(context, &Centred::new(series, packed.length)?, range)
}

/// The effective sample size of a quantile: of the indicator of what lies at or below it.
pub(super) fn of_quantile(
    context: &Context,
    packed: &Packed,
    statistics: &OrderStatistics<'_>,
    p: f64,
) -> Result<f64, Error> {
    let threshold = statistics.quantile(p);
    let indicators = Indicators::at_most(&packed.values, packed.length, threshold)?;
    geyer::of_indicators(context, &indicators)
}

/// The smaller effective sample size of two quantiles.
pub(super) fn tail(
    context: &Context,
    packed: &Packed,
    statistics: &OrderStatistics<'_>,
    p: [f64; 2],
) -> Result<f64, Error> {
    let low = of_quantile(context, packed, statistics, p[0])?;
    Ok(low.min(of_quantile(context, packed, statistics, p[1])?))
}

/// The standard error of the mean.
pub(super) fn error_of_mean(
    context: &Context,
    packed: &Packed,
    work: &mut Work,
    moments: &Moments,
) -> Result<f64, Error> {
    let range = range(&packed.values);
    work.take(&packed.values)?;
    let size = geyer::of_numbers(context, &Centred::new(&mut work.series, packed.length)?, range)?;
    Ok(moments.sd() / size.sqrt())
}

/// The standard error of the standard deviation, from that of the variance (delta method).
pub(super) fn error_of_sd(
    context: &Context,
    packed: &Packed,
    work: &mut Work,
    moments: &Moments,
) -> Result<f64, Error> {
    work.take(&packed.values)?;
    work.series.iter_mut().for_each(|value| *value = moments.square(*value));
    let variance = moments.squares / moments.count;
    let spread = |square: f64| (square - variance).powi(2);
    let fourth = lane_sum(&work.series, spread)
        + lane_sum(&packed.left_over, |value| spread(moments.square(value)));
    let range = range(&work.series);
    let size = geyer::of_numbers(context, &Centred::new(&mut work.series, packed.length)?, range)?;
    Ok((fourth / moments.count / size / variance / 4.0).sqrt())
}

/// Whether there are draws enough.
fn too_short(draws: &Draws<'_>, chains: usize) -> bool {
    draws.chains() < chains || draws.draws() < FEWEST_DRAWS
}

/// The normal scores for the halves of all chains.
pub(super) fn scores_of_halves(
    context: &Context,
    draws: &Draws<'_>,
) -> Result<NormalScores, Error> {
    // Without dimensions there is nothing to score, however long the chains would be.
    let draws_in_halves = draws.draws() / 2 * 2;
    let count =
        if draws.dimensions() == 0 { 0 } else { draws.chains().saturating_mul(draws_in_halves) };
    check_count(count)?;
    NormalScores::new(context, count)
}

/// One number for each dimension, from halves of chains; NaN for a chain too short.
fn of_halves(
    context: &Context,
    draws: &Draws<'_>,
    measure: impl Fn(&Packed, &mut Work) -> Result<f64, Error> + Sync,
) -> Result<Vec<f64>, Error> {
    if too_short(draws, 1) {
        return memory::filled(draws.dimensions(), f64::NAN, WHAT);
    }
    each_dimension(context, draws, Layout::Halves, || Ok(f64::NAN), measure)
}

/// Rank-normalised split R-hat of every dimension: the larger one of bulk and folded ranks.
///
/// NaN with fewer than two chains or four draws.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if a dimension has 2³² draws or more; [`Error::Interrupted`] if
/// the stop flag was raised. The same for all functions of this file.
pub fn r_hat(context: &Context, draws: &Draws<'_>) -> Result<Vec<f64>, Error> {
    if too_short(draws, 2) {
        return memory::filled(draws.dimensions(), f64::NAN, WHAT);
    }
    let scores = scores_of_halves(context, draws)?;
    of_halves(context, draws, |packed, work| {
        work.sorter.sort(&packed.values, context.stop())?;
        let bulk = bulk_r_hat(packed, work, &scores, context.stop())?;
        Ok(larger(bulk, folded_r_hat(packed, work, &scores, context.stop())?))
    })
}

/// Bulk effective sample size of every dimension: that of the normal scores of ranks.
///
/// # Errors
///
/// As [`r_hat()`].
pub fn ess_bulk(context: &Context, draws: &Draws<'_>) -> Result<Vec<f64>, Error> {
    if too_short(draws, 1) {
        return memory::filled(draws.dimensions(), f64::NAN, WHAT);
    }
    let scores = scores_of_halves(context, draws)?;
    of_halves(context, draws, |packed, work| {
        work.sorter.sort(&packed.values, context.stop())?;
        bulk(context, packed, work, &scores)
    })
}

/// Tail effective sample size of every dimension: the smaller of those of two quantiles.
///
/// # Errors
///
/// As [`r_hat()`].
pub fn ess_tail(context: &Context, draws: &Draws<'_>, p: [f64; 2]) -> Result<Vec<f64>, Error> {
    of_halves(context, draws, |packed, work| {
        work.sorter.sort(&packed.values, context.stop())?;
        tail(context, packed, &OrderStatistics::new(packed, &work.sorter)?, p)
    })
}

/// Effective sample size of a quantile, for every dimension.
///
/// # Errors
///
/// As [`r_hat()`].
pub fn ess_quantile(context: &Context, draws: &Draws<'_>, p: f64) -> Result<Vec<f64>, Error> {
    of_halves(context, draws, |packed, work| {
        work.sorter.sort(&packed.values, context.stop())?;
        of_quantile(context, packed, &OrderStatistics::new(packed, &work.sorter)?, p)
    })
}

/// Monte Carlo standard error of the mean of every dimension.
///
/// # Errors
///
/// As [`r_hat()`].
pub fn mcse_mean(context: &Context, draws: &Draws<'_>) -> Result<Vec<f64>, Error> {
    of_halves(context, draws, |packed, work| {
        error_of_mean(context, packed, work, &Moments::of(packed))
    })
}

/// Monte Carlo standard error of the standard deviation of every dimension.
///
/// # Errors
///
/// As [`r_hat()`].
pub fn mcse_sd(context: &Context, draws: &Draws<'_>) -> Result<Vec<f64>, Error> {
    of_halves(context, draws, |packed, work| {
        error_of_sd(context, packed, work, &Moments::of(packed))
    })
}

/// The numbers of two ranks for every dimension, counted from 0 upwards in ascending order.
///
/// # Errors
///
/// As [`r_hat()`]; also [`Error::Shape`] if there are not two ranks for each dimension.
pub fn order_statistics(
    context: &Context,
    draws: &Draws<'_>,
    ranks: &[[usize; 2]],
) -> Result<Vec<[f64; 2]>, Error> {
    let dimensions = draws.dimensions();
    if ranks.len() != dimensions {
        let expected = format!("({dimensions}, 2)");
        return Err(Error::Shape { name: "ranks", expected, found: vec![ranks.len(), 2] });
    }
    let nan = [f64::NAN; 2];
    if draws.chains() * draws.draws() == 0 {
        return memory::filled(dimensions, nan, WHAT);
    }
    each_dimension(
        context,
        draws,
        Layout::Whole,
        || Ok(nan),
        |packed, work| {
            work.take(&packed.values)?;
            let last = work.series.len() - 1;
            Ok(ranks[packed.dimension]
                .map(|rank| *work.series.select_nth_unstable_by(rank.min(last), f64::total_cmp).1))
        },
    )
}
