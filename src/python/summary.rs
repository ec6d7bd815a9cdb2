//! Summaries for Python.
//!
//! | file | what it holds |
//! |---|---|
//! | `input.rs` | columns, ids and weights as they come |
//! | `items.rs` | Python's own numbers, one by one |
//! | `state.rs` | [`SummaryState`]: how numbers get in, merges, reads |
//! | `states.rs` | [`SummaryStates`]: very many of them side by side |
//! | `each.rs` | quantiles of very many, and what they say of times and decimals |
//! | `convert.rs` | numbers and ids back to Python |
//! | `passes.rs` | many summaries in one pass |
//! | `joint.rs` | [`JointState`]: several columns at once |
//! | `text.rs` | columns of texts |

use pyo3::prelude::*;

mod convert;
mod each;
mod input;
mod items;
mod joint;
mod passes;
mod state;
mod states;
mod text;

pub use joint::JointState;
pub use state::SummaryState;
pub use states::SummaryStates;

/// Nanoseconds that one value takes, about, where every value goes through the vector kernels.
const VALUE_NANOSECONDS: f64 = 1.5;

/// Adds the room's names to the module.
///
/// # Errors
///
/// Whatever Python raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SummaryState>()?;
    module.add_class::<SummaryStates>()?;
    module.add_class::<JointState>()?;
    each::register(module)?;
    passes::register(module)?;
    text::register(module)
}
