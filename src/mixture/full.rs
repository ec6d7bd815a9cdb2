//! Full covariances: a triangular product per component in both steps.
//!
//! E-step: log N = −½|(x−μ)U|² + log det U − (d/2) log 2π with Σ⁻¹ = UUᵀ: d(d+1)/2 multiply-adds
//! per row and component. M-step: Σ r(x−μ)(x−μ)ᵀ about the current mean μ, one triangle: as many.

use super::block::{Block, PANEL, PanelColumn, Panels};
use super::geometry::{Geometry, triangle};
use super::law::Gaussian;
use super::prepared::{Means, PREPARED, Prepared, SUMS, Scratch, thresholds};
use super::statistics::MixtureStatistics;
use super::triangular::{Scatter, SquaredNorm, TILE, push_upper, whiten, with_width};
use super::value::Mixture;
use super::wide::{WIDE_FROM, WideScatter};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::rows::Element;
use crate::simd::{Real, Vector};

/// Prepared parameters of full covariances.
pub struct Full<E> {
    law: Gaussian<E>,
    n_features: usize,
    /// μ itself, for the wide scatter, which reads the rows as they are.
    raw_means: Vec<f64>,
    factors: Vec<E>,
    /// Responsibilities up to this, in units of the largest weight of a block, do not reach the
    /// rounding of the second moments.
    thresholds: Vec<f64>,
}

/// Accumulators of each component: across lanes of rows or, for many features, of features.
pub enum FullSums {
    /// Rows across lanes.
    Narrow(Vec<Scatter>),
    /// Features across lanes.
    Wide(Vec<WideScatter>),
}

impl<E: Real> Prepared<E> for Full<E> {
    type Sums = FullSums;

    fn new(parameters: &Mixture, weighted: bool, sparse: bool) -> Result<Self, Error> {
        let d = parameters.n_features();
        let matrices = parameters.precisions_cholesky().chunks_exact((d * d).max(1));
        let mut factors = memory::with_capacity(matrices.len() * triangle(d), PREPARED)?;
        matrices.for_each(|u| push_upper(&mut factors, u, d));
        Ok(Self {
            law: Gaussian::new(parameters, weighted)?,
            n_features: d,
            raw_means: memory::copied(parameters.means(), PREPARED)?,
            factors,
            thresholds: thresholds(parameters, sparse)?,
        })
    }

    fn needs_row_major(&self) -> bool {
        self.n_features >= WIDE_FROM
    }

