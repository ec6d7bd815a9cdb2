//! Sorting one dimension, its order statistics and quantiles.

use super::draws::{Packed, WHAT};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;

/// Bits of a key's first digit, by which numbers are dealt out to buckets.
const FIRST_BITS: u32 = 8;
const BUCKETS: usize = 1 << FIRST_BITS;
/// Bits of the two other digits, by which each bucket is sorted.
const DIGIT_BITS: u32 = 9;
const VALUES: usize = 1 << DIGIT_BITS;
/// Bits of a key; it is in the upper half of an entry.
const KEY_BITS: u32 = FIRST_BITS + 2 * DIGIT_BITS;
const FIRST_SHIFT: u32 = 32 + 2 * DIGIT_BITS;
/// Entries of a bucket that are written to memory together: a cache line.
const LINE: usize = 8;
/// Shorter arrays are faster sorted by comparison.
const SHORT: usize = 64;
/// Numbers looked at between two looks at the stop flag.
const SETTLED: usize = 1 << 20;

/// Sorts numbers and remembers where they were.
///
/// A number's key is its place between the smallest and the largest, to 26 bits. A radix sort
/// deals them out by the first digit and sorts each bucket, now near enough, by the others. The
/// few numbers that share a key are compared afterwards.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    /// Keys in the upper half, positions in the lower one; in sorted order.
    order: Vec<u64>,
    /// Of the same length.
    spare: Vec<u64>,
    /// The numbers, ascending. No NaN.
    sorted: Vec<f64>,
}

/// Checks that positions fit into 32 bits.
pub(super) fn check_count(draws: usize) -> Result<(), Error> {
    if u32::try_from(draws).is_ok() {
        return Ok(());
    }
    let message = format!("a dimension may have up to 2^32 - 1 draws in all chains, found {draws}");
    Err(Error::InvalidArgument { name: "x", message })
}

/// The position in an entry of an order.
#[inline(always)]
pub(super) fn position(entry: u64) -> usize {
    (entry & u64::from(u32::MAX)) as usize
}

impl Sorter {
    /// Sorts `values`, of which none is NaN.
    pub fn sort(&mut self, values: &[f64], stop: &Stop) -> Result<(), Error> {
        check_count(values.len())?;
        self.order.clear();
        self.sorted.clear();
        memory::reserve(&mut self.order, values.len(), WHAT)?;
        memory::reserve(&mut self.sorted, values.len(), WHAT)?;
        memory::resize(&mut self.spare, values.len(), 0, WHAT)?;
        let counts = self.fill_keys(values, stop)?;
        self.radix_sort(&counts, stop)?;
        for piece in stop.pieces(self.order.len()) {
            let entries = &self.order[piece?];
            self.sorted.extend(entries.iter().map(|&entry| values[position(entry)] + 0.0));
        }
        self.settle_equal_keys(values, stop)
    }

    /// Where the sorted numbers were, in the lower halves.
    pub fn order(&self) -> &[u64] {
        &self.order
    }

    /// The sorted numbers.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// The sorted numbers and where they were, and room for another order.
    pub fn parts(&mut self) -> (&[f64], &[u64], &mut [u64]) {
        (&self.sorted, &self.order, &mut self.spare)
    }

    /// Makes the entries, in the order of `values`, and counts their first digits.
    fn fill_keys(&mut self, values: &[f64], stop: &Stop) -> Result<[u32; BUCKETS], Error> {
        let low = values.iter().fold(f64::INFINITY, |low, &value| low.min(value));
        let high = values.iter().fold(f64::NEG_INFINITY, |high, &value| high.max(value));
        let scale = f64::from((1_u32 << KEY_BITS) - 1) / (high - low);
        if low.is_finite() && (high - low).is_finite() && scale.is_finite() {
            // Subtraction and multiplication round monotonically: keys are in the order of the
            // numbers. They are never negative, and `as u64` would be slower.
            self.fill(values, stop, |value| ((value - low) * scale) as i64 as u64)
        } else {
            self.fill(values, stop, |value| ordered_bits(value + 0.0) >> (64 - KEY_BITS))
        }
    }

