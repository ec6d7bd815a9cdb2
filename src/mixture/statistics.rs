//! Sufficient statistics of a Gaussian mixture: the monoid that one EM iteration folds into.

use super::geometry::{Geometry, triangle};
use super::unit::times_power;
use crate::error::Error;
use crate::fold::{Monoid, Stop};
use crate::memory;

/// What the memory is for, in errors.
pub(super) const WHAT: &str = "the statistics of a mixture";

/// Σr, Σr(x−c), Σr(x−c)(x−c)ᵀ about centres c, with Σw and the log-likelihood.
///
/// The centres are the means of the model that gave the responsibilities, so that second moments
/// are accumulated near where they are needed and data far from the origin lose nothing
/// (Chan, Golub & LeVeque 1983). Merging two of the same centres adds; otherwise the right one is
/// first moved to the centres of the left one by the parallel-axis theorem.
#[derive(Debug, Default, PartialEq)]
pub struct MixtureStatistics {
    /// What was counted; `None` is the identity.
    pub(crate) model: Option<Moments>,
    /// Number of rows of positive weight.
    pub(crate) n_rows: u64,
    /// Σw, the number of rows where unweighted.
    pub(crate) total_weight: f64,
    /// Σ w log p(x).
    pub(crate) log_likelihood: f64,
}

/// The moments of each component about its centre.
#[derive(Debug, PartialEq)]
pub(crate) struct Moments {
    pub geometry: Geometry,
    pub n_features: usize,
    /// Σr per component.
    pub counts: Vec<f64>,
    /// c, components × features.
    pub centers: Vec<f64>,
    /// Σr(x−c), components × features.
    pub sums: Vec<f64>,
    /// Σr(x−c)(x−c)ᵀ: lower triangles by rows; for `diag` the diagonals, for `spherical` Σr|x−c|².
    pub scatter: Vec<f64>,
}

impl Moments {
    pub fn zeros(geometry: Geometry, n_features: usize, centers: Vec<f64>) -> Result<Self, Error> {
        let k = centers.len() / n_features.max(1);
        Ok(Self {
            geometry,
            n_features,
            counts: memory::filled(k, 0.0, WHAT)?,
            sums: memory::filled(centers.len(), 0.0, WHAT)?,
            scatter: memory::filled(geometry.scatter_len(k, n_features), 0.0, WHAT)?,
            centers,
        })
    }

    /// A copy.
    fn copied(&self) -> Result<Self, Error> {
        self.copied_until(&Stop::default())
    }

    /// A copy; the second moments of many features are gigabytes.
    fn copied_until(&self, stop: &Stop) -> Result<Self, Error> {
        let mut scatter = memory::with_capacity(self.scatter.len(), WHAT)?;
        for part in self.scatter.chunks(1 << 20) {
            stop.check()?;
            scatter.extend_from_slice(part);
        }
        Ok(Self {
            counts: memory::copied(&self.counts, WHAT)?,
            centers: memory::copied(&self.centers, WHAT)?,
            sums: memory::copied(&self.sums, WHAT)?,
            scatter,
            ..*self
        })
    }

    pub fn n_components(&self) -> usize {
        self.counts.len()
    }

    fn add(&mut self, other: &Self) {
        for (a, b) in [
            (&mut self.counts, &other.counts),
            (&mut self.sums, &other.sums),
            (&mut self.scatter, &other.scatter),
        ] {
            for (a, b) in a.iter_mut().zip(b) {
                *a += b;
            }
        }
    }

    /// The same moments about other centres: with δ = c − c′,
    /// Σr(x−c′) = s + nδ and Σr(x−c′)(x−c′)ᵀ = S + sδᵀ + δsᵀ + nδδᵀ.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
    pub fn about(&self, centers: &[f64], stop: &Stop) -> Result<Self, Error> {
        let mut moved = self.copied_until(stop)?;
        let d = self.n_features;
        let mut shift = memory::filled(d, 0.0, WHAT)?;
        for k in 0..self.n_components() {
            stop.check()?;
            let n = self.counts[k];
            let old = &self.centers[k * d..][..d];
            let new = &centers[k * d..][..d];
            for (shift, (old, new)) in shift.iter_mut().zip(old.iter().zip(new)) {
                *shift = old - new;
            }
            let sums = &self.sums[k * d..][..d];
            for (i, moved) in moved.sums[k * d..][..d].iter_mut().enumerate() {
                *moved = sums[i] + n * shift[i];
            }
            let cross = |i: usize, j: usize| {
                sums[i] * shift[j] + shift[i] * sums[j] + n * shift[i] * shift[j]
            };
            moved.add_to_scatter(k, cross);
        }
        moved.centers.copy_from_slice(centers);
        Ok(moved)
    }

