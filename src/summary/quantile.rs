//! Quantiles from counts in ascending buckets: ranks, interpolation, and what is certain.

use super::sketch::Infinities;
use crate::error::Error;
use crate::memory;

/// How a quantile lies between two order statistics: the methods of `numpy.quantile`, after
/// Hyndman & Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as in NumPy")]
pub enum Method {
    InvertedCdf,
    AveragedInvertedCdf,
    ClosestObservation,
    InterpolatedInvertedCdf,
    Hazen,
    Weibull,
    Linear,
    MedianUnbiased,
    NormalUnbiased,
    Lower,
    Higher,
    Midpoint,
    Nearest,
}

impl Method {
    /// All of them by name. The last is what Polars calls the first.
    pub const ALL: [(&str, Self); 14] = [
        ("inverted_cdf", Self::InvertedCdf),
        ("averaged_inverted_cdf", Self::AveragedInvertedCdf),
        ("closest_observation", Self::ClosestObservation),
        ("interpolated_inverted_cdf", Self::InterpolatedInvertedCdf),
        ("hazen", Self::Hazen),
        ("weibull", Self::Weibull),
        ("linear", Self::Linear),
        ("median_unbiased", Self::MedianUnbiased),
        ("normal_unbiased", Self::NormalUnbiased),
        ("lower", Self::Lower),
        ("higher", Self::Higher),
        ("midpoint", Self::Midpoint),
        ("nearest", Self::Nearest),
        ("equiprobable", Self::InvertedCdf),
    ];

    /// The method of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, method)| method)
    }

    /// The order statistic, from 0, and the part of the way to the next one, of the quantile `q`
    /// of `count` numbers, one at least.
    ///
    /// In the arithmetic of `numpy.quantile`, which gives the ranks that people mean: 0.1 · 10 is
    /// 1, though the nearest float to 0.1 is above it.
    pub(super) fn place(self, q: f64, count: u64) -> (u64, f64) {
        let (n, last) = (count as f64, (count - 1) as f64);
        let between = |alpha: f64, beta: f64| n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
        let (index, part_of): (f64, fn(f64) -> f64) = match self {
            Self::InvertedCdf => (next_unless(n * q - 1.0, |_| true), |part| part),
            Self::ClosestObservation => {
                (next_unless(n * q - 1.0 - 0.5, |floor| floor.rem_euclid(2.0) == 1.0), |part| part)
            }
            Self::AveragedInvertedCdf => (n * q - 1.0, |part| if part == 0.0 { 0.5 } else { 1.0 }),
            Self::InterpolatedInvertedCdf => (between(0.0, 1.0), |part| part),
            Self::Hazen => (between(0.5, 0.5), |part| part),
            Self::Weibull => (between(0.0, 0.0), |part| part),
            Self::Linear => (last * q, |part| part),
            Self::MedianUnbiased => (between(1.0 / 3.0, 1.0 / 3.0), |part| part),
            Self::NormalUnbiased => (between(3.0 / 8.0, 3.0 / 8.0), |part| part),
            Self::Lower => ((last * q).floor(), |part| part),
            Self::Higher => ((last * q).ceil(), |part| part),
            Self::Midpoint => (0.5 * ((last * q).floor() + (last * q).ceil()), |part| part),
            Self::Nearest => ((last * q).round_ties_even(), |part| part),
        };
        if index < 0.0 {
            (0, 0.0)
        } else if index >= last {
            (count - 1, 0.0)
        } else {
            (index as u64, part_of(index - index.floor()))
        }
    }
}

/// The next integer above; of an integer that is `kept` itself.
fn next_unless(index: f64, kept: fn(f64) -> bool) -> f64 {
    let floor = index.floor();
    if index == floor && kept(floor) { floor } else { floor + 1.0 }
}

/// What is known of a number: it lies between `low` and `high`, for certain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// Not above it.
    pub low: f64,
    /// The best guess.
    pub estimate: f64,
    /// Not below it.
    pub high: f64,
}

impl Known {
    /// Known to the last bit.
    pub(super) fn exactly(value: f64) -> Self {
        Self { low: value, estimate: value, high: value }
    }

    /// The same, where another sketch knows that the number lies within its limits.
    pub(super) fn within(&self, other: &Self) -> Self {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        if low <= high {
            Self { low, estimate: self.estimate.max(low).min(high), high }
        } else {
            *self // NaN, or limits a rounding apart
        }
    }

    fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// What is `part` of the way from `self` to `next`, the order statistic after it.
    fn towards(&self, next: &Self, part: f64) -> Self {
        if part == 0.0 || part == 1.0 {
            return if part == 0.0 { *self } else { *next };
        }
        let estimate = between(self.estimate, next.estimate, part);
        // Infinities are always known.
        if self.is_exact() && next.is_exact() || !estimate.is_finite() {
            return Self::exactly(estimate);
        }
        // The interpolation of the true numbers rounds as well, and not always to the same side.
        let rounding = self.low.abs().max(next.high.abs()) * (2.0 * f64::EPSILON);
        Self {
            low: (between(self.low, next.low, part) - rounding).max(self.low),
            estimate,
            high: (between(self.high, next.high, part) + rounding).min(next.high),
        }
    }
}

/// Numbers of finite numbers in buckets.
pub(super) trait Buckets {
    /// Of each bucket that is not empty, from that of the least numbers on.
    fn counts(&self) -> impl Iterator<Item = u64>;

