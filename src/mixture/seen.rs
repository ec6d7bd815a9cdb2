//! [`Seen`]: what proves that two passes over a stream read the same rows.

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{ArrayView1, ArrayView2};

use crate::error::Error;
use crate::memory;
use crate::rows::{Element, Rows};
use crate::simd::{Kernel, Level, dispatch};
use crate::with_rows;

/// What the memory is for, in errors.
const WHAT: &str = "the sums of a chunk of rows";
/// Number of rows, and exact sums of what is in them.
///
/// Every sum is modulo 2^64: exact, associative and commutative, so that it does not depend on how
/// the rows were cut. That of hashed rows proves that they are the same ones; those of the bits of
/// columns and of weights mostly tell what has changed, and that of the blocks whether the order
/// has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Number of rows.
    pub rows: u64,
    /// Number of rows of positive weight.
    pub present: u64,
    /// Of each column.
    pub columns: Vec<u64>,
    /// Of the weights, as they were given.
    pub weights: u64,
    /// Of the rows, each with its weight.
    pub contents: u64,
    /// Of the blocks, each with its number.
    pub order: u64,
}

/// The same of some blocks, to which several threads add.
#[derive(Debug)]
pub struct Looked {
    keys: Vec<u64>,
    columns: Vec<AtomicU64>,
    weights: AtomicU64,
    contents: AtomicU64,
    order: AtomicU64,
}

impl Seen {
    /// Of no rows.
    #[must_use]
    pub fn new(n_features: usize) -> Self {
        Self { columns: vec![0; n_features], ..Self::default() }
    }

    /// Adds what was seen of blocks, whose rows were counted already.
    pub fn take(&mut self, looked: Looked) {
        let add = |sum: &mut u64, more: AtomicU64| *sum = sum.wrapping_add(more.into_inner());
        add(&mut self.weights, looked.weights);
        add(&mut self.contents, looked.contents);
        add(&mut self.order, looked.order);
        self.columns.iter_mut().zip(looked.columns).for_each(|(sum, more)| add(sum, more));
    }
}

impl Looked {
    /// Of no blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for a sum of each column.
    pub fn new(n_features: usize) -> Result<Self, Error> {
        let zero = || AtomicU64::new(0);
        let columns = memory::collected((0..n_features).map(|_| zero()), WHAT)?;
        let keys = memory::collected((0..n_features).map(key), WHAT)?;
        Ok(Self { keys, columns, weights: zero(), contents: zero(), order: zero() })
    }

    /// Adds a block of rows and their weights.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] as [`Self::new`].
    pub fn add(
        &self,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
        block: u64,
    ) -> Result<(), Error> {
        let mut sums = memory::filled(rows.n_columns(), 0_u64, WHAT)?;
        let mut hashes = memory::filled(rows.n_rows(), 0_u64, WHAT)?;
        dispatch(Look { rows, keys: &self.keys, sums: &mut sums, hashes: &mut hashes });
        let add = |to: &AtomicU64, sum: u64| {
            to.fetch_add(sum, Ordering::Relaxed);
        };
        self.columns.iter().zip(&sums).for_each(|(to, &sum)| add(to, sum));
        if let Some(weights) = weights {
            let mut sum = 0_u64;
            for (hash, weight) in hashes.iter_mut().zip(weights) {
                sum = sum.wrapping_add(weight.to_bits());
                *hash = hash.wrapping_add(weight.to_bits().wrapping_mul(WEIGHTS));
            }
            add(&self.weights, sum);
        }
        let contents = hashes.iter().map(|&hash| finished(hash)).fold(0, u64::wrapping_add);
        add(&self.contents, contents);
        add(&self.order, finished(contents ^ finished(block)));
        Ok(())
    }
}

/// What columns' keys are multiples of, odd: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// The key of weights.
const WEIGHTS: u64 = 0xd1b5_4a32_d192_ed03;

/// The key of a column: odd, so that no change of one value is multiplied away.
fn key(column: usize) -> u64 {
    finished((column as u64 + 1).wrapping_mul(GOLDEN)) | 1
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): any bit changes about half of all.
#[inline(always)]
fn finished(sum: u64) -> u64 {
    let first = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}

/// Sums of bits over the columns of a block, and of their products with the columns' keys over its
/// rows (a multilinear hash, which [`finished`] makes one that does not add up).
struct Look<'l, 'a> {
    rows: Rows<'a>,
    keys: &'l [u64],
    sums: &'l mut [u64],
    hashes: &'l mut [u64],
}

impl Kernel for Look<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _: L) {
        let Self { rows, keys, sums, hashes } = self;
        with_rows!(rows, view => match view.as_slice() {
            Some(values) if !sums.is_empty() => by_rows(values, keys, sums, hashes),
            _ => by_columns(view, keys, sums, hashes),
        });
    }
}

/// Values that are worked on together: a row of eight columns takes no loop.
const LANES: usize = 8;

