//! One pass over the rows: blocks of rows → responsibilities → statistics, or outputs per row.
//!
//! Nothing of the size of the input is stored: a leaf holds one block of a few hundred rows, the
//! responsibilities of that block, and its sums.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, s};

use super::block::{Block, PANEL, PanelColumn};
use super::diagonal::{Diagonal, squared_distance};
use super::full::Full;
use super::geometry::Geometry;
use super::prepared::{Means, PREPARED, Prepared, SCRATCH, SUMS, Scratch};
use super::present::{Layout, Numbers, Present, positive};
use super::sample::Sample;
use super::single::{Extent, Extents, Single};
use super::softmax::LogSum;
use super::statistics::MixtureStatistics;
use super::tied::Tied;
use super::value::Mixture;
use super::wide::WIDE_FROM;
use crate::error::Error;
use crate::fold::{Context, Fold, Idle, Stop};
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

impl Responsibilities<'_> {
    /// The same, for a shorter time.
    fn reborrow(&self) -> Responsibilities<'_> {
        match self {
            Self::Model => Responsibilities::Model,
            Self::Nearest => Responsibilities::Nearest,
            Self::Given(given) => Responsibilities::Given(given.reborrow()),
            Self::Random { seeds, present } => Responsibilities::Random { seeds, present },
        }
    }
}

/// Folds the rows into the statistics of every model, sharing the pass between the models.
///
/// The models must be of one geometry and size.
///
/// # Errors
///
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn statistics(
    context: &Context,
    sample: &Sample<'_>,
    models: &[&Mixture],
    responsibilities: Responsibilities<'_>,
) -> Result<Vec<MixtureStatistics>, Error> {
    let rows = sample.rows();
    if models.is_empty() || rows.n_rows() == 0 {
        let zeros = |m: &&Mixture| {
            let means = memory::copied(m.means(), SUMS)?;
            MixtureStatistics::zeros(m.geometry(), m.n_features(), means)
        };
        return memory::gathered(models.iter().map(zeros), SUMS);
    }
    // Kernels in `f32` are for responsibilities of the model only.
    let extents = match responsibilities {
        Responsibilities::Model => {
            Some(sample.extents(context)?).filter(|extents| !extents.is_empty())
        }
        _ => None,
    };
    let weights = sample.weights();
    let extents = extents.map(Lies::Known);
    let input = Input { rows, weights, extents, responsibilities: responsibilities.reborrow() };
    let partition = input.rows.partition();
    with_blocks(context, &input, models, |block| context.fold(&partition, block))
}

/// Folds blocks of a stream under every model, sharing the pass between the models; the first of
/// the rows is that of block `first_block`. `look` sees every block before.
///
/// The models must be of one geometry and size; none are needed.
///
/// # Errors
///
/// Those of `look` and of [`Fold::extend`].
pub fn statistics_of_blocks<'a>(
    context: &Context,
    (rows, weights): (Rows<'a>, Option<ArrayView1<'a, f64>>),
    models: &[&Mixture],
    (fold, first_block): (&mut Fold<Vec<MixtureStatistics>>, u64),
    look: &(dyn Fn(Range<usize>) -> Result<(), Error> + Sync),
) -> Result<(), Error> {
    let partition = rows.partition();
    if models.is_empty() {
        return fold.extend(context, first_block, &partition, |range| {
            look(range)?;
            Ok(Vec::new())
        });
    }
    let extents = matches!(rows, Rows::F32(_)).then_some(Lies::Asked);
    let input = Input { rows, weights, extents, responsibilities: Responsibilities::Model };
    with_blocks(context, &input, models, |block| {
        fold.extend(context, first_block, &partition, |range| {
            look(range.clone())?;
            block(range)
        })
    })
}

/// What the statistics of a block are found by.
type BlockStatistics<'b> =
    &'b (dyn Fn(Range<usize>) -> Result<Vec<MixtureStatistics>, Error> + Sync);

