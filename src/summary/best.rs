//! The N smallest, or largest, numbers of a multiset, and whose they are.
//!
//! Pairs of a number and an id are ranked by the number and then, in both directions, by the
//! smaller id. That order is total, so the N first pairs are a function of the multiset alone:
//! [`Best::merge`] is associative and commutative to the last bit, and ties do not depend on
//! which pair arrived first. A pair that is given twice counts twice.
//!
//! [`BestBuilder`] takes pairs in, [`Best`] is the canonical state it ends in.

use std::cmp::Ordering;

use super::number::Number;
use crate::bytes::{Reader, Writer};
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the best values of a summary";

/// Whom a number belongs to. Integers come before bytes, and bytes before texts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(Clone))]
pub enum Id {
    /// An integer, such as the position of a row.
    Integer(i128),
    /// Bytes, in the order of their values.
    Bytes(Box<[u8]>),
    /// A text, in the order of its code points.
    Text(Box<str>),
}

/// First byte of an encoded [`Id::Integer`].
const INTEGER: u8 = 0;
/// First byte of an encoded [`Id::Bytes`].
const BYTES: u8 = 1;
/// First byte of an encoded [`Id::Text`].
const TEXT: u8 = 2;

impl Id {
    /// Of bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Error> {
        memory::check(WHAT)?;
        Ok(Self::Bytes(memory::copied(bytes, WHAT)?.into()))
    }

    /// Of a text.
    ///
    /// # Errors
    ///
    /// As [`Self::of_bytes`].
    pub fn of_text(text: &str) -> Result<Self, Error> {
        memory::check(WHAT)?;
        Ok(Self::Text(memory::text(text, WHAT)?))
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::of_bytes`].
    pub fn copied(&self) -> Result<Self, Error> {
        match self {
            Self::Integer(integer) => Ok(Self::Integer(*integer)),
            Self::Bytes(bytes) => Self::of_bytes(bytes),
            Self::Text(text) => Self::of_text(text),
        }
    }

    /// Appends the id.
    pub fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Integer(integer) => {
                writer.u8(INTEGER);
                writer.wide_signed(*integer);
            }
            Self::Bytes(bytes) => {
                writer.u8(BYTES);
                writer.bytes(bytes);
            }
            Self::Text(text) => {
                writer.u8(TEXT);
                writer.bytes(text.as_bytes());
            }
        }
    }

    /// Reads what [`Id::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`].
    pub fn decode(reader: &mut Reader) -> Result<Self, Error> {
        match reader.u8("the kind of an id")? {
            INTEGER => Ok(Self::Integer(reader.wide_signed("an id")?)),
            BYTES => Self::of_bytes(reader.bytes("an id")?),
            TEXT => match std::str::from_utf8(reader.bytes("an id")?) {
                Ok(text) => Self::of_text(text),
                Err(_) => Err(reader.corrupt("an id", "a text that is not UTF-8")),
            },
            _ => Err(reader.corrupt("the kind of an id", "none of those there are")),
        }
    }
}

/// A number and whose it is.
type Entry = (Number, Id);

/// Copies of entries.
fn copies(entries: &[Entry]) -> Result<Vec<Entry>, Error> {
    memory::gathered(entries.iter().map(|(number, id)| Ok((*number, id.copied()?))), WHAT)
}

/// How two entries are ranked: the better one is less.
#[inline]
fn rank(largest: bool, a: &Entry, b: &Entry) -> Ordering {
    let numbers = if largest { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) };
    numbers.then_with(|| a.1.cmp(&b.1))
}

/// The best `limit` pairs of a multiset, best first.
#[derive(Debug, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(Clone))]
pub struct Best {
    limit: usize,
    largest: bool,
    /// Ranked, at most `limit`.
    entries: Vec<Entry>,
}

impl Best {
    /// No limit is above this: a value with a large weight is kept as often as the limit allows.
    pub const MOST: usize = 1 << 24;

    /// Of nothing. The direction of a limit of 0 means nothing, and is always that of smallest.
    #[must_use]
    pub fn new(limit: usize, largest: bool) -> Self {
        Self { limit, largest: largest && limit > 0, entries: Vec::new() }
    }

    /// How many pairs are kept at most.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the largest numbers are kept instead of the smallest.
    #[must_use]
    pub fn largest(&self) -> bool {
        self.largest
    }

    /// The pairs, best first.
    #[must_use]
    pub fn entries(&self) -> &[(Number, Id)] {
        &self.entries
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self { limit: self.limit, largest: self.largest, entries: copies(&self.entries)? })
    }

    /// A builder with these settings and no pairs.
    #[must_use]
    pub fn builder(&self) -> BestBuilder {
        BestBuilder::from(Self::new(self.limit, self.largest))
    }

    /// Becomes the best pairs of both multisets, as many as the smaller limit says.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if one holds the smallest and the other the largest, and with a
    /// limit of 0 there is no such difference; [`Error::Memory`] if there is no room for both.
    /// `self` then stays as it is.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let limit = self.limit.min(other.limit);
        if limit == 0 {
            *self = Self::new(0, false);
            return Ok(());
        }
        if self.largest != other.largest {
            return Err(Error::Incompatible { left: self.describe(), right: other.describe() });
        }
        if !other.entries.is_empty() {
            self.interleave(&other.entries, limit)?;
        }
        self.limit = limit;
        self.entries.truncate(limit);
        Ok(())
    }

    /// Merges ranked entries into those of `self`, without those that the limit cuts off.
    fn interleave(&mut self, other: &[Entry], limit: usize) -> Result<(), Error> {
        // What can fail comes before anything is moved.
        let right = copies(&other[..other.len().min(limit)])?;
        let mut merged = memory::with_capacity(limit.min(self.entries.len() + right.len()), WHAT)?;
        let mut right = right.into_iter().peekable();
        for left in std::mem::take(&mut self.entries) {
            while merged.len() < limit
                && let Some(next) = right.next_if(|r| rank(self.largest, r, &left).is_lt())
            {
                merged.push(next);
            }
            if merged.len() == limit {
                break;
            }
            merged.push(left);
        }
        merged.extend(right.take(limit - merged.len()));
        self.entries = merged;
        Ok(())
    }

    /// What it is, for a message.
    fn describe(&self) -> String {
        let limit = self.limit;
        if self.largest {
            format!("a Summary of the {limit} largest values (best={limit}, largest=True)")
        } else {
            format!("a Summary of the {limit} smallest values (best={limit})")
        }
    }

    /// Appends settings and entries.
    pub fn encode(&self, writer: &mut Writer) {
        writer.length(self.limit);
        writer.u8(self.largest.into());
        writer.length(self.entries.len());
        for (number, id) in &self.entries {
            number.encode(writer);
            id.encode(writer);
        }
    }

    /// Reads what [`Best::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`].
    pub fn decode(reader: &mut Reader) -> Result<Self, Error> {
        let limit = usize::try_from(reader.varint("the limit of best values")?)
            .map_err(|_| reader.corrupt("the limit of best values", "too large"))?;
        if limit > Self::MOST {
            return Err(reader.corrupt("the limit of best values", "too large"));
        }
        let largest = match reader.u8("the direction of best values")? {
            0 => false,
            1 if limit > 0 => true,
            _ => return Err(reader.corrupt("the direction of best values", "invalid")),
        };
        // An entry takes at least 9 bytes of a number and 2 of an id.
        let length = reader.length("the number of best values", 11)?;
        if length > limit {
            return Err(reader.corrupt("the number of best values", "larger than their limit"));
        }
        let mut entries: Vec<Entry> = memory::with_capacity(length, WHAT)?;
        for _ in 0..length {
            let entry = (Number::decode(reader, "a best value")?, Id::decode(reader)?);
            if entries.last().is_some_and(|last| rank(largest, last, &entry).is_gt()) {
                return Err(reader.corrupt("a best value", "out of order"));
            }
            entries.push(entry);
        }
        Ok(Self { limit, largest, entries })
    }
}

/// Pairs kept beyond the limit, so that a small limit is not settled at every pair.
const SLACK: usize = 64;

/// Takes pairs in, in any order: constant time per pair, on average.
///
/// Where there is no room for a pair, it takes none from then on, and [`BestBuilder::finish`] says
/// so: the loops that offer millions of values look at no result of each.
#[derive(Debug)]
pub struct BestBuilder {
    limit: usize,
    largest: bool,
    /// In any order; but where `worst` is there, the entry at `limit - 1` is the worst of the
    /// `limit` first.
    entries: Vec<Entry>,
    /// The number of that entry: `limit` entries are at least as good.
    worst: Option<Number>,
    failed: Option<Error>,
}

/// With the settings and the entries of a [`Best`].
impl From<Best> for BestBuilder {
    fn from(best: Best) -> Self {
        let Best { limit, largest, entries } = best;
        let mut builder = Self { limit, largest, entries, worst: None, failed: None };
        builder.note_worst();
        builder
    }
}

impl BestBuilder {
    /// Whether a pair with this number could still enter. Equality admits, because of the ids.
    #[inline]
    #[must_use]
    pub fn admits(&self, number: Number) -> bool {
        match self.worst {
            Some(worst) if self.largest => number >= worst,
            Some(worst) => number <= worst,
            None => self.limit > 0,
        }
    }

    /// A number that keeps out all that are worse, as soon as there are enough that are better.
    #[inline]
    #[must_use]
    pub fn worst(&self) -> Option<Number> {
        self.worst
    }

    /// Takes a pair in `times` times; the id is asked for only if the number is admitted.
    ///
    /// The number must not be NaN.
    #[inline]
    pub fn offer(&mut self, number: Number, id: impl FnOnce() -> Result<Id, Error>, times: u64) {
        if times == 0 || !self.admits(number) {
            return;
        }
        let inserted = id().and_then(|id| {
            // Among many equal numbers most fail here: their ids do not get them in.
            let enters = self.worst != Some(number) || id < self.entries[self.limit - 1].1;
            if enters { self.insert((number, id), times) } else { Ok(()) }
        });
        if let Err(error) = inserted {
            *self = Self { failed: Some(error), ..Best::new(0, false).into() };
        }
    }

    #[inline(never)]
    fn insert(&mut self, entry: Entry, times: u64) -> Result<(), Error> {
        let times = usize::try_from(times).unwrap_or(usize::MAX).min(self.limit);
        memory::reserve(&mut self.entries, times, WHAT)?;
        for _ in 1..times {
            self.entries.push((entry.0, entry.1.copied()?));
        }
        self.entries.push(entry);
        let most = match self.worst {
            Some(_) => self.limit.saturating_mul(2).saturating_add(SLACK),
            None => self.limit,
        };
        if self.entries.len() >= most {
            self.cut();
        }
        Ok(())
    }

    /// Drops all but the best `limit` entries.
    fn cut(&mut self) {
        if self.entries.len() > self.limit && self.limit > 0 {
            let largest = self.largest;
            self.entries.select_nth_unstable_by(self.limit - 1, |a, b| rank(largest, a, b));
        } else if self.entries.len() == self.limit {
            self.rank_all();
        }
        self.entries.truncate(self.limit);
        self.note_worst();
    }

    fn rank_all(&mut self) {
        let largest = self.largest;
        self.entries.sort_unstable_by(|a, b| rank(largest, a, b));
    }

    fn note_worst(&mut self) {
        if self.limit > 0 && self.entries.len() == self.limit {
            self.worst = self.entries.last().map(|(number, _)| *number);
        }
    }

    /// The best of all pairs taken in.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there was no room for one of them.
    pub fn finish(mut self) -> Result<Best, Error> {
        self.cut();
        self.rank_all();
        let Self { limit, largest, entries, failed, .. } = self;
        failed.map_or(Ok(Best { limit, largest, entries }), Err)
    }
}

#[cfg(test)]
mod tests;
