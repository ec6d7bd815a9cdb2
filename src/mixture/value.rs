//! A Gaussian mixture as a value: checked once, and all that a pass needs.

use super::bayes::Posterior;
use super::geometry::Geometry;
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;
use crate::simd::{Kernel, Level, dispatch, ln};

/// log 2π.
const LN_TAU: f64 = 1.837_877_066_409_345_6;

/// What the memory is for, in errors.
const WHAT: &str = "the parameters of a mixture";

/// Weights, means and Cholesky factors of the precisions: all that an E-step needs, checked.
///
/// Where the parameters have a distribution these are their means, and weighted log-densities are those that are
/// expected under it.
#[derive(Debug, PartialEq)]
pub struct Mixture {
    geometry: Geometry,
    n_features: usize,
    weights: Vec<f64>,
    means: Vec<f64>,
    precisions_cholesky: Vec<f64>,
    variational: Option<Variational>,
}

/// What an E-step needs besides, where the parameters have a distribution.
#[derive(Debug, PartialEq)]
struct Variational {
    posterior: Posterior,
    /// Of [`Posterior::log_weights`].
    log_weights: Vec<f64>,
}

impl Variational {
    fn copied(&self) -> Result<Self, Error> {
        let log_weights = memory::copied(&self.log_weights, WHAT)?;
        Ok(Self { posterior: self.posterior.copied()?, log_weights })
    }
}

