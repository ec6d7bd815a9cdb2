//! k-means++ seeding (Arthur & Vassilvitskii, "k-means++: the advantages of careful seeding",
//! SODA 2007), greedy: each step draws a few candidates with probability proportional to w·D²,
//! D being the distance to the nearest row chosen so far, and keeps the one which leaves the
//! smallest Σ w·D².
//!
//! A step is one pass. It brings D² up to date with the row chosen last and sums w·min(D², |x−c|²)
//! per block of rows for each candidate c. The sums of the candidate that wins are the block
//! totals the next draws are made from; only blocks drawn from are read again, to find the row.

use std::ops::Range;

use ndarray::s;

use super::{Input, WHAT, centers_at, draw};
use crate::error::Error;
use crate::fold::{Monoid, Partition, RowsMut};
use crate::memory;
use crate::mixture::block::{Block, PANEL, PanelColumn};
use crate::mixture::diagonal::squared_distance;
use crate::rng;
use crate::simd::{Kernel, Lanes, Lanes64, Level, Vector, dispatch};

/// Bytes that D² of the restarts sharing their passes may take.
const MEMORY: usize = 32 << 20;
/// Rows of a panel.
const PANEL_ROWS: usize = 8 * PANEL;
/// D² of a panel's rows.
type Distances = [Lanes64; PANEL];

/// For each seed `k` distinct rows of positive weight, in the order chosen.
pub fn choose(input: Input<'_, '_>, k: usize, seeds: &[u64]) -> Result<Vec<Vec<usize>>, Error> {
    let random = draw::rows(input, k, seeds)?;
    let together = (MEMORY / (8 * input.rows.n_rows())).max(1);
    let mut chosen = memory::with_capacity(seeds.len(), WHAT)?;
    for (seeds, random) in seeds.chunks(together).zip(random.chunks(together)) {
        let mut group = Group::new(input, seeds, random)?;
        for step in 0..k {
            let candidates = group.draw_candidates(if step == 0 { 1 } else { trials(k) })?;
            group.keep_best(&candidates)?;
        }
        chosen.extend(group.restarts.into_iter().map(|restart| restart.chosen));
    }
    Ok(chosen)
}

/// Candidates per step, 2 + ⌊ln k⌋ as in scikit-learn.
fn trials(k: usize) -> usize {
    2 + (k as f64).ln() as usize
}

/// One seeding under way.
struct Restart {
    generator: rng::Stream,
    /// Distinct random rows: the first is where to start, the others step in when all D² are 0.
    random: Vec<usize>,
    chosen: Vec<usize>,
    /// The row chosen last, which D² does not know yet.
    pending: Option<Vec<f64>>,
    /// Σ w·D² of each block of rows, that of the pending row included.
    totals: Vec<f64>,
}

/// Restarts that share their passes.
struct Group<'i, 'a> {
    input: Input<'i, 'a>,
    restarts: Vec<Restart>,
    /// Blocks of rows, counted in panels.
    partition: Partition,
    /// D², panels × restarts.
    distances: Vec<Distances>,
}

/// A place in Σ w·D²: the row where the sum over `restart`'s block first exceeds `target`.
struct Place {
    restart: usize,
    block: usize,
    target: f64,
}

impl<'i, 'a> Group<'i, 'a> {
    fn new(input: Input<'i, 'a>, seeds: &[u64], random: &[Vec<usize>]) -> Result<Self, Error> {
        let restart = |(&seed, random): (&u64, &Vec<usize>)| {
            Ok(Restart {
                // The streams of the blocks' keys begin at the first row of the block: never here.
                generator: rng::stream(seed, u64::MAX),
                random: memory::copied(random, WHAT)?,
                chosen: memory::with_capacity(random.len(), WHAT)?,
                pending: None,
                totals: Vec::new(),
            })
        };
        let n = input.rows.n_rows();
        let panels = n.div_ceil(PANEL_ROWS);
        let length = memory::product(&[panels, seeds.len()], WHAT)?;
        Ok(Self {
            input,
            restarts: memory::gathered(seeds.iter().zip(random).map(restart), WHAT)?,
            partition: Partition::new(panels, input.rows.partition().leaf_rows() / PANEL_ROWS),
            // Not infinite: 0 · ∞ would turn the sums of weightless rows into NaN.
            distances: memory::filled(length, [Lanes([f64::MAX; 8]); PANEL], WHAT)?,
        })
    }

