//! What payloads are written with and read with.
//!
//! Every value has exactly one encoding and [`Reader`] accepts no other, so that equal objects
//! have equal bytes and any accepted bytes are those that [`Writer`] gives back. A reader trusts
//! nothing: lengths are compared with the bytes that are left before anything is allocated.

use crate::error::Error;
use crate::memory;

/// Bytes of a number of 64 bits.
const WORD: usize = 8;
/// Bits that one byte of a variable-length integer carries.
const GROUP: u32 = 7;
/// The bit of such a byte which says that another one follows.
const MORE: u8 = 1 << GROUP;

/// Where parts are encoded to.
///
/// Where there is no room for more, it forgets what it has, and [`Writer::finish`] says so.
#[derive(Debug, Default)]
pub struct Writer {
    written: Vec<u8>,
    failed: Option<Error>,
}

impl Writer {
    /// Without any bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All that was written.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there was no room for it.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        self.failed.map_or(Ok(self.written), Err)
    }

    /// Bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = memory::append(&mut self.written, bytes, "the bytes of a summary") {
            *self = Self { failed: Some(error), ..Self::default() };
        }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.raw(&[value]);
    }

    /// Eight bytes, the lowest first.
    pub fn word(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// The bits of the number, so that -0.0 and the infinities keep theirs.
    pub fn f64(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    /// LEB128: seven bits per byte, the lowest first, the top bit set in all bytes but the last.
    pub fn varint(&mut self, value: u64) {
        self.wide(value.into());
    }

    /// ZigZag (0, -1, 1, -2, ... become 0, 1, 2, 3, ...), then as [`Writer::varint`].
    pub fn signed(&mut self, value: i64) {
        self.wide_signed(value.into());
    }

    /// As [`Writer::signed`]; the same bytes where both apply.
    pub fn wide_signed(&mut self, value: i128) {
        self.wide(((value << 1) ^ (value >> (i128::BITS - 1))) as u128);
    }

    /// How many, as [`Writer::varint`].
    pub fn length(&mut self, value: usize) {
        self.varint(value as u64);
    }

    /// Their number, then the bytes themselves.
    pub fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.raw(value);
    }

    fn wide(&mut self, mut value: u128) {
        while value >= u128::from(MORE) {
            self.u8(value as u8 | MORE);
            value >>= GROUP;
        }
        self.u8(value as u8);
    }
}

/// What parts are decoded from. Every read is told what it reads, for the message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// What they are said to be, for messages.
    whole: &'static str,
}

