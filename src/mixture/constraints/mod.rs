//! What covariances may be: a short file for each idea, a name for each value of `covariance_type`.
//!
//! Names are those of mclust (Fraley & Raftery 2002; Scrucca et al. 2016): volume, shape and
//! orientation of the covariance λₖ Dₖ Aₖ Dₖᵀ, |Aₖ| = 1, each equal for all components (E), their own
//! (V), or that of the identity (I); and scikit-learn's for four of them.
//!
//! | file | names | free parameters of k components in d features |
//! |---|---|---|
//! | `equal.rs` | EII, EEI | 1, d |
//! | `spherical.rs` | VII, spherical | k |
//! | `diagonal.rs` | VVI, diag | k d |
//! | `tied.rs` | EEE, tied | d(d+1)/2 |
//! | `full.rs` | VVV, full | k d(d+1)/2 |
//! | `volumes.rs` | VEI, VEE | [`free_parameters`] of k volumes and one shape |
//! | `shapes.rs` | EVI, EVV | of one volume and k shapes |
//! | `own_axes.rs` | EEV, VEV | of one shape and k orientations |
//! | `common_axes.rs` | EVE, VVE | of k shapes and one orientation |
//!
//! A constraint is an M-step: from the scatter of its [`Geometry`] to covariances. It needs no
//! kernel of its own. `matrices.rs` has what several of them do with matrices.

mod common_axes;
mod diagonal;
mod equal;
mod full;
mod matrices;
mod own_axes;
mod shapes;
mod spherical;
mod tied;
mod volumes;

use std::fmt::Debug;

use super::ESTIMATES;
use super::geometry::Geometry;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;

/// What covariances may be.
pub trait Constraint: Debug + Send + Sync {
    /// Its name, a value of `covariance_type`.
    fn name(&self) -> &'static str;

    /// How its covariances lie.
    fn geometry(&self) -> Geometry;

    /// Number of free parameters of the covariances.
    fn n_parameters(&self, n_components: usize, n_features: usize) -> usize;

    /// Where a variance that is added to all covariances goes in.
    fn ridge(&self) -> Ridge {
        Ridge::Scatter
    }

    /// The covariances that maximise the likelihood, of the shape of the geometry.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped;
    /// [`Error::IllConditioned`] if the scatter leaves them undefined.
    fn covariances(&self, scatter: &Scatter<'_>, stop: &Stop) -> Result<Vec<f64>, Error>;
}

/// What becomes of a variance that is to be added to all covariances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ridge {
    /// It is added to their diagonals: such covariances are admitted again.
    Covariances,
    /// nₖ times that is added to the diagonal of each scatter, of matrices or diagonals: the result is
    /// admitted, and the maximum for rows with so much noise in every feature.
    Scatter,
}

/// Constraints that there are, by name.
pub static CONSTRAINTS: [&dyn Constraint; 18] = [
    &full::Full("full"),
    &tied::Tied("tied"),
    &diagonal::Diagonal("diag"),
    &spherical::Spherical("spherical"),
    &equal::EqualSpherical,
    &spherical::Spherical("VII"),
    &equal::EqualDiagonal,
    &volumes::VolumesOfDiagonal,
    &shapes::ShapesOfDiagonals,
    &diagonal::Diagonal("VVI"),
    &tied::Tied("EEE"),
    &volumes::VolumesOfMatrix,
    &common_axes::CommonAxesAndVolume,
    &common_axes::CommonAxes,
    &own_axes::OwnAxes,
    &own_axes::OwnAxesAndVolumes,
    &shapes::ShapesOfMatrices,
    &full::Full("VVV"),
];

/// Free parameters of so many volumes, shapes and orientations in d features.
const fn free_parameters(d: usize, volumes: usize, shapes: usize, orientations: usize) -> usize {
    let turns = d * d.saturating_sub(1) / 2;
    volumes + shapes * d.saturating_sub(1) + orientations * turns
}

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
    /// μₖ, components × features.
    pub means: &'a [f64],
    /// The mixture that the responsibilities are of: a search may begin there.
    pub previous: Option<&'a Mixture>,
}

impl Scatter<'_> {
    /// Σ nₖ.
    fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// The squares of component k: a scatter of d values is a diagonal, and a longer one a triangle.
    fn squares(&self, k: usize) -> impl Iterator<Item = f64> {
        let d = self.n_features;
        let one = self.values.len() / self.counts.len();
        let geometry = if one == d { Geometry::Diagonal } else { Geometry::Full };
        geometry.squares(d).map(move |j| self.values[k * one + j])
    }

    /// The squares of all components, summed.
    fn pooled(&self) -> Result<Vec<f64>, Error> {
        let mut pooled = memory::filled(self.n_features, 0.0, ESTIMATES)?;
        for k in 0..self.counts.len() {
            pooled.iter_mut().zip(self.squares(k)).for_each(|(sum, square)| *sum += square);
        }
        Ok(pooled)
    }

    /// Fails if a component has no variance in any feature: a volume of its own would be 0.
    ///
    /// # Errors
    ///
    /// [`Error::IllConditioned`] naming the first of them, or 0 if a feature varies in none.
    fn check_volumes(&self) -> Result<(), Error> {
        self.check_variances(self.n_features)
    }

    /// Fails if a component has no variance in one feature: it would have no shape of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::check_volumes`].
    fn check_shapes(&self) -> Result<(), Error> {
        self.check_variances(1)
    }

    /// Fails for the first component whose variance vanishes in so many features, or for a feature
    /// whose variance does in all of them: if it is no more than a rounding of the mean, or of that
    /// of all rows about their means.
    fn check_variances(&self, many: usize) -> Result<(), Error> {
        const ROUNDINGS: f64 = 32.0 * f64::EPSILON;
        let (pooled, d) = (self.pooled()?, self.n_features);
        let n = self.total();
        let least = |k: usize, j: usize| {
            let rounding = ROUNDINGS * self.means[k * d + j];
            self.counts[k] * (rounding * rounding)
        };
        let components = 0..self.counts.len();
        let sum_of_least = |j: usize| components.clone().map(|k| least(k, j)).sum::<f64>();
        if (0..d).any(|j| pooled[j] <= sum_of_least(j)) {
            return Err(Error::IllConditioned { component: 0 });
        }
        for component in components.clone() {
            let share = f64::EPSILON * (self.counts[component] / n);
            let vanishes = |(j, square): (usize, f64)| {
                square <= f64::max(share * pooled[j], least(component, j))
            };
            if self.squares(component).enumerate().filter(|pair| vanishes(*pair)).count() >= many {
                return Err(Error::IllConditioned { component });
            }
        }
        Ok(())
    }
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
        assert!(error.contains("'EVV' or 'VVV', found \"VVVV\""), "{error}");
    }

    #[test]
    fn covariances_have_the_shape_of_the_geometry() {
        let (k, d) = (3, 4);
        for known in CONSTRAINTS {
            let geometry = known.geometry();
            let mut values = vec![0.0; geometry.scatter_len(k, d)];
            for component in 0..k {
                let scatter = &mut values[geometry.scatter(component, d)];
                geometry.squares(d).for_each(|j| scatter[j] = 2.0);
            }
            let scatter = Scatter {
                n_features: d,
                counts: &[1.0; 3],
                values: &values,
                means: &[0.0; 12],
                previous: None,
            };
            let covariances = known.covariances(&scatter, &Stop::default()).unwrap();
            assert_eq!(covariances.len(), geometry.len(k, d), "{}", known.name());
            assert!(known.n_parameters(k, d) <= geometry.scatter_len(k, d));
        }
    }
}
