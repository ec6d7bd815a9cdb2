//! Consecutive walkers that are updated together, side by side in vectors.

use std::ops::Range;

use super::generators::Octet;
use super::state::{State, WHAT};
use crate::error::Error;
use crate::memory;
use crate::simd::{Lanes, Lanes64};

/// Some walkers of a [`State`], eight to a vector.
///
/// Arrays are indexed by coordinate (or number) first and vector second.
#[derive(Debug)]
pub struct Block {
    /// Which walkers; further lanes begin as copies of the last of them and are never written back.
    pub walkers: Range<usize>,
    /// Vectors per coordinate.
    pub width: usize,
    /// Where they are.
    pub positions: Vec<Lanes64>,
    /// Log-densities there, where these are kept.
    pub log_density: Vec<Lanes64>,
    /// Generators of proposals, one per vector.
    pub proposal: Vec<Octet>,
    /// Generators of acceptances, one per vector.
    pub acceptance: Vec<Octet>,
    /// What transitions keep of each walker: all numbers of the first vector, then those of the next.
    pub columns: Vec<Lanes64>,
    /// Acceptance rates summed over steps.
    pub accepted: Vec<Lanes64>,
    /// Whether walkers have moved to where the density was not evaluated yet.
    pub stale: bool,
}

impl Block {
    /// Takes walkers out of a state.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn load(state: &State, walkers: Range<usize>, width: usize) -> Result<Self, Error> {
        let (d, m) = (state.n_dims, state.n_columns());
        let source = |lane: usize| (walkers.start + lane).min(walkers.end - 1);
        let gather = |values: &[f64], per_walker| gather(values, per_walker, &walkers, width);
        let octets = |states: &[[u64; 4]]| {
            let octet = |vector: usize| {
                std::array::from_fn(|word| {
                    Lanes(std::array::from_fn(|lane| states[source(8 * vector + lane)][word]))
                })
            };
            memory::collected((0..width).map(octet), WHAT)
        };
        let column = |i: usize| {
            let (vector, number) = (i / m.max(1), i % m.max(1));
            Lanes(std::array::from_fn(|lane| state.columns[source(8 * vector + lane) * m + number]))
        };
        Ok(Self {
            width,
            stale: false,
            positions: gather(&state.positions, d)?,
            log_density: gather(&state.log_densities, 1)?,
            proposal: octets(&state.proposal)?,
            acceptance: octets(&state.acceptance)?,
            columns: memory::collected((0..m * width).map(column), WHAT)?,
            accepted: gather(&state.accepted, 1)?,
            walkers,
        })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            walkers: self.walkers.clone(),
            width: self.width,
            positions: memory::copied(&self.positions, WHAT)?,
            log_density: memory::copied(&self.log_density, WHAT)?,
            proposal: memory::copied(&self.proposal, WHAT)?,
            acceptance: memory::copied(&self.acceptance, WHAT)?,
            columns: memory::copied(&self.columns, WHAT)?,
            accepted: memory::copied(&self.accepted, WHAT)?,
            stale: self.stale,
        })
    }

    /// Puts the walkers back.
    pub fn store(&self, state: &mut State) {
        let (d, m) = (state.n_dims, state.n_columns());
        let scatter = |lanes: &[Lanes64], values: &mut [f64], per_walker| {
            scatter(lanes, values, per_walker, &self.walkers, self.width);
        };
        scatter(&self.positions, &mut state.positions, d);
        scatter(&self.log_density, &mut state.log_densities, 1);
        scatter(&self.accepted, &mut state.accepted, 1);
        for (lane, walker) in self.walkers.clone().enumerate() {
            let (vector, lane) = (lane / 8, lane % 8);
            let row = &mut state.columns[walker * m..][..m];
            for (value, lanes) in row.iter_mut().zip(&self.columns[vector * m..]) {
                *value = lanes.0[lane];
            }
            for word in 0..4 {
                state.proposal[walker][word] = self.proposal[vector][word].0[lane];
                state.acceptance[walker][word] = self.acceptance[vector][word].0[lane];
            }
        }
    }

    /// Becomes what `other`, which has the same walkers, is.
    pub fn copy_from(&mut self, other: &Self) {
        self.positions.copy_from_slice(&other.positions);
        self.log_density.copy_from_slice(&other.log_density);
        self.proposal.copy_from_slice(&other.proposal);
        self.acceptance.copy_from_slice(&other.acceptance);
        self.columns.copy_from_slice(&other.columns);
        self.accepted.copy_from_slice(&other.accepted);
        self.stale = other.stale;
    }

    /// The place of some numbers of one vector in [`Self::columns`].
    #[must_use]
    pub fn place(&self, vector: usize, numbers: &Range<usize>) -> Range<usize> {
        let first = vector * (self.columns.len() / self.width);
        first + numbers.start..first + numbers.end
    }

    /// The lanes that hold walkers.
    #[must_use]
    pub fn lanes(&self) -> Range<usize> {
        0..self.n_walkers()
    }

    /// Number of walkers.
    #[must_use]
    pub fn n_walkers(&self) -> usize {
        self.walkers.len()
    }
}

/// Takes the rows of some walkers, `per_walker` numbers each, as vectors: one for each number and
/// octet, in this order. Lanes without a walker repeat the last one.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for them.
pub fn gather(
    values: &[f64],
    per_walker: usize,
    walkers: &Range<usize>,
    width: usize,
) -> Result<Vec<Lanes64>, Error> {
    let lanes = |i: usize| {
        let (number, vector) = (i / width, i % width);
        Lanes(std::array::from_fn(|lane| {
            let walker = (walkers.start + 8 * vector + lane).min(walkers.end - 1);
            values[walker * per_walker + number]
        }))
    };
    memory::collected((0..per_walker * width).map(lanes), WHAT)
}

/// Puts what [`gather`] took back into its rows.
pub fn scatter(
    lanes: &[Lanes64],
    values: &mut [f64],
    per_walker: usize,
    walkers: &Range<usize>,
    width: usize,
) {
    for (lane, walker) in walkers.clone().enumerate() {
        let row = &mut values[walker * per_walker..][..per_walker];
        for (number, value) in row.iter_mut().enumerate() {
            *value = lanes[number * width + lane / 8].0[lane % 8];
        }
    }
}

/// Cuts the walkers of `range` into blocks of at most `most` of nearly equal numbers.
pub fn cut(range: &Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let n_blocks = range.len().div_ceil(most.max(1));
    let (start, length) = (range.start, range.len());
    let at = move |i: usize| start + i * length / n_blocks;
    (0..n_blocks).map(move |block| at(block)..at(block + 1))
}
