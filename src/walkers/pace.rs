//! How many steps are done at a time, and by how many threads: it decides about speed only.

use std::time::Duration;

/// Walkers meet about this often, to let the user stop the run and see its progress.
const MEETING: Duration = Duration::from_millis(20);

/// How many steps are done between two meetings.
pub struct Chunk(u64);

impl Chunk {
    /// Begins with that many.
    pub fn of(steps: u64) -> Self {
        Self(steps)
    }

    /// Steps of the next chunk.
    pub fn steps(&self) -> u64 {
        self.0
    }

    /// Takes what the last one took.
    pub fn learn(&mut self, elapsed: Duration) {
        if elapsed < MEETING / 2 {
            self.0 = self.0.saturating_mul(2);
        } else if elapsed > MEETING * 2 {
            self.0 = (self.0 / 2).max(1);
        }
    }
}

/// How fast threads in lockstep are, and how fast one alone. Waiting for a thread that the system
/// has given to another program takes milliseconds, so on a busy machine one alone is faster.
pub struct Pace {
    /// Seconds per step of one thread and of all of them; 0 before it was measured.
    seconds: [f64; 2],
    /// Whether all of them shall go.
    pub together: bool,
    chunks: u32,
}

/// Chunks after which the slower way is tried once more.
const TRIAL: u32 = 32;

impl Pace {
    /// Threads that go together, if there are several.
    pub fn new(n_parts: usize) -> Self {
        Self { seconds: [0.0; 2], together: n_parts > 1, chunks: 0 }
    }

    /// Takes what a chunk took, and chooses for the next one.
    pub fn learn(&mut self, elapsed: Duration, steps: u64) {
        if elapsed < MEETING / 4 {
            return; // mostly beginnings
        }
        self.seconds[usize::from(self.together)] = elapsed.as_secs_f64() / steps as f64;
        self.chunks += 1;
        let [alone, all] = self.seconds;
        self.together = match self.chunks % TRIAL {
            2 => !self.together,
            _ => alone == 0.0 || all < alone,
        };
    }
}
