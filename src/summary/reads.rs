//! Statistics of a summary: exact rational functions of its power sums, rounded once.
//!
//! With n finite values and Sₖ = Σxᵏ, both exact, the central moments mₖ = Σ(x − x̄)ᵏ / n are
//! the quotients of exact numbers
//!
//! * M₂ = n² m₂ = n S₂ − S₁²
//! * M₃ = n³ m₃ = n² S₃ − 3 n S₁ S₂ + 2 S₁³
//! * M₄ = n⁴ m₄ = n³ S₄ − 4 n² S₁ S₃ + 6 n S₁² S₂ − 3 S₁⁴
//!
//! Nothing cancels badly where nothing is rounded, so that these textbook formulas, notorious in
//! floating point, are the right ones here. All statistics pass over NaN and nulls.

use super::exact::{Exact, ratio, sqrt_ratio, with_sign};
use super::prefixes::PrefixSketch;
use super::quantile::{Buckets, Known, Method, Sorted};
use super::sketch::{Infinities, Sketch};
use super::weighted::Weighted;
use super::{Counts, Summary};
use crate::error::Error;
use crate::memory;

/// What memory of the number of quantiles asked for is for, in errors.
const QUANTILES: &str = "the quantiles";

/// S₁ / n; NaN of nothing.
#[must_use]
pub fn mean(count: u64, sum: &Exact) -> f64 {
    ratio(sum, &count.into())
}

/// Σ(x − x̄)² / (n − ddof) = M₂ / (n (n − ddof)); NaN unless n > max(ddof, 0).
#[must_use]
pub fn variance(count: u64, sums: &[Exact; 2], ddof: i64) -> f64 {
    match divisor(count, ddof) {
        Some(divisor) => ratio(&second(count, sums), &divisor),
        None => f64::NAN,
    }
}

/// The square root of the [`variance`], rounded once.
#[must_use]
pub fn standard_deviation(count: u64, sums: &[Exact; 2], ddof: i64) -> f64 {
    match divisor(count, ddof) {
        Some(divisor) => sqrt_ratio(&second(count, sums), &divisor),
        None => f64::NAN,
    }
}

/// The standard error of the mean, √(variance(ddof = 1) / n) = √(M₂ / (n² (n − 1))).
#[must_use]
pub fn standard_error(count: u64, sums: &[Exact; 2]) -> f64 {
    match divisor(count, 1) {
        Some(divisor) => sqrt_ratio(&second(count, sums), &(&divisor * &count.into())),
        None => f64::NAN,
    }
}

/// g₁ = m₃ / m₂^(3/2) = ±√(M₃² / M₂³), the population's skewness: type 1 of Joanes & Gill
/// (1998), as `scipy.stats.skew` and R's `e1071::skewness(type = 1)`; NaN if all values are equal.
#[must_use]
pub fn skewness(count: u64, sums: &[Exact; 3]) -> f64 {
    let [s1, s2, s3] = sums;
    let n = &Exact::from(count);
    let m2 = second(count, &[s1.clone(), s2.clone()]);
    // n (n S₃ − 3 S₁ S₂) + 2 S₁³
    let inner = &(n * s3) - &(&times(3, s1) * s2);
    let m3 = &(n * &inner) + &times(2, &(s1 * &(s1 * s1)));
    let magnitude = sqrt_ratio(&(&m3 * &m3), &(&m2 * &(&m2 * &m2)));
    with_sign(m3.is_negative(), magnitude)
}

/// g₂ = m₄ / m₂² − 3 = (M₄ − 3 M₂²) / M₂², the population's excess kurtosis: type 1 of Joanes &
/// Gill (1998), as `scipy.stats.kurtosis` and R's `e1071::kurtosis(type = 1)`; NaN if all values
/// are equal.
#[must_use]
pub fn kurtosis(count: u64, sums: &[Exact; 4]) -> f64 {
    let [s1, s2, s3, s4] = sums;
    let n = &Exact::from(count);
    let m2 = second(count, &[s1.clone(), s2.clone()]);
    let square = &(s1 * s1);
    // n (n (n S₄ − 4 S₁ S₃) + 6 S₁² S₂) − 3 S₁⁴
    let inner = &(n * s4) - &(&times(4, s1) * s3);
    let inner = &(n * &inner) + &(&times(6, square) * s2);
    let m4 = &(n * &inner) - &times(3, &(square * square));
    let m2_squared = &m2 * &m2;
    ratio(&(&m4 - &times(3, &m2_squared)), &m2_squared)
}