/// Has the blocks of the input walked over by `walk`, with the kernels that the models need.
fn with_blocks<T>(
    context: &Context,
    input: &Input<'_>,
    models: &[&Mixture],
    walk: impl FnOnce(BlockStatistics<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    match models[0].geometry() {
        Geometry::Full => blocks::<Full<f32>, Full<f64>, _>(context, input, models, walk),
        Geometry::Tied => blocks::<Tied<f32>, Tied<f64>, _>(context, input, models, walk),
        Geometry::Diagonal | Geometry::Spherical => {
            blocks::<Diagonal<f32>, Diagonal<f64>, _>(context, input, models, walk)
        }
    }
}

/// Folds the rows with given responsibilities (rows × components), about the components' means.
///
/// Three passes: the mean of all rows, the mean of each component about it, then the moments.
///
/// # Errors
///
/// As [`statistics`].
pub fn statistics_of_responsibilities(
    context: &Context,
    sample: &Sample<'_>,
    geometry: Geometry,
    responsibilities: ArrayView2<'_, f64>,
) -> Result<MixtureStatistics, Error> {
    let rows = sample.rows();
    let d = rows.n_columns();
    if d == 0 || responsibilities.ncols() == 0 {
        let (name, found) = ("X", vec![rows.n_rows(), d]);
        let expected = "(n_samples, n_features) with at least one feature".into();
        return Err(Error::Shape { name, expected, found });
    }
    let given = Responsibilities::Given(responsibilities);
    let pass = |geometry, centers, responsibilities| {
        let model = Mixture::of_centers(geometry, d, centers)?;
        let folded = statistics(context, sample, &[&model], responsibilities)?;
        folded.into_iter().next().ok_or_else(|| Error::Bug("a pass gave no statistics".into()))
    };
    let origin = (0..d).map(|j| if rows.n_rows() > 0 { rows.get(0, j) } else { 0.0 });
    let origin = memory::collected(origin, PREPARED)?;
    let mean = pass(Geometry::Spherical, origin, Responsibilities::Nearest)?.means()?;
    let centers = memory::repeated(&mean, responsibilities.ncols(), PREPARED)?;
    let means = pass(Geometry::Spherical, centers, given)?.means()?;
    pass(geometry, means, given)
}

/// What a pass reads.
struct Input<'a> {
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    /// Where the rows of a block lie, if kernels in `f32` may do.
    extents: Option<Lies<'a>>,
    responsibilities: Responsibilities<'a>,
}

/// How it is known where the rows of a block lie.
#[derive(Clone, Copy)]
enum Lies<'a> {
    /// An earlier pass found out.
    Known(&'a Extents),
    /// Each block is looked at.
    Asked,
}

impl Input<'_> {
    /// Where the rows of a block lie.
    fn extent(&self, range: &Range<usize>) -> Result<Option<Extent>, Error> {
        let weights = self.weights.map(|weights| weights.slice_move(s![range.clone()]));
        Extent::of(self.rows.row_block(range.clone()), weights)
    }
}

/// Models as the kernels of one width of floats read them.
struct Kernels<'m, E, F> {
    models: &'m [&'m Mixture],
    prepared: Vec<F>,
    /// A [`Desk`] for each thread.
    idle: Idle<Box<dyn Any + Send>>,
    element: PhantomData<E>,
}

/// One of the models that share a pass.
struct Member<'l, E, F> {
    /// Its place among them.
    index: usize,
    model: &'l Mixture,
    prepared: &'l F,
    means: &'l Means<E>,
}

impl<E, F> Clone for Member<'_, E, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, F> Copy for Member<'_, E, F> {}

impl<'m, E: Real, F: Prepared<E>> Kernels<'m, E, F> {
    fn new(models: &'m [&'m Mixture], sparse: bool) -> Result<Self, Error> {
        let prepared = models.iter().map(|model| F::new(model, true, sparse));
        let prepared = memory::gathered(prepared, PREPARED)?;
        Ok(Self { models, prepared, idle: Idle::default(), element: PhantomData })
    }

    /// The means of all models, less the point that blocks are centred on.
    fn means(&self, center: Option<&[f64]>) -> Result<Vec<Means<E>>, Error> {
        memory::gathered(self.models.iter().map(|model| F::means(model, center)), PREPARED)
    }

    /// Those of the models that are `chosen`.
    fn members<'l>(
        &'l self,
        means: &'l [Means<E>],
        chosen: impl Fn(usize) -> bool,
    ) -> Result<Vec<Member<'l, E, F>>, Error> {
        let all = self.models.iter().zip(&self.prepared).zip(means).enumerate();
        let members =
            all.filter(|(index, _)| chosen(*index)).map(|(index, ((model, prepared), means))| {
                Ok(Member { index, model, prepared, means })
            });
        memory::gathered(members, PREPARED)
    }

    fn statistics(
        &self,
        context: &Context,
        input: &Input<'_>,
        members: &[Member<'_, E, F>],
        center: Option<&[f64]>,
        range: Range<usize>,
    ) -> Result<Vec<MixtureStatistics>, Error> {
        let leaf = Leaf { context, input, members, center, idle: &self.idle, range };
        dispatch((members[0].prepared, leaf))
    }
}

/// The kernels in `f32`, and which models they are good enough for.
struct Singles<'m, F> {
    kernels: Kernels<'m, f32, F>,
    limits: Vec<Single<'m>>,
}

