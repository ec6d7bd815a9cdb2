//! Columns and keys in, summaries for each key out: in one parallel pass.
//!
//! Values of a group do not lie together, and what adds them up wants runs of them. So the rows of
//! a task are sorted by group (`runs.rs`), and each run is added to its group at once.
//!
//! What limits it: some five passes over the rows of a task, in the second-level cache, as long as
//! the groups are few, and else the lines of their states, two for each, which come from memory.

use std::ops::Range;

use ndarray::ArrayView1;

use super::accumulate::{Accumulator, Owners};
use super::column::{Column, Ids, Values, with_view};
use super::columns::check_rows;
use super::keys::Numbers;
use super::number::Number;
use super::parts::Parts;
use super::runs::{Dealt, Runs};
use super::states::{self, Run, State, WHAT};
use super::summary::Summary;
use crate::error::Error;
use crate::fold::{Context, Partition};
use crate::memory;

/// Rows of a task where groups are few: their values and places stay in the second-level cache.
const TASK: usize = 1 << 16;
/// And where they are many: a state, which is not in the cache, is gone to once for several rows.
const LONG_TASK: usize = 1 << 20;
/// Keys that are looked at to tell these, and how many of them are different if groups are many.
const SAMPLE: usize = 1 << 12;
const MANY: usize = SAMPLE / 2;
/// Keys that are looked up at a time.
const LOOK_UP: usize = 1 << 12;
/// Up to so many summaries that are not short keep what they are made with from task to task: it
/// may be some tens of kilobytes each.
const KEPT: usize = 1 << 10;
/// Fewer summaries than these, so that groups have numbers of 32 bits.
const MOST_TARGETS: usize = 1 << 31;

/// Some rows: their columns and keys as they lie in memory.
#[derive(Clone, Debug)]
pub struct Stretch<'d> {
    /// All of one length.
    pub columns: Vec<Column<'d>>,
    /// The key of each row, an integer.
    pub keys: Values<'d>,
    /// Who each row is.
    pub ids: Ids<'d>,
    /// How often each row counts.
    pub weights: Option<ArrayView1<'d, u64>>,
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
/// [`Error::InvalidArgument`] if the keys are not integers or too many, [`Error::TooMany`] if the
/// weights add up to 2⁶⁴ or more, [`Error::Memory`],
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
    }
    let template = template.empty_parts()?;
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
        (0..rows).step_by(task).map(move |start| (index, start..(start + task).min(rows)))
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
    total.settle()?;
    for mut worker in workers {
        worker.settle()?;
        total.merge(context, worker)?;
    }
    Ok(Some(total))
}

/// The groups that one thread has met.
struct Worker<'a> {
    template: &'a Parts,
    n_columns: usize,
    numbers: Numbers,
    /// One for each column of each group.
    states: Vec<State>,
    /// In place of them, while they are few and not short.
    kept: Option<Vec<Accumulator>>,
    weighted: bool,
    runs: Runs,
    dealt: Dealt,
    groups: Vec<u32>,
    widened: Vec<f64>,
}

impl<'a> Worker<'a> {
    fn new(template: &'a Parts, n_columns: usize, weighted: bool, n_rows: usize) -> Self {
        let short = template.is_plain() && !weighted;
        Self {
            template,
            n_columns,
            numbers: Numbers::expecting(n_rows),
            states: Vec::new(),
            kept: (!short).then(Vec::new),
            weighted,
            runs: Runs::default(),
            dealt: Dealt::default(),
            groups: Vec::new(),
            widened: Vec::new(),
        }
    }

    /// Adds some rows to their groups.
    fn add(&mut self, stretch: &Stretch<'_>, rows: Range<usize>) -> Result<(), Error> {
        self.number(&stretch.keys, rows.clone())?;
        self.make_room()?;
        self.runs.find(&self.groups, self.numbers.keys.len())?;
        for (index, column) in stretch.columns.iter().enumerate() {
            let whole = self.deal(stretch, column, index, rows.clone())?;
            self.add_runs(stretch.ids, rows.start, index, whole)?;
        }
        Ok(())
    }

    /// Finds the numbers of the groups of some rows.
    fn number(&mut self, keys: &Values<'_>, rows: Range<usize>) -> Result<(), Error> {
        self.groups.clear();
        memory::reserve(&mut self.groups, rows.len(), WHAT)?;
        let mut buffer = Vec::new();
        for start in rows.clone().step_by(LOOK_UP) {
            let block = start..(start + LOOK_UP).min(rows.end);
            self.numbers.look_up(keys_of(keys, block, &mut buffer), &mut self.groups)?;
        }
        Ok(())
    }

    /// Makes states for groups that are new.
    fn make_room(&mut self) -> Result<(), Error> {
        let targets = self.numbers.keys.len().saturating_mul(self.n_columns);
        if targets >= MOST_TARGETS {
            let message = "has too many different keys".to_owned();
            return Err(Error::InvalidArgument { name: "by", message });
        }
        if targets > KEPT {
            self.settle()?;
        }
        if let Some(kept) = &mut self.kept {
            while kept.len() < targets {
                memory::check(WHAT)?;
                kept.push(Accumulator::new(self.template)?);
            }
            return Ok(());
        }
        let known = self.states.len();
        memory::reserve(&mut self.states, targets.saturating_sub(known), WHAT)?;
        for _ in known..targets {
            self.states.push(State::empty(self.template)?);
        }
        Ok(())
    }

