//! Times and decimals as the whole numbers that they are stored as.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, make_array};
use arrow_schema::{DataType, TimeUnit};
use num_traits::ToPrimitive;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use super::{ArrowColumn, Kind, WHAT, invalid};
use crate::error::Error;
use crate::memory;

const DAY: i64 = 86_400_000; // milliseconds

/// Whole numbers, the kind of time that they count, its unit, and its zone.
pub type Ticks = (ArrowColumn, &'static str, &'static str, Option<String>);
/// What gives the numbers of a chunk, with so many zeros at their end.
type Whole = fn(&ArrayRef, u32) -> PyResult<ArrayRef>;

/// A column of times as numbers, which lie where the times do; dates of 64 bits become days.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for these.
pub fn ticks(column: &ArrowColumn) -> Result<Option<Ticks>, Error> {
    let Some(data_type) = &column.stored else { return Ok(None) };
    let (kind, unit, zone) = match data_type {
        DataType::Date32 | DataType::Date64 => ("instant", "D", None),
        DataType::Timestamp(unit, None) => ("instant", words(*unit), None),
        DataType::Timestamp(unit, Some(zone)) => ("aware", words(*unit), Some(zone.to_string())),
        DataType::Time32(unit) | DataType::Time64(unit) => ("time", words(*unit), None),
        DataType::Duration(unit) => ("duration", words(*unit), None),
        _ => return Ok(None),
    };
    let number = |chunk: &ArrayRef| -> Result<ArrayRef, Error> {
        if *data_type == DataType::Date64 {
            let days = chunk.as_primitive::<Date64Type>().values().iter();
            let days = memory::collected(days.map(|date| date.div_euclid(DAY)), WHAT)?;
            let days = PrimitiveArray::<Int64Type>::new(days.into(), chunk.nulls().cloned());
            return Ok(Arc::new(days));
        }
        let width = data_type.primitive_width();
        let of = if width == Some(4) { DataType::Int32 } else { DataType::Int64 };
        memory::check(WHAT)?;
        let data = chunk.to_data().into_builder().data_type(of).build();
        data.map(make_array).map_err(invalid)
    };
    let chunks = memory::gathered(column.chunks.iter().map(number), WHAT)?;
    Ok(Some((numbers(column, chunks), kind, unit, zone)))
}

fn words(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// A column of decimals as numbers of 64 bits, and how many of their digits are behind the point; none
/// where they would stand for tens or hundreds.
///
/// # Errors
///
/// `OverflowError`, with the number, if one needs more; `MemoryError` if there is no room for them.
pub fn decimals(column: &ArrowColumn) -> PyResult<Option<(ArrowColumn, i8)>> {
    let (places, whole): (i8, Whole) = match column.stored {
        Some(DataType::Decimal32(_, places)) => (places, whole::<Decimal32Type>),
        Some(DataType::Decimal64(_, places)) => (places, whole::<Decimal64Type>),
        Some(DataType::Decimal128(_, places)) => (places, whole::<Decimal128Type>),
        Some(DataType::Decimal256(_, places)) => (places, whole::<Decimal256Type>),
        _ => return Ok(None),
    };
    let zeros = u32::from(places.min(0).unsigned_abs());
    let chunks = memory::gathered(column.chunks.iter().map(|chunk| whole(chunk, zeros)), WHAT)?;
    Ok(Some((numbers(column, chunks), places.max(0))))
}

/// The numbers of a chunk, with so many zeros at their end.
fn whole<T>(chunk: &ArrayRef, zeros: u32) -> PyResult<ArrayRef>
where
    T: ArrowPrimitiveType<Native: ToPrimitive + std::fmt::Display>,
{
    let array = chunk.as_primitive::<T>();
    let factor = 10_i64.checked_pow(zeros);
    let number = |row: usize| {
        let value = if array.is_valid(row) { array.value(row) } else { return Ok(0) };
        let short = value.to_i64().and_then(|short| match factor {
            Some(factor) => short.checked_mul(factor),
            None => (short == 0).then_some(0),
        });
        short.ok_or_else(|| PyOverflowError::new_err(in_full(&value.to_string(), zeros)))
    };
    let values = memory::gathered::<i64, PyErr>((0..array.len()).map(number), WHAT)?;
    Ok(Arc::new(PrimitiveArray::<Int64Type>::new(values.into(), array.nulls().cloned())))
}

fn in_full(digits: &str, zeros: u32) -> String {
    format!("{digits}{}", "0".repeat(zeros as usize))
}

fn numbers(column: &ArrowColumn, chunks: Vec<ArrayRef>) -> ArrowColumn {
    ArrowColumn {
        name: column.name.clone(),
        type_name: "int64".to_owned(),
        kind: Kind::Number,
        stored: None,
        chunks,
        length: column.length,
        null_count: column.null_count,
    }
}
