//! What the value of a density means.

use super::density::Reason;
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Lanes, Level, Vector, dispatch, ln};

/// How values of a density are read.
#[derive(Debug, PartialEq)]
pub struct Rules {
    /// Whether values are logarithms of densities.
    pub log: bool,
    /// Lower and upper bound of each coordinate: outside the density is zero, and not evaluated.
    pub bounds: Option<Vec<[f64; 2]>>,
    /// Whether a density that is not a number counts as zero.
    pub reject_nan: bool,
}

impl Rules {
    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the bounds.
    pub fn copied(&self) -> Result<Self, Error> {
        let bounds = self.bounds.as_ref().map(|bounds| memory::copied(bounds, "the bounds"));
        Ok(Self { bounds: bounds.transpose()?, ..*self })
    }

    /// The log-density that a value stands for.
    ///
    /// # Errors
    ///
    /// The reason why there is none.
    pub fn log_density(&self, value: f64) -> Result<f64, Reason> {
        if value.is_nan() {
            return if self.reject_nan { Ok(f64::NEG_INFINITY) } else { Err(Reason::NotANumber) };
        }
        if value == f64::INFINITY {
            return Err(Reason::Infinite);
        }
        match self.log {
            true => Ok(value),
            false if value < 0.0 => Err(Reason::Negative),
            false => Ok(ln(value)),
        }
    }

    /// Turns values into log-densities where they lie.
    ///
    /// # Errors
    ///
    /// The first row whose value stands for none, and the reason.
    pub fn log_densities(&self, values: &mut [f64]) -> Result<(), (usize, Reason)> {
        if self.log && values.iter().all(|&value| value < f64::INFINITY) {
            return Ok(());
        }
        let plain = |value: &f64| (f64::MIN_POSITIVE..f64::INFINITY).contains(value);
        for (octet, values) in values.chunks_mut(8).enumerate() {
            if !self.log && values.iter().all(plain) {
                dispatch(Logarithms(values));
                continue;
            }
            for (lane, value) in values.iter_mut().enumerate() {
                let log_density = self.log_density(*value);
                *value = log_density.map_err(|reason| (8 * octet + lane, reason))?;
            }
        }
        Ok(())
    }

    /// Whether a density can be anything but zero at a point: it is finite and within the bounds.
    pub fn admits(&self, point: &[f64]) -> bool {
        let within = |bounds: &Vec<[f64; 2]>| {
            point.iter().zip(bounds).all(|(x, [low, high])| low <= x && x <= high)
        };
        point.iter().all(|x| x.is_finite()) && self.bounds.as_ref().is_none_or(within)
    }
}

/// The logarithms of up to eight positive normal numbers.
struct Logarithms<'a>(&'a mut [f64]);

impl Kernel for Logarithms<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let mut lanes = Lanes([1.0; 8]);
        lanes.0[..self.0.len()].copy_from_slice(self.0);
        L::F64::load(token, &lanes).ln().store(&mut lanes);
        self.0.copy_from_slice(&lanes.0[..self.0.len()]);
    }
}