    /// The rows among which each restart chooses next.
    fn draw_candidates(&mut self, trials: usize) -> Result<Vec<Vec<usize>>, Error> {
        let mut candidates = vec![Vec::new(); self.restarts.len()];
        let mut places = Vec::new();
        for (index, restart) in self.restarts.iter_mut().enumerate() {
            let total: f64 = restart.totals.iter().sum();
            if total > 0.0 {
                places.extend((0..trials).map(|_| {
                    let target = total * rng::uniform_f64(&mut restart.generator);
                    let (block, target) = locate(&restart.totals, target);
                    Place { restart: index, block, target }
                }));
            } else {
                // The first step, or every row equals a chosen one.
                let free = |row: &&usize| !restart.chosen.contains(row);
                candidates[index].extend(restart.random.iter().find(free));
            }
        }
        let found = self.input.context.fold(&Partition::new(places.len(), 1), |task| {
            let find = |place| dispatch(Find { group: self, place });
            Ok(Joined(places[task].iter().map(find).collect::<Result<_, _>>()?))
        })?;
        for (place, row) in places.iter().zip(found.0) {
            candidates[place.restart].push(row);
        }
        Ok(candidates)
    }

    /// Each restart chooses the candidate which leaves the least.
    fn keep_best(&mut self, candidates: &[Vec<usize>]) -> Result<(), Error> {
        let input = self.input;
        let trial = |(rows, restart): (&Vec<usize>, &mut Restart)| {
            let candidates = centers_at(input, rows)?;
            Ok(Trial { pending: restart.pending.take(), candidates })
        };
        let trials = candidates.iter().zip(&mut self.restarts).map(trial);
        let trials: Vec<Trial> = memory::gathered(trials, WHAT)?;
        let panels = self.partition.rows();
        let output = RowsMut::new(&mut self.distances, panels, trials.len());
        let left = input.context.fold_into(&self.partition, output, |panels, mut output| {
            let distances = output.values();
            let evaluate = Evaluate { input, trials: &trials, panels, distances };
            dispatch(evaluate).map(|sums| Joined(vec![sums]))
        })?;
        let mut offset = 0;
        for (rows, restart) in candidates.iter().zip(&mut self.restarts) {
            let left_by = |i: usize| left.0.iter().map(|block| block[i]).sum::<f64>();
            let potentials: Vec<f64> = (offset..offset + rows.len()).map(left_by).collect();
            let better = |a: usize, b: usize| if potentials[b] < potentials[a] { b } else { a };
            let best = (0..rows.len()).reduce(better);
            let best = best.ok_or_else(|| Error::Bug("no row left to choose".into()))?;
            restart.chosen.push(rows[best]);
            restart.pending = Some(input.row(rows[best])?);
            restart.totals = left.0.iter().map(|block| block[offset + best]).collect();
            offset += rows.len();
        }
        Ok(())
    }

    /// The rows of some panels.
    fn rows_of(input: Input<'_, '_>, panels: &Range<usize>) -> Range<usize> {
        panels.start * PANEL_ROWS..input.rows.n_rows().min(panels.end * PANEL_ROWS)
    }
}

/// The block in which a running sum over `totals` first exceeds `target`, and what is left for it.
///
/// Where rounding carried the target past the end: the last block that has anything.
fn locate(totals: &[f64], mut target: f64) -> (usize, f64) {
    for (block, &total) in totals.iter().enumerate() {
        if target < total {
            return (block, target);
        }
        target -= total;
    }
    (totals.iter().rposition(|&total| total > 0.0).unwrap_or(0), f64::INFINITY)
}

/// What a pass does for one restart.
struct Trial {
    pending: Option<Vec<f64>>,
    /// Candidates × features.
    candidates: Vec<f64>,
}

/// One pass over a block of rows: updates D² and returns Σ w·min(D², |x−c|²) of all candidates.
struct Evaluate<'l, 'i, 'a> {
    input: Input<'i, 'a>,
    trials: &'l [Trial],
    panels: Range<usize>,
    distances: &'l mut [Distances],
}

