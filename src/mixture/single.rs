//! When `f32` lanes are good enough for `f32` rows.
//!
//! That is asked for each block of rows, of what the block and the model are: so no other rows
//! change the bits of a block, and no other model of a shared pass does. (The unit of the weights is
//! that of a pass. It decides where the largest weight of a block is ten decades from it.)

use std::ops::{Range, RangeInclusive};

use ndarray::{ArrayView1, s};

use super::geometry::Geometry;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;
use crate::rows::{Element, Rows};
use crate::with_rows;

/// What the memory is for, in errors.
const WHAT: &str = "the means of blocks of rows";
/// How much an error of one rounding may be amplified.
const LIMIT: f64 = 1024.0;
/// Weights are no smaller than this, in units of the largest one of their block.
const SPREAD: f64 = 1e-10;
/// No square of what is smaller overflows.
const REACH: f64 = 1e12;

/// Where the rows of a block lie.
#[derive(Debug)]
pub struct Extent {
    /// The mean of the rows that are there: blocks for `f32` kernels are centred on it.
    pub center: Vec<f64>,
    /// The largest |x|.
    largest: f64,
}

impl Extent {
    /// Of rows of `f32` and weights that are exact in it; nothing of others.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the mean.
    pub fn of(rows: Rows<'_>, weights: Option<ArrayView1<'_, f64>>) -> Result<Option<Self>, Error> {
        let exact = |weights: ArrayView1<'_, f64>| {
            let largest = weights.iter().copied().fold(0.0, f64::max);
            let exact =
                |w: &f64| f64::from(*w as f32) == *w && (*w == 0.0 || *w >= SPREAD * largest);
            (largest == 0.0 || (SPREAD..1.0 / SPREAD).contains(&largest))
                && weights.iter().all(exact)
        };
        if matches!(rows, Rows::F64(_)) || !weights.is_none_or(exact) {
            return Ok(None);
        }
        let mut center = memory::filled(rows.n_columns(), 0.0, WHAT)?;
        let (mut n_rows, mut largest) = (0_usize, 0.0_f64);
        let there = |row: usize| weights.is_none_or(|weights| weights[row] > 0.0);
        with_rows!(rows, view => {
            for (_, row) in view.outer_iter().enumerate().filter(|(row, _)| there(*row)) {
                n_rows += 1;
                for (sum, value) in center.iter_mut().zip(row) {
                    let value = value.to_f64();
                    *sum += value;
                    largest = largest.max(value.abs());
                }
            }
        });
        center.iter_mut().for_each(|sum| *sum /= (n_rows as f64).max(1.0));
        Ok((largest < REACH).then_some(Self { center, largest }))
    }
}

/// The extents of the blocks of the usual partition, found once for many passes.
#[derive(Debug)]
pub struct Extents {
    leaf_rows: usize,
    blocks: Vec<Option<Extent>>,
}

impl Extents {
    /// For kernels in `f64` only.
    #[must_use]
    pub fn none() -> Self {
        Self { leaf_rows: 1, blocks: Vec::new() }
    }

    /// Looks at the rows (if they are `f32`) and their weights.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the stop flag was raised.
    pub fn of(
        context: &Context,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self, Error> {
        if matches!(rows, Rows::F64(_)) {
            return Ok(Self::none());
        }
        let blocks = rows.partition();
        let mut extents = memory::with_capacity(blocks.leaves(), WHAT)?;
        extents.resize_with(blocks.leaves(), || None);
        let output = RowsMut::column(&mut extents);
        context.for_each_chunk(
            &Partition::new(blocks.leaves(), 1),
            output,
            |block, mut extent| {
                let range = blocks.leaf(block.start);
                let weights = weights.map(|weights| weights.slice_move(s![range.clone()]));
                extent.values()[0] = Extent::of(rows.row_block(range), weights)?;
                Ok(())
            },
        )?;
        Ok(Self { leaf_rows: blocks.leaf_rows(), blocks: extents })
    }

    /// Whether no block has one.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// That of the block with these rows.
    pub fn of_block(&self, rows: &Range<usize>) -> Option<&Extent> {
        self.blocks.get(rows.start / self.leaf_rows)?.as_ref()
    }
}

/// What a model's factors allow.
#[derive(Debug)]
pub struct Single<'m> {
    model: &'m Mixture,
    /// Whether they fit `f32`, and their condition does not exceed [`LIMIT`].
    fits: bool,
    /// Their largest |entry|.
    largest: f64,
    /// The largest |entry| of each row of the factors: what a feature contributes at most.
    rows: Vec<f64>,
}

impl<'m> Single<'m> {
    /// Looks at the factors.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for a number for each of their rows.
    pub fn new(model: &'m Mixture) -> Result<Self, Error> {
        let d = model.n_features();
        let rows = memory::filled(model.n_components() * d, 0.0, WHAT)?;
        let mut single = Self { model, fits: true, largest: 0.0, rows };
        for (k, j) in single.columns() {
            // 1/u_jj is the residual standard deviation of feature j given those before it.
            let scale = (1.0 / single.entry(k, j, j)).abs();
            let mut sum = 0.0;
            for i in single.rows_of(j) {
                let u = single.entry(k, i, j).abs();
                sum += u;
                single.largest = single.largest.max(u);
                single.rows[k * d + i] = single.rows[k * d + i].max(u);
            }
            single.fits &= (1e-12..REACH).contains(&scale) && sum * scale < LIMIT;
        }
        Ok(single)
    }

    /// Whether kernels of the model may run in `f32` over a block.
    ///
    /// An error of 2⁻²⁴ in a coordinate is amplified by (distance of the means from the centre) ×
    /// (entries of the precision's factor), and by the condition of the factor: both must stay
    /// below 2¹⁰. And no square may overflow, however far a row lies.
    pub fn admits(&self, extent: &Extent) -> bool {
        let d = self.model.n_features();
        let reach = 2.0 * extent.largest * self.largest * d as f64;
        if !self.fits || reach >= REACH || extent.center.len() != d {
            return false;
        }
        (0..self.model.n_components()).all(|k| {
            let distance = |i: usize| (self.model.mean(k)[i] - extent.center[i]).abs();
            // One sum bounds those of all columns; most models need no more.
            let bound: f64 = (0..d).map(|i| self.rows[k * d + i] * distance(i)).sum();
            let column = |j: usize| {
                self.rows_of(j).map(|i| self.entry(k, i, j).abs() * distance(i)).sum::<f64>()
            };
            bound < LIMIT || (0..d).all(|j| column(j) < LIMIT)
        })
    }

    /// The columns of the components' factors.
    fn columns(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (n_components, d) = (self.model.n_components(), self.model.n_features());
        (0..n_components).flat_map(move |k| (0..d).map(move |j| (k, j)))
    }

    /// The entries of a column that may differ from 0.
    fn rows_of(&self, j: usize) -> RangeInclusive<usize> {
        if self.model.geometry().is_matrix() { 0..=j } else { j..=j }
    }

    /// Entry (i, j) of component k's factor; i is one of [`Self::rows_of`] j.
    fn entry(&self, k: usize, i: usize, j: usize) -> f64 {
        let (d, u) = (self.model.n_features(), self.model.factor(k));
        match self.model.geometry() {
            Geometry::Full | Geometry::Tied => u[i * d + j],
            Geometry::Diagonal => u[i],
            Geometry::Spherical => u[0],
        }
    }
}
