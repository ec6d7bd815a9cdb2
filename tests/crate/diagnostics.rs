//! Diagnostics against slow, obvious code.

use crate::diagnostics::{self, DimensionSummary, Draws, Superchains, normal_quantile, summary};
use crate::error::Error;
use crate::fold::{Context, Pool};
use ndarray::{Array3, ArrayView3, s};
use rand::{RngExt, SeedableRng};

/// One dimension of draws.
fn draws_of(chains: usize, draws: usize, next: impl FnMut() -> f64) -> Array3<f64> {
    Array3::from_shape_simple_fn((chains, draws, 1), next)
}

fn generator(seed: u64) -> rand_chacha::ChaCha8Rng {
    rand_chacha::ChaCha8Rng::seed_from_u64(seed)
}

/// Chains with correlation, ties and a spread of its own for each of `dimensions`.
fn chains(shape: (usize, usize, usize)) -> Array3<f64> {
    let mut rng = generator(1);
    let mut draws = Array3::from_shape_simple_fn(shape, || rng.random::<f64>() - 0.5);
    for t in 1..shape.1 {
        let before = draws.slice(s![.., t - 1, ..]).to_owned();
        let mut now = draws.slice_mut(s![.., t, ..]);
        now += &(before * 0.95);
    }
    draws.mapv_inplace(|value| (value * 100.0).round() / 100.0);
    draws
}

fn close(found: f64, wanted: f64, tolerance: f64) {
    let both_nan = found.is_nan() && wanted.is_nan();
    let near = (found - wanted).abs() <= tolerance * wanted.abs();
    assert!(both_nan || found == wanted || near, "{found} is not {wanted}");
}

// --- slow, obvious code -----------------------------------------------------------------------

/// Halves of the chains of the first dimension.
fn halves(draws: &Array3<f64>) -> Vec<Vec<f64>> {
    let n = draws.dim().1;
    let half = |range| draws.slice(s![.., range, 0]).outer_iter().map(|row| row.to_vec()).collect();
    let mut pieces: Vec<_> = half(ndarray::Slice::from(..n / 2));
    pieces.extend::<Vec<_>>(half(ndarray::Slice::from(n - n / 2..)));
    pieces
}

/// Normal scores of average ranks.
fn scores(pieces: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut sorted = pieces.concat();
    sorted.sort_by(f64::total_cmp);
    let score = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let upto = sorted.partition_point(|other| other <= value);
        let rank = (below + upto + 1) as f64 / 2.0;
        normal_quantile((rank - 0.375) / (sorted.len() as f64 + 0.25))
    };
    pieces.iter().map(|piece| piece.iter().map(score).collect()).collect()
}

