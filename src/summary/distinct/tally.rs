//! Putting values in, fast.

use super::registers::{Registers, note, registers_of};
use super::{Distinct, SPARSE, State, hash_bytes, hash_f64, hash_number};
use crate::summary::number::Number;

/// Slots that the hash table of [`DistinctTally`] begins with: there may be one for each of very many groups.
const SLOTS: usize = 64;

/// Takes values in, fast.
#[derive(Clone, Debug)]
pub struct DistinctTally {
    /// A hash table with linear probing, of which at most half is used. 0 marks a free slot.
    slots: Vec<u64>,
    /// How many slots are used.
    used: usize,
    /// Whether the hash 0, which has no slot, is in the set.
    zero: bool,
    /// From the first hash on that is too many; then the table is no longer used.
    registers: Option<Box<Registers>>,
}

/// With the values of a [`Distinct`].
impl From<Distinct> for DistinctTally {
    fn from(distinct: Distinct) -> Self {
        let mut tally = Self { slots: Vec::new(), used: 0, zero: false, registers: None };
        match distinct.state {
            State::Sparse(hashes) => hashes.into_iter().for_each(|hash| tally.insert(hash)),
            State::Dense(registers) => tally.registers = Some(registers),
        }
        tally
    }
}

impl Default for DistinctTally {
    fn default() -> Self {
        Self::from(Distinct::new())
    }
}

impl DistinctTally {
    /// Without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts values in; -0.0 is the same as +0.0. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        let mut rest = values.iter();
        while self.registers.is_none() {
            let Some(&value) = rest.next() else { return };
            self.insert(hash_f64(value));
        }
        if let Some(registers) = &mut self.registers {
            rest.for_each(|&value| note(registers, hash_f64(value)));
        }
    }

    /// Puts a number in.
    pub fn add_number(&mut self, number: Number) {
        self.insert(hash_number(number));
    }

    /// Puts a text, or any bytes, in.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.insert(hash_bytes(bytes));
    }

    #[inline]
    pub(super) fn insert(&mut self, hash: u64) {
        if let Some(registers) = &mut self.registers {
            note(registers, hash);
        } else if hash == 0 {
            self.zero = true;
            self.limit();
        } else {
            self.insert_slot(hash);
        }
    }

    #[inline]
    fn insert_slot(&mut self, hash: u64) {
        if 2 * self.used >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != hash {
            if self.slots[slot] == 0 {
                self.slots[slot] = hash;
                self.used += 1;
                self.limit();
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (2 * self.slots.len()).max(SLOTS);
        let smaller = std::mem::replace(&mut self.slots, vec![0; size]);
        for hash in smaller.into_iter().filter(|&hash| hash != 0) {
            let mut slot = hash as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = hash;
        }
    }

    /// Goes over to registers if there are too many hashes.
    fn limit(&mut self) {
        if self.used + usize::from(self.zero) > SPARSE {
            self.registers = Some(registers_of(&self.hashes()));
        }
    }

    fn hashes(&self) -> Vec<u64> {
        let used = self.slots.iter().copied().filter(|&hash| hash != 0);
        self.zero.then_some(0).into_iter().chain(used).collect()
    }

    /// The set of all values put in.
    #[must_use]
    pub fn finish(mut self) -> Distinct {
        let state = match self.registers.take() {
            Some(registers) => State::Dense(registers),
            None => {
                let mut hashes = self.hashes();
                hashes.sort_unstable();
                State::Sparse(hashes)
            }
        };
        Distinct { state }
    }
}
