//! One walker's random stream by itself, for steps that take as many numbers as they need.

use super::generators::Octet;

/// The state of a walker's generator, xoshiro256+: the one that vectors hold eight of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(pub [u64; 4]);

impl Stream {
    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A uniform number in [0, 1): a multiple of 2⁻⁵².
    pub fn uniform(&mut self) -> f64 {
        f64::from_bits(self.word() >> 12 | 1.0_f64.to_bits()) - 1.0
    }

    /// The stream of the walker in that lane of a block.
    #[must_use]
    pub fn of(octets: &[Octet], lane: usize) -> Self {
        Self(std::array::from_fn(|word| octets[lane / 8][word].0[lane % 8]))
    }

    /// Puts the stream back into its lane.
    pub fn store(self, octets: &mut [Octet], lane: usize) {
        for (word, value) in self.0.into_iter().enumerate() {
            octets[lane / 8][word].0[lane % 8] = value;
        }
    }
}
