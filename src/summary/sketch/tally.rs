//! Counting into buckets, fast.
//!
//! Counts of one sign and power of two are a *page* of an array, made when the first such number
//! is met. Neighbouring values count in different *lanes* of a page: values that follow each
//! other are often in the same bucket, and one count cannot be raised again before the memory has
//! taken in the last time.

use std::hint::select_unpredictable;

use super::scale::Lookup;
use super::{Bucket, Scale, Sketch, gather};
use crate::simd::{Kernel, Level, dispatch};

/// Numbers of pages there can be: the sign and the exponent of an `f64`.
const PAGES: usize = 1 << 12;
/// Bits of an `f64` below these.
const PAGE_SHIFT: u32 = 52;
/// The exponent of zeros and subnormals, as the page of positive ones.
const LOWEST: usize = 0;
/// The exponent of infinities.
const HIGHEST: usize = 2047;
/// Lanes of a page. Values are taken as many at a time.
const LANES: usize = 2;
/// Up to this scale pages have all lanes, beyond it one: these buckets are hardly hit twice.
const LANED: u8 = 7;
/// Most counts in all pages: enough for all pages up to scale 9.
const MOST_COUNTS: usize = 1 << 21;
/// How many buckets without a page are put aside before they are sorted into the sketch.
const MOST_STRAYS: usize = 4096;

/// Takes numbers in; not canonical, but [`SketchTally::finish`] is.
#[derive(Clone, Debug)]
pub struct SketchTally {
    /// What has been sorted in already. Its scale may be coarser than that of the pages.
    sketch: Sketch,
    pages: Pages,
    /// Counts without a page, at the scale of the pages: subnormals, those beyond
    /// [`MOST_COUNTS`], and weights of more than 32 bits.
    strays: Vec<Bucket>,
    /// How often there were too many of these.
    rounds: u64,
}

/// The counts.
#[derive(Clone, Debug)]
struct Pages {
    scale: Scale,
    lookup: Lookup,
    /// Where the counts of each page start, less the number of the bucket they start with; or
    /// what leads beyond the end of all counts.
    origins: Box<[u32; PAGES]>,
    counts: Vec<u64>,
    /// Where zeros are counted, in the lanes of one bucket; [`ABSENT`] if none was met.
    zeros: u32,
    /// The pages there are, in the order of their counts. That of subnormals stands for zeros.
    present: Vec<u16>,
}

/// What leads beyond the end of all counts, from any bucket: their numbers are below 2²⁴.
const ABSENT: u32 = 1 << 31;

impl Pages {
    fn new(scale: Scale) -> Self {
        Self {
            scale,
            lookup: scale.lookup(),
            origins: Box::new([ABSENT; PAGES]),
            counts: Vec::new(),
            zeros: ABSENT,
            present: Vec::new(),
        }
    }

    /// Distance between the lanes of a count; 0 if there is one lane.
    fn lane_stride(&self) -> usize {
        if self.scale.get() <= LANED { 1 << self.scale.get() } else { 0 }
    }

    /// Number of counts of a page.
    fn page_size(&self) -> usize {
        let lanes = if self.scale.get() <= LANED { LANES } else { 1 };
        lanes << self.scale.get()
    }

    /// Makes the page of a number that is normal, or zero; `false` if there are too many.
    fn insert(&mut self, value: f64) -> bool {
        let (start, size) = (self.counts.len(), self.page_size());
        if start + size > MOST_COUNTS {
            return false;
        }
        self.counts.resize(start + size, 0);
        let start = start as u32;
        if value == 0.0 {
            self.present.push(LOWEST as u16);
            self.zeros = start;
        } else {
            let page = page_of(value);
            self.present.push(page as u16);
            self.origins[page] = start.wrapping_sub((page as u32) << self.scale.get());
        }
        true
    }

    /// The count of a number, if it has a page.
    fn get_mut(&mut self, value: f64) -> Option<&mut u64> {
        let at = position::<true>(&self.origins, self.zeros, self.lookup, value);
        self.counts.get_mut(at)
    }

