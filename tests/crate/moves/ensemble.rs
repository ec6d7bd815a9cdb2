//! Moves that look at the walkers of the other half.

use crate::simd::{Kernel, Lanes, Lanes64, Level, dispatch};
use crate::walkers::generators::{Generators, Octet};
use crate::walkers::moves::{
    DifferentialEvolution, EnsembleMove, NormalStep, Others, Proposal, Snooker, Stretch,
};

use super::{Walker, generators, kolmogorov, walks};

/// Proposals and logarithms of Hastings' factor of one octet.
fn propose(
    step: &dyn EnsembleMove,
    generators: &mut Octet,
    current: &[Lanes64],
    others: Others<'_>,
) -> (Vec<Lanes64>, Lanes64) {
    let mut closeness = vec![0.0; current.len()];
    let mut others = others;
    if step.measures_others() {
        others.measure(&mut closeness);
        others.closeness = &closeness;
    }
    let mut proposed = vec![Lanes([f64::NAN; 8]); current.len()];
    let mut log_factor = Lanes64::ZERO;
    step.propose(&mut Proposal {
        generators,
        n_dims: current.len(),
        current,
        others,
        proposed: &mut proposed,
        stride: 1,
        log_factor: &mut log_factor,
    });
    (proposed, log_factor)
}

fn moves(d: usize) -> Vec<Box<dyn EnsembleMove>> {
    let gamma = 2.38 / (2.0 * d as f64).sqrt();
    vec![
        Box::new(Stretch::new(2.0).unwrap()),
        Box::new(DifferentialEvolution::new(gamma, 1e-5, 0.1).unwrap()),
        Box::new(Snooker::new(1.7).unwrap()),
    ]
}

/// Independent normal walkers with the covariance of `walks::factor`.
fn exact(d: usize, n_octets: usize, seed: u8) -> Vec<Lanes64> {
    let step = NormalStep::new(&walks::factor(d), d).unwrap();
    Walker::new(&step, d, seed).increments(0, n_octets, 1)
}

/// Some proposals and factors of all moves.
pub fn proposed() -> Vec<Lanes64> {
    let mut lanes = Vec::new();
    for d in [1, 3] {
        let (current, others) = (exact(d, 1, 20), exact(d, 3, 21));
        for step in moves(d) {
            let mut octet = generators(22, 8);
            for _ in 0..20 {
                let (proposed, log_factor) =
                    propose(&*step, &mut octet, &current, Others::new(&others, d, 21));
                lanes.extend(proposed);
                lanes.push(log_factor);
            }
        }
    }
    lanes
}

/// Draws of N different walkers.
struct Draws<'a, const N: usize>(Others<'a>, usize);

impl<const N: usize> Kernel for Draws<'_, N> {
    type Output = Vec<[usize; N]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut generators = Generators::<L>::load(token, &generators(23, 0));
        let mut draws = Vec::new();
        for _ in 0..self.1 {
            let drawn: [[usize; 8]; N] = self.0.draw(&mut generators);
            for lane in 0..8 {
                draws.push(std::array::from_fn(|n| drawn[n][lane]));
            }
        }
        draws
    }
}