    #[inline(always)]
    fn log_densities<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        panel: &[PanelColumn<V>],
        scratch: &mut Scratch<V>,
        densities: &mut [PanelColumn<V>],
        stop: &Stop,
    ) {
        let d = self.n_features;
        for (k, density) in densities.iter_mut().enumerate() {
            let mean = &means.means[k * d..][..d];
            let factor = &self.factors[k * triangle(d)..][..triangle(d)];
            if d >= WIDE_FROM && stop.is_raised() {
                return;
            }
            if d <= TILE {
                with_width!(
                    d,
                    narrow_norm,
                    [V],
                    (token, panel, mean, factor, &self.law, k, density)
                );
                continue;
            }
            let (z, x) = (&mut scratch.z[..d], &panel[..d]);
            for j in 0..d {
                let m = V::splat(token, mean[j]);
                for v in 0..PANEL {
                    (V::load(token, &x[j][v]) - m).store(&mut z[j][v]);
                }
            }
            let mut norm = SquaredNorm([V::splat(token, E::ZERO); PANEL]);
            whiten(token, z, factor, &mut norm);
            for v in 0..PANEL {
                self.law.log_density(token, k, norm.0[v]).store(&mut density[v]);
            }
        }
    }

    fn sums(&self) -> Result<FullSums, Error> {
        let (k, d) = (self.thresholds.len(), self.n_features);
        if d >= WIDE_FROM {
            Ok(FullSums::Wide(memory::gathered((0..k).map(|_| WideScatter::zeros(d)), SUMS)?))
        } else {
            Ok(FullSums::Narrow(memory::gathered((0..k).map(|_| Scatter::zeros(d)), SUMS)?))
        }
    }

    fn n_sums(&self) -> usize {
        self.thresholds.len() * (1 + self.n_features + triangle(self.n_features))
    }

    fn clear(sums: &mut FullSums) {
        match sums {
            FullSums::Narrow(sums) => sums.iter_mut().for_each(Scatter::clear),
            FullSums::Wide(sums) => sums.iter_mut().for_each(WideScatter::clear),
        }
    }

    #[inline(always)]
    fn accumulate<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        (block, responsibilities): (&Block<V>, &[PanelColumn<V>]),
        scratch: &mut Scratch<V>,
        sums: &mut FullSums,
        stop: &Stop,
    ) -> Result<(), Error> {
        let (k, d) = (self.thresholds.len(), self.n_features);
        let x = block.panels();
        let r = Panels::new(responsibilities, block.n_panels(), k);
        for component in 0..k {
            let weights = r.from(component);
            let mean = component * d..(component + 1) * d;
            match sums {
                FullSums::Narrow(sums) => {
                    if weights.any_above(token, self.thresholds[component] * block.largest_weight) {
                        let mean = &means.means[mean];
                        sums[component].add_block(token, x, weights, mean, &mut scratch.scatter)?;
                    }
                }
                FullSums::Wide(sums) => {
                    stop.check()?;
                    sums[component].add_block(
                        token,
                        block,
                        weights,
                        &self.raw_means[mean],
                        self.thresholds[component] * block.largest_weight,
                        &mut scratch.wide,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        sums: &FullSums,
        parameters: &Mixture,
        stop: &Stop,
    ) -> Result<MixtureStatistics, Error> {
        let d = self.n_features;
        let means = memory::copied(parameters.means(), SUMS)?;
        let mut statistics = MixtureStatistics::zeros(Geometry::Full, d, means)?;
        let Some(moments) = &mut statistics.model else { return Ok(statistics) };
        for k in 0..moments.counts.len() {
            stop.check()?;
            let target = &mut moments.scatter[k * triangle(d)..][..triangle(d)];
            let totals = &mut moments.sums[k * d..][..d];
            match sums {
                FullSums::Narrow(sums) => {
                    moments.counts[k] = sums[k].count();
                    totals.iter_mut().zip(sums[k].sums()).for_each(|(a, b)| *a = b);
                    sums[k].add_products_to(target);
                }
                FullSums::Wide(sums) => {
                    moments.counts[k] = sums[k].count();
                    totals.iter_mut().zip(sums[k].sums()).for_each(|(a, b)| *a = b);
                    sums[k].add_products_to(target);
                }
            }
        }
        Ok(statistics)
    }
}

/// The log-densities of a panel where a row's features fit one tile: z stays in registers.
#[inline(always)]
fn narrow_norm<V: Vector, const W: usize>(
    token: V::Token,
    panel: &[PanelColumn<V>],
    mean: &[V::Scalar],
    factor: &[V::Scalar],
    law: &Gaussian<V::Scalar>,
    k: usize,
    density: &mut PanelColumn<V>,
) {
    let zero = V::splat(token, V::Scalar::ZERO);
    let (panel, mean, factor) = (&panel[..W], &mean[..W], &factor[..triangle(W)]);
    for v in 0..PANEL {
        let mut y = [zero; W];
        let mut next = 0;
        for i in 0..W {
            let z = V::load(token, &panel[i][v]) - V::splat(token, mean[i]);
            for j in i..W {
                y[j] = z.mul_add(V::splat(token, factor[next + j - i]), y[j]);
            }
            next += W - i;
        }
        let mut norm = y[0] * y[0];
        for j in 1..W {
            norm = y[j].mul_add(y[j], norm);
        }
        law.log_density(token, k, norm).store(&mut density[v]);
    }
}
