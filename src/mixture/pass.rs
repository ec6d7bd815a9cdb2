//! One pass over the rows: blocks of rows → responsibilities → statistics, or outputs per row.
//!
//! Nothing of the size of the input is stored: a leaf holds one block of a few hundred rows, the
//! responsibilities of that block, and its sums.

use std::any::Any;
use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, s};

use super::block::{Block, PANEL, PanelColumn};
use super::diagonal::{Diagonal, squared_distance};
use super::family::{Family, PREPARED, SCRATCH, SUMS, Scratch, centered};
use super::full::Full;
use super::parameters::{CovarianceType, Parameters};
use super::precision::Precision;
use super::present::{Layout, Numbers, Present, positive};
use super::softmax::LogSum;
use super::statistics::MixtureStatistics;
use super::tied::Tied;
use super::wide::WIDE_FROM;
use crate::error::Error;
use crate::fold::{Context, Idle, Partition, Stop};
use crate::memory;
use crate::rng;
use crate::rows::{Element, Rows};
use crate::simd::{Kernel, Lanes64, Level, Real, Vector, dispatch, prefetch};

/// Where the responsibilities of a pass come from.
#[derive(Clone, Copy)]
pub enum Responsibilities<'a> {
    /// From the model: an E-step.
    Model,
    /// Given, rows × components.
    Given(ArrayView2<'a, f64>),
    /// 1 for the component whose mean is nearest, the first of them if tied; 0 for the others.
    Nearest,
    /// Uniform random numbers, normalised.
    Random {
        /// One per model.
        seeds: &'a [u64],
        /// Those of positive weight: only they have random numbers.
        present: &'a Present,
    },
}

/// Folds the rows into the statistics of every model, sharing the pass between the models.
///
/// The models must be of one family and size.
///
/// # Errors
///
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn statistics<'a>(
    context: &Context,
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    models: &[Parameters],
    responsibilities: Responsibilities<'a>,
) -> Result<Vec<MixtureStatistics>, Error> {
    let precision = match responsibilities {
        Responsibilities::Model => Precision::of(context, rows, weights)?,
        _ => Precision::double(),
    };
    statistics_in(context, rows, weights, models, responsibilities, &precision)
}

/// [`statistics`] where the rows' [`Precision`] is known: of many passes over the same rows.
///
/// # Errors
///
/// As [`statistics`].
pub fn statistics_in<'a>(
    context: &Context,
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    models: &[Parameters],
    responsibilities: Responsibilities<'a>,
    precision: &Precision,
) -> Result<Vec<MixtureStatistics>, Error> {
    if rows.n_rows() == 0 || models.is_empty() {
        let zeros = |m: &Parameters| {
            let means = memory::copied(m.means(), SUMS)?;
            MixtureStatistics::zeros(m.covariance_type(), m.n_features(), means)
        };
        return memory::gathered(models.iter().map(zeros), SUMS);
    }
    let input = Input { rows, weights, responsibilities };
    let centers: Vec<_> = models.iter().map(|model| precision.center_if_single(model)).collect();
    if centers.iter().all(Option::is_none) {
        return run::<f64>(context, &input, Models { parameters: models, center: None });
    }
    if centers.iter().all(Option::is_some) {
        return run::<f32>(context, &input, Models { parameters: models, center: centers[0] });
    }
    // Models of both kinds: each on its own, as if the others were not there.
    let mut folded = memory::with_capacity(models.len(), SUMS)?;
    for model in models.chunks(1) {
        folded.extend(statistics_in(context, rows, weights, model, responsibilities, precision)?);
    }
    Ok(folded)
}

