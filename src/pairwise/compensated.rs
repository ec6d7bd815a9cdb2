//! Sums that carry their rounding errors along.
//!
//! The error of each addition is found exactly by Knuth's TwoSum and summed beside it (Neumaier
//! 1974; Ogita, Rump & Oishi, "Accurate sum and dot product", SIAM Journal on Scientific Computing
//! 26, 2005): the result is as good as if computed with twice the digits.

use ndarray::{ArrayView1, ArrayView2};

use crate::error::Error;
use crate::fold::Monoid;
use crate::rows::Element;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};

/// A sum and what rounding took from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    /// Adds a number.
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (value - added);
        self.sum = sum;
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        let value = self.sum + self.lost;
        // A sum that overflowed has no meaningful loss.
        if value.is_nan() { self.sum } else { value }
    }
}

impl Monoid for Compensated {
    fn identity() -> Self {
        Self::default()
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.add(other.sum);
        self.lost += other.lost;
        Ok(())
    }
}

/// Independent vectors: as many as hide the latency of the dependent operations of TwoSum.
const VECTORS: usize = 8;
/// Numbers added at once.
const CHUNK: usize = 8 * VECTORS;

/// Many compensated sums side by side.
pub struct Accumulator {
    sums: [Lanes64; VECTORS],
    lost: [Lanes64; VECTORS],
    /// Numbers waiting until there is a chunk of them.
    waiting: Vec<f64>,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            sums: [Lanes64::ZERO; VECTORS],
            lost: [Lanes64::ZERO; VECTORS],
            waiting: Vec::with_capacity(2 * BUFFER),
        }
    }
}

/// Numbers copied before they are added: some chunks, to enter the vector code rarely, and few
/// enough to stay in the first cache.
const BUFFER: usize = 16 * CHUNK;

impl Accumulator {
    /// Adds all values, row by row. How they lie in memory changes no bit of the sum.
    pub fn extend_rows<T: Element>(&mut self, rows: ArrayView2<'_, T>) {
        match rows.to_slice() {
            Some(values) => self.extend(ArrayView1::from(values)),
            None => rows.outer_iter().for_each(|row| self.extend(row)),
        }
    }

    /// Adds numbers.
    pub fn extend<T: Element>(&mut self, values: ArrayView1<'_, T>) {
        if let Some(values) = values.as_slice() {
            for part in values.chunks(BUFFER) {
                self.waiting.extend(part.iter().map(|value| value.to_f64()));
                self.flush_if_full();
            }
        } else {
            for value in values {
                self.waiting.push(value.to_f64());
                self.flush_if_full();
            }
        }
    }

    fn flush_if_full(&mut self) {
        if self.waiting.len() >= BUFFER {
            self.flush();
        }
    }

    /// Adds the whole chunks among the waiting numbers.
    fn flush(&mut self) {
        let whole = self.waiting.len() - self.waiting.len() % CHUNK;
        dispatch(Add {
            values: &self.waiting[..whole],
            sums: &mut self.sums,
            lost: &mut self.lost,
        });
        self.waiting.drain(..whole);
    }

    /// All in one sum.
    pub fn finish(mut self) -> Compensated {
        self.flush();
        let mut total = Compensated::default();
        let lanes = self.sums.iter().flat_map(|lanes| lanes.0);
        lanes.chain(self.waiting.iter().copied()).for_each(|value| total.add(value));
        total.lost += self.lost.iter().flat_map(|lanes| lanes.0).sum::<f64>();
        total
    }
}

/// TwoSum of whole chunks.
struct Add<'a> {
    values: &'a [f64],
    sums: &'a mut [Lanes64; VECTORS],
    lost: &'a mut [Lanes64; VECTORS],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let mut sums = [L::F64::splat(token, 0.0); VECTORS];
        let mut lost = sums;
        for i in 0..VECTORS {
            sums[i] = L::F64::load(token, &self.sums[i]);
            lost[i] = L::F64::load(token, &self.lost[i]);
        }
        for chunk in self.values.as_chunks::<8>().0.as_chunks::<VECTORS>().0 {
            for i in 0..VECTORS {
                let value = L::F64::load(token, &crate::simd::Lanes(chunk[i]));
                let sum = sums[i] + value;
                let added = sum - sums[i];
                lost[i] = lost[i] + ((sums[i] - (sum - added)) + (value - added));
                sums[i] = sum;
            }
        }
        for i in 0..VECTORS {
            sums[i].store(&mut self.sums[i]);
            lost[i].store(&mut self.lost[i]);
        }
    }
}
