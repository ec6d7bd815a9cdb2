//! Columns whose chunks are still coming in.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::types::{Float16Type, Float32Type, Int8Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_schema::DataType;

use super::foreign::{Foreign, metadata};
use super::invalid;
use super::{ArrowColumn, Kind, WHAT, in_words};
use crate::error::Error;
use crate::memory;

/// The columns of one source: one per field of a struct, the whole for any other type.
pub struct Incoming {
    is_struct: bool,
    columns: Vec<IncomingColumn>,
}

impl Incoming {
    /// None of the rows are there yet.
    pub fn new(schema: &FFI_ArrowSchema) -> Self {
        let is_struct = schema.format() == "+s" && extension(schema).is_none();
        let columns = if is_struct {
            let named = |field: &FFI_ArrowSchema| {
                IncomingColumn::new(field, Some(field.name().unwrap_or_default().to_owned()))
            };
            schema.children().map(named).collect()
        } else {
            let name = schema.name().filter(|name| !name.is_empty()).map(str::to_owned);
            vec![IncomingColumn::new(schema, name)]
        };
        Self { is_struct, columns }
    }

    /// Adds the rows of an array.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if it is not of the type that was announced.
    pub fn push(&mut self, array: FFI_ArrowArray) -> Result<(), Error> {
        let owner = Arc::new(array);
        let array = Foreign::new(&owner)?;
        if !self.is_struct {
            return self
                .columns
                .iter_mut()
                .try_for_each(|column| column.push(array, 0..array.length(), None));
        }
        if array.n_children() != self.columns.len() {
            return Err(invalid(format!(
                "a struct of {} fields where {} were announced",
                array.n_children(),
                self.columns.len()
            )));
        }
        let rows = array.offset()..array.offset() + array.length();
        // A field is null wherever the struct is.
        let validity = array.validity().filter(|validity| validity.null_count() > 0);
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.push(array.child(index)?, rows.clone(), validity.as_ref())?;
        }
        Ok(())
    }

    /// What has come in.
    pub fn finish(self) -> Vec<ArrowColumn> {
        self.columns.into_iter().map(|column| column.column).collect()
    }
}

/// The name of the type of which the schema gives but the storage.
fn extension(schema: &FFI_ArrowSchema) -> Option<String> {
    let name = metadata(schema, "ARROW:extension:name")?;
    Some(String::from_utf8_lossy(&name).into_owned())
}

struct IncomingColumn {
    column: ArrowColumn,
    /// None if it is a type unknown here.
    storage: Option<DataType>,
    has_validity: bool,
}

impl IncomingColumn {
    fn new(schema: &FFI_ArrowSchema, name: Option<String>) -> Self {
        let storage = DataType::try_from(schema).ok();
        let (type_name, kind) = match (extension(schema), &storage) {
            (Some(name), Some(DataType::Int8)) if name == "arrow.bool8" => (name, Kind::Boolean),
            (Some(name), _) => (name, Kind::Other),
            (None, Some(data_type)) => (in_words(data_type), Kind::of(data_type)),
            (None, None) => (unknown_type(schema), Kind::Other),
        };
        // All types have it, but for nulls, unions and runs.
        let format = schema.format();
        let has_validity = format != "n" && !format.starts_with("+u") && format != "+r";
        let stored = storage.clone().filter(|_| matches!(kind, Kind::Time | Kind::Decimal));
        let chunks = Vec::new();
        let column =
            ArrowColumn { name, type_name, kind, stored, chunks, length: 0, null_count: 0 };
        Self { column, storage, has_validity }
    }

    /// Adds some rows of an array; null also wherever `validity` says so.
    fn push(
        &mut self,
        array: Foreign<'_>,
        rows: Range<usize>,
        validity: Option<&NullBuffer>,
    ) -> Result<(), Error> {
        if rows.end > array.length() {
            let (found, expected) = (array.length(), rows.end);
            return Err(invalid(format!("an array of {found} values instead of {expected}")));
        }
        self.column.length += rows.len();
        if self.column.kind == Kind::Other {
            self.column.null_count += self.count_nulls(array, rows, validity);
            return Ok(());
        }
        let chunk = self.read(array, rows, validity)?;
        self.column.null_count += chunk.logical_null_count();
        memory::check(WHAT)?;
        memory::push(&mut self.column.chunks, chunk, WHAT)
    }

