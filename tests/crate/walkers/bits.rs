//! The same bits for any number of threads, in any portions, and from a state that was kept.

use crate::fold::{Context, Pool};
use crate::walkers::transitions::Schedule;
use crate::walkers::{Calls, Density, Sampler};

use super::{
    KEY, LOGARITHMS, PLAN, Plan, THREADS, Trace, adaptive, assert_same, called, every_move, run,
    sampler, stretch, three, uniform,
};

/// Every way of evaluating a density.
fn every_density() -> Vec<(&'static str, Box<dyn Density>)> {
    vec![
        ("built in", Box::new(three())),
        ("called in parallel", Box::new(called(Calls::Parallel))),
        ("called together", Box::new(called(Calls::Together))),
    ]
}

#[test]
fn threads_do_not_matter() {
    for (name, moves) in every_move() {
        for (kind, density) in every_density() {
            // An incomplete octet, and enough walkers for blocks of several vectors.
            for n_walkers in [37, 301] {
                let plan = Plan { n_walkers, ..PLAN };
                let one = run(&moves, &*density, plan);
                assert!(one.draws.iter().all(|x| x.is_finite()));
                for threads in THREADS {
                    let found = run(&moves, &*density, Plan { threads, ..plan });
                    assert_same(&found, &one, &format!("{name}, {kind}, {threads} threads"));
                }
            }
        }
    }
}

#[test]
fn it_does_not_matter_how_a_density_is_called() {
    for (name, moves) in every_move() {
        let parallel = run(&moves, &called(Calls::Parallel), PLAN);
        assert_same(&run(&moves, &called(Calls::Together), PLAN), &parallel, name);
    }
}

#[test]
fn portions_do_not_matter() {
    let plan = Plan { thin: 3, steps: 61, ..PLAN };
    for (name, moves) in every_move() {
        for (kind, density) in every_density() {
            let whole = run(&moves, &*density, plan);
            let context = Context::inline();
            let mut sampler = sampler(&moves, plan.n_walkers, plan.burn_in, LOGARITHMS);
            sampler.start(&context, &*density).unwrap();
            let mut trace = Trace::new(plan.n_walkers, plan.draws());
            // Some end before the burn-in does, some with it, some between two draws.
            for steps in [1, 0, 12, 7, 1, 1, 29, 30] {
                trace.advance(&mut sampler, &context, &*density, (steps, 3), None).unwrap();
            }
            assert_same(&trace, &whole, &format!("{name}, {kind}"));
        }
    }
}

#[test]
fn a_state_is_all_that_is_needed_to_go_on() {
    for (name, moves) in every_move() {
        for (kind, density) in every_density() {
            let whole = run(&moves, &*density, PLAN);
            // In the burn-in, at its end, and after it.
            for before in [11, 20, 47] {
                let context = Context::inline();
                let mut first = sampler(&moves, PLAN.n_walkers, PLAN.burn_in, LOGARITHMS);
                first.start(&context, &*density).unwrap();
                let mut trace = Trace::new(PLAN.n_walkers, PLAN.draws());
                trace.advance(&mut first, &context, &*density, (before, 1), None).unwrap();
                let schedule = Schedule::new(moves.clone(), KEY, 2, PLAN.n_walkers).unwrap();
                let state = first.state().copied().unwrap();
                let mut second =
                    Sampler::resume(state, schedule, LOGARITHMS, PLAN.burn_in).unwrap();
                trace.advance(&mut second, &context, &*density, (80 - before, 1), None).unwrap();
                assert_same(&trace, &whole, &format!("{name}, {kind}, {before}"));
            }
        }
    }
}

#[test]
fn a_state_of_another_move_is_refused() {
    let learnt = sampler(&vec![(1.0, adaptive())], 8, 5, LOGARITHMS);
    let schedule = Schedule::new(vec![(1.0, uniform())], KEY, 2, 8).unwrap();
    let refused = Sampler::resume(learnt.state().copied().unwrap(), schedule, LOGARITHMS, 5);
    assert!(refused.err().unwrap().to_string().contains("keep 0 numbers"));
}

