//! Columns and keys in, summaries for each key out: in one parallel pass.
//!
//! Values of a group do not lie together, and the vector kernels want blocks. Plain summaries take
//! them one by one (`running.rs`). For all others each group has a small buffer that its values are
//! dealt to, and that is added to its summary when it is full.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use ndarray::ArrayView1;

use super::accumulate::{Accumulator, Block, Owners};
use super::column::{Bits, Column, Ids, Values, with_view};
use super::columns::check_rows;
use super::deal::{Buffers, WHAT};
use super::keys::Numbers;
use super::parts::Parts;
use super::running::{self, ByKey, ByNumber, Running};
use super::summary::Summary;
use super::sums::SumsBuilder;
use crate::error::Error;
use crate::fold::{Context, Partition, Stop};
use crate::memory;
use crate::simd::Lines;

/// Rows of a task.
const TASK: usize = 1 << 16;

/// For each key, in ascending order, one summary for each column, with the settings of `template`.
///
/// `ids` and `weights` as for [`summarize_columns`](super::summarize_columns).
///
/// # Errors
///
/// [`Error::Shape`] if columns, keys, ids and weights differ in length,
/// [`Error::InvalidArgument`] if the keys are not integers or too many, [`Error::TooMany`] if the
/// weights add up to 2⁶⁴ or more,
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn summarize_groups<'d>(
    context: &Context,
    template: &Summary,
    columns: &[Column<'d>],
    keys: Values<'d>,
    ids: Ids<'d>,
    weights: Option<ArrayView1<'d, u64>>,
) -> Result<Vec<(i128, Vec<Summary>)>, Error> {
    if matches!(keys, Values::F64(_) | Values::F32(_)) {
        let message = "must be integers or booleans".to_owned();
        return Err(Error::InvalidArgument { name: "by", message });
    }
    let rows = keys.len();
    check_rows(rows, columns, &ids, weights.as_ref())?;
    let template = template.empty_parts()?;
    let table = Table { columns, keys, ids, weights };
    let new = || Ok(Worker::new(context.stop(), &template, columns.len()));
    let partition = Partition::new(rows, TASK);
    let workers = context.accumulate(&partition, new, |worker, rows| worker.add(&table, rows))?;
    merge(context, workers, &keys)
}

/// The groups of all workers, sorted by key.
fn merge(
    context: &Context,
    workers: Vec<Worker<'_>>,
    keys: &Values<'_>,
) -> Result<Vec<(i128, Vec<Summary>)>, Error> {
    let mut groups: BTreeMap<i64, Vec<Summary>> = BTreeMap::new();
    for worker in workers {
        for (key, found) in worker.finish()? {
            context.check()?;
            memory::check(WHAT)?;
            match groups.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(found);
                }
                Entry::Occupied(mut entry) => {
                    for (summary, other) in entry.get_mut().iter_mut().zip(&found) {
                        summary.try_merge(other)?;
                    }
                }
            }
        }
    }
    let unsigned = matches!(keys, Values::U64(_));
    let key_of =
        |key: i64| if unsigned { i128::from(key) - i128::from(i64::MIN) } else { key.into() };
    memory::collected(groups.into_iter().map(|(key, group)| (key_of(key), group)), WHAT)
}

/// What all tasks read.
struct Table<'t, 'd> {
    columns: &'t [Column<'d>],
    keys: Values<'d>,
    ids: Ids<'d>,
    weights: Option<ArrayView1<'d, u64>>,
}

impl Table<'_, '_> {
    /// The keys of some rows, as integers of the same order: those of `u64` are shifted. They are
    /// copied into `buffer` unless they lie in memory as wanted.
    #[expect(clippy::unnecessary_cast, reason = "the macro writes one line for all integers")]
    fn keys<'k>(&'k self, rows: Range<usize>, buffer: &'k mut Vec<i64>) -> &'k [i64] {
        buffer.clear();
        match &self.keys {
            Values::U64(keys) => {
                buffer.extend(rows.map(|row| (keys[row] ^ (1 << 63)).cast_signed()));
            }
            Values::I64(keys) if let Some(keys) = keys.to_slice() => return &keys[rows],
            keys => with_view!(keys, view => {
                buffer.extend(rows.map(|row| view[row] as i64));
            }, bits => buffer.extend(rows.map(|row| i64::from(bits.get(row))))),
        }
        buffer
    }

    /// What of a column will be read after a block, if it lies there as `f64`.
    fn ahead(&self, column: &Column<'_>, block: Range<usize>) -> Lines {
        Lines::of(behind(column.values.as_f64_slice().unwrap_or_default(), block))
    }

    /// What of the keys will be read after a block, if they lie there as `i64`.
    fn keys_ahead(&self, block: Range<usize>) -> Lines {
        match &self.keys {
            Values::I64(keys) => Lines::of(behind(keys.to_slice().unwrap_or_default(), block)),
            _ => Lines::NONE,
        }
    }
}

/// As much as a block, behind it.
fn behind<T>(all: &[T], block: Range<usize>) -> &[T] {
    &all[block.end.min(all.len())..(block.end + block.len()).min(all.len())]
}

