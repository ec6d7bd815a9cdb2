//! What the functions of this room are handed: columns of numbers, ids, weights.

use std::ops::Range;

use arrow_array::ArrayRef;
use ndarray::{ArrayView1, s};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyRange, PyRangeMethods, PyString};

use crate::error::Error;
use crate::memory;
use crate::python::arrays::{self, BorrowedNumbers};
use crate::python::arrow::{self, ArrowColumn, Kind};
use crate::python::refusals::{digits, if_it_fits, if_of_type};
use crate::summary::{Column, Id, Ids, Values, Weights};

/// What the memory is for, in errors.
const WHAT: &str = "the pieces of the columns";

/// Consecutive rows in which every column lies in one piece.
#[derive(Debug)]
pub struct Segment<'a> {
    /// Which rows.
    pub rows: Range<usize>,
    /// The columns, these rows only.
    pub columns: Vec<Column<'a>>,
}

enum Source<'py> {
    NumPy(BorrowedNumbers<'py>),
    /// Cut where any of the columns has to be.
    Arrow(Vec<ArrayRef>),
}

/// A column before it is cut.
enum Given<'a, 'py> {
    NumPy(BorrowedNumbers<'py>),
    Arrow(&'a ArrowColumn),
}

impl<'a, 'py> Given<'a, 'py> {
    fn borrow(column: &'a Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        Ok(match column.cast::<ArrowColumn>() {
            Ok(column) => {
                check_numbers(column.get(), name)?;
                Self::Arrow(column.get())
            }
            Err(_) => Self::NumPy(arrays::numbers(column, name, 1)?),
        })
    }

    fn length(&self) -> usize {
        match self {
            Self::NumPy(numbers) => numbers.values().len(),
            Self::Arrow(column) => column.length(),
        }
    }
}

/// Columns of one length, borrowed.
///
/// Keep them until [`enter`](crate::python::enter::enter) has returned, and hand the job
/// [`Self::segments`].
pub struct Inputs<'py> {
    sources: Vec<Source<'py>>,
    ranges: Vec<Range<usize>>,
    n_rows: usize,
}

impl<'py> Inputs<'py> {
    /// Borrows the columns; `name` says which one in messages.
    ///
    /// # Errors
    ///
    /// `TypeError` if one is neither an array nor an [`ArrowColumn`] of numbers or booleans,
    /// `ValueError` if their lengths differ.
    pub fn borrow(columns: &[Bound<'py, PyAny>], name: impl Fn(usize) -> String) -> PyResult<Self> {
        let mut cuts = vec![0];
        let mut given = memory::with_capacity(columns.len(), WHAT)?;
        for (index, column) in columns.iter().enumerate() {
            let column = Given::borrow(column, &name(index))?;
            if let Given::Arrow(column) = column {
                for start in column.chunk_starts() {
                    memory::push(&mut cuts, start, WHAT)?;
                }
            }
            given.push(column);
        }
        // What an array says of itself, not what the `__len__` of some subclass does.
        let n_rows = given.first().map_or(0, Given::length);
        for (index, column) in given.iter().enumerate() {
            if column.length() != n_rows {
                return Err(PyValueError::new_err(format!(
                    "{} has {} elements, but {} has {n_rows}",
                    name(index),
                    column.length(),
                    name(0)
                )));
            }
        }
        let ranges = ranges(cuts, n_rows)?;
        let sources = given.into_iter().map(|column| match column {
            Given::Arrow(column) => Ok(Source::Arrow(column.pieces(&ranges)?)),
            Given::NumPy(numbers) => Ok(Source::NumPy(numbers)),
        });
        let sources = memory::gathered::<_, Error>(sources, WHAT)?;
        Ok(Self { sources, ranges, n_rows })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of values in all columns.
    pub fn size(&self) -> f64 {
        self.n_rows as f64 * self.sources.len() as f64
    }

    /// The rows, in order and as few pieces as they allow; one, if there are no rows.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there are more of them, times the columns, than there is room for.
    pub fn segments(&self) -> Result<Vec<Segment<'_>>, Error> {
        let segments = self.ranges.iter().enumerate().map(|(index, rows)| {
            let columns = self.sources.iter().map(|source| match source {
                Source::NumPy(numbers) => Column::new(slice(numbers.values(), rows.clone())),
                Source::Arrow(pieces) => pieces
                    .get(index)
                    .and_then(|piece| arrow::column_of(piece))
                    .unwrap_or(Column::new(Values::F64(ArrayView1::from(&[])))),
            });
            Ok(Segment { rows: rows.clone(), columns: memory::collected(columns, WHAT)? })
        });
        memory::gathered(segments, WHAT)
    }
}

/// One column as [`Inputs`].
///
/// # Errors
///
/// As [`Inputs::borrow`].
pub fn one_column<'py>(values: &Bound<'py, PyAny>) -> PyResult<Inputs<'py>> {
    Inputs::borrow(std::slice::from_ref(values), |_| "values".to_owned())
}