    #[inline(always)]
    fn fill(
        &mut self,
        values: &[f64],
        stop: &Stop,
        key: impl Fn(f64) -> u64,
    ) -> Result<[u32; BUCKETS], Error> {
        let mut counts = [0; BUCKETS];
        for piece in stop.pieces(values.len()) {
            let piece = piece?;
            let first = piece.start as u64;
            self.order.extend(values[piece].iter().zip(first..).map(|(&value, position)| {
                let entry = key(value) << 32 | position;
                counts[first_digit(entry)] += 1;
                entry
            }));
        }
        Ok(counts)
    }

    fn radix_sort(&mut self, counts: &[u32; BUCKETS], stop: &Stop) -> Result<(), Error> {
        deal_out(&self.order, &mut self.spare, counts, stop)?;
        let mut rest = (&mut self.spare[..], &mut self.order[..]);
        for &count in counts {
            stop.check()?;
            let entries = rest.0.split_off_mut(..count as usize).unwrap_or_default();
            let room = rest.1.split_off_mut(..count as usize).unwrap_or_default();
            sort_bucket(entries, room);
        }
        std::mem::swap(&mut self.order, &mut self.spare);
        Ok(())
    }

    /// Sorts the numbers of a key among themselves where they are not in order yet.
    fn settle_equal_keys(&mut self, values: &[f64], stop: &Stop) -> Result<(), Error> {
        let n = self.sorted.len();
        let mut pairs = Vec::new();
        let mut next = 1;
        while next < n {
            // The ordered stretches, which is nearly all, are walked a piece at a time.
            let ahead = &self.sorted[next - 1..n.min(next + SETTLED)];
            let ordered = ahead.windows(2).take_while(|pair| pair[0] <= pair[1]).count();
            next += ordered;
            stop.check()?;
            if next == n || ordered == SETTLED {
                continue;
            }
            let key = self.order[next] >> 32;
            let before = self.order[..next].iter().rev().take_while(|&&e| e >> 32 == key).count();
            let after = self.order[next..].iter().take_while(|&&e| e >> 32 == key).count();
            let run = next - before..next + after;
            let (numbers, entries) = (&mut self.sorted[run.clone()], &mut self.order[run.clone()]);
            let bits = |(&number, &entry): (&f64, &u64)| (ordered_bits(number), entry);
            pairs.clear();
            pairs.extend(numbers.iter().zip(&*entries).map(bits));
            pairs.sort_unstable();
            for ((number, slot), &(_, entry)) in numbers.iter_mut().zip(entries).zip(&pairs) {
                (*number, *slot) = (values[position(entry)] + 0.0, entry);
            }
            next = run.end.max(next + 1);
        }
        Ok(())
    }
}

#[inline(always)]
fn first_digit(entry: u64) -> usize {
    (entry >> FIRST_SHIFT) as usize % BUCKETS
}

/// Deals entries out by their first digit, given how many have each.
///
/// Entries are collected in a line for each bucket, and lines are written when they are full:
/// single entries, each to another place in memory, would wait for it eight times as often.
fn deal_out(
    from: &[u64],
    to: &mut [u64],
    counts: &[u32; BUCKETS],
    stop: &Stop,
) -> Result<(), Error> {
    let mut lines = [[0; LINE]; BUCKETS];
    let mut starts = [0; BUCKETS];
    let mut start = 0;
    for (slot, &count) in starts.iter_mut().zip(counts) {
        *slot = start;
        start += count as usize;
    }
    let mut next = starts;
    for piece in stop.pieces(from.len()) {
        for &entry in &from[piece?] {
            let bucket = first_digit(entry);
            let slot = next[bucket];
            lines[bucket][slot % LINE] = entry;
            next[bucket] = slot + 1;
            if slot % LINE == LINE - 1 {
                let begin = slot + 1 - LINE;
                if begin >= starts[bucket] {
                    // A line is one instruction or two; a copy of any length would be a call.
                    if let Some(line) = to[begin..].first_chunk_mut() {
                        *line = lines[bucket];
                    }
                } else {
                    // The first line of a bucket is shared with the bucket before it.
                    let begin = starts[bucket];
                    to[begin..=slot].copy_from_slice(&lines[bucket][begin % LINE..]);
                }
            }
        }
    }
    for (bucket, line) in lines.iter().enumerate() {
        let end = next[bucket];
        let begin = starts[bucket].max(end - end % LINE);
        to[begin..end].copy_from_slice(&line[begin % LINE..][..end - begin]);
    }
    Ok(())
}

