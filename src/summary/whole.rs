//! Summaries of whole numbers that stand for something else: units of time, decimals.
//!
//! What one of them stands for is an exact number, so that these reads are rounded once as all others.

use num_bigint::BigInt;

use super::exact::{Exact, nearest_integer, nearest_root, ratio, sqrt_ratio};
use super::reads::{divisor, second};
use super::states::State;
use super::weighted::Weighted;

/// What is read; spreads with their `ddof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "statistics have their names")]
pub enum Statistic {
    Min,
    Max,
    Sum,
    Mean,
    Variance(i64),
    StandardDeviation(i64),
    StandardError,
}

impl Statistic {
    /// That of a name.
    #[must_use]
    pub fn named(name: &str, ddof: i64) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "var" => Self::Variance(ddof),
            "std" => Self::StandardDeviation(ddof),
            "sem" => Self::StandardError,
            _ => return None,
        })
    }

    /// Whether a state has it.
    #[must_use]
    pub fn is_there(self, state: &State) -> bool {
        let count = state.counts().count;
        match self {
            Self::Sum => true,
            _ if state.weighted().is_some() => state.quotient(self).is_some(),
            Self::Min | Self::Max => state.range().is_some(),
            Self::Mean => count > 0,
            Self::Variance(ddof) | Self::StandardDeviation(ddof) => divisor(count, ddof).is_some(),
            Self::StandardError => count > 1,
        }
    }

    fn is_root(self) -> bool {
        matches!(self, Self::StandardDeviation(_) | Self::StandardError)
    }

    fn is_square(self) -> bool {
        self.is_root() || matches!(self, Self::Variance(_))
    }
}

impl State {
    /// A statistic of numbers each of which stands for `factor` units, as the nearest whole number of
    /// these; `None` if there is none.
    #[must_use]
    pub fn whole(&self, statistic: Statistic, factor: u64) -> Option<BigInt> {
        let (above, below) = self.quotient(statistic)?;
        let factor = Exact::from(factor);
        let above = &above * &factor;
        let above = if statistic.is_square() { &above * &factor } else { above };
        if statistic.is_root() {
            nearest_root(&above, &below)
        } else {
            nearest_integer(&above, &below)
        }
    }

    /// A statistic of decimals with so many places, rounded once; NaN if there is none.
    #[must_use]
    pub fn of_decimals(&self, statistic: Statistic, places: u32) -> f64 {
        let Some((above, below)) = self.quotient(statistic) else { return f64::NAN };
        let places = if statistic.is_square() { 2 * places } else { places };
        let below = &below * &Exact::new(BigInt::from(10_u8).pow(places), 0);
        if statistic.is_root() { sqrt_ratio(&above, &below) } else { ratio(&above, &below) }
    }

    /// A statistic of the numbers as a quotient of exact ones, or its square if it is a root.
    fn quotient(&self, statistic: Statistic) -> Option<(Exact, Exact)> {
        let whole = |number: Exact| (number, Exact::from(1_i128));
        match (statistic, self.weighted()) {
            (Statistic::Min, _) => Some(whole(self.range()?.0.integer()?.into())),
            (Statistic::Max, _) => Some(whole(self.range()?.1.integer()?.into())),
            (Statistic::Sum, _) => Some(whole(self.power_sum(1).unwrap_or_default())),
            (Statistic::Mean, Some(weighted)) => weighted.mean_quotient(),
            (Statistic::Variance(ddof) | Statistic::StandardDeviation(ddof), Some(weighted)) => {
                weighted.variance_quotient(ddof)
            }
            (Statistic::StandardError, Some(weighted)) => weighted.squared_error_quotient(),
            (_, None) if !statistic.is_there(self) => None,
            (Statistic::Mean, None) => Some((self.power_sum(1)?, self.counts().count.into())),
            (Statistic::Variance(ddof) | Statistic::StandardDeviation(ddof), None) => {
                self.variance_quotient(ddof)
            }
            (Statistic::StandardError, None) => {
                let (above, below) = self.variance_quotient(1)?;
                Some((above, &below * &self.counts().count.into()))
            }
        }
    }

    fn variance_quotient(&self, ddof: i64) -> Option<(Exact, Exact)> {
        let count = self.counts().count;
        let sums = [self.power_sum(1)?, self.power_sum(2)?];
        Some((second(count, &sums), divisor(count, ddof)?))
    }

    fn weighted(&self) -> Option<&Weighted> {
        match self {
            Self::Short(_) => None,
            Self::Whole(summary) => summary.parts()?.weighted.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::summary::{Settings, Summary};

    fn state(values: &[i64]) -> State {
        let mut summary = Summary::new(&Settings::default()).unwrap();
        for &value in values {
            let id = || -> Result<_, crate::error::Error> { Ok(crate::summary::Id::Integer(0)) };
            summary.push(Some(i128::from(value).into()), id, 1).unwrap();
        }
        summary.into()
    }

    #[test]
    fn statistics_are_those_of_what_is_counted() {
        let days = state(&[1, 2, 4]);
        assert_eq!(days.whole(Statistic::Mean, 3), Some(7.into()));
        assert_eq!(days.whole(Statistic::Max, 86_400), Some((4 * 86_400).into()));
        // The variance is 7 / 3, 15.28² as large in tenths.
        assert_eq!(days.whole(Statistic::StandardDeviation(1), 10), Some(15.into()));
        assert_eq!(days.whole(Statistic::Variance(1), 10), Some(233.into()));
        assert_eq!(days.whole(Statistic::Variance(3), 10), None);
        assert_eq!(days.of_decimals(Statistic::Sum, 1), 0.7);
        assert_eq!(days.of_decimals(Statistic::Mean, 2), 7.0 / 300.0);
        assert_eq!(State::identity().whole(Statistic::Mean, 1), None);
        assert_eq!(State::identity().whole(Statistic::Sum, 1), Some(0.into()));
        assert!(State::identity().of_decimals(Statistic::Max, 1).is_nan());
        assert_eq!(Statistic::named("median", 1), None);
    }

    proptest! {
        #[test]
        fn without_places_they_are_those_of_numbers(values in prop::collection::vec(-1000..1000_i64, 0..20)) {
            let state = state(&values);
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            prop_assert!(same(state.of_decimals(Statistic::Mean, 0), state.mean()));
            prop_assert!(same(state.of_decimals(Statistic::Variance(1), 0), state.variance(1)));
            prop_assert!(same(state.of_decimals(Statistic::StandardDeviation(0), 0), state.standard_deviation(0)));
            prop_assert!(same(state.of_decimals(Statistic::StandardError, 0), state.standard_error()));
        }
    }
}