/// A list of columns as [`Inputs`].
///
/// # Errors
///
/// As [`Inputs::borrow`].
pub fn columns<'py>(columns: &Bound<'py, PyList>) -> PyResult<Inputs<'py>> {
    let columns = memory::collected(columns, WHAT)?;
    Inputs::borrow(&columns, |index| format!("columns[{index}]"))
}

fn check_numbers(column: &ArrowColumn, name: &str) -> PyResult<()> {
    if matches!(column.kind(), Kind::Number | Kind::Boolean) {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "{name} is of Arrow's type {}; accepted are booleans, integers and floating-point \
         numbers (int8 to int64, uint8 to uint64, float16 to float64)",
        column.type_name()
    )))
}

/// The ranges between cuts.
fn ranges(mut cuts: Vec<usize>, n_rows: usize) -> Result<Vec<Range<usize>>, Error> {
    memory::push(&mut cuts, n_rows, WHAT)?;
    cuts.sort_unstable();
    cuts.dedup();
    match cuts[..] {
        [] | [_] => memory::collected(std::iter::once(0..n_rows), WHAT),
        _ => memory::collected(cuts.windows(2).map(|pair| pair[0]..pair[1]), WHAT),
    }
}

/// Some of the values; bits come from Arrow only and are cut there.
pub fn slice(values: Values<'_>, rows: Range<usize>) -> Values<'_> {
    macro_rules! sliced {
        ($($name:ident)*) => {
            match values {
                $(Values::$name(view) => Values::$name(view.slice_move(s![rows])),)*
                Values::Bits(bits) => Values::Bits(bits),
            }
        };
    }
    sliced!(F64 F32 I64 I32 I16 I8 U64 U32 U16 U8)
}

/// The ids of all rows.
pub enum RowIds<'py> {
    /// Positions, from some first one on.
    Positions,
    /// Python's `range`.
    Range {
        /// The first id.
        start: i128,
        /// Difference between neighbours.
        step: i128,
        /// How many there are.
        length: usize,
    },
    /// An array of integers.
    Array(BorrowedNumbers<'py>),
    /// A list.
    Given(Vec<Id>),
}

impl<'py> RowIds<'py> {
    /// Borrows or copies the ids.
    ///
    /// # Errors
    ///
    /// `TypeError` if they are of other types, `ValueError` if they cannot be read.
    pub fn borrow(ids: Option<&Bound<'py, PyAny>>) -> PyResult<Self> {
        let Some(object) = ids.filter(|ids| !ids.is_none()) else { return Ok(Self::Positions) };
        if let Ok(range) = object.cast::<PyRange>() {
            let (start, step) = (range.start()? as i128, range.step()? as i128);
            return Ok(Self::Range { start, step, length: object.len()? });
        }
        if let Ok(list) = object.cast::<PyList>() {
            let ids = list.iter().enumerate();
            let ids = ids.map(|(index, id)| self::id(&id, || format!("ids[{index}]")));
            return Ok(Self::Given(memory::gathered(ids, "the ids")?));
        }
        match arrays::numbers(object, "ids", 1)? {
            ids @ (BorrowedNumbers::I64(_) | BorrowedNumbers::U64(_)) => Ok(Self::Array(ids)),
            _ => Err(PyTypeError::new_err("ids must be of dtype int64 or uint64")),
        }
    }

    /// How many there are; `None` for positions, of which there are always enough.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Positions => None,
            Self::Range { length, .. } => Some(*length),
            Self::Array(numbers) => Some(numbers.values().len()),
            Self::Given(ids) => Some(ids.len()),
        }
    }

    /// # Errors
    ///
    /// `ValueError` if there are not as many as rows.
    pub fn check_length(&self, n_rows: usize) -> PyResult<()> {
        match self.length() {
            Some(length) if length != n_rows => Err(PyValueError::new_err(format!(
                "ids has {length} elements, but there are {n_rows} values"
            ))),
            _ => Ok(()),
        }
    }

    /// The ids, where the position of row 0 is `first`.
    pub fn ids(&self, first: i128) -> Ids<'_> {
        match self {
            Self::Positions => Ids::Range { start: first, step: 1 },
            Self::Range { start, step, .. } => Ids::Range { start: *start, step: *step },
            Self::Array(numbers) => match numbers.values() {
                Values::I64(ids) => Ids::I64(ids),
                Values::U64(ids) => Ids::U64(ids),
                _ => Ids::Given(&[]),
            },
            Self::Given(ids) => Ids::Given(ids),
        }
    }
}

