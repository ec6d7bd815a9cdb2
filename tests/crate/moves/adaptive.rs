//! The robust adaptive Metropolis algorithm.

use crate::simd::{Lanes, Lanes64};
use crate::walkers::moves::{Adaptation, AdaptiveStep};
use proptest::collection::vec;
use proptest::prelude::*;

use super::walks::{factor, square};
use super::{Walker, generators};

impl Walker<'_> {
    /// Learns that the last increments were accepted with these probabilities.
    fn adapt(&mut self, increments: &[Lanes64], probability: [f64; 8], step: u64) {
        self.step.learning().unwrap().adapt(&mut Adaptation {
            learnt: &mut self.learnt,
            increments,
            note: &self.note[0],
            probability: &Lanes(probability),
            step,
        });
    }

    /// The factor of one walker, row by row.
    fn factor(&self, lane: usize) -> Vec<f64> {
        let d = self.n_dims;
        let entry =
            |i: usize, j: usize| if j > i { 0.0 } else { self.learnt[i * (i + 1) / 2 + j].0[lane] };
        (0..d).flat_map(|i| (0..d).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    fn is_sound(&self) -> bool {
        let d = self.n_dims;
        (0..8).all(|lane| {
            let factor = self.factor(lane);
            factor.iter().all(|x| x.is_finite()) && (0..d).all(|j| factor[j * d + j] > 0.0)
        })
    }
}

/// What eight walkers learn in some updates.
pub fn learnt() -> Vec<Lanes64> {
    let d = 4;
    let step = AdaptiveStep::new(&factor(d), d, 0.3, 0.7).unwrap();
    let mut walker = Walker::new(&step, d, 11);
    for n in 1..60 {
        let increments = walker.increments(0, 1, 1);
        let probability = std::array::from_fn(|lane| ((7 * lane + n) % 10) as f64 / 9.0);
        walker.adapt(&increments, probability, n as u64);
    }
    walker.learnt
}

#[test]
fn one_update_is_the_change_of_rank_one_of_the_paper() {
    for d in [1, 2, 3, 7] {
        let (target, decay) = (0.3, 0.8);
        let step = AdaptiveStep::new(&factor(d), d, target, decay).unwrap();
        let mut walker = Walker::new(&step, d, 12);
        let probability = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0, f64::NAN];
        for n in [1, 2, 5, 40] {
            let before: Vec<Vec<f64>> = (0..8).map(|lane| walker.factor(lane)).collect();
            let increments = walker.increments(0, 1, 1);
            walker.adapt(&increments, probability, n);
            let weight = (d as f64 * (n as f64).powf(-decay)).min(1.0);
            for (lane, before) in before.iter().enumerate() {
                let alpha = if lane == 7 { 0.0 } else { probability[lane] };
                // S u is the increment, so S u uᵀ Sᵀ / |u|² needs no u.
                let change = weight * (alpha - target) / walker.note[0].0[lane];
                let (before, after) = (square(before, d), square(&walker.factor(lane), d));
                let largest = before.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                for i in 0..d {
                    for j in 0..d {
                        let product = increments[i].0[lane] * increments[j].0[lane];
                        let expected = before[i * d + j] + change * product;
                        let error = (after[i * d + j] - expected).abs();
                        assert!(error < 1e-12 * largest, "step {n}, walker {lane}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_is_learnt_from_the_wanted_acceptance() {
    let step = AdaptiveStep::new(&factor(3), 3, 0.25, 0.6).unwrap();
    let mut walker = Walker::new(&step, 3, 13);
    let before = walker.learnt.clone();
    let increments = walker.increments(0, 1, 1);
    walker.adapt(&increments, [0.25; 8], 1);
    assert_eq!(walker.learnt, before);
    // Nor from a step that was none.
    walker.note[0] = Lanes64::ZERO;
    walker.adapt(&[Lanes64::ZERO; 3], [1.0; 8], 1);
    assert_eq!(walker.learnt, before);
}

#[test]
fn the_wanted_acceptance_and_the_shape_of_the_target_are_learnt() {
    let d = 3;
    // A covariance TTᵀ with standard deviations from 0.1 to 20 and strong correlations.
    let lower = [20.0, 0.0, 0.0, 0.9, 0.4, 0.0, -0.1, 0.06, 0.05];
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let (n_steps, target) = (60_000, 0.234);
    let step = AdaptiveStep::new(&identity, d, target, 2.0 / 3.0).unwrap();
    let mut walker = Walker::new(&step, d, 14);
    let mut uniforms = generators(15, 0);
    let mut uniform = || {
        uniforms[0].0[0] = uniforms[0].0[0].wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (uniforms[0].0[0] >> 11) as f64 / 2_f64.powi(53)
    };
    let energy = |x: &[f64]| 0.5 * solve(&lower, d, x).iter().map(|z| z * z).sum::<f64>();
    let mut positions = vec![vec![0.0; d]; 8];
    let mut rate = 0.0;
    for n in 1..=n_steps {
        let increments = walker.increments(0, 1, 1);
        let mut probability = [0.0; 8];
        for lane in 0..8 {
            let x = &mut positions[lane];
            let y: Vec<f64> = (0..d).map(|j| x[j] + increments[j].0[lane]).collect();
            probability[lane] = (energy(x) - energy(&y)).exp().min(1.0);
            if uniform() < probability[lane] {
                *x = y;
            }
        }
        if n > n_steps / 2 {
            rate += probability.iter().sum::<f64>() / 8.0 / (n_steps / 2) as f64;
        }
        walker.adapt(&increments, probability, n as u64);
    }
    assert!((rate - target).abs() < 0.01, "{rate}");
    for lane in 0..8 {
        // T⁻¹S must be a multiple of a rotation.
        let factor = walker.factor(lane);
        let column = |k: usize| (0..d).map(|i| factor[i * d + k]).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = (0..d).map(|k| solve(&lower, d, &column(k))).collect();
        let whitened: Vec<f64> =
            (0..d).flat_map(|i| columns.iter().map(move |column| column[i])).collect();
        let product = square(&whitened, d);
        let scale = (0..d).map(|j| product[j * d + j]).sum::<f64>() / d as f64;
        for i in 0..d {
            for j in 0..d {
                let expected = if i == j { 1.0 } else { 0.0 };
                let error = (product[i * d + j] / scale - expected).abs();
                assert!(error < 0.4, "walker {lane}: {product:?}");
            }
        }
    }
}

/// The solution z of Lz = x.
fn solve(lower: &[f64], d: usize, x: &[f64]) -> Vec<f64> {
    let mut z = x.to_vec();
    for i in 0..d {
        for j in 0..i {
            z[i] -= lower[i * d + j] * z[j];
        }
        z[i] /= lower[i * d + i];
    }
    z
}

#[test]
fn a_target_without_scale_does_not_break_the_factor() {
    for (d, alpha) in [(1, 0.0), (1, 1.0), (3, 0.0), (3, 1.0), (30, 0.0), (30, 1.0)] {
        let mut identity = vec![0.0; d * d];
        (0..d).for_each(|j| identity[j * d + j] = 1.0);
        let step = AdaptiveStep::new(&identity, d, 0.99, 0.500_001).unwrap();
        let mut walker = Walker::new(&step, d, 16);
        for n in 1..4000 {
            let increments = walker.increments(0, 1, 1);
            // Always as in the first step: the largest weight.
            walker.adapt(&increments, [alpha; 8], n % 2 + 1);
        }
        assert!(walker.is_sound(), "{d} {alpha}: {:?}", walker.learnt);
        assert!(walker.increments(0, 50, 1).iter().all(|x| x.0.iter().all(|x| x.is_finite())));
    }
}

#[test]
fn increments_that_the_factor_cannot_have_made_do_not_break_it() {
    // What rounding makes of a very ill-conditioned factor, in the extreme.
    let d = 200;
    let mut identity = vec![0.0; d * d];
    (0..d).for_each(|j| identity[j * d + j] = 1.0);
    let step = AdaptiveStep::new(&identity, d, 0.99, 0.6).unwrap();
    let mut walker = Walker::new(&step, d, 18);
    walker.note = vec![Lanes([1.0; 8])];
    for n in 1..4 {
        walker.adapt(&vec![Lanes([1e10; 8]); d], [0.0; 8], n);
        assert!(walker.is_sound());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_diagonal_stays_positive_whatever_is_accepted(
        exponents in vec(-60.0..60.0_f64, 4),
        below in vec(-1e3..1e3_f64, 6),
        probabilities in vec(prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), 0.0..1.0], 40),
        target in 0.001..0.999_f64,
        decay in 0.500_001..1.0_f64,
    ) {
        let mut lower = vec![0.0; 16];
        for i in 0..4 {
            lower[i * 4 + i] = 10_f64.powf(exponents[i]);
            for j in 0..i {
                lower[i * 4 + j] = below[i * (i - 1) / 2 + j] * 10_f64.powf(exponents[j]);
            }
        }
        let step = AdaptiveStep::new(&lower, 4, target, decay).unwrap();
        let mut walker = Walker::new(&step, 4, 17);
        for n in 0..400_usize {
            let increments = walker.increments(0, 1, 1);
            let probability = std::array::from_fn(|lane| probabilities[(n + 5 * lane) % 40]);
            walker.adapt(&increments, probability, n as u64 + 1);
            prop_assert!(walker.is_sound(), "{n}: {:?}", walker.learnt);
        }
    }
}