/// Folds the rows with given responsibilities (rows × components), about the components' means.
///
/// Three passes: the mean of all rows, the mean of each component about it, then the moments.
///
/// # Errors
///
/// As [`statistics`].
pub fn statistics_of_responsibilities<'a>(
    context: &Context,
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    covariance_type: CovarianceType,
    responsibilities: ArrayView2<'a, f64>,
) -> Result<MixtureStatistics, Error> {
    let d = rows.n_columns();
    if d == 0 || responsibilities.ncols() == 0 {
        let (name, found) = ("X", vec![rows.n_rows(), d]);
        let expected = "(n_samples, n_features) with at least one feature".into();
        return Err(Error::Shape { name, expected, found });
    }
    let given = Responsibilities::Given(responsibilities);
    let pass = |family, centers, responsibilities| {
        let model = Parameters::of_centers(family, d, centers)?;
        let folded = statistics(context, rows, weights, &[model], responsibilities)?;
        folded.into_iter().next().ok_or_else(|| Error::Bug("a pass gave no statistics".into()))
    };
    let origin = (0..d).map(|j| if rows.n_rows() > 0 { rows.get(0, j) } else { 0.0 });
    let origin = memory::collected(origin, PREPARED)?;
    let mean = pass(CovarianceType::Spherical, origin, Responsibilities::Nearest)?.means()?;
    let centers = memory::repeated(&mean, responsibilities.ncols(), PREPARED)?;
    let means = pass(CovarianceType::Spherical, centers, given)?.means()?;
    pass(covariance_type, means, given)
}

/// Chooses the family's kernels, in lanes of `E`.
fn run<E: Real>(
    context: &Context,
    input: &Input<'_>,
    models: Models<'_>,
) -> Result<Vec<MixtureStatistics>, Error> {
    // Given responsibilities may be small by intent: then only what underflows is left out.
    let total = match (input.responsibilities, input.weights) {
        (Responsibilities::Model, None) => input.rows.n_rows() as f64,
        (Responsibilities::Model, Some(weights)) => weights.iter().sum(),
        _ => 0.0,
    };
    let center = models.center;
    match models.parameters[0].covariance_type() {
        CovarianceType::Full => {
            fold(context, input, models, |m| Full::<E>::new(m, center, true, total))
        }
        CovarianceType::Tied => fold(context, input, models, |m| Tied::<E>::new(m, center, true)),
        CovarianceType::Diagonal | CovarianceType::Spherical => {
            fold(context, input, models, |m| Diagonal::<E>::new(m, center, true))
        }
    }
}

/// What a pass reads.
struct Input<'a> {
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    responsibilities: Responsibilities<'a>,
}

/// The models of a pass, and the point that blocks are centred on.
#[derive(Clone, Copy)]
struct Models<'a> {
    parameters: &'a [Parameters],
    center: Option<&'a [f64]>,
}

fn fold<E: Real, F: Family<E>>(
    context: &Context,
    input: &Input<'_>,
    models: Models<'_>,
    prepare: impl Fn(&Parameters) -> Result<F, Error>,
) -> Result<Vec<MixtureStatistics>, Error> {
    let families: Vec<F> = memory::gathered(models.parameters.iter().map(prepare), PREPARED)?;
    let families = &families[..];
    let centers = models.parameters.iter().map(|model| centered(model.means(), models.center));
    let centers: &[Vec<E>] = &memory::gathered(centers, PREPARED)?;
    let idle = &Idle::default();
    context.fold(&Partition::of_rows(input.rows.n_rows()), |range| {
        dispatch(Leaf { context, input, models, families, centers, idle, range })
    })
}

/// Panels of a block: as many as keep its columns and responsibilities near the first cache.
/// A function of the shape only, as `f32` kernels round their sums at the end of a block.
fn panels_per_block(n_features: usize, n_components: usize) -> usize {
    if n_features >= WIDE_FROM { 8 } else { (64 / (n_features + n_components)).clamp(2, 12) }
}

/// The statistics of one leaf.
struct Leaf<'l, 'a, E, F> {
    context: &'l Context,
    input: &'l Input<'a>,
    models: Models<'l>,
    families: &'l [F],
    /// The means that blocks are assigned to, less the point the blocks are centred on.
    centers: &'l [Vec<E>],
    /// A [`Desk`] for each thread.
    idle: &'l Idle<Box<dyn Any + Send>>,
    range: Range<usize>,
}

/// Where one thread works on a block: its rows, what is computed from them on the way, and their
/// log-densities, which become responsibilities.
struct Desk<V: Vector> {
    block: Block<V>,
    scratch: Scratch<V>,
    terms: Vec<PanelColumn<V>>,
    n_components: usize,
}

/// The block, scratch memory, and one column of terms for each component of each panel.
type Parts<'d, V> = (&'d Block<V>, &'d mut Scratch<V>, &'d mut [PanelColumn<V>]);

