//! The sampler: draws that depend on nothing but the key, the density and the moves.

mod bits;
mod failures;
mod record;
mod streams;

use std::sync::Arc;

use crate::error::Error;
use crate::fold::{Context, Pool, Stop};
use crate::walkers::densities::Gaussians;
use crate::walkers::fused::BuiltIn;
use crate::walkers::moves::{
    AdaptiveStep, ComponentwiseStep, DifferentialEvolution, EnsembleMove, NormalStep,
    RandomWalkMove, Snooker, Stretch, UniformStep,
};
use crate::walkers::transitions::{
    Cycle, Ensemble, Independence, RandomWalk, Schedule, Slice, Transition,
};
use crate::walkers::{
    Calls, Density, Failure, Moments, Output, Reason, Rules, Sampler, State, Stopped,
};

/// The key of all tests.
const KEY: [u8; 32] = [7; 32];
/// Numbers of threads that must not matter.
const THREADS: [usize; 4] = [1, 2, 3, 7];
/// Log-densities, not their exponentials, without bounds.
const LOGARITHMS: Rules = Rules { log: true, bounds: None, reject_nan: false };

type Moves = Vec<(f64, Arc<dyn Transition>)>;

/// A density that is a function of one point.
struct Called<F> {
    function: F,
    calls: Calls,
}

impl<F: Fn(&[f64]) -> Result<f64, Reason> + Send + Sync> Density for Called<F> {
    fn evaluate(
        &self,
        _stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        for (row, (point, value)) in points.chunks_exact(n_dims).zip(values).enumerate() {
            *value = (self.function)(point).map_err(|reason| Failure { row, reason })?;
        }
        Ok(())
    }

    fn calls(&self) -> Calls {
        self.calls
    }
}

/// A correlated normal distribution in the plane.
fn normal(point: &[f64]) -> f64 {
    let (x, y) = (point[0], point[1] - 0.6 * point[0]);
    -0.5 * (x * x + 2.0 * y * y)
}

fn called(calls: Calls) -> Called<impl Fn(&[f64]) -> Result<f64, Reason> + Send + Sync> {
    Called { function: |point: &[f64]| Ok(normal(point)), calls }
}

/// Three Gaussians that are built in.
fn three() -> BuiltIn<Gaussians<3>> {
    let means = [[0.0, 0.0], [3.0, 3.0], [3.0, -3.0]];
    BuiltIn(Gaussians::new([0.5, 0.3, 0.2], means, [1.0, 0.9, 0.8]).unwrap())
}

/// A step by increments.
fn walk<M: RandomWalkMove + 'static>(step: Result<M, Error>) -> Arc<dyn Transition> {
    Arc::new(RandomWalk::new(Arc::new(step.unwrap())))
}

/// A step by proposals that look at others.
fn looking<M: EnsembleMove + 'static>(step: Result<M, Error>) -> Arc<dyn Transition> {
    Arc::new(Ensemble(Arc::new(step.unwrap())))
}

fn uniform() -> Arc<dyn Transition> {
    walk(UniformStep::new(vec![1.0, 1.5]))
}

fn adaptive() -> Arc<dyn Transition> {
    walk(AdaptiveStep::new(&[1.0, 0.0, 0.3, 1.0], 2, 0.3, 0.66))
}

fn stretch() -> Arc<dyn Transition> {
    looking(Stretch::new(2.0))
}

/// Every move for two coordinates, and mixes of them.
fn every_move() -> Vec<(&'static str, Moves)> {
    let normal = walk(NormalStep::new(&[1.0, 0.0, 0.4, 0.8], 2));
    let componentwise = walk(ComponentwiseStep::new(vec![1.2, 2.0]));
    let differences = looking(DifferentialEvolution::new(1.19, 1e-3, 0.1));
    let snooker = looking(Snooker::new(1.7));
    let slice: Arc<dyn Transition> = Arc::new(Slice::new(vec![1.0, 0.5], vec![]).unwrap());
    let blocks: Vec<Arc<dyn Transition>> = vec![
        Arc::new(RandomWalk::of(Arc::new(UniformStep::new(vec![1.5]).unwrap()), vec![1])),
        Arc::new(Slice::new(vec![2.0], vec![0]).unwrap()),
    ];
    let cycle: Arc<dyn Transition> = Arc::new(Cycle::new(blocks, 2).unwrap());
    let one = |step: &Arc<dyn Transition>| vec![(1.0, step.clone())];
    vec![
        ("uniform", one(&uniform())),
        ("normal", one(&normal)),
        ("adaptive", one(&adaptive())),
        ("componentwise", one(&componentwise)),
        ("stretch", one(&stretch())),
        ("differential evolution", one(&differences)),
        ("snooker", one(&snooker)),
        ("slice", one(&slice)),
        ("cycle", one(&cycle)),
        ("mix of random walks", vec![(1.0, adaptive()), (2.0, componentwise), (1.0, adaptive())]),
        ("mix of those that look at nobody", {
            let proposals = Independence::new(&[0.2, 0.1], &[1.5, 0.0, 0.6, 1.2]).unwrap();
            vec![(1.0, uniform()), (1.0, Arc::new(proposals)), (1.0, slice.clone())]
        }),
        (
            "mix of all kinds",
            vec![(1.0, stretch()), (0.5, adaptive()), (0.5, snooker), (0.5, slice)],
        ),
    ]
}

