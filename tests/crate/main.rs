//! Tests of the crate from outside, in one program: each program is linked with all of the crate.

mod densities;
mod diagnostics;
mod fold;
mod initialise;
mod interpreter;
mod linalg;
mod pairwise;
mod rows;
mod simd;
mod summary;
