//! Gaussian mixtures: parameters, E-step, statistics, M-step, EM loop, initialisation.
//!
//! | file | what it holds |
//! |---|---|
//! | `parameters.rs` | covariance families by name, checked parameters |
//! | `unit.rs` | sample weights without their unit |
//! | `present.rs` | rows of positive weight, and their random numbers |
//! | `statistics.rs` | sufficient statistics: the monoid |
//! | `block.rs` | rows packed into cache |
//! | `softmax.rs` | log-sum-exp and responsibilities of a panel |
//! | `family.rs` | what a covariance family provides |
//! | `full.rs`, `tied.rs`, `diagonal.rs` | the families |
//! | `triangular.rs`, `wide.rs` | the triangular products, rows or features across lanes |
//! | `single.rs` | which blocks of rows of `f32` are computed in `f32` |
//! | `pass.rs` | one pass: rows → statistics |
//! | `score.rs` | one pass: rows → densities, responsibilities, labels |
//! | `maximization.rs` | statistics → estimates → parameters |
//! | `em.rs` | the loop |

mod block;
mod diagonal;
mod em;
mod family;
mod full;
mod initialise;
mod maximization;
mod parameters;
mod pass;
mod present;
mod score;
mod single;
mod softmax;
mod statistics;
mod tied;
mod triangular;
mod unit;
mod wide;

pub use em::{Fit, Options, em};
pub use initialise::{Method, initial_statistics};
pub use maximization::{
    Estimates, estimate, precisions, precisions_cholesky, precisions_cholesky_from_precisions,
};
pub use parameters::{CovarianceType, Parameters, triangle};
pub use pass::{Responsibilities, statistics, statistics_of_responsibilities};
pub use score::{Columns, Outputs, score};
pub use statistics::MixtureStatistics;
pub use unit::UnitWeights;
