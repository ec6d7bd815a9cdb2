//! When `f32` lanes are good enough for `f32` rows.

use ndarray::{ArrayView1, s};

use super::parameters::{CovarianceType, Parameters};
use crate::error::Error;
use crate::fold::{Context, Monoid, Partition};
use crate::memory;
use crate::rows::{Element, Rows};
use crate::with_rows;

/// What the choice of precision depends on besides the model: found once, from the data alone, so
/// that no model of a shared pass changes the bits of another.
#[derive(Clone, Debug)]
pub struct Precision {
    /// Whether single precision may be used at all: rows of `f32`, weights exact in `f32`.
    single: bool,
    /// The mean of the rows: blocks for `f32` kernels are centred on it.
    center: Vec<f64>,
    /// The largest |x|.
    largest: f64,
}

impl Precision {
    /// Always double precision.
    #[must_use]
    pub fn double() -> Self {
        Self { single: false, center: Vec::new(), largest: 0.0 }
    }

    /// Looks at the rows (if they are `f32`) and the weights once.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the stop flag was raised.
    pub fn of(
        context: &Context,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self, Error> {
        let exact =
            |w: &f64| f64::from(*w as f32) == *w && (*w == 0.0 || (1e-10..1e10).contains(w));
        if matches!(rows, Rows::F64(_)) || !weights.is_none_or(|weights| weights.iter().all(exact))
        {
            return Ok(Self::double());
        }
        let extent = context.fold(&Partition::of_rows(rows.n_rows()), |range| {
            let weights = weights.map(|weights| weights.slice_move(s![range.clone()]));
            Extent::of(rows.row_block(range), weights)
        })?;
        let n = (extent.n_rows as f64).max(1.0);
        let center = memory::collected(extent.sums.iter().map(|sum| sum / n), "column means")?;
        Ok(Self { single: true, center, largest: extent.largest })
    }

    /// The point to centre blocks on if the model's kernels may run in `f32`, else nothing.
    ///
    /// An error of 2⁻²⁴ in a coordinate is amplified by (distance of the means from the centre) ×
    /// (entries of the precision's factor), and by the condition of the factor: both must stay
    /// below 2¹⁰. And no square may overflow, however far a row lies.
    #[must_use]
    pub fn center_if_single(&self, model: &Parameters) -> Option<&[f64]> {
        const LIMIT: f64 = 1024.0;
        const REACH: f64 = 1e12;
        let (k, d) = (model.n_components(), model.n_features());
        if !self.single || self.center.len() != d || self.largest >= REACH {
            return None;
        }
        let safe = |k: usize, j: usize| {
            // 1/u_jj is the residual standard deviation of feature j given those before it.
            let scale = 1.0 / entry(model, k, j, j);
            let (mut amplification, mut condition, mut largest) = (0.0, 0.0, 0.0_f64);
            for i in 0..=j {
                let u = entry(model, k, i, j).abs();
                amplification += u * (model.mean(k)[i] - self.center[i]).abs();
                condition += u * scale.abs();
                largest = largest.max(u);
            }
            let representable = (1e-12..REACH).contains(&scale.abs());
            let reach = 2.0 * self.largest * largest * (d as f64);
            amplification < LIMIT && condition < LIMIT && representable && reach < REACH
        };
        (0..k).all(|k| (0..d).all(|j| safe(k, j))).then_some(&self.center)
    }
}

/// Entry (i, j) of component k's factor.
fn entry(model: &Parameters, k: usize, i: usize, j: usize) -> f64 {
    let (d, u) = (model.n_features(), model.precisions_cholesky());
    match model.covariance_type() {
        CovarianceType::Full => u[(k * d + i) * d + j],
        CovarianceType::Tied => u[i * d + j],
        CovarianceType::Diagonal if i == j => u[k * d + i],
        CovarianceType::Spherical if i == j => u[k],
        CovarianceType::Diagonal | CovarianceType::Spherical => 0.0,
    }
}

/// Column sums and the largest absolute value of the rows that are there.
struct Extent {
    n_rows: usize,
    sums: Vec<f64>,
    largest: f64,
}

impl Extent {
    fn of(rows: Rows<'_>, weights: Option<ArrayView1<'_, f64>>) -> Result<Self, Error> {
        let sums = memory::filled(rows.n_columns(), 0.0, "column means")?;
        let mut extent = Self { n_rows: 0, sums, largest: 0.0 };
        let there = |row: usize| weights.is_none_or(|weights| weights[row] > 0.0);
        with_rows!(rows, view => {
            for (_, row) in view.outer_iter().enumerate().filter(|(row, _)| there(*row)) {
                extent.n_rows += 1;
                for (sum, value) in extent.sums.iter_mut().zip(row) {
                    let value = value.to_f64();
                    *sum += value;
                    extent.largest = extent.largest.max(value.abs());
                }
            }
        });
        Ok(extent)
    }
}

impl Monoid for Extent {
    fn identity() -> Self {
        Self { n_rows: 0, sums: Vec::new(), largest: 0.0 }
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.n_rows += other.n_rows;
        let columns = other.sums.len().max(self.sums.len());
        memory::resize(&mut self.sums, columns, 0.0, "column means")?;
        self.sums.iter_mut().zip(&other.sums).for_each(|(a, b)| *a += b);
        self.largest = self.largest.max(other.largest);
        Ok(())
    }
}
