//! [`Cycle`].

use std::sync::Arc;

use super::{Step, Transition};
use crate::error::Error;
use crate::walkers::density::Calls;
use crate::walkers::state::Column;
use crate::walkers::update::Rejected;

/// Several transitions, one after the other in each step.
///
/// A cycle of kernels that each leave the target as it is leaves it as it is (Tierney 1994, "Markov
/// chains for exploring posterior distributions", section 2.4): Gibbs' sampler where each of them
/// moves other coordinates (Geman & Geman 1984, "Stochastic relaxation, Gibbs distributions, and
/// the Bayesian restoration of images").
#[derive(Clone)]
pub struct Cycle {
    /// Each with how many numbers it keeps of a walker.
    parts: Vec<(Arc<dyn Transition>, usize)>,
    n_dims: usize,
}

impl Cycle {
    /// Takes the transitions, for so many coordinates.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there are none, [`Error::Memory`] if there is no room to count
    /// what they keep.
    pub fn new(parts: Vec<Arc<dyn Transition>>, n_dims: usize) -> Result<Self, Error> {
        if parts.is_empty() {
            let message = "a cycle needs at least one transition".to_owned();
            return Err(Error::InvalidArgument { name: "move", message });
        }
        let with_length = |part: Arc<dyn Transition>| {
            let length = part.columns(n_dims)?.iter().map(|column| column.initial.len()).sum();
            Ok((part, length))
        };
        let parts = parts.into_iter().map(with_length).collect::<Result<_, Error>>()?;
        Ok(Self { parts, n_dims })
    }

    fn parts(&self) -> impl Iterator<Item = &dyn Transition> {
        self.parts.iter().map(|(part, _)| &**part)
    }
}

impl Transition for Cycle {
    fn check(&self, n_dims: usize, n_walkers: usize) -> Result<(), Error> {
        if n_dims != self.n_dims {
            let message = format!("is for {} dimension(s), found {n_dims}", self.n_dims);
            return Err(Error::InvalidArgument { name: "move", message });
        }
        self.parts().try_for_each(|part| part.check(n_dims, n_walkers))
    }

    fn evaluations(&self, n_dims: usize) -> usize {
        self.parts().map(|part| part.evaluations(n_dims)).sum()
    }

    fn columns(&self, n_dims: usize) -> Result<Vec<Column>, Error> {
        let mut columns = Vec::new();
        for (i, part) in self.parts().enumerate() {
            let named = |column: Column| Column { name: format!("{i}.{}", column.name), ..column };
            columns.extend(part.columns(n_dims)?.into_iter().map(named));
        }
        Ok(columns)
    }

    fn looks_at_others(&self) -> bool {
        self.parts().any(|part| part.looks_at_others())
    }

    fn walks_alone(&self) -> bool {
        self.parts().all(|part| part.walks_alone())
    }

    fn measures_others(&self) -> bool {
        self.parts().any(|part| part.measures_others())
    }

    fn calls(&self) -> Calls {
        let together = self.parts().any(|part| part.calls() == Calls::Together);
        if together { Calls::Together } else { Calls::Parallel }
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        let (all, share) = (step.columns.clone(), step.share);
        let mut first = all.start;
        step.share = share / self.parts.len() as f64;
        for (part, length) in &self.parts {
            step.columns = first..first + length;
            part.step(step)?;
            first += length;
        }
        (step.columns, step.share) = (all, share);
        Ok(())
    }
}
