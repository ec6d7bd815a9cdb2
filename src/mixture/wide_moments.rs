//! Σrz and Σrz² for many features: features lie across the lanes, rows are gathered.
//!
//! As in [`super::wide`], most responsibilities are 0 where features are many, and a component reads
//! the few rows that are its own.

use super::block::Block;
use super::prepared::SUMS;
use super::triangular::with_width;
use super::wide::{Register, SIDE, WideScratch, octet};
use crate::error::Error;
use crate::memory;
use crate::simd::{Lanes64, Level, Part, Vector};

/// Registers of a tile: three values of each, and three of a row.
const TILE: usize = 4;

/// Accumulators of Σrz and Σrz² for one component.
pub struct WideMoments {
    firsts: Vec<Lanes64>,
    seconds: Vec<Lanes64>,
}

impl WideMoments {
    /// All zeros, for d features.
    pub fn zeros(d: usize) -> Result<Self, Error> {
        let zeros = || memory::filled(d.div_ceil(SIDE), Lanes64::ZERO, SUMS);
        Ok(Self { firsts: zeros()?, seconds: zeros()? })
    }

    /// Zeros once more.
    pub fn clear(&mut self) {
        self.firsts.fill(Lanes64::ZERO);
        self.seconds.fill(Lanes64::ZERO);
    }

    /// Σrz of all features, and zeros that pad them.
    pub fn firsts(&self) -> impl Iterator<Item = f64> {
        self.firsts.iter().flat_map(|lanes| lanes.0)
    }

    /// Σrz², as Σrz.
    pub fn seconds(&self) -> impl Iterator<Item = f64> {
        self.seconds.iter().flat_map(|lanes| lanes.0)
    }

    /// Adds the chosen rows of a block: z = x − `mean`.
    #[inline(always)]
    pub fn add_block<V: Vector>(
        &mut self,
        token: V::Token,
        block: &Block<V>,
        mean: &[f64],
        scratch: &WideScratch,
    ) {
        if scratch.chosen.is_empty() {
            return;
        }
        let n_registers = self.firsts.len() * Register::<V::Token>::COUNT;
        for start in (0..n_registers).step_by(TILE) {
            let width = TILE.min(n_registers - start);
            with_width!(
                width,
                moments_tile,
                [V::Token],
                (token, &block.row_major, &scratch.chosen, mean, start, self)
            );
        }
    }
}

/// The sums of the features in W registers, the first of which is register `start`.
#[inline(always)]
fn moments_tile<L: Level, const W: usize>(
    token: L,
    rows: &[Lanes64],
    chosen: &[(u32, f64)],
    mean: &[f64],
    start: usize,
    sums: &mut WideMoments,
) {
    let parts = Register::<L>::COUNT;
    let side = sums.firsts.len();
    let place = |w: usize| ((start + w) / parts, (start + w) % parts);
    let zero = Register::<L>::splat(token, 0.0);
    let (mut s, mut q, mut m) = ([zero; W], [zero; W], [zero; W]);
    for w in 0..W {
        let (column, part) = place(w);
        m[w] = Register::<L>::load(token, &octet(mean, column), part);
    }
    for &(row, r) in chosen {
        let row = &rows[row as usize * side..][..side];
        let r = Register::<L>::splat(token, r);
        for w in 0..W {
            let (column, part) = place(w);
            let z = Register::<L>::load(token, &row[column], part) - m[w];
            let rz = r * z;
            s[w] = s[w] + rz;
            q[w] = rz.mul_add(z, q[w]);
        }
    }
    for w in 0..W {
        let (column, part) = place(w);
        for (target, sum) in [(&mut sums.firsts[column], s[w]), (&mut sums.seconds[column], q[w])] {
            let before = Register::<L>::load(token, target, part);
            (before + sum).store(target, part);
        }
    }
}