impl<'m, F: Prepared<f32>> Singles<'m, F> {
    fn new(models: &'m [&'m Mixture], sparse: bool) -> Result<Self, Error> {
        let limits = memory::gathered(models.iter().map(|model| Single::new(model)), PREPARED)?;
        Ok(Self { kernels: Kernels::new(models, sparse)?, limits })
    }

    /// Which models they are good enough for in a block.
    fn admitted(&self, extent: &Extent) -> Result<Vec<bool>, Error> {
        memory::collected(self.limits.iter().map(|limit| limit.admits(extent)), PREPARED)
    }
}

fn blocks<S: Prepared<f32>, D: Prepared<f64>, T>(
    context: &Context,
    input: &Input<'_>,
    models: &[&Mixture],
    walk: impl FnOnce(BlockStatistics<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    // Given responsibilities may be small by intent: then only what underflows is left out.
    let sparse = matches!(input.responsibilities, Responsibilities::Model);
    let doubles = Kernels::<f64, D>::new(models, sparse)?;
    let means = doubles.means(None)?;
    let all = &doubles.members(&means, |_| true)?[..];
    let singles = input.extents.as_ref().map(|_| Singles::<S>::new(models, sparse)).transpose()?;
    walk(&|range| {
        let in_double =
            |members: &[_], range| doubles.statistics(context, input, members, None, range);
        let Some(singles) = &singles else { return in_double(all, range) };
        let found;
        let extent = match input.extents {
            Some(Lies::Known(extents)) => extents.of_block(&range),
            _ => {
                found = input.extent(&range)?;
                found.as_ref()
            }
        };
        let Some(extent) = extent else { return in_double(all, range) };
        let admitted = singles.admitted(extent)?;
        if !admitted.contains(&true) {
            return in_double(all, range);
        }
        let center = Some(&extent.center[..]);
        let means = singles.kernels.means(center)?;
        let members = singles.kernels.members(&means, |m| admitted[m])?;
        let folded = singles.kernels.statistics(context, input, &members, center, range.clone())?;
        if !admitted.contains(&false) {
            return Ok(folded);
        }
        // Models of both kinds: each as if the others were not there.
        let members: Vec<_> =
            all.iter().filter(|member| !admitted[member.index]).copied().collect();
        let mut others = in_double(&members, range)?.into_iter();
        let mut folded = folded.into_iter();
        let next = |single: &bool| if *single { folded.next() } else { others.next() };
        Ok(admitted.iter().filter_map(next).collect())
    })
}

/// Panels of a block: as many as keep its columns and responsibilities near the first cache, but
/// more where each block fetches accumulators from further away; a power of two, so that a leaf has
/// no rest. A function of the shape only, as `f32` kernels round their sums at the end of a block.
fn panels_per_block(n_features: usize, n_components: usize, n_sums: usize) -> usize {
    /// Bytes that the second cache keeps beside a block.
    const NEAR: usize = 1 << 19;
    if n_features >= WIDE_FROM || n_sums * size_of::<Lanes64>() > NEAR {
        return 8;
    }
    1 << (64 / (n_features + n_components)).clamp(2, 8).ilog2()
}

/// The statistics of one leaf.
struct Leaf<'l, 'a, E, F> {
    context: &'l Context,
    input: &'l Input<'a>,
    members: &'l [Member<'l, E, F>],
    /// The point that blocks are centred on.
    center: Option<&'l [f64]>,
    idle: &'l Idle<Box<dyn Any + Send>>,
    range: Range<usize>,
}

/// Where one thread works on a block: its rows, what is computed from them on the way, and their
/// log-densities, which become responsibilities.
struct Desk<V: Vector, S> {
    block: Block<V>,
    scratch: Scratch<V>,
    terms: Vec<PanelColumn<V>>,
    n_components: usize,
    /// The accumulators of each model.
    sums: Vec<S>,
}

/// The block, scratch memory, and one column of terms for each component of each panel.
type Parts<'d, V> = (&'d Block<V>, &'d mut Scratch<V>, &'d mut [PanelColumn<V>]);

impl<V: Vector, S> Desk<V, S> {
    fn new(n_components: usize, n_features: usize) -> Result<Self, Error> {
        let (block, scratch) = (Block::new(n_features), Scratch::new(n_features)?);
        Ok(Self { block, scratch, terms: Vec::new(), n_components, sums: Vec::new() })
    }

