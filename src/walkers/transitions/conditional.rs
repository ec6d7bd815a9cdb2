//! [`Conditional`].

use std::sync::Arc;

use super::{Step, Transition};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::walkers::density::{Calls, Failure};
use crate::walkers::state::WHAT;
use crate::walkers::stream::Stream;
use crate::walkers::update::{Rejected, write_rows};

/// What some coordinates are drawn by.
pub trait Draw: Send + Sync {
    /// Draws for each walker, with its own stream, which is moved on.
    ///
    /// # Errors
    ///
    /// The first walker for which that failed.
    fn draw(&self, stop: &Stop, drawing: Drawing<'_>) -> Result<(), Failure>;

    /// Where it may be called.
    fn calls(&self) -> Calls;
}

/// Values to be drawn for the walkers of a block.
pub struct Drawing<'a> {
    /// Where the walkers are, row by row.
    pub points: &'a [f64],
    /// Number of coordinates.
    pub n_dims: usize,
    /// The streams of the walkers.
    pub streams: &'a mut [Stream],
    /// The values, row by row: to be written.
    pub values: &'a mut [f64],
    /// Which walker the first of them is.
    pub first: usize,
}

/// Gibbs' update: some coordinates are drawn from their distribution given all others, which leaves
/// the target as it is whatever they were (Geman & Geman 1984, "Stochastic relaxation, Gibbs
/// distributions, and the Bayesian restoration of images").
///
/// That the distribution is the right one is for the user to know; a draw at which the density is
/// zero shows that it is not.
#[derive(Clone)]
pub struct Conditional {
    by: Arc<dyn Draw>,
    dims: Vec<usize>,
}

impl Conditional {
    /// These coordinates are drawn.
    #[must_use]
    pub fn new(by: Arc<dyn Draw>, dims: Vec<usize>) -> Self {
        Self { by, dims }
    }
}

impl Transition for Conditional {
    fn check(&self, n_dims: usize, _n_walkers: usize) -> Result<(), Error> {
        if self.dims.iter().all(|&dim| dim < n_dims) {
            return Ok(());
        }
        let message = format!("draws coordinates {:?} of {n_dims}", self.dims);
        Err(Error::InvalidArgument { name: "move", message })
    }

    fn evaluations(&self, _n_dims: usize) -> usize {
        1
    }

    fn calls(&self) -> Calls {
        self.by.calls()
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        let (d, k, share) = (step.n_dims(), self.dims.len(), step.share);
        let (block, stop) = (&mut *step.block, step.target.stop);
        let (n, width) = (block.n_walkers(), block.width);
        let failed = |error| Rejected::of_memory(block.walkers.start, error);
        let mut points = memory::filled(n * d, 0.0, WHAT).map_err(failed)?;
        let mut values = memory::filled(n * k, 0.0, WHAT).map_err(failed)?;
        let streams = block.lanes().map(|lane| Stream::of(&block.proposal, lane));
        let mut streams = memory::collected(streams, WHAT).map_err(failed)?;
        write_rows(&block.positions, width, d, &mut points);
        let drawing = Drawing {
            points: &points,
            n_dims: d,
            streams: &mut streams,
            values: &mut values,
            first: block.walkers.start,
        };
        self.by
            .draw(stop, drawing)
            .map_err(|failure| Rejected::in_lane(block, failure.row, failure.reason))?;
        for (lane, (stream, values)) in streams.into_iter().zip(values.chunks_exact(k)).enumerate()
        {
            stream.store(&mut block.proposal, lane);
            for (&dim, value) in self.dims.iter().zip(values) {
                block.positions[dim * width + lane / 8].0[lane % 8] = *value;
            }
            block.accepted[lane / 8].0[lane % 8] += share;
        }
        block.stale = true;
        Ok(())
    }
}