    /// The nulls of values that nobody will read.
    fn count_nulls(
        &self,
        array: Foreign<'_>,
        rows: Range<usize>,
        validity: Option<&NullBuffer>,
    ) -> usize {
        if self.storage == Some(DataType::Null) {
            return rows.len();
        }
        // Dictionaries and runs hold nulls elsewhere than in their own validity.
        let imported = self.storage.as_ref().and_then(|storage| array.import(storage).ok());
        let own = match imported {
            Some(array) => array.logical_nulls(),
            None => array.validity().filter(|_| self.has_validity),
        };
        let own = own.map(|nulls| nulls.slice(rows.start, rows.len()));
        match (own, validity) {
            (Some(own), Some(outer)) => {
                (0..rows.len()).filter(|&row| own.is_null(row) || outer.is_null(row)).count()
            }
            (Some(nulls), None) => nulls.null_count(),
            (None, outer) => outer.map_or(0, NullBuffer::null_count),
        }
    }

    /// A chunk of a type that [`super::column_of`] knows, or of texts.
    fn read(
        &self,
        array: Foreign<'_>,
        rows: Range<usize>,
        validity: Option<&NullBuffer>,
    ) -> Result<ArrayRef, Error> {
        let storage = self.storage.as_ref().unwrap_or(&DataType::Null);
        if *storage == DataType::Null {
            // Not imported: some producers hand over a buffer, which this type does not have.
            let none = bits(rows.len(), |_| false)?;
            return Ok(Arc::new(BooleanArray::new(none.clone(), Some(NullBuffer::new(none)))));
        }
        let mut chunk = array.import(storage)?.slice(rows.start, rows.len());
        if let Some(outer) = validity {
            let own = chunk.nulls();
            let nulls = bits(rows.len(), |row| {
                outer.is_valid(row) && own.is_none_or(|own| own.is_valid(row))
            })?;
            let nulls = Some(NullBuffer::new(nulls));
            let data = chunk.to_data().into_builder().nulls(nulls).build();
            chunk = make_array(data.map_err(invalid)?);
        }
        Ok(match storage {
            DataType::Float16 => {
                let values = chunk.as_primitive::<Float16Type>().values().iter();
                let wide = memory::collected(values.map(|value| value.to_f32()), WHAT)?;
                let nulls = chunk.nulls().cloned();
                Arc::new(PrimitiveArray::<Float32Type>::new(wide.into(), nulls))
            }
            DataType::Int8 if self.column.kind == Kind::Boolean => {
                let bytes = chunk.as_primitive::<Int8Type>().values();
                let truths = bits(bytes.len(), |row| bytes[row] != 0)?;
                Arc::new(BooleanArray::new(truths, chunk.nulls().cloned()))
            }
            _ => chunk,
        })
    }
}

/// So many bits, of which `bit` tells each.
fn bits(length: usize, bit: impl Fn(usize) -> bool) -> Result<BooleanBuffer, Error> {
    let byte = |first: usize| {
        (first..(first + 8).min(length)).rev().fold(0, |byte, row| byte << 1 | u8::from(bit(row)))
    };
    let bytes = memory::collected((0..length).step_by(8).map(byte), WHAT)?;
    Ok(BooleanBuffer::new(Buffer::from_vec(bytes), 0, length))
}

