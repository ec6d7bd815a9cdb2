//! Columns of texts: counted, not read as numbers.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayAccessor, ArrayRef};
use arrow_schema::DataType;
use ndarray::Ix1;
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::SummaryState;
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;
use crate::python::arrays::{self, NewArray};
use crate::python::arrow::{ArrowColumn, Kind};
use crate::python::enter::enter;
use crate::python::objects;
use crate::summary::{TextCodes, TextTally};

/// Nanoseconds that checking and hashing a text takes, about.
const TEXT_NANOSECONDS: f64 = 30.0;
/// What the memory is for, in errors.
const DICTIONARY: &str = "the texts of a dictionary";
/// The stop flag is checked every so many texts.
const BLOCK: usize = 16_384;

/// How many texts there are in a column, how many nulls, and how many different texts.
#[pyfunction]
fn describe_text(py: Python<'_>, column: &ArrowColumn) -> PyResult<SummaryState> {
    check_kind(column)?;
    let work = TEXT_NANOSECONDS * column.length() as f64;
    let summary = enter(py, work, Some(1), None, |context| {
        let mut tally = TextTally::default();
        for chunk in column.chunks() {
            count(context, chunk, &mut tally)?;
        }
        Ok(tally.finish())
    })?;
    Ok(summary.into())
}

/// A number for each row, -1 for a null, and the different texts in ascending order, whose places
/// these numbers are: str, or bytes where the column holds bytes.
#[pyfunction]
#[pyo3(signature = (column, n_jobs=None))]
fn text_codes<'py>(
    py: Python<'py>,
    column: &ArrowColumn,
    n_jobs: Option<isize>,
) -> PyResult<(Bound<'py, PyArray1<i64>>, Bound<'py, PyList>)> {
    check_kind(column)?;
    let mut array = NewArray::<i64, Ix1>::zeros(py, column.length())?;
    let values = array.values();
    let work = TEXT_NANOSECONDS * column.length() as f64;
    let (codes, order) = enter(py, work, n_jobs, None, |context| {
        column.chunks().iter().try_for_each(|chunk| validate(chunk))?;
        let parts = encode_parts(context, column, values)?;
        united(context, parts, values)
    })?;
    let bytes = column.chunks().iter().any(|chunk| holds_bytes(chunk.data_type()));
    let texts = order.iter().map(|&code| {
        let text = codes.text(code);
        if bytes {
            Ok(arrays::bytes(py, text)?.into_any())
        } else {
            Ok(PyString::from_bytes(py, text)?.into_any())
        }
    });
    Ok((array.finish(), objects::list(py, texts, "the different texts")?))
}

/// Some rows, and the numbers that they have for their texts.
type Part = (Range<usize>, TextCodes);

/// Gives each row a number that stands for its text among those of its part; parts come in any order.
fn encode_parts(
    context: &Context,
    column: &ArrowColumn,
    values: &mut [i64],
) -> Result<Vec<Part>, Error> {
    let parts = Mutex::new(Vec::new());
    let partition = Partition::new(values.len(), values.len().div_ceil(context.threads()));
    context.for_each_chunk(&partition, RowsMut::column(values), |rows, mut into| {
        let mut codes = TextCodes::default();
        for (start, chunk) in column.chunk_starts().zip(column.chunks()) {
            let (first, end) = (rows.start.max(start), rows.end.min(start + chunk.len()));
            if first < end {
                let into = &mut into.values()[first - rows.start..end - rows.start];
                encode(context, &chunk.slice(first - start, end - first), &mut codes, into)?;
            }
        }
        parts.lock().unwrap_or_else(PoisonError::into_inner).push((rows, codes));
        Ok(())
    })?;
    Ok(parts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Turns the numbers of all parts into places in the order of all texts, which it returns: it is
/// one order, whatever the parts were.
fn united(
    context: &Context,
    parts: Vec<Part>,
    values: &mut [i64],
) -> Result<(TextCodes, Vec<u32>), Error> {
    const WHAT: &str = "the different texts";
    let mut parts = parts.into_iter();
    let Some((first_rows, mut codes)) = parts.next() else {
        return Ok((TextCodes::default(), Vec::new()));
    };
    let mut tables = vec![(first_rows, memory::collected(0..codes.len(), WHAT)?)];
    for (rows, others) in parts {
        context.check()?;
        let table = (0..others.len()).map(|code| codes.code(others.text(code)));
        tables.push((rows, memory::gathered(table, WHAT)?));
    }
    let order = codes.in_order()?;
    let mut ranks = memory::filled(order.len(), 0_i64, WHAT)?;
    (0..).zip(&order).for_each(|(rank, &code)| ranks[code as usize] = rank);
    for (rows, table) in tables {
        context.check()?;
        for code in values[rows].iter_mut().filter(|code| **code >= 0) {
            *code = ranks[table[*code as usize] as usize];
        }
    }
    Ok((codes, order))
}

/// Gives each row of a chunk the number of its text, or -1.
fn encode(
    context: &Context,
    array: &dyn Array,
    codes: &mut TextCodes,
    into: &mut [i64],
) -> Result<(), Error> {
    match array.as_any_dictionary_opt() {
        None => visit(context, array, |row, text| {
            into[row] = text.map_or(Ok(-1), |text| codes.code(text).map(i64::from))?;
            Ok(())
        }),
        Some(dictionary) => {
            let values = dictionary.values();
            let keys = dictionary.keys();
            // Only those that are used have a number.
            let used = used(context, array, values.len())?;
            let mut texts = memory::filled(values.len(), None, DICTIONARY)?;
            let mut start = 0;
            visit(context, values, |place, text| {
                if let Some(text) = text.filter(|_| used[place]) {
                    texts[place] = Some(codes.code(text)?);
                }
                Ok(())
            })?;
            into.fill(-1);
            for block in blocks(array).filter(|_| !values.is_empty()) {
                context.check()?;
                let block = block.as_any_dictionary();
                for (row, key) in block.normalized_keys().into_iter().enumerate() {
                    if keys.is_valid(start + row) {
                        into[start + row] = texts[key].map_or(-1, i64::from);
                    }
                }
                start += block.len();
            }
            Ok(())
        }
    }
}

fn holds_bytes(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => holds_bytes(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => false,
        _ => true,
    }
}

fn check_kind(column: &ArrowColumn) -> PyResult<()> {
    if column.kind() == Kind::Text {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "the column is of Arrow's type {}; accepted are texts and bytes, also as dictionaries",
        column.type_name()
    )))
}