/// Values of a buffer, so that those of all groups stay in cache.
fn capacity(targets: usize) -> usize {
    match targets {
        0..=64 => SumsBuilder::BLOCK,
        65..=512 => 256,
        513..=2048 => 128,
        2049..=32768 => 32,
        _ => 8,
    }
}

/// Fewer than these, so that places in their buffers have 32 bits.
const MOST_TARGETS: usize = 1 << 28;

/// The groups that one thread has met.
struct Worker<'a> {
    /// Looked at once a group where all of them are gone through: there may be millions.
    stop: &'a Stop,
    template: &'a Parts,
    n_columns: usize,
    numbers: Numbers,
    /// One for each column of each group, as are the buffers.
    accumulators: Vec<Accumulator>,
    buffers: Buffers,
    /// In place of buffers, if the summaries are plain and nothing has weights.
    running: Option<Vec<Running>>,
    /// Rows of the values in the buffers, from `first` on, if anyone asks whose they are.
    rows: Option<Vec<u32>>,
    first: usize,
    /// How often the values in the buffers count, if that differs.
    times: Option<Vec<u64>>,
    /// That there was no room for what a buffer held.
    failed: Option<Error>,
}

impl<'a> Worker<'a> {
    fn new(stop: &'a Stop, template: &'a Parts, n_columns: usize) -> Self {
        Self {
            stop,
            template,
            n_columns,
            numbers: Numbers::default(),
            accumulators: Vec::new(),
            buffers: Buffers::new(capacity(0)),
            running: Accumulator::is_plain(template).then(Vec::new),
            rows: (template.best.limit() > 0).then(Vec::new),
            first: 0,
            times: None,
            failed: None,
        }
    }

    fn finish(mut self) -> Result<Vec<(i64, Vec<Summary>)>, Error> {
        // Where ids matter, every task has emptied its buffers itself.
        self.flush_all(Ids::Range { start: 0, step: 1 })?;
        for (running, accumulator) in self.running.iter_mut().flatten().zip(&mut self.accumulators)
        {
            self.stop.check()?;
            running.take(accumulator);
        }
        let mut summaries = self
            .accumulators
            .into_iter()
            .map(|accumulator| accumulator.finish().map(Summary::from));
        let n_columns = self.n_columns;
        let stop = self.stop;
        let group = |key| {
            stop.check()?;
            memory::check(WHAT)?;
            Ok((key, memory::gathered(summaries.by_ref().take(n_columns), WHAT)?))
        };
        memory::gathered(self.numbers.keys.into_iter().map(group), WHAT)
    }

    /// Deals some rows to their groups.
    fn add(&mut self, table: &Table<'_, '_>, rows: Range<usize>) -> Result<(), Error> {
        self.first = rows.start;
        if table.weights.is_some() {
            self.times.get_or_insert_default();
        }
        let (mut keys, mut numbers) = (Vec::new(), Vec::new());
        let mut buffer = memory::filled(SumsBuilder::BLOCK, 0.0, WHAT)?;
        let mut start = rows.start;
        while start < rows.end {
            let block = start..(start + SumsBuilder::BLOCK).min(rows.end);
            let known = self.add_known(table, block.clone());
            let block = block.start + known..block.end;
            self.numbers.look_up(table.keys(block.clone(), &mut keys), &mut numbers)?;
            self.make_room(table.ids)?;
            for (index, column) in table.columns.iter().enumerate() {
                self.add_column(table, column, index, block.clone(), &numbers, &mut buffer)?;
            }
            self.failed.take().map_or(Ok(()), Err)?;
            start = block.end;
        }
        if self.rows.is_some() {
            // Rows are noted relative to the task, so none may be left over for the next one.
            self.flush_all(table.ids)?;
        }
        Ok(())
    }

    /// Adds the first rows of a block, as many as have keys that are known. Nearly all are added
    /// here; not those of several columns, nor what has to be converted or noted.
    fn add_known(&mut self, table: &Table<'_, '_>, block: Range<usize>) -> usize {
        let (Some(running), [column], Values::I64(keys)) =
            (&mut self.running, table.columns, &table.keys)
        else {
            return 0;
        };
        let nulls = column.validity.is_some_and(|validity| !validity.all(block.clone()));
        match (keys.to_slice(), column.values.as_f64_slice()) {
            (Some(keys), Some(values)) if !nulls && table.weights.is_none() => {
                let Numbers { base, table: numbers, .. } = &self.numbers;
                let ahead = [table.ahead(column, block.clone()), table.keys_ahead(block.clone())];
                let targets = ByKey { keys: &keys[block.clone()], base: *base, table: numbers };
                running::add(running, &mut self.accumulators, targets, &values[block], ahead)
            }
            _ => 0,
        }
    }

