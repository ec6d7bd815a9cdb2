//! The two triangular products of EM on panels of rows, tiled to stay in registers.
//!
//! * [`whiten`]: y = zU with U upper triangular, for the squared Mahalanobis distance |y|²;
//! * [`Scatter`]: Σ r z zᵀ, lower triangle, with Σr and Σrz on the way.
//!
//! Rows lie across the lanes of vectors, so neither product moves anything between lanes. Both
//! walk the triangle in tiles of four columns: 16 accumulators over the four vectors of a panel,
//! which hides the latency of the multiply-adds and reads each operand once per four of them.
//! The number of multiply-adds is exactly d(d+1)/2 per row and product.

use super::block::{PANEL, PanelColumn, Panels};
use super::geometry::triangle;
use super::prepared::{SCRATCH, SUMS};
use crate::error::Error;
use crate::memory;
use crate::rows::Element;
use crate::simd::{Lanes64, Level, Memory, Part, Real, Vector};

/// Columns of a register tile.
pub const TILE: usize = 4;

/// Calls a function with the width of the tile as its last constant: [`TILE`] but for the last one.
macro_rules! with_width {
    ($width:expr, $f:ident, [$($generic:ty),*], $arguments:tt) => {
        match $width {
            1 => with_width!(@ $f, [$($generic),*], 1, $arguments),
            2 => with_width!(@ $f, [$($generic),*], 2, $arguments),
            3 => with_width!(@ $f, [$($generic),*], 3, $arguments),
            _ => with_width!(@ $f, [$($generic),*], 4, $arguments),
        }
    };
    (@ $f:ident, [$($generic:ty),*], $w:literal, ($($argument:expr),* $(,)?)) => {
        $f::<$($generic,)* $w>($($argument),*)
    };
}
pub(crate) use with_width;

/// Adds the upper triangle of `matrix` (d × d, row-major), where there is room for it, in the order
/// [`whiten`] reads it: per tile of columns, first the rectangle above the diagonal by rows, then
/// the triangle by rows.
pub fn push_upper<E: Real>(packed: &mut Vec<E>, matrix: &[f64], d: usize) {
    for start in (0..d).step_by(TILE) {
        let end = (start + TILE).min(d);
        for i in 0..end {
            for j in start.max(i)..end {
                packed.push(E::from_f64(matrix[i * d + j]));
            }
        }
    }
}

/// y = zU for one panel; `sink` is handed the columns of y in order.
///
/// `z` holds d columns, `factor` is [`push_upper`] of U.
#[inline(always)]
pub fn whiten<V: Vector, S: Sink<V>>(
    token: V::Token,
    z: &[PanelColumn<V>],
    factor: &[V::Scalar],
    sink: &mut S,
) {
    let d = z.len();
    let mut factor = factor;
    for start in (0..d).step_by(TILE) {
        let width = TILE.min(d - start);
        let (tile, rest) = factor.split_at(start * width + triangle(width));
        factor = rest;
        let (left, diagonal) = z.split_at(start);
        with_width!(width, whiten_tile, [V, S], (token, left, &diagonal[..width], tile, sink));
    }
}

/// One tile of [`whiten`]: all four vectors at once where the registers suffice, else one by one.
#[inline(always)]
fn whiten_tile<V: Vector, S: Sink<V>, const W: usize>(
    token: V::Token,
    left: &[PanelColumn<V>],
    diagonal: &[PanelColumn<V>],
    factor: &[V::Scalar],
    sink: &mut S,
) {
    if <V::Token as Level>::WIDE {
        whiten_vectors::<V, S, W, PANEL>(token, left, diagonal, factor, sink, 0);
    } else {
        for first in 0..PANEL {
            whiten_vectors::<V, S, W, 1>(token, left, diagonal, factor, sink, first);
        }
    }
}

#[inline(always)]
fn whiten_vectors<V: Vector, S: Sink<V>, const W: usize, const N: usize>(
    token: V::Token,
    left: &[PanelColumn<V>],
    diagonal: &[PanelColumn<V>],
    factor: &[V::Scalar],
    sink: &mut S,
    first: usize,
) {
    let zero = V::splat(token, V::Scalar::ZERO);
    let mut y = [[zero; N]; W];
    let (rectangle, triangle) = factor.split_at(left.len() * W);
    let rows = &rectangle.as_chunks::<W>().0[..left.len()];
    for i in 0..left.len() {
        for v in 0..N {
            let z = V::load(token, &left[i][first + v]);
            for j in 0..W {
                y[j][v] = z.mul_add(V::splat(token, rows[i][j]), y[j][v]);
            }
        }
    }
    let mut next = 0;
    for i in 0..W {
        for v in 0..N {
            let z = V::load(token, &diagonal[i][first + v]);
            for j in i..W {
                y[j][v] = z.mul_add(V::splat(token, triangle[next + j - i]), y[j][v]);
            }
        }
        next += W - i;
    }
    sink.take(left.len(), first, y);
}