impl<V: Vector> Desk<V> {
    fn new(n_components: usize, n_features: usize) -> Result<Self, Error> {
        let (block, scratch) = (Block::new(n_features), Scratch::new(n_features)?);
        Ok(Self { block, scratch, terms: Vec::new(), n_components })
    }

    /// What lies on it, with the terms of the block as it was packed.
    #[inline(always)]
    fn parts(&mut self) -> Result<Parts<'_, V>, Error> {
        let length = self.block.n_panels() * self.n_components;
        let terms = memory::first(&mut self.terms, length, [V::ZERO; PANEL], SCRATCH)?;
        Ok((&self.block, &mut self.scratch, terms))
    }
}

impl<E: Real, F: Family<E>> Kernel for Leaf<'_, '_, E, F> {
    type Output = Result<Vec<MixtureStatistics>, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let &Input { rows, weights, responsibilities } = self.input;
        let Models { parameters: models, center } = self.models;
        let (k, d) = (models[0].n_components(), models[0].n_features());
        let stop = self.context.stop();
        let idle = self.idle.take_as();
        let mut desk = idle.map_or_else(|| Desk::<E::Vector<L>>::new(k, d).map(Box::new), Ok)?;
        let mut sums: Vec<F::Sums> = memory::gathered(self.families.iter().map(F::sums), SUMS)?;
        let mut log_likelihoods = memory::filled(models.len(), Lanes64::ZERO, SUMS)?;
        let block_rows = panels_per_block(d, k) * Block::<E::Vector<L>>::PANEL_ROWS;
        let layout = Layout { rows: block_rows, draws: k };
        let mut numbers: Vec<Numbers> = match responsibilities {
            Responsibilities::Random { seeds, present } => {
                let of = |&seed| present.numbers_from(self.range.start, seed, layout);
                seeds.iter().map(of).collect()
            }
            _ => Vec::new(),
        };
        for first in self.range.clone().step_by(block_rows) {
            self.context.check()?;
            let here = first..self.range.end.min(first + block_rows);
            let block_weights = weights.map(|w| w.slice_move(s![here.clone()]));
            let row_major = self.families[0].needs_row_major();
            desk.block.pack(rows.row_block(here.clone()), block_weights, center, row_major)?;
            let ahead = here.end..self.range.end.min(here.end + block_rows);
            let ahead = rows.row_block(ahead).as_bytes().unwrap_or_default();
            let (block, scratch, terms) = desk.parts()?;
            for (m, family) in self.families.iter().enumerate() {
                // With many restarts one block alone can take long.
                self.context.check()?;
                match responsibilities {
                    Responsibilities::Model => {
                        let log_likelihood = &mut log_likelihoods[m];
                        let ahead = if m == 0 { ahead } else { &[] };
                        expect(token, family, (block, scratch, terms), ahead, stop, log_likelihood);
                    }
                    Responsibilities::Nearest => {
                        assign(token, &self.centers[m], block, terms);
                    }
                    Responsibilities::Given(given) => {
                        let panel_rows = Block::<E::Vector<L>>::PANEL_ROWS;
                        fill(block, terms, |p, row, target| {
                            let source = given.row(here.start + p * panel_rows + row);
                            target.iter_mut().zip(source).for_each(|(target, &r)| *target = r);
                        })?;
                    }
                    Responsibilities::Random { .. } => {
                        fill(block, terms, |_, _, target| {
                            random_simplex(numbers[m].of_next_row(), target);
                        })?;
                    }
                }
                family.accumulate(token, block, terms, scratch, &mut sums[m], stop)?;
            }
        }
        let (n_rows, total) = match weights {
            None => (self.range.len(), self.range.len() as f64),
            Some(weights) => {
                let weights = weights.slice_move(s![self.range.clone()]);
                (positive(weights), weights.iter().sum())
            }
        };
        let finish = |(m, sums): (usize, &F::Sums)| {
            let mut statistics = self.families[m].finish(sums, &models[m], stop)?;
            statistics.n_rows = n_rows as u64;
            statistics.total_weight = total;
            statistics.log_likelihood = log_likelihoods[m].sum();
            Ok(statistics)
        };
        self.context.check()?; // kernels that found the flag raised left their work unfinished
        self.idle.put(desk);
        memory::gathered(sums.iter().enumerate().map(finish), SUMS)
    }
}