/// Sorts entries that agree in their first digit, with room for as many.
fn sort_bucket(entries: &mut [u64], room: &mut [u64]) {
    if entries.len() < SHORT {
        entries.sort_unstable();
        return;
    }
    let last = |entry: u64| (entry >> 32) as usize % VALUES;
    let middle = |entry: u64| (entry >> (32 + DIGIT_BITS)) as usize % VALUES;
    let (mut of_last, mut of_middle) = ([0; VALUES], [0; VALUES]);
    for &entry in &*entries {
        of_last[last(entry)] += 1;
        of_middle[middle(entry)] += 1;
    }
    deal(entries, room, of_last, last);
    deal(room, entries, of_middle, middle);
}

/// Deals entries out by a digit, given how many have each of its values.
#[inline(always)]
fn deal(from: &[u64], to: &mut [u64], mut counts: [u32; VALUES], digit: impl Fn(u64) -> usize) {
    let mut next = 0;
    for count in &mut counts {
        next += std::mem::replace(count, next);
    }
    for &entry in from {
        let slot = &mut counts[digit(entry)];
        to[*slot as usize] = entry;
        *slot += 1;
    }
}

/// The bits of a number, rearranged to be in the order of the numbers.
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The order statistics of a dimension, draws left over by the halving included.
pub(super) struct OrderStatistics<'a> {
    sorted: &'a [f64],
    /// The numbers left over, ascending, each with its place among all numbers.
    left_over: Vec<(usize, f64)>,
}

impl<'a> OrderStatistics<'a> {
    /// Of the numbers in `packed`, whose pieces were sorted by `sorter`.
    pub fn new(packed: &Packed, sorter: &'a Sorter) -> Result<Self, Error> {
        let sorted = sorter.sorted();
        let mut left_over = memory::copied(&packed.left_over, WHAT)?;
        left_over.sort_unstable_by(f64::total_cmp);
        let place = |(before, value): (usize, f64)| {
            (before + sorted.partition_point(|&other| other < value), value)
        };
        let left_over = memory::collected(left_over.into_iter().enumerate().map(place), WHAT)?;
        Ok(Self { sorted, left_over })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.sorted.len() + self.left_over.len()
    }

    /// The number of that rank, from 0; of the largest, if there are fewer.
    pub fn get(&self, rank: usize) -> f64 {
        let rank = rank.min(self.len() - 1);
        let before = self.left_over.partition_point(|&(place, _)| place < rank);
        match self.left_over.get(before) {
            Some(&(place, value)) if place == rank => value,
            _ => self.sorted[rank - before],
        }
    }

    /// The quantile of probability `p` in [0, 1], interpolated linearly: type 7 of Hyndman & Fan
    /// (1996), R's and NumPy's default.
    ///
    /// Between equal numbers it is that number, and it never leaves the two it lies between.
    pub fn quantile(&self, p: f64) -> f64 {
        let place = (self.len() - 1) as f64 * p;
        let rank = place as usize;
        let (below, above) = (self.get(rank), self.get(rank + 1));
        let share = place - rank as f64;
        if share == 0.0 || below == above {
            below
        } else if share < 0.5 {
            below + (above - below) * share
        } else {
            above - (above - below) * (1.0 - share)
        }
    }
}
