//! Factorisations of large matrices, block by block: almost all of the work is products of blocks,
//! in tiles that stay in registers.
//!
//! An entry of a product is a chain of fused multiply-adds along one block, in the order of the
//! columns, subtracted as a whole, whatever the tile it lies in: the same bits at every SIMD level.
//! What limits it is the multiply-adds: d³/6 for the factor and as many for its inverse, two vectors
//! of eight at a time, against 1/64 of it in loads and stores of blocks.
//! (Golub & Van Loan, "Matrix Computations", section 4.2.9; Higham, "Accuracy and Stability of
//! Numerical Algorithms", section 14.2.)

use std::ops::Range;

use super::WHAT;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::simd::{Kernel, Lanes64, Level, Memory, Vector, dispatch};

/// Rows and columns of a block: three of them fit the first cache.
pub(super) const BLOCK: usize = 64;
/// Columns of a tile at most: two vectors. Rows of a working copy are padded to whole tiles.
const COLUMNS: usize = 16;
/// Vectors in a row of a tile.
const VECTORS: usize = COLUMNS / 8;

/// A d × d matrix whose rows are padded to whole tiles.
struct Padded {
    d: usize,
    /// Vectors of a row.
    stride: usize,
    values: Vec<Lanes64>,
}

impl Padded {
    fn zeros(d: usize) -> Result<Self, Error> {
        let stride = d.next_multiple_of(COLUMNS) / 8;
        let size = memory::product(&[d, stride], WHAT)?;
        Ok(Self { d, stride, values: memory::filled(size, Lanes64::ZERO, WHAT)? })
    }

    fn row(&self, i: usize) -> &[f64] {
        Lanes64::scalars(&self.values[i * self.stride..][..self.stride])
    }

    fn row_mut(&mut self, i: usize) -> &mut [f64] {
        Lanes64::scalars_mut(&mut self.values[i * self.stride..][..self.stride])
    }

    /// The lower triangle, with zeros above it.
    fn lower(&self) -> Result<Vec<f64>, Error> {
        let mut lower = memory::filled(self.d * self.d, 0.0, WHAT)?;
        for (i, row) in lower.chunks_exact_mut(self.d.max(1)).enumerate() {
            row[..=i].copy_from_slice(&self.row(i)[..=i]);
        }
        Ok(lower)
    }

    /// With the lower triangle of a matrix, and zeros above it.
    fn of_lower(matrix: &[f64], d: usize) -> Result<Self, Error> {
        let mut padded = Self::zeros(d)?;
        for i in 0..d {
            padded.row_mut(i)[..=i].copy_from_slice(&matrix[i * d..][..=i]);
        }
        Ok(padded)
    }
}

/// The blocks of some rows or columns, the last of them possibly smaller.
fn blocks(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(BLOCK).map(move |start| start..range.end.min(start + BLOCK))
}

/// The lower triangular L with LLᵀ = A, of which the lower triangle is read.
///
/// For each block of columns: the factor of the block on the diagonal, by rows; the blocks below
/// it, by substitution; and what they take from all that lies to their right.
///
/// # Errors
///
/// [`Error::IllConditioned`] if A is not positive definite, [`Error::Interrupted`] if stopped,
/// [`Error::Memory`] if there is no room for a copy.
pub(super) fn cholesky(matrix: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let mut factor = Padded::of_lower(matrix, d)?;
    let mut panel = memory::filled(factor.stride * BLOCK, Lanes64::ZERO, WHAT)?;
    for columns in blocks(0..d) {
        stop.check()?;
        factor_diagonal(&mut factor, columns.clone(), stop)?;
        for rows in blocks(columns.end..d) {
            stop.check()?;
            dispatch(Substitute { factor: &mut factor, columns: columns.clone(), rows });
        }
        // The blocks below the diagonal, transposed: column j of the rest is row j of these.
        let rest = columns.end..d;
        pack_transposed(&factor, columns.clone(), rest.clone(), &mut panel);
        for rows in blocks(rest.clone()) {
            stop.check()?;
            let vectors = rest.start / 8..rows.end.next_multiple_of(COLUMNS) / 8;
            dispatch(Subtract {
                left: None,
                target: &mut factor,
                rows,
                depth: columns.clone(),
                panel: &panel,
                vectors,
            });
        }
    }
    factor.lower()
}

