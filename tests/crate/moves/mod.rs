//! Moves: the distributions of their proposals, their symmetries, and the same bits everywhere.

mod adaptive;
mod ensemble;
mod normals;
mod walks;

use crate::simd::{Lanes, Lanes64};
use crate::walkers::generators::{Octet, Purpose, octet};
use crate::walkers::moves::{Increments, RandomWalkMove};

/// The proposal generators of eight walkers.
fn generators(seed: u8, first: usize) -> Octet {
    octet(&[seed; 32], first, Purpose::Proposal)
}

/// One octet that walks by increments.
struct Walker<'a> {
    step: &'a dyn RandomWalkMove,
    n_dims: usize,
    generators: Octet,
    learnt: Vec<Lanes64>,
    note: Vec<Lanes64>,
}

impl<'a> Walker<'a> {
    fn new(step: &'a dyn RandomWalkMove, n_dims: usize, seed: u8) -> Self {
        let initial = step.learning().map_or(&[][..], |learning| learning.initial());
        let learnt = initial.iter().map(|&number| Lanes([number; 8])).collect();
        Self { step, n_dims, generators: generators(seed, 0), learnt, note: Vec::new() }
    }

    /// Increments of so many updates, `stride` vectors apart; the vectors between are NaN.
    fn increments(&mut self, first_update: usize, n_updates: usize, stride: usize) -> Vec<Lanes64> {
        let mut values = vec![Lanes([f64::NAN; 8]); n_updates * self.n_dims * stride];
        self.note = vec![Lanes64::ZERO; n_updates];
        self.step.increments(&mut Increments {
            generators: &mut self.generators,
            n_dims: self.n_dims,
            first_update,
            n_updates,
            values: &mut values,
            stride,
            learnt: &self.learnt,
            note: &mut self.note,
        });
        values
    }
}

/// The vectors of one walker after the other.
fn rows(values: &[Lanes64], n_dims: usize) -> Vec<Vec<f64>> {
    (0..8)
        .flat_map(|lane| {
            values
                .chunks(n_dims)
                .map(move |vector| vector.iter().map(|lanes| lanes.0[lane]).collect())
        })
        .collect()
}

/// Mean and covariance.
fn moments(rows: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (n, d) = (rows.len() as f64, rows[0].len());
    let mean: Vec<f64> = (0..d).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
    let product = |row: &[f64], j: usize, k: usize| (row[j] - mean[j]) * (row[k] - mean[k]);
    let covariance = (0..d)
        .map(|j| {
            (0..d).map(|k| rows.iter().map(|row| product(row, j, k)).sum::<f64>() / n).collect()
        })
        .collect();
    (mean, covariance)
}

/// The largest distance of the empirical distribution from a cumulative one, times √n: above 1.95
/// with a probability of 0.001 (Kolmogorov).
fn kolmogorov(mut sample: Vec<f64>, cumulative: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = |(i, &x): (usize, &f64)| {
        let p = cumulative(x);
        (p - i as f64 / n).abs().max(((i + 1) as f64 / n - p).abs())
    };
    sample.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}
