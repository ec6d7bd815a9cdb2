//! Walkers for Python.

mod bit_generator;
mod buffers;
mod built_in;
mod callable;
mod called_moves;
mod density;
mod ensemble;
mod moments;
mod moves;
mod native;
mod original;
mod raised;
mod state;

use pyo3::prelude::*;

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    density::register(module)?;
    moves::register(module)?;
    module.add_class::<bit_generator::WalkerBits>()?;
    module.add_class::<ensemble::WalkerEnsemble>()?;
    module.add_class::<moments::WalkerMoments>()
}