#[inline(always)]
fn by_rows<T: Element>(values: &[T], keys: &[u64], sums: &mut [u64], hashes: &mut [u64]) {
    let (wide_keys, rest_keys) = keys.as_chunks::<LANES>();
    let (wide_sums, rest_sums) = sums.as_chunks_mut::<LANES>();
    for (row, hash) in values.chunks_exact(keys.len()).zip(hashes) {
        let (wide, rest) = row.as_chunks::<LANES>();
        let mut total = 0_u64;
        for ((values, keys), sums) in wide.iter().zip(wide_keys).zip(wide_sums.iter_mut()) {
            for lane in 0..LANES {
                let bits = values[lane].to_bits_u64();
                sums[lane] = sums[lane].wrapping_add(bits);
                total = total.wrapping_add(bits.wrapping_mul(keys[lane]));
            }
        }
        for ((value, key), sum) in rest.iter().zip(rest_keys).zip(rest_sums.iter_mut()) {
            let bits = value.to_bits_u64();
            *sum = sum.wrapping_add(bits);
            total = total.wrapping_add(bits.wrapping_mul(*key));
        }
        *hash = total;
    }
}

#[inline(always)]
fn by_columns<T: Element>(
    view: ArrayView2<'_, T>,
    keys: &[u64],
    sums: &mut [u64],
    hashes: &mut [u64],
) {
    for ((column, key), sum) in view.columns().into_iter().zip(keys).zip(sums) {
        for (value, hash) in column.iter().zip(hashes.iter_mut()) {
            let bits = value.to_bits_u64();
            *sum = sum.wrapping_add(bits);
            *hash = hash.wrapping_add(bits.wrapping_mul(*key));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, s};

    use super::*;

    fn seen(rows: &Array2<f64>, cuts: &[usize]) -> Seen {
        let mut seen = Seen::new(rows.ncols());
        for (block, cut) in cuts.windows(2).enumerate() {
            let looked = Looked::new(rows.ncols()).unwrap();
            let part = rows.slice(s![cut[0]..cut[1], ..]);
            looked.add(Rows::F64(part), None, block as u64).unwrap();
            seen.take(looked);
            seen.rows += (cut[1] - cut[0]) as u64;
        }
        seen
    }

    fn numbers(n: usize, d: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, d), |(i, j)| ((i * 7919 + j * 104_729) % 1013) as f64 / 7.0)
    }

    #[test]
    fn sums_depend_neither_on_cuts_nor_on_the_layout() {
        for d in [1, 2, 3, 8, 63, 64, 65, 200] {
            let rows = numbers(150, d);
            let whole = seen(&rows, &[0, 150]);
            let cut = seen(&rows, &[0, 1, 77, 149, 150]);
            assert_eq!(Seen { order: whole.order, ..cut }, whole);
            let mut turned = Array2::zeros((d, 150));
            turned.assign(&rows.t());
            assert_eq!(seen(&turned.reversed_axes(), &[0, 150]), whole);
        }
    }

    #[test]
    fn what_changes_is_seen() {
        let rows = numbers(200, 3);
        let before = seen(&rows, &[0, 100, 200]);
        for (row, column) in [(0, 0), (7, 2), (199, 1)] {
            let mut changed = rows.clone();
            let value = &mut changed[[row, column]];
            *value = f64::from_bits(value.to_bits() ^ 1);
            let after = seen(&changed, &[0, 100, 200]);
            let differ: Vec<_> =
                (0..3).filter(|&j| after.columns[j] != before.columns[j]).collect();
            assert_eq!(differ, [column]);
        }
        // Two rows that change places.
        let mut moved = rows.clone();
        let (first, second) = (rows.row(3).to_owned(), rows.row(150).to_owned());
        moved.index_axis_mut(Axis(0), 3).assign(&second);
        moved.index_axis_mut(Axis(0), 150).assign(&first);
        let after = seen(&moved, &[0, 100, 200]);
        assert_eq!((&after.columns, after.contents), (&before.columns, before.contents));
        assert_ne!(after.order, before.order);
        // Values of a column that change places with each other: other rows.
        let mut crossed = rows.clone();
        crossed.swap([3, 1], [4, 1]);
        let after = seen(&crossed, &[0, 100, 200]);
        assert_eq!(after.columns, before.columns);
        assert_ne!(after.contents, before.contents);
        // Equal changes of two values in opposite directions.
        let mut balanced = Array2::from_elem((200, 3), 6.0);
        [4.0, 12.0].iter().enumerate().for_each(|(row, &value)| balanced[[row, 0]] = value);
        let before = seen(&balanced, &[0, 200]);
        [6.0, 8.0].iter().enumerate().for_each(|(row, &value)| balanced[[row, 0]] = value);
        assert_ne!(seen(&balanced, &[0, 200]).contents, before.contents);
    }
}