/// n (n − ddof), if a variance may be divided by it: 0 where n is, and the quotient NaN.
pub(super) fn divisor(count: u64, ddof: i64) -> Option<Exact> {
    let degrees = i128::from(count) - i128::from(ddof);
    (degrees > 0).then(|| &Exact::from(count) * &Exact::from(degrees))
}

/// M₂ = n S₂ − S₁².
pub(super) fn second(count: u64, [s1, s2]: &[Exact; 2]) -> Exact {
    &(&Exact::from(count) * s2) - &(s1 * s1)
}

fn times(factor: i128, number: &Exact) -> Exact {
    &Exact::from(factor) * number
}

impl Summary {
    /// A summary of nothing with the same settings; the identity has the default ones.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn empty_like(&self) -> Result<Self, Error> {
        self.empty_parts().map(Self::from)
    }

    /// Σx, or Σwx, correctly rounded; an infinity if there is one among the values, NaN if both are.
    #[must_use]
    pub fn sum(&self) -> f64 {
        infinite_sum(&self.counts()).unwrap_or_else(|| self.exact_sum().nearest())
    }

    /// The mean, correctly rounded; infinities as in [`sum`](Self::sum), NaN of no values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let counts = self.counts();
        infinite_sum(&counts).unwrap_or_else(|| match self.weighted() {
            Some(weighted) => weighted.mean(),
            None => mean(counts.count, &self.exact_sum()),
        })
    }

    /// The variance with divisor n − `ddof`, correctly rounded; NaN if that is not positive or
    /// there is an infinity.
    #[must_use]
    pub fn variance(&self, ddof: i64) -> f64 {
        self.of_weighted(|weighted| weighted.variance(ddof)).unwrap_or_else(|| {
            self.of_sums(|count, sums| variance(count, sums, ddof)).unwrap_or(f64::NAN)
        })
    }

    /// The square root of the [`variance`](Self::variance), correctly rounded.
    #[must_use]
    pub fn standard_deviation(&self, ddof: i64) -> f64 {
        self.of_weighted(|weighted| weighted.standard_deviation(ddof)).unwrap_or_else(|| {
            self.of_sums(|count, sums| standard_deviation(count, sums, ddof)).unwrap_or(f64::NAN)
        })
    }

    /// The standard error of the mean, correctly rounded; NaN of fewer than two values or an
    /// infinity.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.of_weighted(Weighted::standard_error)
            .unwrap_or_else(|| self.of_sums(standard_error).unwrap_or(f64::NAN))
    }

    /// The population's skewness g₁, correctly rounded; NaN if all values are equal or one is
    /// infinite. `None` if the third power sum is not kept.
    #[must_use]
    pub fn skewness(&self) -> Option<f64> {
        self.of_sums(skewness)
    }

    /// The population's excess kurtosis g₂, correctly rounded; NaN if all values are equal or
    /// one is infinite. `None` if the fourth power sum is not kept.
    #[must_use]
    pub fn kurtosis(&self) -> Option<f64> {
        self.of_sums(kurtosis)
    }

    /// By how much an order statistic that is read may be off, as a part of its true value: the
    /// smaller error of the two sketches, 0 where all values are known. `None` without a sketch.
    #[must_use]
    pub fn quantile_error(&self) -> Option<f64> {
        let prefixes = self.prefixes().map(PrefixSketch::relative_error);
        let sketch = self.sketch().map(Sketch::relative_error);
        prefixes.into_iter().chain(sketch).reduce(f64::min)
    }

    /// The quantiles `q`, from 0 to 1, as the sketch with the smaller error estimates them, and
    /// between which numbers they lie, as all sketches know; NaN of no values. `None` without a
    /// sketch.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn quantiles(&self, q: &[f64], method: Method) -> Option<Result<Vec<Known>, Error>> {
        if self.is_identity() {
            let unknown = q.iter().map(|_| Known::exactly(f64::NAN));
            return Some(memory::collected(unknown, QUANTILES));
        }
        let by_prefixes = self.prefixes().map(|sketch| self.known(sketch, q, method));
        let by_error = self.sketch().map(|sketch| self.known(sketch, q, method));
        Some(match (by_prefixes, by_error) {
            (Some(by_prefixes), Some(by_error)) => by_prefixes.and_then(|by_prefixes| {
                let error = |sketch: Option<f64>| sketch.unwrap_or(f64::INFINITY);
                let prefixes = error(self.prefixes().map(PrefixSketch::relative_error));
                let finer = prefixes <= error(self.sketch().map(Sketch::relative_error));
                let (finer, other) =
                    if finer { (by_prefixes, by_error?) } else { (by_error?, by_prefixes) };
                let both = finer.iter().zip(&other).map(|(finer, other)| finer.within(other));
                memory::collected(both, QUANTILES)
            }),
            (one, other) => one.or(other)?,
        })
    }

    /// What one of the sketches knows.
    fn known(&self, sketch: &impl Buckets, q: &[f64], method: Method) -> Result<Vec<Known>, Error> {
        let counts = self.counts();
        let infinities = Infinities {
            negative: counts.negative_infinity_count,
            positive: counts.positive_infinity_count,
        };
        let ends = self.minimum().zip(self.maximum());
        let ends = ends.map(|(min, max)| [min.nearest(), max.nearest()]);
        let sorted = Sorted::new(sketch, infinities, ends)?;
        memory::collected(q.iter().map(|&q| sorted.quantile(q, method)), QUANTILES)
    }

    fn exact_sum(&self) -> Exact {
        self.power_sum(1).unwrap_or_default()
    }

    /// `read` of the sums with real weights, if there are such; NaN if there is an infinity.
    fn of_weighted(&self, read: impl FnOnce(&Weighted) -> f64) -> Option<f64> {
        let finite = infinite_sum(&self.counts()).is_none();
        self.weighted().map(|weighted| if finite { read(weighted) } else { f64::NAN })
    }

    /// `read` of the number of values and their first K power sums, if these are kept; NaN if
    /// there is an infinity.
    fn of_sums<const K: usize>(&self, read: impl FnOnce(u64, &[Exact; K]) -> f64) -> Option<f64> {
        let counts = self.counts();
        let mut sums = std::array::from_fn(|_| Exact::default());
        for (k, sum) in (1..).zip(&mut sums) {
            *sum = self.power_sum(k)?;
        }
        let finite = infinite_sum(&counts).is_none();
        Some(if finite { read(counts.count, &sums) } else { f64::NAN })
    }
}

