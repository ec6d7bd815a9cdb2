//! Columns and keys in, summaries for each key out: in one parallel pass.
//!
//! Values of a group do not lie together, and what adds them up wants runs of them. So the rows of
//! a task are sorted by group (`dealer.rs`, `runs.rs`), and each run is added to its group at once.
//!
//! What limits it: some five passes over the rows of a task, in the second-level cache, as long as
//! the groups are few, and else the lines of their states, two for each, which come from memory.

use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

use super::accumulate::blocks;
use super::column::{Column, Ids, Values, Weights, with_view};
use super::columns::{check_rows, check_total};
use super::dealer::{Dealer, MOST_TARGETS};
use super::keys::{Numbers, extent};
use super::parts::Parts;
use super::states::{State, WHAT};
use super::summary::Summary;
use crate::error::Error;
use crate::fold::{Context, Partition};
use crate::memory;

/// Rows of a task where groups are few: their values and places stay in the second-level cache.
const TASK: usize = 1 << 17;
/// And where they are many: a state, which is not in the cache, is gone to once for several rows.
const LONG_TASK: usize = 1 << 20;
/// Keys that are looked at to tell these, and how many of them are different if groups are many.
const SAMPLE: usize = 1 << 12;
const MANY: usize = SAMPLE / 2;
/// Keys that are looked up at a time.
const LOOK_UP: usize = 1 << 12;
/// Some rows: their columns and keys as they lie in memory.
#[derive(Clone, Debug)]
pub struct Stretch<'d> {
    /// All of one length.
    pub columns: Vec<Column<'d>>,
    /// The key of each row, an integer.
    pub keys: Values<'d>,
    /// Who each row is.
    pub ids: Ids<'d>,
    /// How much each row counts.
    pub weights: Option<Weights<'d>>,
}

/// Summaries by key.
#[derive(Debug, Default)]
pub struct Groups {
    /// The keys, in ascending order.
    pub keys: Vec<i128>,
    /// Those of the first key, one for each column, then those of the second.
    pub states: Vec<State>,
}

/// For each key, in ascending order, one summary for each column, with the settings of `template`;
/// none for keys whose rows all count no times.
///
/// All stretches have the same number of columns and one type of keys. With `skip`, rows of that key are of no group.
///
/// # Errors
///
/// [`Error::Shape`] if columns, keys, ids and weights differ in length,
/// [`Error::InvalidArgument`] if the keys are not integers or too many, [`Error::TooMany`] if
/// numbers of times add up to 2⁶⁴ or more, [`Error::Memory`],
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn summarize_groups(
    context: &Context,
    template: &Summary,
    stretches: &[Stretch<'_>],
    skip: Option<i64>,
) -> Result<Groups, Error> {
    let Some(first) = stretches.first() else { return Ok(Groups::default()) };
    if matches!(first.keys, Values::F64(_) | Values::F32(_)) {
        let message = "must be integers or booleans".to_owned();
        return Err(Error::InvalidArgument { name: "by", message });
    }
    for Stretch { columns, keys, ids, weights } in stretches {
        check_rows(keys.len(), columns, ids, weights.as_ref())?;
        check_total(weights.as_ref())?;
    }
    let template = template.parts_for(first.weights.as_ref())?;
    if let Some(keys) = dense_keys(stretches) {
        return dense(context, &template, stretches, keys, skip);
    }
    let tasks = tasks_of(stretches, context.threads())?;
    let n_columns = first.columns.len();
    let weighted = first.weights.is_some();
    let n_rows = tasks.iter().map(|(_, rows)| rows.len()).sum();
    let new = || Ok(Worker::new(&template, n_columns, weighted, n_rows));
    let workers = context.accumulate(&Partition::new(tasks.len(), 1), new, |worker, range| {
        tasks[range].iter().try_for_each(|(stretch, rows)| {
            context.check()?;
            worker.add(&stretches[*stretch], rows.clone())
        })
    })?;
    let merged = merged(context, workers)?;
    let unsigned = matches!(first.keys, Values::U64(_));
    merged
        .map_or_else(|| Ok(Groups::default()), |worker| worker.into_groups(context, unsigned, skip))
}

/// The rows of each task, with the number of their stretch.
fn tasks_of(
    stretches: &[Stretch<'_>],
    threads: usize,
) -> Result<Vec<(usize, Range<usize>)>, Error> {
    let of_one = |(index, stretch): (usize, &Stretch<'_>)| {
        let rows = stretch.keys.len();
        let task = if many_groups(&stretch.keys) {
            rows.div_ceil(threads).clamp(TASK, LONG_TASK)
        } else {
            TASK
        };
        blocks(0..rows, task).map(move |rows| (index, rows))
    };
    memory::collected(stretches.iter().enumerate().flat_map(of_one), WHAT)
}

/// Whether a sample of the keys has many different ones.
fn many_groups(keys: &Values<'_>) -> bool {
    let step = (keys.len() / SAMPLE).max(1);
    let mut sample: Vec<i64> = Vec::new();
    let mut buffer = Vec::new();
    for row in (0..keys.len()).step_by(step).take(SAMPLE) {
        sample.extend_from_slice(keys_of(keys, row..row + 1, &mut buffer));
    }
    sample.sort_unstable();
    sample.dedup();
    sample.len() > MANY
}

/// The groups of all workers in one.
fn merged<'a>(context: &Context, workers: Vec<Worker<'a>>) -> Result<Option<Worker<'a>>, Error> {
    let mut workers = workers.into_iter();
    let Some(mut total) = workers.next() else { return Ok(None) };
    total.dealer.settle()?;
    for mut worker in workers {
        worker.dealer.settle()?;
        total.merge(context, worker)?;
    }
    Ok(Some(total))
}

