//! Columns of other libraries, read where they lie: the Arrow `PyCapsule` interface.
//!
//! pandas, Polars, `pyarrow` and others hand out pointers to their memory in capsules. What comes
//! out of them is kept alive by an [`ArrowColumn`] and never copied, but for float16, which is
//! widened to float32, and booleans of one byte each, which become bits.
//!
//! | file | what it holds |
//! |---|---|
//! | `import.rs` | out of the capsules |
//! | `incoming.rs` | columns whose chunks are still coming in |
//! | `foreign.rs` | arrays of other libraries |
//! | `whole.rs` | times and decimals as whole numbers |

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::DataType;
use ndarray::ArrayView1;
use pyo3::prelude::*;

use crate::error::Error;
use crate::memory;
use crate::summary::{Bits, Column, Values};

mod foreign;
mod import;
mod incoming;
mod whole;

/// What the memory is for, in errors.
const WHAT: &str = "the chunks of a column of Arrow data";

/// One column of Arrow data, in the chunks it came in.
#[pyclass(module = "foldstat._core", frozen)]
#[derive(Debug)]
pub struct ArrowColumn {
    name: Option<String>,
    type_name: String,
    kind: Kind,
    /// The type of its chunks, if they are times or decimals.
    stored: Option<DataType>,
    /// None if nobody reads them, as those of [`Kind::Other`].
    chunks: Vec<ArrayRef>,
    length: usize,
    null_count: usize,
}

/// What can be done with the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Integers and floating-point numbers, or nulls only.
    Number,
    /// Booleans.
    Boolean,
    /// Texts and bytes, also as dictionaries.
    Text,
    /// Dates, instants, times of day and durations.
    Time,
    /// Decimals.
    Decimal,
    /// Everything else.
    Other,
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Dictionary(_, values) if is_text(values) => Self::Text,
            _ if is_text(data_type) => Self::Text,
            // Nulls only: such is a chunk of a file whose column happens to be empty there.
            DataType::Null => Self::Number,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Number,
            _ if data_type.is_integer() => Self::Number,
            DataType::Interval(_) => Self::Other,
            _ if data_type.is_temporal() => Self::Time,
            _ if data_type.is_decimal() => Self::Decimal,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Time => "time",
            Self::Decimal => "decimal",
            Self::Other => "other",
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_binary()
}

#[pymethods]
impl ArrowColumn {
    /// Its name, if it has one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Arrow's type in words, such as "int64"; the name of an extension type.
    #[getter]
    #[pyo3(name = "type")]
    pub fn type_name(&self) -> String {
        self.type_name.clone()
    }

    /// "number", "boolean", "text", "time", "decimal" or "other".
    #[getter]
    #[pyo3(name = "kind")]
    fn kind_name(&self) -> &'static str {
        self.kind.name()
    }

    /// How many of its values are null.
    #[getter]
    fn null_count(&self) -> usize {
        self.null_count
    }

    fn __len__(&self) -> usize {
        self.length
    }

    /// Of times: a column of whole numbers, their kind, unit and time zone; None of anything else.
    fn ticks(&self) -> PyResult<Option<whole::Ticks>> {
        Ok(whole::ticks(self)?)
    }

    /// Of decimals: a column of whole numbers, and how many places they have behind the point; None of
    /// anything else.
    fn decimals(&self) -> PyResult<Option<(Self, i8)>> {
        whole::decimals(self)
    }

    fn __repr__(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("<ArrowColumn{name} of {} {} values>", self.length, self.type_name())
    }
}

impl ArrowColumn {
    /// Number of values, nulls included.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// What can be done with its values.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its chunks as they came.
    #[must_use]
    pub fn chunks(&self) -> &[ArrayRef] {
        &self.chunks
    }

    /// The first row of each chunk.
    pub fn chunk_starts(&self) -> impl Iterator<Item = usize> {
        self.chunks.iter().scan(0, |next, chunk| {
            let start = *next;
            *next += chunk.len();
            Some(start)
        })
    }

