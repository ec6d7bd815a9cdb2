//! Random numbers as a function of (seed, stream).
//!
//! The contract: the numbers of a stream depend on the seed and the stream's index alone, on no
//! machine, no thread and no other stream. Each restart of a fit and each walker owns a stream,
//! so its draws are the same whoever computes them and whatever runs beside it.
//!
//! ChaCha with eight rounds keeps that contract: it is defined by integer arithmetic, has 2⁶⁴
//! streams per seed without overlap, and can be placed anywhere in a stream.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator of one stream.
pub type Stream = ChaCha8Rng;

/// The stream of that index under that seed, at its beginning.
#[must_use]
pub fn stream(seed: u64, index: u64) -> Stream {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut generator = Stream::from_seed(key);
    generator.set_stream(index);
    generator
}

/// The 256 bits from which a stream of a walker begins: the first of ChaCha8's stream `index`
/// under a key, as four words of 64 bits.
#[must_use]
pub fn walker_state(key: &[u8; 32], index: u64) -> [u64; 4] {
    let mut generator = Stream::from_seed(*key);
    generator.set_stream(index);
    std::array::from_fn(|_| generator.next_u64())
}

/// The uniform number in [0, 1) that belongs to a position of a stream, without those before it.
#[must_use]
pub fn uniform_at(key: &[u8; 32], index: u64, position: u64) -> f64 {
    let mut generator = Stream::from_seed(*key);
    generator.set_stream(index);
    // Positions are counted in words of 32 bits.
    generator.set_word_pos(2 * u128::from(position));
    uniform_f64(&mut generator)
}

/// A uniform number in [0, 1): a multiple of 2⁻⁵³ made of the upper 53 bits of one draw.
///
/// The same on every machine, and in every version of the crates below.
#[inline]
pub fn uniform_f64(generator: &mut impl Rng) -> f64 {
    const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
    (generator.next_u64() >> 11) as f64 * SCALE
}

/// A uniform integer in 0..bound, without bias.
///
/// The widening multiplication of Lemire, "Fast random integer generation in an interval",
/// ACM Transactions on Modeling and Computer Simulation 29 (2019).
///
/// # Panics
///
/// If `bound` is 0.
#[inline]
pub fn uniform_index(generator: &mut impl Rng, bound: usize) -> usize {
    assert!(bound > 0, "there is no integer below 0");
    let bound = bound as u64;
    let excess = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(generator.next_u64()) * u128::from(bound);
        if product as u64 >= excess {
            return (product >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned() {
        // Made with an implementation of ChaCha8 of its own.
        // Changing these numbers changes every user's results: say so in the changelog.
        let mut generator = stream(42, 7);
        let first: Vec<u64> = (0..3).map(|_| generator.next_u64()).collect();
        assert_eq!(first, [3425180178688264041, 10705747601317740447, 17437786863798683455]);
        let uniform = uniform_f64(&mut stream(42, 7));
        assert_eq!(uniform, (first[0] >> 11) as f64 / 2_f64.powi(53));
        let index = uniform_index(&mut stream(42, 7), 1_000_000);
        assert_eq!(index as u128, (u128::from(first[0]) * 1_000_000) >> 64);
    }

    #[test]
    fn seeds_and_streams_differ() {
        let draw = |seed, index| uniform_f64(&mut stream(seed, index));
        let mut draws = [draw(0, 0), draw(0, 1), draw(1, 0), draw(u64::MAX, 0), draw(0, u64::MAX)];
        assert_eq!(draw(0, 1), draws[1]);
        draws.sort_by(f64::total_cmp);
        assert!(draws.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
    }

    #[test]
    fn indices_are_uniform() {
        let mut generator = stream(3, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[uniform_index(&mut generator, 7)] += 1;
        }
        // Standard deviation of a count: 93.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 500), "{counts:?}");
        assert_eq!(uniform_index(&mut generator, 1), 0);
    }

    #[test]
    fn uniform_numbers_have_the_right_moments() {
        let mut generator = stream(1, 2);
        let draws: Vec<f64> = (0..100_000).map(|_| uniform_f64(&mut generator)).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.002, "{variance}");
    }
}
