//! Folds: map each block of rows to a small partial result, merge partials in a fixed order.
//!
//! Every result of the crate is such a fold. What makes it repeatable to the last bit:
//!
//! * [`Partition`]: blocks have a fixed number of rows;
//! * [`Context::fold`]: partials are merged along a fixed binary tree, whichever thread
//!   computed them and whichever finished first;
//! * threads only decide *who* works on a branch of that tree.
//!
//! | file | what it holds |
//! |---|---|
//! | `monoid.rs` | [`Monoid`]: what can be merged |
//! | `running.rs` | [`Fold`]: the same tree over blocks that come one by one, or in pieces |
//! | `partition.rs` | [`Partition`]: which rows make a block |
//! | `output.rs` | [`Output`], [`RowsMut`]: results with one row per input row |
//! | `context.rs` | [`Context`], [`Stop`], [`Report`]: what every kernel is handed |
//! | `idle.rs` | [`Idle`]: scratch memory that tasks hand on to one another |
//! | `lockstep.rs` | [`Barrier`]: threads that go step by step |
//! | `pool.rs` | private thread pools that survive `fork` |
//! | `threads.rs` | how many threads to use |

mod context;
mod idle;
mod lockstep;
mod monoid;
mod output;
mod partition;
mod pool;
mod running;
mod threads;

pub use context::{Context, Report, Reports, Stop};
pub use idle::Idle;
pub use lockstep::{Barrier, Broken};
pub use monoid::Monoid;
pub use output::{Output, RowsMut};
pub use partition::Partition;
pub use pool::{Halted, Pool};
pub use running::{Fold, Leaves, MOST_LEAVES, Node};
pub use threads::{Threads, resolve_threads};