    /// Removes all pages, and gives the buckets that were not empty, in any order.
    fn drain(&mut self) -> Vec<Bucket> {
        let mut buckets = Vec::new();
        let (size, width) = (self.page_size(), 1 << self.scale.get());
        for (&page, counts) in self.present.iter().zip(self.counts.chunks_exact(size)) {
            let first = self.scale.first_key(i32::from(page) & HIGHEST as i32);
            let (first, sign) = match usize::from(page) {
                LOWEST => (0, 1), // all zeros are in the first bucket
                page if page > HIGHEST => (first, -1),
                _ => (first, 1),
            };
            for bucket in 0..width {
                let lanes = counts[bucket..].iter().step_by(width);
                match lanes.fold(0, |sum: u64, &count| sum.saturating_add(count)) {
                    0 => {}
                    count => buckets.push((sign * (first + bucket as i32), count)),
                }
            }
            self.origins[usize::from(page)] = ABSENT;
        }
        self.counts.clear();
        self.zeros = ABSENT;
        self.present.clear();
        buckets
    }
}

impl SketchTally {
    /// With the settings of a sketch, and nothing counted.
    #[must_use]
    pub fn new(settings: &Sketch) -> Self {
        let sketch = settings.empty();
        let pages = Pages::new(sketch.scale);
        Self { sketch, pages, strays: Vec::new(), rounds: 0 }
    }

    /// Counts finite numbers: infinities are skipped. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        let mut rest = values;
        loop {
            let pages = &mut self.pages;
            let counted = match pages.zeros {
                ABSENT => dispatch(Count::<false> { pages, values: rest }),
                _ => dispatch(Count::<true> { pages, values: rest }),
            };
            let Some((&value, after)) = rest[counted..].split_first() else { return };
            self.add_slowly(value, 1);
            rest = after;
        }
    }

    /// Counts a number as often as said, unless it is infinite. It must not be NaN.
    pub fn add_times(&mut self, value: f64, times: u64) {
        match self.pages.get_mut(value) {
            // So small that the count can never overflow.
            Some(count) if times <= u32::MAX.into() => *count += times,
            _ if value.is_finite() && times > 0 => self.add_slowly(value, times),
            _ => {}
        }
    }

    /// Counts a finite number that has no page, or too often for one.
    #[cold]
    #[inline(never)]
    fn add_slowly(&mut self, value: f64, times: u64) {
        let large = times > u32::MAX.into();
        if large || value.is_subnormal() || !self.pages.insert(value) {
            self.add_stray((self.pages.scale.key(value), times));
        } else if let Some(count) = self.pages.get_mut(value) {
            *count += times;
        }
    }

    /// Counts in a bucket that has no page.
    fn add_stray(&mut self, bucket: Bucket) {
        self.strays.push(bucket);
        if self.strays.len() >= MOST_STRAYS {
            let strays = std::mem::take(&mut self.strays);
            self.settle(strays);
            self.rounds += 1;
            // A coarser scale makes room for pages, but to look for one takes long.
            if self.sketch.scale < self.pages.scale || self.rounds.is_power_of_two() {
                self.settle_pages();
            }
        }
    }

    /// Moves all that is in pages to the sketch, and goes on at the scale which that then has.
    fn settle_pages(&mut self) {
        // The strays have keys of the scale that the pages have until now.
        let mut buckets = std::mem::take(&mut self.strays);
        buckets.append(&mut self.pages.drain());
        self.settle(buckets);
        if self.sketch.scale < self.pages.scale {
            self.pages = Pages::new(self.sketch.scale);
        }
    }

    /// Moves buckets, at the scale of the pages, to the sketch.
    fn settle(&mut self, mut buckets: Vec<Bucket>) {
        gather(&mut buckets);
        let (requested, scale) = (self.sketch.requested, self.pages.scale);
        self.sketch.merge(&Sketch { requested, scale, buckets });
    }

    /// The sketch of all numbers counted.
    #[must_use]
    pub fn finish(mut self) -> Sketch {
        self.settle_pages();
        self.sketch
    }
}

fn page_of(value: f64) -> usize {
    (value.to_bits() >> PAGE_SHIFT) as usize
}

/// Counts values in pages, up to the first that has none; the result is how many. Only with
/// `ZEROS` it looks for these, without a branch for them: where there are any, there are many.
struct Count<'a, const ZEROS: bool> {
    pages: &'a mut Pages,
    values: &'a [f64],
}