fn folded(pieces: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut sorted = pieces.concat();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
    pieces.iter().map(|p| p.iter().map(|value| (value - median).abs()).collect()).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn variance(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    squares / (numbers.len() as f64 - 1.0)
}

fn split_r_hat(pieces: &[Vec<f64>]) -> f64 {
    let n = pieces[0].len() as f64;
    let within = mean(&pieces.iter().map(|piece| variance(piece)).collect::<Vec<_>>());
    let between = n * variance(&pieces.iter().map(|piece| mean(piece)).collect::<Vec<_>>());
    (((n - 1.0) / n * within + between / n) / within).sqrt()
}

fn r_hat(draws: &Array3<f64>) -> f64 {
    let pieces = halves(draws);
    split_r_hat(&scores(&pieces)).max(split_r_hat(&scores(&folded(&pieces))))
}

/// The effective sample size by summing all lags directly, without the cap on antithetic chains.
fn effective_sample_size(pieces: &[Vec<f64>]) -> f64 {
    let n = pieces[0].len();
    let autocovariance = |lag: usize| {
        let of = |piece: &Vec<f64>| {
            let m = mean(piece);
            (0..n - lag).map(|j| (piece[j] - m) * (piece[j + lag] - m)).sum::<f64>() / n as f64
        };
        mean(&pieces.iter().map(of).collect::<Vec<_>>())
    };
    let within = autocovariance(0) * n as f64 / (n as f64 - 1.0);
    let total =
        autocovariance(0) + variance(&pieces.iter().map(|piece| mean(piece)).collect::<Vec<_>>());
    let rho = |lag| 1.0 - (within - autocovariance(lag)) / total;
    let mut sums: Vec<f64> = vec![1.0 + rho(1)];
    let mut last_even = 0.0;
    for k in 1.. {
        let (even, odd) = (rho(2 * k), rho(2 * k + 1));
        if even + odd <= 0.0 {
            last_even = f64::max(even, 0.0);
            break;
        }
        sums.push(f64::min(even + odd, sums[k - 1]));
    }
    let tau = -1.0 + 2.0 * sums.iter().sum::<f64>() + last_even;
    (n * pieces.len()) as f64 / tau
}

// --- agreement --------------------------------------------------------------------------------

#[test]
fn the_normal_quantile_function() {
    // Values of SciPy 1.17's norm.ppf.
    let known = [
        (0.5, 0.0),
        (0.975, 1.959963984540054),
        (0.1, -1.2815515655446004),
        (0.07, -1.4757910281791702),
        (1e-5, -4.264890793922825),
        (1e-12, -7.034483825301131),
        (1e-100, -21.27345356096532),
        (0.999, 3.090232306167813),
    ];
    for (p, z) in known {
        close(normal_quantile(p), z, 4e-16);
    }
    assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(normal_quantile(1.0), f64::INFINITY);
    assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan());
    assert!(normal_quantile(f64::NAN).is_nan());
}

#[test]
fn r_hat_is_that_of_obvious_code() {
    for shape in [(2, 4, 1), (4, 301, 1), (3, 1000, 1), (8, 3000, 1)] {
        let draws = chains(shape);
        let found = diagnostics::r_hat(&Context::inline(), &Draws::F64(draws.view())).unwrap();
        close(found[0], r_hat(&draws), 1e-12);
    }
}

#[test]
fn bulk_and_tail_are_those_of_obvious_code() {
    // Slow enough for more lags than are summed one by one.
    for shape in [(4, 2001, 1), (9, 2001, 1), (8, 3000, 1)] {
        let draws = chains(shape);
        let view = Draws::F64(draws.view());
        let bulk = diagnostics::ess_bulk(&Context::inline(), &view).unwrap();
        close(bulk[0], effective_sample_size(&scores(&halves(&draws))), 1e-11);
        let line = &summary(&Context::inline(), &view, &[0.05, 0.95]).unwrap()[0];
        let tail = line.quantiles.iter().map(|threshold| {
            let indicator = draws.mapv(|value| f64::from(u8::from(value <= *threshold)));
            effective_sample_size(&halves(&indicator))
        });
        close(line.ess_tail, tail.fold(f64::INFINITY, f64::min), 1e-11);
    }
}

#[test]
fn any_distribution_is_sorted() {
    let mut rng = generator(2);
    let shapes: [fn(f64) -> f64; 9] = [
        |u| u,
        |u| (u * 10.0).floor(),
        |u| (std::f64::consts::PI * (u - 0.5)).tan(),
        |u| (500.0 * (u - 0.5)).exp(),
        |u| if u < 0.5 { 1e300 } else { 1.0 + u * 1e-12 },
        |u| if u < 0.01 { f64::INFINITY } else { -u },
        |u| (u - 0.5) * f64::MAX * 1.9,
        |u| (u - 0.5) * 1e-310,
        |u| if u < 0.5 { -0.0 } else { 0.0 },
    ];
    for shape in shapes {
        let draws = draws_of(5, 2001, || shape(rng.random()));
        let mut sorted = draws.iter().map(|value| value + 0.0).collect::<Vec<_>>();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let ranks = [0, 1, 5000, 9999, last];
        let probabilities = ranks.map(|rank| rank as f64 / last as f64);
        let lines = summary(&Context::inline(), &Draws::F64(draws.view()), &probabilities).unwrap();
        for (found, rank) in lines[0].quantiles.iter().zip(ranks) {
            let near = sorted[rank.saturating_sub(1)]..=sorted[(rank + 1).min(last)];
            assert!(near.contains(found), "rank {rank}: {found} of {near:?}");
        }
        let found = diagnostics::order_statistics(
            &Context::inline(),
            &Draws::F64(draws.view()),
            &[[5000, last + 7]],
        );
        assert_eq!(found.unwrap(), [[sorted[5000], sorted[last]]]);
        let r_hats = diagnostics::r_hat(&Context::inline(), &Draws::F64(draws.view())).unwrap();
        close(r_hats[0], r_hat_or_nan(&draws), 1e-10);
    }
}