/// The lower triangular L⁻¹.
///
/// For each block of rows: what the blocks before it take from them, then substitution.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped, [`Error::Memory`] if there is no room for it.
pub(super) fn invert_lower(lower: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
    let factor = Padded::of_lower(lower, d)?;
    let mut inverse = Padded::zeros(d)?;
    let mut panel = memory::filled(inverse.stride * BLOCK, Lanes64::ZERO, WHAT)?;
    for rows in blocks(0..d) {
        for before in blocks(0..rows.start) {
            stop.check()?;
            pack_rows(&inverse, before.clone(), &mut panel);
            dispatch(Subtract {
                left: Some(&factor),
                target: &mut inverse,
                rows: rows.clone(),
                depth: before.clone(),
                panel: &panel,
                vectors: 0..before.end / 8,
            });
        }
        stop.check()?;
        dispatch(Solve { factor: &factor, inverse: &mut inverse, rows });
    }
    inverse.lower()
}

/// The factor of a block on the diagonal, in place.
fn factor_diagonal(factor: &mut Padded, columns: Range<usize>, stop: &Stop) -> Result<(), Error> {
    let size = columns.len();
    let mut block = memory::with_capacity(size * size, WHAT)?;
    columns.clone().for_each(|i| block.extend_from_slice(&factor.row(i)[columns.clone()]));
    let lower = super::cholesky(&block, size, stop)?;
    for (i, row) in columns.clone().zip(lower.chunks_exact(size)) {
        factor.row_mut(i)[columns.start..=i].copy_from_slice(&row[..=i - columns.start]);
    }
    Ok(())
}

/// Rows `depth` of a matrix below it, as the panel that [`Subtract`] reads.
fn pack_rows(matrix: &Padded, depth: Range<usize>, panel: &mut [Lanes64]) {
    for vector in 0..depth.end.next_multiple_of(COLUMNS) / 8 {
        for (k, row) in depth.clone().enumerate() {
            panel[vector * BLOCK + k] = matrix.values[row * matrix.stride + vector];
        }
    }
}

/// Columns `depth` of the rows `rows` of a matrix, transposed.
fn pack_transposed(
    matrix: &Padded,
    depth: Range<usize>,
    rows: Range<usize>,
    panel: &mut [Lanes64],
) {
    let first = rows.start / COLUMNS * COLUMNS;
    for vector in first / 8..rows.end.next_multiple_of(COLUMNS) / 8 {
        let lanes = &mut panel[vector * BLOCK..][..BLOCK];
        lanes.fill(Lanes64::ZERO);
        for lane in 0..8 {
            let row = vector * 8 + lane;
            if rows.contains(&row) {
                for (target, value) in lanes.iter_mut().zip(&matrix.row(row)[depth.clone()]) {
                    target.0[lane] = *value;
                }
            }
        }
    }
}

/// target[rows, vectors] −= left[rows, depth] · panel, tile by tile.
struct Subtract<'a> {
    /// `None` if it is the target itself.
    left: Option<&'a Padded>,
    target: &'a mut Padded,
    rows: Range<usize>,
    depth: Range<usize>,
    /// Vector by vector of columns, [`BLOCK`] rows each.
    panel: &'a [Lanes64],
    vectors: Range<usize>,
}

impl Kernel for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self, token: L) {
        let mut row = self.rows.start;
        while row < self.rows.end {
            if self.rows.end - row >= 8 && L::WIDE {
                self.tiles::<L, 8, VECTORS>(token, row);
                row += 8;
            } else if self.rows.end - row >= 4 {
                self.tiles::<L, 4, 1>(token, row);
                row += 4;
            } else {
                self.tiles::<L, 1, VECTORS>(token, row);
                row += 1;
            }
        }
    }
}

