//! Which group each key belongs to.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Level, dispatch};

/// What the memory is for, in errors.
const WHAT: &str = "the keys of the groups";

/// Keys no further apart than that are looked up in a table, others in a hash map.
const FEW: u64 = 1 << 20;
/// So are those of many rows up to that: a table of at most 64 MB.
const MOST: u64 = 1 << 24;
/// No group has this number.
pub(super) const NONE: u32 = u32::MAX;

/// Which number each key has: in the order in which they were first met.
#[derive(Default)]
pub(super) struct Numbers {
    /// Key of each number.
    pub(super) keys: Vec<i64>,
    /// Numbers of the keys from `base` on, as long as these are not too far apart.
    pub(super) base: i64,
    pub(super) table: Vec<u32>,
    map: HashMap<i64, u32, Folded>,
    /// How many rows there are, about.
    expected: u64,
}

/// Hashes by one product, as wyhash does: its halves are folded, with a number of this process that nobody knows.
#[derive(Clone, Copy)]
struct Folded(u64);

impl Default for Folded {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u64))
    }
}

impl BuildHasher for Folded {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word.cast_unsigned());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Numbers {
    /// Of no keys; there will be that many rows, about.
    pub(super) fn expecting(rows: usize) -> Self {
        Self { expected: rows as u64, ..Self::default() }
    }

    /// Appends the number of each key, giving new ones where needed.
    pub(super) fn look_up(&mut self, keys: &[i64], numbers: &mut Vec<u32>) -> Result<(), Error> {
        memory::reserve(numbers, keys.len(), WHAT)?;
        // Every key may be new.
        memory::reserve(&mut self.keys, keys.len(), WHAT)?;
        if self.cover(keys)? {
            let (base, table) = (self.base, &mut self.table[..]);
            numbers.extend(keys.iter().map(|&key| {
                let number = &mut table[key.wrapping_sub(base) as usize];
                if *number == NONE {
                    *number = self.keys.len() as u32;
                    self.keys.push(key);
                }
                *number
            }));
        } else {
            reserve(&mut self.map, keys.len())?;
            numbers.extend(keys.iter().map(|&key| {
                *self.map.entry(key).or_insert_with(|| {
                    self.keys.push(key);
                    self.keys.len() as u32 - 1
                })
            }));
        }
        Ok(())
    }

    /// The numbers, in the order of their keys.
    pub(super) fn in_order(&self) -> Result<Vec<u32>, Error> {
        if !self.table.is_empty() {
            let mut order = memory::with_capacity(self.keys.len(), WHAT)?;
            order.extend(self.table.iter().copied().filter(|&number| number != NONE));
            return Ok(order);
        }
        let mut order = memory::collected(0..self.keys.len() as u32, WHAT)?;
        order.sort_unstable_by_key(|&number| self.keys[number as usize]);
        Ok(order)
    }

    /// Makes the table reach to these keys; if they are too far apart, there is none from here on.
    fn cover(&mut self, keys: &[i64]) -> Result<bool, Error> {
        if !self.map.is_empty() {
            return Ok(false);
        }
        let (mut low, mut high) = extent(keys);
        let length = self.table.len() as u64;
        if length > 0 {
            // A table never reaches beyond the largest integer: it is made of keys.
            let last = self.base.wrapping_add_unsigned(length - 1);
            if low >= self.base && high <= last {
                return Ok(true);
            }
            (low, high) = (low.min(self.base), high.max(last));
        }
        if low > high {
            return Ok(true);
        }
        let needed = high.abs_diff(low);
        if needed < (4 * self.expected).clamp(FEW, MOST) {
            // Farther than it must, the second time: keys in order would make it anew for each block.
            let spare = if length > 0 { needed.min(FEW) } else { 0 };
            let span = (needed + spare).min(low.abs_diff(i64::MAX));
            let mut table = memory::filled(span as usize + 1, NONE, WHAT)?;
            for (number, &key) in self.keys.iter().enumerate() {
                table[key.abs_diff(low) as usize] = number as u32;
            }
            (self.base, self.table) = (low, table);
            return Ok(true);
        }
        reserve(&mut self.map, self.keys.len())?;
        self.table = Vec::new();
        self.map.extend(self.keys.iter().enumerate().map(|(n, &key)| (key, n as u32)));
        Ok(false)
    }
}

fn reserve(map: &mut HashMap<i64, u32, Folded>, additional: usize) -> Result<(), Error> {
    let bytes = (map.len() + additional).saturating_mul(size_of::<(i64, u32)>());
    map.try_reserve(additional).map_err(|_| Error::Memory { what: WHAT, bytes })
}

/// The smallest and the largest key; the other way round of none.
pub(super) fn extent(keys: &[i64]) -> (i64, i64) {
    dispatch(KeyRange(keys))
}

struct KeyRange<'a>(&'a [i64]);

impl Kernel for KeyRange<'_> {
    type Output = (i64, i64);

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> (i64, i64) {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for &key in self.0 {
            low = low.min(key);
            high = high.max(key);
        }
        (low, high)
    }
}
