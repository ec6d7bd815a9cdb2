//! Memory whose size comes from the user: asked for, never taken for granted.
//!
//! A vector with one number per row, per component, per pair of columns is made by the functions
//! here: where the system has no room for it they fail with [`Error::Memory`], which names what
//! was wanted and how much, while `vec!` would end the process.
//!
//! What is small or of a fixed size (texts of errors, the scratch of one block, a thread's
//! bookkeeping) stays with the ordinary constructors. The [allocator](net) keeps a reserve for
//! these, so that a job that has run out of memory can still come to its end. Where small pieces
//! are as many as the user has keys or columns, a loop asks [`check`] for each of them.

mod net;

pub use net::Net;

use std::collections::HashMap;
use std::hash::Hash;

use crate::error::Error;

/// That so many values of a type find no room.
fn short<T>(length: usize, what: &'static str) -> Error {
    Error::Memory { what, bytes: length.saturating_mul(size_of::<T>()) }
}

/// Fails while the allocator lives on its reserve: for loops that make many small things.
///
/// # Errors
///
/// [`Error::Memory`] once half of the reserve is in use.
pub fn check(what: &'static str) -> Result<(), Error> {
    if net::is_strained() { Err(Error::Memory { what, bytes: 0 }) } else { Ok(()) }
}

/// The number of values of an array of that shape.
///
/// # Errors
///
/// [`Error::Memory`] if it is more than any machine can hold.
pub fn product(shape: &[usize], what: &'static str) -> Result<usize, Error> {
    let length = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    length.ok_or(Error::Memory { what, bytes: usize::MAX })
}

/// Makes room for `additional` values more.
///
/// # Errors
///
/// [`Error::Memory`] if there is none.
pub fn reserve<T>(values: &mut Vec<T>, additional: usize, what: &'static str) -> Result<(), Error> {
    values
        .try_reserve(additional)
        .map_err(|_| short::<T>(values.len().saturating_add(additional), what))
}

/// Makes room for one entry more.
///
/// # Errors
///
/// As [`reserve`].
pub fn reserve_entry<K: Eq + Hash, V>(
    entries: &mut HashMap<K, V>,
    what: &'static str,
) -> Result<(), Error> {
    let room = entries.try_reserve(1);
    room.map_err(|_| short::<(K, V)>(entries.len().saturating_add(1), what))
}

/// An empty vector with room for that many values.
///
/// # Errors
///
/// As [`reserve`].
pub fn with_capacity<T>(length: usize, what: &'static str) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    values.try_reserve_exact(length).map_err(|_| short::<T>(length, what))?;
    Ok(values)
}

/// That many copies of a value.
///
/// # Errors
///
/// As [`reserve`].
pub fn filled<T: Copy>(length: usize, value: T, what: &'static str) -> Result<Vec<T>, Error> {
    let mut values = with_capacity(length, what)?;
    values.resize(length, value);
    Ok(values)
}

