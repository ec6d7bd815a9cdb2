//! A block of rows, copied once into cache with one array per feature.

use ndarray::{ArrayView1, ArrayView2, s};

use super::prepared::SCRATCH;
use crate::error::Error;
use crate::memory;
use crate::rows::{Element, Rows};
use crate::simd::{Lanes64, Level, Real, Vector};
use crate::with_rows;

/// Vectors in a panel: with 8 lanes a panel is 32 rows.
pub const PANEL: usize = 4;

/// One feature (or one component) of the rows of a panel.
pub type PanelColumn<V> = [<V as Vector>::Lanes; PANEL];

/// The same few columns of each panel of a block.
///
/// The number of panels is kept, as a tile over a block is soon done and a division is not.
#[derive(Clone, Copy)]
pub struct Panels<'a, V: Vector> {
    columns: &'a [PanelColumn<V>],
    n_panels: usize,
    /// Columns from one panel to the next.
    stride: usize,
    /// The first of a panel's columns that are read.
    offset: usize,
}

impl<'a, V: Vector> Panels<'a, V> {
    /// Panels of `stride` columns, one behind the other.
    #[inline(always)]
    pub fn new(columns: &'a [PanelColumn<V>], n_panels: usize, stride: usize) -> Self {
        Self { columns: &columns[..n_panels * stride], n_panels, stride, offset: 0 }
    }

    /// The same, where column `offset` of those that are read is the first one.
    #[inline(always)]
    pub fn from(self, offset: usize) -> Self {
        Self { offset: self.offset + offset, ..self }
    }

    /// How many panels there are.
    #[inline(always)]
    pub fn n_panels(self) -> usize {
        self.n_panels
    }

    /// Columns in a panel.
    #[inline(always)]
    pub fn stride(self) -> usize {
        self.stride
    }

    /// The first column of panel `p`.
    #[inline(always)]
    pub fn column(self, p: usize) -> &'a PanelColumn<V> {
        &self.columns[p * self.stride + self.offset]
    }

    /// Whether there is a number above `threshold` in the first columns.
    #[inline(always)]
    pub fn any_above(self, token: V::Token, threshold: f64) -> bool {
        let mut highest = V::splat(token, V::Scalar::ZERO);
        for p in 0..self.n_panels {
            let column = self.column(p);
            for v in 0..PANEL {
                highest = V::load(token, &column[v]).max(highest);
            }
        }
        let mut lanes = [V::ZERO];
        highest.store(&mut lanes[0]);
        V::scalars(&lanes).iter().any(|&r| r.to_f64() > threshold)
    }

    /// The first W columns of panel `p`.
    #[inline(always)]
    pub fn tile<const W: usize>(self, p: usize) -> &'a [PanelColumn<V>] {
        &self.columns[p * self.stride + self.offset..][..W]
    }
}

/// Rows of a block in the layouts the kernels read.
pub struct Block<V: Vector> {
    columns: Vec<PanelColumn<V>>,
    /// Sample weights by panels; rows past the end weigh 0.
    pub weights: Vec<PanelColumn<V>>,
    /// Whether all weights of full panels are 1.
    pub unweighted: bool,
    /// The largest weight.
    pub largest_weight: f64,
    /// Row by row, features padded with zeros to a multiple of 8; only where asked for.
    pub row_major: Vec<Lanes64>,
    n_features: usize,
    n_rows: usize,
}

impl<V: Vector> Block<V> {
    /// Rows in a panel.
    pub const PANEL_ROWS: usize = PANEL * V::LANES;

    /// Room for rows of that many features.
    pub fn new(n_features: usize) -> Self {
        Self {
            columns: Vec::new(),
            weights: Vec::new(),
            unweighted: true,
            largest_weight: 1.0,
            row_major: Vec::new(),
            n_features,
            n_rows: 0,
        }
    }

