//! Which move makes which step.

use std::sync::Arc;

use super::Move;
use crate::error::Error;
use crate::rng::uniform_at;

/// The stream of the choices of moves: no walker has this index.
const CHOICES: u64 = u64::MAX;

/// One move, or several of which each step takes one at random, the same for all walkers.
///
/// A mixture of kernels that each leave the target invariant leaves it invariant (Tierney 1994,
/// "Markov chains for exploring posterior distributions", section 2.4), as long as the choice does
/// not look at the walkers. It depends on the key and the step alone.
#[derive(Clone)]
pub struct Schedule {
    moves: Vec<Arc<dyn Move>>,
    /// Upper ends of the intervals of [0, 1) that belong to the moves.
    cumulative: Vec<f64>,
    key: [u8; 32],
}

impl Schedule {
    /// Takes moves with positive weights, which need not sum to 1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is none or a weight is not positive and finite, and
    /// whatever the moves find wrong.
    pub fn new(
        moves: Vec<(f64, Arc<dyn Move>)>,
        key: [u8; 32],
        n_dims: usize,
        n_walkers: usize,
    ) -> Result<Self, Error> {
        let invalid = |message| Error::InvalidArgument { name: "move", message };
        let total: f64 = moves.iter().map(|(weight, _)| weight).sum();
        if moves.is_empty() {
            return Err(invalid("a mix needs at least one move".to_owned()));
        }
        let mut sum = 0.0;
        let mut cumulative = Vec::with_capacity(moves.len());
        for (weight, step) in &moves {
            if !(*weight > 0.0 && weight.is_finite() && total.is_finite()) {
                let message = format!(
                    "weights must be positive and finite, as must be their sum, found {weight:?}"
                );
                return Err(invalid(message));
            }
            step.check(n_dims, n_walkers)?;
            sum += weight;
            cumulative.push(sum / total);
        }
        Ok(Self { moves: moves.into_iter().map(|(_, step)| step).collect(), cumulative, key })
    }

    /// The key that its choices are made of.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// All moves.
    pub fn moves(&self) -> impl Iterator<Item = &dyn Move> {
        self.moves.iter().map(AsRef::as_ref)
    }

    /// Index of the move of a step.
    #[must_use]
    pub fn choose(&self, step: u64) -> usize {
        if self.moves.len() == 1 {
            return 0;
        }
        let uniform = uniform_at(&self.key, CHOICES, step);
        let chosen = self.cumulative.iter().position(|&end| uniform < end);
        chosen.unwrap_or(self.moves.len() - 1)
    }

    /// A move by its index.
    #[must_use]
    pub fn get(&self, index: usize) -> &dyn Move {
        self.moves[index].as_ref()
    }

    /// Whether any move interacts.
    #[must_use]
    pub fn interacts(&self) -> bool {
        self.moves().any(Move::interacts)
    }
}
