//! Autocovariances, as many lags as are asked for.

use super::draws::WHAT;
use super::fourier;
use super::lags::{Series, Sums};
use crate::error::Error;
use crate::fold::{Context, Partition};
use crate::memory;
use crate::simd::ln;

/// Lags computed at first; independent draws need no more.
const FIRST_LAGS: usize = 8;
/// From this lag on, all of them by Fourier transforms cost less than one after the other.
const DIRECT_LAGS: usize = 128;
/// From this lag on, that is so if autocovariances have hardly begun to fall.
const FEWEST_LAGS: usize = 32;
/// What counts as hardly, as a share of the variance.
const HIGH: f64 = 0.5;
/// The share of the variance at which autocovariances are taken to have died away.
const LOW: f64 = 1e-3;
/// At most this many partial sums over pieces.
const PARTS: usize = 16;

/// The autocovariances of pieces of chains, averaged over the pieces.
///
/// Which lags are computed together depends on the series alone, so the bits do not depend on
/// the threads.
pub(super) struct Autocovariance<'a, S> {
    context: &'a Context,
    series: &'a S,
    known: Vec<f64>,
}

impl<'a, S: Series> Autocovariance<'a, S> {
    /// Of a series; computes nothing yet.
    pub fn new(context: &'a Context, series: &'a S) -> Self {
        Self { context, series, known: Vec::new() }
    }

    /// (1 / n) Σⱼ yⱼ yⱼ₊ₜ, averaged over the pieces, for a lag t < n.
    pub fn at(&mut self, lag: usize) -> Result<f64, Error> {
        while self.known.len() <= lag {
            let sums = self.next_lags()?;
            let numbers = (self.series.length() * self.series.pieces()) as f64;
            memory::reserve(&mut self.known, sums.len(), WHAT)?;
            self.known.extend(sums.iter().map(|sum| sum / numbers));
        }
        Ok(self.known[lag])
    }

    /// The sums for the lags that follow the known ones.
    fn next_lags(&self) -> Result<Vec<f64>, Error> {
        let (known, length) = (self.known.len(), self.series.length());
        let share = self.known.last().map_or(1.0, |last| last / self.known[0]);
        if known >= DIRECT_LAGS || (known >= FEWEST_LAGS && share > HIGH) {
            let lags = lags_needed(known, share, length);
            let mut sums = fourier::lag_sums(self.context, self.series, lags)?;
            sums.drain(..known);
            return Ok(sums);
        }
        let lags = known..(2 * known).max(FIRST_LAGS).min(length);
        let pieces = self.series.pieces();
        let partition = Partition::new(pieces, pieces.div_ceil(PARTS));
        let sums = self.context.fold(&partition, |pieces| {
            let mut sums = memory::filled(lags.len(), 0.0, WHAT)?;
            self.series.add_lags(pieces, lags.clone(), &mut sums);
            Ok(Sums(sums))
        })?;
        Ok(sums.0)
    }
}

/// How many lags to compute by transforms: a quarter, which often takes half the transform, or
/// all, if the `known` first ones fall too slowly for that or have not fallen.
fn lags_needed(known: usize, share: f64, length: usize) -> usize {
    let quarter = length / 4;
    // As if they fell by the same factor from lag to lag.
    let until_low = known as f64 * ln(LOW) / ln(share.clamp(f64::MIN_POSITIVE, 0.999_999));
    if known < quarter && until_low < quarter as f64 { quarter } else { length }
}