/// What to call a type that is unknown here, or has such types inside.
fn unknown_type(schema: &FFI_ArrowSchema) -> String {
    if let Ok(data_type) = DataType::try_from(schema) {
        return in_words(&data_type);
    }
    let name = match schema.format() {
        // Not in Arrow's specification, but Polars has them.
        "_pli128" => "int128",
        "_plu128" => "uint128",
        "+l" => "list",
        "+L" => "large_list",
        "+s" => "struct",
        other => other,
    };
    let inside: Vec<_> = schema.children().map(unknown_type).collect();
    if inside.is_empty() { name.to_owned() } else { format!("{name}({})", inside.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ptr::NonNull;
    use std::sync::Weak;

    use arrow_array::{Int64Array, StructArray};
    use arrow_buffer::Buffer;
    use arrow_schema::Field;

    use super::*;

    fn schema(field: Field) -> FFI_ArrowSchema {
        FFI_ArrowSchema::try_from(&field).unwrap()
    }

    fn with_metadata(field: Field, metadata: &[(&str, &str)]) -> Field {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        field.with_metadata(metadata.iter().map(owned).collect::<HashMap<_, _>>())
    }

    /// A struct of rows 1..4 of a column of four numbers, and whether its memory is still there.
    fn numbers() -> (FFI_ArrowArray, Weak<Vec<i64>>) {
        let memory = Arc::new(vec![1_i64, 2, 3, 4]);
        let alive = Arc::downgrade(&memory);
        let first = NonNull::from(memory.as_slice()).cast::<u8>();
        // SAFETY: the vector lives as long as the buffer.
        let buffer = unsafe { Buffer::from_custom_allocation(first, 32, memory) };
        let nulls = NullBuffer::from(vec![true, false, true, true]);
        let column: ArrayRef = Arc::new(Int64Array::new(buffer.into(), Some(nulls)));
        let field = Arc::new(Field::new("x", DataType::Int64, true));
        let rows = StructArray::from(vec![(field, column)]).slice(1, 3);
        (FFI_ArrowArray::new(&rows.into()), alive)
    }

    #[test]
    fn memory_is_given_back_with_the_column() {
        let (array, alive) = numbers();
        let field = Field::new("x", DataType::Int64, true);
        let mut incoming =
            Incoming::new(&schema(Field::new_struct("", vec![field.clone()], false)));
        incoming.push(array).unwrap();
        let columns = incoming.finish();
        assert_eq!((columns[0].length, columns[0].null_count), (3, 1));
        assert_eq!(
            columns[0].chunks[0].as_primitive::<arrow_array::types::Int64Type>().value(2),
            4
        );
        assert!(alive.upgrade().is_some());
        drop(columns);
        assert!(alive.upgrade().is_none());

        // Nobody reads the values of an extension type: they are given back at once.
        let (array, alive) = numbers();
        let field = with_metadata(field, &[("ARROW:extension:name", "a.b")]);
        let mut incoming = Incoming::new(&schema(Field::new_struct("", vec![field], false)));
        incoming.push(array).unwrap();
        assert!(alive.upgrade().is_none());
        let column = &incoming.finish()[0];
        assert_eq!((column.kind, column.length, column.null_count), (Kind::Other, 3, 1));
    }

    #[test]
    fn a_struct_of_other_fields_is_an_error_and_is_released() {
        let (array, alive) = numbers();
        let mut incoming =
            Incoming::new(&schema(Field::new_struct("", Vec::<Field>::new(), false)));
        let error = incoming.push(array).unwrap_err();
        assert!(error.to_string().contains("1 fields where 0"), "{error}");
        assert!(alive.upgrade().is_none());
    }

    #[test]
    fn extension_types_are_found_among_other_metadata() {
        let plain = Field::new("x", DataType::Int64, true);
        assert_eq!(extension(&schema(plain.clone())), None);
        assert_eq!(extension(&schema(with_metadata(plain.clone(), &[("a", "")]))), None);
        let entries = [("a", ""), ("ARROW:extension:name", "b.c"), ("", "d")];
        assert_eq!(extension(&schema(with_metadata(plain, &entries))).as_deref(), Some("b.c"));
    }

    #[test]
    fn unknown_types_are_named() {
        let unknown = |format, children| FFI_ArrowSchema::try_new(format, children, None).unwrap();
        assert_eq!(unknown_type(&unknown("_new", vec![])), "_new");
        let (wide, text) = (unknown("_pli128", vec![]), unknown("u", vec![]));
        assert_eq!(unknown_type(&unknown("+s", vec![wide, text])), "struct(int128, utf8)");
    }
}
