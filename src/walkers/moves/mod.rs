//! Proposals of Metropolis and Hastings: one move per file, behind [`RandomWalkMove`] or
//! [`EnsembleMove`]. [`super::transitions`] makes steps of them.
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

mod adaptive;
mod checks;
mod componentwise;
mod differential_evolution;
mod lower;
mod normal;
mod snooker;
mod stretch;
mod uniform;

pub use self::adaptive::AdaptiveStep;
pub(super) use self::checks::{check_axes, check_positive};
pub use self::componentwise::ComponentwiseStep;
pub use self::differential_evolution::DifferentialEvolution;
pub(super) use self::lower::{multiply, pack, row_start, standard_normals};
pub use self::normal::NormalStep;
pub use self::snooker::Snooker;
pub use self::stretch::Stretch;
pub use self::uniform::UniformStep;

use super::generators::{Generators, Octet};
use crate::error::Error;
use crate::simd::{Lanes, Lanes64, Level, Words};

/// How a random walk moves: increments that depend on nothing but the walker's own generator, and
/// on what it learnt during the burn-in, so that those of many updates are made at once.
///
/// Moves work on *octets*, eight walkers side by side: `[Lanes64]` holds one coordinate of eight
/// walkers. A move reaches the vector instructions through [`crate::simd::dispatch`] in each call.
pub trait RandomWalkMove: Send + Sync {
    /// Checks that the move can be used, naming the argument that is wrong otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`].
    fn check(&self, n_dims: usize) -> Result<(), Error>;

    /// Proposals, each accepted or rejected, that make one step.
    fn updates(&self, _n_dims: usize) -> usize {
        1
    }

    /// Writes the increments of consecutive updates of one octet.
    fn increments(&self, increments: &mut Increments<'_>);

    /// How the move learns during the burn-in, if it does.
    fn learning(&self) -> Option<&dyn Learning> {
        None
    }
}

/// A random walk that learns from its own updates.
pub trait Learning {
    /// What the numbers are called that each walker learns.
    fn name(&self) -> &'static str;

    /// What they are before a walker learnt anything.
    fn initial(&self) -> &[f64];

    /// Learns from one update of one octet.
    fn adapt(&self, adaptation: &mut Adaptation<'_>);
}

/// How walkers move that look at the other half of the ensemble, which is updated given the other.
pub trait EnsembleMove: Send + Sync {
    /// Checks that there are walkers enough.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] otherwise.
    fn check(&self, n_walkers: usize) -> Result<(), Error>;

    /// Writes the proposals of one octet.
    fn propose(&self, proposal: &mut Proposal<'_>);

    /// Whether proposals need to know how far the others are apart.
    fn measures_others(&self) -> bool {
        false
    }
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
    /// What the octet has learnt, one vector for each number of [`Learning::initial`].
    pub learnt: &'a [Lanes64],
    /// One vector per update that the move may leave for [`Learning::adapt`].
    pub note: &'a mut [Lanes64],
}

/// A proposal for one octet, to be written by a move that looks at others.
pub struct Proposal<'a> {
    /// The proposal generators of the eight walkers.
    pub generators: &'a mut Octet,
    /// Number of coordinates.
    pub n_dims: usize,
    /// Where the eight walkers are: coordinate j is `current[j * stride]`.
    pub current: &'a [Lanes64],
    /// The walkers of the other half.
    pub others: Others<'a>,
    /// Where they shall go, in the same places: to be written.
    pub proposed: &'a mut [Lanes64],
    /// Distance between consecutive coordinates.
    pub stride: usize,
    /// ln q(x|y)/q(y|x), the logarithm of Hastings' factor: to be written (it comes as 0).
    pub log_factor: &'a mut Lanes64,
}

/// The positions of the walkers of the other half, octet by octet.
#[derive(Clone, Copy)]
pub struct Others<'a> {
    octets: &'a [Lanes64],
    n_dims: usize,
    len: usize,
    /// One over their standard deviation in each dimension, if it was asked for; 0 if it has none.
    pub closeness: &'a [f64],
}

impl<'a> Others<'a> {
    /// Sees `octets`, one after the other with one vector per coordinate, as `len` walkers.
    #[must_use]
    pub fn new(octets: &'a [Lanes64], n_dims: usize, len: usize) -> Self {
        debug_assert!(octets.len() >= len.div_ceil(8) * n_dims);
        Self { octets, n_dims, len, closeness: &[] }
    }

    /// Writes one over their standard deviation in each dimension, or 0 where that is no number.
    ///
    /// Each is a sum over the walkers in their order, so that it is the same everywhere.
    pub fn measure(&self, closeness: &mut [f64]) {
        for (dim, closeness) in closeness.iter_mut().enumerate() {
            let coordinates = (0..self.len).map(|walker| self.coordinate(walker, dim));
            let mean = coordinates.clone().sum::<f64>() / self.len as f64;
            let square = coordinates.map(|x| (x - mean) * (x - mean)).sum::<f64>();
            let inverse = (self.len as f64 / square).sqrt();
            *closeness = if inverse.is_finite() { inverse } else { 0.0 };
        }
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
    /// What the octet has learnt, one vector for each number of [`Learning::initial`].
    pub learnt: &'a mut [Lanes64],
    /// The increments, one vector per coordinate.
    pub increments: &'a [Lanes64],
    /// What [`RandomWalkMove::increments`] left.
    pub note: &'a Lanes64,
    /// min(1, π(y)/π(x)), the probabilities with which the proposals were accepted.
    pub probability: &'a Lanes64,
    /// Steps done in the burn-in, this one included.
    pub step: u64,
}