impl Subtract<'_> {
    /// M rows, N vectors at a time.
    #[inline(always)]
    fn tiles<L: Level, const M: usize, const N: usize>(&mut self, token: L, row: usize) {
        // The rows of the left factor, copied: they may be those of the target.
        let mut left = [[0.0; BLOCK]; M];
        for (m, left) in left.iter_mut().enumerate() {
            let matrix = self.left.unwrap_or(self.target);
            left[..self.depth.len()].copy_from_slice(&matrix.row(row + m)[self.depth.clone()]);
        }
        let stride = self.target.stride;
        let zero = L::F64::splat(token, 0.0);
        for vector in self.vectors.clone().step_by(N) {
            let mut panel = [self.panel; N];
            for (n, panel) in panel.iter_mut().enumerate() {
                *panel = &self.panel[(vector + n) * BLOCK..][..BLOCK];
            }
            let mut sums = [[zero; N]; M];
            for k in 0..self.depth.len() {
                let mut here = [zero; N];
                for n in 0..N {
                    here[n] = L::F64::load(token, &panel[n][k]);
                }
                for m in 0..M {
                    let factor = L::F64::splat(token, left[m][k]);
                    for n in 0..N {
                        sums[m][n] = factor.mul_add(here[n], sums[m][n]);
                    }
                }
            }
            for m in 0..M {
                for n in 0..N {
                    let target = &mut self.target.values[(row + m) * stride + vector + n];
                    (L::F64::load(token, target) - sums[m][n]).store(target);
                }
            }
        }
    }
}

/// Solves X · Dᵀ = A for the rows of a block below D on the diagonal, in place, eight rows to a vector.
struct Substitute<'a> {
    factor: &'a mut Padded,
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Kernel for Substitute<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { factor, columns, rows } = self;
        let size = columns.len();
        let mut x = [Lanes64::ZERO; BLOCK];
        for first in rows.clone().step_by(8) {
            let count = (rows.end - first).min(8);
            for lane in 0..count {
                for (x, value) in x.iter_mut().zip(&factor.row(first + lane)[columns.clone()]) {
                    x.0[lane] = *value;
                }
            }
            for j in 0..size {
                let row = &factor.row(columns.start + j)[columns.start..=columns.start + j];
                let mut sum = L::F64::splat(token, 0.0);
                for k in 0..j {
                    sum = L::F64::load(token, &x[k]).mul_add(L::F64::splat(token, row[k]), sum);
                }
                let value = L::F64::load(token, &x[j]) - sum;
                value.div(L::F64::splat(token, row[j])).store(&mut x[j]);
            }
            for lane in 0..count {
                let target = &mut factor.row_mut(first + lane)[columns.clone()];
                target.iter_mut().zip(&x).for_each(|(value, x)| *value = x.0[lane]);
            }
        }
    }
}

/// Solves D · X = A + I for a block of rows, in place: I where D is, below the rows before it.
struct Solve<'a> {
    factor: &'a Padded,
    inverse: &'a mut Padded,
    rows: Range<usize>,
}

impl Kernel for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { factor, inverse, rows } = self;
        let stride = inverse.stride;
        let vectors = rows.end.div_ceil(8);
        for i in rows.clone() {
            let row = &factor.row(i)[rows.start..=i];
            inverse.row_mut(i)[i] = 1.0;
            let (done, here) = inverse.values.split_at_mut(i * stride);
            for (vector, target) in here[..vectors].iter_mut().enumerate() {
                let mut sum = L::F64::splat(token, 0.0);
                for k in rows.start..i {
                    let before = L::F64::load(token, &done[k * stride + vector]);
                    sum = L::F64::splat(token, row[k - rows.start]).mul_add(before, sum);
                }
                let value = L::F64::load(token, target) - sum;
                value.div(L::F64::splat(token, row[i - rows.start])).store(target);
            }
        }
    }
}
