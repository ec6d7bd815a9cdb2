//! Diagnostics of Markov chains: has the run converged, and how much is it worth?
//!
//! All take draws of shape (chain, draw, dimension) and give one value per dimension. A dimension
//! with a NaN, or too short, is NaN. The definitions are those of Vehtari, Gelman, Simpson,
//! Carpenter & Bürkner, "Rank-normalization, folding, and localization: an improved R-hat for
//! assessing convergence of MCMC", Bayesian Analysis 16(2), 2021; where the paper leaves a
//! choice open (the treatment of constant and of very short chains), ArviZ's is taken.
//!
//! | file | what it holds |
//! |---|---|
//! | `draws.rs` | [`Draws`]: the input as it lies in memory; packing into pieces of chains |
//! | `engine.rs` | the loop over dimensions, and the memory it uses again and again |
//! | `order.rs` | sorting, order statistics, quantiles |
//! | `normal.rs` | the normal quantile function, and normal scores of ranks |
//! | `ranks.rs` | average ranks as normal scores; folding around the median |
//! | `r_hat.rs` | R-hat and nested R-hat |
//! | `geyer.rs` | effective sample size from autocovariances |
//! | `autocovariance.rs` | autocovariances, as many lags as are asked for |
//! | `lags.rs` | sums of lagged products of numbers |
//! | `bits.rs` | the same for chains of 0 and 1 |
//! | `fourier.rs` | the same for all lags at once |
//! | `measures.rs` | the diagnostics of one dimension, from these parts |
//! | `sokal.rs` | integrated autocorrelation time |
//! | `summary.rs` | everything of a summary table in one pass |

mod autocovariance;
mod bits;
mod draws;
mod engine;
mod fourier;
mod geyer;
mod lags;
mod measures;
mod normal;
mod order;
mod r_hat;
mod ranks;
mod sokal;
mod summary;

pub use draws::Draws;
pub use measures::{ess_bulk, ess_quantile, ess_tail, mcse_mean, mcse_sd, order_statistics, r_hat};
pub use normal::normal_quantile;
pub use r_hat::{Superchains, nested_r_hat};
pub use sokal::autocorrelation_time;
pub use summary::{DimensionSummary, summary};
