//! Rows of numbers as they lie in memory: float64 or float32, any strides, never copied whole.

use std::ops::{AddAssign, Range};

use ndarray::{ArrayView2, Axis, Slice};

use crate::error::{Error, NonFiniteKind};
use crate::fold::{Context, Partition};

/// A number type that rows can hold.
pub trait Element: Copy + Send + Sync + PartialOrd + AddAssign + 'static {
    /// 0.
    const ZERO: Self;

    /// 0 if finite, else NaN: `value · 0`.
    fn poison(self) -> Self;

    /// The same number in double precision.
    fn to_f64(self) -> f64;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// Its bits, all different for different numbers.
    fn to_bits_u64(self) -> u64;
}

impl Element for f64 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    const ZERO: Self = 0.0;

    #[inline(always)]
    fn poison(self) -> Self {
        self * 0.0
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn to_bits_u64(self) -> u64 {
        self.to_bits()
    }
}

impl Element for f32 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }

    const ZERO: Self = 0.0;

    #[inline(always)]
    fn poison(self) -> Self {
        self * 0.0
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn to_bits_u64(self) -> u64 {
        u64::from(self.to_bits())
    }
}

/// A matrix of observations (rows) by features (columns), read where it lies.
///
/// Strides may be anything NumPy allows: C or Fortran order, slices, negative, zero.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Double precision.
    F64(ArrayView2<'a, f64>),
    /// Single precision.
    F32(ArrayView2<'a, f32>),
}

/// Runs the same expression for both element types: `with_rows!(rows, view => kernel(view))`.
///
/// `view` is an `ndarray::ArrayView2` of the element type at hand.
#[macro_export]
macro_rules! with_rows {
    ($rows:expr, $view:ident => $body:expr) => {
        match $rows {
            $crate::rows::Rows::F64($view) => $body,
            $crate::rows::Rows::F32($view) => $body,
        }
    };
}

impl<'a> Rows<'a> {
    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        with_rows!(self, view => view.nrows())
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        with_rows!(self, view => view.ncols())
    }

    /// One value, as f64.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f64 {
        with_rows!(self, view => view[[row, column]].to_f64())
    }

    /// The blocks of a fold over them.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition::of_rows(self.n_rows(), self.n_columns())
    }

    /// Only the rows of `range`.
    ///
    /// # Panics
    ///
    /// If there are no such rows.
    #[must_use]
    pub fn row_block(&self, range: Range<usize>) -> Rows<'a> {
        let slice = Slice::from(range);
        match self {
            Self::F64(view) => Rows::F64(view.slice_axis_move(Axis(0), slice)),
            Self::F32(view) => Rows::F32(view.slice_axis_move(Axis(0), slice)),
        }
    }

    /// The same rows for a shorter time: ndarray's views do not shorten their lifetime by themselves.
    #[must_use]
    pub fn reborrow(&self) -> Rows<'_> {
        match self {
            Self::F64(view) => Rows::F64(view.view()),
            Self::F32(view) => Rows::F32(view.view()),
        }
    }

    /// The memory that the rows lie in, if they lie in one piece.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        with_rows!(self, view => {
            let values = view.to_slice_memory_order()?;
            // SAFETY: f64 and f32 have no padding, so their values may be seen as bytes.
            Some(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
        })
    }

    /// Copies one row into `buffer`, as f64.
    ///
    /// # Panics
    ///
    /// If `buffer` does not hold one value per column.
    pub fn copy_row(&self, row: usize, buffer: &mut [f64]) {
        assert_eq!(buffer.len(), self.n_columns(), "a buffer holds one row");
        with_rows!(self, view => {
            for (target, &source) in buffer.iter_mut().zip(view.row(row)) {
                *target = source.to_f64();
            }
        });
    }

    /// Checks that every value is finite.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`] with the first offending row and column.
    pub fn check_finite(&self, name: &'static str, context: &Context) -> Result<(), Error> {
        context.fold(&self.partition(), |range| {
            let block = self.row_block(range.clone());
            block.check_finite_block(name, range.start)
        })
    }

    /// The same of a single block on the calling thread, whose first row is `first_row`.
    ///
    /// # Errors
    ///
    /// As [`Self::check_finite`].
    pub fn check_finite_block(&self, name: &'static str, first_row: usize) -> Result<(), Error> {
        with_rows!(self, view => check_finite(*view, name, first_row))
    }
}

fn check_finite<T: Element>(
    block: ArrayView2<'_, T>,
    name: &'static str,
    first_row: usize,
) -> Result<(), Error> {
    if all_finite(block) {
        return Ok(());
    }
    let found = block.outer_iter().enumerate().find_map(|(row, values)| {
        let column = values.iter().position(|value| !value.is_finite())?;
        let kind = NonFiniteKind::of(values[column].to_f64())?;
        Some(Error::NonFinite { name, row: first_row + row, column, kind })
    });
    found.map_or(Ok(()), Err)
}

/// Whether a block holds finite values only, looking at it in the order of memory.
fn all_finite<T: Element>(block: ArrayView2<'_, T>) -> bool {
    if let Some(values) = block.as_slice_memory_order() {
        return slice_is_finite(values);
    }
    let fastest =
        if block.strides()[0].abs() < block.strides()[1].abs() { Axis(0) } else { Axis(1) };
    block.lanes(fastest).into_iter().all(|lane| match lane.as_slice_memory_order() {
        Some(values) => slice_is_finite(values),
        None => lane.iter().all(|value| value.is_finite()),
    })
}

/// Sums `value · 0` in independent lanes, which vectorises without any special instruction; a
/// single NaN or infinity turns a lane into NaN.
fn slice_is_finite<T: Element>(values: &[T]) -> bool {
    const LANES: usize = 16;
    let mut sums = [T::ZERO; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += value.poison();
        }
    }
    sums.iter().chain(rest).all(|&value| value.poison().is_finite())
}
