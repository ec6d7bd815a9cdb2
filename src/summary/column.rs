//! Columns of numbers as they lie in memory, with nulls.

use std::ops::Range;

use ndarray::{ArrayView1, s};

use super::number::Number;
use crate::error::Error;
use crate::simd::{Kernel, Level, dispatch};

/// Bits as Arrow packs them: bit i is bit `(offset + i) % 8`, from the lowest, of byte
/// `(offset + i) / 8`.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
    length: usize,
}

impl<'a> Bits<'a> {
    /// `length` bits from bit `offset` on; `None` if the bytes do not hold that many.
    #[must_use]
    pub fn new(bytes: &'a [u8], offset: usize, length: usize) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end.div_ceil(8) <= bytes.len()).then_some(Self { bytes, offset, length })
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// One bit.
    ///
    /// # Panics
    ///
    /// If there is no such bit.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> bool {
        assert!(index < self.length, "bit {index} of {}", self.length);
        let bit = self.offset + index;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// Whether all bits of a range are 1.
    ///
    /// # Panics
    ///
    /// If there are no such bits.
    #[must_use]
    pub fn all(&self, range: Range<usize>) -> bool {
        assert!(range.end <= self.length, "bits {range:?} of {}", self.length);
        let (start, end) = (self.offset + range.start, self.offset + range.end);
        let (first, last) = (start.next_multiple_of(8).min(end), (end / 8 * 8).max(start));
        let bit = |bit: usize| self.bytes[bit / 8] >> (bit % 8) & 1 == 1;
        (start..first).all(bit)
            && (last.max(first)..end).all(bit)
            && (first >= last || self.bytes[first / 8..last / 8].iter().all(|&byte| byte == 0xff))
    }
}

/// An element type of a column.
trait Element: Copy + Into<Number> {
    /// The nearest `f64`.
    fn nearest(self) -> f64;

    /// Whether `f64` holds it exactly.
    fn fits(self) -> bool;
}

macro_rules! elements {
    ($($element:ty: $fits:expr),* $(,)?) => {$(
        impl Element for $element {
            #[inline(always)]
            fn nearest(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn fits(self) -> bool {
                let fits: fn($element) -> bool = $fits;
                fits(self)
            }
        }
    )*};
}

/// Integers up to here are `f64`.
const LARGEST_EXACT: u64 = 1 << 53;

elements! {
    f64: |_| true,
    f32: |_| true,
    i64: |value| value.unsigned_abs() <= LARGEST_EXACT,
    u64: |value| value <= LARGEST_EXACT,
    i32: |_| true,
    u32: |_| true,
    i16: |_| true,
    u16: |_| true,
    i8: |_| true,
    u8: |_| true,
}

/// Converts neighbours in memory; whether all of them fit.
struct Widen<'a, T> {
    source: &'a [T],
    target: &'a mut [f64],
}

impl<T: Element> Kernel for Widen<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> bool {
        let mut all = true;
        for (target, &source) in self.target.iter_mut().zip(self.source) {
            *target = source.nearest();
            all &= source.fits();
        }
        all
    }
}

fn widen<T: Element>(view: ArrayView1<'_, T>, rows: Range<usize>, target: &mut [f64]) -> bool {
    if let Some(source) = view.to_slice() {
        return dispatch(Widen { source: &source[rows], target });
    }
    let mut all = true;
    for (target, row) in target.iter_mut().zip(rows) {
        let source = view[row];
        *target = source.nearest();
        all &= source.fits();
    }
    all
}

