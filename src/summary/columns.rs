//! Columns in, one summary for each out: in one parallel pass.

use std::ops::Range;

use ndarray::s;

use super::accumulate::{Accumulator, Block, Counting, Owners};
use super::column::{Column, Ids, Weights, bad_weight};
use super::number::Number;
use super::octets::{self, Octets};
use super::parts::Parts;
use super::states::{Numbers, Run, State};
use super::summary::Summary;
use super::sums::{Lanes, SumsBuilder};
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the summaries of the columns";

/// Values that a task works on before it lets go: few enough to share work evenly, enough to
/// make up for being scheduled.
const TASK: usize = 1 << 16;
/// Columns that are worked on at the same time: each takes some scratch memory meanwhile.
const AT_ONCE: usize = 2048;
/// Columns so many, and of so few rows, are added up one by one.
const MANY: usize = 64;
const FEW_ROWS: usize = 64;
/// So they are where they have up to that many rows which lie together in memory.
const RUN: usize = 4096;
/// Fewest rows of a task, where there are that many: whole blocks of the kernels.
const FEWEST_ROWS: usize = SumsBuilder::BLOCK / 8;

/// One summary for each column, with the settings of `template`.
///
/// `ids` tell whose each row is, and `weights` how much it counts. All columns, and both of
/// these, have one number of rows.
///
/// # Errors
///
/// [`Error::Shape`] if they have not, [`Error::TooMany`] if numbers of times add up to 2⁶⁴ or more,
/// [`Error::InvalidArgument`] if a weight is negative or not finite, or there are real weights and
/// the template keeps what these have none of, [`Error::Interrupted`] if the stop flag was raised.
pub fn summarize_columns<'d>(
    context: &Context,
    template: &Summary,
    columns: &[Column<'d>],
    ids: Ids<'d>,
    weights: Option<Weights<'d>>,
) -> Result<Vec<State>, Error> {
    let rows = columns.first().map_or(0, Column::len);
    check_rows(rows, columns, &ids, weights.as_ref())?;
    let template = template.parts_for(weights.as_ref())?;
    let table = Table { template: &template, columns, ids, weights };
    if table.is_of_runs(rows) {
        return table.summarize_runs(context, rows);
    }
    let mut summaries = memory::with_capacity(columns.len(), WHAT)?;
    for start in (0..columns.len()).step_by(AT_ONCE) {
        let batch = start..(start + AT_ONCE).min(columns.len());
        summaries.extend(table.summarize(context, rows, batch)?.into_iter().map(State::from));
    }
    Ok(summaries)
}

/// Checks that everything has as many rows as the columns.
pub(super) fn check_rows(
    rows: usize,
    columns: &[Column<'_>],
    ids: &Ids<'_>,
    weights: Option<&Weights<'_>>,
) -> Result<(), Error> {
    let shape = |name, found| {
        if found == rows {
            return Ok(());
        }
        Err(Error::Shape { name, expected: format!("({rows},)"), found: vec![found] })
    };
    for column in columns {
        shape("a column", column.len())?;
        shape("a column's validity", column.validity.map_or(rows, |validity| validity.len()))?;
    }
    match ids {
        Ids::Range { .. } => {}
        Ids::I64(ids) => shape("ids", ids.len())?,
        Ids::U64(ids) => shape("ids", ids.len())?,
        Ids::Given(ids) => shape("ids", ids.len())?,
    }
    shape("sample_weight", weights.map_or(rows, Weights::len))
}

/// Checks that so many rows can be counted.
pub(super) fn check_total(weights: Option<&Weights<'_>>) -> Result<(), Error> {
    let (Some(Weights::Times(times) | Weights::Signed(times)), Some(weights)) = (weights, weights)
    else {
        return Ok(());
    };
    if matches!(weights, Weights::Signed(_)) && times.iter().any(|&times| times > i64::MAX as u64) {
        return Err(bad_weight());
    }
    let mut times = times.iter();
    times.try_fold(0_u64, |total, &times| total.checked_add(times)).ok_or(Error::TooMany)?;
    Ok(())
}

/// How a table is cut: tasks of about [`TASK`] values, whose rows lie together.
struct Tiles {
    rows: usize,
    columns: usize,
    tile_rows: usize,
    tile_columns: usize,
}

impl Tiles {
    fn new(rows: usize, columns: usize) -> Self {
        let least = rows.clamp(1, FEWEST_ROWS);
        // Whole octets of columns, so that none is cut in two.
        let tile_columns = columns.clamp(1, (TASK / least).next_multiple_of(8));
        let tile_rows = (TASK / tile_columns).max(least).next_multiple_of(FEWEST_ROWS);
        Self { rows, columns, tile_rows, tile_columns }
    }

    fn across(&self) -> usize {
        self.columns.div_ceil(self.tile_columns)
    }

    fn partition(&self) -> Partition {
        Partition::new(self.rows.div_ceil(self.tile_rows) * self.across(), 1)
    }

    /// The rows and the columns of a task.
    fn tile(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (down, across) = (task / self.across(), task % self.across());
        let part = |index: usize, size: usize, end: usize| {
            (index * size).min(end)..((index + 1) * size).min(end)
        };
        (part(down, self.tile_rows, self.rows), part(across, self.tile_columns, self.columns))
    }
}

/// What is there of a column that is one run.
#[derive(Default)]
struct Packed {
    values: Vec<f64>,
    numbers: Vec<Number>,
}

impl Packed {
    /// Adds a column to its state.
    fn add(
        &mut self,
        column: &Column<'_>,
        rows: usize,
        state: &mut State,
        template: &Parts,
    ) -> Result<(), Error> {
        let owners = Owners { ids: Ids::Range { start: 0, step: 1 }, first: 0, rows: None };
        let mut add = |values| {
            let counting = Counting::Once;
            state.add(&Run { values, counting, owners }, template)
        };
        match (column.values.as_f64_slice(), column.validity) {
            (Some(values), None) => return add(Numbers::Floats(values)),
            (_, None) => {
                memory::resize(&mut self.values, rows, 0.0, WHAT)?;
                if column.values.widen(0..rows, &mut self.values) {
                    return add(Numbers::Floats(&self.values));
                }
            }
            _ => {}
        }
        self.numbers.clear();
        let present = |row: usize| column.validity.is_none_or(|validity| validity.get(row));
        for row in (0..rows).filter(|&row| present(row)) {
            memory::push(&mut self.numbers, column.values.get(row), WHAT)?;
        }
        add(Numbers::Any(&self.numbers))?;
        state.add_nulls((rows - self.numbers.len()) as u64, template)
    }
}

/// What all tasks read.
struct Table<'t, 'd> {
    template: &'t Parts,
    columns: &'t [Column<'d>],
    ids: Ids<'d>,
    weights: Option<Weights<'d>>,
}

