//! Columns of texts: how many there are, how many are null, how many differ, and which.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Summary;
use super::distinct::DistinctTally;
use super::parts::{Counts, Parts};
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the different texts";
/// No text has this number.
const NONE: u32 = u32::MAX;

/// Different texts, or any bytes, with a number for each, in the order in which they were met.
#[derive(Debug)]
pub struct TextCodes {
    /// All of them, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// A hash table with linear probing, of numbers: at most half of its slots are used.
    slots: Vec<u32>,
    /// Of this process, so that nobody can choose texts of one hash.
    seed: u64,
}

impl Default for TextCodes {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0_u64);
        let (bytes, ends, hashes, slots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { bytes, ends, hashes, slots, seed }
    }
}

impl TextCodes {
    /// The number of a text, a new one if it was not met before.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn code(&mut self, text: &[u8]) -> Result<u32, Error> {
        if 2 * self.ends.len() >= self.slots.len() {
            self.grow()?;
        }
        let hash = xxh3_64_with_seed(text, self.seed);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let code = self.slots[slot];
            if code == NONE {
                break;
            }
            if self.hashes[code as usize] == hash && self.text(code) == text {
                return Ok(code);
            }
            slot = (slot + 1) & mask;
        }
        memory::append(&mut self.bytes, text, WHAT)?;
        memory::push(&mut self.ends, self.bytes.len(), WHAT)?;
        memory::push(&mut self.hashes, hash, WHAT)?;
        let code = self.ends.len() as u32 - 1;
        self.slots[slot] = code;
        Ok(code)
    }

    fn grow(&mut self) -> Result<(), Error> {
        if self.ends.len() >= NONE as usize / 2 {
            let message = "has too many different texts".to_owned();
            return Err(Error::InvalidArgument { name: "by", message });
        }
        let size = (2 * self.slots.len()).max(64);
        let mut slots = memory::filled(size, NONE, WHAT)?;
        for (code, &hash) in self.hashes.iter().enumerate() {
            let mut slot = hash as usize & (size - 1);
            while slots[slot] != NONE {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = code as u32;
        }
        self.slots = slots;
        Ok(())
    }

    fn range(&self, code: u32) -> Range<usize> {
        let code = code as usize;
        let start = code.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[code]
    }

    /// How many there are: numbers are below that.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text that has a number.
    ///
    /// # Panics
    ///
    /// If none has.
    #[must_use]
    pub fn text(&self, code: u32) -> &[u8] {
        &self.bytes[self.range(code)]
    }

    /// The numbers in the order of their texts' bytes, which is that of code points.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn in_order(&self) -> Result<Vec<u32>, Error> {
        let mut order = memory::collected(0..self.ends.len() as u32, WHAT)?;
        order.sort_unstable_by(|&a, &b| self.text(a).cmp(self.text(b)));
        Ok(order)
    }
}

/// Takes texts, or any bytes, in.
///
/// What it ends in is a [`Summary`] that counts distinct values and holds no numbers: it has
/// counts, but neither extremes nor sums.
#[derive(Debug)]
pub struct TextTally {
    counts: Counts,
    distinct: DistinctTally,
}

impl Default for TextTally {
    fn default() -> Self {
        Self { counts: Counts::default(), distinct: DistinctTally::new() }
    }
}

impl TextTally {
    /// Counts texts and nulls.
    pub fn count(&mut self, texts: usize, nulls: usize) {
        self.counts.count = self.counts.count.saturating_add(texts as u64);
        self.counts.null_count = self.counts.null_count.saturating_add(nulls as u64);
    }

    /// Puts a text into the set of those that there are.
    pub fn add(&mut self, text: &[u8]) {
        self.distinct.add_bytes(text);
    }

    /// The summary of all that was counted and put in.
    #[must_use]
    pub fn finish(self) -> Summary {
        let (counts, distinct) = (self.counts, Some(self.distinct.finish()));
        Summary::from(Parts { counts, distinct, ..Parts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_numbers_and_an_order() {
        let mut codes = TextCodes::default();
        let texts: Vec<String> = (0..5000).map(|i| format!("{}", (i * 7919) % 1000)).collect();
        let found: Vec<u32> = texts.iter().map(|t| codes.code(t.as_bytes()).unwrap()).collect();
        assert_eq!(codes.code(b"").unwrap(), 1000);
        for (text, &code) in texts.iter().zip(&found) {
            assert_eq!(codes.text(code), text.as_bytes());
        }
        let order = codes.in_order().unwrap();
        assert_eq!(order.len(), 1001);
        assert!(order.is_sorted_by(|&a, &b| codes.text(a) < codes.text(b)));
    }

    #[test]
    fn texts_are_counted() {
        let mut tally = TextTally::default();
        tally.count(5, 2);
        ["a", "b", "a", "", "b"].iter().for_each(|text| tally.add(text.as_bytes()));
        let summary = tally.finish();
        let counts = Counts { count: 5, null_count: 2, ..Counts::default() };
        assert_eq!(summary.counts(), counts);
        assert_eq!(summary.distinct().map(super::super::Distinct::estimate), Some(3));
        assert_eq!(summary.minimum(), None);
        assert_eq!(Summary::from_bytes(&summary.to_bytes().unwrap()), summary.copied());
        let mut twice = summary.copied().unwrap();
        twice.try_merge(&summary).expect("the same settings");
        assert_eq!(twice.distinct(), summary.distinct());
        assert_eq!(twice.counts().count, 10);
    }
}