/// The numbers of a column, one array of any stride, or packed bits.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is named after its element")]
pub enum Values<'a> {
    F64(ArrayView1<'a, f64>),
    F32(ArrayView1<'a, f32>),
    I64(ArrayView1<'a, i64>),
    I32(ArrayView1<'a, i32>),
    I16(ArrayView1<'a, i16>),
    I8(ArrayView1<'a, i8>),
    U64(ArrayView1<'a, u64>),
    U32(ArrayView1<'a, u32>),
    U16(ArrayView1<'a, u16>),
    /// Also NumPy's booleans, as 0 and 1.
    U8(ArrayView1<'a, u8>),
    /// Arrow's booleans, as 0 and 1.
    Bits(Bits<'a>),
}

/// The same expression for every array: `with_view!(values, view => ..., bits => ...)`.
macro_rules! with_view {
    ($values:expr, $view:ident => $array:expr, $bits:ident => $packed:expr) => {
        match $values {
            Values::F64($view) => $array,
            Values::F32($view) => $array,
            Values::I64($view) => $array,
            Values::I32($view) => $array,
            Values::I16($view) => $array,
            Values::I8($view) => $array,
            Values::U64($view) => $array,
            Values::U32($view) => $array,
            Values::U16($view) => $array,
            Values::U8($view) => $array,
            Values::Bits($bits) => $packed,
        }
    };
}
pub(super) use with_view;

impl<'a> Values<'a> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        with_view!(self, view => view.len(), bits => bits.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One number, exactly.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Number {
        with_view!(self, view => view[row].into(), bits => Number::from(f64::from(bits.get(row))))
    }

    /// Writes the nearest `f64` of each of some rows; whether all of them are exact.
    ///
    /// # Panics
    ///
    /// If there are no such rows, or `target` does not hold as many values.
    pub fn widen(&self, rows: Range<usize>, target: &mut [f64]) -> bool {
        assert!(rows.end <= self.len() && rows.len() == target.len(), "rows of a column");
        with_view!(self, view => widen(*view, rows, target), bits => {
            for (target, row) in target.iter_mut().zip(rows) {
                *target = f64::from(bits.get(row));
            }
            true
        })
    }

    /// The numbers as they lie in memory, if they are `f64` and neighbours.
    #[must_use]
    pub fn as_f64_slice(&self) -> Option<&'a [f64]> {
        match self {
            Self::F64(view) => view.to_slice(),
            _ => None,
        }
    }
}

/// A column: numbers, some of which may be null.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// The numbers; anything where there is a null.
    pub values: Values<'a>,
    /// One bit per number, 0 for null; `None` if none is null.
    pub validity: Option<Bits<'a>>,
}

impl<'a> Column<'a> {
    /// Without nulls.
    #[must_use]
    pub fn new(values: Values<'a>) -> Self {
        Self { values, validity: None }
    }

    /// Number of values, nulls included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Whether it is finite and not negative.
pub(super) fn is_weight(weight: f64) -> bool {
    (0.0..f64::INFINITY).contains(&weight)
}

/// Says that one is not.
pub(super) fn bad_weight() -> Error {
    let message = "must hold finite numbers that are not negative".to_owned();
    Error::InvalidArgument { name: "sample_weight", message }
}

/// How much each row counts.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// Numbers of times.
    Times(ArrayView1<'a, u64>),
    /// Those that came as signed integers: from 2⁶³ on they are negative, and none.
    Signed(ArrayView1<'a, u64>),
    /// Any weights that are finite and not negative.
    Real(ArrayView1<'a, f64>),
}

impl<'a> Weights<'a> {
    /// Of how many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Times(times) | Self::Signed(times) => times.len(),
            Self::Real(weights) => weights.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often a row counts, and its weight; one of weight 0 does not.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if a weight is negative or not finite.
    pub(super) fn at(&self, row: usize) -> Result<(u64, f64), Error> {
        match self {
            Self::Signed(times) if times[row] > i64::MAX as u64 => Err(bad_weight()),
            Self::Times(times) | Self::Signed(times) => Ok((times[row], 1.0)),
            Self::Real(weights) if is_weight(weights[row]) => {
                Ok((u64::from(weights[row] > 0.0), weights[row]))
            }
            Self::Real(_) => Err(bad_weight()),
        }
    }

    /// Of integers, which may be signed.
    #[must_use]
    pub fn signed(times: ArrayView1<'a, i64>) -> Self {
        let times = times.raw_view().cast::<u64>();
        // SAFETY: integers of one size and alignment, any bits of which are both, borrowed for 'a.
        Self::Signed(unsafe { times.deref_into_view() })
    }

    /// Those of some rows.
    ///
    /// # Panics
    ///
    /// If there are no such rows.
    #[must_use]
    pub fn slice(self, rows: Range<usize>) -> Self {
        match self {
            Self::Times(times) => Self::Times(times.slice_move(s![rows])),
            Self::Signed(times) => Self::Signed(times.slice_move(s![rows])),
            Self::Real(weights) => Self::Real(weights.slice_move(s![rows])),
        }
    }
}

/// Who each row is, for the best-N list.
#[derive(Clone, Copy, Debug)]
pub enum Ids<'a> {
    /// An arithmetic progression: positions are `{ start: 0, step: 1 }`.
    Range {
        /// Id of the first row.
        start: i128,
        /// Difference between neighbours.
        step: i128,
    },
    /// Signed integers.
    I64(ArrayView1<'a, i64>),
    /// Unsigned integers.
    U64(ArrayView1<'a, u64>),
    /// Anything an id can be.
    Given(&'a [super::Id]),
}
