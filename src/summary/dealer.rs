//! Rows whose groups have numbers, dealt to the summaries of these.

use std::ops::Range;

use super::accumulate::{Accumulator, Counting, Owners};
use super::column::{Column, Weights};
use super::groups::Stretch;
use super::number::Number;
use super::parts::Parts;
use super::runs::{Dealt, Runs};
use super::states::{self, Run, State, WHAT};
use super::summary::Summary;
use crate::error::Error;
use crate::memory;

/// Up to so many summaries that are not short keep what they are made with from task to task: it
/// may be some tens of kilobytes each.
const KEPT: usize = 1 << 10;
/// Fewer summaries than these, so that groups have numbers of 32 bits.
pub(super) const MOST_TARGETS: usize = 1 << 31;

/// The summaries of some groups in the making.
pub(super) struct Dealer<'a> {
    template: &'a Parts,
    n_columns: usize,
    weighted: bool,
    /// One for each column of each group.
    pub(super) states: Vec<State>,
    /// In place of them, while they are few and not short.
    kept: Option<Vec<Accumulator>>,
    /// The groups of the rows that are dealt next.
    pub(super) groups: Vec<u32>,
    /// Which rows of the task these are; all of them if there is no choice.
    pub(super) chosen: Option<Vec<u32>>,
    runs: Runs,
    dealt: Dealt,
    widened: Vec<f64>,
}

impl<'a> Dealer<'a> {
    /// Of no groups.
    pub(super) fn new(template: &'a Parts, n_columns: usize, weighted: bool) -> Self {
        let short = template.is_plain() && !weighted;
        Self {
            template,
            n_columns,
            weighted,
            states: Vec::new(),
            kept: (!short).then(Vec::new),
            groups: Vec::new(),
            chosen: None,
            runs: Runs::default(),
            dealt: Dealt::default(),
            widened: Vec::new(),
        }
    }

    /// Adds the rows of a task, or those that were chosen, to their groups, of which there are so many.
    pub(super) fn add(
        &mut self,
        stretch: &Stretch<'_>,
        rows: Range<usize>,
        n_groups: usize,
    ) -> Result<(), Error> {
        self.make_room(n_groups)?;
        self.runs.find(&self.groups, n_groups)?;
        for (index, column) in stretch.columns.iter().enumerate() {
            let whole = self.deal(stretch, column, index, rows.clone())?;
            self.add_runs(stretch, rows.start, index, whole)?;
        }
        Ok(())
    }

    /// Makes states for groups that are new.
    pub(super) fn make_room(&mut self, n_groups: usize) -> Result<(), Error> {
        let targets = n_groups.saturating_mul(self.n_columns);
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
                memory::push(kept, Accumulator::new(self.template)?, WHAT)?;
            }
            return Ok(());
        }
        let known = self.states.len();
        memory::reserve(&mut self.states, targets.saturating_sub(known), WHAT)?;
        self.states.extend((known..targets).map(|_| State::begun(self.template)));
        Ok(())
    }

    /// Goes over to states.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
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
            match &self.chosen {
                None => self.runs.scatter(values.iter().copied(), &mut self.dealt.values)?,
                Some(chosen) => {
                    let values = chosen.iter().map(|&row| values[row as usize]);
                    self.runs.scatter(values, &mut self.dealt.values)?;
                }
            }
            return Ok(true);
        }
        memory::resize(&mut self.dealt.times, length, 0, WHAT)?;
        memory::resize(&mut self.dealt.weights, length, 0.0, WHAT)?;
        memory::resize(&mut self.dealt.rows, length, 0, WHAT)?;
        if !whole {
            memory::resize(&mut self.dealt.numbers, length, Number::INFINITY, WHAT)?;
        }
        self.runs.begin()?;
        for index_of_row in 0..self.groups.len() {
            let offset =
                self.chosen.as_ref().map_or(index_of_row, |rows| rows[index_of_row] as usize);
            let row = rows.start + offset;
            let (times, weight) = stretch.weights.map_or(Ok((1, 1.0)), |of| of.at(row))?;
            if validity.is_some_and(|validity| !validity.get(row)) {
                let target = self.runs.group_of(index_of_row) * self.n_columns + index;
                match &mut self.kept {
                    Some(kept) => kept[target].add_nulls(times),
                    None => self.states[target].add_nulls(times, self.template)?,
                }
            } else if times > 0 {
                let place = self.runs.take(index_of_row);
                self.dealt.rows[place] = offset as u32;
                self.dealt.times[place] = times;
                self.dealt.weights[place] = weight;
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
        stretch: &Stretch<'_>,
        first: usize,
        index: usize,
        whole: bool,
    ) -> Result<(), Error> {
        let Dealt { values, numbers, times, weights, rows } = &self.dealt;
        let noted = self.template.best.limit() > 0;
        for (group, places) in self.runs.taken().filter(|(_, places)| !places.is_empty()) {
            let run = Run {
                values: if whole {
                    states::Numbers::Floats(&values[places.clone()])
                } else {
                    states::Numbers::Any(&numbers[places.clone()])
                },
                counting: match stretch.weights {
                    None => Counting::Once,
                    Some(Weights::Times(_) | Weights::Signed(_)) => {
                        Counting::Times(&times[places.clone()])
                    }
                    Some(Weights::Real(_)) => Counting::Weights(&weights[places.clone()]),
                },
                owners: Owners { ids: stretch.ids, first, rows: noted.then(|| &rows[places]) },
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
}
