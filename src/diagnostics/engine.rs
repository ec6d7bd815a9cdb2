//! The loop over dimensions, and the memory it uses again and again.

use super::draws::{Draws, Layout, Packed, WHAT};
use super::order::Sorter;
use crate::error::Error;
use crate::fold::{Context, Idle, Partition, RowsMut};
use crate::memory;

/// Memory for the work on one dimension; whoever uses a part of it makes it as long as needed.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The sorted order.
    pub sorter: Sorter,
    /// Normal scores, or whatever else has one number per draw, piece by piece.
    pub series: Vec<f64>,
}

impl Work {
    /// Copies numbers into `series`.
    pub fn take(&mut self, values: &[f64]) -> Result<(), Error> {
        self.series.clear();
        memory::append(&mut self.series, values, WHAT)
    }
}

/// The memory of one worker.
#[derive(Debug, Default)]
struct Desk {
    packed: Vec<Packed>,
    work: Work,
}

/// Computes one result for each dimension, several of them at a time.
///
/// Each result depends on its dimension alone, so how dimensions are dealt to the threads does
/// not matter.
pub(super) fn each_dimension<R: Send>(
    context: &Context,
    draws: &Draws<'_>,
    layout: Layout,
    empty: impl Fn() -> Result<R, Error>,
    measure: impl Fn(&Packed, &mut Work) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let mut results = memory::gathered((0..draws.dimensions()).map(|_| empty()), WHAT)?;
    let desks = Idle::<Desk>::default();
    let partition = Partition::new(draws.dimensions(), draws.together(context.threads()));
    context.for_each_chunk(&partition, RowsMut::column(&mut results), |range, mut output| {
        let mut desk = desks.take().unwrap_or_default();
        draws.pack(range, layout, &mut desk.packed)?;
        for (packed, result) in desk.packed.iter().zip(output.values()) {
            context.check()?;
            if !packed.has_nan() {
                *result = measure(packed, &mut desk.work)?;
            }
        }
        desks.put(desk);
        Ok(())
    })?;
    Ok(results)
}
