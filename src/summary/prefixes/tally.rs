//! Counting prefixes, fast.
//!
//! A hash table of prefixes, small at first and twice as large whenever it is half full. Four
//! neighbouring prefixes share a cache line, so that the buckets which are often hit stay in the
//! first cache. When there are twice as many prefixes as the sketch may have, bits are dropped
//! until there are few enough; that is rare, because the next bits are half of them gone by then.
//! Per value it takes a shift, a multiplication, a comparison, and an addition to memory: what
//! limits it are the loads and stores of the table, about a nanosecond for each value.

use super::{Bucket, MANTISSA_BITS, PrefixSketch, WHAT, join_equal_neighbours, key, shift_for};
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Level, dispatch};

/// Slots of the smallest table.
const FEWEST_SLOTS: usize = 8;
/// Values that are looked at together.
const LANES: usize = 8;
/// 2⁶⁴ over the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes numbers in; not canonical, but [`PrefixTally::finish`] is.
#[derive(Debug)]
pub struct PrefixTally {
    limit: usize,
    table: Table,
    /// How many slots of the table are used.
    used: usize,
    /// That there was no room for some of the numbers.
    failed: Option<Error>,
}

/// Open addressing with linear probing, half of the slots being free.
#[derive(Debug)]
struct Table {
    /// Bits of a key that are not in its prefix. It never exceeds that of the sketch in the end.
    shift: u32,
    /// None, or a power of two.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    prefix: u64,
    count: u64,
}

impl Slot {
    /// The prefix is that of NaN only.
    const FREE: Self = Self { prefix: u64::MAX, count: 0 };

    fn is_free(&self) -> bool {
        self.prefix == Self::FREE.prefix
    }
}

impl PrefixTally {
    /// With the limit of a sketch, and nothing counted.
    #[must_use]
    pub fn new(settings: &PrefixSketch) -> Self {
        let table = Table { shift: 0, slots: Vec::new() };
        Self { limit: settings.limit, table, used: 0, failed: None }
    }

    /// Counts finite numbers: infinities are skipped. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        let mut rest = values;
        while self.failed.is_none() {
            let counted = if self.table.shift <= MANTISSA_BITS {
                dispatch(Count { table: &mut self.table, values: rest })
            } else {
                0 // Infinities share prefixes with finite numbers.
            };
            let Some((&value, after)) = rest[counted..].split_first() else { return };
            self.add_times(value, 1);
            rest = after;
        }
    }

    /// Counts a number as often as said, unless it is infinite. It must not be NaN.
    pub fn add_times(&mut self, value: f64, times: u64) {
        if value.is_finite()
            && times > 0
            && self.failed.is_none()
            && let Err(error) = self.count(value, times)
        {
            self.failed = Some(error);
        }
    }

    fn count(&mut self, value: f64, times: u64) -> Result<(), Error> {
        if 2 * self.used >= self.table.slots.len() {
            self.make_room()?;
        }
        let slot = self.table.slot(key(value) >> self.table.shift);
        self.used += usize::from(slot.count == 0);
        slot.count = slot.count.saturating_add(times);
        Ok(())
    }

    /// Makes more slots, or fewer prefixes.
    fn make_room(&mut self) -> Result<(), Error> {
        let mut buckets = self.buckets()?;
        if self.used < 2 * self.limit {
            let length = (2 * self.table.slots.len()).max(FEWEST_SLOTS);
            self.table.slots = memory::filled(length, Slot::FREE, WHAT)?;
        } else {
            buckets.sort_unstable_by_key(|bucket| bucket.0);
            let shift = shift_for(&buckets, self.limit);
            buckets.iter_mut().for_each(|bucket| bucket.0 >>= shift);
            join_equal_neighbours(&mut buckets);
            self.table.shift += shift;
            self.table.slots.fill(Slot::FREE);
        }
        self.used = buckets.len();
        for (prefix, count) in buckets {
            self.table.slot(prefix).count = count;
        }
        Ok(())
    }

    /// What the table holds, in any order.
    fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        let mut buckets = memory::with_capacity(self.used, WHAT)?;
        let used = self.table.slots.iter().filter(|slot| !slot.is_free());
        buckets.extend(used.map(|slot| (slot.prefix, slot.count)));
        Ok(buckets)
    }

    /// The sketch of all numbers counted.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there was no room for some of them.
    pub fn finish(mut self) -> Result<PrefixSketch, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut buckets = self.buckets()?;
        buckets.sort_unstable_by_key(|bucket| bucket.0);
        let mut sketch = PrefixSketch { limit: self.limit, shift: self.table.shift, buckets };
        sketch.fit();
        Ok(sketch)
    }
}

impl Table {
    /// The slot of a prefix, which is taken if there was none. There must be a free one.
    fn slot(&mut self, prefix: u64) -> &mut Slot {
        let mask = self.slots.len() - 1;
        let mut at = home(prefix, self.slots.len().leading_zeros());
        while self.slots[at].prefix != prefix && !self.slots[at].is_free() {
            at = (at + 1) & mask;
        }
        self.slots[at].prefix = prefix;
        &mut self.slots[at]
    }
}

/// Where the search for a prefix begins, in a table whose length has so many leading zeros.
#[inline(always)]
fn home(prefix: u64, zeros: u32) -> usize {
    // Integers end with zeros: which of the four slots they begin with is left to the others.
    ((prefix >> 2).wrapping_mul(MIX) >> (zeros + 1) ^ (prefix & 3)) as usize
}

/// Counts values whose prefix is in the table, up to the first whose is not; the result is how
/// many.
struct Count<'a> {
    table: &'a mut Table,
    values: &'a [f64],
}

impl Kernel for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> usize {
        let shift = self.table.shift & 63;
        let slots = &mut self.table.slots[..];
        if slots.is_empty() {
            return 0;
        }
        let mut done = 0;
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            let mut prefixes = [0; LANES];
            for lane in 0..LANES {
                prefixes[lane] = key(chunk[lane]) >> shift;
            }
            let mut different = 0;
            for lane in 1..LANES {
                different |= prefixes[0] ^ prefixes[lane];
            }
            // One count cannot be raised again before the memory has taken in the last time.
            if different == 0 {
                if !raise(slots, prefixes[0], LANES as u64) {
                    return done;
                }
            } else {
                for lane in 0..LANES {
                    if !raise(slots, prefixes[lane], 1) {
                        return done + lane;
                    }
                }
            }
            done += LANES;
        }
        for &value in rest {
            if !raise(slots, key(value) >> shift, 1) {
                return done;
            }
            done += 1;
        }
        done
    }
}

/// Raises a count; `false` if the prefix is not in the table.
#[inline(always)]
fn raise(slots: &mut [Slot], prefix: u64, times: u64) -> bool {
    let mask = slots.len() - 1;
    let mut at = home(prefix, slots.len().leading_zeros()) & mask;
    while slots[at].prefix != prefix {
        if slots[at].is_free() {
            return false;
        }
        at = (at + 1) & mask;
    }
    // A summary has less than 2⁶⁴ rows, or none.
    slots[at].count = slots[at].count.wrapping_add(times);
    true
}
