//! Python's own numbers, one by one.

use std::ops::Range;

use ndarray::ArrayView1;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};

use super::SummaryState;
use super::input::{RowIds, slice_ids};
use crate::error::Error;
use crate::memory;
use crate::python::enter::enter;
use crate::python::refusals::{digits, if_it_fits};
use crate::summary::{Bits, Column, Number, Summary, Values, summarize_columns};

/// So many items are added at once; signals are checked in between.
const BLOCK: usize = 8192;
/// A block is said to take longer than it does, so that the interpreter is let go: iterators
/// written in C never do that, and other threads would wait for the last item.
const BLOCK_NANOSECONDS: f64 = 1e5;

/// A number of Python or NumPy, exactly; `None` for None. `place` says which in messages.
///
/// # Errors
///
/// `TypeError` if it is neither, `OverflowError` if it is an integer beyond 64 bits.
pub fn number(object: &Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<Option<Number>> {
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(Some(float.value().into()));
    }
    if object.is_none() {
        return Ok(None);
    }
    if let Ok(boolean) = object.cast::<PyBool>() {
        return Ok(Some(i64::from(boolean.is_true()).into()));
    }
    if object.is_instance_of::<PyInt>() {
        return integer(object, place).map(Some);
    }
    // NumPy's scalars know their Python counterpart; long doubles and dates have none.
    if object.is_instance(numpy_scalar(object.py())?)? {
        let item = object.call_method0("item")?;
        if item.is_instance_of::<PyFloat>() || item.is_instance_of::<PyInt>() {
            return number(&item, place);
        }
    }
    Err(PyTypeError::new_err(format!(
        "{} is of type {}; accepted are floats, ints, bools, None and NumPy's scalars of these",
        place(),
        object.get_type().name()?
    )))
}

fn integer(object: &Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<Number> {
    if let Some(integer) = if_it_fits(object.py(), object.extract::<i64>())? {
        return Ok(integer.into());
    }
    if let Some(integer) = if_it_fits(object.py(), object.extract::<u64>())? {
        return Ok(integer.into());
    }
    Err(PyOverflowError::new_err(format!(
        "{} is {}; ints must lie in the range of 64-bit integers, -2**63 to 2**64 - 1",
        place(),
        digits(object)?
    )))
}

fn numpy_scalar(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static GENERIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    GENERIC.import(py, "numpy", "generic")
}

/// Numbers of one kind.
enum Run {
    Floats(Vec<f64>),
    Signed(Vec<i64>),
    Unsigned(Vec<u64>),
}

impl Run {
    /// An empty one that takes the number.
    fn for_number(number: Number) -> Self {
        match number.integer().filter(|_| !number.is_f64()) {
            None => Self::Floats(Vec::new()),
            Some(integer) if i64::try_from(integer).is_ok() => Self::Signed(Vec::new()),
            Some(_) => Self::Unsigned(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Signed(values) => values.len(),
            Self::Unsigned(values) => values.len(),
        }
    }

    fn values(&self) -> Values<'_> {
        match self {
            Self::Floats(values) => Values::F64(ArrayView1::from(values)),
            Self::Signed(values) => Values::I64(ArrayView1::from(values)),
            Self::Unsigned(values) => Values::U64(ArrayView1::from(values)),
        }
    }

    /// Appends the number, if this kind holds it exactly, and says whether it does.
    fn push(&mut self, number: Number) -> bool {
        // No integer is -0.0.
        let negative_zero = number.nearest().to_bits() == (-0.0_f64).to_bits();
        let integer = || number.integer().filter(|_| !negative_zero);
        match self {
            Self::Floats(values) if number.is_f64() => values.push(number.nearest()),
            Self::Floats(_) => return false,
            Self::Signed(values) => match integer().map(i64::try_from) {
                Some(Ok(integer)) => values.push(integer),
                _ => return false,
            },
            Self::Unsigned(values) => match integer().map(u64::try_from) {
                Some(Ok(integer)) => values.push(integer),
                _ => return false,
            },
        }
        true
    }
}

/// Items on their way into a state.
struct Update<'a> {
    state: &'a SummaryState,
    ids: &'a RowIds<'a>,
    template: Summary,
    /// Of the items before the run.
    partial: Summary,
    /// How many these were.
    before: usize,
    /// The positions they were given.
    positions: Vec<Range<u64>>,
    run: Run,
    /// Bit i is set if item i of the run is not null.
    validity: Vec<u8>,
    has_nulls: bool,
}

impl<'a> Update<'a> {
    fn new(state: &'a SummaryState, ids: &'a RowIds<'a>) -> Result<Self, Error> {
        Ok(Self {
            state,
            ids,
            partial: state.template()?,
            template: state.template()?,
            before: 0,
            positions: Vec::new(),
            run: Run::Floats(Vec::new()),
            validity: Vec::new(),
            has_nulls: false,
        })
    }

    fn add_all(&mut self, items: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = items.py();
        for (index, item) in items.try_iter()?.enumerate() {
            self.push(py, number(&item?, || format!("items[{index}]"))?)?;
            if index % BLOCK == BLOCK - 1 {
                py.check_signals()?;
            }
        }
        self.flush(py)?;
        self.ids.check_length(self.before)?;
        Ok(self.state.add(&self.partial)?)
    }

    fn push(&mut self, py: Python<'_>, number: Option<Number>) -> PyResult<()> {
        // Anything stands for a null.
        let value = number.unwrap_or(0.0.into());
        if self.run.len() == BLOCK || !self.run.push(value) {
            self.flush(py)?;
            self.run = Run::for_number(value);
            self.run.push(value);
        }
        let bit = (self.run.len() - 1) % 8;
        if bit == 0 {
            self.validity.push(0);
        }
        if let Some(byte) = self.validity.last_mut() {
            *byte |= u8::from(number.is_some()) << bit;
        }
        self.has_nulls |= number.is_none();
        Ok(())
    }

    /// Adds the run to the partial summary.
    fn flush(&mut self, py: Python<'_>) -> PyResult<()> {
        let rows = self.before..self.before + self.run.len();
        if rows.is_empty() {
            return Ok(());
        }
        if self.ids.length().is_some_and(|length| rows.end > length) {
            return self.ids.check_length(rows.end);
        }
        let positions = self.state.reserve(rows.len() as u64);
        let first = i128::from(positions.start) - rows.start as i128;
        memory::push(&mut self.positions, positions, "the positions of the items")?;
        let validity = Bits::new(&self.validity, 0, rows.len()).filter(|_| self.has_nulls);
        let column = Column { values: self.run.values(), validity };
        let ids = slice_ids(self.ids.ids(first), rows.clone());
        let (template, partial) = (&self.template, &mut self.partial);
        enter(py, BLOCK_NANOSECONDS, Some(1), None, |context| {
            let added = summarize_columns(context, template, &[column], ids, None)?;
            added.into_iter().try_for_each(|added| partial.try_merge(&added.into_summary()))
        })?;
        self.before = rows.end;
        self.validity.clear();
        self.has_nulls = false;
        Ok(())
    }
}

/// Adds all items to the state, or none if it raises.
pub fn update(state: &SummaryState, items: &Bound<'_, PyAny>, ids: &RowIds<'_>) -> PyResult<()> {
    let mut update = Update::new(state, ids)?;
    update.add_all(items).inspect_err(|_| {
        for positions in update.positions.drain(..).rev() {
            state.release(positions);
        }
    })
}
