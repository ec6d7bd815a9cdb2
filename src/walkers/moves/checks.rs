//! What moves check about their numbers.

use crate::error::Error;

/// Checks that all numbers are positive and finite.
pub(in crate::walkers) fn check_positive(name: &'static str, values: &[f64]) -> Result<(), Error> {
    let Some(at) = values.iter().position(|value| !(*value > 0.0 && value.is_finite())) else {
        return Ok(());
    };
    let place = if values.len() > 1 { format!(" at position {at}") } else { String::new() };
    let message = format!("must be positive and finite, found {:?}{place}", values[at]);
    Err(Error::InvalidArgument { name, message })
}

/// Checks that every axis of a parameter is as long as there are dimensions.
pub(in crate::walkers) fn check_axes<const N: usize>(
    name: &'static str,
    found: [usize; N],
    n_dims: usize,
) -> Result<(), Error> {
    if found == [n_dims; N] {
        return Ok(());
    }
    let tuple = if N == 1 { format!("({n_dims},)") } else { format!("({n_dims}, {n_dims})") };
    let expected = format!("{tuple} for a density of {n_dims} dimension(s)");
    Err(Error::Shape { name, expected, found: found.to_vec() })
}

/// Checks that both halves of the ensemble hold at least `least` walkers.
pub(super) fn check_halves(name: &str, n_walkers: usize, least: usize) -> Result<(), Error> {
    if n_walkers / 2 >= least {
        return Ok(());
    }
    let message = format!(
        "{name} looks at {least} walker(s) of the other half, so there must be at least {} \
         walkers, found {n_walkers}",
        2 * least
    );
    Err(Error::InvalidArgument { name: "n_walkers", message })
}
