//! What covariances may be: one short file for each name that `covariance_type` has.
//!
//! | file | name | free parameters of k components in d features |
//! |---|---|---|
//! | `full.rs` | full | k d(d+1)/2 |
//! | `tied.rs` | tied | d(d+1)/2 |
//! | `diagonal.rs` | diag | k d |
//! | `spherical.rs` | spherical | k |
//!
//! A constraint is an M-step: from the scatter of its [`Geometry`] to covariances. It needs no
//! kernel of its own.

mod diagonal;
mod full;
mod spherical;
mod tied;

use std::fmt::Debug;

use super::geometry::Geometry;
use crate::error::Error;
use crate::fold::Stop;

/// What covariances may be.
pub trait Constraint: Debug + Send + Sync {
    /// Its name, a value of `covariance_type`.
    fn name(&self) -> &'static str;

    /// How its covariances lie.
    fn geometry(&self) -> Geometry;

    /// Number of free parameters of the covariances.
    fn n_parameters(&self, n_components: usize, n_features: usize) -> usize;

    /// The covariances that maximise the likelihood, of the shape of the geometry.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error>;
}

/// Constraints that there are, by name.
pub static CONSTRAINTS: [&dyn Constraint; 4] =
    [&full::Full, &tied::Tied, &diagonal::Diagonal, &spherical::Spherical];

/// The constraint of that name.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if there is none.
pub fn constraint(name: &str) -> Result<&'static dyn Constraint, Error> {
    CONSTRAINTS.into_iter().find(|constraint| constraint.name() == name).ok_or_else(|| {
        let names = CONSTRAINTS.map(|constraint| format!("'{}'", constraint.name()));
        let [others @ .., last] = &names[..] else { return Error::Bug("no constraints".into()) };
        let message = format!("must be {} or {last}, found {name:?}", others.join(", "));
        Error::InvalidArgument { name: "covariance_type", message }
    })
}

/// Second moments about the means, Σr(x−μ)(x−μ)ᵀ, as the geometry keeps them.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    /// Number of features.
    pub n_features: usize,
    /// nₖ of each component.
    pub counts: &'a [f64],
    /// [`Geometry::scatter_len`] values.
    pub values: &'a [f64],
}

/// Appends the symmetric matrix of a scatter's lower triangle, divided by n, where there is room.
fn push_divided(matrices: &mut Vec<f64>, lower: &[f64], d: usize, n: f64) {
    let first = matrices.len();
    super::statistics::push_symmetric(matrices, lower, d);
    matrices[first..].iter_mut().for_each(|value| *value /= n);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for known in CONSTRAINTS {
            assert_eq!(constraint(known.name()).unwrap().name(), known.name());
        }
        let error = constraint("VVVV").unwrap_err().to_string();
        assert!(error.contains("'full', 'tied', 'diag' or 'spherical', found \"VVVV\""), "{error}");
    }

    #[test]
    fn covariances_have_the_shape_of_the_geometry() {
        let (k, d) = (3, 4);
        for known in CONSTRAINTS {
            let geometry = known.geometry();
            let values = vec![2.0; geometry.scatter_len(k, d)];
            let scatter = Scatter { n_features: d, counts: &[1.0; 3], values: &values };
            let covariances = known.covariances(&scatter, &Stop::default()).unwrap();
            assert_eq!(covariances.len(), geometry.len(k, d), "{}", known.name());
            assert!(known.n_parameters(k, d) <= geometry.scatter_len(k, d));
        }
    }
}
