//! Columns in, one summary for each out: in one parallel pass.

use std::ops::Range;

use super::accumulate::{Accumulator, Counting, Owners, blocks};
use super::column::{Column, Ids, Weights, bad_weight};
use super::number::Number;
use super::octets::{self, Octets};
use super::parts::Parts;
use super::reader::Reader;
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
    for batch in blocks(0..columns.len(), AT_ONCE) {
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
