//! One covariance for all components, at O(d²) per row and O(d) per row and component.
//!
//! E-step: the row is whitened once, y = (x−c)U, and |y − (μₖ−c)U|² costs O(d) per component.
//!
//! M-step: with ρ = Σₖ rₖ and x̂ = Σₖ rₖ μₖ / ρ,
//!
//! Σₖ rₖ (x−μₖ)(x−μₖ)ᵀ = ρ (x−x̂)(x−x̂)ᵀ + ½ Σⱼₗ (rⱼ rₗ / ρ) (μⱼ−μₗ)(μⱼ−μₗ)ᵀ,
//!
//! so the pass needs one d × d product per row and the k × k matrix Q = Σ r rᵀ / ρ; nothing
//! is subtracted, unlike in XᵀX − Σ nₖ μₖ μₖᵀ, and components far apart lose no digits. Where
//! k is so large that Q would cost more than d × d products per component, these are formed.

use super::block::{Block, PANEL, PanelColumn, Panels};
use super::diagonal::{squared_distance, write_sums};
use super::geometry::{Geometry, triangle};
use super::law::Gaussian;
use super::prepared::{Means, PREPARED, Prepared, SCRATCH, SUMS, Scratch, centered};
use super::statistics::MixtureStatistics;
use super::triangular::{Scatter, Store, TILE, push_upper, whiten, with_width};
use super::value::Mixture;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::rows::Element;
use crate::simd::{Lanes64, Memory, Part, Real, Vector};

/// Prepared parameters of a tied covariance.
pub struct Tied<E> {
    law: Gaussian<E>,
    n_components: usize,
    n_features: usize,
    factor: Vec<E>,
    /// (μₖ − c) U, by components.
    whitened_means: Vec<E>,
    /// μₖ − c, by features: column j of all components.
    mean_columns: Vec<E>,
    /// As many zeros as there are components or features.
    zeros: Vec<E>,
}

impl<E: Real> Tied<E> {
    /// Whether the k × k matrix Q is cheaper than a d × d product per component.
    fn uses_overlaps(&self) -> bool {
        let (k, d) = (self.n_components, self.n_features);
        triangle(k) + k * d + triangle(d) <= k * triangle(d)
    }

    /// Forms x − x̂ (into `residuals`, as columns) and ρ, 1/ρ of one panel.
    #[inline(always)]
    fn residuals<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        origin: &[E],
        panel: &[PanelColumn<V>],
        responsibilities: &[PanelColumn<V>],
        residuals: &mut [PanelColumn<V>],
    ) -> [PanelColumn<V>; 2] {
        let zero = V::splat(token, E::ZERO);
        let mut total = [zero; PANEL];
        for column in responsibilities {
            for v in 0..PANEL {
                total[v] = total[v] + V::load(token, &column[v]);
            }
        }
        let mut out = [[V::ZERO; PANEL]; 2];
        let mut inverse = [zero; PANEL];
        for v in 0..PANEL {
            // A row of weight zero has responsibilities zero: any finite inverse will do.
            let safe = total[v].max(V::splat(token, smallest::<E>()));
            inverse[v] = V::splat(token, E::from_f64(1.0)).div(safe);
            total[v].store(&mut out[0][v]);
            inverse[v].store(&mut out[1][v]);
        }
        for (j, (x, residual)) in panel.iter().zip(residuals).enumerate() {
            let column = &self.mean_columns[j * self.n_components..][..self.n_components];
            let mut sum = [zero; PANEL];
            let r = &responsibilities[..column.len()];
            for k in 0..column.len() {
                let m = V::splat(token, column[k]);
                for v in 0..PANEL {
                    sum[v] = V::load(token, &r[k][v]).mul_add(m, sum[v]);
                }
            }
            let c = V::splat(token, origin[j]);
            for v in 0..PANEL {
                (V::load(token, &x[v]) - c - sum[v] * inverse[v]).store(&mut residual[v]);
            }
        }
        out
    }
}

/// Accumulators of the tied statistics.
pub struct TiedSums {
    /// Σr(x−μ), by components and features.
    firsts: Vec<Lanes64>,
    counts: Vec<Lanes64>,
    second: Second,
}

