//! Starts for EM against slow and obvious twins.

use std::collections::HashSet;

use crate::bytes::{Kind, Opened, open};
use crate::error::Error;
use crate::fold::{Context, Pool};
use crate::mixture::{self, Counted, Geometry, Method, MixtureStatistics, Sample};
use crate::rng;
use crate::rows::Rows;
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate, s};
use proptest::prelude::*;

/// The fields of statistics, from their bytes.
#[derive(Debug)]
struct Fields {
    total_weight: f64,
    log_likelihood: f64,
    counts: Vec<f64>,
    centers: Array2<f64>,
    sums: Vec<f64>,
    scatter: Vec<f64>,
}

impl Fields {
    fn of(statistics: &MixtureStatistics) -> Self {
        let bytes = Counted::Loose(statistics.copied().unwrap()).to_bytes().unwrap();
        let Ok(Opened::Payload { payload, .. }) = open(&bytes, Kind::MixtureStatistics) else {
            panic!("statistics are in an envelope");
        };
        let words = &payload[1..];
        let word = |i: usize| -> [u8; 8] { words[8 * i..8 * i + 8].try_into().unwrap() };
        let size = |i| u64::from_le_bytes(word(i)) as usize;
        let (k, d) = (size(0), size(1));
        let values: Vec<f64> = (2..words.len() / 8).map(|i| f64::from_le_bytes(word(i))).collect();
        let (head, tail) = values.split_at(2 + k + 2 * k * d);
        Self {
            total_weight: head[0],
            log_likelihood: head[1],
            counts: head[2..2 + k].to_vec(),
            centers: Array2::from_shape_vec((k, d), head[2 + k..2 + k + k * d].to_vec()).unwrap(),
            sums: head[2 + k + k * d..].to_vec(),
            // Of a diagonal family; what follows is not ours to read.
            scatter: tail[..k * d].to_vec(),
        }
    }
}

fn numbers(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let mut generator = rng::stream(seed, 1);
    Array2::from_shape_simple_fn((rows, columns), || {
        (0..4).map(|_| rng::uniform_f64(&mut generator)).sum::<f64>() - 2.0
    })
}

/// Weights of which every fifth is 0.
fn some_weights(seed: u64, rows: usize) -> Array1<f64> {
    let mut generator = rng::stream(seed, 2);
    let weight = |i| if i % 5 == 3 { 0.0 } else { 0.1 + rng::uniform_f64(&mut generator) };
    (0..rows).map(weight).collect()
}

fn initial_statistics<'a>(
    context: &Context,
    rows: Rows<'a>,
    k: usize,
    geometry: Geometry,
    method: Method,
    seeds: &[u64],
    weights: Option<ArrayView1<'a, f64>>,
) -> Result<Vec<MixtureStatistics>, Error> {
    let sample = Sample::new(context, rows, weights)?;
    let found = mixture::initial_statistics(context, &sample, k, geometry, method, seeds)?;
    Ok(found.into_iter().map(|statistics| statistics.times_power(sample.exponent())).collect())
}

fn start(
    method: Method,
    x: &Array2<f64>,
    k: usize,
    seeds: &[u64],
    weights: Option<&Array1<f64>>,
) -> Vec<Fields> {
    let context = Context::inline();
    let (rows, weights) = (Rows::F64(x.view()), weights.map(|weights| weights.view()));
    let geometry = Geometry::Diagonal;
    let statistics = initial_statistics(&context, rows, k, geometry, method, seeds, weights);
    statistics.unwrap().iter().map(Fields::of).collect()
}

