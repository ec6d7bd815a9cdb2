//! The random streams of walkers against other implementations of their generators.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_xoshiro::Xoshiro256Plus;

use crate::simd::{Kernel, Lanes, Lanes64, Level, Vector, Words, dispatch};
use crate::walkers::Stream;
use crate::walkers::generators::{Generators, Octet, Purpose, octet};
use crate::walkers::transitions::Schedule;

use super::{KEY, adaptive, stretch, uniform};

/// The next words of eight generators.
struct Next<'a>(&'a mut Octet, usize);

impl Kernel for Next<'_> {
    type Output = Vec<[u64; 8]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut generators = Generators::load(token, self.0);
        let words = (0..self.1)
            .map(|_| {
                let mut lanes = Lanes([0; 8]);
                generators.words().store(&mut lanes);
                lanes.0
            })
            .collect();
        generators.store(self.0);
        words
    }
}

/// xoshiro256+ from the state that ChaCha8 gives for a key and a walker.
fn reference(key: [u8; 32], walker: u64, purpose: Purpose) -> Xoshiro256Plus {
    let mut seeds = ChaCha8Rng::from_seed(key);
    seeds.set_stream(2 * walker + u64::from(purpose == Purpose::Acceptance));
    let mut seed = [0; 32];
    seeds.fill_bytes(&mut seed);
    Xoshiro256Plus::from_seed(seed)
}

#[test]
fn streams_are_those_of_the_published_generators() {
    let other: [u8; 32] = std::array::from_fn(|i| (i * 37) as u8);
    for key in [KEY, other] {
        for purpose in [Purpose::Proposal, Purpose::Acceptance] {
            for first in [0, 8, 1 << 40] {
                let mut octet = octet(&key, first, purpose);
                let mut words = dispatch(Next(&mut octet, 100));
                // What was stored goes on where it stopped.
                words.extend(dispatch(Next(&mut octet, 50)));
                for lane in 0..8 {
                    let mut reference = reference(key, (first + lane) as u64, purpose);
                    for word in &words {
                        assert_eq!(word[lane], reference.next_u64());
                    }
                }
            }
        }
    }
}

/// One of each kind of uniform numbers, and the words they are made of.
struct Uniforms<'a>(&'a mut Octet);

impl Kernel for Uniforms<'_> {
    type Output = [Lanes64; 4];

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut generators = Generators::load(token, self.0);
        let [high, low] = generators.signed_pair();
        let numbers = [generators.uniform(), generators.uniform_positive(), high, low];
        generators.store(self.0);
        let mut lanes = [Lanes64::ZERO; 4];
        for (number, lanes) in numbers.into_iter().zip(&mut lanes) {
            number.store(lanes);
        }
        lanes
    }
}

#[test]
fn numbers_are_made_of_the_upper_bits() {
    let mut octet = octet(&KEY, 0, Purpose::Proposal);
    for _ in 0..100 {
        let words = dispatch(Next(&mut octet.clone(), 3));
        let [uniform, positive, high, low] = dispatch(Uniforms(&mut octet));
        for lane in 0..8 {
            let upper = |word: usize| (words[word][lane] >> 12) as f64 * 2_f64.powi(-52);
            let signed = |half: u64| (2.0 * half as f64 + 1.0) * 2_f64.powi(-32) - 1.0;
            assert_eq!(uniform.0[lane], upper(1));
            assert_eq!(positive.0[lane], 1.0 - upper(2));
            assert_eq!(high.0[lane], signed(words[0][lane] >> 32));
            assert_eq!(low.0[lane], signed(words[0][lane] & u64::from(u32::MAX)));
        }
    }
}

#[test]
fn one_stream_gives_what_its_lane_gives() {
    let mut octet = octet(&KEY, 40, Purpose::Proposal);
    let before = [octet];
    let words = dispatch(Next(&mut octet, 20));
    let mut twin = before;
    let uniforms = dispatch(Uniforms(&mut twin[0]))[0];
    for lane in 0..8 {
        let mut stream = Stream::of(&before, lane);
        let (mut again, mut put) = (stream, before);
        assert!(words.iter().all(|row| row[lane] == stream.word()), "lane {lane}");
        stream.store(&mut put, lane);
        assert_eq!(Stream::of(&put, lane), Stream::of(&[octet], lane));
        // The first pair of numbers takes a word.
        again.word();
        assert_eq!(again.uniform(), uniforms.0[lane]);
    }
}

#[test]
fn a_mix_chooses_by_its_weights() {
    let moves = vec![(3.0, uniform()), (1.0, stretch()), (6.0, adaptive())];
    let schedule = Schedule::new(moves.clone(), KEY, 2, 8).unwrap();
    let mut counts = [0_u32; 3];
    for step in 0..100_000 {
        counts[schedule.choose(step)] += 1;
    }
    // Standard deviations of the counts: 145, 95 and 155.
    for (count, expected) in counts.into_iter().zip([30_000, 10_000, 60_000]) {
        assert!(count.abs_diff(expected) < 600, "{counts:?}");
    }
    let again = Schedule::new(moves.clone(), KEY, 2, 8).unwrap();
    let other = Schedule::new(moves, [8; 32], 2, 8).unwrap();
    let choices = |schedule: &Schedule| (0..100).map(|s| schedule.choose(s)).collect::<Vec<_>>();
    assert_eq!(choices(&again), choices(&schedule));
    assert_ne!(choices(&other), choices(&schedule));
}