impl<const ZEROS: bool> Kernel for Count<'_, ZEROS> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> usize {
        let stride = self.pages.lane_stride();
        // Taken apart, so that the compiler knows that no count is a part of the others.
        let Pages { ref origins, lookup, zeros, ref mut counts, .. } = *self.pages;
        let (origins, counts) = (&**origins, &mut counts[..]);
        let mut done = 0;
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let value = chunk[lane];
                let at = position::<ZEROS>(origins, zeros, lookup, value) + lane * stride;
                if !count(counts, at, value) {
                    return done + lane;
                }
            }
            done += LANES;
        }
        for &value in rest {
            let at = position::<ZEROS>(origins, zeros, lookup, value);
            if !count(counts, at, value) {
                return done;
            }
            done += 1;
        }
        done
    }
}

/// Where the first lane of a number's count is; beyond the end if it has no page.
#[inline(always)]
fn position<const ZEROS: bool>(
    origins: &[u32; PAGES],
    zeros: u32,
    lookup: Lookup,
    value: f64,
) -> usize {
    let bits = value.to_bits();
    let bucket = lookup.bucket_and_above(bits) as u32;
    let at = origins[(bits >> PAGE_SHIFT) as usize].wrapping_add(bucket);
    let at = if ZEROS { select_unpredictable(bits << 1 == 0, zeros, at) } else { at };
    at as usize
}

/// Raises a count; `false` if a finite number has none.
#[inline(always)]
fn count(counts: &mut [u64], at: usize, value: f64) -> bool {
    match counts.get_mut(at) {
        Some(count) => *count += 1,
        None => return !value.is_finite(),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One after the other, straight into the sketch.
    fn slowly(settings: &Sketch, values: &[f64]) -> Sketch {
        let mut sketch = settings.empty();
        values.chunks(1000).for_each(|chunk| sketch.add(chunk));
        sketch
    }

    fn fast(settings: &Sketch, values: &[f64]) -> Sketch {
        let mut tally = settings.tally();
        // Blocks whose lengths are no multiples of the lanes.
        values.chunks(997).for_each(|chunk| tally.add(chunk));
        tally.finish()
    }

    /// Pseudo-random bits.
    fn bits(n: u64) -> impl Iterator<Item = u64> {
        (1..=n).map(|i| {
            let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (z ^ z >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        })
    }

    #[test]
    fn tallies_are_sketches() {
        let mut special = vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -5e-324];
        special.extend([f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1.0, -1.0, 1.0, 1e-310]);
        let narrow = bits(9000).map(|b| 8.0 + (b >> 11) as f64 / 2_f64.powi(53)).collect();
        let wide = bits(90_000).map(f64::from_bits).filter(|x| !x.is_nan()).collect();
        let small = bits(9000).map(|b| f64::from_bits(b & (u64::MAX >> 12))).collect();
        for error in [1e-4, 3e-4, 1e-3, 0.01, 0.5] {
            let settings = Sketch::new(error).unwrap();
            for values in [&special, &narrow, &wide, &small, &vec![]] {
                assert_eq!(fast(&settings, values), slowly(&settings, values), "{error}");
            }
        }
    }

    #[test]
    fn a_tally_that_runs_out_of_pages_makes_room() {
        let settings = Sketch::new(1e-4).unwrap();
        // Many pages with few buckets each, so that the scale stays; then with many.
        let few: Vec<f64> = (bits(100_000))
            .map(|b| f64::from_bits(b & 0xfff0_0000_0000_0000 | 1 << 51))
            .filter(|x| x.is_finite())
            .collect();
        let tally = fast(&settings, &few);
        assert_eq!(tally, slowly(&settings, &few));
        assert_eq!(tally.scales().0, tally.scales().1);
        let both: Vec<f64> = few.into_iter().chain(bits(60_000).map(f64::from_bits)).collect();
        let both: Vec<f64> = both.into_iter().filter(|x| !x.is_nan()).collect();
        let tally = fast(&settings, &both);
        assert_eq!(tally, slowly(&settings, &both));
        assert!(tally.scales().1 < tally.scales().0);
    }

    #[test]
    fn weights_are_multiplicities() {
        let settings = Sketch::new(0.01).unwrap();
        let (mut tally, mut sketch) = (settings.tally(), settings.empty());
        for value in [3.0, 3.0, 0.0, -7.0, f64::INFINITY, 1e-310, 3.0] {
            for times in [0, 1, 5, u64::from(u32::MAX) + 1, u64::MAX] {
                tally.add_times(value, times);
                sketch.add_times(value, times);
            }
        }
        tally.add(&[3.0, 0.0]);
        sketch.add(&[3.0, 0.0]);
        assert_eq!(tally.finish(), sketch);
    }
}