impl<'a> Reader<'a> {
    /// From the first byte on.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::of(bytes, "a Summary")
    }

    /// Likewise, of bytes that are said to be those of `whole`.
    #[must_use]
    pub fn of(bytes: &'a [u8], whole: &'static str) -> Self {
        Self { bytes, position: 0, whole }
    }

    /// How many bytes have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The error that `what`, read up to here, is `problem`.
    #[must_use]
    pub fn corrupt(&self, what: &str, problem: &str) -> Error {
        self.corrupt_at(self.position, what, problem)
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] at the end of the bytes.
    pub fn u8(&mut self, what: &str) -> Result<u8, Error> {
        Ok(self.take(1, what)?[0])
    }

    /// What [`Writer::word`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if fewer than eight bytes are left.
    pub fn word(&mut self, what: &str) -> Result<u64, Error> {
        let mut word = [0; WORD];
        word.copy_from_slice(self.take(WORD, what)?);
        Ok(u64::from_le_bytes(word))
    }

    /// What [`Writer::f64`] wrote: any number, NaN included.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if fewer than eight bytes are left.
    pub fn f64(&mut self, what: &str) -> Result<f64, Error> {
        self.word(what).map(f64::from_bits)
    }

    /// What [`Writer::varint`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it breaks off, is longer than it has to be, or exceeds 64 bits.
    pub fn varint(&mut self, what: &str) -> Result<u64, Error> {
        let start = self.position;
        u64::try_from(self.wide(what)?)
            .map_err(|_| self.corrupt_at(start, what, "an integer of more than 64 bits"))
    }

    /// What [`Writer::signed`] wrote.
    ///
    /// # Errors
    ///
    /// As [`Reader::varint`].
    pub fn signed(&mut self, what: &str) -> Result<i64, Error> {
        let start = self.position;
        i64::try_from(self.wide_signed(what)?)
            .map_err(|_| self.corrupt_at(start, what, "an integer of more than 64 bits"))
    }

    /// What [`Writer::wide_signed`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it breaks off, is longer than it has to be, or exceeds 128 bits.
    pub fn wide_signed(&mut self, what: &str) -> Result<i128, Error> {
        let folded = self.wide(what)?;
        Ok((folded >> 1) as i128 ^ -((folded & 1) as i128))
    }

    /// What [`Writer::length`] wrote, of items that take at least `least` bytes each.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] as [`Reader::varint`], and if the bytes left cannot hold as many items.
    pub fn length(&mut self, what: &str, least: usize) -> Result<usize, Error> {
        let start = self.position;
        let length = self.varint(what)?;
        let most = (self.remaining() / least.max(1)) as u64;
        if length > most {
            return Err(self.corrupt_at(start, what, "a length beyond the end of the bytes"));
        }
        Ok(length as usize)
    }

    /// What [`Writer::bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] as [`Reader::length`].
    pub fn bytes(&mut self, what: &str) -> Result<&'a [u8], Error> {
        let length = self.length(what, 1)?;
        self.take(length, what)
    }

    /// The end.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if bytes are left.
    pub fn finish(self) -> Result<(), Error> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.corrupt("the end", &format!("followed by {left} more bytes"))),
        }
    }

    fn corrupt_at(&self, position: usize, what: &str, problem: &str) -> Error {
        let whole = self.whole;
        Error::Corrupt(format!(
            "these bytes are not those of {whole}: {what} at byte {position} is {problem}"
        ))
    }

    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.position..];
        let taken = rest.get(..length).ok_or_else(|| self.corrupt(what, "cut short"))?;
        self.position += length;
        Ok(taken)
    }

    fn wide(&mut self, what: &str) -> Result<u128, Error> {
        let start = self.position;
        let mut value = 0;
        for shift in (0..u128::BITS).step_by(GROUP as usize) {
            let byte = self.u8(what)?;
            let group = u128::from(byte & !MORE);
            if group << shift >> shift != group {
                return Err(self.corrupt_at(start, what, "an integer of more than 128 bits"));
            }
            value |= group << shift;
            if byte & MORE == 0 {
                return match byte {
                    0 if shift > 0 => Err(self.corrupt_at(start, what, "longer than it has to be")),
                    _ => Ok(value),
                };
            }
        }
        Err(self.corrupt_at(start, what, "an integer of more than 128 bits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(error: Error) -> String {
        error.to_string()
    }

    #[test]
    fn integers_have_one_encoding() {
        for (value, length) in [(0, 1), (127, 1), (128, 2), (1 << 14, 3), (u64::MAX, 10)] {
            let mut writer = Writer::new();
            writer.varint(value);
            let bytes = writer.finish().unwrap();
            assert_eq!(bytes.len(), length);
            assert_eq!(Reader::new(&bytes).varint("x").unwrap(), value);
        }
        for overlong in [&[0x80, 0][..], &[0xff, 0x80, 0]] {
            let error = Reader::new(overlong).varint("x").unwrap_err();
            assert!(message(error).contains("longer than it has to be"));
        }
        let beyond_64 = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert!(Reader::new(&beyond_64).varint("x").is_err());
        assert!(Reader::new(&beyond_64).wide_signed("x").is_ok());
        let mut beyond_128 = [0xff; 19];
        beyond_128[18] = 4;
        assert!(Reader::new(&beyond_128).wide_signed("x").is_err());
        beyond_128[18] = 3;
        assert_eq!(Reader::new(&beyond_128).wide_signed("x").unwrap(), i128::MIN);
        assert!(Reader::new(&[0xff; 40]).wide_signed("x").is_err());
    }

    #[test]
    fn messages_say_what_and_where() {
        let mut reader = Reader::new(&[7, 1, 2, 3]);
        assert_eq!(reader.u8("the version").unwrap(), 7);
        let error = message(reader.f64("the least value").unwrap_err());
        assert!(error.contains("the least value at byte 1 is cut short"), "{error}");
        assert!(message(reader.finish().unwrap_err()).contains("followed by 3 more bytes"));
        assert!(Reader::new(&[]).finish().is_ok());
    }

    #[test]
    fn lengths_are_checked_before_memory_is_asked_for() {
        let mut writer = Writer::new();
        writer.varint(u64::MAX);
        assert!(Reader::new(&writer.finish().unwrap()).bytes("a text").is_err());
        let sixteen_bytes_hold_two = [2; 17];
        assert_eq!(Reader::new(&sixteen_bytes_hold_two).length("x", 8).unwrap(), 2);
        assert!(Reader::new(&sixteen_bytes_hold_two).length("x", 9).is_err());
    }

    proptest! {
        #[test]
        fn reading_gives_back_what_was_written(
            small: u8, word: u64, number: u64, signed: i64, wide: i128, text: Vec<u8>,
        ) {
            let mut writer = Writer::new();
            writer.u8(small);
            writer.word(word);
            writer.varint(number);
            writer.signed(signed);
            writer.wide_signed(wide);
            writer.f64(f64::from_bits(word));
            writer.bytes(&text);
            let bytes = writer.finish().unwrap();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u8("x").unwrap(), small);
            prop_assert_eq!(reader.word("x").unwrap(), word);
            prop_assert_eq!(reader.varint("x").unwrap(), number);
            prop_assert_eq!(reader.signed("x").unwrap(), signed);
            prop_assert_eq!(reader.wide_signed("x").unwrap(), wide);
            prop_assert_eq!(reader.f64("x").unwrap().to_bits(), word);
            prop_assert_eq!(reader.bytes("x").unwrap(), &text[..]);
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn accepted_bytes_are_written_again(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.wide_signed("x") {
                let mut writer = Writer::new();
                writer.wide_signed(value);
                let read = &bytes[..bytes.len() - reader.remaining()];
                prop_assert_eq!(&writer.finish().unwrap()[..], read);
            }
        }
    }
}
