//! Arrays and keys that ensembles are given, and matrices that they give.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::Error;
use crate::memory;
use crate::python::arrays;

/// The key of all random numbers.
pub(super) fn read_key(key: &[u8]) -> PyResult<[u8; 32]> {
    key.try_into()
        .map_err(|_| PyValueError::new_err(format!("key must be 32 bytes, found {}", key.len())))
}

/// The lowest and highest value of each coordinate, which may be infinite.
pub(super) fn read_bounds(
    bounds: Option<&Bound<'_, PyAny>>,
    n_dims: usize,
) -> PyResult<Option<Vec<[f64; 2]>>> {
    let Some(bounds) = bounds.filter(|bounds| !bounds.is_none()) else { return Ok(None) };
    let rows = arrays::matrix(bounds, "bounds")?;
    if rows.shape() != [n_dims, 2] {
        let (expected, found) = (format!("({n_dims}, 2)"), rows.shape().to_vec());
        return Err(Error::Shape { name: "bounds", expected, found }.into());
    }
    let pairs = rows.outer_iter().map(|row| [row[0], row[1]]);
    let bounds: Vec<[f64; 2]> = memory::collected(pairs, "the bounds")?;
    for (j, [low, high]) in bounds.iter().enumerate() {
        if low.partial_cmp(high) != Some(std::cmp::Ordering::Less) {
            let message = format!("must be increasing, found ({low}, {high}) for dimension {j}");
            return Err(Error::InvalidArgument { name: "bounds", message }.into());
        }
    }
    Ok(Some(bounds))
}

/// Checks (walkers, at least the draws needed, dimensions), and that all have as many draws.
pub(super) fn check_shape(
    name: &'static str,
    found: &[usize],
    (n_walkers, needed, n_dims): (usize, u64, Option<usize>),
    capacity: &mut Option<usize>,
) -> Result<(), Error> {
    let draws = found[1];
    let fits = found[0] == n_walkers
        && draws as u64 >= needed
        && n_dims.is_none_or(|n_dims| found[2] == n_dims)
        && capacity.is_none_or(|capacity| capacity == draws);
    if fits {
        *capacity = Some(draws);
        return Ok(());
    }
    let last = n_dims.map_or_else(String::new, |n_dims| format!(", {n_dims}"));
    let expected = format!("({n_walkers}, at least {needed}{last})");
    Err(Error::Shape { name, expected, found: found.to_vec() })
}