    /// The rows of each range, all ranges together being all rows in order, and none crossing
    /// the border of a chunk.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there are more than there is room for.
    pub fn pieces(&self, ranges: &[Range<usize>]) -> Result<Vec<ArrayRef>, Error> {
        let mut pieces = memory::with_capacity(ranges.len(), WHAT)?;
        let mut ranges = ranges.iter().peekable();
        for (start, chunk) in self.chunk_starts().zip(&self.chunks) {
            let end = start + chunk.len();
            while let Some(range) = ranges.next_if(|range| range.end <= end && !range.is_empty()) {
                memory::check(WHAT)?;
                pieces.push(chunk.slice(range.start - start, range.len()));
            }
        }
        Ok(pieces)
    }
}

/// The numbers of an array of [`Kind::Number`] or [`Kind::Boolean`].
#[must_use]
pub fn column_of(array: &dyn Array) -> Option<Column<'_>> {
    let values = match array.data_type() {
        DataType::Float64 => Values::F64(numbers::<Float64Type>(array)),
        DataType::Float32 => Values::F32(numbers::<Float32Type>(array)),
        DataType::Int64 => Values::I64(numbers::<Int64Type>(array)),
        DataType::Int32 => Values::I32(numbers::<Int32Type>(array)),
        DataType::Int16 => Values::I16(numbers::<Int16Type>(array)),
        DataType::Int8 => Values::I8(numbers::<Int8Type>(array)),
        DataType::UInt64 => Values::U64(numbers::<UInt64Type>(array)),
        DataType::UInt32 => Values::U32(numbers::<UInt32Type>(array)),
        DataType::UInt16 => Values::U16(numbers::<UInt16Type>(array)),
        DataType::UInt8 => Values::U8(numbers::<UInt8Type>(array)),
        DataType::Boolean => {
            let bits = array.as_boolean().values();
            Values::Bits(Bits::new(bits.values(), bits.offset(), bits.len())?)
        }
        _ => return None,
    };
    let validity = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => Some(Bits::new(nulls.validity(), nulls.offset(), nulls.len())?),
        None => None,
    };
    Some(Column { values, validity })
}

fn numbers<T: ArrowPrimitiveType>(array: &dyn Array) -> ArrayView1<'_, T::Native> {
    ArrayView1::from(&array.as_primitive::<T>().values()[..])
}

/// Arrow's name of the type as its specification spells it, such as `large_utf8` for `LargeUtf8`;
/// names of fields and time zones, which are quoted, stay as they are.
fn in_words(data_type: &DataType) -> String {
    let (mut words, mut quote, mut previous) = (String::new(), None, ' ');
    for character in data_type.to_string().chars() {
        match quote {
            Some(_) => words.push(character),
            None => {
                let ends_word = previous.is_ascii_lowercase() || previous.is_ascii_digit();
                if ends_word && character.is_ascii_uppercase() {
                    words.push('_');
                }
                words.push(character.to_ascii_lowercase());
            }
        }
        quote = match quote {
            Some(open) if character == open => None,
            None if matches!(character, '"' | '\'') => Some(character),
            unchanged => unchanged,
        };
        previous = character;
    }
    words
}

/// The columns of Arrow data: one per field of a table, record batch or struct array, one for
/// anything else.
#[pyfunction]
fn arrow_columns(source: &Bound<'_, PyAny>) -> PyResult<Vec<ArrowColumn>> {
    import::columns(source)
}

/// Adds this file's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ArrowColumn>()?;
    module.add_function(wrap_pyfunction!(arrow_columns, module)?)
}

/// The error of a producer that hands over what is not valid.
fn invalid(error: impl std::fmt::Display) -> Error {
    Error::InvalidArgument { name: "Arrow data", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn types_are_spelt_as_the_specification_does() {
        let zone = Some("Europe/Rome".into());
        for (data_type, words) in [
            (DataType::UInt8, "uint8"),
            (DataType::LargeUtf8, "large_utf8"),
            (DataType::Utf8View, "utf8_view"),
            (DataType::FixedSizeBinary(3), "fixed_size_binary(3)"),
            (DataType::Timestamp(TimeUnit::Nanosecond, zone), "timestamp(ns, \"Europe/Rome\")"),
            (
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
                "dictionary(int8, utf8)",
            ),
        ] {
            assert_eq!(in_words(&data_type), words);
        }
    }
}