/// How the second moments are accumulated. There is one of these per leaf, so its size is nothing.
#[allow(clippy::large_enum_variant)]
enum Second {
    /// Σ ρ(x−x̂)(x−x̂)ᵀ and Q = Σ r rᵀ / ρ.
    Overlaps { residuals: Scatter, overlaps: Scatter },
    /// Σ r(x−μ)(x−μ)ᵀ of each component.
    Components(Vec<Scatter>),
}

impl<E: Real> Prepared<E> for Tied<E> {
    type Sums = TiedSums;

    fn new(parameters: &Mixture, weighted: bool, _: bool) -> Result<Self, Error> {
        let (k, d) = (parameters.n_components(), parameters.n_features());
        let c = parameters.center()?;
        let factor = parameters.precisions_cholesky();
        let mut whitened_means = memory::with_capacity(k * d, PREPARED)?;
        for component in 0..k {
            let mean = parameters.mean(component);
            for j in 0..d {
                let y: f64 = (0..=j).map(|i| (mean[i] - c[i]) * factor[i * d + j]).sum();
                whitened_means.push(E::from_f64(y));
            }
        }
        let columns = (0..d).flat_map(|j| (0..k).map(move |component| (component, j)));
        let mean_columns =
            columns.map(|(component, j)| E::from_f64(parameters.mean(component)[j] - c[j]));
        let mut packed = memory::with_capacity(triangle(d), PREPARED)?;
        push_upper(&mut packed, factor, d);
        Ok(Self {
            law: Gaussian::new(parameters, weighted)?,
            n_components: k,
            n_features: d,
            mean_columns: memory::collected(mean_columns, PREPARED)?,
            factor: packed,
            whitened_means,
            zeros: memory::filled(k.max(d), E::ZERO, PREPARED)?,
        })
    }

    fn means(parameters: &Mixture, center: Option<&[f64]>) -> Result<Means<E>, Error> {
        let origin = centered(&parameters.center()?, center)?;
        Ok(Means { means: centered(parameters.means(), center)?, origin })
    }

    fn needs_row_major(&self) -> bool {
        false
    }

