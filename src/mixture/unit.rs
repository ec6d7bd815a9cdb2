//! Sample weights without their unit: what is relative to a weight must not depend on its scale.
//!
//! Weights enter every pass divided by a power of two, so that their mean lies between √½ and √2.
//! That changes no bit of a ratio, weights of mean one stay as they are, sums of weights near the
//! end of the range of float64 do not overflow, and thresholds may be plain numbers.

use std::f64::consts::SQRT_2;

use ndarray::{Array1, ArrayView1, CowArray, Ix1};

use crate::error::Error;
use crate::memory;

/// Checked weights of rows, or none, in units of `2^exponent`.
#[derive(Debug)]
pub struct UnitWeights<'a> {
    values: Option<CowArray<'a, f64, Ix1>>,
    exponent: i32,
}

impl<'a> UnitWeights<'a> {
    /// Checks the weights and takes their unit away.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidWeight`] with the first that is not finite or negative.
    pub fn of(weights: Option<ArrayView1<'a, f64>>) -> Result<Self, Error> {
        let Some(weights) = weights else { return Ok(Self { values: None, exponent: 0 }) };
        check_weights(weights)?;
        Self::scaled(Some(weights), exponent_of_mean(weights))
    }

    /// Checked weights in units of `2^exponent`: that of a stream, whose chunks must have one unit.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn scaled(weights: Option<ArrayView1<'a, f64>>, exponent: i32) -> Result<Self, Error> {
        let Some(weights) = weights else { return Ok(Self { values: None, exponent: 0 }) };
        if exponent == 0 {
            return Ok(Self { values: Some(weights.into()), exponent });
        }
        let scaled = weights.iter().map(|&weight| times_power(weight, -exponent));
        let scaled = memory::collected(scaled, "sample weights of mean one")?;
        Ok(Self { values: Some(Array1::from_vec(scaled).into()), exponent })
    }

    /// The weights, of mean about one.
    #[must_use]
    pub fn view(&self) -> Option<ArrayView1<'_, f64>> {
        self.values.as_ref().map(|values| values.view())
    }

    /// The logarithm to base 2 of their unit.
    #[must_use]
    pub fn exponent(&self) -> i32 {
        self.exponent
    }
}

/// Checks that sample weights are finite and not negative.
///
/// # Errors
///
/// [`Error::InvalidWeight`] with the first that is not.
pub fn check_weights(weights: ArrayView1<'_, f64>) -> Result<(), Error> {
    let bad = |w: &f64| !(w.is_finite() && *w >= 0.0);
    match weights.iter().position(bad) {
        Some(row) => Err(Error::InvalidWeight { row, value: weights[row] }),
        None => Ok(()),
    }
}

/// The power of two nearest to the mean of the positive weights; 0 if there are none.
///
/// Weights of zero change no bit of it: adding them one after the other changes no sum.
fn exponent_of_mean(weights: ArrayView1<'_, f64>) -> i32 {
    let count = weights.iter().filter(|weight| **weight > 0.0).count();
    if count == 0 {
        return 0;
    }
    let mean = weights.iter().sum::<f64>() / count as f64;
    if mean.is_normal() {
        return nearest_exponent(mean);
    }
    // The sum overflowed, or all are subnormal: in units of the largest neither happens.
    let largest = weights.iter().fold(0.0_f64, |largest, &weight| largest.max(weight));
    let unit = nearest_exponent(largest);
    let sum: f64 = weights.iter().map(|&weight| times_power(weight, -unit)).sum();
    unit + nearest_exponent(sum / count as f64)
}

/// The exponent of the power of two nearest to a positive number, by ratio.
fn nearest_exponent(value: f64) -> i32 {
    const LIFT: i32 = 64;
    if value < f64::MIN_POSITIVE {
        return nearest_exponent(value * times_power(1.0, LIFT)) - LIFT;
    }
    let exponent = (value.to_bits() >> 52) as i32 - 1023;
    exponent + i32::from(times_power(value, -exponent) > SQRT_2)
}

/// value · 2^exponent, also where 2^exponent alone is out of range.
#[must_use]
pub fn times_power(value: f64, exponent: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    let third = exponent / 3;
    value * power(third) * power(third) * power(exponent - 2 * third)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_power_of_two_by_ratio() {
        for (value, expected) in [(1.0, 0), (1.41, 0), (1.42, 1), (0.71, 0), (0.7, -1), (6.0, 3)] {
            assert_eq!(nearest_exponent(value), expected, "{value}");
            for shift in [-1000, -3, 5, 1000] {
                let shifted = times_power(value, shift);
                assert_eq!(nearest_exponent(shifted), expected + shift, "{value} {shift}");
            }
        }
        assert_eq!(nearest_exponent(f64::from_bits(1)), -1074);
        assert_eq!(nearest_exponent(f64::MAX), 1024);
    }

    #[test]
    fn weights_of_any_scale_are_the_same_weights() {
        let plain = [0.5, 0.0, 1.25, 1.0, 0.75];
        let unit = |weights: &[f64]| {
            let array = Array1::from_vec(weights.to_vec());
            let unit = UnitWeights::of(Some(array.view())).unwrap();
            (unit.view().unwrap().to_vec(), unit.exponent())
        };
        assert_eq!(unit(&plain), (plain.to_vec(), 0));
        for shift in [-1000, -7, 1, 1022] {
            let shifted: Vec<f64> = plain.iter().map(|w| times_power(*w, shift)).collect();
            assert_eq!(unit(&shifted), (plain.to_vec(), shift));
        }
        assert_eq!(unit(&[f64::MAX; 3]), (vec![f64::MAX / 2_f64.powi(1023) / 2.0; 3], 1024));
    }
}
