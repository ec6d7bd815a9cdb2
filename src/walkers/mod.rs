//! Metropolis-Hastings walkers: many at once, eight to a vector, each with a random stream of its
//! own, so that their draws depend on no other walker and on no thread.
//!
//! | file | what it holds |
//! |---|---|
//! | `generators.rs` | random streams of eight walkers side by side |
//! | `density.rs`, `rules.rs` | what is walked over, and what its values mean |
//! | `densities/` | densities that are built in |
//! | `moves/` | proposals, one per file |
//! | `state.rs`, `block.rs` | all walkers; those that are updated together |
//! | `update.rs` | propose, evaluate, accept over a density that is called |
//! | `fused.rs` | the same in registers, over one that is built in |
//! | `independent.rs` | random walks, block by block |
//! | `ensemble.rs`, `member.rs` | walkers in turns: moves and calls that see many of them |
//! | `pooled.rs` | what a random walk learns from all walkers in the burn-in |
//! | `pace.rs` | how many steps at a time, and on how many threads |
//! | `record.rs`, `moments.rs` | what is kept of a run |
//! | `job.rs` | what all blocks share |
//! | `sampler.rs` | the ensemble and how it advances |
//! | `diagnostics/` | convergence diagnostics |

mod block;
pub mod densities;
pub mod density;
pub mod diagnostics;
mod ensemble;
pub mod fused;
pub mod generators;
mod independent;
mod job;
mod member;
mod moments;
pub mod moves;
mod pace;
mod pooled;
mod record;
mod rules;
mod sampler;
mod state;
mod update;

pub use density::{Calls, Density, Failure, Reason};
pub use fused::{BuiltIn, Fused, Walk};
pub use moments::{Histogram, Moments};
pub use pooled::Pooled;
pub use record::Output;
pub use rules::Rules;
pub use sampler::{Failed, Sampler, Stopped};
pub use state::State;
pub use update::Rejected;
