//! The rows of a task, sorted by group: by counting, which keeps their order within each group.

use std::ops::Range;

use super::keys::NONE;
use super::number::Number;
use super::states::WHAT;
use crate::error::Error;
use crate::memory;

/// Where so many rows come for each group, every group has a run, met or not.
const DIRECT: usize = 4;

/// Where the rows of a task go, so that those of a group lie together.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Which run each group has, or [`NONE`]: there are many groups, and a task meets some.
    run_of: Vec<u32>,
    /// The group of each run, in the order in which they are met.
    groups: Vec<u32>,
    /// Where each run starts; and, behind them, where the last one ends.
    starts: Vec<u32>,
    /// The run of each row.
    runs: Vec<u32>,
    /// Where the next row of each run goes.
    next: Vec<u32>,
}

impl Runs {
    /// Finds the runs of rows whose groups are these, of `n_groups`.
    ///
    /// There must be fewer than 2³² rows.
    pub(super) fn find(&mut self, groups: &[u32], n_groups: usize) -> Result<(), Error> {
        let known = self.run_of.len();
        memory::resize(&mut self.run_of, n_groups.max(known), NONE, WHAT)?;
        for &group in &self.groups {
            self.run_of[group as usize] = NONE;
        }
        self.groups.clear();
        self.starts.clear();
        self.runs.clear();
        for sizes in [&mut self.groups, &mut self.starts, &mut self.runs] {
            memory::reserve(sizes, groups.len() + 1, WHAT)?;
        }
        if n_groups <= groups.len() / DIRECT {
            self.groups.extend(0..n_groups as u32);
            self.starts.resize(n_groups, 0);
            self.runs.extend_from_slice(groups);
            for &group in groups {
                self.starts[group as usize] += 1;
            }
        } else {
            self.runs.resize(groups.len(), 0);
            for (run_of_row, &group) in self.runs.iter_mut().zip(groups) {
                let run = &mut self.run_of[group as usize];
                if *run == NONE {
                    *run = self.groups.len() as u32;
                    self.groups.push(group);
                    self.starts.push(0);
                }
                self.starts[*run as usize] += 1;
                *run_of_row = *run;
            }
        }
        let mut start = 0;
        for size in &mut self.starts {
            (start, *size) = (start + *size, start);
        }
        self.starts.push(start);
        Ok(())
    }

    /// Begins to deal rows: none has been taken so far.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.next.clear();
        memory::reserve(&mut self.next, self.starts.len(), WHAT)?;
        self.next.extend_from_slice(&self.starts);
        Ok(())
    }

    /// Puts every value, of all rows in their order, where its row belongs.
    pub(super) fn scatter(
        &mut self,
        values: impl Iterator<Item = f64>,
        into: &mut [f64],
    ) -> Result<(), Error> {
        self.begin()?;
        for (&run, value) in self.runs.iter().zip(values) {
            let next = &mut self.next[run as usize];
            into[*next as usize] = value;
            *next += 1;
        }
        Ok(())
    }

    /// The place of the next row that is taken, which is the row with that number of the task.
    pub(super) fn take(&mut self, row: usize) -> usize {
        let next = &mut self.next[self.runs[row] as usize];
        *next += 1;
        *next as usize - 1
    }

    /// The group that a row is of.
    pub(super) fn group_of(&self, row: usize) -> usize {
        self.groups[self.runs[row] as usize] as usize
    }

    /// Every group, and the places of its rows that were taken.
    pub(super) fn taken(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let places = self.starts.iter().zip(&self.next);
        self.groups
            .iter()
            .zip(places)
            .map(|(&group, (&start, &end))| (group as usize, start as usize..end as usize))
    }
}

/// Scratch for what is dealt.
#[derive(Debug, Default)]
pub(super) struct Dealt {
    pub(super) values: Vec<f64>,
    pub(super) numbers: Vec<Number>,
    pub(super) times: Vec<u64>,
    pub(super) weights: Vec<f64>,
    pub(super) rows: Vec<u32>,
}
