//! Outputs per row: log-densities, responsibilities and labels, each in a single pass.

use std::ops::Range;

use super::block::{Block, PANEL, PanelColumn};
use super::diagonal::Diagonal;
use super::full::Full;
use super::geometry::Geometry;
use super::prepared::{Means, Prepared, SCRATCH, Scratch};
use super::single::{Extent, Single};
use super::softmax::LogSum;
use super::tied::Tied;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, RowsMut};
use crate::memory;
use crate::rows::{Element, Rows};
use crate::simd::{Kernel, Level, Real, Vector, dispatch};

/// What to write per row. Each is written straight into the caller's memory.
pub struct Outputs<'a> {
    /// log p(x), one per row.
    pub log_likelihoods: Option<RowsMut<'a, f64>>,
    /// One row of k values per row: see [`Columns`].
    pub components: Option<RowsMut<'a, f64>>,
    /// The component with the largest responsibility.
    pub labels: Option<RowsMut<'a, i64>>,
}

/// What [`Outputs::components`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// log N(x | μₖ, Σₖ), not weighted.
    LogDensities,
    /// Responsibilities: posterior probabilities of the components.
    Responsibilities,
}

type Parts<'a> = ((Option<RowsMut<'a, f64>>, Option<RowsMut<'a, f64>>), Option<RowsMut<'a, i64>>);

/// Scores every row under a model.
///
/// # Errors
///
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn score(
    context: &Context,
    rows: Rows<'_>,
    model: &Mixture,
    columns: Columns,
    outputs: Outputs<'_>,
) -> Result<(), Error> {
    let (k, d) = (model.n_components(), model.n_features());
    let job = &Job { context, rows, columns, k, d };
    match model.geometry() {
        Geometry::Full => each_leaf::<Full<f32>, Full<f64>>(job, model, outputs),
        Geometry::Tied => each_leaf::<Tied<f32>, Tied<f64>>(job, model, outputs),
        Geometry::Diagonal | Geometry::Spherical => {
            each_leaf::<Diagonal<f32>, Diagonal<f64>>(job, model, outputs)
        }
    }
}

struct Job<'j, 'a> {
    context: &'j Context,
    rows: Rows<'a>,
    columns: Columns,
    k: usize,
    d: usize,
}

fn each_leaf<S: Prepared<f32>, D: Prepared<f64>>(
    job: &Job<'_, '_>,
    model: &Mixture,
    outputs: Outputs<'_>,
) -> Result<(), Error> {
    let weighted = job.columns == Columns::Responsibilities;
    let double = &(D::new(model, weighted, false)?, D::means(model, None)?);
    let single = match job.rows {
        Rows::F64(_) => None,
        Rows::F32(_) => Some((S::new(model, weighted, false)?, Single::new(model)?)),
    };
    let outputs = ((outputs.log_likelihoods, outputs.components), outputs.labels);
    job.context.for_each_chunk(&job.rows.partition(), outputs, |range, outputs| {
        if let Some((prepared, limit)) = &single
            && let Some(extent) = Extent::of(job.rows.row_block(range.clone()), None)?
            && limit.admits(&extent)
        {
            let center = Some(&extent.center[..]);
            let means = &S::means(model, center)?;
            return dispatch((prepared, Leaf { job, prepared, means, center, range, outputs }));
        }
        let (prepared, means) = double;
        dispatch((prepared, Leaf { job, prepared, means, center: None, range, outputs }))
    })
}

struct Leaf<'l, 'j, 'a, 'o, E, F> {
    job: &'l Job<'j, 'a>,
    prepared: &'l F,
    means: &'l Means<E>,
    /// The point that blocks are centred on.
    center: Option<&'l [f64]>,
    range: Range<usize>,
    outputs: Parts<'o>,
}

impl<E: Real, F: Prepared<E>> Kernel for Leaf<'_, '_, '_, '_, E, F> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<L: Level>(mut self, token: L) -> Self::Output {
        let &Job { context, rows, columns, k, d } = self.job;
        let (means, center) = (self.means, self.center);
        let stop = context.stop();
        let mut block = Block::<E::Vector<L>>::new(d);
        let mut scratch = Scratch::<E::Vector<L>>::new(d)?;
        let zero = [<E::Vector<L> as Vector>::ZERO; PANEL];
        let mut densities = memory::filled(k, zero, SCRATCH)?;
        let block_rows = 4 * Block::<E::Vector<L>>::PANEL_ROWS;
        for first in self.range.clone().step_by(block_rows) {
            context.check()?;
            let here = first..self.range.end.min(first + block_rows);
            block.pack(token, rows.row_block(here), None, center, false)?;
            for p in 0..block.n_panels() {
                let panel = block.panel(p);
                self.prepared.log_densities(
                    token,
                    means,
                    panel,
                    &mut scratch,
                    &mut densities,
                    stop,
                );
                let start = first - self.range.start + p * Block::<E::Vector<L>>::PANEL_ROWS;
                let rows = start..start + block.rows_in_panel(p);
                write_panel::<E::Vector<L>>(
                    token,
                    (&block.weights[p], block.plain(p)),
                    &mut densities,
                    columns,
                    rows,
                    &mut self.outputs,
                );
            }
        }
        context.check() // kernels that found the flag raised left their densities unfinished
    }
}

/// Turns a panel's densities into the wanted outputs.
#[inline(always)]
fn write_panel<V: Vector>(
    token: V::Token,
    (weights, plain): (&PanelColumn<V>, bool),
    densities: &mut [PanelColumn<V>],
    columns: Columns,
    rows: Range<usize>,
    outputs: &mut Parts<'_>,
) {
    let ((log_likelihoods, components), labels) = outputs;
    if let Some(labels) = labels {
        write_labels::<V>(densities, &mut labels.values()[rows.clone()]);
    }
    if columns == Columns::Responsibilities && (log_likelihoods.is_some() || components.is_some()) {
        let log_sum = LogSum::<V>::of(token, densities);
        if let Some(output) = log_likelihoods {
            let mut column = [V::ZERO; PANEL];
            for v in 0..PANEL {
                log_sum.log_likelihood(v).store(&mut column[v]);
            }
            for (target, value) in output.values()[rows.clone()].iter_mut().zip(V::scalars(&column))
            {
                *target = value.to_f64();
            }
        }
        if components.is_some() {
            log_sum.normalize(token, weights, plain, densities);
        }
    }
    if let Some(output) = components {
        let k = densities.len();
        let target = &mut output.values()[rows.start * k..rows.end * k];
        for (component, column) in densities.iter().enumerate() {
            for (row, value) in target.chunks_exact_mut(k).zip(V::scalars(column)) {
                row[component] = value.to_f64();
            }
        }
    }
}

/// The first component with the largest weighted density, by rows.
#[inline(always)]
fn write_labels<V: Vector>(densities: &[PanelColumn<V>], labels: &mut [i64]) {
    labels.fill(0);
    let Some((first, others)) = densities.split_first() else { return };
    let mut best = *first;
    let best = V::scalars_mut(&mut best);
    for (component, column) in others.iter().enumerate() {
        let values = V::scalars(column).iter().zip(best.iter_mut());
        for (label, (&value, best)) in labels.iter_mut().zip(values) {
            if value > *best {
                *best = value;
                *label = component as i64 + 1;
            }
        }
    }
}