impl<'d> Table<'_, 'd> {
    /// Whether columns are many and short, and nothing but their values is asked for.
    fn is_of_runs(&self, rows: usize) -> bool {
        let lie_together = |column: &Column<'_>| column.values.as_f64_slice().is_some();
        self.columns.len() >= MANY
            && self.template.is_plain()
            && self.weights.is_none()
            && (rows <= FEW_ROWS || (rows <= RUN && self.columns.iter().all(lie_together)))
    }

    /// One summary for each column, which is a run.
    fn summarize_runs(&self, context: &Context, rows: usize) -> Result<Vec<State>, Error> {
        let mut states = memory::with_capacity(self.columns.len(), WHAT)?;
        states.extend(self.columns.iter().map(|_| State::begun(self.template)));
        let partition = Partition::new(self.columns.len(), (TASK / rows.max(8)).max(1));
        context.for_each_chunk(&partition, RowsMut::column(&mut states), |range, mut states| {
            let mut packed = Packed::default();
            for (state, column) in states.values().iter_mut().zip(&self.columns[range]) {
                packed.add(column, rows, state, self.template)?;
            }
            Ok(())
        })?;
        Ok(states)
    }

    /// One summary for each of some columns.
    fn summarize(
        &self,
        context: &Context,
        rows: usize,
        columns: Range<usize>,
    ) -> Result<Vec<Summary>, Error> {
        let tiles = Tiles::new(rows, columns.len());
        let new = || memory::collected(columns.clone().map(|_| None), WHAT);
        let workers = context.accumulate(&tiles.partition(), new, |accumulators, tasks| {
            for (rows, tile) in tasks.map(|task| tiles.tile(task)) {
                let tile_columns = columns.start + tile.start..columns.start + tile.end;
                self.add(rows, tile_columns, &mut accumulators[tile])?;
            }
            Ok(())
        })?;
        let empty = columns.clone().map(|_| {
            memory::check(WHAT)?;
            Ok(Summary::from(self.template.empty()?))
        });
        let mut summaries = memory::gathered(empty, WHAT)?;
        for accumulators in workers {
            for (summary, accumulator) in summaries.iter_mut().zip(accumulators) {
                if let Some(accumulator) = accumulator {
                    summary.try_merge(&Summary::from(accumulator.finish()?))?;
                }
            }
        }
        Ok(summaries)
    }

    /// Adds a tile, whose columns have these accumulators.
    fn add(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        accumulators: &mut [Option<Box<Accumulator>>],
    ) -> Result<(), Error> {
        let (octets, alone) = self.grouped(columns.clone());
        for target in accumulators.iter_mut() {
            memory::check(WHAT)?;
            if target.is_none() {
                *target = Some(Box::new(Accumulator::new(self.template)?));
            }
        }
        let mut lanes: Vec<Lanes> = octets.iter().map(|_| Lanes::default()).collect();
        for block in blocks(rows.clone(), octets::ROWS) {
            // Also of the tile behind this one: it is most likely the next.
            let behind = block.end..(block.end + block.len()).min(self.columns[0].len());
            for (part, ((start, octet), lanes)) in octets.iter().zip(&mut lanes).enumerate() {
                let ahead = octets[0].1.lines(behind.clone(), part, octets.len());
                let mut targets = accumulators[*start..start + 8].iter_mut().flatten();
                let targets = std::array::from_fn(|_| {
                    &mut **targets.next().expect("every column has an accumulator")
                });
                octet.add(block.clone(), ahead, lanes, targets);
            }
        }
        let mut reader = Reader::new(self.ids, self.weights);
        for index in alone {
            let target = accumulators[index].as_mut().expect("every column has an accumulator");
            reader.read(&self.columns[columns.start + index], rows.clone(), target);
        }
        Ok(())
    }

    /// Columns that can be read eight at a time, and those that cannot, counted from the first.
    fn grouped(&self, columns: Range<usize>) -> (Vec<(usize, Octets<'d>)>, Vec<usize>) {
        let (mut octets, mut alone) = (Vec::new(), Vec::new());
        let plain = self.template.is_plain() && self.weights.is_none();
        let among = &self.columns[columns];
        let mut next = 0;
        while next < among.len() {
            match Octets::around(among, next).filter(|_| plain) {
                Some((start, octet)) => {
                    octets.push((start, octet));
                    next = start + 8;
                }
                None => {
                    alone.push(next);
                    next += 1;
                }
            }
        }
        (octets, alone)
    }
}

/// Rows in blocks of `size`, the last one possibly shorter.
fn blocks(rows: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(size).map(move |start| start..(start + size).min(end))
}

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