/// Different starts, spread about the origin.
fn starts(n_walkers: usize) -> Vec<f64> {
    (0..2 * n_walkers).map(|i| ((i as f64 * 12.9898).sin() * 437.5).fract()).collect()
}

/// A sampler at its starts.
fn sampler(moves: &Moves, n_walkers: usize, burn_in: u64, rules: Rules) -> Sampler {
    let schedule = Schedule::new(moves.clone(), KEY, 2, n_walkers).unwrap();
    Sampler::new(starts(n_walkers), 2, schedule, rules, burn_in).unwrap()
}

/// What a run left behind, to the bit.
#[derive(Debug, PartialEq)]
struct Trace {
    draws: Vec<f64>,
    log_density: Vec<f64>,
    state: Option<State>,
}

impl Trace {
    fn new(n_walkers: usize, capacity: usize) -> Self {
        let draws = vec![f64::NAN; 2 * n_walkers * capacity];
        Self { draws, log_density: vec![f64::NAN; n_walkers * capacity], state: None }
    }

    fn n_walkers(&self) -> usize {
        self.state.as_ref().unwrap().n_walkers()
    }

    /// The first `n` draws of each walker, with their log-densities where there are any.
    fn first(&self, n: usize) -> Vec<[f64; 3]> {
        let capacity = self.log_density.len() / self.n_walkers();
        let cell = |walker: usize, draw: usize| {
            let at = walker * capacity + draw;
            [self.draws[2 * at], self.draws[2 * at + 1], self.log_density[at]]
        };
        (0..self.n_walkers()).flat_map(|w| (0..n).map(move |draw| cell(w, draw))).collect()
    }

    /// Advances and records here.
    fn advance(
        &mut self,
        sampler: &mut Sampler,
        context: &Context,
        density: &dyn Density,
        (steps, thin): (u64, u64),
        moments: Option<&mut Moments>,
    ) -> Result<(), Stopped> {
        let capacity = self.log_density.len() / sampler.state().n_walkers();
        let output = Output {
            thin,
            capacity,
            draws: Some(&mut self.draws),
            // Walkers over a density that is built in carry none along.
            log_density: density.fused().is_none().then_some(&mut self.log_density),
        };
        let result = sampler.run(context, density, steps, output, moments);
        self.state = Some(sampler.state().copied().unwrap());
        result
    }
}

/// Numbers that can be compared even if there are none.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Asserts that two traces are the same to the bit, and says where they are not.
fn assert_same(found: &Trace, expected: &Trace, what: &str) {
    let different = |a: &[f64], b: &[f64]| bits(a).iter().zip(bits(b)).position(|(a, b)| *a != b);
    assert_eq!(different(&found.draws, &expected.draws), None, "{what}: coordinate of draws");
    let position = different(&found.log_density, &expected.log_density);
    assert_eq!(position, None, "{what}: log-density");
    assert_eq!(found.state, expected.state, "{what}");
}

/// What a whole run looks like.
#[derive(Clone, Copy)]
struct Plan {
    n_walkers: usize,
    burn_in: u64,
    steps: u64,
    thin: u64,
    threads: usize,
}

const PLAN: Plan = Plan { n_walkers: 37, burn_in: 20, steps: 60, thin: 1, threads: 1 };

impl Plan {
    fn draws(self) -> usize {
        (self.steps / self.thin) as usize
    }
}

/// A whole run.
fn run(moves: &Moves, density: &dyn Density, plan: Plan) -> Trace {
    let mut sampler = sampler(moves, plan.n_walkers, plan.burn_in, LOGARITHMS);
    let mut trace = Trace::new(plan.n_walkers, plan.draws());
    let pool = Pool::lease(plan.threads).unwrap();
    pool.run(|context| {
        sampler.start(context, density).unwrap();
        let steps = plan.burn_in + plan.steps;
        trace.advance(&mut sampler, context, density, (steps, plan.thin), None).unwrap();
    });
    trace
}
