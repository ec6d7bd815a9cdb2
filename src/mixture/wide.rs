//! Σ r z zᵀ for many features: features lie across the lanes, rows are gathered.
//!
//! With many features the lane accumulators of [`super::triangular::Scatter`] no longer fit in
//! cache. Here a tile is 8 rows of the result by up to 3 vectors of 8 columns, in registers while
//! all gathered rows of a block stream past it, as in a dense matrix product; only tiles that
//! reach below the diagonal are computed.
//!
//! Only rows whose responsibility can reach the rounding of the result are gathered. With many
//! features responsibilities are nearly always close to 0 or 1, and most of the work falls away.

use super::block::{Block, Panels};
use super::geometry::triangle;
use super::prepared::{SCRATCH, SUMS};
use crate::error::Error;
use crate::memory;
use crate::rows::Element;
use crate::simd::{Lanes64, Level, Part, Vector};

/// From this many features on, features lie across lanes.
pub const WIDE_FROM: usize = 25;

/// Side of the square blocks that the scatter is stored in.
pub const SIDE: usize = 8;

/// Gathered rows, in column blocks of eight features: first z = x − μ, then r·z.
#[derive(Default)]
pub struct WideScratch {
    /// Their places in the block, and r.
    pub chosen: Vec<(u32, f64)>,
    z: Vec<Lanes64>,
    rz: Vec<Lanes64>,
}

impl WideScratch {
    /// Adds all rows to `count`, and lists those above the threshold.
    #[inline(always)]
    pub fn choose<V: Vector>(
        &mut self,
        token: V::Token,
        weights: Panels<'_, V>,
        threshold: f64,
        count: &mut Lanes64,
    ) {
        self.chosen.clear();
        for p in 0..weights.n_panels() {
            for lanes in weights.column(p) {
                V::load(token, lanes).accumulate(count);
            }
        }
        if !weights.any_above(token, threshold) {
            return;
        }
        let mut row = 0;
        for p in 0..weights.n_panels() {
            let column = weights.column(p);
            for r in V::scalars(column) {
                let r = r.to_f64();
                if r > threshold {
                    self.chosen.push((row, r));
                }
                row += 1;
            }
        }
    }
}

/// Accumulators of Σr, Σrz and Σ r z zᵀ.
pub struct WideScatter {
    count: Lanes64,
    n_features: usize,
    sums: Vec<Lanes64>,
    /// Blocks of 8 × 8 on and below the diagonal, by rows of blocks.
    products: Vec<[Lanes64; SIDE]>,
}

impl WideScatter {
    /// All zeros, for d features.
    pub fn zeros(d: usize) -> Result<Self, Error> {
        let side = d.div_ceil(SIDE);
        Ok(Self {
            count: Lanes64::ZERO,
            n_features: d,
            sums: memory::filled(side, Lanes64::ZERO, SUMS)?,
            products: memory::filled(triangle(side), [Lanes64::ZERO; SIDE], SUMS)?,
        })
    }

    /// Zeros once more.
    pub fn clear(&mut self) {
        self.count = Lanes64::ZERO;
        self.sums.fill(Lanes64::ZERO);
        self.products.fill([Lanes64::ZERO; SIDE]);
    }

    /// Σr.
    pub fn count(&self) -> f64 {
        self.count.sum()
    }

    /// Σrz.
    pub fn sums(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().flat_map(|lanes| lanes.0).take(self.n_features)
    }

    /// Adds Σ r z zᵀ to the lower triangle `target` (by rows).
    pub fn add_products_to(&self, target: &mut [f64]) {
        for i in 0..self.n_features {
            for j in 0..=i {
                let block = &self.products[triangle(i / SIDE) + j / SIDE];
                target[triangle(i) + j] += block[i % SIDE].0[j % SIDE];
            }
        }
    }

    /// Adds the rows of a block whose responsibility is above `threshold`.
    #[inline(always)]
    pub fn add_block<V: Vector>(
        &mut self,
        token: V::Token,
        block: &Block<V>,
        weights: Panels<'_, V>,
        mean: &[f64],
        threshold: f64,
        scratch: &mut WideScratch,
    ) -> Result<(), Error> {
        scratch.choose(token, weights, threshold, &mut self.count);
        if scratch.chosen.is_empty() {
            return Ok(());
        }
        self.gather(token, &block.row_major, mean, scratch)?;
        let m = scratch.chosen.len();
        let side = self.sums.len();
        let mut products = &mut self.products[..];
        for row in 0..side {
            let rz = &scratch.rz[row * m..][..m];
            let (mut tiles, rest) = products.split_at_mut(row + 1);
            products = rest;
            let mut z = &scratch.z[..(row + 1) * m];
            while tiles.len() >= 3 {
                let (now, later) = tiles.split_at_mut(3);
                tile::<_, 3>(token, rz, z, now);
                (tiles, z) = (later, &z[3 * m..]);
            }
            match tiles.len() {
                2 => tile::<_, 2>(token, rz, z, tiles),
                1 => tile::<_, 1>(token, rz, z, tiles),
                _ => {}
            }
        }
        Ok(())
    }

