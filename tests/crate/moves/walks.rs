//! Random walks with fixed increments, and what all moves check.

use crate::simd::{Lanes, Lanes64};
use crate::walkers::moves::{
    AdaptiveStep, ComponentwiseStep, DifferentialEvolution, EnsembleMove, NormalStep,
    RandomWalkMove, Snooker, Stretch, UniformStep,
};

use super::{Walker, kolmogorov, moments, rows};

/// A lower triangular factor with entries of different sizes.
pub fn factor(d: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| match j.cmp(&i) {
        std::cmp::Ordering::Less => 0.3 * (i + 2 * j) as f64 - 0.7,
        std::cmp::Ordering::Equal => 0.5 + i as f64,
        std::cmp::Ordering::Greater => 0.0,
    };
    (0..d).flat_map(|i| (0..d).map(move |j| entry(i, j))).collect()
}

/// LLᵀ.
pub fn square(lower: &[f64], d: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| (0..d).map(|k| lower[i * d + k] * lower[j * d + k]).sum();
    (0..d).flat_map(|i| (0..d).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
}

fn walks(d: usize) -> Vec<Box<dyn RandomWalkMove>> {
    let widths: Vec<f64> = (0..d).map(|j| 0.5 + j as f64).collect();
    vec![
        Box::new(UniformStep::new(widths.clone()).unwrap()),
        Box::new(NormalStep::new(&factor(d), d).unwrap()),
        Box::new(AdaptiveStep::new(&factor(d), d, 0.234, 2.0 / 3.0).unwrap()),
        Box::new(ComponentwiseStep::new(widths).unwrap()),
    ]
}

#[test]
fn uniform_steps_are_uniform_and_independent() {
    for d in [1, 2, 3, 5] {
        let widths: Vec<f64> = (0..d).map(|j| 0.5 + j as f64).collect();
        let step = UniformStep::new(widths.clone()).unwrap();
        let rows = rows(&Walker::new(&step, d, 5).increments(0, 20_000, 1), d);
        let (mean, covariance) = moments(&rows);
        let root = (rows.len() as f64).sqrt();
        for j in 0..d {
            assert!(rows.iter().all(|row| row[j].abs() < widths[j]));
            assert!(mean[j].abs() < 5.0 * widths[j] / 3_f64.sqrt() / root, "{mean:?}");
            let cumulative = |x: f64| 0.5 + 0.5 * x / widths[j];
            let distance = kolmogorov(rows.iter().map(|row| row[j]).collect(), cumulative);
            assert!(distance < 1.95, "coordinate {j} of {d}: {distance}");
            for k in 0..j {
                let error = widths[j] * widths[k] / 3.0 / root;
                assert!(covariance[j][k].abs() < 5.0 * error, "{covariance:?}");
            }
        }
    }
}

#[test]
fn opposite_words_make_opposite_uniform_steps() {
    let step = UniformStep::new(vec![1.0, 1.0]).unwrap();
    let of_word = |word: u64| {
        let mut walker = Walker::new(&step, 2, 0);
        // The generator gives the sum of its first and its last word.
        walker.generators = [word, 1, 2, 0].map(|word| Lanes([word; 8]));
        walker.increments(0, 1, 1).iter().map(|lanes| lanes.0[0]).collect::<Vec<_>>()
    };
    for word in [0, 1, 1 << 31, 1 << 32, 0x0123_4567_89ab_cdef, u64::MAX >> 1] {
        let (step, opposite) = (of_word(word), of_word(!word));
        assert!(step.iter().zip(&opposite).all(|(a, b)| *a == -*b), "{step:?} {opposite:?}");
        assert!(step.iter().all(|x| x.abs() < 1.0 && *x != 0.0), "{step:?}");
    }
}

#[test]
fn normal_steps_have_the_covariance_of_their_factor() {
    for d in [1, 2, 3, 6] {
        let step = NormalStep::new(&factor(d), d).unwrap();
        let rows = rows(&Walker::new(&step, d, 6).increments(0, 20_000, 1), d);
        let (mean, covariance) = moments(&rows);
        let expected = square(&factor(d), d);
        let root = (rows.len() as f64).sqrt();
        for j in 0..d {
            let variance = expected[j * d + j];
            assert!(mean[j].abs() < 5.0 * variance.sqrt() / root, "{mean:?}");
            for k in 0..d {
                let product = variance * expected[k * d + k] + expected[j * d + k].powi(2);
                let error = (covariance[j][k] - expected[j * d + k]).abs();
                assert!(error < 5.0 * product.sqrt() / root, "{d}: {covariance:?} {expected:?}");
            }
        }
    }
}

#[test]
fn componentwise_steps_change_one_coordinate_after_the_other() {
    let step = ComponentwiseStep::new(vec![0.5, 1.0, 2.0]).unwrap();
    assert_eq!(step.updates(3), 3);
    let values = Walker::new(&step, 3, 7).increments(2, 6000, 1);
    for (u, vector) in values.chunks(3).enumerate() {
        for (j, lanes) in vector.iter().enumerate() {
            let changes = j == (u + 2) % 3;
            assert!(lanes.0.iter().all(|x| (*x != 0.0) == changes), "update {u}: {vector:?}");
        }
    }
    for (j, width) in [0.5, 1.0, 2.0].into_iter().enumerate() {
        let changes = values.chunks(3).flat_map(|vector| vector[j].0).filter(|x| *x != 0.0);
        let distance = kolmogorov(changes.collect(), |x| 0.5 + 0.5 * x / width);
        assert!(distance < 1.95, "coordinate {j}: {distance}");
    }
}

#[test]
fn increments_do_not_depend_on_how_many_are_made_at_once() {
    for d in 1..=5 {
        for step in walks(d) {
            let mut walker = Walker::new(&*step, d, 8);
            let together = walker.increments(0, 10, 1);
            let note = walker.note;
            let (mut one, mut notes) = (Walker::new(&*step, d, 8), Vec::new());
            let one_by_one: Vec<Lanes64> = (0..10)
                .flat_map(|update| {
                    let increments = one.increments(update % step.updates(d), 1, 1);
                    notes.push(one.note[0]);
                    increments
                })
                .collect();
            assert_eq!((together, note), (one_by_one, notes));
            assert_eq!(walker.generators, one.generators);
        }
    }
}

#[test]
fn increments_keep_to_their_places() {
    for step in walks(3) {
        let dense = Walker::new(&*step, 3, 9).increments(0, 4, 1);
        let sparse = Walker::new(&*step, 3, 9).increments(0, 4, 5);
        for (i, lanes) in sparse.iter().enumerate() {
            if i % 5 == 0 {
                assert_eq!(*lanes, dense[i / 5]);
            } else {
                assert!(lanes.0.iter().all(|x| x.is_nan()), "place {i} was written");
            }
        }
    }
}

/// All numbers that moves make in a short while.
fn fingerprint() -> u64 {
    let mut words = Vec::new();
    for d in [1, 2, 5] {
        for step in walks(d) {
            words.extend(Walker::new(&*step, d, 10).increments(0, 40, 1));
        }
    }
    words.extend(super::adaptive::learnt());
    words.extend(super::ensemble::proposed());
    words
        .iter()
        .flat_map(|lanes| lanes.0)
        .fold(0, |hash, x| (hash ^ x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}

#[test]
#[ignore = "run by the test below, in processes of their own"]
fn print_fingerprint() {
    println!("fingerprint {:016x} {}", fingerprint(), crate::simd::level_name());
}

#[test]
fn every_level_gives_the_same_bits() {
    let program = std::env::current_exe().unwrap();
    let (_, room) = module_path!().split_once("::").unwrap();
    let test = format!("{room}::print_fingerprint");
    for level in ["avx512", "avx2", "neon", "scalar"] {
        let output = std::process::Command::new(&program)
            .args(["--exact", &test, "--ignored", "--nocapture"])
            .env("FOLDSTAT_SIMD", level)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let expected = format!("fingerprint {:016x}", fingerprint());
        assert!(printed.contains(&expected), "{level}: {printed}");
    }
}

#[test]
fn numbers_that_cannot_be_used_are_refused_by_name() {
    let message = |result: Result<(), crate::error::Error>| result.unwrap_err().to_string();
    let refused = [
        (
            UniformStep::new(vec![1.0, 0.0]).map(drop),
            "half_width: must be positive and finite, found 0.0 at position 1",
        ),
        (
            ComponentwiseStep::new(vec![f64::NAN]).map(drop),
            "half_width: must be positive and finite, found NaN",
        ),
        (
            NormalStep::new(&[1.0, 0.5, 0.5, 1.0], 2).map(drop),
            "factor: must be a lower Cholesky factor, but entry (0, 1) is 0.5",
        ),
        (
            NormalStep::new(&[1.0, 0.0, 0.5, -1.0], 2).map(drop),
            "entry (1, 1) is -1 and not positive",
        ),
        (
            NormalStep::new(&[1.0, 0.0, f64::NAN, 1.0], 2).map(drop),
            "entry (1, 0) is NaN and not finite",
        ),
        (NormalStep::new(&[1.0; 3], 2).map(drop), "factor has the wrong shape: expected (2, 2)"),
        (
            AdaptiveStep::new(&[1.0], 1, 1.0, 0.6).map(drop),
            "target_acceptance: must lie between 0 and 1, found 1",
        ),
        (
            AdaptiveStep::new(&[1.0], 1, 0.4, 0.5).map(drop),
            "decay: must be above 0.5 and at most 1, found 0.5",
        ),
        (
            AdaptiveStep::new(&[1e-120], 1, 0.4, 0.6).map(drop),
            "factor: entries must lie between 1e-100 and 1e100",
        ),
        (Stretch::new(1.0).map(drop), "a: must be finite and above 1, found 1"),
        (
            DifferentialEvolution::new(-1.0, 0.0, 0.1).map(drop),
            "gamma: must be positive and finite, found -1",
        ),
        (
            DifferentialEvolution::new(1.0, -1.0, 0.1).map(drop),
            "jitter: must be finite and not negative, found -1",
        ),
        (
            DifferentialEvolution::new(1.0, 0.0, 1.5).map(drop),
            "jump_probability: must lie between 0 and 1, found 1.5",
        ),
        (Snooker::new(f64::INFINITY).map(drop), "gamma: must be positive and finite, found inf"),
        (
            UniformStep::new(vec![1.0]).unwrap().check(2),
            "half_width has the wrong shape: expected (2,) for a density of 2 dimension(s), found [1]",
        ),
        (
            NormalStep::new(&[1.0], 1).unwrap().check(2),
            "factor has the wrong shape: expected (2, 2)",
        ),
        (
            Stretch::new(2.0).unwrap().check(1),
            "n_walkers: Stretch looks at 1 walker(s) of the other half, so there must be at least 2 walkers, found 1",
        ),
        (
            DifferentialEvolution::new(1.0, 0.0, 0.1).unwrap().check(3),
            "at least 4 walkers, found 3",
        ),
        (Snooker::new(1.7).unwrap().check(5), "at least 6 walkers, found 5"),
    ];
    for (result, expected) in refused {
        let found = message(result);
        assert!(found.contains(expected), "{found:?} does not contain {expected:?}");
    }
    for step in walks(3) {
        assert_eq!(step.check(3), Ok(()));
    }
    assert_eq!(Snooker::new(1.7).unwrap().check(6), Ok(()));
}