    /// Makes accumulators and buffers for groups that are new.
    fn make_room(&mut self, ids: Ids<'_>) -> Result<(), Error> {
        let targets = self.numbers.keys.len() * self.n_columns;
        if targets >= MOST_TARGETS {
            let message = "has too many different keys".to_owned();
            return Err(Error::InvalidArgument { name: "by", message });
        }
        if targets == self.accumulators.len() {
            return Ok(());
        }
        let capacity = capacity(targets);
        if capacity != self.buffers.capacity() {
            self.flush_all(ids)?;
            self.buffers = Buffers::new(capacity);
        }
        let known = self.accumulators.len();
        memory::reserve(&mut self.accumulators, targets - known, WHAT)?;
        for _ in known..targets {
            memory::check(WHAT)?;
            self.accumulators.push(Accumulator::new(self.template)?);
        }
        if let Some(running) = &mut self.running {
            memory::reserve(running, targets.saturating_sub(running.len()), WHAT)?;
            running.resize_with(targets, Running::new);
        }
        Ok(())
    }

    /// Makes buffers for groups that have none: not all tables need any.
    fn make_buffers(&mut self) -> Result<(), Error> {
        let targets = self.accumulators.len();
        if self.buffers.len() < targets {
            let places = targets * self.buffers.capacity();
            self.buffers.extend_to(targets)?;
            if let Some(rows) = &mut self.rows {
                memory::resize(rows, places, 0, WHAT)?;
            }
            if let Some(times) = &mut self.times {
                memory::resize(times, places, 0, WHAT)?;
            }
        }
        Ok(())
    }

    /// Deals the values of a block of one column.
    fn add_column(
        &mut self,
        table: &Table<'_, '_>,
        column: &Column<'_>,
        index: usize,
        block: Range<usize>,
        numbers: &[u32],
        buffer: &mut [f64],
    ) -> Result<(), Error> {
        let values = match column.values.as_f64_slice() {
            Some(values) => &values[block.clone()],
            None => {
                let buffer = &mut buffer[..block.len()];
                if !column.values.widen(block.clone(), buffer) {
                    self.add_numbers(table, column, index, block, numbers);
                    return Ok(());
                }
                buffer
            }
        };
        let nulls = column.validity.filter(|validity| !validity.all(block.clone()));
        match &mut self.running {
            Some(running) if nulls.is_none() && table.weights.is_none() => {
                let targets = ByNumber { numbers, n_columns: self.n_columns, column: index };
                let ahead = [table.ahead(column, block), Lines::NONE];
                running::add(running, &mut self.accumulators, targets, values, ahead);
                Ok(())
            }
            _ => self.deal(table, nulls, index, block, numbers, values),
        }
    }

    /// Deals values to the buffers of their groups, and counts nulls.
    fn deal(
        &mut self,
        table: &Table<'_, '_>,
        validity: Option<Bits<'_>>,
        index: usize,
        block: Range<usize>,
        numbers: &[u32],
        values: &[f64],
    ) -> Result<(), Error> {
        self.make_buffers()?;
        for ((row, &number), &value) in block.zip(numbers).zip(values) {
            let target = number as usize * self.n_columns + index;
            let times = table.weights.map_or(1, |weights| weights[row]);
            if validity.is_some_and(|validity| !validity.get(row)) {
                self.accumulators[target].add_nulls(times);
            } else {
                self.put(target, value, row, times, table.ids);
            }
        }
        Ok(())
    }

    /// Deals a value, and notes what else matters.
    fn put(&mut self, target: usize, value: f64, row: usize, times: u64, ids: Ids<'_>) {
        let (place, full) = self.buffers.put(target, value);
        if let Some(rows) = &mut self.rows {
            rows[place] = (row - self.first) as u32;
        }
        if let Some(all) = &mut self.times {
            all[place] = times;
        }
        if let Some(places) = full {
            self.flush(target, places, ids);
        }
    }

    /// Value by value, for integers that no `f64` holds.
    fn add_numbers(
        &mut self,
        table: &Table<'_, '_>,
        column: &Column<'_>,
        index: usize,
        block: Range<usize>,
        numbers: &[u32],
    ) {
        let owners = Owners { ids: table.ids, first: block.start, rows: None };
        for (place, row) in block.enumerate() {
            let target = numbers[place] as usize * self.n_columns + index;
            let accumulator = &mut self.accumulators[target];
            let times = table.weights.map_or(1, |weights| weights[row]);
            if column.validity.is_some_and(|validity| !validity.get(row)) {
                accumulator.add_nulls(times);
            } else {
                accumulator.add_number(column.values.get(row), || owners.id(place), times);
            }
        }
    }

    /// Adds what a buffer held to its summary, some of whose tables come with the first values.
    fn flush(&mut self, target: usize, places: Range<usize>, ids: Ids<'_>) {
        if let Err(error) = memory::check(WHAT) {
            self.failed = Some(error);
            return;
        }
        let values = self.buffers.values(places.clone());
        let rows = self.rows.as_ref().map(|rows| &rows[places.clone()]);
        self.accumulators[target].add(&Block {
            values,
            times: self.times.as_ref().map(|times| &times[places]),
            ahead: &[],
            owners: Owners { ids, first: self.first, rows },
        });
    }

    fn flush_all(&mut self, ids: Ids<'_>) -> Result<(), Error> {
        for target in 0..self.buffers.len() {
            self.stop.check()?;
            let places = self.buffers.empty(target);
            self.flush(target, places, ids);
        }
        self.failed.take().map_or(Ok(()), Err)
    }
}