    /// Number of panels, the last one possibly padded.
    pub fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(Self::PANEL_ROWS)
    }

    /// One column per feature of each panel, x − c (see [`Block::pack`]). Rows past the end are 0.
    #[inline(always)]
    pub fn panels(&self) -> Panels<'_, V> {
        Panels::new(&self.columns, self.n_panels(), self.n_features)
    }

    /// The columns of one panel.
    #[inline(always)]
    pub fn panel(&self, p: usize) -> &[PanelColumn<V>] {
        &self.columns[p * self.n_features..][..self.n_features]
    }

    /// Number of rows of panel `p` that exist.
    pub fn rows_in_panel(&self, p: usize) -> usize {
        (self.n_rows - p * Self::PANEL_ROWS).min(Self::PANEL_ROWS)
    }

    /// Whether every row of panel `p` exists and weighs 1.
    pub fn plain(&self, p: usize) -> bool {
        self.unweighted && self.rows_in_panel(p) == Self::PANEL_ROWS
    }

    /// Copies `rows` in, subtracting `center` where one is given.
    ///
    /// Kernels in `f32` need the centre: the difference is taken in `f64` and only then rounded.
    #[inline(always)]
    pub fn pack(
        &mut self,
        token: V::Token,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
        center: Option<&[f64]>,
        row_major: bool,
    ) -> Result<(), Error> {
        self.n_rows = rows.n_rows();
        let n_panels = self.n_panels();
        let length = memory::product(&[n_panels, self.n_features], SCRATCH)?;
        memory::first(&mut self.columns, length, [V::ZERO; PANEL], SCRATCH)?;
        memory::first(&mut self.weights, n_panels, [V::ZERO; PANEL], SCRATCH)?;
        self.unweighted = weights.is_none();
        self.largest_weight = weights.map_or(1.0, |w| w.iter().copied().fold(0.0, f64::max));
        for p in 0..n_panels {
            let first = p * Self::PANEL_ROWS;
            let count = self.rows_in_panel(p);
            let here = rows.row_block(first..first + count);
            with_rows!(here, view => self.pack_panel(token, p, view, center));
            let panel_weights = V::scalars_mut(&mut self.weights[p]);
            panel_weights.fill(V::Scalar::ZERO);
            match weights {
                None => panel_weights[..count].fill(V::Scalar::from_f64(1.0)),
                Some(weights) => {
                    for (target, &w) in
                        panel_weights.iter_mut().zip(weights.slice(s![first..first + count]))
                    {
                        *target = V::Scalar::from_f64(w);
                    }
                }
            }
        }
        if row_major {
            with_rows!(rows, view => self.pack_row_major(view))?;
        }
        Ok(())
    }

    #[inline(always)]
    fn pack_panel<T: Element>(
        &mut self,
        token: V::Token,
        p: usize,
        rows: ArrayView2<'_, T>,
        center: Option<&[f64]>,
    ) {
        let d = self.n_features;
        let columns = &mut self.columns[p * d..][..d];
        if rows.nrows() < Self::PANEL_ROWS {
            columns.fill([V::ZERO; PANEL]);
        }
        match (rows.to_slice(), center) {
            (Some(values), None) => {
                transpose::<V, T>(token, values, columns, |value, _| value.to_f64());
            }
            (Some(values), Some(c)) => {
                transpose::<V, T>(token, values, columns, |value, j| value.to_f64() - c[j]);
            }
            (None, _) => {
                for (j, (column, source)) in columns.iter_mut().zip(rows.columns()).enumerate() {
                    let c = center.map_or(0.0, |center| center[j]);
                    for (target, value) in V::scalars_mut(column).iter_mut().zip(source) {
                        *target = V::Scalar::from_f64(value.to_f64() - c);
                    }
                }
            }
        }
    }

    fn pack_row_major<T: Element>(&mut self, rows: ArrayView2<'_, T>) -> Result<(), Error> {
        let width = self.n_features.div_ceil(8);
        let target = &mut self.row_major;
        let target = memory::first(target, self.n_rows * width, Lanes64::ZERO, SCRATCH)?;
        for (target, row) in target.chunks_exact_mut(width).zip(rows.outer_iter()) {
            let Some(values) = row.to_slice() else {
                for (i, value) in row.iter().enumerate() {
                    target[i / 8].0[i % 8] = value.to_f64();
                }
                continue;
            };
            let (octets, rest) = values.as_chunks::<8>();
            for (lanes, octet) in target.iter_mut().zip(octets) {
                lanes.0 = octet.map(Element::to_f64);
            }
            for (lane, value) in target[octets.len()..].iter_mut().flat_map(|l| &mut l.0).zip(rest)
            {
                *lane = value.to_f64();
            }
        }
        Ok(())
    }
}

/// Rows that are transposed together: a cache line of each is used up while it is near.
const GROUP: usize = 8;

/// Writes rows of contiguous values as columns, in squares of eight rows by eight columns.
#[inline(always)]
fn transpose<V: Vector, T: Element>(
    token: V::Token,
    values: &[T],
    columns: &mut [PanelColumn<V>],
    convert: impl Fn(T, usize) -> f64,
) {
    let d = columns.len();
    let mut groups = values.chunks_exact(GROUP * d);
    for (g, group) in groups.by_ref().enumerate() {
        for (start, columns) in (0..d).step_by(GROUP).zip(columns.chunks_mut(GROUP)) {
            macro_rules! square {
                ($($width:literal)*) => {
                    match columns.len() {
                        $($width => transpose_square::<V, T, $width>(token, group, d, start, g, columns, &convert),)*
                        _ => transpose_square::<V, T, GROUP>(token, group, d, start, g, columns, &convert),
                    }
                };
            }
            square!(1 2 3 4 5 6 7);
        }
    }
    let done = values.len() / (GROUP * d) * GROUP;
    for (i, row) in groups.remainder().chunks_exact(d).enumerate() {
        for (j, (column, &value)) in columns.iter_mut().zip(row).enumerate() {
            V::scalars_mut(column)[done + i] = V::Scalar::from_f64(convert(value, j));
        }
    }
}

/// Eight rows by W columns, four by four; every index is a constant, so nothing is checked one by one.
#[inline(always)]
fn transpose_square<V: Vector, T: Element, const W: usize>(
    token: V::Token,
    group: &[T],
    d: usize,
    start: usize,
    g: usize,
    columns: &mut [PanelColumn<V>],
    convert: &impl Fn(T, usize) -> f64,
) {
    let columns = &mut columns[..W];
    for top in (0..GROUP).step_by(4) {
        for left in (0..W).step_by(4) {
            let width = 4.min(W - left);
            let mut square = [[0.0; 4]; 4];
            for i in 0..4 {
                let row = &group[(top + i) * d + start + left..][..width];
                for j in 0..width {
                    square[i][j] = convert(row[j], start + left + j);
                }
            }
            let square = token.transpose(square);
            for j in 0..width {
                let column = V::scalars_mut(&mut columns[left + j]);
                let target = &mut column[g * GROUP + top..][..4];
                for i in 0..4 {
                    target[i] = V::Scalar::from_f64(square[j][i]);
                }
            }
        }
    }
}