/// The ids of some rows.
pub fn slice_ids(ids: Ids<'_>, rows: Range<usize>) -> Ids<'_> {
    match ids {
        // Starts, steps and rows have 64 bits at most.
        Ids::Range { start, step } => Ids::Range { start: start + step * rows.start as i128, step },
        Ids::I64(ids) => Ids::I64(ids.slice_move(s![rows])),
        Ids::U64(ids) => Ids::U64(ids.slice_move(s![rows])),
        Ids::Given(ids) => Ids::Given(&ids[rows]),
    }
}

/// One id; `place` says which in messages.
///
/// # Errors
///
/// `TypeError` if it is of another type, `ValueError` if it is an integer of more than 127 bits
/// or a text that is not Unicode.
pub fn id(object: &Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<Id> {
    if let Ok(text) = object.cast::<PyString>() {
        let text = text.to_str().map_err(|error| {
            PyValueError::new_err(format!("{} is a text that is not Unicode: {error}", place()))
        })?;
        return Ok(Id::of_text(text)?);
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Id::of_bytes(bytes.as_bytes())?);
    }
    let py = object.py();
    let Some(short) = if_of_type(py, if_it_fits(py, object.extract::<i64>()))? else {
        return Err(PyTypeError::new_err(format!(
            "ids must be ints, strings or bytes, but {} is of type {}",
            place(),
            object.get_type().name()?
        )));
    };
    if let Some(integer) = short {
        return Ok(Id::Integer(integer.into()));
    }
    if let Some(integer) = if_it_fits(py, object.extract::<i128>())? {
        return Ok(Id::Integer(integer));
    }
    Err(PyValueError::new_err(format!(
        "{} is {}, and integer ids have at most 127 bits",
        place(),
        digits(object)?
    )))
}

/// One number of times or weight per row, if there are any.
pub struct RowWeights<'py>(Option<BorrowedNumbers<'py>>);

impl<'py> RowWeights<'py> {
    /// Borrows them.
    ///
    /// # Errors
    ///
    /// `TypeError` if they are neither of dtype uint64 or int64, for numbers of times, nor float64;
    /// `ValueError` if there are not `n_rows`.
    pub fn borrow(weights: Option<&Bound<'py, PyAny>>, n_rows: usize) -> PyResult<Self> {
        let Some(weights) = weights.filter(|weights| !weights.is_none()) else {
            return Ok(Self(None));
        };
        let weights = arrays::numbers(weights, "sample_weight", 1)?;
        if !matches!(weights.values(), Values::U64(_) | Values::I64(_) | Values::F64(_)) {
            return Err(PyTypeError::new_err(
                "sample_weight must be of dtype uint64, int64 or float64",
            ));
        }
        let length = weights.values().len();
        if length != n_rows {
            return Err(PyValueError::new_err(format!(
                "sample_weight has {length} elements, but there are {n_rows} values"
            )));
        }
        Ok(Self(Some(weights)))
    }

    /// All of them.
    pub fn values(&self) -> Option<Weights<'_>> {
        match self.0.as_ref()?.values() {
            Values::U64(times) => Some(Weights::Times(times)),
            Values::I64(times) => Some(Weights::signed(times)),
            Values::F64(weights) => Some(Weights::Real(weights)),
            _ => None,
        }
    }

    /// The numbers of times.
    ///
    /// # Errors
    ///
    /// `ValueError` if they are real weights.
    pub fn times(&self) -> PyResult<Option<ArrayView1<'_, u64>>> {
        match self.values() {
            None => Ok(None),
            Some(Weights::Times(times)) => Ok(Some(times)),
            Some(Weights::Signed(times)) if times.iter().all(|&times| times <= i64::MAX as u64) => {
                Ok(Some(times))
            }
            Some(Weights::Signed(_)) => {
                Err(PyValueError::new_err("sample_weight: must hold numbers that are not negative"))
            }
            Some(Weights::Real(_)) => Err(PyValueError::new_err(
                "real weights have no joint sums: give whole numbers of times, as integers",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_at_the_cuts() {
        assert_eq!(ranges(vec![0], 0).unwrap(), vec![0..0]);
        assert_eq!(ranges(vec![0], 5).unwrap(), vec![0..5]);
        // Of two columns; one chunk is empty.
        assert_eq!(ranges(vec![0, 0, 3, 3, 0, 4], 5).unwrap(), [0..3, 3..4, 4..5]);
    }

    #[test]
    fn ids_go_with_their_rows() {
        let ids = Ids::Range { start: 10, step: -3 };
        let Ids::Range { start, step } = slice_ids(ids, 2..4) else { panic!("still a range") };
        assert_eq!((start, step), (4, -3));
    }
}