/// What becomes of the columns of y.
pub trait Sink<V: Vector> {
    /// Receives columns `j..j + W` of vectors `first..first + N` of the panel.
    fn take<const W: usize, const N: usize>(
        &mut self,
        j: usize,
        first: usize,
        columns: [[V; N]; W],
    );
}

/// Sums the squares of the columns: |y|² of each row.
pub struct SquaredNorm<V>(pub [V; PANEL]);

impl<V: Vector> Sink<V> for SquaredNorm<V> {
    #[inline(always)]
    fn take<const W: usize, const N: usize>(
        &mut self,
        _: usize,
        first: usize,
        columns: [[V; N]; W],
    ) {
        // The squares of a tile are summed apart, so that tiles do not wait for one another.
        for v in 0..N {
            let mut squares = columns[0][v] * columns[0][v];
            for column in &columns[1..] {
                squares = column[v].mul_add(column[v], squares);
            }
            self.0[first + v] = self.0[first + v] + squares;
        }
    }
}

/// Stores the columns.
pub struct Store<'a, V: Vector>(pub &'a mut [PanelColumn<V>]);

impl<V: Vector> Sink<V> for Store<'_, V> {
    #[inline(always)]
    fn take<const W: usize, const N: usize>(
        &mut self,
        j: usize,
        first: usize,
        columns: [[V; N]; W],
    ) {
        for (i, column) in columns.into_iter().enumerate() {
            for v in 0..N {
                column[v].store(&mut self.0[j + i][first + v]);
            }
        }
    }
}

/// Lane accumulators of Σr, Σrz and Σ r z zᵀ for one set of rows weights r.
///
/// They live in memory between blocks; inside a block a tile of them lives in registers. For `f32`
/// a block's partial sums are `f32` and are added to these `f64` lanes at its end.
pub struct Scatter {
    count: Lanes64,
    sums: Vec<Lanes64>,
    products: Vec<Lanes64>,
}

impl Scatter {
    /// All zeros, for d columns.
    pub fn zeros(d: usize) -> Result<Self, Error> {
        Ok(Self {
            count: Lanes64::ZERO,
            sums: memory::filled(d, Lanes64::ZERO, SUMS)?,
            products: memory::filled(triangle(d), Lanes64::ZERO, SUMS)?,
        })
    }

    /// Zeros once more.
    pub fn clear(&mut self) {
        self.count = Lanes64::ZERO;
        self.sums.fill(Lanes64::ZERO);
        self.products.fill(Lanes64::ZERO);
    }

    /// Σr.
    pub fn count(&self) -> f64 {
        self.count.sum()
    }

    /// Σrz.
    pub fn sums(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(Lanes64::sum)
    }

    /// Adds Σ r z zᵀ to the lower triangle `target` (by rows).
    pub fn add_products_to(&self, target: &mut [f64]) {
        let d = self.sums.len();
        let mut products = self.products.iter();
        for start in (0..d).step_by(TILE) {
            let width = TILE.min(d - start);
            for left in (0..=start).step_by(TILE) {
                for i in start..start + width {
                    let columns = if left == start { left..i + 1 } else { left..left + TILE };
                    for j in columns {
                        target[triangle(i) + j] += products.next().map_or(0.0, Lanes64::sum);
                    }
                }
            }
        }
    }

    /// Adds the rows of a block: z = x − `center`.
    ///
    /// `weights` are their r. `scratch` holds z for the whole block and r·z for one tile of columns.
    #[inline(always)]
    pub fn add_block<V: Vector>(
        &mut self,
        token: V::Token,
        x: Panels<'_, V>,
        weights: Panels<'_, V>,
        center: &[V::Scalar],
        scratch: &mut ScatterScratch<V>,
    ) -> Result<(), Error> {
        let (d, n_panels) = (center.len(), x.n_panels());
        let z = memory::first(&mut scratch.z, n_panels * d, [V::ZERO; PANEL], SCRATCH)?;
        let rz = memory::first(&mut scratch.rz, n_panels * TILE, [V::ZERO; PANEL], SCRATCH)?;
        let mut products = &mut self.products[..];
        for start in (0..d).step_by(TILE) {
            let width = TILE.min(d - start);
            let (tiles, rest) = products.split_at_mut(start * width + triangle(width));
            products = rest;
            let (rectangle, diagonal) = tiles.split_at_mut(start * width);
            let mut rows = TileRows {
                x: x.from(start),
                weights,
                center: &center[start..start + width],
                start,
                z: &mut *z,
                rz: &mut *rz,
            };
            let count = (start == 0).then_some(&mut self.count);
            let sums = &mut self.sums[start..start + width];
            with_width!(width, diagonal_tile, [V], (token, &mut rows, count, sums, diagonal));
            let z = Panels::new(z, n_panels, d);
            let rz = Panels::new(rz, n_panels, TILE);
            for (left, tile) in rectangle.chunks_exact_mut(TILE * width).enumerate() {
                with_width!(width, rectangle_tile, [V], (token, z.from(left * TILE), rz, tile));
            }
        }
        Ok(())
    }
}

