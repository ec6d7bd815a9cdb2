//! The M-step's last act: from folded statistics to weights, means, covariances, factors.

use super::ESTIMATES;
use super::constraints::{Constraint, Ridge, Scatter};
use super::factors::precisions_cholesky;
use super::geometry::Geometry;
use super::statistics::MixtureStatistics;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::memory;

/// Counts, means and covariances of the components.
#[derive(Debug, PartialEq)]
pub struct Estimates {
    /// How the covariances lie.
    pub geometry: Geometry,
    /// nₖ = Σr + 10 ε of a row's mean weight, which keeps an empty component from dividing by zero.
    pub counts: Vec<f64>,
    /// Σrx / nₖ, components × features.
    pub means: Vec<f64>,
    /// Of [`Geometry::shape`].
    pub covariances: Vec<f64>,
}

/// Maximum-likelihood estimates with `reg_covar` added to every variance, or where the constraint
/// would not survive that to the scatter of each component, as nₖ times that ([`Ridge`]).
///
/// They are scikit-learn's: nₖ = Σr + 10 ε; μ = Σrx / nₖ; the covariances of the constraint. Only the
/// way there differs: the second moments were accumulated about nearby centres, and ε is in units of
/// what a row weighs, so that the scale of sample weights does not matter.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for the identity, which has no components, for statistics of another
/// geometry than the constraint's, and for sums that overflowed; [`Error::Interrupted`] if stopped.
pub fn estimate(
    statistics: &MixtureStatistics,
    constraint: &dyn Constraint,
    reg_covar: f64,
    previous: Option<&Mixture>,
    stop: &Stop,
) -> Result<Estimates, Error> {
    let invalid = |message: String| Err(Error::InvalidArgument { name: "statistics", message });
    let Some(moments) = &statistics.model else {
        return invalid(
            "the identity MixtureStatistics() holds no components; add the statistics of some rows"
                .into(),
        );
    };
    let geometry = constraint.geometry();
    if moments.geometry != geometry {
        let (found, wanted) = (moments.geometry.name(), geometry.name());
        let name = constraint.name();
        return invalid(format!(
            "are of '{found}' covariances, but {name:?} needs '{wanted}' ones"
        ));
    }
    statistics.check_finite()?;
    let d = moments.n_features;
    let least = 10.0 * f64::EPSILON * statistics.mean_weight();
    let counts = memory::collected(moments.counts.iter().map(|n| n + least), ESTIMATES)?;
    let mut means = memory::with_capacity(moments.centers.len(), ESTIMATES)?;
    for (i, (center, sum)) in moments.centers.iter().zip(&moments.sums).enumerate() {
        let k = i / d;
        means.push(center * (moments.counts[k] / counts[k]) + sum / counts[k]);
    }
    let mut values = moments.about(&means, stop)?.scatter;
    let ridge = constraint.ridge();
    if ridge == Ridge::Scatter {
        let one = geometry.scatter_len_of_one(d).max(1);
        for (scatter, n) in values.chunks_exact_mut(one).zip(&counts) {
            geometry.squares(d).for_each(|j| scatter[j] += n * reg_covar);
        }
    }
    let scatter =
        Scatter { n_features: d, counts: &counts, values: &values, means: &means, previous };
    let mut covariances = constraint.covariances(&scatter, stop)?;
    if ridge == Ridge::Covariances {
        // Variances of a matrix lie along its diagonal.
        let step = if geometry.is_matrix() { d + 1 } else { 1 };
        for factor in covariances.chunks_exact_mut(geometry.factor_len(d).max(1)) {
            factor.iter_mut().step_by(step).for_each(|variance| *variance += reg_covar);
        }
    }
    Ok(Estimates { geometry, counts, means, covariances })
}

impl Estimates {
    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.means.len() / self.counts.len().max(1)
    }

    /// The mixture of the next E-step: weights nₖ / Σ nₖ and the factors of the precisions.
    ///
    /// # Errors
    ///
    /// [`Error::IllConditioned`] if a covariance is not positive definite.
    pub fn mixture(&self, context: &Context) -> Result<Mixture, Error> {
        let d = self.n_features();
        let total: f64 = self.counts.iter().sum();
        let weights = memory::collected(self.counts.iter().map(|n| n / total), ESTIMATES)?;
        let factors = precisions_cholesky(context, self.geometry, &self.covariances, d)?;
        let means = memory::copied(&self.means, ESTIMATES)?;
        Mixture::new(self.geometry, d, weights, means, factors, context.stop())
    }
}
