//! The input as it lies in memory, and its packing into pieces of chains.

use std::ops::Range;

use ndarray::{ArrayView3, Axis, Slice};

use crate::error::Error;
use crate::memory;
use crate::rows::Element;

/// What the memory of diagnostics is for, in errors.
pub(super) const WHAT: &str = "a dimension of the draws";

/// Draws of several chains in several dimensions: (chain, draw, dimension), in any strides.
#[derive(Clone, Copy, Debug)]
pub enum Draws<'a> {
    /// Double precision.
    F64(ArrayView3<'a, f64>),
    /// Single precision; all computations are in double.
    F32(ArrayView3<'a, f32>),
}

/// Runs the same expression for both element types.
macro_rules! with_draws {
    ($draws:expr, $view:ident => $body:expr) => {
        match $draws {
            Draws::F64($view) => $body,
            Draws::F32($view) => $body,
        }
    };
}

/// How chains are cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each chain is one piece.
    Whole,
    /// Each chain is cut into halves; of an odd number of draws, the middle one is left over.
    Halves,
}

impl Layout {
    /// How many pieces a chain is cut into.
    pub fn pieces_per_chain(self) -> usize {
        match self {
            Self::Whole => 1,
            Self::Halves => 2,
        }
    }
}

/// How many draws of a chain are copied at a time: they stay in the fastest cache.
const TILE: usize = 64;
/// At most this many dimensions are packed together: as many f64 as a cache line holds.
const MOST_TOGETHER: usize = 8;

impl Draws<'_> {
    /// Number of chains.
    #[must_use]
    pub fn chains(&self) -> usize {
        with_draws!(self, view => view.len_of(Axis(0)))
    }

    /// Number of draws of each chain.
    #[must_use]
    pub fn draws(&self) -> usize {
        with_draws!(self, view => view.len_of(Axis(1)))
    }

    /// Number of dimensions.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        with_draws!(self, view => view.len_of(Axis(2)))
    }

    /// How many dimensions are best packed together by each of `threads`.
    ///
    /// Where neighbouring numbers belong to different dimensions, reading one dimension reads
    /// the memory of its neighbours too, so they are taken together.
    pub(super) fn together(&self, threads: usize) -> usize {
        let (draws, dimensions) = with_draws!(self, view => (view.strides()[1], view.strides()[2]));
        if dimensions.unsigned_abs() >= draws.unsigned_abs() {
            return 1;
        }
        self.dimensions().div_ceil(threads.max(1)).clamp(1, MOST_TOGETHER)
    }

    /// Copies some dimensions, one into each of `packed`.
    pub(super) fn pack(
        &self,
        dimensions: Range<usize>,
        layout: Layout,
        packed: &mut Vec<Packed>,
    ) -> Result<(), Error> {
        packed.resize_with(dimensions.len(), Packed::default);
        for (target, dimension) in packed.iter_mut().zip(dimensions.clone()) {
            target.dimension = dimension;
            target.resize(layout, self.chains(), self.draws())?;
        }
        with_draws!(self, view => pack(view, dimensions, packed));
        Ok(())
    }
}

fn pack<T: Element>(view: &ArrayView3<'_, T>, dimensions: Range<usize>, packed: &mut [Packed]) {
    let view = view.slice_axis(Axis(2), Slice::from(dimensions));
    for (chain, draws) in view.outer_iter().enumerate() {
        let n = draws.nrows();
        for start in (0..n).step_by(TILE) {
            let tile = draws.slice_axis(Axis(0), Slice::from(start..(start + TILE).min(n)));
            for (target, column) in packed.iter_mut().zip(tile.axis_iter(Axis(1))) {
                target.copy(chain, start, column.iter().map(|value| value.to_f64()));
            }
        }
    }
}

/// One dimension: its pieces one after the other, and what no piece has.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Which dimension.
    pub dimension: usize,
    /// The pieces, `length` numbers each.
    pub values: Vec<f64>,
    /// Numbers per piece, at least one.
    pub length: usize,
    /// The middle draws of chains cut into halves of an odd number of draws.
    pub left_over: Vec<f64>,
    draws: usize,
}

impl Packed {
    /// Makes room for chains with at least one draw in each piece.
    fn resize(&mut self, layout: Layout, chains: usize, draws: usize) -> Result<(), Error> {
        let pieces = layout.pieces_per_chain();
        self.draws = draws;
        self.length = draws / pieces;
        let left_over = chains * (draws - pieces * self.length);
        memory::resize(&mut self.values, chains * pieces * self.length, 0.0, WHAT)?;
        memory::resize(&mut self.left_over, left_over, 0.0, WHAT)
    }

    /// Takes over consecutive draws of a chain.
    fn copy(&mut self, chain: usize, start: usize, numbers: impl ExactSizeIterator<Item = f64>) {
        let kept = self.draws - self.draws % self.length;
        let end = start + numbers.len();
        let middle = self.length..self.length + self.draws - kept;
        if kept == self.draws || end <= middle.start {
            let target = &mut self.values[chain * kept + start..chain * kept + end];
            target.iter_mut().zip(numbers).for_each(|(target, number)| *target = number);
            return;
        }
        for (draw, number) in (start..).zip(numbers) {
            if middle.contains(&draw) {
                self.left_over[chain] = number;
            } else {
                let skipped = usize::from(draw >= middle.end);
                self.values[chain * kept + draw - skipped] = number;
            }
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.values.len() + self.left_over.len()
    }

    /// Whether one of the numbers is NaN.
    pub fn has_nan(&self) -> bool {
        let any = |values: &[f64]| values.iter().fold(false, |any, value| any | value.is_nan());
        any(&self.values) | any(&self.left_over)
    }
}
