//! The compiled part of foldstat: mixture models, random walkers and mergeable summaries that
//! use every core.
//!
//! Every result is a fold over blocks of rows ([`fold`]). The rooms, lowest first; each may use
//! those above it in this list, never those below:
//!
//! * [`error`]: the one error type
//! * [`memory`]: memory whose size comes from the user
//! * [`bytes`]: the envelope of everything that travels
//! * [`fold`]: monoids, fixed blocks, ordered merges, threads, the stop flag
//! * [`rows`]: rows of numbers as they lie in memory
//! * [`simd`]: vectorised mathematics and run-time dispatch
//! * [`rng`]: random numbers as a function of seed and stream
//! * [`lapack`], [`linalg`]: factorisations
//! * [`mixture`]: Gaussian mixtures
//! * [`pairwise`]: sums over pairs of rows
//! * [`summary`]: exact, mergeable summaries of numbers
//! * [`diagnostics`]: whether chains have converged
//! * [`walkers`]: Metropolis-Hastings walkers
//! * [`python`]: the boundary
//!
//! `glibc` stands aside: it only gives names to the linker.
//!
//! Only `python` and `lapack` know Python.

pub mod bytes;
pub mod diagnostics;
pub mod error;
pub mod fold;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod glibc;
pub mod lapack;
pub mod linalg;
pub mod memory;
pub mod mixture;
pub mod pairwise;
pub mod python;
pub mod rng;
pub mod rows;
pub mod simd;
pub mod summary;
pub mod walkers;

// Programs of their own would be linked with another copy of the crate, which takes minutes.
#[cfg(test)]
#[path = "../tests/crate/mod.rs"]
mod from_outside;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: memory::Net = memory::Net;

/// The Python module `foldstat._core`.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    python::register(module)
}
