//! Laws of the fold: one merge order for any number of threads, and what ends a fold early.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::fold::{Context, Halted, Monoid, Output, Partition, Pool, Report, RowsMut};

/// Writes down how it was merged: `((0 1) 2)`. Neither associative nor commutative on purpose.
#[derive(Clone, Debug, PartialEq)]
struct Story(String);

impl Monoid for Story {
    fn identity() -> Self {
        Self(String::new())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.0 = format!("({} {})", self.0, other.0);
        Ok(())
    }
}

fn story_of(context: &Context, partition: &Partition) -> Story {
    context.fold(partition, |rows| Ok(Story(rows.start.to_string()))).unwrap()
}

/// The same tree, written as plain recursion.
fn expected_story(starts: &[usize]) -> String {
    match starts {
        [] => String::new(),
        [start] => start.to_string(),
        _ => {
            let mut left = 1;
            while left * 2 < starts.len() {
                left *= 2;
            }
            let (a, b) = starts.split_at(left);
            format!("({} {})", expected_story(a), expected_story(b))
        }
    }
}

#[test]
fn the_merge_order_does_not_depend_on_threads() {
    for leaves in [0, 1, 2, 3, 5, 8, 13, 64, 100, 255] {
        let partition = Partition::new(leaves * 10, 10);
        let starts: Vec<usize> = (0..leaves).map(|leaf| leaf * 10).collect();
        let expected = Story(expected_story(&starts));
        assert_eq!(story_of(&Context::inline(), &partition), expected, "inline, {leaves}");
        for threads in [1, 2, 3, 7] {
            let pool = Pool::lease(threads).unwrap();
            for _ in 0..5 {
                let found = pool.run(|context| {
                    assert_eq!(context.threads(), threads);
                    story_of(context, &partition)
                });
                assert_eq!(found, expected, "{threads} threads, {leaves} leaves");
            }
        }
    }
}

/// A sum whose rounding depends on the order of additions.
#[derive(Clone, Debug, PartialEq)]
struct Sum(f64);

