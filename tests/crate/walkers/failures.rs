//! Densities that fail, are interrupted, or mean something else: the walkers stand after their
//! last whole step, and go on from there as if nothing had happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::fold::{Context, Pool, Stop};
use crate::walkers::transitions::Schedule;
use crate::walkers::{Calls, Density, Failed, Failure, Reason, Rules, Sampler};

use super::{
    Called, KEY, LOGARITHMS, Moves, PLAN, Plan, THREADS, Trace, assert_same, called, every_move,
    normal, run, sampler, three, uniform,
};

/// Calls something with the number of the evaluation, and fails if that says so.
struct Counted<F> {
    count: AtomicU64,
    calls: Calls,
    before: F,
}

impl<F: Fn(u64, &Stop) -> Option<Reason> + Send + Sync> Density for Counted<F> {
    fn evaluate(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        for (row, (point, value)) in points.chunks_exact(n_dims).zip(values).enumerate() {
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(reason) = (self.before)(number, stop) {
                return Err(Failure { row, reason });
            }
            *value = normal(point);
        }
        Ok(())
    }

    fn calls(&self) -> Calls {
        self.calls
    }
}

/// Runs to the end in spite of one stop, after which the draws so far must be those of `whole`.
fn stopped_once(
    moves: &Moves,
    density: &dyn Density,
    whole: &Trace,
    threads: usize,
) -> Option<Failed> {
    let pool = Pool::lease(threads).unwrap();
    let mut sampler = sampler(moves, PLAN.n_walkers, PLAN.burn_in, LOGARITHMS);
    sampler.start(&Context::inline(), &called(Calls::Parallel)).unwrap();
    let mut trace = Trace::new(PLAN.n_walkers, PLAN.draws());
    let first = pool
        .run(|context| trace.advance(&mut sampler, context, density, (80, 1), None))
        .map_err(|stopped| {
            assert_eq!(sampler.state().step, stopped.steps);
            let n = stopped.steps.saturating_sub(PLAN.burn_in) as usize;
            assert_eq!(trace.first(n), whole.first(n), "draws before the stop");
            stopped.failed
        });
    let left = 80 - sampler.state().step;
    // A pool of its own: the stop flag belongs to one job.
    let pool = Pool::lease(threads).unwrap();
    pool.run(|context| trace.advance(&mut sampler, context, density, (left, 1), None)).unwrap();
    assert_same(&trace, whole, "after the stop");
    first.err()
}

#[test]
fn a_density_may_fail_at_any_evaluation() {
    for (name, moves) in every_move() {
        let whole = run(&moves, &called(Calls::Parallel), PLAN);
        for calls in [Calls::Parallel, Calls::Together] {
            for threads in [1, 3] {
                for at in [1, 2, 36, 37, 38, 500, 740, 741, 1500, 2900] {
                    let before =
                        |number, _: &Stop| (number == at).then_some(Reason::Status(number as i64));
                    let density = Counted { count: AtomicU64::new(0), calls, before };
                    let failed = stopped_once(&moves, &density, &whole, threads);
                    let Some(Failed::At(rejected)) = failed else {
                        panic!("{name}, {calls:?}, {at}: {failed:?}")
                    };
                    assert_eq!(rejected.reason, Reason::Status(at as i64), "{name}");
                    assert!(rejected.walker < PLAN.n_walkers);
                    assert_eq!(rejected.point.len(), 2);
                }
            }
        }
    }
}

