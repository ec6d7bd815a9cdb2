//! Buffers of one thread.

use super::super::state::WHAT;
use super::super::update::{Candidates, Rows};
use crate::error::Error;
use crate::memory;
use crate::simd::Lanes64;

/// Room for what a block's updates need on the way. Blocks of one thread share it.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Where the walkers might go.
    pub candidates: Candidates,
    /// The same as rows that the density is evaluated at.
    pub rows: Rows,
    /// Increments of updates.
    pub increments: Vec<Lanes64>,
    /// Notes about them.
    pub note: Vec<Lanes64>,
    /// Uniform numbers that decide on updates.
    pub uniforms: Vec<Lanes64>,
    /// Where walkers are after each update, and the log-density there.
    pub path: Vec<Lanes64>,
    /// See above.
    pub path_density: Vec<Lanes64>,
    /// Where walkers in registers might go.
    pub proposed: Vec<Lanes64>,
    /// How close the other walkers are in each dimension.
    pub closeness: Vec<f64>,
}

impl Scratch {
    /// Room for `updates` updates at once of a block of `width` vectors, whose walkers are
    /// evaluated by way of `rows`.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn new(n_dims: usize, width: usize, updates: usize, rows: Rows) -> Result<Self, Error> {
        let room =
            |lengths: [usize; 3]| memory::with_capacity(memory::product(&lengths, WHAT)?, WHAT);
        let mut scratch = Self {
            candidates: Candidates::new(n_dims, width)?,
            rows,
            increments: room([updates, n_dims, width])?,
            note: room([updates.max(width), 1, 1])?,
            uniforms: room([updates, 1, width])?,
            path: room([updates, n_dims, width])?,
            path_density: room([updates, 1, width])?,
            proposed: room([1, n_dims, width])?,
            closeness: memory::filled(n_dims, 0.0, WHAT)?,
        };
        scratch.resize(n_dims, width, 1);
        Ok(scratch)
    }

    /// Becomes that of `updates` updates of a block of `width` vectors, not more than there is
    /// room for.
    pub fn resize(&mut self, n_dims: usize, width: usize, updates: usize) {
        let resize = |lanes: &mut Vec<Lanes64>, length| lanes.resize(length, Lanes64::ZERO);
        self.candidates.resize(n_dims, width);
        resize(&mut self.increments, updates * n_dims * width);
        resize(&mut self.note, updates.max(width));
        resize(&mut self.uniforms, updates * width);
        resize(&mut self.path, updates * n_dims * width);
        resize(&mut self.path_density, updates * width);
        resize(&mut self.proposed, n_dims * width);
    }
}
