//! Several columns together: exact sums, and exact sums of their products.

use std::ops::Range;

use ndarray::ArrayView1;

use super::column::{Column, Ids, Weights};
use super::columns::{check_rows, check_total};
use super::exact::Exact;
use super::sums::{
    First, Octet, PairBuilder, Second, SumsBuilder, add_product, extent_without_zeros, max_abs,
    set_bits, split,
};
use crate::bytes::{Kind, Opened, Reader, Writer, open, seal};
use crate::error::Error;
use crate::fold::{Context, Partition, Stop};
use crate::memory;

/// What the memory is for, in errors.
pub(super) const WHAT: &str = "the joint sums of the columns";

/// Σxᵢ and Σxᵢxⱼ over the rows that are complete: finite in every column, and without a null.
///
/// A monoid over rows for a given number of columns, and exact, as [`Summary`](super::Summary) is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Joint {
    n_columns: usize,
    pub(super) count: u64,
    pub(super) incomplete_count: u64,
    pub(super) sums: Vec<First>,
    /// Of the pairs (i, j) with j ≤ i, by i and then j.
    pub(super) products: Vec<Second>,
}

/// What the bytes of a [`Joint`] began with before there was an envelope: a name and a version.
const BEFORE: [u8; 5] = *b"FJnt\x01";

fn pairs(n_columns: usize) -> usize {
    n_columns * (n_columns + 1) / 2
}

fn pair(i: usize, j: usize) -> usize {
    let (low, high) = (i.min(j), i.max(j));
    high * (high + 1) / 2 + low
}

impl Joint {
    /// More columns than these have more pairs than memory.
    pub const MOST_COLUMNS: usize = 1 << 11;