    /// What lies on it, with the terms of the block as it was packed.
    #[inline(always)]
    fn parts(&mut self) -> Result<(Parts<'_, V>, &mut [S]), Error> {
        let length = self.block.n_panels() * self.n_components;
        let terms = memory::first(&mut self.terms, length, [V::ZERO; PANEL], SCRATCH)?;
        Ok(((&self.block, &mut self.scratch, terms), &mut self.sums))
    }
}

impl<E: Real, F: Prepared<E>> Kernel for Leaf<'_, '_, E, F> {
    type Output = Result<Vec<MixtureStatistics>, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let &Input { rows, weights, responsibilities, .. } = self.input;
        let (members, center) = (self.members, self.center);
        let (k, d) = (members[0].model.n_components(), members[0].model.n_features());
        let stop = self.context.stop();
        let idle = self.idle.take_as();
        let mut desk =
            idle.map_or_else(|| Desk::<E::Vector<L>, F::Sums>::new(k, d).map(Box::new), Ok)?;
        desk.sums.iter_mut().take(members.len()).for_each(F::clear);
        for member in members.iter().skip(desk.sums.len()) {
            memory::push(&mut desk.sums, member.prepared.sums()?, SUMS)?;
        }
        let mut log_likelihoods = memory::filled(members.len(), Lanes64::ZERO, SUMS)?;
        let block_rows = panels_per_block(d, k, members[0].prepared.n_sums())
            * Block::<E::Vector<L>>::PANEL_ROWS;
        let layout = Layout { rows: block_rows, draws: k };
        let mut numbers: Vec<Numbers> = match responsibilities {
            Responsibilities::Random { seeds, present } => {
                let seeds = members.iter().map(|member| seeds[member.index]);
                seeds.map(|seed| present.numbers_from(self.range.start, seed, layout)).collect()
            }
            _ => Vec::new(),
        };
        for first in self.range.clone().step_by(block_rows) {
            self.context.check()?;
            let here = first..self.range.end.min(first + block_rows);
            let block_weights = weights.map(|w| w.slice_move(s![here.clone()]));
            let row_major = members[0].prepared.needs_row_major();
            desk.block.pack(
                token,
                rows.row_block(here.clone()),
                block_weights,
                center,
                row_major,
            )?;
            // Beyond the leaf as well: the next one is mostly the next that this thread reads.
            let ahead = here.end..rows.n_rows().min(here.end + block_rows);
            let ahead = rows.row_block(ahead).as_bytes().unwrap_or_default();
            let ((block, scratch, terms), sums) = desk.parts()?;
            for (m, &Member { prepared, means, .. }) in members.iter().enumerate() {
                // With many restarts one block alone can take long.
                self.context.check()?;
                match responsibilities {
                    Responsibilities::Model => {
                        let log_likelihood = &mut log_likelihoods[m];
                        let ahead = if m == 0 { ahead } else { &[] };
                        let parts = (block, &mut *scratch, &mut *terms);
                        expect(token, (prepared, means), parts, ahead, stop, log_likelihood);
                    }
                    Responsibilities::Nearest => {
                        assign(token, &means.means, block, terms);
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
                prepared.accumulate(token, means, (block, terms), scratch, &mut sums[m], stop)?;
            }
        }
        let (n_rows, total) = match weights {
            None => (self.range.len(), self.range.len() as f64),
            Some(weights) => {
                let weights = weights.slice_move(s![self.range.clone()]);
                (positive(weights), weights.iter().sum())
            }
        };
        self.context.check()?; // kernels that found the flag raised left their work unfinished
        let mut folded = memory::with_capacity(members.len(), SUMS)?;
        for ((member, sums), log_likelihood) in members.iter().zip(&desk.sums).zip(log_likelihoods)
        {
            let mut statistics = member.prepared.finish(sums, member.model, stop)?;
            statistics.n_rows = n_rows as u64;
            statistics.total_weight = total;
            statistics.log_likelihood = log_likelihood.sum();
            folded.push(statistics);
        }
        self.idle.put(desk);
        Ok(folded)
    }
}

/// The E-step of a block: the terms become the responsibilities (times the sample weights).
///
/// Meanwhile the bytes `ahead`, which the next block will be packed from, are asked for.
/// A block whose work was left because `stop` is raised is nobody's to read.
#[inline(always)]
fn expect<E: Real, V: Vector<Scalar = E>, F: Prepared<E>>(
    token: V::Token,
    (prepared, means): (&F, &Means<E>),
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
        prepared.log_densities(token, means, block.panel(p), scratch, terms, stop);
        let log_sum = LogSum::<V>::of(token, terms);
        log_sum.accumulate(token, &block.weights[p], block.plain(p), log_likelihood);
        log_sum.normalize(token, &block.weights[p], block.plain(p), terms);
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
