//! Diagonal and spherical covariances: O(d) per row and component in both steps.
//!
//! E-step: |(x−μ) p|² with p the square roots of the precisions. M-step: Σr, Σr(x−μ) and
//! Σr(x−μ)², per feature or (spherical) summed over features.

use super::block::{Block, PANEL, PanelColumn, Panels};
use super::geometry::Geometry;
use super::law::Gaussian;
use super::prepared::{Means, PREPARED, Prepared, SUMS, Scratch, thresholds};
use super::statistics::MixtureStatistics;
use super::triangular::{TILE, with_width};
use super::value::Mixture;
use super::wide_moments::WideMoments;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::rows::Element;
use crate::simd::{Lanes64, Memory, Part, Real, Vector};

/// From this many features and components on, the rows of a component are gathered where they are
/// at most a panel of a block. A second copy of a row and the search cost what a dozen components
/// save (measured), and with few features responsibilities are shared.
const GATHER_FROM: (usize, usize) = (64, 32);

/// Prepared parameters of diagonal (or spherical) covariances.
pub struct Diagonal<E> {
    law: Gaussian<E>,
    geometry: Geometry,
    n_components: usize,
    n_features: usize,
    /// μ itself, for the wide moments, which read the rows as they are.
    raw_means: Vec<f64>,
    /// p, components × features; for spherical covariances one p² per component.
    scales: Vec<E>,
    /// As those of full covariances.
    thresholds: Vec<f64>,
}

impl<E: Real> Diagonal<E> {
    /// Whether rows are gathered where a component has few.
    fn gathers(&self) -> bool {
        self.n_features >= GATHER_FROM.0 && self.n_components >= GATHER_FROM.1
    }

    fn spherical(&self) -> bool {
        self.geometry == Geometry::Spherical
    }
}

/// Accumulators: Σr, Σr(x−μ), Σr(x−μ)² (components × features, summed later if spherical).
pub struct DiagonalSums {
    counts: Vec<Lanes64>,
    firsts: Vec<Lanes64>,
    seconds: Vec<Lanes64>,
    /// Of blocks in which a component has few rows; none where rows are not gathered.
    gathered: Vec<WideMoments>,
}

impl<E: Real> Prepared<E> for Diagonal<E> {
    type Sums = DiagonalSums;

    fn new(parameters: &Mixture, weighted: bool, sparse: bool) -> Result<Self, Error> {
        let geometry = parameters.geometry();
        let spherical = geometry == Geometry::Spherical;
        let scale = |&p: &f64| E::from_f64(if spherical { p * p } else { p });
        let factors = parameters.precisions_cholesky();
        Ok(Self {
            law: Gaussian::new(parameters, weighted)?,
            geometry,
            n_components: parameters.n_components(),
            n_features: parameters.n_features(),
            raw_means: memory::copied(parameters.means(), PREPARED)?,
            scales: memory::collected(factors.iter().map(scale), PREPARED)?,
            thresholds: thresholds(parameters, sparse)?,
        })
    }

    fn needs_row_major(&self) -> bool {
        self.gathers()
    }

