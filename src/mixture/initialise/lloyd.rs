//! k-means: every row to the nearest centre, every centre to the mean of its rows (Lloyd, "Least
//! squares quantization in PCM", IEEE Transactions on Information Theory 28, 1982).
//!
//! An iteration is one pass of spherical statistics about the current centres. No labels are kept.

use std::ops::Range;

use super::draw::Smallest;
use super::{Input, WHAT};
use crate::error::Error;
use crate::memory;
use crate::mixture::block::{Block, PANEL};
use crate::mixture::diagonal::squared_distance;
use crate::mixture::geometry::Geometry;
use crate::mixture::statistics::Moments;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};

/// Converged when Σ|Δc|² is at most this many mean variances of the columns (scikit-learn's).
const TOLERANCE: f64 = 1e-4;
/// scikit-learn's `max_iter`.
const MOST_ITERATIONS: usize = 300;
/// A cluster that gave away its last row may keep a rounding error of its weight.
const NOTHING: f64 = 1e-9;

/// Moves all starts (centres × features) until they converge; those that did leave the passes.
pub fn lloyd(input: Input<'_, '_>, starts: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>, Error> {
    let (_, variance) = input.mean_and_variance()?;
    let mut centers = starts;
    let mut active: Vec<usize> = (0..centers.len()).collect();
    for _ in 0..MOST_ITERATIONS {
        if active.is_empty() {
            break;
        }
        let current = active.iter().map(|&i| memory::copied(&centers[i], WHAT));
        let current: Vec<Vec<f64>> = memory::gathered(current, WHAT)?;
        let folded = input.nearest(Geometry::Spherical, current)?;
        let mut moving = Vec::new();
        for (&i, statistics) in active.iter().zip(folded) {
            let moments =
                statistics.model.ok_or_else(|| Error::Bug("a pass lost its model".into()))?;
            let moved = relocated(input, moments)?.means()?;
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

/// Gives each empty cluster one of the rows farthest from their centres, taken from its cluster.
///
/// Where all rows lie on their centres, there are fewer distinct rows than clusters, and the empty
/// ones stay where they are.
fn relocated(input: Input<'_, '_>, mut moments: Moments) -> Result<Moments, Error> {
    let empty = (0..moments.n_components()).filter(|&k| moments.counts[k] <= 0.0);
    let empty = memory::collected(empty, WHAT)?;
    if empty.is_empty() {
        return Ok(moments);
    }
    let d = moments.n_features;
    // Rows belong to clusters by where the centres were, not by where they are moved below.
    let counts = memory::copied(&moments.counts, WHAT)?;
    let centers = memory::copied(&moments.centers, WHAT)?;
    let partition = input.rows.partition();
    let farthest = input.context.fold(&partition, |range| {
        dispatch(Farthest { input, centers: &centers, count: empty.len(), range })
    })?;
    for (&cluster, (_, row)) in empty.iter().zip(farthest.sorted()) {
        let (x, weight) = (input.row(row)?, input.weight(row));
        let old = nearest(&x, &centers);
        moments.counts[old] -= weight;
        for (j, x) in x.iter().enumerate() {
            let offset = x - centers[old * d + j];
            moments.sums[old * d + j] -= weight * offset;
        }
        if moments.counts[old] <= NOTHING * counts[old] {
            moments.counts[old] = 0.0;
        }
        moments.counts[cluster] = weight;
        moments.centers[cluster * d..][..d].copy_from_slice(&x);
    }
    Ok(moments)
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
            block.pack(token, input.rows.row_block(rows.clone()), None, None, false)?;
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
