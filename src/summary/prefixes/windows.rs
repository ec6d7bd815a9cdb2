//! Counts in arrays, for prefixes that lie close together: without a search.
//!
//! For each sign and exponent there is a window of neighbouring prefixes, or none. All are equally
//! long, so that one load of eight bytes tells where to count.

use std::cmp::Reverse;

use super::table::Slots;
use super::tally::{LANES, Places};
use super::{Bucket, MANTISSA_BITS, WHAT, key, value};
use crate::error::Error;
use crate::memory;

/// Signs and exponents of an `f64`.
const EXPONENTS: usize = 1 << 12;
/// Most counts in all windows: those of them that are in use fit into the second cache.
const MOST_COUNTS: usize = 1 << 17;
/// A window has no more counts than so many for each prefix that was met.
const COUNTS_EACH: usize = 8;

/// The counts, at one of the shifts in [`Windows::SHIFTS`].
#[derive(Debug)]
pub(super) struct Windows {
    shift: u32,
    /// For each sign and exponent.
    windows: Vec<Window>,
    /// The first bits with which each window begins that there is, in the order of their counts.
    starts: Vec<u64>,
    length: u32,
    counts: Vec<u64>,
}

/// Floats of one sign and exponent, neighbours without their last bits.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The last 32 bits of what the first of them begins with.
    start: u32,
    /// Where its count is.
    at: u32,
}

impl Window {
    /// Beyond all counts.
    const NONE: Self = Self { start: 0, at: 1 << 31 };
}

/// The first bits of the floats with a prefix.
fn bits_of(prefix: u64, shift: u32) -> u64 {
    value(prefix << shift).to_bits() >> shift
}

/// The prefix of floats with these first bits.
fn prefix_of(bits: u64, shift: u32) -> u64 {
    key(f64::from_bits(bits << shift)) >> shift
}

/// Where a window around ascending prefixes begins and how long it is; if they lie too far apart,
/// without the outermost of them.
fn around(alike: &[Bucket], shift: u32) -> Option<(u64, u64)> {
    let few = alike.len() / 64;
    [alike, &alike[few..alike.len() - few]].into_iter().find_map(|met| {
        let (first, last) = (met.first()?.0, met.last()?.0);
        let length = last - first + 1;
        let start = bits_of(first, shift).min(bits_of(last, shift));
        (length <= (COUNTS_EACH * (met.len() + 1)) as u64).then_some((start, length))
    })
}

impl Windows {
    /// Up to the last a bucket has one exponent. From the first on the buckets of an exponent have
    /// numbers of 31 bits, so that what is below a window is not taken to be in it.
    pub(super) const SHIFTS: std::ops::RangeInclusive<u32> = MANTISSA_BITS - 31..=MANTISSA_BITS;

    /// Around most of the prefixes that were met, by ascending prefix; those in no window are left
    /// in `buckets`. `None` if that are all.
    pub(super) fn around(buckets: &mut Vec<Bucket>, shift: u32) -> Result<Option<Self>, Error> {
        let exponent = |prefix: u64| prefix >> (MANTISSA_BITS - shift);
        let alike = buckets.chunk_by(|a, b| exponent(a.0) == exponent(b.0));
        let mut wanted: Vec<(u64, u64, u64)> = alike
            .filter_map(|alike| {
                let (start, length) = around(alike, shift)?;
                let weight = alike.iter().fold(0, |sum: u64, &(_, n)| sum.saturating_add(n));
                Some((weight, start, length))
            })
            .collect();
        wanted.sort_unstable_by_key(|&(weight, ..)| Reverse(weight));
        let Some(length) = wanted.iter().map(|&(.., length)| length as usize).max() else {
            return Ok(None);
        };
        wanted.truncate(MOST_COUNTS / length);
        let mut windows = memory::filled(EXPONENTS, Window::NONE, WHAT)?;
        for (number, &(_, start, _)) in wanted.iter().enumerate() {
            let window = Window { start: start as u32, at: (number * length) as u32 };
            windows[exponent(start) as usize] = window;
        }
        let counts = memory::filled(wanted.len() * length, 0, WHAT)?;
        let starts = wanted.into_iter().map(|(_, start, _)| start).collect();
        let mut found = Self { shift, windows, starts, length: length as u32, counts };
        buckets.retain(|&(prefix, times)| {
            let count = found.count(bits_of(prefix, shift) << shift);
            count.map(|count| *count = times).is_none()
        });
        Ok(Some(found))
    }

    /// To count in these, and in the slots of a table what is in none of them.
    pub(super) fn and<'w>(&'w mut self, slots: Slots<'w>) -> Both<'w> {
        Both { windows: &self.windows, length: self.length, counts: &mut self.counts, slots }
    }

    /// The count of a float, given by its bits, if it is in a window.
    pub(super) fn count(&mut self, bits: u64) -> Option<&mut u64> {
        self.counts.get_mut(place(&self.windows, self.length, bits, self.shift)?)
    }

    /// Adds all that it holds to `buckets`, in any order.
    pub(super) fn append_to(&self, buckets: &mut Vec<Bucket>) -> Result<(), Error> {
        let used = self.counts.iter().filter(|&&count| count > 0).count();
        memory::reserve(buckets, used, WHAT)?;
        for (&start, counts) in self.starts.iter().zip(self.counts.chunks(self.length as usize)) {
            let used = (start..).zip(counts).filter(|&(_, &count)| count > 0);
            buckets.extend(used.map(|(bits, &count)| (prefix_of(bits, self.shift), count)));
        }
        Ok(())
    }
}

/// [`Windows`] taken apart, and the slots of a table.
pub(super) struct Both<'w> {
    windows: &'w [Window],
    length: u32,
    counts: &'w mut [u64],
    slots: Slots<'w>,
}

impl Places for Both<'_> {
    #[inline(always)]
    fn count(&mut self, bits: u64, shift: u32) -> Option<&mut u64> {
        match place(self.windows, self.length, bits, shift) {
            Some(place) if place < self.counts.len() => self.counts.get_mut(place),
            _ => self.slots.count(bits, shift),
        }
    }

    #[inline(always)]
    fn raise_all(&mut self, values: &[f64; LANES], shift: u32) -> bool {
        let Ok(windows) = <&[Window; EXPONENTS]>::try_from(self.windows) else { return false };
        let mut places = [0; LANES];
        let mut found = true;
        for lane in 0..LANES {
            let bits = values[lane].to_bits();
            let window = windows[(bits >> MANTISSA_BITS) as usize];
            let place = ((bits >> shift) as u32).wrapping_sub(window.start);
            places[lane] = window.at.wrapping_add(place) as usize;
            found &= (place < self.length) & (places[lane] < self.counts.len());
        }
        if found {
            for lane in 0..LANES {
                if let Some(count) = self.counts.get_mut(places[lane]) {
                    *count = count.wrapping_add(1);
                }
            }
        }
        found
    }
}

/// Where the count of a float is, given by its bits: among the counts if it is in a window.
#[inline(always)]
fn place(windows: &[Window], length: u32, bits: u64, shift: u32) -> Option<usize> {
    let window = windows.get((bits >> MANTISSA_BITS) as usize)?;
    let place = ((bits >> shift) as u32).wrapping_sub(window.start);
    (place < length).then_some(window.at.wrapping_add(place) as usize)
}