/// Scratch of [`Scatter::add_block`].
pub struct ScatterScratch<V: Vector> {
    z: Vec<PanelColumn<V>>,
    rz: Vec<PanelColumn<V>>,
}

impl<V: Vector> ScatterScratch<V> {
    /// Empty; grows on first use.
    pub fn new() -> Self {
        Self { z: Vec::new(), rz: Vec::new() }
    }
}

/// The tile on the diagonal: forms z and r·z, and sums r, r·z and the lower triangle of r·z·zᵀ.
#[inline(always)]
fn diagonal_tile<V: Vector, const W: usize>(
    token: V::Token,
    rows: &mut TileRows<'_, V>,
    count: Option<&mut Lanes64>,
    sums: &mut [Lanes64],
    products: &mut [Lanes64],
) {
    let mut totals = TileSums::<V, W> { n: V::ZERO, s: [V::ZERO; W], q: [[V::ZERO; W]; W] };
    // All sums at once are six vectors for two columns and ten for three: twelve and twenty registers
    // of AVX2, twice as many of NEON.
    if <V::Token as Level>::WIDE || V::Part::COUNT <= 2 && W <= 2 {
        diagonal_rows(token, rows, &mut totals);
    } else {
        // z and r·z first, then their products.
        for part in 0..V::Part::COUNT {
            center_rows(token, rows, part, &mut totals);
            triangle_rows(token, rows, part, &mut totals);
        }
    }
    if let Some(count) = count {
        totals.n.accumulate(count);
    }
    let mut next = 0;
    for i in 0..W {
        totals.s[i].accumulate(&mut sums[i]);
        for j in 0..=i {
            totals.q[i][j].accumulate(&mut products[next]);
            next += 1;
        }
    }
}

/// Σr, Σrz and Σ r z zᵀ of one tile over a block.
struct TileSums<V: Vector, const W: usize> {
    n: V::Lanes,
    s: [V::Lanes; W],
    q: [[V::Lanes; W]; W],
}

/// What a tile on the diagonal reads, and where it leaves z and r·z for those beside it.
struct TileRows<'a, V: Vector> {
    /// From the tile's first column on.
    x: Panels<'a, V>,
    weights: Panels<'a, V>,
    /// Of the tile's columns.
    center: &'a [V::Scalar],
    /// The first of them.
    start: usize,
    /// As many columns a panel as there are features.
    z: &'a mut [PanelColumn<V>],
    /// [`TILE`] columns a panel.
    rz: &'a mut [PanelColumn<V>],
}

impl<V: Vector> TileRows<'_, V> {
    /// The tile's columns of z and r·z in panel `p`, to be written.
    #[inline(always)]
    fn targets<const W: usize>(
        &mut self,
        p: usize,
    ) -> (&mut [PanelColumn<V>], &mut [PanelColumn<V>]) {
        let z = &mut self.z[p * self.x.stride() + self.start..][..W];
        (z, &mut self.rz[p * TILE..][..W])
    }
}

/// All sums of the tile in one go.
#[inline(always)]
fn diagonal_rows<V: Vector, const W: usize>(
    token: V::Token,
    rows: &mut TileRows<'_, V>,
    totals: &mut TileSums<V, W>,
) {
    let zero = V::splat(token, V::Scalar::ZERO);
    let mut n = zero;
    let mut s = [zero; W];
    let mut q = [[zero; W]; W];
    let (x, weights, center) = (rows.x, rows.weights, rows.center);
    for p in 0..x.n_panels() {
        let (r_column, x_tile) = (weights.column(p), x.tile::<W>(p));
        let (z_tile, rz_tile) = rows.targets::<W>(p);
        for v in 0..PANEL {
            let r = V::load(token, &r_column[v]);
            let mut z = [zero; W];
            n = n + r;
            for i in 0..W {
                z[i] = V::load(token, &x_tile[i][v]) - V::splat(token, center[i]);
                let rz = r * z[i];
                for j in 0..=i {
                    q[i][j] = rz.mul_add(z[j], q[i][j]);
                }
                s[i] = s[i] + rz;
                if x.stride() > TILE {
                    z[i].store(&mut z_tile[i][v]);
                    rz.store(&mut rz_tile[i][v]);
                }
            }
        }
    }
    n.store(&mut totals.n);
    for i in 0..W {
        s[i].store(&mut totals.s[i]);
        for j in 0..=i {
            q[i][j].store(&mut totals.q[i][j]);
        }
    }
}

