//! Threads that go step by step together: for loops whose steps are too short to hand out anew.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Context;

/// How often a waiting thread looks before it lets another one run.
const LOOKS: u32 = 4096;

/// A place where threads wait for each other, again and again.
///
/// Waiting means looking: steps take microseconds, and waking a sleeping thread takes longer.
#[derive(Debug)]
pub struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// Another thread panicked, so waiting for it would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Barrier {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all threads are here. What they did before is seen by all after it.
    ///
    /// # Errors
    ///
    /// [`Broken`] if one of them will never come.
    pub fn wait(&self) -> Result<(), Broken> {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        let mut looks = 0;
        while self.round.load(Ordering::Acquire) == round {
            if self.broken.load(Ordering::Relaxed) {
                return Err(Broken);
            }
            looks += 1;
            if looks < LOOKS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

/// Breaks the barrier if the thread panics.
struct Guard<'a>(&'a Barrier);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

impl Context {
    /// Threads that [`Context::lockstep`] can have.
    #[must_use]
    pub fn most_in_lockstep(&self) -> usize {
        if rayon::current_thread_index().is_some() { self.threads() } else { 1 }
    }

    /// Runs `work(i, barrier)` for each i below `threads`, all at the same time, each on a thread of
    /// its own, so that they may wait for each other at the barrier.
    ///
    /// # Panics
    ///
    /// If `threads` is more than [`Context::most_in_lockstep`]: a bug in the caller.
    pub fn lockstep(&self, threads: usize, work: impl Fn(usize, &Barrier) + Sync) {
        let barrier = Barrier::new(threads);
        if threads <= 1 {
            return work(0, &barrier);
        }
        assert!(threads <= self.most_in_lockstep(), "each part has a thread of its own");
        // The pool serves this job alone, so that all its threads are free to begin at once.
        rayon::broadcast(|thread| {
            if thread.index() < threads {
                let _guard = Guard(&barrier);
                work(thread.index(), &barrier);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::Pool;
    use std::sync::Mutex;

    fn in_pool(threads: usize, job: impl FnOnce(&Context) + Send) {
        let pool = Pool::lease(threads).unwrap();
        let context = pool.context();
        let second = std::time::Duration::from_secs(1);
        pool.supervise(second, || job(&context), || {}).unwrap();
    }

    #[test]
    fn steps_are_taken_together() {
        for threads in [1, 2, 3] {
            in_pool(threads, |context| {
                let steps = Mutex::new(Vec::new());
                context.lockstep(context.most_in_lockstep(), |_, barrier| {
                    for step in 0..100 {
                        steps.lock().unwrap().push(step);
                        barrier.wait().unwrap();
                    }
                });
                let steps = steps.into_inner().unwrap();
                assert_eq!(steps.len(), 100 * threads);
                assert!(steps.is_sorted(), "somebody went ahead");
            });
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        in_pool(2, |context| {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                context.lockstep(2, |index, barrier| {
                    assert!(index == 0, "on purpose");
                    assert_eq!(barrier.wait(), Err(Broken));
                });
            }));
            assert!(panicked.is_err());
        });
    }

    #[test]
    fn there_is_one_thread_outside_of_a_pool() {
        assert_eq!(Context::inline().most_in_lockstep(), 1);
        Context::inline().lockstep(1, |index, barrier| {
            assert_eq!((index, barrier.wait()), (0, Ok(())));
        });
    }
}
