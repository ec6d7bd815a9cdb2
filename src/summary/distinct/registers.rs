//! The registers of HyperLogLog, and what they tell.

/// Bits of a hash that choose its register.
const PRECISION: u32 = 14;
/// Number of registers.
pub const REGISTERS: usize = 1 << PRECISION;
/// Bits of a hash that its rank is taken from.
const RANK_BITS: u32 = u64::BITS - PRECISION;
/// The rank of a hash without any set bit among these.
pub const TOP_RANK: u8 = RANK_BITS as u8 + 1;

/// A rank for every group of hashes.
pub type Registers = [u8; REGISTERS];

/// Of the empty set.
pub fn no_registers() -> Box<Registers> {
    Box::new([0; REGISTERS])
}

/// Of a set of hashes.
pub fn registers_of(hashes: &[u64]) -> Box<Registers> {
    let mut registers = no_registers();
    hashes.iter().for_each(|&hash| note(&mut registers, hash));
    registers
}

/// Raises the register of a hash to its rank.
#[inline(always)]
pub fn note(registers: &mut Registers, hash: u64) {
    // The set bit that is put after the others ends the search.
    let others = hash << PRECISION | 1 << (PRECISION - 1);
    let rank = others.leading_zeros() as u8 + 1;
    let register = &mut registers[(hash >> RANK_BITS) as usize];
    *register = (*register).max(rank);
}

/// Ertl's improved estimator: no tables, no bias at either end.
pub fn estimate(registers: &Registers) -> u64 {
    let mut histogram = [0_u32; TOP_RANK as usize + 1];
    for &rank in registers {
        histogram[usize::from(rank)] += 1;
    }
    let m = REGISTERS as f64;
    let part = |rank: usize| f64::from(histogram[rank]) / m;
    let mut z = m * tau(1.0 - part(TOP_RANK.into()));
    for rank in (1..TOP_RANK.into()).rev() {
        z = 0.5 * (z + f64::from(histogram[rank]));
    }
    z += m * sigma(part(0));
    let alpha = 0.5 / std::f64::consts::LN_2;
    (alpha * m * m / z).round() as u64
}

/// x + Σ x^(2^k) 2^(k-1) over k ≥ 1: what empty registers tell.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// (1 - x - Σ (1 - x^(2^-k))² 2^-k over k ≥ 1) / 3: what full registers tell.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