/// z, r·z and the sums Σr and Σrz of one part of the lanes.
#[inline(always)]
fn center_rows<V: Vector, const W: usize>(
    token: V::Token,
    rows: &mut TileRows<'_, V>,
    part: usize,
    totals: &mut TileSums<V, W>,
) {
    let zero = V::Part::splat(token, V::Scalar::ZERO);
    let mut n = zero;
    let mut s = [zero; W];
    let mut center = [zero; W];
    for i in 0..W {
        center[i] = V::Part::splat(token, rows.center[i]);
    }
    let (x, weights) = (rows.x, rows.weights);
    for p in 0..x.n_panels() {
        let (r_column, x_tile) = (weights.column(p), x.tile::<W>(p));
        let (z_tile, rz_tile) = rows.targets::<W>(p);
        for v in 0..PANEL {
            let r = V::Part::load(token, &r_column[v], part);
            n = n + r;
            for i in 0..W {
                let z = V::Part::load(token, &x_tile[i][v], part) - center[i];
                let rz = r * z;
                s[i] = s[i] + rz;
                z.store(&mut z_tile[i][v], part);
                rz.store(&mut rz_tile[i][v], part);
            }
        }
    }
    n.store(&mut totals.n, part);
    for i in 0..W {
        s[i].store(&mut totals.s[i], part);
    }
}

/// The lower triangle of Σ r z zᵀ in one part of the lanes: ten sums and five operands, of sixteen
/// registers.
#[inline(always)]
fn triangle_rows<V: Vector, const W: usize>(
    token: V::Token,
    rows: &mut TileRows<'_, V>,
    part: usize,
    totals: &mut TileSums<V, W>,
) {
    let zero = V::Part::splat(token, V::Scalar::ZERO);
    let mut q = [[zero; W]; W];
    for p in 0..rows.x.n_panels() {
        let (z_tile, rz_tile) = rows.targets::<W>(p);
        for v in 0..PANEL {
            let mut z = [zero; W];
            for i in 0..W {
                z[i] = V::Part::load(token, &z_tile[i][v], part);
                let rz = V::Part::load(token, &rz_tile[i][v], part);
                for j in 0..=i {
                    q[i][j] = rz.mul_add(z[j], q[i][j]);
                }
            }
        }
    }
    for i in 0..W {
        for j in 0..=i {
            q[i][j].store(&mut totals.q[i][j], part);
        }
    }
}

/// A tile left of the diagonal: rows of the current tile of r·z against four columns of z.
#[inline(always)]
fn rectangle_tile<V: Vector, const W: usize>(
    token: V::Token,
    z: Panels<'_, V>,
    rz: Panels<'_, V>,
    products: &mut [Lanes64],
) {
    let mut totals = [[V::ZERO; TILE]; W];
    for part in 0..V::Part::COUNT {
        if <V::Token as Level>::REGISTERS >= 32 {
            rectangle_columns::<V, W, 0, TILE>(token, z, rz, part, &mut totals);
        } else {
            // Eight accumulators and six operands, of sixteen registers.
            rectangle_columns::<V, W, 0, 2>(token, z, rz, part, &mut totals);
            rectangle_columns::<V, W, 2, TILE>(token, z, rz, part, &mut totals);
        }
    }
    for i in 0..W {
        for j in 0..TILE {
            totals[i][j].accumulate(&mut products[i * TILE + j]);
        }
    }
}

/// Columns `FIRST..LAST` of such a tile, in one part of the lanes.
#[inline(always)]
fn rectangle_columns<V: Vector, const W: usize, const FIRST: usize, const LAST: usize>(
    token: V::Token,
    z: Panels<'_, V>,
    rz: Panels<'_, V>,
    part: usize,
    totals: &mut [[V::Lanes; TILE]; W],
) {
    let zero = V::Part::splat(token, V::Scalar::ZERO);
    let mut q = [[zero; TILE]; W];
    for p in 0..z.n_panels() {
        let (z_tile, rz_tile) = (z.tile::<TILE>(p), rz.tile::<TILE>(p));
        for v in 0..PANEL {
            let mut z = [zero; TILE];
            for j in FIRST..LAST {
                z[j] = V::Part::load(token, &z_tile[j][v], part);
            }
            for i in 0..W {
                let rz = V::Part::load(token, &rz_tile[i][v], part);
                for j in FIRST..LAST {
                    q[i][j] = rz.mul_add(z[j], q[i][j]);
                }
            }
        }
    }
    for i in 0..W {
        for j in FIRST..LAST {
            q[i][j].store(&mut totals[i][j], part);
        }
    }
}
