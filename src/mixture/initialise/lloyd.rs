//! k-means: every row to the nearest centre, every centre to the mean of its rows (Lloyd, "Least
//! squares quantization in PCM", IEEE Transactions on Information Theory 28, 1982).
//!
//! An iteration is one pass: distances in register tiles of rows by centres, and each row is added to
//! its cluster alone. No labels are kept.

use std::ops::Range;

use ndarray::s;

use super::draw::Smallest;
use super::{Input, WHAT};
use crate::error::Error;
use crate::fold::Monoid;
use crate::memory;
use crate::mixture::block::{Block, PANEL, PanelColumn};
use crate::mixture::diagonal::squared_distance;
use crate::simd::{Kernel, Lanes64, Level, Part, Vector, dispatch};

/// Converged when Σ|Δc|² is at most this many mean variances of the columns (scikit-learn's).
const TOLERANCE: f64 = 1e-4;
/// scikit-learn's `max_iter`.
const MOST_ITERATIONS: usize = 300;
/// A cluster that gave away its last row may keep a rounding error of its weight.
const NOTHING: f64 = 1e-9;

/// Moves all starts (centres × features) until they converge; those that did leave the passes.
pub fn lloyd(input: Input<'_, '_>, starts: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>, Error> {
    let (_, variance) = input.mean_and_variance()?;
    let d = input.rows.n_columns();
    let mut centers = starts;
    let mut active: Vec<usize> = (0..centers.len()).collect();
    for _ in 0..MOST_ITERATIONS {
        if active.is_empty() {
            break;
        }
        let current = active.iter().map(|&i| memory::copied(&centers[i], WHAT));
        let current: Vec<Vec<f64>> = memory::gathered(current, WHAT)?;
        let folded = input.context.fold(&input.rows.partition(), |range| {
            dispatch(Assign { input, starts: &current, range }).map(Sums)
        })?;
        let mut folded = &folded.0[..];
        let mut moving = Vec::new();
        for (&i, centers_of_start) in active.iter().zip(current) {
            let (clusters, rest) = Clusters::read(folded, centers_of_start, d)?;
            folded = rest;
            let moved = relocated(input, clusters)?.means();
            let shift: f64 = moved.iter().zip(&centers[i]).map(|(a, b)| (a - b) * (a - b)).sum();
            if shift > TOLERANCE * variance {
                moving.push(i);
            }
            centers[i] = moved;
        }
        active = moving;
    }
    Ok(centers)
}

/// The clusters of one start.
struct Clusters {
    n_features: usize,
    /// Σw of each.
    counts: Vec<f64>,
    /// c, clusters × features.
    centers: Vec<f64>,
    /// Σw(x−c), clusters × features.
    sums: Vec<f64>,
}

impl Clusters {
    /// Those about `centers`, from the first of the sums of a pass, and the sums of the next starts.
    fn read(sums: &[f64], centers: Vec<f64>, d: usize) -> Result<(Self, &[f64]), Error> {
        let lost = || Error::Bug("a pass lost its clusters".into());
        let (counts, sums) = sums.split_at_checked(centers.len() / d).ok_or_else(lost)?;
        let (sums, rest) = sums.split_at_checked(centers.len()).ok_or_else(lost)?;
        let (counts, sums) = (memory::copied(counts, WHAT)?, memory::copied(sums, WHAT)?);
        Ok((Self { n_features: d, counts, centers, sums }, rest))
    }

    /// Σwx / Σw; the centre where Σw = 0.
    fn means(self) -> Vec<f64> {
        let Self { n_features: d, counts, mut centers, sums } = self;
        for (i, center) in centers.iter_mut().enumerate() {
            let n = counts[i / d];
            if n > 0.0 {
                *center += sums[i] / n;
            }
        }
        centers
    }
}

/// Sums of a pass, added one by one.
struct Sums(Vec<f64>);

impl Monoid for Sums {
    fn identity() -> Self {
        Self(Vec::new())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.0.is_empty() {
            self.0 = memory::copied(&other.0, WHAT)?;
        } else {
            self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
        }
        Ok(())
    }
}

/// One pass over a block of rows: for each start Σw of its clusters, then Σw(x−c) with the nearest
/// centre c, the first of them if tied.
struct Assign<'l, 'i, 'a> {
    input: Input<'i, 'a>,
    /// Clusters × features of each start.
    starts: &'l [Vec<f64>],
    range: Range<usize>,
}