    /// Forms z and r·z of the chosen rows and adds Σrz.
    #[inline(always)]
    fn gather<L: Level>(
        &mut self,
        token: L,
        rows: &[Lanes64],
        mean: &[f64],
        scratch: &mut WideScratch,
    ) -> Result<(), Error> {
        let m = scratch.chosen.len();
        let side = self.sums.len();
        let all_z = memory::first(&mut scratch.z, m * side, Lanes64::ZERO, SCRATCH)?;
        let all_rz = memory::first(&mut scratch.rz, m * side, Lanes64::ZERO, SCRATCH)?;
        for column in 0..side {
            let center = L::F64::load(token, &octet(mean, column));
            let mut sum = L::F64::load(token, &self.sums[column]);
            let z = all_z[column * m..][..m].iter_mut();
            let rz = all_rz[column * m..][..m].iter_mut();
            for ((z, rz), &(row, r)) in z.zip(rz).zip(&scratch.chosen) {
                let difference = L::F64::load(token, &rows[row as usize * side + column]) - center;
                let scaled = L::F64::splat(token, r) * difference;
                sum = sum + scaled;
                difference.store(z);
                scaled.store(rz);
            }
            sum.store(&mut self.sums[column]);
        }
        Ok(())
    }
}

/// Adds Σ over gathered rows of (8 values of r·z) × (N blocks of 8 values of z).
#[inline(always)]
fn tile<L: Level, const N: usize>(
    token: L,
    rz: &[Lanes64],
    z: &[Lanes64],
    products: &mut [[Lanes64; SIDE]],
) {
    let m = rz.len();
    let mut z_columns = [rz; N];
    for (n, column) in z_columns.iter_mut().enumerate() {
        *column = &z[n * m..][..m];
    }
    if Register::<L>::COUNT == 4 {
        for first in (0..SIDE).step_by(4) {
            // Whole columns: sixteen accumulators, of thirty-two registers.
            for group in 0..N {
                parts_tile::<L, 4>(token, rz, &z_columns, first, 4 * group, products);
            }
        }
        return;
    }
    if Register::<L>::COUNT == 2 {
        for first in (0..SIDE).step_by(4) {
            // Pairs or triples of half columns: eight or twelve accumulators, of sixteen registers.
            for group in 0..if N == 3 { 2 } else { N } {
                if N == 3 {
                    parts_tile::<L, 3>(token, rz, &z_columns, first, 3 * group, products);
                } else {
                    parts_tile::<L, 2>(token, rz, &z_columns, first, 2 * group, products);
                }
            }
        }
        return;
    }
    let zero = L::F64::splat(token, 0.0);
    let mut sums = [[zero; N]; SIDE];
    for row in 0..m {
        let mut here = [zero; N];
        for n in 0..N {
            here[n] = L::F64::load(token, &z_columns[n][row]);
        }
        let factors = &rz[row].0;
        for i in 0..SIDE {
            let factor = L::F64::splat(token, factors[i]);
            for n in 0..N {
                sums[i][n] = factor.mul_add(here[n], sums[i][n]);
            }
        }
    }
    for (n, block) in products.iter_mut().enumerate().take(N) {
        for i in 0..SIDE {
            sums[i][n].accumulate(&mut block[i]);
        }
    }
}

/// Block `column` of eight features, padded with zeros.
#[inline(always)]
pub fn octet(features: &[f64], column: usize) -> Lanes64 {
    let mut lanes = Lanes64::ZERO;
    for (lane, &feature) in lanes.0.iter_mut().zip(&features[column * SIDE..]) {
        *lane = feature;
    }
    lanes
}

/// What one register holds of a vector.
pub type Register<L> = <<L as Level>::F64 as Vector>::Part;

/// [`tile`] of four values of r·z × G registers of z, the first of which is `part`.
#[inline(always)]
fn parts_tile<L: Level, const G: usize>(
    token: L,
    rz: &[Lanes64],
    z_columns: &[&[Lanes64]],
    first: usize,
    part: usize,
    products: &mut [[Lanes64; SIDE]],
) {
    let parts = Register::<L>::COUNT;
    let zero = Register::<L>::splat(token, 0.0);
    let mut sums = [[zero; G]; 4];
    for row in 0..rz.len() {
        let mut here = [zero; G];
        for g in 0..G {
            let (n, p) = ((part + g) / parts, (part + g) % parts);
            here[g] = Register::<L>::load(token, &z_columns[n][row], p);
        }
        let factors = &rz[row].0[first..first + 4];
        for i in 0..4 {
            let factor = Register::<L>::splat(token, factors[i]);
            for g in 0..G {
                sums[i][g] = factor.mul_add(here[g], sums[i][g]);
            }
        }
    }
    for i in 0..4 {
        for g in 0..G {
            let (n, p) = ((part + g) / parts, (part + g) % parts);
            let target = &mut products[n][first + i];
            let before = Register::<L>::load(token, target, p);
            (before + sums[i][g]).store(target, p);
        }
    }
}
