//! Columns of texts: counted, not read as numbers.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayAccessor, ArrayRef};
use arrow_schema::DataType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::SummaryState;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::python::arrow::{ArrowColumn, Kind};
use crate::python::enter::enter;
use crate::summary::TextTally;

/// Nanoseconds that checking and hashing a text takes, about.
const TEXT_NANOSECONDS: f64 = 30.0;
/// The stop flag is checked every so many texts.
const BLOCK: usize = 16_384;

/// How many texts there are in a column, how many nulls, and how many different texts.
#[pyfunction]
fn describe_text(py: Python<'_>, column: &ArrowColumn) -> PyResult<SummaryState> {
    if column.kind() != Kind::Text {
        return Err(PyTypeError::new_err(format!(
            "the column is of Arrow's type {}; accepted are texts and bytes, also as dictionaries",
            column.type_name()
        )));
    }
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

fn count(context: &Context, array: &dyn Array, tally: &mut TextTally) -> Result<(), Error> {
    // So far only the sizes of its buffers were; now its offsets or keys are followed.
    array.to_data().validate_full().map_err(|error| {
        let message = error.to_string();
        Error::InvalidArgument { name: "Arrow data", message }
    })?;
    let nulls = blocks(array).map(|block| block.logical_null_count()).sum::<usize>();
    tally.count(array.len() - nulls, nulls);
    match array.as_any_dictionary_opt() {
        None => add(context, array, |index| array.is_valid(index), tally),
        Some(dictionary) => {
            let values = dictionary.values();
            let mut used = memory::filled(values.len(), false, "the texts of a dictionary")?;
            for block in blocks(array).filter(|_| !values.is_empty()) {
                context.check()?;
                let block = block.as_any_dictionary();
                for (row, key) in block.normalized_keys().into_iter().enumerate() {
                    used[key] |= block.keys().is_valid(row);
                }
            }
            add(context, values, |index| used[index] && values.is_valid(index), tally)
        }
    }
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
    match array.data_type() {
        DataType::Utf8 => add_all(context, array.as_string::<i32>(), take, tally),
        DataType::LargeUtf8 => add_all(context, array.as_string::<i64>(), take, tally),
        DataType::Utf8View => add_all(context, array.as_string_view(), take, tally),
        DataType::Binary => add_all(context, array.as_binary::<i32>(), take, tally),
        DataType::LargeBinary => add_all(context, array.as_binary::<i64>(), take, tally),
        DataType::BinaryView => add_all(context, array.as_binary_view(), take, tally),
        DataType::FixedSizeBinary(_) => add_all(context, array.as_fixed_size_binary(), take, tally),
        other => Err(Error::Bug(format!("{other} is not a type of texts"))),
    }
}

fn add_all(
    context: &Context,
    array: impl ArrayAccessor<Item: AsRef<[u8]>>,
    take: impl Fn(usize) -> bool,
    tally: &mut TextTally,
) -> Result<(), Error> {
    for index in 0..array.len() {
        if index % BLOCK == 0 {
            context.check()?;
        }
        if take(index) {
            tally.add(array.value(index).as_ref());
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
    module.add_function(wrap_pyfunction!(describe_text, module)?)
}