impl Kernel for Assign<'_, '_, '_> {
    type Output = Result<Vec<f64>, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { input, starts, range } = self;
        let d = input.rows.n_columns();
        let each = starts.iter().map(|centers| centers.len() / d + centers.len());
        let mut sums = memory::filled(each.sum(), 0.0, WHAT)?;
        let mut block = Block::<L::F64>::new(d);
        for start in range.clone().step_by(Block::<L::F64>::PANEL_ROWS) {
            input.context.check()?;
            let rows = start..range.end.min(start + Block::<L::F64>::PANEL_ROWS);
            let weights = input.weights.map(|weights| weights.slice_move(s![rows.clone()]));
            block.pack(input.rows.row_block(rows.clone()), weights, None, false)?;
            let panel = block.panel(0);
            let mut sums = &mut sums[..];
            for centers in starts {
                let labels = nearest_of_panel::<L>(token, panel, centers);
                let (counts, rest) = sums.split_at_mut(centers.len() / d);
                let (firsts, rest) = rest.split_at_mut(centers.len());
                sums = rest;
                let of_rows =
                    L::F64::scalars(&labels).iter().zip(L::F64::scalars(&block.weights[0]));
                for (row, (&label, &weight)) in of_rows.take(rows.len()).enumerate() {
                    if weight > 0.0 {
                        let label = label as usize;
                        counts[label] += weight;
                        let cluster = label * d..(label + 1) * d;
                        let pairs = firsts[cluster.clone()].iter_mut().zip(&centers[cluster]);
                        for ((first, center), column) in pairs.zip(panel) {
                            *first += weight * (L::F64::scalars(column)[row] - center);
                        }
                    }
                }
            }
        }
        Ok(sums)
    }
}

/// The number of the first of the nearest centres, for each row of a panel.
#[inline(always)]
fn nearest_of_panel<L: Level>(
    token: L,
    panel: &[PanelColumn<L::F64>],
    centers: &[f64],
) -> PanelColumn<L::F64> {
    let splat = L::F64::splat;
    let mut best = [splat(token, f64::INFINITY); PANEL];
    let mut label = [splat(token, 0.0); PANEL];
    let mut number = 0.0;
    let mut compare = |distances: &[[Lanes64; PANEL]]| {
        for distance in distances {
            for v in 0..PANEL {
                let distance = L::F64::load(token, &distance[v]);
                label[v] = distance.select_less(best[v], splat(token, number), label[v]);
                best[v] = distance.select_less(best[v], distance, best[v]);
            }
            number += 1.0;
        }
    };
    let at_once = if L::WIDE { 4 } else { 2 } * panel.len();
    let mut tiles = centers.chunks_exact(at_once);
    for tile in tiles.by_ref() {
        if L::WIDE {
            compare(&distances::<L, 4>(token, panel, tile));
        } else {
            compare(&distances::<L, 2>(token, panel, tile));
        }
    }
    for center in tiles.remainder().chunks_exact(panel.len()) {
        compare(&distances::<L, 1>(token, panel, center));
    }
    let mut labels = [Lanes64::ZERO; PANEL];
    for v in 0..PANEL {
        label[v].store(&mut labels[v]);
    }
    labels
}

/// |x−c|² of the rows of a panel and C centres: 4 C accumulators, of sixteen registers (AVX2, in two
/// parts) or thirty-two.
#[inline(always)]
fn distances<L: Level, const C: usize>(
    token: L,
    panel: &[PanelColumn<L::F64>],
    centers: &[f64],
) -> [[Lanes64; PANEL]; C] {
    let mut stored = [[Lanes64::ZERO; PANEL]; C];
    let d = panel.len();
    for part in 0..Register::<L>::COUNT {
        let mut sums = [[Register::<L>::splat(token, 0.0); PANEL]; C];
        for j in 0..d {
            for c in 0..C {
                let center = Register::<L>::splat(token, centers[c * d + j]);
                for v in 0..PANEL {
                    let z = Register::<L>::load(token, &panel[j][v], part) - center;
                    sums[c][v] = z.mul_add(z, sums[c][v]);
                }
            }
        }
        for c in 0..C {
            for v in 0..PANEL {
                sums[c][v].store(&mut stored[c][v], part);
            }
        }
    }
    stored
}

/// What one register holds of a vector.
type Register<L> = <<L as Level>::F64 as Vector>::Part;