    /// Of no rows.
    ///
    /// # Panics
    ///
    /// If there are more than [`Joint::MOST_COLUMNS`] columns.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for its sums.
    pub fn new(n_columns: usize) -> Result<Self, Error> {
        assert!(n_columns <= Self::MOST_COLUMNS, "{n_columns} columns have too many pairs");
        let zeros = || std::iter::repeat_with(|| Second::ZERO);
        let sums = memory::collected(std::iter::repeat_n(First::ZERO, n_columns), WHAT)?;
        let products = memory::collected(zeros().take(pairs(n_columns)), WHAT)?;
        Ok(Self { n_columns, count: 0, incomplete_count: 0, sums, products })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn copied(&self) -> Result<Self, Error> {
        let mut copy = Self::new(self.n_columns)?;
        copy.try_merge(self)?;
        Ok(copy)
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Number of complete rows.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Number of rows left out.
    #[must_use]
    pub fn incomplete_count(&self) -> u64 {
        self.incomplete_count
    }

    /// The exact sum of a column over the complete rows.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    #[must_use]
    pub fn sum(&self, column: usize) -> Exact {
        self.sums[column].exact()
    }

    /// The exact sum of the products of two columns over the complete rows.
    ///
    /// # Panics
    ///
    /// If there are no such columns.
    #[must_use]
    pub fn product(&self, i: usize, j: usize) -> Exact {
        self.products[pair(i, j)].exact()
    }

    /// Adds the rows of another one.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if the numbers of columns differ, [`Error::TooMany`] if there would
    /// be more than 2⁶⁴ − 1 rows; `self` then stays as it is.
    pub fn try_merge(&mut self, other: &Self) -> Result<(), Error> {
        self.check_columns(other)?;
        let rows = |joint: &Self| joint.count.checked_add(joint.incomplete_count);
        let all = rows(self).zip(rows(other)).and_then(|(left, right)| left.checked_add(right));
        all.ok_or(Error::TooMany)?;
        self.count += other.count;
        self.incomplete_count += other.incomplete_count;
        self.sums.iter_mut().zip(&other.sums).for_each(|(left, right)| left.merge(right));
        self.products.iter_mut().zip(&other.products).for_each(|(left, right)| left.merge(right));
        Ok(())
    }

    pub(super) fn check_columns(&self, other: &Self) -> Result<(), Error> {
        if self.n_columns == other.n_columns {
            return Ok(());
        }
        let describe = |joint: &Self| format!("joint sums of {} columns", joint.n_columns);
        Err(Error::Incompatible { left: describe(self), right: describe(other) })
    }

    /// Adds rows, `weights` telling how often each counts.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the number of columns or their lengths do not fit, [`Error::TooMany`],
    /// [`Error::Interrupted`] if the stop flag was raised; `self` then stays as it is.
    pub fn update(
        &mut self,
        context: &Context,
        columns: &[Column<'_>],
        weights: Option<ArrayView1<'_, u64>>,
    ) -> Result<(), Error> {
        if columns.len() != self.n_columns {
            let expected = format!("{} columns", self.n_columns);
            return Err(Error::Shape { name: "X", expected, found: vec![columns.len()] });
        }
        let rows = columns.first().map_or(0, Column::len);
        let times = weights.map(Weights::Times);
        check_rows(rows, columns, &Ids::Range { start: 0, step: 1 }, times.as_ref())?;
        check_total(times.as_ref())?;
        let stop = context.stop();
        let new = || Ok(Worker { stop, done: Self::new(self.n_columns)?, by_bit: Vec::new() });
        // The columns of a block stay in the second-level cache while all pairs are formed.
        let block = (1 << 17) / columns.len().max(1) / 8 * 8;
        let block = block.clamp(64, SumsBuilder::BLOCK);
        // About as much work for any number of columns, so that threads and Ctrl-C get their turn.
        let leaf = ((1 << 22) / self.products.len().max(1)).clamp(block, 1 << 16);
        let partition = Partition::new(rows, leaf.next_multiple_of(block));
        let workers = context.accumulate(&partition, new, |worker, rows| {
            let mut start = rows.start;
            while start < rows.end {
                let end = (start + block).min(rows.end);
                worker.add(columns, weights, start..end)?;
                start = end;
            }
            Ok(())
        })?;
        let mut added = Self::new(self.n_columns)?;
        for worker in workers {
            added.try_merge(&worker.finish()?)?;
        }
        self.try_merge(&added)
    }

    /// Writes it down.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        seal(Kind::JointState, &self.to_payload()?)
    }

    /// Reads what [`Joint::to_bytes`] wrote, in this version or an earlier one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let cut_off = || Error::Corrupt("these bytes of a JointState are cut off".to_owned());
        match open(bytes, Kind::JointState)? {
            Opened::Payload { payload, .. } => Self::from_payload(payload),
            Opened::Before(_) => {
                Self::from_payload(bytes.strip_prefix(&BEFORE).ok_or_else(cut_off)?)
            }
        }
    }

    /// Writes it down without an envelope, to be part of something else that has one.
    ///
    /// # Errors
    ///
    /// As [`Joint::to_bytes`].
    pub fn to_payload(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new();
        writer.length(self.n_columns);
        writer.varint(self.count);
        writer.varint(self.incomplete_count);
        self.sums.iter().for_each(|sum| sum.encode(&mut writer));
        self.products.iter().for_each(|sum| sum.encode(&mut writer));
        writer.finish()
    }

    /// Reads what [`Joint::to_payload`] wrote.
    ///
    /// # Errors
    ///
    /// As [`Joint::from_bytes`].
    pub fn from_payload(payload: &[u8]) -> Result<Self, Error> {
        Kind::JointState.decode(payload, Self::decode)
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let n_columns = reader.length("the number of columns", 1)?;
        let count = reader.varint("the number of rows")?;
        let incomplete_count = reader.varint("the number of rows")?;
        // A sum takes a byte at least, however small.
        if n_columns > Self::MOST_COLUMNS || n_columns + pairs(n_columns) > reader.remaining() {
            return Err(reader.corrupt("the number of columns", "too large"));
        }
        if count.checked_add(incomplete_count).is_none() {
            return Err(reader.corrupt("the number of rows", "too large"));
        }
        let sums = (0..n_columns).map(|_| First::decode(reader, count));
        let sums = memory::gathered(sums, WHAT)?;
        let products = (0..pairs(n_columns)).map(|_| Second::decode(reader, count));
        let products = memory::gathered(products, WHAT)?;
        Ok(Self { n_columns, count, incomplete_count, sums, products })
    }
}

/// What one thread has added up.
struct Worker<'s> {
    /// Looked at once a column: with thousands of columns, one block of rows takes seconds.
    stop: &'s Stop,
    /// Counts, and what did not go through the kernels.
    done: Joint,
    /// Rows whose weight has bit i set: they count 2^i times in the end.
    by_bit: Vec<Level>,
}

/// Sums of rows that count alike.
struct Level {
    columns: Vec<SumsBuilder>,
    /// Of the pairs (i, j) with j < i; the others come from the squares of `columns`.
    pairs: Vec<PairBuilder>,
}

impl Level {
    fn new(n_columns: usize) -> Result<Self, Error> {
        let pairs = pairs(n_columns) - n_columns;
        Ok(Self {
            columns: memory::collected((0..n_columns).map(|_| SumsBuilder::new(false)), WHAT)?,
            pairs: memory::collected((0..pairs).map(|_| PairBuilder::default()), WHAT)?,
        })
    }

    /// Adds rows of finite values, one array for each column, padded with zeros to octets.
    fn add(&mut self, columns: &[Vec<f64>], rows: usize, stop: &Stop) -> Result<(), Error> {
        for (builder, values) in self.columns.iter_mut().zip(columns) {
            let added = builder.add(&values[..rows], &[]);
            debug_assert!(added.is_ok(), "only finite rows were kept");
        }
        let octets: Vec<&[Octet]> = columns.iter().map(|values| values.as_chunks().0).collect();
        let sizes: Vec<(f64, f64)> = octets
            .iter()
            .map(|octets| {
                let extent = extent_without_zeros(*octets).pooled();
                (extent.min_abs[0], max_abs(extent.min[0], extent.max[0]))
            })
            .collect();
        let mut pairs = self.pairs.iter_mut();
        for i in 0..columns.len() {
            stop.check()?;
            for (j, pair) in (0..i).zip(&mut pairs) {
                // A product with zeros alone adds nothing.
                if sizes[i].1 > 0.0 && sizes[j].1 > 0.0 {
                    pair.add((octets[i], sizes[i]), (octets[j], sizes[j]));
                }
            }
        }
        Ok(())
    }
}