/// The sum of the infinities, if there are any.
fn infinite_sum(counts: &Counts) -> Option<f64> {
    match (counts.negative_infinity_count, counts.positive_infinity_count) {
        (0, 0) => None,
        (0, _) => Some(f64::INFINITY),
        (_, 0) => Some(f64::NEG_INFINITY),
        _ => Some(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::exact::tests::{compare, exact, is_nearest};
    use super::*;

    fn sums<const K: usize>(values: &[f64]) -> (u64, [Exact; K]) {
        let mut sums = std::array::from_fn(|_| Exact::default());
        for &value in values {
            let mut power = Exact::from(1_i128);
            for sum in &mut sums {
                power = &power * &exact(value);
                *sum = &*sum + &power;
            }
        }
        (values.len() as u64, sums)
    }

    /// Σ (n x − S₁)ᵏ = nᵏ⁺¹ mₖ, value by value.
    fn central<const K: usize>(values: &[f64]) -> [Exact; K] {
        let n = Exact::from(values.len() as u64);
        let total = values.iter().fold(Exact::default(), |sum, &x| &sum + &exact(x));
        let mut sums = std::array::from_fn(|_| Exact::default());
        for &value in values {
            let difference = &(&n * &exact(value)) - &total;
            let mut power = Exact::from(1_i128);
            for sum in &mut sums {
                power = &power * &difference;
                *sum = &*sum + &power;
            }
        }
        sums
    }

    #[test]
    fn statistics_by_hand() {
        let (n, s) = sums(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((n, mean(n, &sums::<1>(&[2.0, 4.0]).1[0])), (8, 0.75));
        assert_eq!(variance(n, &s, 0), 4.0);
        assert_eq!(variance(n, &s, 1), 32.0 / 7.0);
        assert_eq!(variance(n, &s, -8), 2.0);
        assert_eq!(standard_deviation(n, &s, 0), 2.0);
        let (n, s) = sums(&[0.0, 2.0]);
        assert_eq!(standard_error(n, &s), 1.0);
        // M₂ = 3, M₃ = 6, M₄ = 21: the skewness is 2/√3.
        let (n, s) = sums(&[0.0, 0.0, 0.0, 1.0]);
        assert_eq!(skewness(n, &s), 1.1547005383792515);
        let (n, s) = sums(&[0.0, 0.0, 0.0, 1.0]);
        assert_eq!(kurtosis(n, &s), -2.0 / 3.0);
        let (n, s) = sums(&[0.0, -0.0, 0.0, -1.0]);
        assert_eq!(skewness(n, &s), -1.1547005383792515);
        let (n, s) = sums(&[-1.0, 0.0, 1.0]);
        assert_eq!(skewness(n, &s).to_bits(), 0);
    }

    #[test]
    fn degrees_of_freedom() {
        let (n, s) = sums(&[3.0]);
        assert_eq!(variance(n, &s, 0), 0.0);
        assert!(variance(n, &s, 1).is_nan());
        assert!(standard_deviation(n, &s, 2).is_nan());
        assert!(variance(n, &s, i64::MAX).is_nan());
        assert_eq!(variance(n, &s, i64::MIN), 0.0);
        assert!(standard_error(n, &s).is_nan());
        let (n, s) = sums(&[]);
        assert!(mean(n, &Exact::default()).is_nan());
        assert!(variance(n, &s, 0).is_nan());
        assert!(variance(n, &s, -3).is_nan());
        assert!(skewness(n, &sums(&[]).1).is_nan());
    }

    #[test]
    fn equal_values_have_no_shape() {
        for values in [&[0.1; 7][..], &[f64::MAX; 3], &[5e-324; 4], &[2.0], &[]] {
            let (n, s) = sums(values);
            assert!(skewness(n, &s).is_nan());
            let (n, s) = sums(values);
            assert!(kurtosis(n, &s).is_nan());
        }
    }

    #[test]
    fn the_range_is_no_limit() {
        let (n, s) = sums(&[f64::MAX, -f64::MAX, f64::MAX, -f64::MAX]);
        assert_eq!(variance(n, &s, 0), f64::INFINITY);
        assert_eq!(standard_deviation(n, &s, 0), f64::MAX);
        let (n, s) = sums(&[f64::MAX; 5]);
        assert_eq!(variance(n, &s, 1), 0.0);
        let [total, _] = &s;
        assert_eq!((total.nearest(), mean(n, total)), (f64::INFINITY, f64::MAX));
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let any = any::<f64>().prop_filter("finite", |x| x.is_finite());
        let near = (-1000_i32..1000).prop_map(|x| 1e8 + f64::from(x) * 0.001);
        let tiny = (-5_i64..5).prop_map(|x| x as f64 * 5e-324);
        let mixed = prop_oneof![any.clone(), near.clone(), tiny.clone()];
        prop_oneof![
            prop::collection::vec(any, 0..6),
            prop::collection::vec(near, 0..20),
            prop::collection::vec(tiny, 0..9),
            prop::collection::vec(mixed, 0..6),
        ]
    }

    proptest! {
        #[test]
        fn second_moments_are_nearest(values in values(), ddof in -1_i64..3) {
            let (n, s) = sums(&values);
            let degrees = values.len() as i64 - ddof;
            let [_, scatter] = &central::<2>(&values);
            let (variance, deviation) =
                (variance(n, &s, ddof), standard_deviation(n, &s, ddof));
            prop_assert_eq!(variance.is_nan(), n == 0 || degrees <= 0);
            if !variance.is_nan() {
                // x n² (n − ddof) against Σ (n x − S₁)².
                let by = &(&Exact::from(n) * &Exact::from(n)) * &Exact::from(i128::from(degrees));
                prop_assert!(is_nearest(variance, |x| compare(&(x * &by), scatter)));
                prop_assert!(is_nearest(deviation, |x| compare(&(&(x * x) * &by), scatter)));
                if ddof == 1 {
                    let by = &by * &Exact::from(n);
                    let error = standard_error(n, &s);
                    prop_assert!(is_nearest(error, |x| compare(&(&(x * x) * &by), scatter)));
                }
            }
        }

        #[test]
        fn third_and_fourth_moments_are_nearest(values in values()) {
            let (n, s) = sums(&values);
            let g1 = skewness(n, &s);
            let (_, s) = sums(&values);
            let g2 = kurtosis(n, &s);
            // With Cₖ = Σ (n x − S₁)ᵏ = nᵏ⁺¹ mₖ: g₁² = n C₃² / C₂³, g₂ + 3 = n C₄ / C₂².
            let [_, c2, c3, c4] = &central::<4>(&values);
            prop_assert_eq!((g1.is_nan(), g2.is_nan()), (c2.is_zero(), c2.is_zero()));
            if !c2.is_zero() {
                let n = &Exact::from(n);
                let (above, below) = (&(n * &(c3 * c3)), &(c2 * &(c2 * c2)));
                prop_assert!(is_nearest(g1, |x| compare(&(&(x * x) * below), above)));
                prop_assert!(g1 == 0.0 || (g1 < 0.0) == c3.is_negative());
                let square = c2 * c2;
                let excess = &(n * c4) - &(&Exact::from(3_i128) * &square);
                let negative = excess.is_negative();
                let size = if negative { &Exact::default() - &excess } else { excess };
                prop_assert!(is_nearest(g2, |x| compare(&(x * &square), &size)));
                prop_assert!(g2 == 0.0 || (g2 < 0.0) == negative);
            }
        }
    }
}