/// Gives each empty cluster one of the rows farthest from their centres, taken from its cluster.
///
/// Where all rows lie on their centres, there are fewer distinct rows than clusters, and the empty
/// ones stay where they are.
fn relocated(input: Input<'_, '_>, mut clusters: Clusters) -> Result<Clusters, Error> {
    let empty = (0..clusters.counts.len()).filter(|&k| clusters.counts[k] <= 0.0);
    let empty = memory::collected(empty, WHAT)?;
    if empty.is_empty() {
        return Ok(clusters);
    }
    let d = clusters.n_features;
    // Rows belong to clusters by where the centres were, not by where they are moved below.
    let counts = memory::copied(&clusters.counts, WHAT)?;
    let centers = memory::copied(&clusters.centers, WHAT)?;
    let partition = input.rows.partition();
    let farthest = input.context.fold(&partition, |range| {
        dispatch(Farthest { input, centers: &centers, count: empty.len(), range })
    })?;
    for (&cluster, (_, row)) in empty.iter().zip(farthest.sorted()) {
        let (x, weight) = (input.row(row)?, input.weight(row));
        let old = nearest(&x, &centers);
        clusters.counts[old] -= weight;
        for (j, x) in x.iter().enumerate() {
            let offset = x - centers[old * d + j];
            clusters.sums[old * d + j] -= weight * offset;
        }
        if clusters.counts[old] <= NOTHING * counts[old] {
            clusters.counts[old] = 0.0;
        }
        clusters.counts[cluster] = weight;
        clusters.centers[cluster * d..][..d].copy_from_slice(&x);
    }
    Ok(clusters)
}

/// The first of the nearest centres, by the very operations of the pass.
fn nearest(x: &[f64], centers: &[f64]) -> usize {
    let distance = |center: &[f64]| {
        x.iter().zip(center).fold(0.0, |sum: f64, (x, c)| (x - c).mul_add(x - c, sum))
    };
    let distances = centers.chunks_exact(x.len()).map(distance).enumerate();
    distances.reduce(|a, b| if b.1 < a.1 { b } else { a }).map_or(0, |(k, _)| k)
}

/// Of a block of rows, those farthest from the nearest centre; keys are −|x−c|².
struct Farthest<'l, 'i, 'a> {
    input: Input<'i, 'a>,
    centers: &'l [f64],
    count: usize,
    range: Range<usize>,
}

