//! Covariances, correlations and lines: exact rational functions of joint sums, rounded once.
//!
//! With n complete rows, Sₓ = Σx and Sₓᵧ = Σxy, all exact, everything here is made of
//! Cₓᵧ = n Sₓᵧ − Sₓ Sᵧ, which is n² times the population's covariance.

use super::Joint;
use super::exact::{Exact, ratio, sqrt_ratio, with_sign};
use super::joint::WHAT;
use super::reads::{divisor, mean};
use crate::error::Error;
use crate::memory;

/// A least-squares line y = slope · x + intercept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Cₓᵧ / Cₓₓ.
    pub slope: f64,
    /// The value of the line at x = 0.
    pub intercept: f64,
    /// Pearson's correlation of x and y.
    pub r: f64,
}

/// Several statistics of the same columns: what they share is worked out once.
#[derive(Debug)]
pub struct JointReads<'a> {
    joint: &'a Joint,
    count: Exact,
    sums: Vec<Exact>,
    squares: Vec<Exact>,
}

impl<'a> JointReads<'a> {
    /// Of all columns of `joint`.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for what they share.
    pub fn new(joint: &'a Joint) -> Result<Self, Error> {
        let count = joint.count().into();
        let sums = (0..joint.n_columns()).map(|i| {
            memory::check(WHAT)?;
            Ok(joint.sum(i))
        });
        let sums: Vec<Exact> = memory::gathered(sums, WHAT)?;
        let squares = sums.iter().enumerate().map(|(i, sum)| {
            memory::check(WHAT)?;
            Ok(cross(&count, &joint.product(i, i), sum, sum))
        });
        let squares = memory::gathered(squares, WHAT)?;
        Ok(Self { joint, squares, count, sums })
    }

    /// The covariance of two columns with divisor n − `ddof`; NaN if that is not positive.
    #[must_use]
    pub fn covariance(&self, i: usize, j: usize, ddof: i64) -> f64 {
        match divisor(self.joint.count(), ddof) {
            Some(divisor) => ratio(&self.cross(i, j), &divisor),
            None => f64::NAN,
        }
    }

    /// Pearson's correlation of two columns; NaN if one of them is constant.
    #[must_use]
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        correlation(&self.cross(i, j), &self.squares[i], &self.squares[j])
    }

    /// The least-squares line of column `y` over column `x`; NaN where x is constant, and the
    /// correlation also where y is.
    #[must_use]
    pub fn line(&self, x: usize, y: usize) -> Line {
        let (cxy, cxx) = (&self.cross(x, y), &self.squares[x]);
        let (sx, sy) = (&self.sums[x], &self.sums[y]);
        // (Sᵧ − slope Sₓ) / n = (Sᵧ Cₓₓ − Cₓᵧ Sₓ) / (n Cₓₓ)
        let intercept = ratio(&(&(sy * cxx) - &(cxy * sx)), &(&self.count * cxx));
        let r = correlation(cxy, cxx, &self.squares[y]);
        Line { slope: ratio(cxy, cxx), intercept, r }
    }

    fn cross(&self, i: usize, j: usize) -> Exact {
        if i == j {
            return self.squares[i].clone();
        }
        cross(&self.count, &self.joint.product(i, j), &self.sums[i], &self.sums[j])
    }
}

impl Joint {
    /// The mean of a column over the complete rows, correctly rounded; NaN if there are none.
    #[must_use]
    pub fn mean(&self, i: usize) -> f64 {
        mean(self.count(), &self.sum(i))
    }
}

/// Cₓᵧ = n Sₓᵧ − Sₓ Sᵧ.
fn cross(count: &Exact, product: &Exact, sum_x: &Exact, sum_y: &Exact) -> Exact {
    &(count * product) - &(sum_x * sum_y)
}