    /// What is known of the number of a rank, from 0, among those in a bucket, where all numbers
    /// lie between `min` and `max`. Estimates and limits ascend with the rank.
    fn known(&self, bucket: usize, rank: u64, min: f64, max: f64) -> Known;
}

/// All order statistics.
pub(super) struct Sorted<'b, B> {
    buckets: &'b B,
    /// How many numbers there are in each bucket and below it.
    below: Vec<u64>,
    /// With the infinities.
    count: u64,
    infinities: Infinities,
    /// The least and the greatest, if they are known.
    ends: Option<[f64; 2]>,
}

impl<'b, B: Buckets> Sorted<'b, B> {
    /// From the least and the greatest of all numbers, if they are known; infinities are in no bucket.
    pub(super) fn new(
        buckets: &'b B,
        infinities: Infinities,
        ends_of_all: Option<[f64; 2]>,
    ) -> Result<Self, Error> {
        let mut end = infinities.negative;
        let ends = buckets.counts().map(|count| {
            end = end.saturating_add(count);
            end
        });
        let ends = memory::collected(ends, "the ranks of quantiles")?;
        let finite = ends.last().copied().unwrap_or(infinities.negative);
        let count = finite.saturating_add(infinities.positive);
        Ok(Self { buckets, below: ends, count, infinities, ends: ends_of_all })
    }

    /// The quantile `q`, from 0 to 1; NaN of no numbers. Between a finite number and an infinity
    /// lies the infinity, and between the two infinities NaN.
    pub(super) fn quantile(&self, q: f64, method: Method) -> Known {
        if self.count == 0 || !(0.0..=1.0).contains(&q) {
            return Known::exactly(f64::NAN);
        }
        let (below, part) = method.place(q, self.count);
        let low = self.at(below);
        if part == 0.0 { low } else { low.towards(&self.at(below + 1), part) }
    }

    /// The order statistic of a rank below the number of all.
    fn at(&self, rank: u64) -> Known {
        let Infinities { negative, positive } = self.infinities;
        let (min, max) = self.ends.map_or((f64::MIN, f64::MAX), Into::into);
        if rank < negative {
            return Known::exactly(f64::NEG_INFINITY);
        }
        if rank >= self.count - positive {
            return Known::exactly(f64::INFINITY);
        }
        if self.ends.is_some() && rank == 0 {
            return Known::exactly(min);
        }
        if self.ends.is_some() && rank >= self.count - 1 {
            return Known::exactly(max);
        }
        let bucket = self.below.partition_point(|&end| end <= rank);
        let start = bucket.checked_sub(1).map_or(negative, |before| self.below[before]);
        let min = if negative == 0 { min } else { f64::MIN };
        let max = if positive == 0 { max } else { f64::MAX };
        self.buckets.known(bucket, rank - start, min, max)
    }
}

/// The number that is `part` of the way from `low` to `high`, by the formula of `numpy.quantile`.
pub(super) fn between(low: f64, high: f64, part: f64) -> f64 {
    if part == 0.0 || low == high {
        return low;
    }
    if part == 1.0 {
        return high;
    }
    if low.is_infinite() || high.is_infinite() {
        return low + high;
    }
    let width = high - low;
    let value = if width.is_infinite() {
        low * (1.0 - part) + high * part
    } else if part < 0.5 {
        low + width * part
    } else {
        high - width * (1.0 - part)
    };
    value.max(low).min(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_that_people_mean() {
        let place = |q, n| Method::Linear.place(q, n);
        assert_eq!(place(0.1, 11), (1, 0.0));
        assert_eq!(place(0.7, 11), (7, 0.0));
        assert_eq!(place(0.5, 6), (2, 0.5));
        assert_eq!(place(0.25, 1), (0, 0.0));
        assert_eq!(place(0.0, 9), (0, 0.0));
        assert_eq!(place(-0.0, 9), (0, 0.0));
        assert_eq!(place(5e-324, 3), (0, 1e-323));
        assert_eq!(place(1.0, u64::MAX), (u64::MAX - 1, 0.0));
        assert_eq!(place(0.5, u64::MAX), (1 << 63, 0.0));
        for (_, method) in Method::ALL {
            for count in [1, 2, 3, 10, 1 << 53, u64::MAX] {
                let mut before = (0, 0.0);
                for q in (0..=1000).map(|i| f64::from(i) / 1000.0) {
                    let found = method.place(q, count);
                    assert!(found.0 < count && (0.0..=1.0).contains(&found.1));
                    assert!(found.1 == 0.0 || found.0 + 1 < count, "{method:?} {q} of {count}");
                    assert!(found >= before, "{method:?} {q} of {count}");
                    before = found;
                }
            }
        }
    }

    #[test]
    fn interpolation_stays_between() {
        assert_eq!(between(0.0, 1.0, 0.25), 0.25);
        assert_eq!(between(f64::MIN, f64::MAX, 0.5), 0.0);
        assert_eq!(between(f64::NEG_INFINITY, 1.0, 0.5), f64::NEG_INFINITY);
        assert_eq!(between(f64::NEG_INFINITY, 1.0, 1.0), 1.0);
        assert_eq!(between(1.0, f64::INFINITY, 0.5), f64::INFINITY);
        assert!(between(f64::NEG_INFINITY, f64::INFINITY, 0.5).is_nan());
    }
}
