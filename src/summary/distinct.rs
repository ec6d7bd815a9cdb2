//! How many different values there are: HyperLogLog, exact while they are few.
//!
//! Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality
//! estimation algorithm" (2007), with 64-bit hashes and the estimator of Ertl: "New cardinality
//! estimation algorithms for HyperLogLog sketches" (2017), arXiv:1702.01284, algorithm 6.
//!
//! The state is a function of the set of hashes alone, hence its merge is associative,
//! commutative and idempotent. Up to [`SPARSE`] different hashes it is the sorted list of them;
//! beyond, it is a register per group of hashes (their first bits), which holds the largest rank
//! of its group (the position of the first set bit among the others), a maximum over the set. A
//! union of two sets holds more than [`SPARSE`] hashes if one of the two does, so it needs only
//! registers then, and these are the maxima of both; and of two lists it is the list, or the
//! registers, of their union.

mod registers;
mod tally;

use xxhash_rust::xxh3::xxh3_64;

use self::registers::{REGISTERS, Registers, TOP_RANK, estimate, no_registers, note, registers_of};
pub use self::tally::DistinctTally;
use super::number::Number;
use crate::bytes::{Reader, Writer};
use crate::error::Error;

/// Up to this many different values, their number is exact.
pub const SPARSE: usize = 1024;

/// Up to this many values are put in one by one.
const FEW: usize = 16;

/// What is known of a set of hashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// All of them, in ascending order.
    Sparse(Vec<u64>),
    /// The largest rank in every group.
    Dense(Box<Registers>),
}

/// A set of values, known by the number of its elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distinct {
    state: State,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { state: State::Sparse(Vec::new()) }
    }
}

impl Distinct {
    /// Standard deviation of the estimate, as a part of the true number: 1.04/√16384, or 0.81 %.
    pub const STANDARD_ERROR: f64 = 1.04 / 128.0;

    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts values in; -0.0 is the same as +0.0. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        if values.len() <= FEW {
            values.iter().for_each(|&value| self.insert(hash_f64(value)));
        } else {
            let mut tally = DistinctTally::from(std::mem::take(self));
            tally.add(values);
            *self = tally.finish();
        }
    }

    /// Puts a number in. For many, see `DistinctTally`.
    pub fn add_number(&mut self, number: Number) {
        self.insert(hash_number(number));
    }

    /// Puts a text, or any bytes, in. For many, see `DistinctTally`.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.insert(hash_bytes(bytes));
    }

    fn insert(&mut self, hash: u64) {
        match &mut self.state {
            State::Dense(registers) => note(registers, hash),
            State::Sparse(hashes) => {
                if let Err(position) = hashes.binary_search(&hash) {
                    hashes.insert(position, hash);
                    if hashes.len() > SPARSE {
                        self.state = State::Dense(registers_of(hashes));
                    }
                }
            }
        }
    }

    /// Becomes the union of both sets.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.state, &other.state) {
            (State::Dense(registers), State::Dense(others)) => {
                for (rank, other) in registers.iter_mut().zip(others.iter()) {
                    *rank = (*rank).max(*other);
                }
            }
            (State::Dense(registers), State::Sparse(hashes)) => {
                hashes.iter().for_each(|&hash| note(registers, hash));
            }
            (State::Sparse(hashes), State::Dense(registers)) => {
                let mut registers = registers.clone();
                hashes.iter().for_each(|&hash| note(&mut registers, hash));
                self.state = State::Dense(registers);
            }
            (State::Sparse(hashes), State::Sparse(others)) => {
                hashes.extend_from_slice(others);
                hashes.sort_unstable();
                hashes.dedup();
                if hashes.len() > SPARSE {
                    self.state = State::Dense(registers_of(hashes));
                }
            }
        }
    }

    /// How many different values there are: exactly, up to 1024 and but for values with
    /// equal hashes (no two `f64` have these), and with [`Self::STANDARD_ERROR`] beyond.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        match &self.state {
            State::Sparse(hashes) => hashes.len() as u64,
            State::Dense(registers) => estimate(registers),
        }
    }

    /// Appends the hashes, or the registers in six bits each.
    pub fn encode(&self, writer: &mut Writer) {
        match &self.state {
            State::Sparse(hashes) => {
                writer.u8(0);
                writer.length(hashes.len());
                hashes.iter().for_each(|&hash| writer.word(hash));
            }
            State::Dense(registers) => {
                writer.u8(1);
                for four in registers.chunks_exact(4) {
                    let packed =
                        four.iter().rev().fold(0_u32, |bits, &rank| bits << 6 | u32::from(rank));
                    writer.raw(&packed.to_le_bytes()[..3]);
                }
            }
        }
    }

    /// Reads what [`Distinct::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else.
    pub fn decode(reader: &mut Reader) -> Result<Self, Error> {
        let state = match reader.u8("the kind of a set of distinct values")? {
            0 => State::Sparse(decode_hashes(reader)?),
            1 => State::Dense(decode_registers(reader)?),
            _ => return Err(reader.corrupt("a set of distinct values", "of an unknown kind")),
        };
        Ok(Self { state })
    }
}

fn decode_hashes(reader: &mut Reader) -> Result<Vec<u64>, Error> {
    let length = reader.length("the number of distinct hashes", size_of::<u64>())?;
    if length > SPARSE {
        return Err(reader.corrupt("the number of distinct hashes", "above 1024"));
    }
    let mut hashes = Vec::with_capacity(length);
    for _ in 0..length {
        let hash = reader.word("a distinct hash")?;
        if hashes.last().is_some_and(|last| *last >= hash) {
            return Err(reader.corrupt("a distinct hash", "out of order"));
        }
        hashes.push(hash);
    }
    Ok(hashes)
}

fn decode_registers(reader: &mut Reader) -> Result<Box<Registers>, Error> {
    const WHAT: &str = "a register of distinct values";
    if reader.remaining() < REGISTERS / 4 * 3 {
        return Err(reader.corrupt(WHAT, "missing"));
    }
    let mut registers = no_registers();
    for four in registers.chunks_exact_mut(4) {
        let mut packed = 0;
        for byte in 0..3 {
            packed |= u32::from(reader.u8(WHAT)?) << (8 * byte);
        }
        for rank in four {
            *rank = packed as u8 & 63;
            packed >>= 6;
            if *rank > TOP_RANK {
                return Err(reader.corrupt(WHAT, "beyond the bits of a hash"));
            }
        }
    }
    // Any register that is set has a group of at least 2⁴⁹ hashes to come from, so all others
    // occur.
    if registers.iter().all(|&rank| rank == 0) {
        return Err(reader.corrupt(WHAT, "zero like all others, as for a smaller set"));
    }
    Ok(registers)
}

/// A finaliser with good avalanche, a bijection of the 64-bit integers: `SplitMix64`, that is
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), with Stafford's
/// "Mix13" constants. Its increment comes first, so that 0 does not stay 0.
#[inline(always)]
fn mix(bits: u64) -> u64 {
    let mut z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Different for different numbers, but for -0.0 and +0.0.
#[inline(always)]
fn hash_f64(value: f64) -> u64 {
    mix((value + 0.0).to_bits())
}

/// As [`hash_f64`]; an integer that no `f64` holds has its own.
fn hash_number(number: Number) -> u64 {
    let (high, low) = number.parts();
    if number.is_f64() { hash_f64(high) } else { mix(high.to_bits() ^ mix(low.to_bits())) }
}

/// The 64-bit hash of a text: XXH3, whose values are fixed by its specification.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

#[cfg(test)]
mod tests;