    #[inline(always)]
    fn log_densities<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        panel: &[PanelColumn<V>],
        scratch: &mut Scratch<V>,
        densities: &mut [PanelColumn<V>],
        _: &Stop,
    ) {
        let d = self.n_features;
        let (z, x, center) = (&mut scratch.z[..d], &panel[..d], &means.origin[..d]);
        for j in 0..d {
            let c = V::splat(token, center[j]);
            for v in 0..PANEL {
                (V::load(token, &x[j][v]) - c).store(&mut z[j][v]);
            }
        }
        whiten(token, z, &self.factor, &mut Store::<V>(&mut scratch.y));
        for (k, density) in densities.iter_mut().enumerate() {
            let mean = &self.whitened_means[k * d..][..d];
            let mut norm = [V::splat(token, E::ZERO); PANEL];
            squared_distance(token, &scratch.y[..d], mean, &mut norm);
            for v in 0..PANEL {
                self.law.log_density(token, k, norm[v]).store(&mut density[v]);
            }
        }
    }

    fn sums(&self) -> Result<TiedSums, Error> {
        let (k, d) = (self.n_components, self.n_features);
        let second = if self.uses_overlaps() {
            Second::Overlaps { residuals: Scatter::zeros(d)?, overlaps: Scatter::zeros(k)? }
        } else {
            Second::Components(memory::gathered((0..k).map(|_| Scatter::zeros(d)), SUMS)?)
        };
        let zeros = |length| memory::filled(length, Lanes64::ZERO, SUMS);
        Ok(TiedSums { firsts: zeros(k * d)?, counts: zeros(k)?, second })
    }

    fn n_sums(&self) -> usize {
        let (k, d) = (self.n_components, self.n_features);
        let seconds =
            if self.uses_overlaps() { triangle(d) + triangle(k) } else { k * triangle(d) };
        k * (1 + d) + seconds
    }

    fn clear(sums: &mut TiedSums) {
        sums.firsts.fill(Lanes64::ZERO);
        sums.counts.fill(Lanes64::ZERO);
        match &mut sums.second {
            Second::Overlaps { residuals, overlaps } => {
                residuals.clear();
                overlaps.clear();
            }
            Second::Components(scatters) => scatters.iter_mut().for_each(Scatter::clear),
        }
    }

    #[inline(always)]
    fn accumulate<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        (block, responsibilities): (&Block<V>, &[PanelColumn<V>]),
        scratch: &mut Scratch<V>,
        sums: &mut TiedSums,
        stop: &Stop,
    ) -> Result<(), Error> {
        let (k, d) = (self.n_components, self.n_features);
        let x = block.panels();
        let r = Panels::new(responsibilities, block.n_panels(), k);
        match &mut sums.second {
            Second::Components(scatters) => {
                for (component, scatter) in scatters.iter_mut().enumerate() {
                    stop.check()?;
                    let mean = &means.means[component * d..][..d];
                    let weights = r.from(component);
                    scatter.add_block(token, x, weights, mean, &mut scratch.scatter)?;
                }
            }
            Second::Overlaps { residuals, overlaps } => {
                add_first_moments(
                    token,
                    x,
                    r,
                    &means.means,
                    sums.counts.as_mut_slice(),
                    &mut sums.firsts,
                );
                let n_panels = block.n_panels();
                let zero = [V::ZERO; PANEL];
                let centered = memory::first(&mut scratch.residuals, n_panels * d, zero, SCRATCH)?;
                let totals = memory::first(&mut scratch.totals, n_panels * 2, zero, SCRATCH)?;
                for p in 0..n_panels {
                    let here = &responsibilities[p * k..][..k];
                    let target = &mut centered[p * d..][..d];
                    let sums =
                        self.residuals::<V>(token, &means.origin, block.panel(p), here, target);
                    totals[p * 2..][..2].copy_from_slice(&sums);
                }
                let e = Panels::new(centered, n_panels, d);
                let total = Panels::new(totals, n_panels, 2);
                let inverse = total.from(1);
                residuals.add_block(token, e, total, &self.zeros[..d], &mut scratch.scatter)?;
                overlaps.add_block(token, r, inverse, &self.zeros[..k], &mut scratch.scatter)?;
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        sums: &TiedSums,
        parameters: &Mixture,
        stop: &Stop,
    ) -> Result<MixtureStatistics, Error> {
        let (k, d) = (self.n_components, self.n_features);
        let means = memory::copied(parameters.means(), SUMS)?;
        let mut statistics = MixtureStatistics::zeros(Geometry::Tied, d, means)?;
        let Some(moments) = &mut statistics.model else { return Ok(statistics) };
        match &sums.second {
            Second::Components(scatters) => {
                for (component, scatter) in scatters.iter().enumerate() {
                    stop.check()?;
                    moments.counts[component] = scatter.count();
                    let target = &mut moments.sums[component * d..][..d];
                    target.iter_mut().zip(scatter.sums()).for_each(|(a, b)| *a = b);
                    scatter.add_products_to(&mut moments.scatter);
                }
            }
            Second::Overlaps { residuals, overlaps } => {
                write_sums(&mut moments.counts, &sums.counts);
                write_sums(&mut moments.sums, &sums.firsts);
                residuals.add_products_to(&mut moments.scatter);
                let mut q = memory::filled(triangle(k), 0.0, SUMS)?;
                overlaps.add_products_to(&mut q);
                add_differences(&mut q, parameters, &mut moments.scatter, stop)?;
            }
        }
        Ok(statistics)
    }
}

/// Adds Σ qⱼₗ (μⱼ−μₗ)(μⱼ−μₗ)ᵀ over the pairs l < j to the lower triangle `scatter` of all components.
///
/// The means are taken one by one, as in the elimination of Grassmann, Taksar & Heyman (1985): with
/// W = Σₗ qⱼₗ and m = Σₗ qⱼₗ μₗ / W, the pairs of j are
///
/// Σₗ qⱼₗ (μⱼ−μₗ)(μⱼ−μₗ)ᵀ = W (μⱼ−m)(μⱼ−m)ᵀ + Σ (qⱼᵢ qⱼₗ / W) (μᵢ−μₗ)(μᵢ−μₗ)ᵀ,
///
/// with the last sum over pairs i < l: one square, and pairs of those before j. So k squares stand in
/// place of k²/2, and nothing is subtracted but means.
fn add_differences(
    q: &mut [f64],
    parameters: &Mixture,
    scatter: &mut [f64],
    stop: &Stop,
) -> Result<(), Error> {
    let mut difference = memory::filled(parameters.n_features(), 0.0, SUMS)?;
    for j in (1..parameters.n_components()).rev() {
        let (before, weights) = q.split_at_mut(triangle(j));
        let weights = &mut weights[..j];
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            continue;
        }
        difference.fill(0.0);
        for l in 0..j {
            stop.check()?;
            let share = weights[l] / total;
            for i in 0..l {
                before[triangle(l) + i] += share * weights[i];
            }
            let (here, there) = (parameters.mean(j), parameters.mean(l));
            let pairs = difference.iter_mut().zip(here.iter().zip(there));
            pairs.for_each(|(sum, (here, there))| *sum += share * (here - there));
        }
        for (i, &factor) in difference.iter().enumerate() {
            stop.check()?;
            let row = scatter[triangle(i)..][..=i].iter_mut().zip(&difference);
            row.for_each(|(cell, other)| *cell += total * factor * other);
        }
    }
    Ok(())
}

