//! Statistics of values with real weights: exact rational functions of sums, rounded once.
//!
//! With W = Σw, V = Σw², S = Σwx and Q = Σwx², all exact, the weighted sum of squared deviations
//! from the mean S/W is (W Q − S²) / W. What it is divided by depends on what weights are:
//!
//! * frequencies: n = W values, so the divisor is W − ddof, as of `DescrStatsW` in statsmodels;
//! * reliabilities: W − ddof V/W, the multiple of σ² that is its expectation for ddof = 1 if the
//!   weights are known and errors independent, as `numpy.cov` has it for `aweights`.
//!
//! Where all weights are 1, V = W and both are n − ddof.

use super::Summary;
use super::exact::{Exact, ratio, sqrt_ratio};
use super::weighted::{WeightKind, Weighted};

impl Weighted {
    /// W.
    pub(super) fn weight(&self) -> Exact {
        self.sums.weight.exact()
    }

    /// S / W; NaN of nothing.
    pub(super) fn mean(&self) -> f64 {
        self.mean_quotient().map_or(f64::NAN, |(above, below)| ratio(&above, &below))
    }

    /// The variance; NaN unless its divisor is above 0.
    pub(super) fn variance(&self, ddof: i64) -> f64 {
        self.variance_quotient(ddof).map_or(f64::NAN, |(above, below)| ratio(&above, &below))
    }

    /// Its root, rounded once.
    pub(super) fn standard_deviation(&self, ddof: i64) -> f64 {
        self.variance_quotient(ddof).map_or(f64::NAN, |(above, below)| sqrt_ratio(&above, &below))
    }

    /// √(variance(ddof = 1) / n), with W for the n of frequencies and W²/V for that of reliabilities.
    pub(super) fn standard_error(&self) -> f64 {
        self.squared_error_quotient().map_or(f64::NAN, |(above, below)| sqrt_ratio(&above, &below))
    }

    /// S and W, unless nothing has a weight.
    pub(super) fn mean_quotient(&self) -> Option<(Exact, Exact)> {
        let weight = self.weight();
        (!weight.is_zero()).then(|| (self.sums.first.exact(), weight))
    }

    /// The variance as a quotient of exact numbers, the lower one above 0.
    pub(super) fn variance_quotient(&self, ddof: i64) -> Option<(Exact, Exact)> {
        self.divisor(ddof).map(|divisor| (self.scatter(), divisor))
    }

    /// Likewise the square of the standard error.
    pub(super) fn squared_error_quotient(&self) -> Option<(Exact, Exact)> {
        let (scatter, divisor) = self.variance_quotient(1)?;
        let weight = self.weight();
        Some(match self.kind {
            WeightKind::Frequency => (scatter, &divisor * &weight),
            WeightKind::Reliability => {
                (&scatter * &self.sums.square.exact(), &divisor * &(&weight * &weight))
            }
        })
    }

    /// W Q − S².
    fn scatter(&self) -> Exact {
        let first = self.sums.first.exact();
        &(&self.weight() * &self.sums.second.exact()) - &(&first * &first)
    }

    /// W times the divisor, if that is above 0.
    fn divisor(&self, ddof: i64) -> Option<Exact> {
        let (weight, ddof) = (self.weight(), Exact::from(i128::from(ddof)));
        let divisor = match self.kind {
            WeightKind::Frequency => &weight * &(&weight - &ddof),
            WeightKind::Reliability => &(&weight * &weight) - &(&ddof * &self.sums.square.exact()),
        };
        (!divisor.is_zero() && !divisor.is_negative()).then_some(divisor)
    }
}

impl Summary {
    /// Σw of the finite values, correctly rounded: their number if they have no real weights.
    #[must_use]
    pub fn weight_sum(&self) -> f64 {
        self.weight_power_sum(1).nearest()
    }

    /// (Σw)² / Σw², correctly rounded: how many values of equal weights tell as much (Kish, 1965); NaN
    /// of no values.
    #[must_use]
    pub fn effective_sample_size(&self) -> f64 {
        let weight = self.weight_power_sum(1);
        ratio(&(&weight * &weight), &self.weight_power_sum(2))
    }
}