/// The values of a slice.
///
/// # Errors
///
/// As [`reserve`].
pub fn copied<T: Copy>(values: &[T], what: &'static str) -> Result<Vec<T>, Error> {
    let mut copy = with_capacity(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// A text.
///
/// # Errors
///
/// As [`reserve`].
pub fn text(text: &str, what: &'static str) -> Result<Box<str>, Error> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| short::<u8>(text.len(), what))?;
    copy.push_str(text);
    Ok(copy.into())
}

/// The values of a slice, so many times one after the other.
///
/// # Errors
///
/// As [`reserve`].
pub fn repeated<T: Copy>(values: &[T], times: usize, what: &'static str) -> Result<Vec<T>, Error> {
    let mut copies = with_capacity(product(&[values.len(), times], what)?, what)?;
    for _ in 0..times {
        copies.extend_from_slice(values);
    }
    Ok(copies)
}

/// All that an iterator gives.
///
/// # Errors
///
/// As [`reserve`].
pub fn collected<T>(
    values: impl IntoIterator<Item = T>,
    what: &'static str,
) -> Result<Vec<T>, Error> {
    let values = values.into_iter();
    let (least, most) = values.size_hint();
    if most != Some(least) {
        return gathered(values.map(Ok), what);
    }
    // `extend` asks for no more than there is, and does not look at the room for every value.
    let mut all = with_capacity(least, what)?;
    all.extend(values);
    Ok(all)
}

/// All that an iterator gives, up to its first error.
///
/// # Errors
///
/// That of the iterator, or as [`reserve`].
pub fn gathered<T, E: From<Error>>(
    values: impl IntoIterator<Item = Result<T, E>>,
    what: &'static str,
) -> Result<Vec<T>, E> {
    let values = values.into_iter();
    let mut all = with_capacity(values.size_hint().0, what)?;
    for value in values {
        push(&mut all, value?, what)?;
    }
    Ok(all)
}

/// Adds a value at the end.
///
/// # Errors
///
/// As [`reserve`].
#[inline]
pub fn push<T>(values: &mut Vec<T>, value: T, what: &'static str) -> Result<(), Error> {
    if values.len() == values.capacity() {
        reserve(values, 1, what)?;
    }
    values.push(value);
    Ok(())
}

/// Cuts, or fills up with a value, to that many.
///
/// # Errors
///
/// As [`reserve`].
#[inline]
pub fn resize<T: Copy>(
    values: &mut Vec<T>,
    length: usize,
    value: T,
    what: &'static str,
) -> Result<(), Error> {
    reserve(values, length.saturating_sub(values.len()), what)?;
    values.resize(length, value);
    Ok(())
}

/// The first values of a buffer, which grows where it is shorter but never shrinks: new ones are
/// copies of `value`, the others whatever they were.
///
/// # Errors
///
/// As [`reserve`].
#[inline]
pub fn first<'v, T: Copy>(
    values: &'v mut Vec<T>,
    length: usize,
    value: T,
    what: &'static str,
) -> Result<&'v mut [T], Error> {
    if length > values.len() {
        resize(values, length, value, what)?;
    }
    Ok(&mut values[..length])
}

/// Adds the values of a slice at the end.
///
/// # Errors
///
/// As [`reserve`].
pub fn append<T: Copy>(values: &mut Vec<T>, others: &[T], what: &'static str) -> Result<(), Error> {
    reserve(values, others.len(), what)?;
    values.extend_from_slice(others);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_names_itself_and_its_size() {
        let many = 1 << 58;
        let found = filled(many, 0.0, "the rows").unwrap_err();
        assert_eq!(found, Error::Memory { what: "the rows", bytes: many * 8 });
        assert!(found.to_string().contains("2.00 EiB for the rows"), "{found}");
        let mut values = vec![1, 2];
        assert!(resize(&mut values, usize::MAX, 0, "it").is_err());
        assert!(reserve(&mut values, usize::MAX, "it").is_err());
        assert_eq!(values, [1, 2]);
        assert!(collected((0..usize::MAX).map(|i| [i; 9]), "it").is_err());
        assert!(product(&[1 << 40, 1 << 40], "it").is_err());
    }

    #[test]
    fn a_buffer_grows_and_does_not_shrink() {
        let mut values = vec![1, 2];
        assert_eq!(first(&mut values, 3, 7, "it"), Ok(&mut [1, 2, 7][..]));
        assert_eq!(first(&mut values, 1, 0, "it"), Ok(&mut [1][..]));
        assert_eq!(values, [1, 2, 7]);
        assert!(first(&mut values, usize::MAX, 0, "it").is_err());
    }

    #[test]
    fn what_fits_is_as_by_the_ordinary_constructors() {
        assert_eq!(filled(3, 7, "it"), Ok(vec![7; 3]));
        assert_eq!(copied(&[1, 2], "it"), Ok(vec![1, 2]));
        assert_eq!(text("αβ", "it"), Ok("αβ".into()));
        assert_eq!(collected((0..100).filter(|i| i % 7 == 0), "it").unwrap().len(), 15);
        let failing = [Ok(1), Err(Error::Interrupted), Ok(2)];
        assert_eq!(gathered(failing, "it"), Err(Error::Interrupted));
        assert_eq!(product(&[2, 3, 4], "it"), Ok(24));
        assert_eq!(product(&[], "it"), Ok(1));
    }
}
