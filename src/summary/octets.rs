//! Eight neighbouring columns of a matrix at once, one in each lane.
//!
//! In a matrix in C order the values of a column lie far apart, and those of a row side by side.
//! So here a lane of the vector kernels is a column, with a window of its own, and the kernels read
//! eight values of a row at a time where they lie. Meanwhile whole rows that come later are fetched
//! in the order of memory.

use std::ops::Range;

use ndarray::{ArrayView2, ShapeBuilder};

use super::accumulate::{Accumulator, Block, Counting, Owners};
use super::column::{Column, Ids, Values};
use super::sums::{BLOCK, Lanes, Octet, Source};
use crate::simd::Lines;

/// Rows that are worked on at once.
pub(super) const ROWS: usize = BLOCK;

/// Eight columns, and which of them are wanted: the others have been read with another octet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets<'d> {
    matrix: ArrayView2<'d, f64>,
    wanted: [bool; 8],
}

impl<'d> Octets<'d> {
    /// Those that hold column `first`, if it is part of eight neighbours in memory that are all
    /// `f64` and without nulls. Returns the first column of the eight, too.
    pub(super) fn around(columns: &[Column<'d>], first: usize) -> Option<(usize, Self)> {
        // The last columns of a matrix are read together with some before them.
        let start = first.min(columns.len().checked_sub(8)?);
        let matrix = adjacent(&columns[start..start + 8])?;
        let wanted = std::array::from_fn(|lane| start + lane >= first);
        Some((start, Self { matrix, wanted }))
    }
}

/// Eight columns as a matrix, if they are neighbours in memory, all `f64`, without nulls.
fn adjacent<'d>(columns: &[Column<'d>]) -> Option<ArrayView2<'d, f64>> {
    let mut views = columns.iter().map(|column| match column.values {
        Values::F64(view) if column.validity.is_none() => Some(view),
        _ => None,
    });
    let first = views.next()??;
    let (rows, stride) = (first.len(), first.strides()[0]);
    if rows < 2 || stride < 8 {
        return None;
    }
    let start = first.as_ptr();
    for (index, view) in views.enumerate() {
        let view = view?;
        let expected = start.wrapping_add(index + 1);
        if view.as_ptr() != expected || view.len() != rows || view.strides()[0] != stride {
            return None;
        }
    }
    // SAFETY: the elements are those of the eight views, which are valid for 'd and share their
    // stride, element (i, j) being element i of view j.
    Some(unsafe {
        ArrayView2::from_shape_ptr((rows, 8).strides((stride.unsigned_abs(), 1)), start)
    })
}

/// Some rows of eight columns, read where they lie.
#[derive(Clone, Copy, Debug)]
struct MatrixRows<'o, 'd> {
    matrix: &'o ArrayView2<'d, f64>,
    first: usize,
    count: usize,
}

// SAFETY: `Octets::add`, the only maker, checks that there are these rows, and a row holds eight
// neighbours (`adjacent`).
unsafe impl Source for MatrixRows<'_, '_> {
    #[inline(always)]
    fn len(self) -> usize {
        self.count
    }

    #[inline(always)]
    unsafe fn get(self, index: usize) -> Octet {
        let offset = (self.first + index) as isize * self.matrix.strides()[0];
        // SAFETY: the caller's promise, and that of the type.
        unsafe { *self.matrix.as_ptr().offset(offset).cast::<Octet>() }
    }
}

impl Octets<'_> {
    /// The `part`-th of `parts` equal parts of the memory that some rows lie in.
    pub(super) fn lines(&self, rows: Range<usize>, part: usize, parts: usize) -> Lines {
        let row_bytes = self.matrix.strides()[0] * size_of::<f64>() as isize;
        let lines = rows.len() * row_bytes.unsigned_abs() / 64 / parts;
        let start = self.matrix.as_ptr().cast::<u8>();
        let skipped = rows.start as isize * row_bytes + (64 * part * lines) as isize;
        Lines::at(start.wrapping_offset(skipped), lines)
    }

    /// Adds some rows, at most [`ROWS`], each lane to its accumulator; `ahead` is fetched meanwhile.
    pub(super) fn add(
        &self,
        rows: Range<usize>,
        ahead: Lines,
        lanes: &mut Lanes,
        mut accumulators: [&mut Accumulator; 8],
    ) {
        assert!(rows.end <= self.matrix.nrows(), "rows of the matrix");
        let count = rows.len();
        let block = MatrixRows { matrix: &self.matrix, first: rows.start, count };
        let mut builders = accumulators.each_mut().map(|accumulator| accumulator.sums_mut());
        match lanes.add(block, ahead, &self.wanted, &mut builders) {
            Some(extremes) => {
                for (lane, accumulator) in accumulators.iter_mut().enumerate() {
                    if self.wanted[lane] {
                        accumulator.note(count, extremes[lane]);
                    }
                }
            }
            None => self.add_one_by_one(rows, &mut accumulators),
        }
    }

    /// For rows that hold NaN or infinities, or sizes too far apart.
    fn add_one_by_one(&self, rows: Range<usize>, accumulators: &mut [&mut Accumulator; 8]) {
        // Nobody asks whose the values are: octets are for plain summaries.
        let owners = Owners { ids: Ids::Range { start: 0, step: 1 }, first: 0, rows: None };
        for (lane, accumulator) in accumulators.iter_mut().enumerate() {
            if self.wanted[lane] {
                let values: Vec<f64> = rows.clone().map(|row| self.matrix[[row, lane]]).collect();
                let counting = Counting::Once;
                accumulator.add(&Block { values: &values, counting, ahead: &[], owners });
            }
        }
    }
}