/// The E-step of a block: the terms become the responsibilities (times the sample weights).
///
/// Meanwhile the bytes `ahead`, which the next block will be packed from, are asked for.
/// A block whose work was left because `stop` is raised is nobody's to read.
#[inline(always)]
fn expect<E: Real, V: Vector<Scalar = E>, F: Family<E>>(
    token: V::Token,
    family: &F,
    (block, scratch, terms): Parts<'_, V>,
    ahead: &[u8],
    stop: &Stop,
    log_likelihood: &mut Lanes64,
) {
    let k = terms.len() / block.n_panels();
    let mut ahead = ahead.chunks(ahead.len().div_ceil(block.n_panels()).max(1));
    for (p, terms) in terms.chunks_exact_mut(k).enumerate() {
        if stop.is_raised() {
            return;
        }
        prefetch(ahead.next().unwrap_or_default());
        family.log_densities(token, block.panel(p), scratch, terms, stop);
        let log_sum = LogSum::<V>::of(token, terms);
        log_sum.accumulate(token, &block.weights[p], block.plain(p), log_likelihood);
        log_sum.normalize(token, &block.weights[p], terms);
    }
}

/// Hard assignment of a block's rows to the nearest mean.
#[inline(always)]
fn assign<V: Vector>(
    token: V::Token,
    means: &[V::Scalar],
    block: &Block<V>,
    terms: &mut [PanelColumn<V>],
) {
    let k = terms.len() / block.n_panels();
    let d = means.len() / k;
    for (p, terms) in terms.chunks_exact_mut(k).enumerate() {
        let mut best = [V::splat(token, V::Scalar::from_f64(f64::INFINITY)); PANEL];
        for (term, mean) in terms.iter_mut().zip(means.chunks_exact(d)) {
            let mut norm = [V::splat(token, V::Scalar::ZERO); PANEL];
            squared_distance(token, block.panel(p), mean, &mut norm);
            for v in 0..PANEL {
                norm[v].store(&mut term[v]);
                best[v] = norm[v].min(best[v]);
            }
        }
        let mut free = block.weights[p];
        let free = V::scalars_mut(&mut free);
        let mut nearest = [V::ZERO; PANEL];
        for v in 0..PANEL {
            best[v].store(&mut nearest[v]);
        }
        let nearest = V::scalars(&nearest);
        for term in terms {
            let rows = V::scalars_mut(term).iter_mut().zip(nearest).zip(free.iter_mut());
            for ((term, &nearest), free) in rows {
                let mine = if *term <= nearest { *free } else { V::Scalar::ZERO };
                *free = if *term <= nearest { V::Scalar::ZERO } else { *free };
                *term = mine;
            }
        }
    }
}

/// Writes responsibilities, times the sample weights, as columns; `row` fills those of one row of
/// positive weight.
fn fill<V: Vector>(
    block: &Block<V>,
    terms: &mut [PanelColumn<V>],
    mut row: impl FnMut(usize, usize, &mut [f64]),
) -> Result<(), Error> {
    let k = terms.len() / block.n_panels();
    let mut values = memory::filled(k, 0.0, SCRATCH)?;
    for (p, terms) in terms.chunks_exact_mut(k).enumerate() {
        terms.fill([V::ZERO; PANEL]);
        for i in 0..block.rows_in_panel(p) {
            let weight = V::scalars(&block.weights[p])[i].to_f64();
            if weight <= 0.0 {
                continue;
            }
            row(p, i, &mut values);
            for (term, r) in terms.iter_mut().zip(&values) {
                V::scalars_mut(term)[i] = V::Scalar::from_f64(r * weight);
            }
        }
    }
    Ok(())
}

/// Uniform random numbers divided by their sum.
fn random_simplex(generator: &mut rng::Stream, values: &mut [f64]) {
    for value in values.iter_mut() {
        // 1 − u lies in (0, 1], so the sum is positive.
        *value = 1.0 - rng::uniform_f64(generator);
    }
    let total: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= total);
}