/// Cₓᵧ / √(Cₓₓ Cᵧᵧ) = ±√(Cₓᵧ² / (Cₓₓ Cᵧᵧ)): exact before its rounding, hence never beyond ±1.
fn correlation(cxy: &Exact, cxx: &Exact, cyy: &Exact) -> f64 {
    with_sign(cxy.is_negative(), sqrt_ratio(&(cxy * cxy), &(cxx * cyy)))
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView1;
    use proptest::prelude::*;

    use super::super::exact::tests::{compare, exact, is_nearest};
    use super::super::{Column, Values};
    use super::*;
    use crate::fold::Context;

    fn joint(columns: &[&[f64]]) -> Joint {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| Column::new(Values::F64(ArrayView1::from(*column))))
            .collect();
        let mut joint = Joint::new(columns.len()).unwrap();
        joint.update(&Context::inline(), &columns, None).expect("nobody stops it");
        joint
    }

    #[test]
    fn statistics_by_hand() {
        let joint = joint(&[&[0.0, 1.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 6.0], &[7.0; 4]]);
        let reads = JointReads::new(&joint).unwrap();
        assert_eq!((joint.mean(0), joint.mean(1), joint.mean(2)), (1.5, 3.0, 7.0));
        assert_eq!(reads.covariance(0, 1, 0), 7.0 / 4.0);
        assert_eq!(reads.covariance(1, 0, 1), 7.0 / 3.0);
        assert_eq!(reads.covariance(1, 1, 1), 14.0 / 3.0);
        assert_eq!(reads.covariance(0, 2, 1), 0.0);
        assert!(reads.covariance(0, 1, 4).is_nan());
        assert_eq!(reads.correlation(0, 1), 0.7_f64.sqrt());
        assert_eq!(reads.correlation(1, 1), 1.0);
        assert!(reads.correlation(1, 2).is_nan() && reads.correlation(2, 2).is_nan());
        let line = reads.line(0, 1);
        assert_eq!(line, Line { slope: 1.4, intercept: 0.9, r: 0.7_f64.sqrt() });
        let flat = reads.line(1, 2);
        assert!((flat.slope, flat.intercept) == (0.0, 7.0) && flat.r.is_nan());
        let steep = reads.line(2, 1);
        assert!(steep.slope.is_nan() && steep.intercept.is_nan() && steep.r.is_nan());
    }

    #[test]
    fn no_rows() {
        let joint = Joint::new(2).unwrap();
        let reads = JointReads::new(&joint).unwrap();
        assert!(joint.mean(1).is_nan() && reads.covariance(0, 1, 0).is_nan());
        assert!(reads.correlation(0, 0).is_nan() && reads.line(0, 1).intercept.is_nan());
    }

    #[test]
    fn perfect_lines_have_perfect_correlation() {
        let x: Vec<f64> = (0..50).map(|i| 1e8 + f64::from(i) / 1024.0).collect();
        let y: Vec<f64> = x.iter().map(|x| -3.0 * (x - 1e8) + 0.5).collect();
        let joint = joint(&[&x, &y]);
        let line = JointReads::new(&joint).unwrap().line(0, 1);
        assert_eq!(line, Line { slope: -3.0, intercept: 3e8 + 0.5, r: -1.0 });
    }

    /// Σ (n xᵢ − Sₓ) (n yᵢ − Sᵧ) = n Cₓᵧ, pair by pair.
    fn slow_cross(x: &[f64], y: &[f64]) -> Exact {
        let n = Exact::from(x.len() as u64);
        let total = |v: &[f64]| v.iter().fold(Exact::default(), |sum, &x| &sum + &exact(x));
        let (sx, sy) = (total(x), total(y));
        x.iter().zip(y).fold(Exact::default(), |sum, (&x, &y)| {
            &sum + &(&(&(&n * &exact(x)) - &sx) * &(&(&n * &exact(y)) - &sy))
        })
    }

    fn magnitude(number: &Exact) -> Exact {
        if number.is_negative() { &Exact::default() - number } else { number.clone() }
    }

    proptest! {
        #[test]
        fn everything_is_nearest(
            pairs in prop::collection::vec(
                prop_oneof![(any::<f64>(), any::<f64>()), (-1e3..1e3, -1e-3..1e-3)], 2..9)
        ) {
            prop_assume!(pairs.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
            let (x, y): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let joint = joint(&[&x, &y]);
            let reads = JointReads::new(&joint).unwrap();
            let n = &Exact::from(x.len() as u64);
            let (cxy, cxx, cyy) = (slow_cross(&x, &y), slow_cross(&x, &x), slow_cross(&y, &y));
            prop_assume!(!cxx.is_zero() && !cyy.is_zero());
            let size = magnitude(&cxy);
            let covariance = reads.covariance(0, 1, 0);
            let by = &(n * n) * n;
            prop_assert!(is_nearest(covariance, |c| compare(&(c * &by), &size)));
            prop_assert_eq!(covariance, reads.covariance(1, 0, 0));
            let Line { slope, intercept, r } = reads.line(0, 1);
            prop_assert!(is_nearest(slope, |c| compare(&(c * &cxx), &size)));
            prop_assert!(is_nearest(r, |c| compare(&(&(c * c) * &(&cxx * &cyy)), &(&cxy * &cxy))));
            prop_assert!(r.abs() <= 1.0 && r == reads.correlation(1, 0));
            let total = |v: &[f64]| v.iter().fold(Exact::default(), |sum, &x| &sum + &exact(x));
            let above = &(&total(&y) * &cxx) - &(&cxy * &total(&x));
            let (above, below) = (magnitude(&above), n * &cxx);
            prop_assert!(is_nearest(intercept, |c| compare(&(c * &below), &above)));
            for value in [slope, covariance, r] {
                prop_assert!(value == 0.0 || (value < 0.0) == cxy.is_negative());
            }
        }
    }
}