impl Kernel for Farthest<'_, '_, '_> {
    type Output = Result<Smallest, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { input, centers, count, range } = self;
        let d = input.rows.n_columns();
        let mut block = Block::<L::F64>::new(d);
        let mut smallest = Smallest::new(count);
        for start in range.clone().step_by(Block::<L::F64>::PANEL_ROWS) {
            let rows = start..range.end.min(start + Block::<L::F64>::PANEL_ROWS);
            block.pack(input.rows.row_block(rows.clone()), None, None, false)?;
            let mut best = [L::F64::splat(token, f64::INFINITY); PANEL];
            for center in centers.chunks_exact(d) {
                let mut distance = [L::F64::splat(token, 0.0); PANEL];
                squared_distance(token, block.panel(0), center, &mut distance);
                for v in 0..PANEL {
                    best[v] = distance[v].min(best[v]);
                }
            }
            let mut distances = [Lanes64::ZERO; PANEL];
            for v in 0..PANEL {
                best[v].store(&mut distances[v]);
            }
            for (row, &distance) in rows.zip(L::F64::scalars(&distances)) {
                if distance > 0.0 && input.weight(row) > 0.0 {
                    smallest.push(-distance, row)?;
                }
            }
        }
        Ok(smallest)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, ArrayView1, Axis};

    use super::*;
    use crate::fold::Context;
    use crate::mixture::Sample;
    use crate::rng;
    use crate::rows::Rows;

    fn numbers(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
        let mut generator = rng::stream(seed, 1);
        Array2::from_shape_simple_fn((rows, columns), || rng::uniform_f64(&mut generator))
    }

    fn run(x: &Array2<f64>, weights: Option<&Array1<f64>>, starts: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let context = &Context::inline();
        let weights = weights.map(|weights| weights.view());
        let sample = Sample::new(context, Rows::F64(x.view()), weights).unwrap();
        lloyd(Input::of(context, &sample), starts.to_vec()).unwrap()
    }

    fn squared(a: &[f64], b: ArrayView1<'_, f64>) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// Labels of the nearest centres, but each empty cluster has the farthest row left.
    fn slow_labels(x: &Array2<f64>, weights: &Array1<f64>, centers: &[Vec<f64>]) -> Vec<usize> {
        let (n, k) = (x.nrows(), centers.len());
        let distance = |i: usize, k: usize| squared(&centers[k], x.row(i));
        let nearest =
            |i| (1..k).fold(0, |a, b| if distance(i, b) < distance(i, a) { b } else { a });
        let mut labels: Vec<usize> = (0..n).map(nearest).collect();
        let far = |i: usize| distance(i, labels[i]);
        let mut rows: Vec<usize> = (0..n).filter(|&i| weights[i] > 0.0 && far(i) > 0.0).collect();
        rows.sort_by(|&a, &b| far(b).total_cmp(&far(a)));
        let inhabited = |k| (0..n).any(|i| labels[i] == k && weights[i] > 0.0);
        let empty: Vec<usize> = (0..k).filter(|&k| !inhabited(k)).collect();
        for (row, k) in rows.into_iter().zip(empty) {
            labels[row] = k;
        }
        labels
    }

    /// Lloyd's iterations with no thought of speed.
    fn slow(x: &Array2<f64>, weights: &Array1<f64>, start: &[f64]) -> Vec<f64> {
        let d = x.ncols();
        let mean = weights.dot(x) / weights.sum();
        let spread = weights.dot(&(x - &mean).mapv(|v| v * v));
        let variance = spread.sum() / weights.sum() / d as f64;
        let mut centers: Vec<Vec<f64>> = start.chunks(d).map(<[f64]>::to_vec).collect();
        for _ in 0..MOST_ITERATIONS {
            let labels = slow_labels(x, weights, &centers);
            let mut moved = centers.clone();
            for (k, center) in moved.iter_mut().enumerate() {
                let members: Vec<usize> = (0..x.nrows()).filter(|&i| labels[i] == k).collect();
                let weights = weights.select(Axis(0), &members);
                if weights.sum() > 0.0 {
                    *center = (weights.dot(&x.select(Axis(0), &members)) / weights.sum()).to_vec();
                }
            }
            let shift: f64 =
                moved.iter().zip(&centers).map(|(a, b)| squared(a, ArrayView1::from(b))).sum();
            centers = moved;
            if shift <= TOLERANCE * variance {
                break;
            }
        }
        centers.concat()
    }

    #[test]
    fn empty_clusters_are_relocated_as_in_the_twin() {
        for (rows, d, k) in [(30, 1, 4), (200, 2, 5), (1500, 3, 7)] {
            let x = numbers(1, rows, d);
            let weights: Array1<f64> = (0..rows).map(|i| f64::from(i as u32 % 4)).collect();
            // All centres in one place: all clusters but the first are empty.
            let starts = [vec![0.5; k * d], x.row(rows / 2).to_vec().repeat(k)];
            for weights in [None, Some(&weights)] {
                let found = run(&x, weights, &starts);
                let weights = weights.cloned().unwrap_or_else(|| Array1::ones(rows));
                for (found, start) in found.iter().zip(&starts) {
                    let expected = slow(&x, &weights, start);
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_cluster_ends_with_rows() {
        let x = numbers(2, 500, 2);
        let centers = &run(&x, None, &[vec![100.0; 12]])[0];
        let labels: Vec<usize> = x.outer_iter().map(|x| nearest(&x.to_vec(), centers)).collect();
        assert!((0..6).all(|k| labels.contains(&k)), "{centers:?}");
    }

    #[test]
    fn as_many_clusters_as_rows_have_one_row_each() {
        let x = numbers(5, 9, 2);
        let centers = Array2::from_shape_vec((9, 2), run(&x, None, &[vec![0.5; 18]]).remove(0));
        let centers = centers.unwrap();
        assert!(
            x.outer_iter().all(|x| centers.outer_iter().any(|c| squared(&c.to_vec(), x) < 1e-28)),
            "{centers}"
        );
    }

    #[test]
    fn integer_weights_are_copies_of_rows() {
        let x = numbers(3, 400, 2);
        let copies: Vec<usize> = (0..400).flat_map(|i| vec![i; i % 4]).collect();
        let weights: Array1<f64> = (0..400).map(|i| f64::from(i as u32 % 4)).collect();
        let starts = [numbers(4, 5, 2).into_raw_vec_and_offset().0];
        let weighted = run(&x, Some(&weights), &starts);
        let repeated = run(&x.select(Axis(0), &copies), None, &starts);
        for (weighted, repeated) in weighted.iter().flatten().zip(repeated.iter().flatten()) {
            assert!((weighted - repeated).abs() < 1e-12);
        }
    }
}