    /// Goes over to states.
    fn settle(&mut self) -> Result<(), Error> {
        let finished = self.kept.take().into_iter().flatten().map(|accumulator| {
            memory::check(WHAT)?;
            Ok::<_, Error>(State::from(Summary::from(accumulator.finish()?)))
        });
        if self.states.is_empty() {
            self.states = memory::gathered(finished, WHAT)?;
        }
        Ok(())
    }

    /// Deals the values of a column, and counts its nulls; whether all are `f64`.
    fn deal(
        &mut self,
        stretch: &Stretch<'_>,
        column: &Column<'_>,
        index: usize,
        rows: Range<usize>,
    ) -> Result<bool, Error> {
        let length = rows.len();
        memory::resize(&mut self.dealt.values, length, 0.0, WHAT)?;
        let (values, whole) = match column.values.as_f64_slice() {
            Some(values) => (&values[rows.clone()], true),
            None => {
                memory::resize(&mut self.widened, length, 0.0, WHAT)?;
                let whole = column.values.widen(rows.clone(), &mut self.widened[..length]);
                (&self.widened[..length], whole)
            }
        };
        let validity = column.validity.filter(|validity| !validity.all(rows.clone()));
        let noted = self.weighted || self.template.best.limit() > 0;
        if whole && validity.is_none() && !noted {
            self.runs.scatter(values, &mut self.dealt.values)?;
            return Ok(true);
        }
        memory::resize(&mut self.dealt.times, length, 0, WHAT)?;
        memory::resize(&mut self.dealt.rows, length, 0, WHAT)?;
        if !whole {
            memory::resize(&mut self.dealt.numbers, length, Number::INFINITY, WHAT)?;
        }
        self.runs.begin()?;
        for (offset, row) in rows.enumerate() {
            let times = stretch.weights.map_or(1, |weights| weights[row]);
            if validity.is_some_and(|validity| !validity.get(row)) {
                let target = self.runs.group_of(offset) * self.n_columns + index;
                match &mut self.kept {
                    Some(kept) => kept[target].add_nulls(times),
                    None => self.states[target].add_nulls(times, self.template)?,
                }
            } else if times > 0 {
                let place = self.runs.take(offset);
                self.dealt.rows[place] = offset as u32;
                self.dealt.times[place] = times;
                if whole {
                    self.dealt.values[place] = values[offset];
                } else {
                    self.dealt.numbers[place] = column.values.get(row);
                }
            }
        }
        Ok(whole)
    }

    /// Adds the runs of what was dealt, which is of rows from `first` on.
    fn add_runs(
        &mut self,
        ids: Ids<'_>,
        first: usize,
        index: usize,
        whole: bool,
    ) -> Result<(), Error> {
        let Dealt { values, numbers, times, rows } = &self.dealt;
        let noted = self.template.best.limit() > 0;
        for (group, places) in self.runs.taken().filter(|(_, places)| !places.is_empty()) {
            let run = Run {
                values: if whole {
                    states::Numbers::Floats(&values[places.clone()])
                } else {
                    states::Numbers::Any(&numbers[places.clone()])
                },
                times: self.weighted.then(|| &times[places.clone()]),
                owners: Owners { ids, first, rows: noted.then(|| &rows[places]) },
            };
            let target = group * self.n_columns + index;
            match &mut self.kept {
                Some(kept) => {
                    memory::check(WHAT)?;
                    run.add_to(&mut kept[target]);
                }
                None => self.states[target].add(&run, self.template)?,
            }
        }
        Ok(())
    }

    /// Adds the groups of another one; both have states.
    fn merge(&mut self, context: &Context, other: Worker<'_>) -> Result<(), Error> {
        if other.numbers.keys.is_empty() {
            return Ok(());
        }
        self.groups.clear();
        for keys in other.numbers.keys.chunks(LOOK_UP) {
            context.check()?;
            self.numbers.look_up(keys, &mut self.groups)?;
        }
        self.make_room()?;
        let n_columns = self.n_columns;
        for (theirs, &group) in other.states.chunks(n_columns.max(1)).zip(&self.groups) {
            let start = group as usize * n_columns;
            for (state, other) in self.states[start..start + n_columns].iter_mut().zip(theirs) {
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
        let n_columns = self.n_columns;
        let order = self.numbers.in_order()?;
        context.check()?;
        let mut groups = Groups {
            keys: memory::with_capacity(order.len(), WHAT)?,
            states: memory::with_capacity(self.states.len(), WHAT)?,
        };
        let key_of =
            |key: i64| if unsigned { i128::from(key) - i128::from(i64::MIN) } else { key.into() };
        for number in order {
            let key = self.numbers.keys[number as usize];
            let start = number as usize * n_columns;
            let states = &mut self.states[start..start + n_columns];
            let absent =
                self.weighted && states.iter().all(|state| state.counts().rows() == Some(0));
            if absent || skip == Some(key) {
                continue;
            }
            groups.keys.push(key_of(key));
            groups.states.extend(states.iter_mut().map(State::take));
        }
        Ok(groups)
    }
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
