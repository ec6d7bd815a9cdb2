//! What is kept of a run.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::fold::{Context, Pool, Stop};
use crate::walkers::densities::Funnel;
use crate::walkers::fused::BuiltIn;
use crate::walkers::moves::ComponentwiseStep;
use crate::walkers::transitions::Schedule;
use crate::walkers::{Calls, Density, Failure, Histogram, Moments, Output, Rules, Sampler};

use super::{
    Called, KEY, LOGARITHMS, PLAN, Plan, Trace, bits, called, every_move, run, sampler, three,
    uniform, walk,
};

#[test]
fn thinned_draws_are_every_so_many_draws() {
    for (name, moves) in every_move() {
        for density in [&three() as &dyn Density, &called(Calls::Parallel)] {
            let all = run(&moves, density, PLAN);
            for thin in [2, 3, 7, 60] {
                let thinned = run(&moves, density, Plan { thin, ..PLAN });
                let n = 60 / thin as usize;
                let kept: Vec<[f64; 3]> = all
                    .first(60)
                    .chunks(60)
                    .flat_map(|walker| walker.iter().skip(thin as usize - 1).step_by(thin as usize))
                    .copied()
                    .collect();
                assert_eq!(
                    bits(thinned.first(n).as_flattened()),
                    bits(kept.as_flattened()),
                    "{name}, thin {thin}"
                );
            }
        }
    }
}

#[test]
fn more_room_than_draws_is_left_alone() {
    let mut sampler = sampler(&vec![(1.0, uniform())], 9, 4, LOGARITHMS);
    let mut trace = Trace::new(9, 10);
    trace.advance(&mut sampler, &Context::inline(), &three(), (4 + 6, 1), None).unwrap();
    for (row, draw) in trace.draws.chunks(20).enumerate() {
        assert!(draw[..12].iter().all(|x| x.is_finite()), "walker {row}");
        assert!(draw[12..].iter().all(|x| x.is_nan()), "walker {row}");
    }
}

#[test]
fn draws_end_where_the_walkers_are() {
    for (name, moves) in every_move() {
        let trace = run(&moves, &called(Calls::Parallel), PLAN);
        let state = trace.state.as_ref().unwrap();
        let last: Vec<[f64; 3]> = trace.first(60).chunks(60).map(|draws| draws[59]).collect();
        for (walker, [x, y, log_density]) in last.into_iter().enumerate() {
            assert_eq!(state.position(walker), [x, y], "{name}");
            assert_eq!(state.log_densities[walker], log_density, "{name}");
            assert_eq!(log_density, super::normal(&[x, y]), "{name}");
        }
        assert_eq!(state.step, 80);
    }
}

#[test]
fn acceptance_is_counted_after_the_burn_in() {
    for (name, moves) in every_move() {
        // Componentwise steps move parts of the point.
        if moves.iter().any(|(_, step)| step.evaluations(2) > 1) {
            continue;
        }
        for density in [&three() as &dyn Density, &called(Calls::Together)] {
            let whole = run(&moves, density, Plan { burn_in: 0, ..PLAN });
            let trace = run(&moves, density, PLAN);
            let accepted = &trace.state.as_ref().unwrap().accepted;
            assert!(whole.state.unwrap().accepted.iter().all(|&sum| sum <= 60.0));
            for (walker, draws) in trace.first(60).chunks(60).enumerate() {
                let moved =
                    draws.windows(2).filter(|pair| pair[0][..2] != pair[1][..2]).count() as f64;
                // The first draw may have moved away from the end of the burn-in, or not.
                let difference = accepted[walker] - moved;
                assert!(difference == 0.0 || difference == 1.0, "{name}: {difference}");
            }
        }
    }
}

/// Mean and covariance of the rows.
fn two_pass(rows: &[[f64; 3]]) -> ([f64; 2], [f64; 4]) {
    let n = rows.len() as f64;
    let mean: [f64; 2] = std::array::from_fn(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n);
    let product = |row: &[f64; 3], i: usize, j: usize| (row[i] - mean[i]) * (row[j] - mean[j]);
    let covariance = std::array::from_fn(|at| {
        rows.iter().map(|row| product(row, at / 2, at % 2)).sum::<f64>() / (n - 1.0)
    });
    (mean, covariance)
}