impl Mixture {
    /// Checks the shapes and that every value is usable.
    ///
    /// `means` is row-major (components × features); `precisions_cholesky` has
    /// [`Geometry::shape`] with any factors F, F Fᵀ = Σ⁻¹: kernels read upper triangles only,
    /// so this is where others are turned into the upper triangular ones of the same Σ.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what cannot be used, [`Error::Interrupted`] if stopped.
    pub fn new(
        geometry: Geometry,
        n_features: usize,
        weights: Vec<f64>,
        means: Vec<f64>,
        mut precisions_cholesky: Vec<f64>,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let k = weights.len();
        if k == 0 {
            return invalid("weights", "at least one component is needed, found none");
        }
        if n_features == 0 {
            return invalid("means", "at least one feature is needed, found none");
        }
        if means.len() != k * n_features {
            return invalid(
                "means",
                &format!(
                    "expected {k} components × {n_features} features, found {} values",
                    means.len()
                ),
            );
        }
        if precisions_cholesky.len() != geometry.len(k, n_features) {
            return invalid(
                "precisions_cholesky",
                &format!(
                    "expected shape {:?} for {k} components, found {} values",
                    geometry.shape(k, n_features),
                    precisions_cholesky.len()
                ),
            );
        }
        if let Some(w) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
            return invalid("weights", &format!("must be finite and not negative, found {w:?}"));
        }
        let total: f64 = weights.iter().sum();
        if !total.is_normal() {
            return invalid(
                "weights",
                &format!("must have a positive, finite sum, found {total:?}"),
            );
        }
        if let Some(m) = means.iter().find(|m| !m.is_finite()) {
            return invalid("means", &format!("must be finite, found {m:?}"));
        }
        if let Some(p) = precisions_cholesky.iter().find(|p| !p.is_finite()) {
            return invalid("precisions_cholesky", &format!("must be finite, found {p:?}"));
        }
        make_upper(geometry, &mut precisions_cholesky, n_features, stop)?;
        Ok(Self { geometry, n_features, weights, means, precisions_cholesky, variational: None })
    }

    /// Parameters that have a distribution; means and factors as in [`Self::new`].
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; [`Error::InvalidArgument`] if this is no distribution of such parameters.
    pub fn of_posterior(
        geometry: Geometry,
        n_features: usize,
        posterior: Posterior,
        means: Vec<f64>,
        precisions_cholesky: Vec<f64>,
        stop: &Stop,
    ) -> Result<Self, Error> {
        posterior.check(geometry.is_shared(), n_features)?;
        let weights = posterior.concentration.weights()?;
        let mut mixture =
            Self::new(geometry, n_features, weights, means, precisions_cholesky, stop)?;
        let log_weights = posterior.log_weights(n_features, stop)?;
        mixture.variational = Some(Variational { posterior, log_weights });
        Ok(mixture)
    }

    /// Mixture for a pass that only accumulates given responsibilities about `centers`.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn of_centers(
        geometry: Geometry,
        n_features: usize,
        centers: Vec<f64>,
    ) -> Result<Self, Error> {
        let k = centers.len() / n_features.max(1);
        let size = memory::product(&geometry.shape(k, n_features), WHAT)?;
        Ok(Self {
            geometry,
            n_features,
            weights: memory::filled(k, 1.0 / k as f64, WHAT)?,
            means: centers,
            precisions_cholesky: memory::filled(size, 0.0, WHAT)?,
            variational: None,
        })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::of_centers`].
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            weights: memory::copied(&self.weights, WHAT)?,
            means: memory::copied(&self.means, WHAT)?,
            precisions_cholesky: memory::copied(&self.precisions_cholesky, WHAT)?,
            variational: self.variational.as_ref().map(Variational::copied).transpose()?,
            ..*self
        })
    }

    /// How the factors lie.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }
    /// Number of components.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.weights.len()
    }
    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }
    /// Mixture weights.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
    /// The distribution of the parameters, if they have one.
    #[must_use]
    pub fn posterior(&self) -> Option<&Posterior> {
        self.variational.as_ref().map(|variational| &variational.posterior)
    }
    /// What an E-step adds to the log-density of component `k`: log wₖ, or what is expected in its place.
    #[must_use]
    pub fn log_weight(&self, k: usize) -> f64 {
        self.variational.as_ref().map_or_else(|| ln(self.weights[k]), |known| known.log_weights[k])
    }
    /// Means, components × features.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }
    /// Mean of component `k`.
    #[must_use]
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.n_features..][..self.n_features]
    }
    /// Cholesky factors of the precisions.
    #[must_use]
    pub fn precisions_cholesky(&self) -> &[f64] {
        &self.precisions_cholesky
    }

    /// That of component `k`: d × d, its diagonal, or what is all along it.
    #[must_use]
    pub fn factor(&self, k: usize) -> &[f64] {
        &self.precisions_cholesky[self.geometry.factor(k, self.n_features)]
    }

    /// log |det U| of component `k`: half the log-determinant of its precision. (The sign of a
    /// column of U does not change U Uᵀ.)
    #[must_use]
    pub fn log_det(&self, k: usize) -> f64 {
        let d = self.n_features;
        let u = self.factor(k);
        match self.geometry {
            Geometry::Spherical => d as f64 * ln(u[0].abs()),
            geometry => sum_of_logs(u, if geometry.is_matrix() { d + 1 } else { 1 }),
        }
    }

    /// The constant of component `k`'s log-density: log det U − (d/2) log 2π.
    #[must_use]
    pub fn log_normalizer(&self, k: usize) -> f64 {
        self.log_det(k) - 0.5 * self.n_features as f64 * LN_TAU
    }

    /// The weighted mean of the means: a point amid the data, to centre on.
    ///
    /// # Errors
    ///
    /// As [`Self::of_centers`].
    pub fn center(&self) -> Result<Vec<f64>, Error> {
        let total: f64 = self.weights.iter().sum();
        let total = if total > 0.0 { total } else { 1.0 };
        let mut center = memory::filled(self.n_features, 0.0, WHAT)?;
        for (k, w) in self.weights.iter().enumerate() {
            for (c, m) in center.iter_mut().zip(self.mean(k)) {
                *c += w / total * m;
            }
        }
        Ok(center)
    }
}

/// Turns factors F of precisions F Fᵀ into upper triangular ones, and refuses singular ones: these
/// would give every row the density 0, without a word.
fn make_upper(
    geometry: Geometry,
    factors: &mut [f64],
    n_features: usize,
    stop: &Stop,
) -> Result<(), Error> {
    let d = n_features;
    for (component, factor) in factors.chunks_exact_mut(geometry.factor_len(d)).enumerate() {
        let singular = if geometry.is_matrix() {
            let turned = linalg::make_upper(factor, d, stop)?;
            linalg::is_singular(factor, d, turned)?
        } else {
            factor.contains(&0.0)
        };
        if singular {
            let found = format!("found a singular factor of component {component}");
            return invalid("precisions_cholesky", &format!("must be invertible, {found}"));
        }
    }
    Ok(())
}

/// Σ log |v| over every `step`-th value. Compiled for each level: without its fused
/// multiply-adds, logarithms take most of the time that a score of one row takes.
fn sum_of_logs(values: &[f64], step: usize) -> f64 {
    struct Logs<'a>(&'a [f64], usize);
    impl Kernel for Logs<'_> {
        type Output = f64;
        #[inline(always)]
        fn run<L: Level>(self, _: L) -> f64 {
            // `StepBy::fold` would be a function of its own, of the lowest level.
            let (mut sum, mut next) = (0.0, 0);
            while let Some(value) = self.0.get(next) {
                sum += ln(value.abs());
                next += self.1;
            }
            sum
        }
    }
    dispatch(Logs(values, step))
}

fn invalid<T>(name: &'static str, message: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument { name, message: message.to_owned() })
}