impl Kernel for Evaluate<'_, '_, '_> {
    type Output = Result<Vec<f64>, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { input, trials, panels, distances } = self;
        let d = input.rows.n_columns();
        let values: usize = trials.iter().map(|trial| trial.candidates.len()).sum();
        let mut sums = memory::filled(values / d, Lanes64::ZERO, WHAT)?;
        let mut block = Block::<L::F64>::new(d);
        let at_once = panels_at_once(d);
        for (start, distances) in
            panels.clone().step_by(at_once).zip(distances.chunks_mut(at_once * trials.len()))
        {
            input.context.check()?;
            pack(token, &mut block, input, start..panels.end.min(start + at_once))?;
            for (p, distances) in distances.chunks_exact_mut(trials.len()).enumerate() {
                let (panel, weights) = (block.panel(p), &block.weights[p]);
                let mut sums = sums.iter_mut();
                for (trial, distances) in trials.iter().zip(distances) {
                    if let Some(center) = &trial.pending {
                        let nearer = nearer::<L::F64>(token, panel, center, distances);
                        for (nearer, known) in nearer.into_iter().zip(distances.iter_mut()) {
                            nearer.store(known);
                        }
                    }
                    for (center, sum) in trial.candidates.chunks_exact(d).zip(&mut sums) {
                        let nearer = nearer::<L::F64>(token, panel, center, distances);
                        let mut total = L::F64::load(token, sum);
                        for v in 0..PANEL {
                            let weight = L::F64::load(token, &weights[v]);
                            total = nearer[v].mul_add(weight, total);
                        }
                        total.store(sum);
                    }
                }
            }
        }
        memory::collected(sums.iter().map(Lanes64::sum), WHAT)
    }
}

/// Finds the row of a [`Place`].
struct Find<'l, 'i, 'a> {
    group: &'l Group<'i, 'a>,
    place: &'l Place,
}

impl Kernel for Find<'_, '_, '_> {
    type Output = Result<usize, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let &Place { restart, block: leaf, target } = self.place;
        let Group { input, restarts, partition, distances } = self.group;
        let center = restarts[restart].pending.as_deref().unwrap_or(&[]);
        let mut block = Block::<L::F64>::new(input.rows.n_columns());
        let mut cumulated = 0.0;
        let mut last = None;
        for p in partition.leaf(leaf) {
            pack(token, &mut block, *input, p..p + 1)?;
            let known = &distances[p * restarts.len() + restart];
            let nearer = nearer::<L::F64>(token, block.panel(0), center, known);
            for (v, nearer) in nearer.into_iter().enumerate() {
                let mut weighted = Lanes64::ZERO;
                (nearer * L::F64::load(token, &block.weights[0][v])).store(&mut weighted);
                for (i, &value) in weighted.0.iter().enumerate().filter(|(_, value)| **value > 0.0)
                {
                    let row = p * PANEL_ROWS + 8 * v + i;
                    cumulated += value;
                    if cumulated > target {
                        return Ok(row);
                    }
                    last = Some(row);
                }
            }
        }
        // The sum in another order may end a rounding error below the target.
        last.ok_or_else(|| Error::Bug("a block of rows with a total but no row".into()))
    }
}

/// min(D², |x−c|²) of a panel's rows.
#[inline(always)]
fn nearer<V: Vector<Scalar = f64>>(
    token: V::Token,
    panel: &[PanelColumn<V>],
    center: &[f64],
    known: &PanelColumn<V>,
) -> [V; PANEL] {
    let mut distance = [V::splat(token, 0.0); PANEL];
    squared_distance(token, panel, center, &mut distance);
    for v in 0..PANEL {
        distance[v] = distance[v].min(V::load(token, &known[v]));
    }
    distance
}

#[inline(always)]
fn pack<V: Vector<Scalar = f64>>(
    token: V::Token,
    block: &mut Block<V>,
    input: Input<'_, '_>,
    panels: Range<usize>,
) -> Result<(), Error> {
    let rows = Group::rows_of(input, &panels);
    let weights = input.weights.map(|weights| weights.slice_move(s![rows.clone()]));
    block.pack(token, input.rows.row_block(rows), weights, None, false)
}

/// Panels that fit the first cache.
fn panels_at_once(n_features: usize) -> usize {
    (96 / n_features).clamp(1, 32)
}

/// Results in the order of the rows.
#[derive(Clone)]
struct Joined<T>(Vec<T>);

impl<T: Clone> Monoid for Joined<T> {
    fn identity() -> Self {
        Self(Vec::new())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        memory::reserve(&mut self.0, other.0.len(), WHAT)?;
        self.0.extend_from_slice(&other.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_in_its_block() {
        let totals = [1.0, 0.0, 2.0, 0.0];
        assert_eq!(locate(&totals, 0.0), (0, 0.0));
        assert_eq!(locate(&totals, 1.0), (2, 0.0));
        assert_eq!(locate(&totals, 2.5), (2, 1.5));
        assert_eq!(locate(&totals, 3.0), (2, f64::INFINITY));
        assert_eq!(locate(&totals, f64::NAN), (2, f64::INFINITY));
    }

    #[test]
    fn trials_are_those_of_scikit_learn() {
        assert_eq!([1, 2, 3, 7, 8, 20, 21].map(trials), [2, 2, 3, 3, 4, 4, 5]);
    }
}