/// The groups that one thread has met.
struct Worker<'a> {
    n_columns: usize,
    numbers: Numbers,
    dealer: Dealer<'a>,
    weighted: bool,
}

impl<'a> Worker<'a> {
    fn new(template: &'a Parts, n_columns: usize, weighted: bool, n_rows: usize) -> Self {
        let dealer = Dealer::new(template, n_columns, weighted);
        Self { n_columns, numbers: Numbers::expecting(n_rows), dealer, weighted }
    }

    /// Adds some rows to their groups.
    fn add(&mut self, stretch: &Stretch<'_>, rows: Range<usize>) -> Result<(), Error> {
        let groups = &mut self.dealer.groups;
        groups.clear();
        memory::reserve(groups, rows.len(), WHAT)?;
        let mut buffer = Vec::new();
        for block in blocks(rows.clone(), LOOK_UP) {
            self.numbers.look_up(keys_of(&stretch.keys, block, &mut buffer), groups)?;
        }
        self.dealer.add(stretch, rows, self.numbers.keys.len())
    }

    /// Adds the groups of another one; both have states.
    fn merge(&mut self, context: &Context, other: Worker<'_>) -> Result<(), Error> {
        if other.numbers.keys.is_empty() {
            return Ok(());
        }
        let mut groups = Vec::new();
        for keys in other.numbers.keys.chunks(LOOK_UP) {
            context.check()?;
            self.numbers.look_up(keys, &mut groups)?;
        }
        self.dealer.make_room(self.numbers.keys.len())?;
        let states = &mut self.dealer.states;
        let n_columns = self.n_columns;
        let theirs = other.dealer.states.chunks(n_columns.max(1));
        for (index, (theirs, &group)) in theirs.zip(&groups).enumerate() {
            if index % LOOK_UP == 0 {
                context.check()?;
            }
            let start = group as usize * n_columns;
            for (state, other) in states[start..start + n_columns].iter_mut().zip(theirs) {
                state.try_merge(other)?;
            }
        }
        Ok(())
    }

    /// Its groups in the order of the keys, without those that have no rows.
    fn into_groups(
        mut self,
        context: &Context,
        unsigned: bool,
        skip: Option<i64>,
    ) -> Result<Groups, Error> {
        let order = self.numbers.in_order()?;
        context.check()?;
        let mut groups = Groups::with_capacity(order.len(), self.n_columns)?;
        for number in order {
            let key = self.numbers.keys[number as usize];
            let start = number as usize * self.n_columns;
            let states = &mut self.dealer.states[start..start + self.n_columns];
            let present = !self.weighted || has_rows(states);
            if present && skip != Some(key) {
                groups.push(key_of(key, unsigned), states);
            }
        }
        Ok(groups)
    }
}

impl Groups {
    fn with_capacity(n_groups: usize, n_columns: usize) -> Result<Self, Error> {
        Ok(Self {
            keys: memory::with_capacity(n_groups, WHAT)?,
            states: memory::with_capacity(memory::product(&[n_groups, n_columns], WHAT)?, WHAT)?,
        })
    }

    /// Adds a group, whose states it takes.
    fn push(&mut self, key: i128, states: &mut [State]) {
        self.keys.push(key);
        self.states.extend(states.iter_mut().map(State::take));
    }
}

/// Whether a group has any rows that count.
fn has_rows(states: &[State]) -> bool {
    states.iter().any(|state| state.counts().rows() != Some(0))
}

/// A key, from the integer of the same order that [`keys_of`] gives.
fn key_of(key: i64, unsigned: bool) -> i128 {
    if unsigned { i128::from(key) - i128::from(i64::MIN) } else { key.into() }
}