/// So far only the sizes of its buffers were checked; now its offsets or keys are followed.
fn validate(array: &dyn Array) -> Result<(), Error> {
    array.to_data().validate_full().map_err(|error| {
        let message = error.to_string();
        Error::InvalidArgument { name: "Arrow data", message }
    })
}

fn count(context: &Context, array: &dyn Array, tally: &mut TextTally) -> Result<(), Error> {
    validate(array)?;
    let nulls = blocks(array).map(|block| block.logical_null_count()).sum::<usize>();
    tally.count(array.len() - nulls, nulls);
    match array.as_any_dictionary_opt() {
        None => add(context, array, |_| true, tally),
        Some(dictionary) => {
            let values = dictionary.values();
            let used = used(context, array, values.len())?;
            add(context, values, |index| used[index], tally)
        }
    }
}

/// Which of so many values of a dictionary are those of rows.
fn used(context: &Context, array: &dyn Array, n_values: usize) -> Result<Vec<bool>, Error> {
    let mut used = memory::filled(n_values, false, DICTIONARY)?;
    for block in blocks(array).filter(|_| n_values > 0) {
        context.check()?;
        let block = block.as_any_dictionary();
        for (row, key) in block.normalized_keys().into_iter().enumerate() {
            used[key] |= block.keys().is_valid(row);
        }
    }
    Ok(used)
}

/// The array piece by piece, so that what is worked out of a piece takes little memory.
fn blocks(array: &dyn Array) -> impl Iterator<Item = ArrayRef> {
    let length = array.len();
    (0..length).step_by(BLOCK).map(move |start| array.slice(start, BLOCK.min(length - start)))
}

/// Adds those of the texts that are to be taken.
fn add(
    context: &Context,
    array: &dyn Array,
    take: impl Fn(usize) -> bool,
    tally: &mut TextTally,
) -> Result<(), Error> {
    visit(context, array, |row, text| {
        if let Some(text) = text.filter(|_| take(row)) {
            tally.add(text);
        }
        Ok(())
    })
}

/// Hands over every row of an array of texts: its number, and its text if it has one.
fn visit(
    context: &Context,
    array: &dyn Array,
    take: impl FnMut(usize, Option<&[u8]>) -> Result<(), Error>,
) -> Result<(), Error> {
    match array.data_type() {
        DataType::Utf8 => visit_all(context, array.as_string::<i32>(), take),
        DataType::LargeUtf8 => visit_all(context, array.as_string::<i64>(), take),
        DataType::Utf8View => visit_all(context, array.as_string_view(), take),
        DataType::Binary => visit_all(context, array.as_binary::<i32>(), take),
        DataType::LargeBinary => visit_all(context, array.as_binary::<i64>(), take),
        DataType::BinaryView => visit_all(context, array.as_binary_view(), take),
        DataType::FixedSizeBinary(_) => visit_all(context, array.as_fixed_size_binary(), take),
        other => Err(Error::Bug(format!("{other} is not a type of texts"))),
    }
}

fn visit_all(
    context: &Context,
    array: impl ArrayAccessor<Item: AsRef<[u8]>>,
    mut take: impl FnMut(usize, Option<&[u8]>) -> Result<(), Error>,
) -> Result<(), Error> {
    for index in 0..array.len() {
        if index % BLOCK == 0 {
            context.check()?;
        }
        if array.is_valid(index) {
            take(index, Some(array.value(index).as_ref()))?;
        } else {
            take(index, None)?;
        }
    }
    Ok(())
}

/// Adds this file's functions to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(describe_text, module)?)?;
    module.add_function(wrap_pyfunction!(text_codes, module)?)
}
