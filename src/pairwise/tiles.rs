//! Pairs of rows of any number of columns: tiles of 256 × 256 pairs.
//!
//! The left rows of a tile lie across the lanes of vectors, the right ones are broadcast one by
//! one. A tile's sums are kept per left row, so that rows past the end can be left out once at the
//! end. Tiles are merged in a fixed tree: 10¹⁰ terms lose a few last bits.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::fold::{Context, Monoid, Partition};
use crate::memory;
use crate::rows::{Element, Rows};
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::with_rows;

/// Vectors of left rows worked on at once.
const PANEL: usize = 4;
/// Left rows worked on at once.
const PANEL_ROWS: usize = 8 * PANEL;
/// Rows of a side of a tile.
const TILE: usize = 256;

/// One column of a panel.
type Column = [Lanes64; PANEL];

/// A kernel of two rows: a sum over columns, and what becomes of it.
pub trait PairKernel: Copy + Sync {
    /// Adds one column's part, given the difference of the values and its negative.
    fn add<V: Vector<Scalar = f64>>(sum: V, difference: V, opposite: V) -> V;
    /// From the sum over the columns to the kernel.
    fn finish<V: Vector<Scalar = f64, Lanes = Lanes64>>(self, token: V::Token, sum: V) -> V;
}

/// exp(−γ|x−y|²).
#[derive(Clone, Copy)]
pub struct Rbf {
    /// γ.
    pub gamma: f64,
}

impl PairKernel for Rbf {
    #[inline(always)]
    fn add<V: Vector<Scalar = f64>>(sum: V, difference: V, _: V) -> V {
        difference.mul_add(difference, sum)
    }

    #[inline(always)]
    fn finish<V: Vector<Scalar = f64, Lanes = Lanes64>>(self, token: V::Token, sum: V) -> V {
        (sum * V::splat(token, -self.gamma)).exp()
    }
}

/// exp(−γ|x−y|₁).
#[derive(Clone, Copy)]
pub struct Laplacian {
    /// γ.
    pub gamma: f64,
}

impl PairKernel for Laplacian {
    #[inline(always)]
    fn add<V: Vector<Scalar = f64>>(sum: V, difference: V, opposite: V) -> V {
        sum + difference.max(opposite)
    }

    #[inline(always)]
    fn finish<V: Vector<Scalar = f64, Lanes = Lanes64>>(self, token: V::Token, sum: V) -> V {
        (sum * V::splat(token, -self.gamma)).exp()
    }
}

/// |x−y|.
#[derive(Clone, Copy)]
pub struct Distance;

impl PairKernel for Distance {
    #[inline(always)]
    fn add<V: Vector<Scalar = f64>>(sum: V, difference: V, _: V) -> V {
        difference.mul_add(difference, sum)
    }

    #[inline(always)]
    fn finish<V: Vector<Scalar = f64, Lanes = Lanes64>>(self, token: V::Token, sum: V) -> V {
        let mut lanes = Lanes64::ZERO;
        sum.store(&mut lanes);
        for value in &mut lanes.0 {
            *value = value.sqrt();
        }
        V::load(token, &lanes)
    }
}

/// Σᵢⱼ |xᵢ − yⱼ|, in a unit in which no square leaves the range of float64.
///
/// The unit is that of the differences, not of the values: these may be far larger. Columns in
/// which all rows agree count as 0, as in that unit they might leave the range themselves.
pub fn distance<'a>(context: &Context, x: Rows<'a>, y: Option<Rows<'a>>) -> Result<f64, Error> {
    if x.n_rows() == 0 {
        return Ok(0.0);
    }
    let d = x.n_columns();
    let origin = memory::collected((0..d).map(|j| x.get(0, j)), "a row")?;
    let mut spreads = spreads(context, x, &origin)?;
    if let Some(y) = y {
        spreads.merge(&self::spreads(context, y, &origin)?)?;
    }
    let scale = safe_scale(spreads.iter().fold(0.0, |most, spread| spread.0.max(most)));
    let scales = spreads.iter().map(|spread| if spread.0 == 0.0 { 0.0 } else { scale });
    let scales = memory::collected(scales, "scales of columns")?;
    Ok(sum(context, x, y, Distance, &scales)? / scale)
}

/// The largest distance of each column from one row: at least half of its range.
fn spreads(context: &Context, rows: Rows<'_>, origin: &[f64]) -> Result<Vec<Spread>, Error> {
    context.fold(&Partition::of_rows(rows.n_rows(), rows.n_columns()), |range| {
        let mut spreads = memory::filled(origin.len(), Spread(0.0), "ranges of columns")?;
        let block = rows.row_block(range);
        with_rows!(block, view => {
            for row in view.outer_iter() {
                for ((spread, value), origin) in spreads.iter_mut().zip(row).zip(origin) {
                    spread.0 = spread.0.max((value.to_f64() - origin).abs());
                }
            }
        });
        Ok(spreads)
    })
}

#[derive(Clone, Copy)]
struct Spread(f64);