fn close(found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn moments_are_those_of_the_draws() {
    let axes = vec![(1, vec![-2.0, -0.5, 0.0, 3.0]), (0, vec![-1.0, 0.5, 1.0])];
    for (name, moves) in every_move() {
        for density in [&three() as &dyn Density, &called(Calls::Parallel)] {
            for thin in [1, 4] {
                let n = 60 / thin as usize;
                let mut moments =
                    Moments::new(37, 2, vec![Histogram::new(axes.clone()).unwrap()]).unwrap();
                let mut sampler = sampler(&moves, 37, 20, LOGARITHMS);
                let mut trace = Trace::new(37, n);
                let pool = Pool::lease(2).unwrap();
                pool.run(|context| {
                    sampler.start(context, density).unwrap();
                    for steps in [30, 50] {
                        let span = (steps, thin);
                        let kept = Some(&mut moments);
                        trace.advance(&mut sampler, context, density, span, kept).unwrap();
                    }
                });
                let rows = trace.first(n);
                assert_eq!(moments.count, n as u64, "{name}");
                let means = moments.means().unwrap();
                let mut covariances = vec![0.0; means.len() * 2];
                moments.covariances(&mut covariances);
                for (walker, rows) in rows.chunks(n).enumerate() {
                    let (mean, covariance) = two_pass(rows);
                    close(&means[2 * walker..][..2], &mean);
                    close(&covariances[4 * walker..][..4], &covariance);
                }
                assert_eq!(moments.histograms[0].counts, counts(&rows), "{name}");
            }
        }
    }
}

/// Counts by the rule that a bin holds its lower edge, and the last one its upper edge as well.
fn counts(rows: &[[f64; 3]]) -> Vec<u64> {
    let bin = |edges: &[f64], x: f64| {
        let last = edges.len() - 2;
        (0..=last)
            .find(|&i| edges[i] <= x && (x < edges[i + 1] || (i == last && x == edges[i + 1])))
    };
    let mut counts = vec![0; 6];
    for [x, y, _] in rows {
        if let (Some(i), Some(j)) = (bin(&[-2.0, -0.5, 0.0, 3.0], *y), bin(&[-1.0, 0.5, 1.0], *x)) {
            counts[2 * i + j] += 1;
        }
    }
    counts
}

#[test]
fn bins_hold_their_lower_edges_and_the_last_one_its_upper_edge() {
    // Walkers on the edges, between them and beyond, that never get away from there.
    let places = [-2.0, -0.5, -0.25, 0.1, 3.0, 3.5, -2.5];
    let function = |point: &[f64]| {
        Ok(if places.contains(&point[0]) && point[1] == 0.0 { 0.0 } else { f64::NEG_INFINITY })
    };
    let density = Called { function, calls: Calls::Parallel };
    let start = places.iter().flat_map(|&x| [x, 0.0]).collect();
    let schedule = Schedule::new(vec![(1.0, uniform())], KEY, 2, 7).unwrap();
    let mut sampler = Sampler::new(start, 2, schedule, LOGARITHMS, 0).unwrap();
    // Edges at unequal distances, so that the first guess of a bin is wrong.
    let edges = vec![-2.0, -0.5, -0.25, 0.1, 3.0];
    let mut moments = Moments::new(7, 2, vec![Histogram::new(vec![(0, edges)]).unwrap()]).unwrap();
    let output = Output { thin: 1, capacity: 0, draws: None, log_density: None };
    let context = Context::inline();
    sampler.start(&context, &density).unwrap();
    sampler.run(&context, &density, 10, output, Some(&mut moments)).unwrap();
    assert_eq!(moments.histograms[0].counts, [10, 10, 10, 20]);
}

#[test]
fn moments_need_no_draws() {
    let density = three();
    let mut moments = Moments::new(20, 2, Vec::new()).unwrap();
    let mut sampler = sampler(&vec![(1.0, uniform())], 20, 10, LOGARITHMS);
    let output = Output { thin: 1, capacity: 0, draws: None, log_density: None };
    let context = Context::inline();
    sampler.run(&context, &density, 5010, output, Some(&mut moments)).unwrap();
    assert_eq!(moments.count, 5000);
    assert!(moments.psrf() < 1.2, "{}", moments.psrf());
    assert!(moments.means().unwrap().iter().all(|x| x.is_finite()));
}

/// A walk of one coordinate after the other over a built-in density in `n_dims` dimensions.
fn componentwise(n_dims: usize) -> (Sampler, BuiltIn<Funnel>) {
    let step = walk(ComponentwiseStep::new(vec![1.5; n_dims]));
    let schedule = Schedule::new(vec![(1.0, step)], KEY, n_dims, 9).unwrap();
    let start = vec![0.5; 9 * n_dims];
    let sampler = Sampler::new(start, n_dims, schedule, LOGARITHMS, 3).unwrap();
    (sampler, BuiltIn(Funnel::new(n_dims, 3.0).unwrap()))
}

#[test]
fn acceptances_do_not_depend_on_portions() {
    // A third is no binary number, so that sums of it tell in which order it was added.
    for n_dims in [3, 5, 300] {
        let (mut whole, density) = componentwise(n_dims);
        let mut portions = whole.copied().unwrap();
        let nowhere = || Output { thin: 1, ..Output::default() };
        whole.run(&Context::inline(), &density, 203, nowhere(), None).unwrap();
        for steps in [1, 2, 17, 183] {
            portions.run(&Context::inline(), &density, steps, nowhere(), None).unwrap();
        }
        assert_eq!(whole.state(), portions.state(), "{n_dims} dimensions");
    }
}

#[test]
fn a_step_in_pieces_is_recorded_where_it_ends() {
    let (mut sampler, density) = componentwise(300);
    let mut draws = vec![f64::NAN; 9 * 4 * 300];
    let output = Output { thin: 2, capacity: 4, draws: Some(&mut draws), log_density: None };
    sampler.run(&Context::inline(), &density, 3 + 8, output, None).unwrap();
    for walker in 0..9 {
        let last = &draws[(walker * 4 + 3) * 300..][..300];
        assert_eq!(bits(last), bits(sampler.state().position(walker)), "walker {walker}");
    }
    assert!(draws.iter().all(|x| x.is_finite()));
}

#[test]
fn no_draw_is_kept_if_every_step_is_thinned_away() {
    for thin in [7, 1 << 40, (1 << 61) + 1, u64::MAX] {
        for density in
            [&three() as &dyn Density, &called(Calls::Parallel), &called(Calls::Together)]
        {
            let mut sampler = sampler(&vec![(1.0, uniform())], 9, 0, LOGARITHMS);
            let mut draws = vec![f64::NAN; 9 * 2];
            let output = Output { thin, capacity: 1, draws: Some(&mut draws), log_density: None };
            sampler.run(&Context::inline(), density, 6, output, None).unwrap();
            assert!(draws.iter().all(|x| x.is_nan()), "thin {thin}");
        }
    }
}

#[test]
fn histograms_that_do_not_fit_into_memory_are_refused() {
    let edges: Vec<f64> = (0..=100_000).map(f64::from).collect();
    let error = Histogram::new(vec![(0, edges.clone()), (1, edges)]).unwrap_err();
    assert!(error.to_string().contains("10000000000 bins"), "{error}");
    assert!(Moments::new(1 << 62, 1 << 10, Vec::new()).is_err());
    assert!(Moments::new(4, usize::MAX / 2, Vec::new()).is_err());
}

#[test]
fn a_call_with_all_walkers_has_as_many_rows_with_bounds() {
    let rows = Mutex::new(BTreeSet::new());
    struct Counting<'a>(&'a Mutex<BTreeSet<usize>>);
    impl Density for Counting<'_> {
        fn evaluate(
            &self,
            _stop: &Stop,
            points: &[f64],
            n_dims: usize,
            values: &mut [f64],
        ) -> Result<(), Failure> {
            self.0.lock().unwrap().insert(values.len());
            for (point, value) in points.chunks_exact(n_dims).zip(values) {
                assert!(point.iter().all(|x| x.abs() <= 1.0), "{point:?} is out of bounds");
                *value = super::normal(point);
            }
            Ok(())
        }
        fn calls(&self) -> Calls {
            Calls::Together
        }
    }
    let rules = Rules { bounds: Some(vec![[-1.0, 1.0]; 2]), ..LOGARITHMS };
    let alone =
        Called { function: |point: &[f64]| Ok(super::normal(point)), calls: Calls::Parallel };
    let mut traces = Vec::new();
    for density in [&Counting(&rows) as &dyn Density, &alone] {
        let mut sampler = sampler(&vec![(1.0, uniform())], 21, 0, rules.copied().unwrap());
        sampler.start(&Context::inline(), density).unwrap();
        let mut trace = Trace::new(21, 50);
        trace.advance(&mut sampler, &Context::inline(), density, (50, 1), None).unwrap();
        traces.push(trace);
    }
    assert_eq!(rows.into_inner().unwrap(), BTreeSet::from([21]));
    super::assert_same(&traces[0], &traces[1], "in one call");
}
