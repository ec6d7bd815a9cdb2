//! How walkers move: one move per file, each behind the trait [`Move`].
//!
//! A new move is one new file and one line in the list below.
//!
//! | file | what it holds |
//! |---|---|
//! | `uniform.rs`, `normal.rs` | random walks with fixed increments |
//! | `adaptive.rs` | a random walk that learns its shape during the burn-in |
//! | `componentwise.rs` | one coordinate after the other |
//! | `stretch.rs`, `differential_evolution.rs`, `snooker.rs` | moves that look at other walkers |
//! | `lower.rs`, `checks.rs` | what several of them share |
//! | `schedule.rs` | a move for every step: always the same, or a mix |

mod adaptive;
mod checks;
mod componentwise;
mod differential_evolution;
mod lower;
mod normal;
mod schedule;
mod snooker;
mod stretch;
mod uniform;

pub use self::adaptive::AdaptiveStep;
pub use self::componentwise::ComponentwiseStep;
pub use self::differential_evolution::DifferentialEvolution;
pub use self::normal::NormalStep;
pub use self::schedule::Schedule;
pub use self::snooker::Snooker;
pub use self::stretch::Stretch;
pub use self::uniform::UniformStep;

use super::generators::{Generators, Octet};
use crate::error::Error;
use crate::simd::{Lanes, Lanes64, Level, Words};

/// A proposal distribution of Metropolis and Hastings.
///
/// Moves work on *octets*, eight walkers side by side: `[Lanes64]` holds one coordinate of eight
/// walkers. A move reaches the vector instructions through [`crate::simd::dispatch`] in each call.
///
/// There are two kinds. A *random walk* adds increments that depend on nothing but the walker's
/// own generator (and what it learnt during the burn-in), so increments of many updates are made
/// at once. A move that [interacts](Move::interacts) proposes from the positions of other walkers:
/// the ensemble is cut in halves, each of which is updated given the other.
pub trait Move: Send + Sync {
    /// Checks that the move can be used, naming the argument that is wrong otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`].
    fn check(&self, n_dims: usize, n_walkers: usize) -> Result<(), Error>;

    /// Proposals, each accepted or rejected, that make one step.
    fn updates(&self, _n_dims: usize) -> usize {
        1
    }

    /// Whether proposals look at the other half of the ensemble.
    fn interacts(&self) -> bool {
        false
    }

    /// Numbers that each walker's move learns during the burn-in and keeps after it.
    fn memory(&self, _n_dims: usize) -> usize {
        0
    }

    /// What a walker's memory holds before it learnt anything.
    fn initial_memory(&self, _n_dims: usize) -> &[f64] {
        &[]
    }

    /// For a random walk: writes the increments of consecutive updates of one octet.
    fn increments(&self, _increments: &mut Increments<'_>) {}

    /// For a move that interacts: writes the proposals of one octet.
    fn propose(&self, _proposal: &mut Proposal<'_>) {}

    /// Learns from one update of one octet, during the burn-in only.
    fn adapt(&self, _adaptation: &mut Adaptation<'_>) {}
}

/// Increments of consecutive updates of one octet, to be written by a random walk.
pub struct Increments<'a> {
    /// The proposal generators of the eight walkers.
    pub generators: &'a mut Octet,
    /// Number of coordinates.
    pub n_dims: usize,
    /// Index of the first update within its step, when a step has several.
    pub first_update: usize,
    /// Number of updates.
    pub n_updates: usize,
    /// Coordinate j of update u belongs at `values[(u * n_dims + j) * stride]`.
    pub values: &'a mut [Lanes64],
    /// Distance between consecutive coordinates in `values`.
    pub stride: usize,
    /// The octet's memory, one vector for each number of [`Move::memory`].
    pub memory: &'a [Lanes64],
    /// One vector per update that the move may leave for [`Move::adapt`].
    pub note: &'a mut [Lanes64],
}

/// A proposal for one octet, to be written by a move that interacts.
pub struct Proposal<'a> {
    /// The proposal generators of the eight walkers.
    pub generators: &'a mut Octet,
    /// Where the eight walkers are, one vector per coordinate.
    pub current: &'a [Lanes64],
    /// The walkers of the other half.
    pub others: Others<'a>,
    /// Where they shall go, one vector per coordinate: to be written.
    pub proposed: &'a mut [Lanes64],
    /// ln q(x|y)/q(y|x), the logarithm of Hastings' factor: to be written (it comes as 0).
    pub log_factor: &'a mut Lanes64,
}

/// The positions of the walkers of the other half, octet by octet.
#[derive(Clone, Copy)]
pub struct Others<'a> {
    octets: &'a [Lanes64],
    n_dims: usize,
    len: usize,
}

impl<'a> Others<'a> {
    /// Sees `octets`, one after the other with one vector per coordinate, as `len` walkers.
    #[must_use]
    pub fn new(octets: &'a [Lanes64], n_dims: usize, len: usize) -> Self {
        debug_assert!(octets.len() >= len.div_ceil(8) * n_dims);
        Self { octets, n_dims, len }
    }

    /// Number of walkers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A coordinate of a walker.
    #[inline(always)]
    #[must_use]
    pub fn coordinate(&self, walker: usize, dim: usize) -> f64 {
        self.octets[(walker / 8) * self.n_dims + dim].0[walker % 8]
    }

    /// A coordinate of eight walkers.
    #[inline(always)]
    #[must_use]
    pub fn gather(&self, walkers: &[usize; 8], dim: usize) -> Lanes64 {
        let mut lanes = Lanes64::ZERO;
        for lane in 0..8 {
            lanes.0[lane] = self.coordinate(walkers[lane], dim);
        }
        lanes
    }

    /// `N` different walkers for each of eight, of one word of random bits each.
    ///
    /// All choices are equally likely but for differences of at most len/2³². There must be `N`
    /// walkers or more.
    #[inline(always)]
    #[must_use]
    pub fn draw<L: Level, const N: usize>(
        &self,
        generators: &mut Generators<L>,
    ) -> [[usize; 8]; N] {
        let mut drawn = [[0; 8]; N];
        let mut increasing = [[0; 8]; N];
        for n in 0..N {
            let mut words = Lanes([0; 8]);
            generators.words().store(&mut words);
            let left = (self.len - n) as u64;
            for lane in 0..8 {
                // Walkers not drawn yet are numbered without gaps: those drawn are stepped over.
                let mut walker = (((words.0[lane] >> 32) * left) >> 32) as usize;
                for m in 0..n {
                    walker += usize::from(increasing[m][lane] <= walker);
                }
                drawn[n][lane] = walker;
                for m in 0..n {
                    let other: usize = increasing[m][lane];
                    increasing[m][lane] = other.min(walker);
                    walker = walker.max(other);
                }
                increasing[n][lane] = walker;
            }
        }
        drawn
    }
}

/// What became of one update of one octet.
pub struct Adaptation<'a> {
    /// The octet's memory, one vector for each number of [`Move::memory`].
    pub memory: &'a mut [Lanes64],
    /// The increments, one vector per coordinate.
    pub increments: &'a [Lanes64],
    /// What [`Move::increments`] left.
    pub note: &'a Lanes64,
    /// min(1, π(y)/π(x)), the probabilities with which the proposals were accepted.
    pub probability: &'a Lanes64,
    /// Steps done in the burn-in, this one included.
    pub step: u64,
}
