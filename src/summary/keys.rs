//! Which group each key belongs to.

use std::collections::HashMap;

use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Level, dispatch};

/// What the memory is for, in errors.
const WHAT: &str = "the keys of the groups";

/// Keys no further apart than that are looked up in a table, others in a hash map.
const TABLE: u64 = 1 << 20;
/// No group has this number.
const NONE: u32 = u32::MAX;

/// Which number each key has: in the order in which they were first met.
#[derive(Default)]
pub(super) struct Numbers {
    /// Key of each number.
    pub(super) keys: Vec<i64>,
    /// Numbers of the keys from `base` on, as long as these are not too far apart.
    pub(super) base: i64,
    pub(super) table: Vec<u32>,
    map: HashMap<i64, u32>,
}

impl Numbers {
    /// The number of each key, giving new ones where needed.
    pub(super) fn look_up(&mut self, keys: &[i64], numbers: &mut Vec<u32>) -> Result<(), Error> {
        numbers.clear();
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

    /// Makes the table reach to these keys; if they are too far apart, there is none from here on.
    fn cover(&mut self, keys: &[i64]) -> Result<bool, Error> {
        if !self.map.is_empty() {
            return Ok(false);
        }
        let (mut low, mut high) = dispatch(KeyRange(keys));
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
        let span = high.abs_diff(low);
        if span < TABLE {
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

fn reserve(map: &mut HashMap<i64, u32>, additional: usize) -> Result<(), Error> {
    let bytes = (map.len() + additional).saturating_mul(size_of::<(i64, u32)>());
    map.try_reserve(additional).map_err(|_| Error::Memory { what: WHAT, bytes })
}

/// The smallest and the largest key.
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
