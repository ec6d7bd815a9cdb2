//! Variational Bayesian mixtures: the same fold, another M-step (Bishop 2006, section 10.2; Blei & Jordan 2006).
//!
//! | file | what it holds |
//! |---|---|
//! | `posterior.rs` | the distribution of weights, means and precisions; what an E-step expects of it |
//! | `prior.rs` | the same before any row was seen, and the M-step that leads from one to the other |
//! | `bound.rs` | the evidence's lower bound |

mod bound;
mod posterior;
mod prior;

pub use bound::squared_distances;
pub use posterior::{Concentration, Posterior};
pub use prior::{Bayes, Prior};