impl Monoid for Spread {
    fn identity() -> Self {
        Self(0.0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.0 = self.0.max(other.0);
        Ok(())
    }
}

/// A power of two that brings differences up to `largest` to where squares are safe; 1 where they
/// are already.
fn safe_scale(largest: f64) -> f64 {
    const SAFE: std::ops::RangeInclusive<i32> = -400..=400;
    let exponent = (largest.to_bits() >> 52) as i32 - 1023;
    if largest == 0.0 || SAFE.contains(&exponent) {
        return 1.0;
    }
    2_f64.powi((-exponent).clamp(-1000, 1000))
}

/// Σᵢⱼ K(s·xᵢ, s·yⱼ), s a power of two or 0 for each column.
pub fn sum<'a>(
    context: &Context,
    x: Rows<'a>,
    y: Option<Rows<'a>>,
    kernel: impl PairKernel,
    scales: &[f64],
) -> Result<f64, Error> {
    let right = y.unwrap_or(x);
    let (left_tiles, right_tiles) = (x.n_rows().div_ceil(TILE), right.n_rows().div_ceil(TILE));
    let tiles = match y {
        None => left_tiles * (left_tiles + 1) / 2,
        Some(_) => left_tiles * right_tiles,
    };
    let sum = context.fold(&Partition::new(tiles, 1), |tile| {
        let (i, j) = match y {
            None => in_triangle(tile.start),
            Some(_) => (tile.start / right_tiles, tile.start % right_tiles),
        };
        let left = x.row_block(rows_of(i, x));
        let right = right.row_block(rows_of(j, right));
        let diagonal = y.is_none() && i == j;
        let sum = dispatch(Tile { left, right, diagonal, kernel, scales })?;
        Ok(Sum(if y.is_none() && i != j { 2.0 * sum } else { sum }))
    })?;
    Ok(sum.0)
}

fn rows_of(tile: usize, rows: Rows<'_>) -> Range<usize> {
    tile * TILE..rows.n_rows().min((tile + 1) * TILE)
}

/// Row and column, column ≤ row, of the entry of that index in a lower triangle by rows.
fn in_triangle(index: usize) -> (usize, usize) {
    let row = ((8 * index + 1).isqrt() - 1) / 2;
    (row, index - row * (row + 1) / 2)
}

/// A plain sum; the tree of the fold keeps it accurate.
#[derive(Clone, Copy)]
struct Sum(f64);

impl Monoid for Sum {
    fn identity() -> Self {
        Self(0.0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.0 += other.0;
        Ok(())
    }
}

/// The pairs of a tile; on the diagonal both sides are the same rows.
struct Tile<'a, 's, K> {
    left: Rows<'a>,
    right: Rows<'a>,
    diagonal: bool,
    kernel: K,
    scales: &'s [f64],
}

impl<K: PairKernel> Kernel for Tile<'_, '_, K> {
    type Output = Result<f64, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { left, right, diagonal, kernel, scales } = self;
        let d = left.n_columns();
        if d == 0 {
            return Ok(0.0);
        }
        let mut columns = memory::filled(d, [Lanes64::ZERO; PANEL], "a tile of rows")?;
        let mut values = memory::filled(right.n_rows() * d, 0.0, "a tile of rows")?;
        with_rows!(right, view => copy_rows(view, scales, &mut values));
        let mut total = 0.0;
        for start in (0..left.n_rows()).step_by(PANEL_ROWS) {
            let rows = (left.n_rows() - start).min(PANEL_ROWS);
            let panel = left.row_block(start..start + rows);
            with_rows!(panel, view => copy_columns(view, scales, &mut columns));
            if diagonal {
                // Rows of earlier panels meet these here and nowhere else: both orders at once.
                let (before, rest) = values.split_at(start * d);
                let both = panel_sum::<L::F64, K>(token, kernel, &columns, before, rows);
                total += 2.0 * both;
                total += panel_sum::<L::F64, K>(token, kernel, &columns, &rest[..rows * d], rows);
            } else {
                total += panel_sum::<L::F64, K>(token, kernel, &columns, &values, rows);
            }
        }
        Ok(total)
    }
}

/// Σ K over the first `rows` rows of a panel and all rows of `values`.
#[inline(always)]
fn panel_sum<V, K>(token: V::Token, kernel: K, panel: &[Column], values: &[f64], rows: usize) -> f64
where
    V: Vector<Scalar = f64, Lanes = Lanes64>,
    K: PairKernel,
{
    let zero = V::splat(token, 0.0);
    let mut sums = [zero; PANEL];
    for row in values.chunks_exact(panel.len()) {
        let mut parts = [zero; PANEL];
        for (column, &value) in panel.iter().zip(row) {
            let value = V::splat(token, value);
            for v in 0..PANEL {
                let x = V::load(token, &column[v]);
                parts[v] = K::add(parts[v], x - value, value - x);
            }
        }
        for v in 0..PANEL {
            sums[v] = sums[v] + kernel.finish::<V>(token, parts[v]);
        }
    }
    let mut lanes = [Lanes64::ZERO; PANEL];
    for v in 0..PANEL {
        sums[v].store(&mut lanes[v]);
    }
    V::scalars_mut(&mut lanes)[rows..].fill(0.0);
    lanes.iter().map(Lanes64::sum).sum()
}

fn copy_rows<T: Element>(rows: ArrayView2<'_, T>, scales: &[f64], values: &mut [f64]) {
    for (target, row) in values.chunks_exact_mut(scales.len()).zip(rows.outer_iter()) {
        for ((target, value), scale) in target.iter_mut().zip(row).zip(scales) {
            *target = value.to_f64() * scale;
        }
    }
}

/// One array per column; lanes past the end keep what they held.
fn copy_columns<T: Element>(rows: ArrayView2<'_, T>, scales: &[f64], columns: &mut [Column]) {
    for ((source, target), scale) in rows.columns().into_iter().zip(columns).zip(scales) {
        for (i, &value) in source.iter().enumerate() {
            target[i / 8].0[i % 8] = value.to_f64() * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_is_counted_row_by_row() {
        let mut index = 0;
        for row in 0..50 {
            for column in 0..=row {
                assert_eq!(in_triangle(index), (row, column));
                index += 1;
            }
        }
        // The last entry of a row whose index needs all digits of a square root.
        let row = 1_000_000_007;
        assert_eq!(in_triangle(row * (row + 1) / 2 + row), (row, row));
    }
}