fn squared(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn label(x: ArrayView1<'_, f64>, centers: &Array2<f64>) -> usize {
    let distances: Vec<f64> = centers.outer_iter().map(|center| squared(x, center)).collect();
    (0..distances.len()).reduce(|a, b| if distances[b] < distances[a] { b } else { a }).unwrap()
}

/// Lloyd's iterations, with no thought of speed.
fn slow_lloyd(x: &Array2<f64>, weights: &Array1<f64>, mut centers: Array2<f64>) -> Array2<f64> {
    let total = weights.sum();
    let mean = weights.dot(x) / total;
    let variance = weights.dot(&(x - &mean).mapv(|v| v * v)).sum() / total / x.ncols() as f64;
    for _ in 0..300 {
        let labels: Vec<usize> = x.outer_iter().map(|x| label(x, &centers)).collect();
        let mut moved = centers.clone();
        for (k, mut center) in moved.outer_iter_mut().enumerate() {
            let members: Vec<usize> = (0..x.nrows()).filter(|&i| labels[i] == k).collect();
            let count: f64 = members.iter().map(|&i| weights[i]).sum();
            assert!(count > 0.0, "the twin relocates no cluster");
            center.assign(
                &(weights.select(Axis(0), &members).dot(&x.select(Axis(0), &members)) / count),
            );
        }
        let shift = (&moved - &centers).mapv(|v| v * v).sum();
        centers = moved;
        if shift <= 1e-4 * variance {
            break;
        }
    }
    centers
}

/// The positions of centres among the rows.
fn positions(x: &Array2<f64>, centers: &Array2<f64>) -> Vec<usize> {
    let position = |c: ArrayView1<'_, f64>| x.outer_iter().position(|row| row == c).unwrap();
    centers.outer_iter().map(position).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn k_means_is_lloyd_from_the_seeds_of_k_means_plus_plus(
        seed in any::<u64>(),
        rows in 60_usize..1500,
        columns in 1_usize..6,
        k in 1_usize..6,
        weighted in any::<bool>(),
    ) {
        let x = numbers(seed, rows, columns);
        let weights = weighted.then(|| some_weights(seed, rows));
        let seeds = [seed, 7];
        let starts = start(Method::KmeansPlusPlus, &x, k, &seeds, weights.as_ref());
        let found = start(Method::Kmeans, &x, k, &seeds, weights.as_ref());
        let weights = weights.unwrap_or_else(|| Array1::ones(rows));
        for (start, found) in starts.into_iter().zip(found) {
            let expected = slow_lloyd(&x, &weights, start.centers);
            let error = (&found.centers - &expected).mapv(f64::abs).sum();
            prop_assert!(error < 1e-9, "{error:e}");
            let mut counts = vec![0.0; k];
            x.outer_iter().zip(&weights).for_each(|(x, w)| counts[label(x, &expected)] += w);
            for (found, expected) in found.counts.iter().zip(&counts) {
                prop_assert!((found - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn chosen_rows_are_distinct_and_have_weight(
        seed in any::<u64>(),
        rows in 1_usize..2500,
        share in 0.0..1.0_f64,
        weighted in any::<bool>(),
    ) {
        let x = numbers(seed, rows, 2);
        let weights = weighted.then(|| some_weights(seed, rows));
        let counting = weights.as_ref().map_or(rows, |w| w.iter().filter(|w| **w > 0.0).count());
        let k = ((counting as f64 * share) as usize).clamp(1, 60);
        for method in [Method::KmeansPlusPlus, Method::RandomFromData] {
            for found in start(method, &x, k, &[seed, 1], weights.as_ref()) {
                let chosen = positions(&x, &found.centers);
                prop_assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), k);
                let expected: Vec<f64> =
                    chosen.iter().map(|&i| weights.as_ref().map_or(1.0, |w| w[i])).collect();
                prop_assert!(expected.iter().all(|w| *w > 0.0));
                prop_assert_eq!(&found.counts, &expected);
                prop_assert!(found.sums.iter().chain(&found.scatter).all(|v| *v == 0.0));
                let total = weights.as_ref().map_or(rows as f64, |w| w.sum());
                prop_assert!((found.total_weight / total - 1.0).abs() < 1e-12);
                prop_assert_eq!(found.log_likelihood, 0.0);
            }
        }
    }
}

#[test]
fn k_means_plus_plus_finds_separated_clusters() {
    for k in [2, 5, 12] {
        let clusters = numbers(1, 1200, 3) * 0.01
            + Array2::from_shape_fn((1200, 3), |(i, j)| ((i % k) * (j + 1)) as f64);
        let seeds: Vec<u64> = (0..50).collect();
        for method in [Method::KmeansPlusPlus, Method::Kmeans] {
            for found in start(method, &clusters, k, &seeds, None) {
                let hit: HashSet<i64> =
                    found.centers.column(0).iter().map(|c| c.round() as i64).collect();
                assert_eq!(hit.len(), k, "{method:?}");
            }
        }
    }
}

/// Probabilities of (first, second) row of greedy k-means++ with two candidates.
fn pair_probabilities(x: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut pairs = vec![0.0; n * n];
    let total: f64 = weights.iter().sum();
    for first in 0..n {
        let potential = |i: usize| weights[i] * (x[i] - x[first]).powi(2);
        let sum: f64 = (0..n).map(potential).sum();
        let left_by = |c: usize| -> f64 {
            (0..n).map(|i| potential(i).min(weights[i] * (x[i] - x[c]).powi(2))).sum()
        };
        for a in 0..n {
            for b in 0..n {
                let probability = weights[first] / total * potential(a) / sum * potential(b) / sum;
                let best = if left_by(b) < left_by(a) { b } else { a };
                pairs[first * n + best] += probability;
            }
        }
    }
    pairs
}

#[test]
fn k_means_plus_plus_draws_with_its_probabilities() {
    let x = [0.0, 1.0, 1.5, 4.0, 9.0, 10.0];
    let weights = Array1::from_vec(vec![1.0, 2.0, 0.5, 0.0, 1.0, 3.0]);
    let column = Array2::from_shape_vec((6, 1), x.to_vec()).unwrap();
    let seeds: Vec<u64> = (0..20_000).collect();
    let mut frequencies = [0.0; 36];
    for found in start(Method::KmeansPlusPlus, &column, 2, &seeds, Some(&weights)) {
        let chosen = positions(&column, &found.centers);
        frequencies[chosen[0] * 6 + chosen[1]] += 1.0 / seeds.len() as f64;
    }
    let expected = pair_probabilities(&x, &weights.to_vec());
    for (i, (found, p)) in frequencies.iter().zip(&expected).enumerate() {
        let deviation = (p * (1.0 - p) / seeds.len() as f64).sqrt();
        assert!((found - p).abs() <= 5.0 * deviation, "{i}: {found} instead of {p}");
    }
}

#[test]
fn random_rows_come_in_proportion_to_their_weights() {
    let weights = Array1::from_vec(vec![1.0, 2.0, 0.0, 3.0, 4.0]);
    let column = Array2::from_shape_fn((5, 1), |(i, _)| i as f64);
    let seeds: Vec<u64> = (0..20_000).collect();
    let mut pairs = [0.0; 25];
    for found in start(Method::RandomFromData, &column, 2, &seeds, Some(&weights)) {
        let chosen = positions(&column, &found.centers);
        pairs[chosen[0] * 5 + chosen[1]] += 1.0 / seeds.len() as f64;
    }
    for (i, found) in pairs.iter().enumerate() {
        let (a, b) = (weights[i / 5], weights[i % 5]);
        let p: f64 = if i / 5 == i % 5 { 0.0 } else { a / 10.0 * b / (10.0 - a) };
        let deviation = (p * (1.0 - p) / seeds.len() as f64).sqrt();
        assert!((found - p).abs() <= 5.0 * deviation, "{i}: {found} instead of {p}");
    }
}

#[test]
fn random_responsibilities_share_out_all_weights() {
    let x = numbers(3, 3000, 4) + 1e8;
    let weights = some_weights(3, 3000);
    for weights in [None, Some(&weights)] {
        let found = start(Method::Random, &x, 3, &[1, 2], weights);
        assert_ne!(found[0].counts, found[1].counts);
        let weights = weights.cloned().unwrap_or_else(|| Array1::ones(3000));
        let mean = weights.dot(&(&x - 1e8)) / weights.sum();
        for found in found {
            assert!((found.counts.iter().sum::<f64>() / weights.sum() - 1.0).abs() < 1e-12);
            assert!((found.total_weight / weights.sum() - 1.0).abs() < 1e-12);
            for j in 0..4 {
                // Moments about the mean of all rows: the deviations add up to nothing.
                assert!((found.centers[[0, j]] - 1e8 - mean[j]).abs() < 1e-7);
                let about: f64 = (0..3).map(|k| found.sums[4 * k + j]).sum();
                let centered = weights.sum() * (mean[j] - (found.centers[[0, j]] - 1e8));
                assert!((about - centered).abs() < 1e-3, "{about} {centered}");
                let square = |i: usize| weights[i] * (x[[i, j]] - found.centers[[0, j]]).powi(2);
                let expected: f64 = (0..3000).map(square).sum();
                let scatter: f64 = (0..3).map(|k| found.scatter[4 * k + j]).sum();
                assert!((scatter / expected - 1.0).abs() < 1e-10);
            }
        }
    }
}

#[test]
fn threads_and_company_change_no_bit() {
    let x = numbers(4, 20_000, 3);
    let single = x.mapv(|value| value as f32);
    let weights = some_weights(4, 20_000);
    let seeds = [5, 6, u64::MAX];
    for method in Method::ALL {
        for rows in [Rows::F64(x.view()), Rows::F32(single.view())] {
            for weights in [None, Some(weights.view())] {
                let run = |context: &Context, seeds: &[u64]| {
                    let geometry = Geometry::Full;
                    initial_statistics(context, rows, 5, geometry, method, seeds, weights).unwrap()
                };
                let together = run(&Context::inline(), &seeds);
                assert_ne!(together[0], together[1]);
                let alone = seeds.iter().flat_map(|&seed| run(&Context::inline(), &[seed]));
                let alone: Vec<_> = alone.collect();
                assert_eq!(alone, together, "{method:?}");
                for threads in [1, 2, 3, 7] {
                    let pool = Pool::lease(threads).unwrap();
                    let found = pool.run(|context| run(context, &seeds));
                    assert_eq!(found, together, "{method:?} {threads}");
                }
            }
        }
    }
}

#[test]
fn restarts_too_large_for_one_group_are_the_same() {
    let x = numbers(5, 1_500_000, 1);
    let seeds = [1, 2, 3];
    let together = start(Method::KmeansPlusPlus, &x, 3, &seeds, None);
    for (seed, together) in seeds.into_iter().zip(together) {
        let alone = start(Method::KmeansPlusPlus, &x, 3, &[seed], None);
        assert_eq!(alone[0].centers, together.centers);
    }
}

#[test]
fn powers_of_two_scale_everything_exactly() {
    let x = numbers(6, 700, 3);
    for exponent in [500, -490] {
        let scale = 2.0_f64.powi(exponent);
        for method in Method::ALL {
            let plain = start(method, &x, 4, &[1, 2], None);
            let scaled = start(method, &(&x * scale), 4, &[1, 2], None);
            for (plain, scaled) in plain.iter().zip(scaled) {
                assert_eq!(scaled.counts, plain.counts, "{method:?} {exponent}");
                assert_eq!(scaled.centers, &plain.centers * scale, "{method:?} {exponent}");
            }
        }
    }
}

#[test]
fn an_offset_loses_no_cluster() {
    let x = numbers(7, 900, 2) * 0.05 + Array2::from_shape_fn((900, 2), |(i, _)| (i % 3) as f64);
    for offset in [1e8, -1e8] {
        let moved = &x + offset;
        let found = &start(Method::Kmeans, &moved, 3, &[1], None)[0];
        let mut centers: Vec<f64> = (&found.centers - offset).column(0).to_vec();
        centers.sort_by(f64::total_cmp);
        for (center, expected) in centers.iter().zip([0.0, 1.0, 2.0]) {
            assert!((center - expected).abs() < 0.02, "{center}");
        }
        assert!(found.counts.iter().all(|&count| count == 300.0));
    }
}

#[test]
fn duplicates_and_as_many_components_as_rows() {
    // Three distinct rows, four of each, and as many components as rows or fewer.
    let x = Array2::from_shape_fn((12, 2), |(i, j)| ((i % 3) * (j + 2)) as f64);
    for k in [1, 3, 5, 12] {
        for method in Method::ALL {
            for found in start(method, &x, k, &[1, 2, 3], None) {
                assert!(found.centers.iter().all(|c| c.is_finite()), "{method:?}");
                let sum: f64 = found.counts.iter().sum();
                let chosen = matches!(method, Method::KmeansPlusPlus | Method::RandomFromData);
                assert!((sum - if chosen { k as f64 } else { 12.0 }).abs() < 1e-12);
                if matches!(method, Method::KmeansPlusPlus | Method::Kmeans) && k >= 3 {
                    let distinct: HashSet<i64> =
                        found.centers.column(0).iter().map(|&c| c as i64).collect();
                    assert_eq!(distinct.len(), 3, "{method:?} k = {k}");
                }
            }
        }
    }
    for method in [Method::KmeansPlusPlus, Method::RandomFromData] {
        let found = &start(method, &x, 12, &[4], None)[0];
        let mut values: Vec<f64> = found.centers.column(1).to_vec();
        values.sort_by(f64::total_cmp);
        let expected: Vec<f64> = (0..12).map(|i| f64::from(i / 4 * 3)).collect();
        assert_eq!(values, expected, "every row once");
    }
    let distinct = numbers(8, 40, 1);
    let found = &start(Method::Kmeans, &distinct, 40, &[1], None)[0];
    assert_eq!(found.counts, vec![1.0; 40]);
    assert_eq!(found.scatter, vec![0.0; 40]);
}

#[test]
fn rows_without_weight_are_not_there() {
    let x = numbers(9, 600, 2);
    let far = Array2::from_elem((600, 2), 1e6) + numbers(10, 600, 2);
    let both = concatenate![Axis(0), far, x];
    let weights: Array1<f64> = (0..1200).map(|i| if i < 600 { 0.0 } else { 1.0 }).collect();
    let found = &start(Method::Kmeans, &both, 3, &[1], Some(&weights))[0];
    assert!(found.centers.iter().all(|c| c.abs() < 3.0));
    assert_eq!(found.counts.iter().sum::<f64>(), 600.0);
    let starts = start(Method::KmeansPlusPlus, &both, 3, &[1], Some(&weights)).remove(0);
    let expected = slow_lloyd(&x, &Array1::ones(600), starts.centers);
    assert!((&found.centers - &expected).mapv(f64::abs).sum() < 1e-9);
}

#[test]
fn rows_are_read_in_any_layout() {
    let x = numbers(11, 800, 4);
    let reversed = x.t().as_standard_layout().to_owned();
    let mut wide = Array2::zeros((1600, 8));
    wide.slice_mut(s![..;2, ..;2]).assign(&x);
    let geometry = Geometry::Tied;
    for method in Method::ALL {
        let run = |view| {
            let rows = Rows::F64(view);
            initial_statistics(&Context::inline(), rows, 3, geometry, method, &[1], None).unwrap()
        };
        let expected = run(x.view());
        assert_eq!(run(reversed.t()), expected);
        assert_eq!(run(wide.slice(s![..;2, ..;2])), expected);
    }
}

#[test]
fn wrong_arguments_are_named() {
    let x = numbers(12, 2, 2);
    let run = |x: &Array2<f64>, k, weights: Option<&Array1<f64>>, method| {
        let (rows, weights) = (Rows::F64(x.view()), weights.map(|weights| weights.view()));
        let geometry = Geometry::Full;
        initial_statistics(&Context::inline(), rows, k, geometry, method, &[1], weights)
    };
    for method in Method::ALL {
        let error = run(&x, 3, None, method).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { name: "n_components", .. }));
        let expected = "Expected n_samples >= n_components but got n_components = 3, n_samples = 2";
        assert!(error.to_string().ends_with(expected), "{error}");
        let weights = Array1::from_vec(vec![0.0, 2.0]);
        let error = run(&x, 2, Some(&weights), method).unwrap_err().to_string();
        assert!(error.contains("n_samples = 1 (rows of positive sample_weight)"), "{error}");
        assert!(run(&x, 0, None, method).unwrap_err().to_string().contains("found 0"));
        assert!(matches!(run(&Array2::zeros((3, 0)), 1, None, method), Err(Error::Shape { .. })));
        assert!(run(&Array2::zeros((0, 2)), 1, None, method).is_err());
        assert_eq!(Method::from_name(method.name()), Ok(method));
    }
    assert!(Method::from_name("k-medians").unwrap_err().to_string().contains("'k-means++'"));
}

#[test]
fn interruption_ends_the_start() {
    let x = numbers(13, 5000, 2);
    for method in Method::ALL {
        let context = Context::inline();
        context.stop().raise();
        let rows = Rows::F64(x.view());
        let geometry = Geometry::Full;
        let found = initial_statistics(&context, rows, 3, geometry, method, &[1], None);
        assert_eq!(found, Err(Error::Interrupted));
    }
}
