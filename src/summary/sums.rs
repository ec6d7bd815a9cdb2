//! Exact sums of powers, and how blocks of values get into them.
//!
//! | file | what it holds |
//! |---|---|
//! | `fixed.rs` | fixed-point numbers that hold every sum of f64 |
//! | `scaled.rs` | short ones, for sums of numbers of like size |
//! | `builder.rs`, `builder/lanes.rs` | [`SumsBuilder`]: blocks of values in, [`Sums`] out; eight columns at once |
//! | `windows.rs` | bits that are peeled off in floating point: the steps of the vector kernels |
//! | `peel.rs`, `products.rs` | those kernels, for x and x², and for x·y |
//! | `powers.rs` | that for x to x⁴, with limbs in place of windows |
//! | `weighted.rs`, `slices.rs`, `points.rs`, `extents.rs` | sums with weights, and their kernels |
//! | `classes.rs`, `bins.rs` | blocks of mixed sizes, and of any |

mod bins;
mod builder;
mod classes;
mod extents;
mod fixed;
mod peel;
mod points;
mod powers;
mod products;
mod scaled;
mod slices;
mod weighted;
mod windows;

pub use bins::split;
pub use builder::{Extremes, Lanes, SumsBuilder, signed_zeros, union, wider};
pub use fixed::{First, Fourth, Second, Third};
pub use peel::{
    BLOCK, Origins, Source, WINDOWS, Window, extent, extent_without_zeros, max_abs, peel,
};
pub use products::{PairBuilder, add_product};
pub use scaled::Scaled;
pub use slices::Ahead;
pub use weighted::{Live, WeightedBuilder, WeightedSums};
pub use windows::{Octet, power_of_two};

use crate::bytes::{Reader, Writer};
use crate::error::Error;
use bins::powers;

/// Σx³ and Σx⁴.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Higher {
    /// Σx³.
    pub third: Third,
    /// Σx⁴.
    pub fourth: Fourth,
}

/// Exact sums of the finite values: Σx, Σx², and Σx³, Σx⁴ where these are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sums {
    /// Σx.
    pub first: First,
    /// Σx².
    pub second: Second,
    /// Σx³ and Σx⁴.
    pub higher: Option<Box<Higher>>,
}

impl Sums {
    /// Minus the exponent of the smallest positive `f64`.
    pub const POINT: usize = First::POINT;

    /// Of nothing.
    #[must_use]
    pub fn new(higher: bool) -> Self {
        let higher = higher.then(|| Box::new(Higher { third: Third::ZERO, fourth: Fourth::ZERO }));
        Self { first: First::ZERO, second: Second::ZERO, higher }
    }

    /// Adds those of other values; powers that one side lacks are dropped.
    pub fn merge(&mut self, other: &Self) {
        self.first.merge(&other.first);
        self.second.merge(&other.second);
        match (&mut self.higher, &other.higher) {
            (Some(left), Some(right)) => {
                left.third.merge(&right.third);
                left.fourth.merge(&right.fourth);
            }
            _ => self.higher = None,
        }
    }

    /// Adds those of values that each count 2^`shift` times.
    pub fn merge_shifted(&mut self, other: &Self, shift: usize) {
        self.first.merge_shifted(&other.first, shift);
        self.second.merge_shifted(&other.second, shift);
        if let (Some(left), Some(right)) = (&mut self.higher, &other.higher) {
            left.third.merge_shifted(&right.third, shift);
            left.fourth.merge_shifted(&right.fourth, shift);
        }
    }

    /// Adds one finite value.
    pub fn add(&mut self, value: f64) {
        let (mantissa, bit) = split(value);
        self.add_scaled(mantissa.into(), bit);
    }

    /// Adds an integer of at most 64 bits and a sign.
    pub fn add_integer(&mut self, value: i128) {
        self.add_scaled(value, First::POINT);
    }

    /// Adds sums in units of windows.
    fn add_windows(&mut self, window: Window, sums: &[i128; WINDOWS]) {
        for (index, (&sum, unit)) in sums.iter().zip(window.units()).enumerate() {
            if index < 2 {
                self.first.add_integer(sum, First::place(unit));
            } else {
                self.second.add_integer(sum, Second::place(unit));
            }
        }
    }

    /// Adds m·2^(bit−1074).
    fn add_scaled(&mut self, m: i128, bit: usize) {
        let magnitude = m.unsigned_abs() as u64;
        debug_assert_eq!(u128::from(magnitude), m.unsigned_abs(), "an integer of 64 bits");
        if magnitude == 0 {
            return;
        }
        self.first.add_limbs(&[magnitude], m < 0, bit);
        let square = u128::from(magnitude) * u128::from(magnitude);
        self.second.add_limbs(&[square as u64, (square >> 64) as u64], false, 2 * bit);
        if let Some(higher) = &mut self.higher {
            let (cube, fourth) = powers(magnitude);
            higher.third.add_limbs(&cube, m < 0, 3 * bit);
            higher.fourth.add_limbs(&fourth, false, 4 * bit);
        }
    }

    /// Writes them down.
    pub fn encode(&self, writer: &mut Writer) {
        self.first.encode(writer);
        self.second.encode(writer);
        if let Some(higher) = &self.higher {
            higher.third.encode(writer);
            higher.fourth.encode(writer);
        }
    }

    /// Reads what [`Sums::encode`] wrote of that many finite values.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else.
    pub fn decode(reader: &mut Reader<'_>, higher: bool, count: u64) -> Result<Self, Error> {
        Ok(Self {
            first: First::decode(reader, count)?,
            second: Second::decode(reader, count)?,
            higher: if higher {
                let third = Third::decode(reader, count)?;
                Some(Box::new(Higher { third, fourth: Fourth::decode(reader, count)? }))
            } else {
                None
            },
        })
    }
}

/// The bits that are set in a number of times: a value that counts w times is added once to the sums
/// of each, which count 2^bit times in the end.
pub(super) fn set_bits(times: u64) -> impl Iterator<Item = usize> {
    (0..u64::BITS as usize).filter(move |bit| times >> bit & 1 == 1)
}
