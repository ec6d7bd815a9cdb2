//! One random stream per walker, eight of them side by side in vector registers.
//!
//! The generator is xoshiro256+ of Blackman & Vigna, "Scrambled linear pseudorandom number
//! generators", ACM Transactions on Mathematical Software 47 (2021): the fastest of its family,
//! made for floating-point numbers. A walker's first state is what ChaCha8 gives for the key and
//! the walker ([`crate::rng::walker_state`]), so it depends on no other walker, and two streams of
//! a period of 2²⁵⁶ − 1 that begin at random places hardly ever meet.

use crate::rng::walker_state;
use crate::simd::{Level, Vector, WordLanes, Words};

/// Which of a walker's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For proposals.
    Proposal,
    /// For accepting or rejecting them.
    Acceptance,
}

/// The states of eight walkers' generators, word by word.
pub type Octet = [WordLanes; 4];

/// The generators of the eight walkers from `first` on.
#[must_use]
pub fn octet(key: &[u8; 32], first: usize, purpose: Purpose) -> Octet {
    let mut octet = [crate::simd::Lanes([0; 8]); 4];
    for lane in 0..8 {
        let stream = 2 * (first + lane) as u64 + u64::from(purpose == Purpose::Acceptance);
        for (word, value) in octet.iter_mut().zip(walker_state(key, stream)) {
            word.0[lane] = value;
        }
    }
    octet
}

/// Eight generators in registers.
#[derive(Clone, Copy)]
pub struct Generators<L: Level> {
    token: L,
    state: [L::U64; 4],
}

impl<L: Level> Generators<L> {
    /// Reads the states.
    #[inline(always)]
    pub fn load(token: L, octet: &Octet) -> Self {
        let mut state = [L::U64::splat(token, 0); 4];
        for i in 0..4 {
            state[i] = L::U64::load(token, &octet[i]);
        }
        Self { token, state }
    }

    /// Writes the states back.
    #[inline(always)]
    pub fn store(self, octet: &mut Octet) {
        for i in 0..4 {
            self.state[i].store(&mut octet[i]);
        }
    }

    /// The next 64 bits of each.
    #[inline(always)]
    pub fn words(&mut self) -> L::U64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]);
        let shifted = s[1].shift_left::<17>();
        s[2] = s[2].xor(s[0]);
        s[3] = s[3].xor(s[1]);
        s[1] = s[1].xor(s[2]);
        s[0] = s[0].xor(s[3]);
        s[2] = s[2].xor(shifted);
        s[3] = s[3].shift_left::<45>().or(s[3].shift_right::<19>());
        result
    }

    /// Uniform numbers in [0, 1): multiples of 2⁻⁵².
    #[inline(always)]
    pub fn uniform(&mut self) -> L::F64 {
        self.words().in_binade(self.token, 1.0) - L::F64::splat(self.token, 1.0)
    }

    /// Uniform numbers in (0, 1], whose logarithm is finite.
    #[inline(always)]
    pub fn uniform_positive(&mut self) -> L::F64 {
        L::F64::splat(self.token, 2.0) - self.words().in_binade(self.token, 1.0)
    }

    /// Two uniform numbers in (−1, 1), each of 32 bits of one word: odd multiples of 2⁻³², so that
    /// a number and its negative are equally likely.
    #[inline(always)]
    pub fn signed_pair(&mut self) -> [L::F64; 2] {
        // 2⁵² + k for a k of 32 bits, from which 2⁵² + 2³¹ is taken without rounding; then
        // (k − 2³¹ + ½) / 2³¹, which is exact, too.
        const TWO_52: f64 = 4_503_599_627_370_496.0;
        const SCALE: f64 = 1.0 / 2_147_483_648.0;
        let token = self.token;
        let words = self.words();
        let bits = L::U64::splat(token, TWO_52.to_bits());
        let high = words.shift_right::<32>().or(bits).to_float();
        let low = words.and(L::U64::splat(token, u64::from(u32::MAX))).or(bits).to_float();
        let shift = L::F64::splat(token, TWO_52 + 2_147_483_648.0);
        let (scale, half) = (L::F64::splat(token, SCALE), L::F64::splat(token, 0.5 * SCALE));
        [(high - shift).mul_add(scale, half), (low - shift).mul_add(scale, half)]
    }
}
