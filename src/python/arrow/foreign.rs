//! Arrays of other libraries: the only code that follows the pointers inside of them.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_schema::DataType;

use super::invalid;
use crate::error::Error;

/// An array that a producer handed over, or one inside of it.
#[derive(Clone, Copy)]
pub struct Foreign<'a> {
    array: &'a FFI_ArrowArray,
    /// The one that was handed over: as long as it is not released, so is what is inside.
    owner: &'a Arc<FFI_ArrowArray>,
}

impl<'a> Foreign<'a> {
    /// All of what was handed over.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if its sizes cannot be.
    pub fn new(owner: &'a Arc<FFI_ArrowArray>) -> Result<Self, Error> {
        Self { array: owner, owner }.checked()
    }

    /// Sizes are signed in the interface, and their sum must not overflow either.
    fn checked(self) -> Result<Self, Error> {
        let end = self.array.len().checked_add(self.array.offset());
        match end.filter(|&end| end <= isize::MAX.unsigned_abs() / 16) {
            Some(_) => Ok(self),
            None => Err(invalid("an array of a negative or impossible length")),
        }
    }

    /// Number of values.
    pub fn length(self) -> usize {
        self.array.len()
    }

    /// Where its values begin in its buffers and, for a struct, in its fields.
    pub fn offset(self) -> usize {
        self.array.offset()
    }

    /// How many arrays are inside: for a struct, one per field.
    pub fn n_children(self) -> usize {
        self.array.num_children()
    }

    /// One of those inside.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn child(self, index: usize) -> Result<Self, Error> {
        Self { array: self.array.child(index), owner: self.owner }.checked()
    }

    /// Its values as an array of that type.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if they cannot be.
    pub fn import(self, data_type: &DataType) -> Result<ArrayRef, Error> {
        // SAFETY: the producer promises that the array has the type that it gave with it; what
        // can be checked of that is, below.
        let data = unsafe { from_ffi_and_data_type(self.shared(), data_type.clone()) };
        let data = data.map_err(invalid)?;
        data.validate().map_err(invalid)?;
        Ok(make_array(data))
    }

    /// The same array once more, whose release gives back a reference to the owner.
    fn shared(self) -> FFI_ArrowArray {
        // SAFETY: the copy does not release the array, as its callback and private data are
        // replaced before anything else happens; its pointers are valid as long as the owner is.
        unsafe {
            let mut shared = std::ptr::read(self.array);
            shared.set_private_data(Arc::into_raw(Arc::clone(self.owner)).cast_mut().cast());
            shared.set_release(Some(give_back));
            shared
        }
    }

    /// Its validity, if it may hold nulls; for types that begin with a buffer of it only.
    pub fn validity(self) -> Option<NullBuffer> {
        if self.array.null_count_opt() == Some(0) || self.array.num_buffers() == 0 {
            return None;
        }
        let bytes = NonNull::new(self.array.buffer(0).cast_mut())?;
        let (offset, length) = (self.offset(), self.length());
        // SAFETY: by the interface there are that many bits, one per value, which live as long
        // as the owner.
        let bytes = unsafe {
            let size = (offset + length).div_ceil(8);
            Buffer::from_custom_allocation(bytes, size, Arc::clone(self.owner) as _)
        };
        Some(NullBuffer::new(BooleanBuffer::new(bytes, offset, length)))
    }
}

/// The release callback of [`Foreign::shared`].
unsafe extern "C" fn give_back(array: *mut FFI_ArrowArray) {
    // SAFETY: called once, by the drop of an array that `shared` made: its private data is that
    // of `Arc::into_raw`.
    unsafe {
        let owner = (*array).set_private_data(std::ptr::null_mut());
        (*array).set_release(None);
        drop(Arc::from_raw(owner.cast_const().cast::<FFI_ArrowArray>()));
    }
}

/// What a schema's metadata say under a key. They may be any bytes, not just texts.
pub fn metadata(schema: &FFI_ArrowSchema, key: &str) -> Option<Vec<u8>> {
    // SAFETY: `FFI_ArrowSchema` is laid out as the interface says: the third of its fields, all
    // pointers so far, points to the metadata or nowhere. These are the number of entries, then
    // the length and the bytes of each key and value in turn; the numbers are 32-bit integers
    // of the machine's byte order, not aligned.
    unsafe {
        let mut next = std::ptr::from_ref(schema).cast::<*const u8>().add(2).read();
        if next.is_null() {
            return None;
        }
        let mut integer = |advance: usize| {
            next = next.add(advance);
            let value = next.cast::<i32>().read_unaligned();
            next = next.add(size_of::<i32>());
            (usize::try_from(value).unwrap_or(0), next)
        };
        let (n_entries, _) = integer(0);
        let mut length = 0;
        for _ in 0..n_entries {
            let (key_length, found) = integer(length);
            let is_wanted = std::slice::from_raw_parts(found, key_length) == key.as_bytes();
            let (value_length, value) = integer(key_length);
            if is_wanted {
                return Some(std::slice::from_raw_parts(value, value_length).to_vec());
            }
            length = value_length;
        }
        None
    }
}