    /// Adds a symmetric matrix, given by its entries, to the scatter of component `k`.
    pub fn add_to_scatter(&mut self, k: usize, entry: impl Fn(usize, usize) -> f64) {
        let d = self.n_features;
        let scatter = &mut self.scatter[self.geometry.scatter(k, d)];
        add_symmetric(self.geometry, d, scatter, entry);
    }

    /// Σrx / Σr; the centre where Σr = 0.
    pub fn means(&self) -> Result<Vec<f64>, Error> {
        let d = self.n_features;
        let mut means = memory::copied(&self.centers, WHAT)?;
        for (i, mean) in means.iter_mut().enumerate() {
            let n = self.counts[i / d];
            if n > 0.0 {
                *mean += self.sums[i] / n;
            }
        }
        Ok(means)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "statistics of {} '{}' components in {} features",
            self.n_components(),
            self.geometry.name(),
            self.n_features
        )
    }
}

impl MixtureStatistics {
    /// Nothing counted yet, about given centres.
    pub(crate) fn zeros(
        geometry: Geometry,
        n_features: usize,
        centers: Vec<f64>,
    ) -> Result<Self, Error> {
        Ok(Self {
            model: Some(Moments::zeros(geometry, n_features, centers)?),
            n_rows: 0,
            total_weight: 0.0,
            log_likelihood: 0.0,
        })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        let model = self.model.as_ref().map(Moments::copied).transpose()?;
        Ok(Self { model, ..*self })
    }

    /// Adds; callers that merge statistics of unknown origin check compatibility first.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it, [`Error::Interrupted`] if stopped.
    pub fn add(&mut self, other: &Self, stop: &Stop) -> Result<(), Error> {
        match (&mut self.model, &other.model) {
            (Some(a), Some(b)) if a.centers == b.centers => a.add(b),
            (Some(a), Some(b)) => a.add(&b.about(&a.centers, stop)?),
            (None, Some(b)) => self.model = Some(b.copied()?),
            (_, None) => {}
        }
        self.n_rows = self.n_rows.saturating_add(other.n_rows);
        self.total_weight += other.total_weight;
        self.log_likelihood += other.log_likelihood;
        Ok(())
    }

    /// Whether the two can be merged.
    pub fn check_compatible(&self, other: &Self) -> Result<(), Error> {
        match (&self.model, &other.model) {
            (Some(a), Some(b))
                if (a.geometry, a.n_features, a.n_components())
                    != (b.geometry, b.n_features, b.n_components()) =>
            {
                Err(Error::Incompatible { left: a.describe(), right: b.describe() })
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing was counted, not even about which centres.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.model.is_none()
    }

    /// How the scatter lies; `None` for the identity.
    #[must_use]
    pub fn geometry(&self) -> Option<Geometry> {
        self.model.as_ref().map(|moments| moments.geometry)
    }

    /// Number of components; 0 for the identity.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.model.as_ref().map_or(0, Moments::n_components)
    }

    /// Number of features; 0 for the identity.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.model.as_ref().map_or(0, |moments| moments.n_features)
    }

    /// Number of rows of positive weight.
    #[must_use]
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Σw: the number of rows where unweighted.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    /// Σ w log p(x).
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Σr of each component.
    #[must_use]
    pub fn counts(&self) -> &[f64] {
        self.model.as_ref().map_or(&[], |moments| &moments.counts)
    }

