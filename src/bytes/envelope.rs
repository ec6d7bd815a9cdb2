//! The envelope: magic, version, kind and length in front of a payload, and a checksum behind it.
//!
//! The checksum is CRC-32C over all bytes before it. It finds every change of a single bit, of up to
//! 32 bits side by side, and all but one in 2³² of the others: G. Castagnoli, S. Bräuer and
//! M. Herrmann, "Optimization of cyclic redundancy-check codes with 24 and 32 parity bits", IEEE
//! Transactions on Communications 41 (1993), 883-892.

use super::{Kind, Reader, Writer};
use crate::error::Error;
use crate::memory;

/// What all bytes begin with. The first one is in no text in UTF-8.
const MAGIC: [u8; 4] = *b"\xF5fst";
/// Bytes of the checksum.
const SEAL: usize = 4;
/// Most bytes in front of a payload: the magic, and three integers of up to ten bytes.
const HEAD: usize = 34;
/// What the memory is for, in errors.
const WHAT: &str = "the bytes to write";

/// What has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened<'a> {
    /// A payload that is whole.
    Payload {
        /// What it is the state of.
        kind: Kind,
        /// One of those that there are of its kind.
        version: u64,
        /// The bytes between the head and the checksum.
        payload: &'a [u8],
    },
    /// Bytes of this kind from the time without envelopes: all of them, not looked at yet.
    Before(Kind),
}

/// Puts a payload into an envelope.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for it.
pub fn seal(kind: Kind, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut sealed = begun(kind, payload.len())?;
    memory::append(&mut sealed, payload, WHAT)?;
    ended(sealed)
}

/// Puts a payload into an envelope that consists of fields: the length of each, then its bytes.
///
/// # Errors
///
/// As [`seal`].
pub fn seal_fields(kind: Kind, fields: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let length = |field: &&[u8]| field.len() + varint_length(field.len());
    let mut sealed = begun(kind, fields.iter().map(length).sum())?;
    for field in fields {
        append_field(&mut sealed, field)?;
    }
    ended(sealed)
}

/// Adds a field: its length, then its bytes.
///
/// # Errors
///
/// As [`seal`].
pub fn append_field(bytes: &mut Vec<u8>, field: &[u8]) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.length(field.len());
    memory::append(bytes, &writer.finish()?, WHAT)?;
    memory::append(bytes, field, WHAT)
}

fn varint_length(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn begun(kind: Kind, length: usize) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new();
    writer.raw(&MAGIC);
    writer.varint(kind.newest());
    writer.varint(kind as u64);
    writer.length(length);
    let head = writer.finish()?;
    let mut sealed = memory::with_capacity(head.len() + length + SEAL, WHAT)?;
    sealed.extend(head);
    Ok(sealed)
}

fn ended(mut sealed: Vec<u8>) -> Result<Vec<u8>, Error> {
    let checksum = crc32c::crc32c(&sealed);
    memory::append(&mut sealed, &checksum.to_le_bytes(), WHAT)?;
    Ok(sealed)
}

/// The kind that bytes say they are of, if they say one at all; nothing else of them is looked at.
#[must_use]
pub fn peek(bytes: &[u8]) -> Option<Kind> {
    let Some(head) = bytes.strip_prefix(&MAGIC) else { return Kind::before_envelopes(bytes) };
    let mut reader = Reader::new(&head[..head.len().min(HEAD)]);
    reader.varint("the version").ok()?;
    Kind::of_number(reader.varint("the kind").ok()?)
}

/// Takes the payload out of its envelope, if it is of the kind expected and as it was put in.
///
/// # Errors
///
/// [`Error::Corrupt`] saying in one sentence what these bytes are instead.
pub fn open(bytes: &[u8], expected: Kind) -> Result<Opened<'_>, Error> {
    if let Some(kind) = Kind::before_envelopes(bytes) {
        check_kind(kind, expected)?;
        return Ok(Opened::Before(kind));
    }
    let Some(head) = bytes.strip_prefix(&MAGIC) else {
        let problem = if MAGIC.starts_with(bytes) {
            "they are cut off before they begin"
        } else {
            "they do not begin as foldstat's bytes do"
        };
        let what = expected.what();
        return Err(Error::Corrupt(format!("these bytes are not those of {what}: {problem}")));
    };
    let (version, number, payload) = unsealed(bytes, head, expected)?;
    let Some(kind) = Kind::of_number(number) else {
        return Err(Error::Corrupt(format!(
            "these bytes are of kind {number}, which this foldstat does not know: they are of a newer one"
        )));
    };
    check_kind(kind, expected)?;
    let (what, newest) = (kind.what(), kind.newest());
    if version > newest {
        return Err(Error::Corrupt(format!(
            "these bytes are of the newer version {version} of {what}: this foldstat reads up to {newest}"
        )));
    }
    if version < kind.oldest() {
        return Err(Error::Corrupt(format!(
            "these bytes are of version {version} of {what}, which never was in an envelope"
        )));
    }
    Ok(Opened::Payload { kind, version, payload })
}

fn check_kind(kind: Kind, expected: Kind) -> Result<(), Error> {
    if kind == expected {
        return Ok(());
    }
    let (what, class, other) = (kind.what(), kind.class(), expected.class());
    Err(Error::Corrupt(format!(
        "these are the bytes of {what}: read them with {class}.from_bytes, not with {other}.from_bytes"
    )))
}