impl Monoid for Sum {
    fn identity() -> Self {
        Self(0.0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.0 += other.0;
        Ok(())
    }
}

#[test]
fn sums_have_the_same_bits_for_any_number_of_threads() {
    let values: Vec<f64> = (0..100_000).map(|i| f64::from(i).sin() * 1e3 + 1e-3).collect();
    let partition = Partition::new(values.len(), 777);
    let sum = |context: &Context| {
        context.fold(&partition, |rows| Ok((Sum(values[rows].iter().sum()), vec![Sum(1.0)])))
    };
    let expected = sum(&Context::inline()).unwrap();
    assert_eq!(expected.1, [Sum(129.0)]);
    for threads in 1..=8 {
        let found = Pool::lease(threads).unwrap().run(sum).unwrap();
        assert_eq!(found.0.0.to_bits(), expected.0.0.to_bits(), "{threads} threads");
        assert_eq!(found.1, expected.1);
    }
}

#[test]
fn the_identity_changes_nothing() {
    let partial = (Sum(2.5), vec![Sum(1.0), Sum(-3.0)]);
    let mut left: (Sum, Vec<Sum>) = Monoid::identity();
    left.merge(&partial).unwrap();
    assert_eq!(left, partial);
    left.merge(&Monoid::identity()).unwrap();
    assert_eq!(left, partial);
    left.merge(&partial).unwrap();
    assert_eq!(left, (Sum(5.0), vec![Sum(2.0), Sum(-6.0)]));
}

#[test]
fn every_block_writes_its_own_rows() {
    for rows in [0, 1, 9, 10, 11, 1234] {
        let partition = Partition::new(rows, 10);
        let (mut one, mut three) = (vec![0usize; rows], vec![0usize; rows * 3]);
        let output = (RowsMut::column(&mut one), RowsMut::new(&mut three, rows, 3));
        let count = Pool::lease(3).unwrap().run(|context| {
            context.fold_into(&partition, output, |range: Range<usize>, (mut a, mut b)| {
                assert_eq!((a.len(), b.len()), (range.len(), range.len()));
                for (i, row) in range.clone().enumerate() {
                    a.values()[i] = row;
                    b.row(i).copy_from_slice(&[row, row + 1, row + 2]);
                }
                Ok(vec![Sum(range.len() as f64)])
            })
        });
        if rows > 0 {
            assert_eq!(count.unwrap(), [Sum(rows as f64)]);
        }
        assert!(one.iter().copied().eq(0..rows));
        assert!(three.iter().copied().eq((0..rows).flat_map(|row| [row, row + 1, row + 2])));
    }
}

#[test]
#[should_panic(expected = "one row per input row")]
fn an_output_of_another_length_is_a_bug() {
    let (mut right, mut wrong) = ([0.0; 20], [0.0; 19]);
    let output = (RowsMut::column(&mut right), Some(RowsMut::column(&mut wrong)));
    assert!(!output.has_rows(20));
    let _ = Context::inline().for_each_chunk(&Partition::new(20, 10), output, |_, _| Ok(()));
}

#[test]
fn the_first_failing_block_names_the_error() {
    let partition = Partition::new(1000, 10);
    let failing = [37, 38, 64, 99];
    for threads in [1, 2, 5] {
        for _ in 0..20 {
            let result = Pool::lease(threads).unwrap().run(|context| {
                context.fold(&partition, |rows| {
                    let leaf = rows.start / 10;
                    if leaf < 37 {
                        // Later blocks fail while these are still waiting for their turn.
                        std::thread::sleep(Duration::from_micros(100));
                    }
                    if failing.contains(&leaf) {
                        return Err(Error::Corrupt(leaf.to_string()));
                    }
                    Ok(())
                })
            });
            assert_eq!(result, Err(Error::Corrupt("37".to_owned())), "{threads} threads");
        }
    }
}

#[test]
fn a_failure_ends_the_blocks_after_it() {
    let calls = AtomicUsize::new(0);
    let result = Context::inline().fold(&Partition::new(100, 1), |rows| {
        calls.fetch_add(1, Ordering::Relaxed);
        if rows.start == 3 { Err(Error::Corrupt(String::new())) } else { Ok(()) }
    });
    assert!(result.is_err());
    assert_eq!(calls.into_inner(), 4);
}

#[test]
fn the_stop_flag_ends_a_fold_at_the_next_block() {
    for threads in [1, 2] {
        let pool = Pool::lease(threads).unwrap();
        let started = Instant::now();
        let done = AtomicUsize::new(0);
        let context = pool.context();
        let result = pool.supervise(
            Duration::from_millis(20),
            || {
                context.fold(&Partition::new(10_000, 1), |_| {
                    std::thread::sleep(Duration::from_millis(2));
                    done.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
            },
            || context.stop().raise(),
        );
        assert_eq!(result.unwrap(), Err(Error::Interrupted));
        assert!(started.elapsed() < Duration::from_secs(2));
        assert!((1..1000).contains(&done.into_inner()));
    }
}

#[test]
fn reports_reach_the_watcher_in_order() {
    let mut seen = Vec::new();
    let pool = Pool::lease(2).unwrap();
    let context = pool.context();
    let result = pool.supervise(
        Duration::from_millis(5),
        || {
            for step in 0..20 {
                std::thread::sleep(Duration::from_millis(1));
                context.report(Report { task: 0, step, value: 0.5, finished: step == 19 });
            }
        },
        || seen.push(context.drain_reports()),
    );
    seen.push(context.drain_reports());
    assert!(result.is_ok());
    assert!(seen.len() > 2, "the watcher was called {} times", seen.len());
    let steps: Vec<usize> = seen.iter().flatten().map(|report| report.step).collect();
    assert!(steps.into_iter().eq(0..20));
}

#[test]
fn a_panic_in_a_block_reaches_the_caller_and_leaves_the_pool_usable() {
    let pool = Pool::lease(2).unwrap();
    let partition = Partition::new(100, 1);
    let context = pool.context();
    let result = pool.supervise(
        Duration::from_millis(5),
        || {
            context.fold(&partition, |rows| {
                assert!(rows.start != 50, "block 50");
                Ok(())
            })
        },
        || (),
    );
    let Err(Halted::Panicked(panic)) = result else { panic!("a panic was expected") };
    assert_eq!(panic.downcast_ref(), Some(&"block 50"));
    assert_eq!(pool.run(|context| story_of(context, &partition)).0.matches(' ').count(), 99);
}

#[test]
fn accumulators_take_every_row_once_and_are_no_more_than_threads() {
    let partition = Partition::new(1000, 7);
    for threads in [1, 2, 5] {
        let accumulators = Pool::lease(threads).unwrap().run(|context| {
            let add = |rows: &mut Vec<usize>, block: Range<usize>| {
                rows.extend(block);
                Ok(())
            };
            context.accumulate(&partition, || Ok(Vec::new()), add).unwrap()
        });
        assert!((1..=threads).contains(&accumulators.len()), "{}", accumulators.len());
        let mut rows = accumulators.concat();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..1000), "{threads} threads");
    }
    let nothing = Partition::new(0, 7);
    let found = Context::inline().accumulate(&nothing, || Ok(()), |(), _| Ok(()));
    assert_eq!(found, Ok(vec![]));
}

#[test]
fn the_first_error_ends_an_accumulation() {
    let partition = Partition::new(100, 10);
    let found: Result<Vec<()>, _> = Context::inline().accumulate(
        &partition,
        || Ok(()),
        |(), rows| {
            if rows.start >= 50 { Err(Error::Corrupt(rows.start.to_string())) } else { Ok(()) }
        },
    );
    assert_eq!(found, Err(Error::Corrupt("50".to_owned())));
    let context = Context::inline();
    context.stop().raise();
    let found = context.accumulate(&partition, || Ok(()), |(), _| Ok(()));
    assert_eq!(found, Err(Error::Interrupted));
}

#[test]
fn an_idle_pool_serves_the_next_job_and_a_busy_one_is_not_shared() {
    // A number of threads no other test of this file uses: they run at the same time.
    let first = Pool::lease(11).unwrap();
    let other = Pool::lease(11).unwrap();
    let names = |pool: &Pool| pool.run(|_| rayon::broadcast(|_| std::thread::current().id()));
    let (mine, theirs) = (names(&first), names(&other));
    assert!(mine.iter().all(|id| !theirs.contains(id)), "two jobs share a thread");
    assert!(!mine.contains(&std::thread::current().id()));
    drop(first);
    assert_eq!(names(&Pool::lease(11).unwrap()), mine);
}

#[test]
fn two_jobs_at_once_do_not_wait_for_each_other() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let slow = std::thread::spawn(move || {
        Pool::lease(2).unwrap().run(move |_| wait.recv_timeout(Duration::from_secs(20)).is_ok())
    });
    let partition = Partition::new(64, 1);
    let found = Pool::lease(2).unwrap().run(|context| story_of(context, &partition));
    assert_eq!(found, story_of(&Context::inline(), &partition));
    go.send(()).unwrap();
    assert!(slow.join().unwrap());
}

#[test]
fn outside_of_a_pool_the_work_stays_on_the_calling_thread() {
    let context = Pool::lease(4).unwrap().context();
    let here = std::thread::current().id();
    let threads = context.join(|| std::thread::current().id(), || std::thread::current().id());
    assert_eq!(threads, (here, here));
}