/// Obvious code, but a fold around an infinite median, or of equal numbers, is left out.
fn r_hat_or_nan(draws: &Array3<f64>) -> f64 {
    let pieces = halves(draws);
    let [bulk, tails] =
        [scores(&pieces), scores(&folded(&pieces))].map(|scores| split_r_hat(&scores));
    if tails > bulk { tails } else { bulk }
}

// --- threads, types, failures -----------------------------------------------------------------

fn bits(lines: &[DimensionSummary]) -> Vec<u64> {
    let numbers = lines.iter().flat_map(|line| {
        let DimensionSummary { mean, sd, mcse_mean, mcse_sd, ess_bulk, ess_tail, r_hat, .. } = line;
        [mean, sd, mcse_mean, mcse_sd, ess_bulk, ess_tail, r_hat].map(|number| number.to_bits())
    });
    numbers.collect()
}

#[test]
fn threads_do_not_change_the_bits() {
    for shape in [(4, 2001, 7), (40, 700, 1)] {
        let draws = chains(shape);
        let view = Draws::F64(draws.view());
        let alone = bits(&summary(&Context::inline(), &view, &[0.5]).unwrap());
        for threads in [2, 3, 7] {
            let pool = Pool::lease(threads).unwrap();
            assert_eq!(pool.run(|context| bits(&summary(context, &view, &[0.5]).unwrap())), alone);
        }
    }
}

#[test]
fn single_precision_is_read_as_double() {
    let single = chains((4, 301, 3)).mapv(|value| value as f32);
    let double = single.mapv(f64::from);
    let of = |draws| bits(&summary(&Context::inline(), &draws, &[]).unwrap());
    assert_eq!(of(Draws::F32(single.view())), of(Draws::F64(double.view())));
}

#[test]
fn superchains_are_of_one_size() {
    let message = |of_chain| Superchains::new(of_chain).unwrap_err().to_string();
    assert!(message(vec![]).contains("at least 2 superchains"));
    assert!(message(vec![0, 0]).contains("at least 2 superchains"));
    assert!(message(vec![0, usize::MAX]).contains("at least 2 superchains"));
    assert!(message(vec![0, 1, 1]).contains("superchain 0 has 1 and superchain 1 has 2"));
    let superchains = Superchains::new(vec![0, 1]).unwrap();
    let draws = chains((4, 10, 1));
    let found = diagnostics::nested_r_hat(
        &Context::inline(),
        &Draws::F64(draws.view()),
        &superchains,
        true,
    );
    assert!(matches!(found, Err(Error::Shape { name: "superchains", .. })));
}

#[test]
fn a_raised_flag_ends_the_work() {
    let draws = chains((4, 100, 2));
    let context = Context::inline();
    context.stop().raise();
    let found = diagnostics::ess_bulk(&context, &Draws::F64(draws.view()));
    assert_eq!(found, Err(Error::Interrupted));
}

#[test]
fn nothing_is_known_of_no_draws() {
    let empty = ArrayView3::<f64>::from_shape((4, 0, 2), &[]).unwrap();
    let lines = summary(&Context::inline(), &Draws::F64(empty), &[0.5]).unwrap();
    assert!(lines.iter().all(|line| line.mean.is_nan() && line.quantiles[0].is_nan()));
}
