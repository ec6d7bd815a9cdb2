//! Tests of the crate from outside: they use what is public.

mod densities;
mod diagnostics;
mod fold;
mod initialise;
mod interpreter;
mod linalg;
mod moves;
mod pairwise;
mod rows;
mod simd;
mod summary;
mod walkers;
