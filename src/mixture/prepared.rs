//! What kernels of a geometry have to provide: their E-step and their sums.

use super::block::{Block, PanelColumn};
use super::statistics::MixtureStatistics;
use super::triangular::ScatterScratch;
use super::value::Mixture;
use super::wide::WideScratch;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::simd::{Real, Vector};

/// What memory is for, in errors: what a thread needs for a block of rows.
pub const SCRATCH: &str = "a block of rows";
/// What memory is for, in errors: parameters as the kernels read them.
pub const PREPARED: &str = "the prepared parameters of a mixture";
/// What memory is for, in errors: sums under way.
pub const SUMS: &str = "the partial statistics of a mixture";

/// Scratch memory of one thread.
pub struct Scratch<V: Vector> {
    /// Columns of one panel: z = x − μ or the whitened rows.
    pub z: Vec<PanelColumn<V>>,
    /// Columns of one panel.
    pub y: Vec<PanelColumn<V>>,
    /// Columns of a block: rows less the mean expected of them (tied covariance).
    pub residuals: Vec<PanelColumn<V>>,
    /// Σr and its inverse, of a block (tied covariance).
    pub totals: Vec<PanelColumn<V>>,
    /// For the narrow scatter.
    pub scatter: ScatterScratch<V>,
    /// For the wide scatter.
    pub wide: WideScratch,
}

impl<V: Vector> Scratch<V> {
    /// For rows of `n_features`.
    pub fn new(n_features: usize) -> Result<Self, Error> {
        let columns = || memory::filled(n_features, [V::ZERO; super::block::PANEL], SCRATCH);
        Ok(Self {
            z: columns()?,
            y: columns()?,
            residuals: Vec::new(),
            totals: Vec::new(),
            scatter: ScatterScratch::new(),
            wide: WideScratch::default(),
        })
    }
}

/// What of a model depends on the point that a block is centred on.
pub struct Means<E> {
    /// μₖ less that point, components × features.
    pub means: Vec<E>,
    /// A point near all μₖ less that point, where the kernels need one (tied covariance).
    pub origin: Vec<E>,
}

/// A mixture prepared for the kernels of its geometry in `E`.
pub trait Prepared<E: Real>: Send + Sync + Sized {
    /// Lane accumulators of the statistics, for one leaf.
    type Sums: Send + 'static;

    /// From checked parameters; `weighted` says whether densities are, `sparse` whether
    /// responsibilities far below rounding may be left out.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    fn new(parameters: &Mixture, weighted: bool, sparse: bool) -> Result<Self, Error>;

    /// The means of the same parameters, less the point that blocks are centred on.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    fn means(parameters: &Mixture, center: Option<&[f64]>) -> Result<Means<E>, Error> {
        Ok(Means { means: centered(parameters.means(), center)?, origin: Vec::new() })
    }

    /// Whether [`Block::row_major`] is needed.
    fn needs_row_major(&self) -> bool;

    /// Writes log wₖ + log N(x | μₖ, Σₖ) of a panel's rows, one column per component.
    ///
    /// Where one component of many features takes long, `stop` is looked at before each. If it is
    /// raised the densities are left unfinished; whoever asked for them finds it raised as well.
    fn log_densities<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        panel: &[PanelColumn<V>],
        scratch: &mut Scratch<V>,
        densities: &mut [PanelColumn<V>],
        stop: &Stop,
    );

    /// Empty accumulators.
    fn sums(&self) -> Result<Self::Sums, Error>;

    /// How many [`Lanes64`](crate::simd::Lanes64) these are.
    fn n_sums(&self) -> usize;

    /// Empties accumulators.
    fn clear(sums: &mut Self::Sums);

    /// Adds the rows of a block with their responsibilities (per panel one column per component).
    fn accumulate<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        rows: (&Block<V>, &[PanelColumn<V>]),
        scratch: &mut Scratch<V>,
        sums: &mut Self::Sums,
        stop: &Stop,
    ) -> Result<(), Error>;

    /// The accumulators as statistics about the means of `parameters`.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if stopped, [`Error::Memory`] if there is no room for them.
    fn finish(
        &self,
        sums: &Self::Sums,
        parameters: &Mixture,
        stop: &Stop,
    ) -> Result<MixtureStatistics, Error>;
}

/// Rounds a vector of parameters, less a centre repeated along it.
pub fn centered<E: Real>(values: &[f64], center: Option<&[f64]>) -> Result<Vec<E>, Error> {
    let Some(center) = center else {
        return memory::collected(values.iter().map(|&v| E::from_f64(v)), PREPARED);
    };
    let mut differences = memory::with_capacity(values.len(), PREPARED)?;
    for values in values.chunks_exact(center.len()) {
        differences.extend(values.iter().zip(center).map(|(v, c)| E::from_f64(v - c)));
    }
    Ok(differences)
}

/// The responsibility up to which rows are left out of a component's moments, in units of the
/// largest sample weight of a block; 0 unless responsibilities far below rounding may be left out.
///
/// Rows of at most w · 2⁻¹²⁰, where w is the component's share of all rows, add no more than
/// n · w · 2⁻¹²⁰ · m² to the trace of a component, in units of its covariance, where m is their
/// largest Mahalanobis distance. Once the model is near its rows, the component's own weight is
/// about n · w: they are 2⁻¹⁰⁰ of it at m = 1000, far below rounding, however many rows there are.
pub fn thresholds(parameters: &Mixture, sparse: bool) -> Result<Vec<f64>, Error> {
    let unit = if sparse { 1.0 / (1_u128 << 120) as f64 } else { 0.0 };
    memory::collected(parameters.weights().iter().map(|w| w * unit), PREPARED)
}