fn is_unsigned(stretches: &[Stretch<'_>]) -> bool {
    stretches.first().is_some_and(|stretch| matches!(stretch.keys, Values::U64(_)))
}

// ---------------------------------------------------------------- many groups, close together

/// The range of keys that are many and no more than there are rows.
fn dense_keys(stretches: &[Stretch<'_>]) -> Option<RangeInclusive<i64>> {
    let n_rows: usize = stretches.iter().map(|stretch| stretch.keys.len()).sum();
    if !stretches.iter().any(|stretch| many_groups(&stretch.keys)) {
        return None;
    }
    let mut buffer = Vec::new();
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for stretch in stretches {
        for block in blocks(0..stretch.keys.len(), LOOK_UP) {
            let (least, most) = extent(keys_of(&stretch.keys, block, &mut buffer));
            (low, high) = (low.min(least), high.max(most));
        }
    }
    let n_columns = stretches.first()?.columns.len().max(1);
    let most = n_rows.min(MOST_TARGETS / n_columns) as u64;
    (low <= high && high.abs_diff(low) < most).then_some(low..=high)
}

/// As [`summarize_groups`], of such keys: every thread has some of the keys, of which it looks for
/// the rows. So no two of them have states of one group, and all are in order.
fn dense(
    context: &Context,
    template: &Parts,
    stretches: &[Stretch<'_>],
    keys: RangeInclusive<i64>,
    skip: Option<i64>,
) -> Result<Groups, Error> {
    let (n_columns, weighted) =
        stretches.first().map_or((0, false), |s| (s.columns.len(), s.weights.is_some()));
    let tasks = tasks_of(stretches, 1)?;
    let n_keys = keys.end().abs_diff(*keys.start()) as usize + 1;
    let found = Mutex::new(Vec::new());
    let partition = Partition::new(n_keys, n_keys.div_ceil(context.threads()));
    context.for_each_chunk(&partition, (), |range, ()| {
        let mut dealer = Dealer::new(template, n_columns, weighted);
        dealer.settle()?;
        dealer.make_room(range.len())?;
        let first = keys.start().wrapping_add_unsigned(range.start as u64);
        for (stretch, rows) in &tasks {
            context.check()?;
            let stretch = &stretches[*stretch];
            choose(&mut dealer, &stretch.keys, rows.clone(), first, range.len())?;
            dealer.add(stretch, rows.clone(), range.len())?;
        }
        found.lock().unwrap_or_else(PoisonError::into_inner).push((range.start, dealer.states));
        Ok(())
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable_by_key(|(start, _)| *start);
    let mut groups = Groups::with_capacity(n_keys, n_columns)?;
    for (start, mut states) in found {
        context.check()?;
        for (number, states) in (start as u64..).zip(states.chunks_mut(n_columns.max(1))) {
            let key = keys.start().wrapping_add_unsigned(number);
            if has_rows(states) && skip != Some(key) {
                groups.push(key_of(key, is_unsigned(stretches)), states);
            }
        }
    }
    Ok(groups)
}

/// Chooses the rows whose keys are one of `n_keys` from `first` on.
fn choose(
    dealer: &mut Dealer<'_>,
    keys: &Values<'_>,
    rows: Range<usize>,
    first: i64,
    n_keys: usize,
) -> Result<(), Error> {
    let chosen = dealer.chosen.get_or_insert_default();
    let groups = &mut dealer.groups;
    memory::resize(chosen, rows.len(), 0, WHAT)?;
    memory::resize(groups, rows.len(), 0, WHAT)?;
    let (mut count, mut offset) = (0, 0_u32);
    let mut buffer = Vec::new();
    for block in blocks(rows.clone(), LOOK_UP) {
        for &key in keys_of(keys, block, &mut buffer) {
            // Without a branch: which keys are chosen cannot be foreseen. One below the first wraps round.
            let number = key.wrapping_sub(first).cast_unsigned();
            groups[count] = number as u32;
            chosen[count] = offset;
            count += usize::from(number < n_keys as u64);
            offset += 1;
        }
    }
    groups.truncate(count);
    chosen.truncate(count);
    Ok(())
}

/// The keys of some rows, as integers of the same order: those of `u64` are shifted. They are
/// copied into `buffer` unless they lie in memory as wanted.
#[expect(clippy::unnecessary_cast, reason = "the macro writes one line for all integers")]
fn keys_of<'k>(keys: &'k Values<'_>, rows: Range<usize>, buffer: &'k mut Vec<i64>) -> &'k [i64] {
    buffer.clear();
    match keys {
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
