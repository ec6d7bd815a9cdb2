//! Columns block by block, on their way into an accumulator.

use std::ops::Range;

use ndarray::s;

use super::accumulate::{Accumulator, Block, Counting, Owners, blocks};
use super::column::{Column, Ids, Weights};
use super::sums::SumsBuilder;

/// Reads a column block by block: where it lies if it can, else through a buffer.
pub(super) struct Reader<'d> {
    ids: Ids<'d>,
    weights: Option<Weights<'d>>,
    values: Vec<f64>,
    rows: Vec<u32>,
    /// Of the values that are left, whichever there are.
    times: Vec<u64>,
    real: Vec<f64>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(ids: Ids<'d>, weights: Option<Weights<'d>>) -> Self {
        let (values, rows, times, real) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { ids, weights, values, rows, times, real }
    }

    /// Adds some rows of a column to an accumulator.
    pub(super) fn read(&mut self, column: &Column<'_>, rows: Range<usize>, into: &mut Accumulator) {
        for block in blocks(rows.clone(), SumsBuilder::BLOCK) {
            self.read_block(column, block, rows.end, into);
        }
    }

    fn read_block(
        &mut self,
        column: &Column<'_>,
        block: Range<usize>,
        end: usize,
        into: &mut Accumulator,
    ) {
        let owners = Owners { ids: self.ids, first: block.start, rows: None };
        let nulls = column.validity.is_some_and(|validity| !validity.all(block.clone()));
        self.gather(block.clone(), into);
        if let Some(values) = column.values.as_f64_slice()
            && !nulls
        {
            let ahead = &values[block.end..(block.end + block.len()).min(end)];
            let counting = self.counting(block.clone());
            return into.add(&Block { values: &values[block], counting, ahead, owners });
        }
        self.values.resize(block.len(), 0.0);
        if !column.values.widen(block.clone(), &mut self.values) {
            return self.add_numbers(column, block, into);
        }
        if !nulls {
            let counting = self.counting(block);
            return into.add(&Block { values: &self.values, counting, ahead: &[], owners });
        }
        self.pack(column, block, into);
        let counting = match self.weights {
            None => Counting::Once,
            Some(Weights::Times(_) | Weights::Signed(_)) => Counting::Times(&self.times),
            Some(Weights::Real(_)) => Counting::Weights(&self.real),
        };
        let owners = Owners { rows: Some(&self.rows), ..owners };
        into.add(&Block { values: &self.values, counting, ahead: &[], owners });
    }

    /// Copies weights that are not neighbours in memory, and notes if a signed one is negative.
    fn gather(&mut self, block: Range<usize>, into: &mut Accumulator) {
        if let Some(Weights::Signed(times)) = self.weights {
            let times = times.slice(s![block.clone()]);
            into.note_signed(times.iter().fold(0, |all, times| all | times));
        }
        match self.weights {
            Some(Weights::Times(times) | Weights::Signed(times)) if times.to_slice().is_none() => {
                self.times.clear();
                self.times.extend(block.map(|row| times[row]));
            }
            Some(Weights::Real(weights)) if weights.to_slice().is_none() => {
                self.real.clear();
                self.real.extend(block.map(|row| weights[row]));
            }
            _ => {}
        }
    }

    /// How much the rows of a block count, after [`Self::gather`].
    fn counting(&self, block: Range<usize>) -> Counting<'_> {
        match self.weights {
            None => Counting::Once,
            Some(Weights::Times(times) | Weights::Signed(times)) => {
                Counting::Times(times.to_slice().map_or(&self.times, |times| &times[block]))
            }
            Some(Weights::Real(weights)) => {
                Counting::Weights(weights.to_slice().map_or(&self.real, |real| &real[block]))
            }
        }
    }

    /// Leaves only values that are there, after [`Self::gather`], and counts the nulls.
    fn pack(&mut self, column: &Column<'_>, block: Range<usize>, into: &mut Accumulator) {
        let (mut times, mut real) = (Vec::new(), Vec::new());
        let mut rows = std::mem::take(&mut self.rows);
        let mut values = std::mem::take(&mut self.values);
        rows.clear();
        let counting = self.counting(block.clone());
        let mut kept = 0;
        for (index, row) in block.enumerate() {
            if column.validity.is_some_and(|validity| !validity.get(row)) {
                into.add_counted_null(counting.part(index..index + 1));
                continue;
            }
            match counting {
                Counting::Once => {}
                Counting::Times(of) => times.push(of[index]),
                Counting::Weights(of) => real.push(of[index]),
            }
            values[kept] = values[index];
            rows.push(index as u32);
            kept += 1;
        }
        values.truncate(kept);
        (self.values, self.rows, self.times, self.real) = (values, rows, times, real);
    }

    /// Value by value, for integers that no `f64` holds.
    fn add_numbers(&self, column: &Column<'_>, block: Range<usize>, into: &mut Accumulator) {
        let owners = Owners { ids: self.ids, first: block.start, rows: None };
        let counting = self.counting(block.clone());
        for (index, row) in block.enumerate() {
            let counting = counting.part(index..index + 1);
            if column.validity.is_none_or(|validity| validity.get(row)) {
                into.add_counted_number(column.values.get(row), || owners.id(index), counting);
            } else {
                into.add_counted_null(counting);
            }
        }
    }
}
