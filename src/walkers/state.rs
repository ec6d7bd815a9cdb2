//! Where an ensemble stands between two calls.

use std::ops::Range;

use super::generators::{Purpose, octet};
use crate::error::Error;
use crate::memory;

/// Numbers by the name of `name` that each walker has for a transition, with what they begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What they are called.
    pub name: String,
    /// Their first values.
    pub initial: Vec<f64>,
}

/// Where the columns of all transitions lie in the row of a walker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Name and place of each.
    pub columns: Vec<(String, Range<usize>)>,
    /// The row that a walker begins with.
    pub initial: Vec<f64>,
}

impl Layout {
    /// Adds columns, and tells where they lie together.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn add(&mut self, prefix: &str, columns: Vec<Column>) -> Result<Range<usize>, Error> {
        let first = self.initial.len();
        for Column { name, initial } in columns {
            let place = self.initial.len()..self.initial.len() + initial.len();
            memory::append(&mut self.initial, &initial, WHAT)?;
            self.columns.push((format!("{prefix}{name}"), place));
        }
        Ok(first..self.initial.len())
    }
}

/// Everything the next step depends on, walker by walker, besides the density and the moves.
#[derive(Debug, PartialEq)]
pub struct State {
    /// Number of coordinates.
    pub n_dims: usize,
    /// The number of the first walker in the ensemble that these are a range of.
    pub first: usize,
    /// Positions, row by row.
    pub positions: Vec<f64>,
    /// Log-densities there.
    pub log_densities: Vec<f64>,
    /// The generators of proposals.
    pub proposal: Vec<[u64; 4]>,
    /// The generators of acceptances.
    pub acceptance: Vec<[u64; 4]>,
    /// What transitions keep of each walker, row by row; a [`Layout`] says what is where.
    pub columns: Vec<f64>,
    /// Acceptance rates of steps after the burn-in, summed over these steps.
    pub accepted: Vec<f64>,
    /// Steps done, the burn-in included.
    pub step: u64,
    /// The first step of the last burn-in, from which on learning is counted.
    pub learns_from: u64,
}

impl State {
    /// Walkers at their starts, with the columns that each of them begins with.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn new(
        key: &[u8; 32],
        positions: Vec<f64>,
        n_dims: usize,
        columns: &[f64],
    ) -> Result<Self, Error> {
        let n_walkers = positions.len() / n_dims.max(1);
        Ok(Self {
            n_dims,
            first: 0,
            positions,
            log_densities: memory::filled(n_walkers, f64::NAN, WHAT)?,
            proposal: states(key, 0..n_walkers, Purpose::Proposal)?,
            acceptance: states(key, 0..n_walkers, Purpose::Acceptance)?,
            columns: memory::repeated(columns, n_walkers, WHAT)?,
            accepted: memory::filled(n_walkers, 0.0, WHAT)?,
            step: 0,
            learns_from: 0,
        })
    }

    /// Makes walkers at their starts those from number `first` on, with the streams of these.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; [`Error::TooMany`] if there are no such numbers.
    pub fn number_from(&mut self, key: &[u8; 32], first: usize) -> Result<(), Error> {
        // Each walker has two streams, and the last numbers are not those of walkers.
        let end = first.checked_add(self.n_walkers()).filter(|&end| end < usize::MAX / 4);
        let walkers = first..end.ok_or(Error::TooMany)?;
        self.proposal = states(key, walkers.clone(), Purpose::Proposal)?;
        self.acceptance = states(key, walkers, Purpose::Acceptance)?;
        self.first = first;
        Ok(())
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            n_dims: self.n_dims,
            first: self.first,
            positions: memory::copied(&self.positions, WHAT)?,
            log_densities: memory::copied(&self.log_densities, WHAT)?,
            proposal: memory::copied(&self.proposal, WHAT)?,
            acceptance: memory::copied(&self.acceptance, WHAT)?,
            columns: memory::copied(&self.columns, WHAT)?,
            accepted: memory::copied(&self.accepted, WHAT)?,
            step: self.step,
            learns_from: self.learns_from,
        })
    }

    /// Checks that all parts are of the same walkers, for states that come from elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`].
    pub fn check(&self) -> Result<(), Error> {
        let n = self.n_walkers();
        let fits = n > 0
            && self.n_dims > 0
            && self.positions.len() == n * self.n_dims
            && self.proposal.len() == n
            && self.acceptance.len() == n
            && self.accepted.len() == n
            && self.columns.len().is_multiple_of(n)
            && self.learns_from <= self.step;
        let finite = [&self.positions, &self.log_densities, &self.columns, &self.accepted]
            .into_iter()
            .all(|values| values.iter().all(|value| value.is_finite()));
        let alive = self.proposal.iter().chain(&self.acceptance).all(|words| *words != [0; 4]);
        if fits && finite && alive {
            return Ok(());
        }
        let message =
            "does not hold finite numbers for the same walkers in all its parts".to_owned();
        Err(Error::InvalidArgument { name: "state", message })
    }

    /// Number of walkers.
    #[must_use]
    pub fn n_walkers(&self) -> usize {
        self.log_densities.len()
    }

    /// Numbers in the columns of one walker.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns.len() / self.n_walkers().max(1)
    }

    /// The position of one walker.
    #[must_use]
    pub fn position(&self, walker: usize) -> &[f64] {
        &self.positions[walker * self.n_dims..][..self.n_dims]
    }
}

/// What the memory is for, in errors.
pub(super) const WHAT: &str = "the state of the walkers";

fn states(key: &[u8; 32], walkers: Range<usize>, purpose: Purpose) -> Result<Vec<[u64; 4]>, Error> {
    let n_walkers = walkers.len();
    let mut states = memory::with_capacity(n_walkers.next_multiple_of(8), WHAT)?;
    for first in walkers.step_by(8) {
        let words = octet(key, first, purpose);
        states.extend((0..8).map(|lane| std::array::from_fn(|word| words[word].0[lane])));
    }
    states.truncate(n_walkers);
    Ok(states)
}