#[test]
fn a_copy_goes_the_same_way() {
    let density = called(Calls::Parallel);
    let mut first = sampler(&vec![(1.0, stretch())], 16, 0, LOGARITHMS);
    first.start(&Context::inline(), &density).unwrap();
    let mut second = first.copied().unwrap();
    let pool = Pool::lease(2).unwrap();
    let mut traces = [Trace::new(16, 50), Trace::new(16, 50)];
    for (sampler, trace) in [&mut first, &mut second].into_iter().zip(&mut traces) {
        pool.run(|context| trace.advance(sampler, context, &density, (50, 1), None)).unwrap();
    }
    assert_same(&traces[0], &traces[1], "copy");
}

#[test]
fn walkers_that_are_added_leave_the_first_ones_alone() {
    for (name, moves) in every_move() {
        let interacts = moves.iter().any(|(_, step)| step.looks_at_others());
        for (kind, density) in every_density() {
            let few = run(&moves, &*density, PLAN);
            let many = run(&moves, &*density, Plan { n_walkers: 90, ..PLAN });
            let same = few.draws[..] == many.draws[..few.draws.len()];
            assert_eq!(same, !interacts, "{name}, {kind}");
        }
    }
}

#[test]
fn walkers_of_a_range_are_those_of_all() {
    let density = three();
    let mut ranges = 0;
    for (name, moves) in every_move() {
        let (n, range, steps) = (40, 13..37, (30, 1));
        let mut all = sampler(&moves, n, 10, LOGARITHMS);
        let schedule = Schedule::new(moves.clone(), KEY, 2, range.len()).unwrap();
        let start = super::starts(n)[2 * range.start..2 * range.end].to_vec();
        let mut some = Sampler::new(start, 2, schedule, LOGARITHMS, 10).unwrap();
        some.number_from(range.start).unwrap();
        let mut traces = [Trace::new(n, 20), Trace::new(range.len(), 20)];
        for (sampler, trace) in [&mut all, &mut some].into_iter().zip(&mut traces) {
            sampler.start(&Context::inline(), &density).unwrap();
            trace.advance(sampler, &Context::inline(), &density, steps, None).unwrap();
        }
        let rows = 2 * 20 * range.start..2 * 20 * range.end;
        assert_eq!(traces[0].draws[rows] == traces[1].draws[..], all.walks_alone(), "{name}");
        assert_eq!(some.copied().unwrap().state().first, range.start);
        ranges += usize::from(all.walks_alone());
    }
    assert!(ranges > 5);
    let schedule = Schedule::new(vec![(1.0, uniform())], KEY, 2, 8).unwrap();
    let mut far = Sampler::new(super::starts(8), 2, schedule, LOGARITHMS, 0).unwrap();
    assert_eq!(far.number_from(usize::MAX / 2).err(), Some(crate::error::Error::TooMany));
}

#[test]
fn keys_matter() {
    let density = three();
    let draws = |key: [u8; 32]| {
        let schedule = Schedule::new(vec![(1.0, uniform())], key, 2, 8).unwrap();
        let mut sampler = Sampler::new(super::starts(8), 2, schedule, LOGARITHMS, 0).unwrap();
        let mut trace = Trace::new(8, 10);
        trace.advance(&mut sampler, &Context::inline(), &density, (10, 1), None).unwrap();
        trace.draws
    };
    let mut other = KEY;
    other[31] ^= 1;
    assert_eq!(draws(KEY), draws(KEY));
    let same = draws(KEY).iter().zip(draws(other)).filter(|(a, b)| *a == b).count();
    // Of 160 coordinates; walkers that have not moved yet are still where they began.
    assert!(same < 40, "{same}");
}
