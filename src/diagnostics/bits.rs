//! Sums of lagged products of chains of 0 and 1, counted 64 at a time.

use std::ops::Range;

use super::draws::WHAT;
use super::lags::Series;
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Level, dispatch};

/// Pieces of chains of 0 and 1, one bit each.
pub(super) struct Indicators {
    /// Each piece on words of its own, followed by a word of zeros.
    words: Vec<u64>,
    words_per_piece: usize,
    length: usize,
    /// How many bits are set in each piece.
    ones: Vec<usize>,
}

impl Indicators {
    /// Which of `values` are at most `threshold`, in pieces of `length`.
    pub fn at_most(values: &[f64], length: usize, threshold: f64) -> Result<Self, Error> {
        let words_per_piece = length.div_ceil(64) + 1;
        let mut words = memory::filled(values.len() / length * words_per_piece, 0, WHAT)?;
        let pieces = values.chunks_exact(length);
        for (piece, words) in pieces.zip(words.chunks_exact_mut(words_per_piece)) {
            for (bits, word) in piece.chunks(64).zip(words) {
                let bit = |word, (&value, index)| word | u64::from(value <= threshold) << index;
                *word = bits.iter().zip(0..).fold(0, bit);
            }
        }
        let count = |piece: &[u64]| piece.iter().map(|word| word.count_ones() as usize).sum();
        let ones = memory::collected(words.chunks_exact(words_per_piece).map(count), WHAT)?;
        Ok(Self { words, words_per_piece, length, ones })
    }

    /// Whether all bits are the same.
    pub fn are_constant(&self) -> bool {
        let total: usize = self.ones.iter().sum();
        total == 0 || total == self.ones.len() * self.length
    }

    /// The share of ones in each piece.
    pub fn means(&self) -> impl Iterator<Item = f64> + '_ {
        self.ones.iter().map(|&ones| ones as f64 / self.length as f64)
    }

    fn words_of(&self, piece: usize) -> &[u64] {
        &self.words[piece * self.words_per_piece..(piece + 1) * self.words_per_piece]
    }
}

/// Whether a bit is set, as 0 or 1.
fn bit(words: &[u64], index: usize) -> usize {
    usize::from(words[index / 64] >> (index % 64) & 1 == 1)
}

/// How many of the first `length` bits are set.
fn ones_before(words: &[u64], length: usize) -> usize {
    let whole: u32 = words[..length / 64].iter().map(|word| word.count_ones()).sum();
    let mask = (1_u64 << (length % 64)) - 1;
    whole as usize + (words[length / 64] & mask).count_ones() as usize
}

impl Series for Indicators {
    fn length(&self) -> usize {
        self.length
    }

    fn pieces(&self) -> usize {
        self.ones.len()
    }

    /// Σ (bⱼ − m)(bⱼ₊ₜ − m) = Σ bⱼ bⱼ₊ₜ − m (Σ_{j < n−t} bⱼ + Σ_{j ≥ t} bⱼ) + (n − t) m².
    fn add_lags(&self, pieces: Range<usize>, lags: Range<usize>, sums: &mut [f64]) {
        let mut both = vec![0; lags.len()];
        for piece in pieces {
            let (words, ones) = (self.words_of(piece), self.ones[piece]);
            let mean = ones as f64 / self.length as f64;
            dispatch(CommonOnes { words, first: lags.start, counts: &mut both });
            let mut head = ones_before(words, self.length - lags.start);
            let mut tail = ones - ones_before(words, lags.start);
            for ((lag, sum), &both) in lags.clone().zip(sums.iter_mut()).zip(&both) {
                let rest = (self.length - lag) as f64 * mean - (head + tail) as f64;
                *sum += mean.mul_add(rest, both as f64);
                head -= bit(words, self.length - lag - 1);
                tail -= bit(words, lag);
            }
        }
    }

    fn write(&self, piece: usize, target: &mut [f64]) {
        let words = self.words_of(piece);
        let mean = self.ones[piece] as f64 / self.length as f64;
        for (index, value) in target.iter_mut().enumerate() {
            *value = bit(words, index) as f64 - mean;
        }
    }
}

/// Counts the places at which both the bits and the bits `lag` places later are set.
struct CommonOnes<'a> {
    words: &'a [u64],
    first: usize,
    counts: &'a mut [usize],
}

impl Kernel for CommonOnes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        for (lag, count) in (self.first..).zip(self.counts) {
            let (skipped, shift) = (lag / 64, lag % 64);
            let later = &self.words[skipped..];
            let mut total = 0_u64;
            for ((&now, &low), &high) in self.words.iter().zip(later).zip(&later[1..]) {
                // In two steps, since a shift by 64 places is not zero but undefined.
                let shifted = low >> shift | high << 1 << (63 - shift);
                total += u64::from((now & shifted).count_ones());
            }
            *count = total as usize;
        }
    }
}
