//! Gaussian mixtures: values, E-step, statistics, M-step, EM loop, initialisation.
//!
//! | file | what it holds |
//! |---|---|
//! | `value.rs` | a mixture: weights, means, factors of precisions, checked |
//! | `geometry.rs` | how factors and scatters lie: what kernels are compiled for |
//! | `constraints/` | what covariances may be, by name: M-steps |
//! | `sample.rs` | rows and weights, checked |
//! | `unit.rs` | sample weights without their unit |
//! | `present.rs` | rows of positive weight, and their random numbers |
//! | `statistics.rs` | sufficient statistics: the monoid |
//! | `counted.rs`, `statistics_bytes.rs` | the same as they travel, with or without their places |
//! | `block.rs` | rows packed into cache |
//! | `softmax.rs` | log-sum-exp and responsibilities of a panel |
//! | `law.rs` | squared distances → log-densities |
//! | `prepared.rs` | what the kernels of a geometry provide |
//! | `full.rs`, `tied.rs`, `diagonal.rs` | these kernels |
//! | `triangular.rs`, `wide.rs` | the triangular products, rows or features across lanes |
//! | `single.rs` | which blocks of rows of `f32` are computed in `f32` |
//! | `pass.rs` | one pass: rows → statistics |
//! | `chunks.rs`, `seen.rs` | the same over chunks of rows, and the proof that they are the same ones |
//! | `incomplete/` | rows of which values are missing |
//! | `score.rs` | one pass: rows → densities, responsibilities, labels |
//! | `elementary.rs` | exponentials and logarithms of arrays |
//! | `univariate.rs` | one feature: tails and quantiles |
//! | `maximization.rs`, `factors.rs` | statistics → estimates → mixture |
//! | `model.rs` | what EM fits: M-step and bound |
//! | `maximum_posterior.rs` | the same with conjugate priors |
//! | `bayes/` | distributions of the parameters in place of them |
//! | `initialise.rs`, `start.rs` | where EM starts |
//! | `squarem.rs`, `stopping.rs` | longer steps, and when to stop |
//! | `em.rs` | EM as a machine, and the loop over rows in memory |

mod bayes;
mod block;
mod chunks;
mod constraints;
mod counted;
mod diagonal;
mod elementary;
mod em;
mod factors;
mod full;
mod geometry;
mod incomplete;
mod initialise;
mod law;
mod maximization;
mod maximum_posterior;
mod model;
mod pass;
mod prepared;
mod present;
mod sample;
mod score;
mod seen;
mod single;
mod softmax;
mod squarem;
mod start;
mod statistics;
mod statistics_bytes;
mod stopping;
mod tied;
mod triangular;
mod unit;
mod univariate;
mod value;
mod wide;
mod wide_moments;

pub use bayes::{Bayes, Concentration, Posterior, Prior};
pub use chunks::{ChunkedPass, Place};
pub use constraints::{CONSTRAINTS, Constraint, constraint};
pub use counted::Counted;
pub use elementary::elementary;
pub use em::{Em, Fit, Options, Run, em};
pub use factors::{precisions, precisions_cholesky, precisions_cholesky_from_precisions};
pub use geometry::{Geometry, triangle};
pub use incomplete::IncompletePass;
pub use initialise::{Method, initial_statistics};
pub use maximization::{Estimates, estimate};
pub use maximum_posterior::{MaximumPosterior, PriorRows};
pub use model::{MaximumLikelihood, Model};
pub use pass::{Responsibilities, statistics, statistics_of_responsibilities};
pub use sample::Sample;
pub use score::{Columns, Outputs, score};
pub use seen::Seen;
pub use squarem::{Cycle, Place as CyclePlace};
pub use start::{Given, Start, Starts};
pub use statistics::MixtureStatistics;
pub use stopping::Rule;
pub use univariate::{Scale, distribution, quantiles};
pub use value::Mixture;

/// What memory is for, in errors: starts.
const STARTS: &str = "the starts of a fit";
/// What memory is for, in errors: estimates.
const ESTIMATES: &str = "the estimates of a mixture";
