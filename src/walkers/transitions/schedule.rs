//! Which transition makes which step.

use std::ops::Range;
use std::sync::Arc;

use super::Transition;
use crate::error::Error;
use crate::rng::uniform_at;
use crate::walkers::density::Calls;
use crate::walkers::state::Layout;

/// The stream of the choices: no walker has this index.
const CHOICES: u64 = u64::MAX;

/// One transition, or several of which each step takes one at random, the same for all walkers.
///
/// A mixture of kernels that each leave the target invariant leaves it invariant (Tierney 1994,
/// "Markov chains for exploring posterior distributions", section 2.4), as long as the choice does
/// not look at the walkers. It depends on the key and the step alone.
#[derive(Clone)]
pub struct Schedule {
    transitions: Vec<Arc<dyn Transition>>,
    /// Upper ends of the intervals of [0, 1) that belong to them.
    cumulative: Vec<f64>,
    key: [u8; 32],
}

impl Schedule {
    /// Takes transitions with positive weights, which need not sum to 1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is none or a weight is not positive and finite, and
    /// whatever the transitions find wrong.
    pub fn new(
        moves: Vec<(f64, Arc<dyn Transition>)>,
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
        Ok(Self { transitions: moves.into_iter().map(|(_, step)| step).collect(), cumulative, key })
    }

    /// The key that its choices are made of.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// All transitions.
    pub fn transitions(&self) -> impl Iterator<Item = &dyn Transition> {
        self.transitions.iter().map(AsRef::as_ref)
    }

    /// Index of the transition of a step.
    #[must_use]
    pub fn choose(&self, step: u64) -> usize {
        if self.transitions.len() == 1 {
            return 0;
        }
        let uniform = uniform_at(&self.key, CHOICES, step);
        let chosen = self.cumulative.iter().position(|&end| uniform < end);
        chosen.unwrap_or(self.transitions.len() - 1)
    }

    /// A transition by its index.
    #[must_use]
    pub fn get(&self, index: usize) -> &dyn Transition {
        self.transitions[index].as_ref()
    }

    /// Whether there is more than one.
    #[must_use]
    pub fn is_mix(&self) -> bool {
        self.transitions.len() > 1
    }

    /// Whether any of them looks at other walkers.
    #[must_use]
    pub fn looks_at_others(&self) -> bool {
        self.transitions().any(Transition::looks_at_others)
    }

    /// Where all of them may be called.
    #[must_use]
    pub fn calls(&self) -> Calls {
        let together = self.transitions().any(|transition| transition.calls() == Calls::Together);
        if together { Calls::Together } else { Calls::Parallel }
    }

    /// The columns of all of them, and where those of each lie.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn layout(&self, n_dims: usize) -> Result<(Layout, Vec<Range<usize>>), Error> {
        let mut layout = Layout::default();
        let mut places = Vec::with_capacity(self.transitions.len());
        for (i, transition) in self.transitions().enumerate() {
            let prefix = if self.is_mix() { format!("{i}.") } else { String::new() };
            places.push(layout.add(&prefix, transition.columns(n_dims)?)?);
        }
        Ok((layout, places))
    }
}