/// Version, kind and payload of bytes that are whole.
fn unsealed<'a>(
    bytes: &'a [u8],
    head: &'a [u8],
    expected: Kind,
) -> Result<(u64, u64, &'a [u8]), Error> {
    let damaged = |problem: String| {
        let what = expected.what();
        Error::Corrupt(format!("these bytes of {what} were changed or cut off: {problem}"))
    };
    let mut reader = Reader::new(head);
    let mut next = |what| reader.varint(what).map_err(|_| damaged(format!("{what} is malformed")));
    let (version, number) = (next("the version")?, next("the kind")?);
    let length = next("the length")?;
    let left = reader.remaining();
    if left < SEAL || length != (left - SEAL) as u64 {
        let (least, found) = (u128::from(length) + SEAL as u128, left as u128);
        return Err(damaged(match least.checked_sub(found) {
            Some(missing) => format!("{missing} bytes are missing"),
            None => format!("there are {} more than their length says", found - least),
        }));
    }
    let (content, checksum) = bytes.split_at(bytes.len() - SEAL);
    if crc32c::crc32c(content).to_le_bytes() != checksum {
        return Err(damaged("their checksum does not fit".to_owned()));
    }
    Ok((version, number, &head[head.len() - left..head.len() - SEAL]))
}

/// The fields that [`seal_fields`] put into a payload.
///
/// # Errors
///
/// [`Error::Corrupt`] if the payload does not consist of fields, [`Error::Memory`].
pub fn open_fields<'a>(payload: &'a [u8], what: &'static str) -> Result<Vec<&'a [u8]>, Error> {
    let mut reader = Reader::of(payload, what);
    let mut fields = Vec::new();
    while reader.remaining() > 0 {
        memory::push(&mut fields, reader.bytes("a field")?, WHAT)?;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(bytes: &[u8], kind: Kind) -> String {
        open(bytes, kind).unwrap_err().to_string()
    }

    #[test]
    fn the_checksum_is_that_of_castagnoli() {
        // RFC 3720, B.4.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn errors_say_what_the_bytes_are() {
        let kind = Kind::Summary;
        let sealed = seal(kind, b"payload").unwrap();
        assert!(message(b"PK\x03\x04", kind).contains("do not begin as foldstat's bytes do"));
        assert!(message(&sealed[..3], kind).contains("cut off"));
        assert!(message(&sealed[..9], kind).contains("9 bytes are missing"));
        assert!(message(&[&sealed[..], b"!"].concat(), kind).contains("there are 1 more"));
        let other = message(&sealed, Kind::JointSummary);
        assert!(other.contains("a Summary: read them with Summary.from_bytes"), "{other}");
        assert!(message(b"FJnt\x01", kind).contains("a JointState: read them with"));
        let resealed = |at: usize, value: u8| {
            let mut bytes = sealed[..sealed.len() - SEAL].to_vec();
            bytes[at] = value;
            ended(bytes).unwrap()
        };
        let newer = message(&resealed(4, 99), kind);
        assert!(
            newer.contains("newer version 99 of a Summary: this foldstat reads up to"),
            "{newer}"
        );
        assert!(message(&resealed(4, 1), kind).contains("never was in an envelope"));
        assert!(message(&resealed(5, 100), kind).contains("kind 100"));
        assert!(message(&resealed(6, 0x80), kind).contains("changed or cut off"));
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out_and_nothing_else(payload: Vec<u8>, tail in 1_usize..10) {
            let kind = Kind::Moments;
            let sealed = seal(kind, &payload).unwrap();
            let version = kind.newest();
            prop_assert_eq!(open(&sealed, kind), Ok(Opened::Payload { kind, version, payload: &payload }));
            prop_assert_eq!(peek(&sealed), Some(kind));
            for bit in 0..8 * sealed.len() {
                let mut flipped = sealed.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(open(&flipped, kind).is_err(), "bit {}", bit);
            }
            for length in 0..sealed.len() {
                prop_assert!(open(&sealed[..length], kind).is_err(), "length {}", length);
            }
            prop_assert!(open(&[&sealed[..], &vec![0; tail]].concat(), kind).is_err());
        }

        #[test]
        fn any_bytes_are_opened_or_refused(noise: Vec<u8>, checked: bool) {
            let mut bytes = [&MAGIC[..], &noise].concat();
            if checked {
                bytes = ended(bytes).unwrap();
            }
            let peeked = peek(&bytes);
            if let Ok(Opened::Payload { kind, payload, .. }) = open(&bytes, Kind::Summary) {
                prop_assert_eq!(peeked, Some(kind));
                prop_assert_eq!(seal(kind, payload).unwrap(), bytes);
            }
        }

        #[test]
        fn fields_come_out_as_they_were_put_in(fields: Vec<Vec<u8>>) {
            let given: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let sealed = seal_fields(Kind::Moments, &given).unwrap();
            let Ok(Opened::Payload { payload, .. }) = open(&sealed, Kind::Moments) else {
                return Err(TestCaseError::fail("refused"));
            };
            prop_assert_eq!(open_fields(payload, "Moments").unwrap(), given);
            prop_assert_eq!(sealed.capacity(), sealed.len());
        }
    }
}