    #[inline(always)]
    fn log_densities<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        panel: &[PanelColumn<V>],
        _: &mut Scratch<V>,
        densities: &mut [PanelColumn<V>],
        _: &Stop,
    ) {
        let d = self.n_features;
        let spherical = self.spherical();
        for (k, density) in densities.iter_mut().enumerate() {
            let mean = &means.means[k * d..][..d];
            let zero = V::splat(token, E::ZERO);
            let norm = if spherical {
                let mut norm = [zero; PANEL];
                squared_distance(token, panel, mean, &mut norm);
                let scale = V::splat(token, self.scales[k]);
                for n in &mut norm {
                    *n = *n * scale;
                }
                norm
            } else {
                let mut norm = [zero; PANEL];
                let (x, scales) = (&panel[..d], &self.scales[k * d..][..d]);
                for j in 0..d {
                    let (m, p) = (V::splat(token, mean[j]), V::splat(token, scales[j]));
                    for v in 0..PANEL {
                        let y = (V::load(token, &x[j][v]) - m) * p;
                        norm[v] = y.mul_add(y, norm[v]);
                    }
                }
                norm
            };
            for v in 0..PANEL {
                self.law.log_density(token, k, norm[v]).store(&mut density[v]);
            }
        }
    }

    fn sums(&self) -> Result<DiagonalSums, Error> {
        let cells = self.n_components * self.n_features;
        let zeros = |length| memory::filled(length, Lanes64::ZERO, SUMS);
        let n_gathered = if self.gathers() { self.n_components } else { 0 };
        let gathered = (0..n_gathered).map(|_| WideMoments::zeros(self.n_features));
        Ok(DiagonalSums {
            gathered: memory::gathered(gathered, SUMS)?,
            counts: zeros(self.n_components)?,
            firsts: zeros(cells)?,
            seconds: zeros(cells)?,
        })
    }

    fn n_sums(&self) -> usize {
        self.n_components * (1 + 2 * self.n_features)
    }

    fn clear(sums: &mut DiagonalSums) {
        sums.counts.fill(Lanes64::ZERO);
        sums.firsts.fill(Lanes64::ZERO);
        sums.seconds.fill(Lanes64::ZERO);
        sums.gathered.iter_mut().for_each(WideMoments::clear);
    }

    #[inline(always)]
    fn accumulate<V: Vector<Scalar = E>>(
        &self,
        token: V::Token,
        means: &Means<E>,
        (block, responsibilities): (&Block<V>, &[PanelColumn<V>]),
        scratch: &mut Scratch<V>,
        sums: &mut DiagonalSums,
        _: &Stop,
    ) -> Result<(), Error> {
        let (k, d) = (self.n_components, self.n_features);
        let all = Panels::new(responsibilities, block.n_panels(), k);
        for component in 0..k {
            let r = all.from(component);
            let threshold = self.thresholds[component] * block.largest_weight;
            let mut counted = false;
            if let Some(gathered) = sums.gathered.get_mut(component) {
                scratch.wide.choose(token, r, threshold, &mut sums.counts[component]);
                counted = true;
                if scratch.wide.chosen.len() <= Block::<V>::PANEL_ROWS {
                    let mean = &self.raw_means[component * d..][..d];
                    gathered.add_block(token, block, mean, &scratch.wide);
                    continue;
                }
            } else if !r.any_above(token, threshold) {
                continue;
            }
            for start in (0..d).step_by(TILE) {
                let width = TILE.min(d - start);
                let cells = component * d + start..component * d + start + width;
                let x = block.panels().from(start);
                let first = start == 0 && !counted;
                let count = first.then_some(&mut sums.counts[component]);
                let firsts = &mut sums.firsts[cells.clone()];
                let seconds = &mut sums.seconds[cells.clone()];
                with_width!(
                    width,
                    moments_tile,
                    [V],
                    (token, x, r, &means.means[cells], count, firsts, seconds)
                );
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        sums: &DiagonalSums,
        parameters: &Mixture,
        _: &Stop,
    ) -> Result<MixtureStatistics, Error> {
        let (family, d) = (self.geometry, self.n_features);
        let means = memory::copied(parameters.means(), SUMS)?;
        let mut statistics = MixtureStatistics::zeros(family, d, means)?;
        let Some(moments) = &mut statistics.model else { return Ok(statistics) };
        write_sums(&mut moments.counts, &sums.counts);
        write_sums(&mut moments.sums, &sums.firsts);
        for (total, gathered) in moments.sums.chunks_exact_mut(d).zip(&sums.gathered) {
            total.iter_mut().zip(gathered.firsts()).for_each(|(total, sum)| *total += sum);
        }
        if self.spherical() {
            for (total, row) in moments.scatter.iter_mut().zip(sums.seconds.chunks_exact(d)) {
                *total = row.iter().map(Lanes64::sum).sum();
            }
            for (total, gathered) in moments.scatter.iter_mut().zip(&sums.gathered) {
                *total += gathered.seconds().sum::<f64>();
            }
        } else {
            write_sums(&mut moments.scatter, &sums.seconds);
            for (total, gathered) in moments.scatter.chunks_exact_mut(d).zip(&sums.gathered) {
                total.iter_mut().zip(gathered.seconds()).for_each(|(total, sum)| *total += sum);
            }
        }
        Ok(statistics)
    }
}

/// The sums over the lanes.
pub fn write_sums(totals: &mut [f64], lanes: &[Lanes64]) {
    for (total, lanes) in totals.iter_mut().zip(lanes) {
        *total = lanes.sum();
    }
}

/// |x − μ|² of the rows of a panel.
#[inline(always)]
pub fn squared_distance<V: Vector>(
    token: V::Token,
    panel: &[PanelColumn<V>],
    mean: &[V::Scalar],
    norm: &mut [V; PANEL],
) {
    let mean = &mean[..panel.len()];
    for j in 0..panel.len() {
        let m = V::splat(token, mean[j]);
        for v in 0..PANEL {
            let z = V::load(token, &panel[j][v]) - m;
            norm[v] = z.mul_add(z, norm[v]);
        }
    }
}

/// Σr, Σrz and Σrz² of up to four features.
#[inline(always)]
fn moments_tile<V: Vector, const W: usize>(
    token: V::Token,
    x: Panels<'_, V>,
    r: Panels<'_, V>,
    mean: &[V::Scalar],
    count: Option<&mut Lanes64>,
    firsts: &mut [Lanes64],
    seconds: &mut [Lanes64],
) {
    let (mut n, mut s, mut q) = (V::ZERO, [V::ZERO; W], [V::ZERO; W]);
    for part in 0..V::Part::COUNT {
        moments_rows(token, (x, r), mean, part, (&mut n, &mut s, &mut q));
    }
    if let Some(count) = count {
        n.accumulate(count);
    }
    for i in 0..W {
        s[i].accumulate(&mut firsts[i]);
        q[i].accumulate(&mut seconds[i]);
    }
}

/// These sums over the rows of a block, in one part of the lanes.
#[inline(always)]
fn moments_rows<V: Vector, const W: usize>(
    token: V::Token,
    (x, r): (Panels<'_, V>, Panels<'_, V>),
    mean: &[V::Scalar],
    part: usize,
    (count, firsts, seconds): (&mut V::Lanes, &mut [V::Lanes; W], &mut [V::Lanes; W]),
) {
    let zero = V::Part::splat(token, V::Scalar::ZERO);
    let (mut n, mut s, mut q, mut m) = (zero, [zero; W], [zero; W], [zero; W]);
    for i in 0..W {
        m[i] = V::Part::splat(token, mean[i]);
    }
    for p in 0..x.n_panels() {
        let (x_tile, r_column) = (x.tile::<W>(p), r.column(p));
        for v in 0..PANEL {
            let r = V::Part::load(token, &r_column[v], part);
            n = n + r;
            for i in 0..W {
                let z = V::Part::load(token, &x_tile[i][v], part) - m[i];
                let rz = r * z;
                s[i] = s[i] + rz;
                q[i] = rz.mul_add(z, q[i]);
            }
        }
    }
    n.store(count, part);
    for i in 0..W {
        s[i].store(&mut firsts[i], part);
        q[i].store(&mut seconds[i], part);
    }
}
