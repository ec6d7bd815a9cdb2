//! Sums of lagged products of numbers, and their centring.

use std::ops::Range;

use super::draws::WHAT;
use crate::error::Error;
use crate::fold::Monoid;
use crate::memory;
use crate::simd::{Kernel, Lanes, Lanes64, Level, Vector, dispatch};

/// Lags that one reading of a piece serves.
const TOGETHER: usize = 4;
/// Numbers per vector.
const WIDTH: usize = 8;

/// Pieces of chains around their means, whose lagged products can be summed.
pub(super) trait Series: Sync {
    /// Numbers in each piece.
    fn length(&self) -> usize;

    /// Number of pieces.
    fn pieces(&self) -> usize;

    /// Adds Σⱼ yⱼ yⱼ₊ₜ of some pieces to `sums`, one for each of the lags t, all below `length`.
    fn add_lags(&self, pieces: Range<usize>, lags: Range<usize>, sums: &mut [f64]);

    /// Writes out a piece.
    fn write(&self, piece: usize, target: &mut [f64]);
}

/// Sums over pieces: of some lags, or of the frequencies of a spectrum.
#[derive(Default)]
pub(super) struct Sums(pub Vec<f64>);

impl Monoid for Sums {
    fn identity() -> Self {
        Self::default()
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.0.is_empty() {
            memory::append(&mut self.0, &other.0, WHAT)?;
        } else {
            self.0.iter_mut().zip(&other.0).for_each(|(sum, added)| *sum += added);
        }
        Ok(())
    }
}

/// The mean of a piece, less the series' first number, and Σ of squares around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceMoments {
    /// The mean, less a number common to all pieces.
    pub mean: f64,
    /// The sum of the squared distances from the mean.
    pub squares: f64,
}

/// Numbers around the means of their pieces.
pub(super) struct Centred<'a> {
    values: &'a mut [f64],
    length: usize,
    /// What was taken off each piece, and what is left.
    pub moments: Vec<PieceMoments>,
}

impl<'a> Centred<'a> {
    /// Centres each piece of `length` numbers.
    ///
    /// Numbers are compared with the first one of their piece before any sum is taken, so that a
    /// large common offset costs no digits, and a constant piece is exactly zero.
    pub fn new(values: &'a mut [f64], length: usize) -> Result<Self, Error> {
        let pivot = values.first().copied().unwrap_or(0.0);
        let moments = memory::collected(
            values.chunks_exact_mut(length).map(|piece| {
                let first = piece[0];
                let mean = lane_sum(piece, |value| value - first) / length as f64;
                piece.iter_mut().for_each(|value| *value = (*value - first) - mean);
                let squares = lane_sum(piece, |value| value * value);
                PieceMoments { mean: (first - pivot) + mean, squares }
            }),
            WHAT,
        )?;
        Ok(Self { values, length, moments })
    }

    /// Scales each piece to a sum of squares of 1; whether that was possible.
    pub fn normalise(&mut self) -> bool {
        let possible = self.moments.iter().all(|piece| piece.squares > 0.0);
        for (piece, moments) in self.values.chunks_exact_mut(self.length).zip(&self.moments) {
            let scale = 1.0 / moments.squares.sqrt();
            piece.iter_mut().for_each(|value| *value *= scale);
        }
        possible
    }
}

/// Σ term(value) in eight interleaved sums, always in the same order.
#[inline(always)]
pub(super) fn lane_sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let mut sums = Lanes64::ZERO;
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    for chunk in chunks {
        for lane in 0..WIDTH {
            sums.0[lane] += term(chunk[lane]);
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        sums.0[lane] += term(value);
    }
    sums.sum()
}

impl Series for Centred<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn pieces(&self) -> usize {
        self.moments.len()
    }

    fn add_lags(&self, pieces: Range<usize>, lags: Range<usize>, sums: &mut [f64]) {
        for piece in pieces {
            let values = &self.values[piece * self.length..(piece + 1) * self.length];
            dispatch(LaggedProducts { values, lags: lags.clone(), sums });
        }
    }

    fn write(&self, piece: usize, target: &mut [f64]) {
        target.copy_from_slice(&self.values[piece * self.length..(piece + 1) * self.length]);
    }
}

struct LaggedProducts<'a> {
    values: &'a [f64],
    lags: Range<usize>,
    sums: &'a mut [f64],
}

impl Kernel for LaggedProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, level: L) {
        let (blocks, rest) = self.sums.as_chunks_mut::<TOGETHER>();
        let mut lag = self.lags.start;
        for block in blocks {
            let added = several_lags::<L, TOGETHER>(level, self.values, lag);
            for (sum, added) in block.iter_mut().zip(added) {
                *sum += added;
            }
            lag += TOGETHER;
        }
        for sum in rest {
            *sum += several_lags::<L, 1>(level, self.values, lag)[0];
            lag += 1;
        }
    }
}

/// Σⱼ yⱼ yⱼ₊ₜ for `N` lags from `first` on, all below the number of values.
#[inline(always)]
fn several_lags<L: Level, const N: usize>(level: L, values: &[f64], first: usize) -> [f64; N] {
    let load = |start: usize| {
        let mut lanes = Lanes64::ZERO;
        lanes.0.copy_from_slice(&values[start..start + WIDTH]);
        L::F64::load(level, &lanes)
    };
    let whole = (values.len() + 1).saturating_sub(first + N) / WIDTH * WIDTH;
    let mut sums = [L::F64::splat(level, 0.0); N];
    for start in (0..whole).step_by(WIDTH) {
        let left = load(start);
        for lag in 0..N {
            sums[lag] = left.mul_add(load(start + first + lag), sums[lag]);
        }
    }
    let mut totals = [0.0; N];
    for lag in 0..N {
        let mut lanes: Lanes64 = Lanes([0.0; WIDTH]);
        sums[lag].store(&mut lanes);
        totals[lag] = lanes.sum();
        for j in whole..values.len() - first - lag {
            totals[lag] = values[j].mul_add(values[j + first + lag], totals[lag]);
        }
    }
    totals
}