    /// Σrx / Σr of each component (its centre where Σr = 0), components × features.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn means(&self) -> Result<Vec<f64>, Error> {
        self.model.as_ref().map_or(Ok(Vec::new()), Moments::means)
    }

    /// Σr(x−m)(x−m)ᵀ about [`Self::means`], in the shape of the geometry's covariances.
    ///
    /// # Errors
    ///
    /// As [`Self::means`]; [`Error::Interrupted`] if stopped.
    pub fn scatter(&self, stop: &Stop) -> Result<Vec<f64>, Error> {
        let Some(moments) = &self.model else { return Ok(Vec::new()) };
        let about_means = moments.about(&moments.means()?, stop)?;
        if !moments.geometry.is_matrix() {
            return Ok(about_means.scatter);
        }
        let d = moments.n_features;
        let matrices = about_means.scatter.chunks_exact(triangle(d).max(1));
        let mut scatter = memory::with_capacity(matrices.len() * d * d, WHAT)?;
        for lower in matrices {
            stop.check()?;
            push_symmetric(&mut scatter, lower, d);
        }
        Ok(scatter)
    }

    /// Σw / number of rows: what a row weighs. 1 if none has been counted.
    #[must_use]
    pub fn mean_weight(&self) -> f64 {
        if self.n_rows == 0 { 1.0 } else { self.total_weight / self.n_rows as f64 }
    }

    /// The same of rows that weigh 2^exponent times as much.
    #[must_use]
    pub fn times_power(mut self, exponent: i32) -> Self {
        let scale = |value: &mut f64| *value = times_power(*value, exponent);
        scale(&mut self.total_weight);
        scale(&mut self.log_likelihood);
        if let Some(moments) = &mut self.model {
            for sums in [&mut moments.counts, &mut moments.sums, &mut moments.scatter] {
                sums.iter_mut().for_each(scale);
            }
        }
        self
    }

    /// Whether the same of rows that weigh 2^exponent times as much would lose digits at the lower
    /// end of the range: in its weights or squares, of a component that is more than a rounding of
    /// the whole.
    #[must_use]
    pub fn underflows(&self, exponent: i32) -> bool {
        const NOTHING: f64 = f64::EPSILON * f64::EPSILON;
        let loses = |value: f64| {
            exponent < 0 && times_power(times_power(value, exponent), -exponent) != value
        };
        let Some(moments) = &self.model else { return loses(self.total_weight) };
        let (k, d) = (moments.counts.len(), moments.n_features);
        let total: f64 = moments.counts.iter().sum();
        let geometry = moments.geometry;
        (0..k).filter(|&c| moments.counts[c] > total * NOTHING).any(|c| {
            let scatter = &moments.scatter[geometry.scatter(c, d)];
            loses(moments.counts[c]) || geometry.squares(d).any(|j| loses(scatter[j]))
        })
    }

    /// The same of rows that weigh `factor` times as much.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.total_weight *= factor;
        self.log_likelihood *= factor;
        if let Some(moments) = &mut self.model {
            for sums in [&mut moments.counts, &mut moments.sums, &mut moments.scatter] {
                sums.iter_mut().for_each(|value| *value *= factor);
            }
        }
        self
    }

    /// Whether no sum overflowed: otherwise nothing can be read from them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what is too large.
    pub fn check_finite(&self) -> Result<(), Error> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let moments = |part: fn(&Moments) -> &[f64]| self.model.as_ref().map_or(&[][..], part);
        let (name, what) = if !(self.total_weight.is_finite() && finite(moments(|m| &m.counts))) {
            ("sample_weight", "weights overflow float64; scale the weights")
        } else if !(finite(moments(|m| &m.sums)) && finite(moments(|m| &m.scatter))) {
            ("X", "squares overflow float64; scale the input data")
        } else if !self.log_likelihood.is_finite() {
            ("X", "log-densities overflow float64; scale the input data")
        } else {
            return Ok(());
        };
        Err(Error::InvalidArgument { name, message: format!("sums of {what}") })
    }

    /// Mean log-likelihood per unit of weight: the lower bound of EM.
    #[must_use]
    pub fn lower_bound(&self) -> f64 {
        self.log_likelihood / self.total_weight
    }
}

/// Adds a symmetric matrix, given by its entries, to one scatter.
pub(super) fn add_symmetric(
    geometry: Geometry,
    d: usize,
    scatter: &mut [f64],
    entry: impl Fn(usize, usize) -> f64,
) {
    match geometry {
        Geometry::Full | Geometry::Tied => {
            for i in 0..d {
                let row = &mut scatter[triangle(i)..][..=i];
                row.iter_mut().enumerate().for_each(|(j, cell)| *cell += entry(i, j));
            }
        }
        Geometry::Diagonal => {
            for i in 0..d {
                scatter[i] += entry(i, i);
            }
        }
        Geometry::Spherical => {
            for i in 0..d {
                scatter[0] += entry(i, i);
            }
        }
    }
}

/// Adds the symmetric matrix of a lower triangle, row by row, where there is room for it.
pub(crate) fn push_symmetric(matrices: &mut Vec<f64>, lower: &[f64], d: usize) {
    for i in 0..d {
        matrices.extend((0..d).map(|j| lower[triangle(i.max(j)) + i.min(j)]));
    }
}

impl std::hash::Hash for MixtureStatistics {
    /// Equal statistics hash alike: −0 counts as 0.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let bits = |value: &f64| (value + 0.0).to_bits();
        self.n_rows.hash(state);
        bits(&self.total_weight).hash(state);
        bits(&self.log_likelihood).hash(state);
        let Some(moments) = &self.model else { return };
        (moments.geometry, moments.n_features, moments.n_components()).hash(state);
        for part in [&moments.counts, &moments.centers, &moments.sums, &moments.scatter] {
            part.iter().for_each(|value| bits(value).hash(state));
        }
    }
}

impl Monoid for MixtureStatistics {
    fn identity() -> Self {
        Self::default()
    }

    /// As [`MixtureStatistics::add`]: folds look at their stop flag themselves.
    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.add(other, &Stop::default())
    }
}