impl Worker<'_> {
    fn add(
        &mut self,
        columns: &[Column<'_>],
        weights: Option<ArrayView1<'_, u64>>,
        rows: Range<usize>,
    ) -> Result<(), Error> {
        let room = columns.iter().map(|_| memory::filled(rows.len(), 0.0, WHAT));
        let mut values: Vec<Vec<f64>> = memory::gathered(room, WHAT)?;
        let mut exact = true;
        for (values, column) in values.iter_mut().zip(columns) {
            exact &= column.values.widen(rows.clone(), values);
        }
        let mut times: Vec<u64> =
            rows.clone().map(|row| weights.map_or(1, |weights| weights[row])).collect();
        self.count(columns, &values, rows.clone(), &mut times);
        if !exact {
            return self.add_numbers(columns, rows, &times);
        }
        let bits = times.iter().fold(0, |all, times| all | times);
        for bit in set_bits(bits) {
            let is_chosen = |index: &usize| times[*index] >> bit & 1 == 1;
            let chosen: Vec<usize> = (0..rows.len()).filter(is_chosen).collect();
            let padded = chosen.len().next_multiple_of(8);
            let packed = values.iter().map(|values| {
                let mut packed = memory::filled(padded, 0.0, WHAT)?;
                for (target, &index) in packed.iter_mut().zip(&chosen) {
                    *target = values[index];
                }
                Ok(packed)
            });
            let packed: Vec<Vec<f64>> = memory::gathered(packed, WHAT)?;
            let stop = self.stop;
            self.level(bit, columns.len())?.add(&packed, chosen.len(), stop)?;
        }
        Ok(())
    }

    fn level(&mut self, bit: usize, n_columns: usize) -> Result<&mut Level, Error> {
        while self.by_bit.len() <= bit {
            self.by_bit.push(Level::new(n_columns)?);
        }
        Ok(&mut self.by_bit[bit])
    }

    /// Counts the rows, and sets the number of times to 0 of those that are left out.
    fn count(
        &mut self,
        columns: &[Column<'_>],
        values: &[Vec<f64>],
        rows: Range<usize>,
        times: &mut [u64],
    ) {
        for ((index, row), times) in rows.enumerate().zip(times) {
            let complete = columns.iter().zip(values).all(|(column, values)| {
                values[index].is_finite() && column.validity.is_none_or(|bits| bits.get(row))
            });
            let done = &mut self.done;
            if complete {
                done.count += *times;
            } else {
                done.incomplete_count += *times;
                *times = 0;
            }
        }
    }

    /// Row by row, for integers that no `f64` holds: they are a sum of two.
    fn add_numbers(
        &mut self,
        columns: &[Column<'_>],
        rows: Range<usize>,
        times: &[u64],
    ) -> Result<(), Error> {
        for (row, &times) in rows.zip(times).filter(|(_, times)| **times > 0) {
            let mut row_of = Joint::new(columns.len())?;
            let parts: Vec<[f64; 2]> =
                columns.iter().map(|column| column.values.get(row).parts().into()).collect();
            for i in 0..columns.len() {
                for x in parts[i] {
                    let (mantissa, bit) = split(x);
                    row_of.sums[i].add_integer(mantissa.into(), bit);
                    for j in 0..=i {
                        parts[j].iter().for_each(|&y| {
                            add_product(&mut row_of.products[pair(i, j)], x, y);
                        });
                    }
                }
            }
            self.done.merge_times(&row_of, times);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Joint, Error> {
        for (bit, level) in self.by_bit.into_iter().enumerate() {
            let Level { columns, pairs } = level;
            let mut pairs = pairs.into_iter();
            for (i, column) in columns.into_iter().enumerate() {
                self.stop.check()?;
                let sums = column.finish();
                self.done.sums[i].merge_shifted(&sums.first, bit);
                self.done.products[pair(i, i)].merge_shifted(&sums.second, bit);
                for (j, builder) in (0..i).zip(&mut pairs) {
                    if let Some(sum) = builder.finish() {
                        self.done.products[pair(i, j)].merge_shifted(&sum, bit);
                    }
                }
            }
        }
        Ok(self.done)
    }
}

impl Joint {
    /// Adds the sums, not the counts, of another one `times` times.
    fn merge_times(&mut self, other: &Self, times: u64) {
        for bit in set_bits(times) {
            let sums = self.sums.iter_mut().zip(&other.sums);
            sums.for_each(|(left, right)| left.merge_shifted(right, bit));
            let products = self.products.iter_mut().zip(&other.products);
            products.for_each(|(left, right)| left.merge_shifted(right, bit));
        }
    }
}