/// The smallest positive normal number of the element type at hand.
#[inline(always)]
fn smallest<E: Real>() -> E {
    let double = E::from_f64(f64::MIN_POSITIVE);
    if double > E::ZERO { double } else { E::from_f64(f64::from(f32::MIN_POSITIVE)) }
}

/// Σr and Σr(x−μ) of every component, by tiles of four features.
#[inline(always)]
fn add_first_moments<V: Vector>(
    token: V::Token,
    x: Panels<'_, V>,
    r: Panels<'_, V>,
    means: &[V::Scalar],
    counts: &mut [Lanes64],
    firsts: &mut [Lanes64],
) {
    let d = x.stride();
    for (component, count) in counts.iter_mut().enumerate() {
        let r = r.from(component);
        for start in (0..d).step_by(TILE) {
            let width = TILE.min(d - start);
            let range = component * d + start..component * d + start + width;
            let x = x.from(start);
            let count = (start == 0).then_some(&mut *count);
            with_width!(
                width,
                first_tile,
                [V],
                (token, x, r, &means[range.clone()], count, &mut firsts[range])
            );
        }
    }
}

#[inline(always)]
fn first_tile<V: Vector, const W: usize>(
    token: V::Token,
    x: Panels<'_, V>,
    r: Panels<'_, V>,
    mean: &[V::Scalar],
    count: Option<&mut Lanes64>,
    firsts: &mut [Lanes64],
) {
    let (mut n, mut s) = (V::ZERO, [V::ZERO; W]);
    for part in 0..V::Part::COUNT {
        first_rows(token, (x, r), mean, part, (&mut n, &mut s));
    }
    if let Some(count) = count {
        n.accumulate(count);
    }
    for i in 0..W {
        s[i].accumulate(&mut firsts[i]);
    }
}

/// These sums over the rows of a block, in one part of the lanes.
#[inline(always)]
fn first_rows<V: Vector, const W: usize>(
    token: V::Token,
    (x, r): (Panels<'_, V>, Panels<'_, V>),
    mean: &[V::Scalar],
    part: usize,
    (count, firsts): (&mut V::Lanes, &mut [V::Lanes; W]),
) {
    let zero = V::Part::splat(token, V::Scalar::ZERO);
    let (mut n, mut s, mut m) = (zero, [zero; W], [zero; W]);
    for i in 0..W {
        m[i] = V::Part::splat(token, mean[i]);
    }
    for p in 0..x.n_panels() {
        let (x_tile, r_column) = (x.tile::<W>(p), r.column(p));
        for v in 0..PANEL {
            let r = V::Part::load(token, &r_column[v], part);
            n = n + r;
            for i in 0..W {
                s[i] = r.mul_add(V::Part::load(token, &x_tile[i][v], part) - m[i], s[i]);
            }
        }
    }
    n.store(count, part);
    for i in 0..W {
        s[i].store(&mut firsts[i], part);
    }
}
