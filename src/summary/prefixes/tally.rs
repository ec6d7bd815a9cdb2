//! Counting prefixes, fast.
//!
//! Prefixes are counted in a hash table, which is small at first. When it has twice as many as the
//! sketch may have, bits are dropped until there are few enough; that is rare, because then half
//! of the room is free. Once there were values by the thousand, most prefixes lie close together
//! and get a count in an array, found by a subtraction; the hash table is left for strangers. What
//! limits it then are four loads and a store for each value, about a nanosecond.

use super::table::Table;
use super::windows::Windows;
use super::{Bucket, MANTISSA_BITS, PrefixSketch, join_equal_neighbours, key, shift_for};
use crate::error::Error;
use crate::simd::{Kernel, Level, dispatch};

/// Values that are looked at together.
pub(super) const LANES: usize = 8;
/// Values after which there are windows: by far more than prefixes, so that these cost little.
const FEW: usize = 1 << 16;

/// Takes numbers in; not canonical, but [`PrefixTally::finish`] is.
#[derive(Debug)]
pub struct PrefixTally {
    limit: usize,
    counts: Counts,
    /// How many values are counted before there are windows.
    patience: usize,
    /// That there was no room for some of the numbers.
    failed: Option<Error>,
}

/// How often there was each prefix.
#[derive(Debug)]
struct Counts {
    /// Bits of a key that are not in its prefix. It never exceeds that of the sketch in the end.
    shift: u32,
    /// Those that lie close together, if that is known.
    windows: Option<Windows>,
    /// All others.
    table: Table,
}

impl PrefixTally {
    /// With the limit of a sketch, and nothing counted.
    #[must_use]
    pub fn new(settings: &PrefixSketch) -> Self {
        let counts = Counts { shift: 0, windows: None, table: Table::default() };
        Self { limit: settings.limit, counts, patience: FEW, failed: None }
    }

    /// Counts finite numbers: infinities are skipped. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        let mut rest = values;
        while self.failed.is_none() {
            let counted = self.counts.add(rest);
            let Some((&value, after)) = rest[counted..].split_first() else { break };
            self.add_times(value, 1);
            rest = after;
        }
        if let Some(patience) = self.patience.checked_sub(values.len()) {
            self.patience = patience;
        } else if Windows::SHIFTS.contains(&self.counts.shift) {
            self.failed = self.failed.take().or(self.counts.make_windows().err());
            self.patience = usize::MAX;
        }
    }

    /// Counts a number as often as said, unless it is infinite. It must not be NaN.
    pub fn add_times(&mut self, value: f64, times: u64) {
        if value.is_finite()
            && times > 0
            && self.failed.is_none()
            && let Err(error) = self.count(value, times)
        {
            self.failed = Some(error);
        }
    }

    fn count(&mut self, value: f64, times: u64) -> Result<(), Error> {
        let counts = &mut self.counts;
        let windows = counts.windows.as_mut();
        if let Some(count) = windows.and_then(|windows| windows.count(value.to_bits())) {
            *count = count.saturating_add(times);
            return Ok(());
        }
        if !counts.table.has_room() && counts.table.len() < 2 * self.limit {
            counts.table.grow()?;
        } else if !counts.table.has_room() {
            counts.shift_to(self.limit)?;
            self.patience = FEW;
        }
        counts.table.add(key(value) >> counts.shift, times);
        Ok(())
    }

    /// The sketch of all numbers counted.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there was no room for some of them.
    pub fn finish(mut self) -> Result<PrefixSketch, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let (limit, shift, buckets) = (self.limit, self.counts.shift, self.counts.buckets()?);
        let mut sketch = PrefixSketch { limit, shift, buckets };
        sketch.fit();
        Ok(sketch)
    }
}

impl Counts {
    /// Counts values up to the first that is new; the result is how many.
    fn add(&mut self, values: &[f64]) -> usize {
        if self.shift > MANTISSA_BITS {
            return 0; // Infinities share prefixes with finite numbers.
        }
        let Self { shift, ref mut windows, ref mut table } = *self;
        match windows {
            Some(windows) => dispatch(Count { places: windows.and(table.slots()), shift, values }),
            None => dispatch(Count { places: table.slots(), shift, values }),
        }
    }

    /// All of them, by ascending prefix.
    fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        let mut buckets = self.table.buckets()?;
        if let Some(windows) = &self.windows {
            windows.append_to(&mut buckets)?;
        }
        buckets.sort_unstable_by_key(|bucket| bucket.0);
        Ok(buckets)
    }

    /// Drops bits until there are few enough prefixes, which go into the table.
    fn shift_to(&mut self, limit: usize) -> Result<(), Error> {
        let mut buckets = self.buckets()?;
        let shift = shift_for(&buckets, limit);
        buckets.iter_mut().for_each(|bucket| bucket.0 >>= shift);
        join_equal_neighbours(&mut buckets);
        self.shift += shift;
        self.windows = None;
        self.table.replace(buckets);
        Ok(())
    }

    /// Looks where most of the prefixes lie.
    fn make_windows(&mut self) -> Result<(), Error> {
        let mut buckets = self.buckets()?;
        self.windows = Windows::around(&mut buckets, self.shift)?;
        self.table.replace(buckets);
        Ok(())
    }
}

/// Where the counts are.
pub(super) trait Places {
    /// The count of a float, given by its bits, if there is one.
    fn count(&mut self, bits: u64, shift: u32) -> Option<&mut u64>;

    /// Raises the counts of floats if it is quick; `false` if it is not, and then none is raised.
    #[inline(always)]
    fn raise_all(&mut self, _values: &[f64; LANES], _shift: u32) -> bool {
        false
    }
}

/// Counts values up to the first that has no count; the result is how many.
struct Count<'a, P> {
    places: P,
    shift: u32,
    values: &'a [f64],
}

impl<P: Places> Kernel for Count<'_, P> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(mut self, _: L) -> usize {
        let shift = self.shift & 63;
        let mut done = 0;
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            let mut different = 0;
            for lane in 1..LANES {
                different |= chunk[0].to_bits() ^ chunk[lane].to_bits();
            }
            // One count cannot be raised again before the memory has taken in the last time.
            if different >> shift == 0 {
                if !raise(&mut self.places, chunk[0], shift, LANES as u64) {
                    return done;
                }
            } else if !self.places.raise_all(chunk, shift) {
                for lane in 0..LANES {
                    if !raise(&mut self.places, chunk[lane], shift, 1) {
                        return done + lane;
                    }
                }
            }
            done += LANES;
        }
        for &value in rest {
            if !raise(&mut self.places, value, shift, 1) {
                return done;
            }
            done += 1;
        }
        done
    }
}

/// Raises the count of a float; `false` if there is none.
#[inline(always)]
fn raise(places: &mut impl Places, value: f64, shift: u32, times: u64) -> bool {
    match places.count(value.to_bits(), shift) {
        // A summary has less than 2⁶⁴ rows.
        Some(count) => *count = count.wrapping_add(times),
        None => return false,
    }
    true
}
