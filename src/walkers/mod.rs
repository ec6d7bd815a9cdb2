//! Metropolis-Hastings walkers: many at once, eight to a vector, each with a random stream of its
//! own, so that their draws depend on no other walker and on no thread.
//!
//! | file | what it holds |
//! |---|---|
//! | `generators.rs`, `stream.rs` | random streams of eight walkers side by side, and of one |
//! | `density.rs`, `rules.rs` | what is walked over, and what its values mean |
//! | `densities/` | densities that are built in |
//! | `moves/` | proposals, one per file |
//! | `transitions/` | steps: by proposals, slices, conditional draws, and what is made of these |
//! | `state.rs`, `block.rs` | all walkers; those that are updated together |
//! | `update.rs` | evaluate and accept over a density that is called |
//! | `fused.rs` | propose, evaluate, accept in registers, over one that is built in |
//! | `transaction.rs` | a run, piece by piece, each of which is done whole or not at all |
//! | `independent.rs` | a piece of walkers that look at no other, block by block |
//! | `lockstep.rs` | a piece of walkers that look at each other, or are called together |
//! | `pooled.rs` | what a random walk learns from all walkers in the burn-in |
//! | `pace.rs` | how many steps at a time, and on how many threads |
//! | `record.rs`, `moments.rs` | what is kept of a run |
//! | `job.rs` | what all blocks share |
//! | `sampler.rs`, `outcome.rs` | the ensemble and how it advances; how that ends early |

mod block;
pub mod densities;
pub mod density;
pub mod fused;
pub mod generators;
mod independent;
mod job;
mod lockstep;
mod moments;
pub mod moves;
mod outcome;
mod pace;
mod pooled;
mod record;
mod rules;
mod sampler;
mod state;
mod stream;
mod transaction;
pub mod transitions;
mod update;

pub use density::{Calls, Density, Failure, Reason};
pub use fused::{BuiltIn, Fused, Walk};
pub use moments::{Histogram, Moments};
pub use outcome::{Failed, Stopped};
pub use pooled::Pooled;
pub use record::Output;
pub use rules::Rules;
pub use sampler::Sampler;
pub use state::{Column, Layout, State};
pub use stream::Stream;
pub use update::Rejected;