#[test]
fn different_walkers_are_drawn_equally_often() {
    let octets = [Lanes64::ZERO];
    for len in [3, 4, 7] {
        let draws = dispatch(Draws::<3>(Others::new(&octets, 1, len), 10_000));
        let cells = len * (len - 1) * (len - 2);
        let mut counts = std::collections::HashMap::new();
        for draw in &draws {
            *counts.entry(draw).or_insert(0.0) += 1.0;
        }
        assert!(
            counts.keys().all(|[a, b, c]| a != b && b != c && a != c && *a.max(b).max(c) < len)
        );
        assert_eq!(counts.len(), cells);
        let expected = draws.len() as f64 / cells as f64;
        let chi: f64 = counts.values().map(|n: &f64| (n - expected).powi(2) / expected).sum();
        let freedom = cells as f64 - 1.0;
        assert!((chi - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{len}: {chi}");
    }
}

#[test]
fn coordinates_of_others_are_gathered() {
    let octets: Vec<Lanes64> =
        (0..6).map(|i| Lanes(std::array::from_fn(|lane| (100 * i + lane) as f64))).collect();
    let others = Others::new(&octets, 2, 19);
    assert_eq!((others.len(), others.is_empty()), (19, false));
    assert!(Others::new(&octets, 2, 0).is_empty());
    // Walker 9 is lane 1 of the second octet, whose coordinates are vectors 2 and 3.
    assert_eq!([others.coordinate(9, 0), others.coordinate(9, 1)], [201.0, 301.0]);
    let gathered = others.gather(&[0, 7, 8, 9, 15, 16, 18, 3], 1);
    assert_eq!(gathered.0, [100.0, 107.0, 300.0, 301.0, 307.0, 500.0, 502.0, 103.0]);
}

/// Many proposals of walkers at `current` when all others are at their `positions`.
fn many(
    step: &dyn EnsembleMove,
    current: &[f64],
    positions: &[Vec<f64>],
    n: usize,
) -> Vec<(Vec<f64>, f64)> {
    let d = current.len();
    let mut octets = vec![Lanes64::ZERO; positions.len().div_ceil(8) * d];
    for (i, position) in positions.iter().enumerate() {
        (0..d).for_each(|j| octets[i / 8 * d + j].0[i % 8] = position[j]);
    }
    let current: Vec<Lanes64> = current.iter().map(|&x| Lanes([x; 8])).collect();
    let mut octet = generators(24, 0);
    let mut proposals = Vec::new();
    for _ in 0..n {
        let others = Others::new(&octets, d, positions.len());
        let (proposed, log_factor) = propose(step, &mut octet, &current, others);
        for lane in 0..8 {
            proposals.push((proposed.iter().map(|x| x.0[lane]).collect(), log_factor.0[lane]));
        }
    }
    proposals
}

#[test]
fn stretches_have_the_density_of_goodman_and_weare() {
    let a = 2.5_f64;
    let step = Stretch::new(a).unwrap();
    let proposals =
        many(&step, &[3.0, -1.0, 0.5], &[vec![1.0, 1.0, 1.0], vec![1.0, 1.0, 1.0]], 10_000);
    let z: Vec<f64> = proposals.iter().map(|(y, _)| (y[0] - 1.0) / 2.0).collect();
    for ((y, log_factor), z) in proposals.iter().zip(&z) {
        assert!((1.0 / a - 1e-15..=a).contains(z), "{z}");
        assert!((y[1] - (1.0 - 2.0 * z)).abs() < 1e-14 && (y[2] - (1.0 - 0.5 * z)).abs() < 1e-14);
        assert!((log_factor - 2.0 * z.ln()).abs() < 1e-14, "{log_factor} {z}");
    }
    let cumulative = |z: f64| (z.sqrt() - a.sqrt().recip()) / (a.sqrt() - a.sqrt().recip());
    let distance = kolmogorov(z.clone(), cumulative);
    assert!(distance < 1.95, "{distance}");
    // g(1/z) = z g(z): the expectations of h(z) and h(1/z)/z agree, here for h(z) = z².
    let n = z.len() as f64;
    let difference = z.iter().map(|z| z * z - z.powi(-3)).sum::<f64>() / n;
    assert!(difference.abs() < 5.0 * 4.0 / n.sqrt(), "{difference}");
}

#[test]
fn differential_evolution_is_symmetric_and_jumps_as_often_as_told() {
    let step = DifferentialEvolution::new(0.6, 0.0, 0.25).unwrap();
    let proposals = many(&step, &[5.0, 5.0], &[vec![1.0, 2.0], vec![4.0, -2.0]], 10_000);
    let mut counts = [0.0; 4];
    for (y, log_factor) in &proposals {
        assert_eq!(*log_factor, 0.0);
        let known = [-1.0, 1.0, -0.6, 0.6].map(|gamma| [5.0 + 3.0 * gamma, 5.0 - 4.0 * gamma]);
        let distance = |point: &[f64; 2]| (y[0] - point[0]).abs() + (y[1] - point[1]).abs();
        let which = known.iter().position(|point| distance(point) < 1e-14);
        counts[which.unwrap_or_else(|| panic!("{y:?} is not among {known:?}"))] += 1.0;
    }
    let n = proposals.len() as f64;
    for (count, p) in counts.into_iter().zip([0.125, 0.125, 0.375, 0.375]) {
        assert!((count - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt(), "{counts:?}");
    }
}

#[test]
fn jitter_is_normal_and_relative_to_the_step() {
    let step = DifferentialEvolution::new(0.6, 0.03125, 0.0).unwrap();
    let proposals =
        many(&step, &[0.0, 0.0, 0.0], &[vec![4e9, 2.0, 1.0], vec![0.0, -2.0, 1.0]], 10_000);
    let n = proposals.len() as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    for (y, log_factor) in &proposals {
        assert_eq!(*log_factor, 0.0);
        // Along the line between the two, in whatever units its coordinates are.
        assert!((y[0] / 1e9 - y[1]).abs() < 1e-14 && y[2] == 0.0, "{y:?}");
        let noise = (y[1] / 4.0).abs() - 0.6;
        sum += noise;
        squares += noise * noise;
    }
    let variance = 0.03125_f64.powi(2);
    assert!((sum / n).abs() < 5.0 * (variance / n).sqrt(), "{sum}");
    assert!((squares / n - variance).abs() < 5.0 * variance * (2.0 / n).sqrt(), "{squares}");
}

#[test]
fn snooker_steps_follow_the_line_through_another_walker() {
    let step = Snooker::new(1.7).unwrap();
    let x = [1.0, 2.0, -0.5];
    let others = [vec![0.0, 0.5, 1.0], vec![2.0, -1.0, 0.25], vec![-3.0, 1.5, 2.0]];
    let variances: [f64; 3] = std::array::from_fn(|j| {
        let mean = others.iter().map(|other| other[j]).sum::<f64>() / 3.0;
        others.iter().map(|other| (other[j] - mean).powi(2)).sum::<f64>() / 3.0
    });
    // Every anchor with every order of the two others.
    let mut known = Vec::new();
    for (anchor, a, b) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        // In units of the others' standard deviations.
        let dot =
            |u: &[f64; 3], v: &[f64; 3]| (0..3).map(|j| u[j] * v[j] / variances[j]).sum::<f64>();
        let e: [f64; 3] = std::array::from_fn(|j| x[j] - others[anchor][j]);
        let difference: [f64; 3] = std::array::from_fn(|j| others[a][j] - others[b][j]);
        let gamma = 1.7 * dot(&difference, &e) / dot(&e, &e);
        let y: [f64; 3] = std::array::from_fn(|j| x[j] + gamma * e[j]);
        let after: [f64; 3] = std::array::from_fn(|j| y[j] - others[anchor][j]);
        known.push((y, (dot(&after, &after) / dot(&e, &e)).ln()));
    }
    let mut counts = [0.0; 6];
    let proposals = many(&step, &x, &others, 5000);
    for (y, log_factor) in &proposals {
        let which = known.iter().position(|(z, factor)| {
            (0..3).all(|j| (y[j] - z[j]).abs() < 1e-13) && (log_factor - factor).abs() < 1e-12
        });
        counts[which.unwrap_or_else(|| panic!("{y:?} is not among {known:?}"))] += 1.0;
    }
    let expected = proposals.len() as f64 / 6.0;
    assert!(counts.iter().all(|n| (n - expected).abs() < 5.0 * expected.sqrt()), "{counts:?}");
}

#[test]
fn walkers_at_the_same_place_give_no_nan() {
    for step in moves(2) {
        for n_dims in [1, 2] {
            for place in [0.0, 3.5, 1e300] {
                let x = vec![place; n_dims];
                let proposals = many(&*step, &x, &vec![x.clone(); 3], 20);
                for (y, log_factor) in proposals {
                    assert!(y.iter().all(|y| (y - place).abs() <= 1e-4), "{y:?}");
                    assert!(!log_factor.is_nan());
                }
            }
        }
    }
}

#[test]
fn a_step_onto_the_anchor_is_as_good_as_impossible() {
    // x = 2, z = 0, difference −1·2/1.7: y = 2 − 2 = 0 in the first coordinate.
    let step = Snooker::new(1.0).unwrap();
    let others = [vec![0.0, 0.0], vec![-1.0, 0.0], vec![1.0, 0.0]];
    let proposals = many(&step, &[2.0, 0.0], &others, 200);
    let onto: Vec<f64> =
        proposals.iter().filter(|(y, _)| *y == [0.0, 0.0]).map(|(_, factor)| *factor).collect();
    // The logarithm of the smallest normal number.
    let expected = f64::MIN_POSITIVE.ln();
    let agrees = |factor: &f64| (factor - expected).abs() < 1e-9;
    assert!(!onto.is_empty() && onto.iter().all(agrees), "{onto:?}");
}

/// Runs an ensemble of 32 from independent draws of a normal target and compares the first two
/// moments with those of the target: the largest deviation in standard errors.
fn deviation(step: &dyn EnsembleMove, d: usize, wrong: f64) -> f64 {
    const BATCHES: usize = 60;
    let precision = Precision::new(&walks::factor(d), d);
    let mut halves = [exact(d, 2, 30), exact(d, 2, 31)];
    let mut octets: Vec<Octet> = (0..4).map(|i| generators(32, 8 * i)).collect();
    let mut decisions = Decisions(12345);
    let n_moments = d + d * d;
    let mut batches = vec![vec![0.0; n_moments]; BATCHES];
    for step_number in 0..BATCHES * 400 {
        for half in 0..2 {
            let others = halves[1 - half].clone();
            for (i, current) in halves[half].chunks_mut(d).enumerate() {
                let others = Others::new(&others, d, 16);
                let (proposed, log_factor) =
                    propose(step, &mut octets[2 * half + i], current, others);
                for lane in 0..8 {
                    let energies = [&*current, &proposed].map(|x| precision.energy(x, lane));
                    let ratio = energies[0] - energies[1] + wrong * log_factor.0[lane];
                    if decisions.uniform() < ratio.exp() {
                        (0..d).for_each(|j| current[j].0[lane] = proposed[j].0[lane]);
                    }
                }
            }
        }
        let batch = &mut batches[step_number / 400];
        for x in halves.iter().flat_map(|half| half.chunks(d)) {
            for lane in 0..8 {
                for j in 0..d {
                    batch[j] += x[j].0[lane];
                    (0..d).for_each(|k| batch[d + j * d + k] += x[j].0[lane] * x[k].0[lane]);
                }
            }
        }
    }
    let covariance = walks::square(&walks::factor(d), d);
    let expected: Vec<f64> = vec![0.0; d].into_iter().chain(covariance).collect();
    let scores = (0..n_moments).map(|i| {
        let values: Vec<f64> = batches.iter().map(|batch| batch[i] / (400.0 * 32.0)).collect();
        let mean = values.iter().sum::<f64>() / BATCHES as f64;
        let variance =
            values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (BATCHES - 1) as f64;
        (mean - expected[i]).abs() / (variance / BATCHES as f64).sqrt()
    });
    scores.fold(0.0, f64::max)
}

/// The energy of a normal distribution with covariance LLᵀ.
struct Precision {
    lower: Vec<f64>,
    d: usize,
}

impl Precision {
    fn new(lower: &[f64], d: usize) -> Self {
        Self { lower: lower.to_vec(), d }
    }

    fn energy(&self, x: &[Lanes64], lane: usize) -> f64 {
        let mut z = vec![0.0; self.d];
        for i in 0..self.d {
            let known: f64 = (0..i).map(|j| self.lower[i * self.d + j] * z[j]).sum();
            z[i] = (x[i].0[lane] - known) / self.lower[i * self.d + i];
        }
        0.5 * z.iter().map(|z| z * z).sum::<f64>()
    }
}

/// Uniform numbers of a generator of its own (Marsaglia's xorshift64*).
struct Decisions(u64);

impl Decisions {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / 2_f64.powi(53)
    }
}

#[test]
fn a_normal_target_stays_as_it_is() {
    for d in [1, 3] {
        for (i, step) in moves(d).iter().enumerate() {
            let score = deviation(&**step, d, 1.0);
            assert!(score < 4.5, "move {i} in {d} dimension(s): {score} standard errors");
        }
    }
    // Without Hastings' factor it does not.
    for step in [&moves(3)[0], &moves(3)[2]] {
        let score = deviation(&**step, 3, 0.0);
        assert!(score > 10.0, "{score} standard errors");
    }
}