#[test]
fn the_stop_flag_may_be_raised_at_any_evaluation() {
    for (name, moves) in every_move() {
        let whole = run(&moves, &called(Calls::Parallel), PLAN);
        for calls in [Calls::Parallel, Calls::Together] {
            for threads in [1, 3] {
                for at in [1, 38, 741, 1500] {
                    // Some densities look at the flag, some do not.
                    for looks in [true, false] {
                        let before = |number, stop: &Stop| {
                            if number == at {
                                stop.raise();
                            }
                            (looks && stop.is_raised()).then_some(Reason::Interrupted)
                        };
                        let density = Counted { count: AtomicU64::new(0), calls, before };
                        let failed = stopped_once(&moves, &density, &whole, threads);
                        assert!(
                            failed == Some(Failed::Interrupted) || (failed.is_none() && !looks),
                            "{name}, {calls:?}, {threads} threads, {at}: {failed:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_raised_flag_stops_before_the_first_step() {
    for (name, moves) in every_move() {
        for density in [&three() as &dyn Density, &called(Calls::Together)] {
            let mut sampler = sampler(&moves, 37, 0, LOGARITHMS);
            sampler.start(&Context::inline(), density).unwrap();
            let context = Context::inline();
            context.stop().raise();
            let mut trace = Trace::new(37, 60);
            let stopped =
                trace.advance(&mut sampler, &context, density, (60, 1), None).unwrap_err();
            assert_eq!(stopped.failed, Failed::Interrupted, "{name}");
            assert_eq!((stopped.steps, sampler.state().step), (0, 0));
        }
    }
}

/// A density that fails in a part of the plane says the same for any number of threads.
#[test]
fn the_first_failure_does_not_depend_on_threads() {
    for (name, moves) in every_move() {
        for calls in [Calls::Parallel, Calls::Together] {
            let function = |point: &[f64]| {
                if point[0] > 2.0 { Err(Reason::Status(3)) } else { Ok(normal(point)) }
            };
            let density = Called { function, calls };
            let failed = |threads: usize| {
                let pool = Pool::lease(threads).unwrap();
                let mut sampler = sampler(&moves, 37, 0, LOGARITHMS);
                pool.run(|context| {
                    sampler.start(context, &density).unwrap();
                    let mut trace = Trace::new(37, 1000);
                    trace.advance(&mut sampler, context, &density, (1000, 1), None).unwrap_err()
                })
            };
            let one = failed(1);
            let Failed::At(rejected) = &one.failed else { panic!("{one:?}") };
            assert!(rejected.point[0] > 2.0);
            for threads in THREADS {
                assert_eq!(failed(threads), one, "{name}, {calls:?}, {threads} threads");
            }
        }
    }
}

/// How a density of one half plane that gives `value` in the other one ends.
fn ends(value: f64, rules: Rules) -> Result<Trace, Reason> {
    let density = Called {
        function: move |point: &[f64]| {
            Ok(if point[0] > 1.5 { value } else { (-point[0] * point[0]).exp() })
        },
        calls: Calls::Parallel,
    };
    let mut sampler = sampler(&vec![(1.0, uniform())], 37, 0, rules);
    let context = Context::inline();
    sampler.start(&context, &density).unwrap();
    let mut trace = Trace::new(37, 500);
    match trace.advance(&mut sampler, &context, &density, (500, 1), None) {
        Ok(()) => Ok(trace),
        Err(stopped) => match stopped.failed {
            Failed::At(rejected) => Err(rejected.reason),
            Failed::Interrupted => Err(Reason::Interrupted),
            Failed::Memory(error) => panic!("{error}"),
        },
    }
}

#[test]
fn values_that_no_density_has_are_told_apart() {
    for log in [true, false] {
        let rules = |reject_nan| Rules { log, bounds: None, reject_nan };
        for reject_nan in [true, false] {
            assert_eq!(ends(f64::INFINITY, rules(reject_nan)), Err(Reason::Infinite));
        }
        assert_eq!(ends(f64::NAN, rules(false)), Err(Reason::NotANumber));
        // Zero, as a density or as its logarithm, and NaN where it means that.
        let zero = if log { f64::NEG_INFINITY } else { 0.0 };
        let never = ends(zero, rules(false)).unwrap();
        assert!(never.draws.iter().step_by(2).all(|&x| x <= 1.5));
        assert_eq!(ends(f64::NAN, rules(true)).unwrap(), never);
    }
    let density = Rules { log: false, bounds: None, reject_nan: false };
    assert_eq!(ends(-1e-300, density), Err(Reason::Negative));
    assert!(ends(-1.0, LOGARITHMS).is_ok());
}

#[test]
fn a_start_without_density_is_named() {
    for (value, reason) in [
        (f64::NEG_INFINITY, Reason::Zero),
        (f64::NAN, Reason::NotANumber),
        (f64::INFINITY, Reason::Infinite),
    ] {
        let bad = super::starts(37)[2 * 29];
        let function = move |point: &[f64]| Ok(if point[0] == bad { value } else { 0.0 });
        let mut sampler = sampler(&vec![(1.0, uniform())], 37, 0, LOGARITHMS);
        let density = Called { function, calls: Calls::Parallel };
        let stopped = sampler.start(&Context::inline(), &density).unwrap_err();
        let Failed::At(rejected) = stopped.failed else { panic!("{stopped:?}") };
        assert_eq!((rejected.walker, rejected.reason), (29, reason));
        let message = rejected.into_error(0).to_string();
        assert!(message.contains("density") && message.contains("walker 29"), "{message}");
    }
    let outside = Rules { bounds: Some(vec![[-1.0, 1.0], [-0.9, 0.9]]), ..LOGARITHMS };
    let schedule = Schedule::new(vec![(1.0, uniform())], KEY, 2, 2).unwrap();
    let mut sampler = Sampler::new(vec![0.0, 0.0, 0.0, 0.95], 2, schedule, outside, 0).unwrap();
    let stopped = sampler.start(&Context::inline(), &three()).unwrap_err();
    let Failed::At(rejected) = stopped.failed else { panic!("{stopped:?}") };
    assert_eq!((rejected.walker, rejected.reason), (1, Reason::Zero));
}

#[test]
fn no_start_is_refused() {
    let schedule = || Schedule::new(vec![(1.0, uniform())], KEY, 2, 2).unwrap();
    for (start, n_dims) in [(vec![], 2), (vec![1.0], 0), (vec![1.0; 3], 2)] {
        let error = Sampler::new(start, n_dims, schedule(), LOGARITHMS, 0).err().unwrap();
        assert!(error.to_string().contains("start"), "{error}");
    }
}

#[test]
fn outside_the_bounds_the_density_is_zero_and_not_asked() {
    let bounds = vec![[-1.0, 1.0], [f64::NEG_INFINITY, 1.25]];
    let within = |x: f64, y: f64| (-1.0..=1.0).contains(&x) && y <= 1.25;
    let asked = AtomicBool::new(false);
    let function = |point: &[f64]| {
        asked.fetch_or(!within(point[0], point[1]), Ordering::Relaxed);
        Ok(normal(point))
    };
    let called = Called { function, calls: Calls::Parallel };
    let rules = Rules { bounds: Some(bounds), ..LOGARITHMS };
    for (name, moves) in every_move() {
        for (density, n_walkers) in [(&three() as &dyn Density, 37), (&three(), 301), (&called, 37)]
        {
            let mut sampler = sampler(&moves, n_walkers, 20, rules.copied().unwrap());
            let mut trace = Trace::new(n_walkers, 60);
            let context = Context::inline();
            sampler.start(&context, density).unwrap();
            trace.advance(&mut sampler, &context, density, (80, 1), None).unwrap();
            assert!(trace.draws.chunks(2).all(|draw| within(draw[0], draw[1])), "{name}");
            let moved =
                trace.first(60).windows(2).filter(|pair| pair[0][..2] != pair[1][..2]).count();
            assert!(moved > n_walkers * 60 / 20, "{name}: {moved}");
        }
    }
    assert!(!asked.load(Ordering::Relaxed));
    // Bounds that nothing crosses change nothing.
    let wide = Rules { bounds: Some(vec![[-1e9, 1e9]; 2]), ..LOGARITHMS };
    let plan = Plan { n_walkers: 37, ..PLAN };
    for (name, moves) in every_move() {
        let mut sampler = sampler(&moves, 37, 20, wide.copied().unwrap());
        let mut trace = Trace::new(37, 60);
        sampler.start(&Context::inline(), &three()).unwrap();
        trace.advance(&mut sampler, &Context::inline(), &three(), (80, 1), None).unwrap();
        assert_same(&trace, &run(&moves, &three(), plan), name);
    }
}
