//! A hash table of prefixes, with linear probing; half of its slots are free.

use std::cmp::Reverse;

use super::tally::Places;
use super::{Bucket, WHAT, key};
use crate::error::Error;
use crate::memory;

/// Slots of the smallest table that has any.
const FEWEST_SLOTS: usize = 8;
/// 2⁶⁴ over the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// None, or a power of two.
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    prefix: u64,
    count: u64,
}

/// The slots of a table, to count in.
pub(super) struct Slots<'t>(&'t mut [Slot]);

impl Slot {
    /// The prefix is that of NaN only.
    const FREE: Self = Self { prefix: u64::MAX, count: 0 };
}

impl Table {
    /// To count prefixes that it has.
    pub(super) fn slots(&mut self) -> Slots<'_> {
        Slots(&mut self.slots)
    }

    /// How many prefixes it has.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Whether it takes a new prefix without [`Table::grow`].
    pub(super) fn has_room(&self) -> bool {
        2 * self.used < self.slots.len()
    }

    /// Makes twice as many slots.
    pub(super) fn grow(&mut self) -> Result<(), Error> {
        let length = (2 * self.slots.len()).max(FEWEST_SLOTS);
        let buckets = self.buckets()?;
        self.slots = memory::filled(length, Slot::FREE, WHAT)?;
        self.fill(buckets);
        Ok(())
    }

    /// Holds these instead, which must not be more than it had.
    pub(super) fn replace(&mut self, buckets: Vec<Bucket>) {
        self.slots.fill(Slot::FREE);
        self.fill(buckets);
    }

    fn fill(&mut self, mut buckets: Vec<Bucket>) {
        // What is often hit is found at once.
        buckets.sort_unstable_by_key(|bucket| Reverse(bucket.1));
        self.used = 0;
        for (prefix, count) in buckets {
            self.add(prefix, count);
        }
    }

    /// Raises a count; there must be room.
    pub(super) fn add(&mut self, prefix: u64, times: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(prefix, self.slots.len());
        while self.slots[at].prefix != prefix && self.slots[at].prefix != Slot::FREE.prefix {
            at = (at + 1) & mask;
        }
        let slot = &mut self.slots[at];
        self.used += usize::from(slot.count == 0);
        *slot = Slot { prefix, count: slot.count.saturating_add(times) };
    }

    /// What it holds, in any order.
    pub(super) fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        let mut buckets = memory::with_capacity(self.used, WHAT)?;
        let used = self.slots.iter().filter(|slot| slot.prefix != Slot::FREE.prefix);
        buckets.extend(used.map(|slot| (slot.prefix, slot.count)));
        Ok(buckets)
    }
}

impl Places for Slots<'_> {
    #[inline(always)]
    fn count(&mut self, bits: u64, shift: u32) -> Option<&mut u64> {
        let slots = &mut self.0[..];
        let prefix = key(f64::from_bits(bits)) >> shift;
        let mask = slots.len().checked_sub(1)?;
        let mut at = home(prefix, slots.len()) & mask;
        while slots[at].prefix != prefix {
            if slots[at].prefix == Slot::FREE.prefix {
                return None;
            }
            at = (at + 1) & mask;
        }
        Some(&mut slots[at].count)
    }
}

/// Where the search for a prefix begins. Four neighbouring prefixes share a cache line, so that
/// those which are often hit stay in the first cache.
#[inline(always)]
fn home(prefix: u64, length: usize) -> usize {
    // Integers end with zeros: which of the four slots they begin with is left to the others.
    ((prefix >> 2).wrapping_mul(MIX) >> (length.leading_zeros() + 1) ^ (prefix & 3)) as usize
}
