//! The vector kernels: exact sums of a block, in ordinary floating-point registers.
//!
//! Adding x to an accumulator s that stays within one binade, [2⁵², 2⁵³)·u, rounds to a multiple
//! of u, and what was rounded away is known exactly: with t = fl(s + x), h = t − s and r = x − h
//! carry no error, and s ← t has taken up h. Each such *window* peels off the bits of x above u;
//! r, below u/2, goes to the next window. This is the extraction of Rump, Ogita & Oishi,
//! "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31 (2008), with the rounding
//! constant as the accumulator. The sum of the h is an integer multiple of u that the bits of s
//! show directly, relative to those of 1.5·2⁵²·u, where s began.
//!
//! With |x| < 2^E, all non-zero |x| ≥ 2^m and at most [`DEPTH`] = 64 terms per accumulator:
//!
//! | window | unit | takes | exact because |
//! |---|---|---|---|
//! | x, first | 2^(E−45) | x | 64·2^E = 2⁵¹ units |
//! | x, last | 2^(E−91) | r | r is a multiple of 2^(m−52), and m ≥ E−39 |
//! | x², first | 2^(2E−45) | p = fl(x·x) | as above |
//! | x², second | 2^(2E−90) | r, and e = x·x − p | r is a multiple of 2^(2m−52), and m ≥ E−19 |
//! | x², last | 2^(2E−136) | r of e | e is a multiple of 2^(2m−104), and m ≥ E−16 |
//!
//! e is exact by the fused multiply-add as long as 2^(2m−104) ≥ 2⁻¹⁰⁷⁴. Blocks of sizes further
//! apart ([`Window::covering`]) are sorted by size first, in `classes.rs`, and sizes outside of all
//! windows go through `bins.rs`.
//!
//! What limits it: 4 vector operations per element for the extent, 4 for Σx and 10 for Σx²,
//! 18 per eight elements or 9 cycles on two AVX-512 ports, about 0.4 ns per element and core at
//! 2.9 GHz; on two cores this comes close to the bandwidth of memory.

use super::windows::{Octet, exponent, power_of_two, store, take_product, window};
use crate::simd::{Kernel, Lanes, Lanes64, Level, Lines, Part, Vector, dispatch};

/// Octets to read: side by side, or rows of a matrix.
///
/// # Safety
///
/// There must be an octet at every index below [`Source::len`].
pub unsafe trait Source: Copy {
    /// How many.
    fn len(self) -> usize;

    /// One of them.
    ///
    /// # Safety
    ///
    /// There must be one at that index.
    unsafe fn get(self, index: usize) -> Octet;
}

// SAFETY: what a slice is.
unsafe impl Source for &[Octet] {
    #[inline(always)]
    fn len(self) -> usize {
        <[Octet]>::len(self)
    }

    #[inline(always)]
    unsafe fn get(self, index: usize) -> Octet {
        // SAFETY: the caller's promise.
        unsafe { *self.get_unchecked(index) }
    }
}

/// Terms per accumulator and block.
pub const DEPTH: usize = 64;
/// Accumulators per window: chains of additions that run at the same time.
pub(super) const CHAINS: usize = 4;
/// Most octets in a block.
pub const BLOCK: usize = DEPTH * CHAINS;
/// Number of windows: two of x, three of x².
pub const WINDOWS: usize = 5;
/// Largest exponent spread E − m of a block.
pub const SPREAD: i32 = 16;

/// Smallest and largest value, and smallest absolute value, of each lane.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Smallest value; NaN is passed over.
    pub min: Octet,
    /// Largest value; NaN is passed over.
    pub max: Octet,
    /// Smallest absolute value; NaN is passed over.
    pub min_abs: Octet,
}

impl Extent {
    /// That of all lanes together, in every lane.
    #[must_use]
    pub fn pooled(&self) -> Self {
        Self {
            min: [smallest(self.min); 8],
            max: [-smallest(self.max.map(|value| -value)); 8],
            min_abs: [smallest(self.min_abs); 8],
        }
    }
}

/// The smallest lane, by halving; none is NaN.
#[inline(always)]
fn smallest(lanes: Octet) -> f64 {
    let less = |a: f64, b: f64| if a < b { a } else { b };
    let four: [f64; 4] = std::array::from_fn(|lane| less(lanes[lane], lanes[lane + 4]));
    less(less(four[0], four[2]), less(four[1], four[3]))
}

/// The largest absolute value of a lane of an [`Extent`].
#[must_use]
pub fn max_abs(min: f64, max: f64) -> f64 {
    max.max(-min)
}

/// Computes the [`Extent`] of a block.
#[must_use]
pub fn extent(block: impl Source) -> Extent {
    dispatch(ExtentKernel { block, skip_zeros: false })
}

/// As [`extent`], with the smallest *non-zero* absolute value; slower.
#[must_use]
pub fn extent_without_zeros(block: impl Source) -> Extent {
    dispatch(ExtentKernel { block, skip_zeros: true })
}

struct ExtentKernel<S> {
    block: S,
    skip_zeros: bool,
}

impl<S: Source> Kernel for ExtentKernel<S> {
    type Output = Extent;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Extent {
        let infinity = L::F64::splat(level, f64::INFINITY);
        let mut min = [infinity; 2];
        let mut max = [L::F64::splat(level, f64::NEG_INFINITY); 2];
        let mut min_abs = [infinity; 2];
        for first in (0..self.block.len()).step_by(2) {
            for chain in 0..2 {
                if first + chain < self.block.len() {
                    // SAFETY: as just checked.
                    let x = L::F64::load(level, &Lanes(unsafe { self.block.get(first + chain) }));
                    min[chain] = x.min(min[chain]);
                    max[chain] = x.max(max[chain]);
                    min_abs[chain] = x.abs().min(min_abs[chain]);
                }
            }
        }
        let mut extent = Extent {
            min: store(min[0].min(min[1])),
            max: store(max[0].max(max[1])),
            min_abs: store(min_abs[0].min(min_abs[1])),
        };
        if self.skip_zeros {
            extent.min_abs = smallest_non_zero(self.block);
        }
        extent
    }
}

#[inline(always)]
fn smallest_non_zero(block: impl Source) -> Octet {
    let mut smallest = [f64::INFINITY; 8];
    for index in 0..block.len() {
        // SAFETY: there are as many.
        let octet = unsafe { block.get(index) };
        for lane in 0..8 {
            let size = octet[lane].abs();
            let size = if size == 0.0 { f64::INFINITY } else { size };
            smallest[lane] = if size < smallest[lane] { size } else { smallest[lane] };
        }
    }
    smallest
}

/// Whether a value is NaN.
#[must_use]
pub fn any_nan(values: &[f64]) -> bool {
    dispatch(AnyNan(values))
}

struct AnyNan<'a>(&'a [f64]);

impl Kernel for AnyNan<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> bool {
        // Counted and not searched for: a loop without an exit is one of vectors.
        let mut count = 0_u64;
        for value in self.0 {
            count += u64::from(value.is_nan());
        }
        count > 0
    }
}

/// A window's exponent E: it takes blocks whose values are 0 or in [2^(E−16), 2^E).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(i32);

impl Window {
    /// From the smallest unit, 2⁻¹⁰⁷⁴, to accumulators that end below 2¹⁰²³, at 2⁵³ units.
    const RANGE: std::ops::RangeInclusive<i32> = -469..=507;

    /// One for values of these sizes, neither of which may be NaN; `None` if there is none.
    #[must_use]
    pub fn covering(min_abs: f64, max_abs: f64) -> Option<Self> {
        let window = Self::new((exponent(max_abs) + 1).max(*Self::RANGE.start()))?;
        window.covers(min_abs, max_abs).then_some(window)
    }

    /// The one for values from 2^(E−16) to below 2^E; `None` if it is out of range.
    #[must_use]
    pub fn new(e: i32) -> Option<Self> {
        Self::RANGE.contains(&e).then_some(Self(e))
    }

    /// Whether values of these sizes fit.
    #[must_use]
    pub fn covers(self, min_abs: f64, max_abs: f64) -> bool {
        exponent(max_abs) < self.0 && min_abs >= self.smallest()
    }

    /// The smallest non-zero absolute value that fits.
    #[must_use]
    pub fn smallest(self) -> f64 {
        power_of_two(self.0 - SPREAD)
    }

    /// The exponents of the five units: two of x, three of x².
    #[must_use]
    pub fn units(self) -> [i32; WINDOWS] {
        let e = self.0;
        [e - 45, e - 91, 2 * e - 45, 2 * e - 90, 2 * e - 136]
    }

    /// Where the accumulators begin: 1.5·2⁵² units.
    #[must_use]
    pub fn origins(self) -> [f64; WINDOWS] {
        self.units().map(|unit| 1.5 * power_of_two(unit + 52))
    }
}

/// Sums of a block, in units of its windows, lane by lane.
pub type LaneSums = [[i64; 8]; WINDOWS];

/// Where the accumulators of each lane begin.
#[derive(Clone, Debug)]
pub struct Origins([Lanes64; WINDOWS]);

impl Origins {
    /// The same window in every lane.
    #[must_use]
    pub fn of(window: Window) -> Self {
        Self(window.origins().map(|origin| Lanes([origin; 8])))
    }

    /// Changes the window of one lane.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn set(&mut self, lane: usize, window: Window) {
        for (lanes, origin) in self.0.iter_mut().zip(window.origins()) {
            lanes.0[lane] = origin;
        }
    }
}

/// Peels the values of a block off, each within the bounds of the window of its lane.
///
/// `None` if a value is NaN. Meanwhile `ahead`, what will be read next, is fetched, as many lines
/// as the block has octets: else memory would idle while this one is computed with.
///
/// # Panics
///
/// If the block has more than [`BLOCK`] octets: a bug in the caller.
#[must_use]
pub fn peel(block: impl Source, ahead: Lines, origins: &Origins) -> Option<LaneSums> {
    assert!(block.len() <= BLOCK, "a block keeps to the depth of its windows");
    dispatch(Peel { block, ahead, origins: &origins.0 })
}

struct Peel<'a, S> {
    block: S,
    ahead: Lines,
    origins: &'a [Lanes64; WINDOWS],
}

impl<S: Source> Kernel for Peel<'_, S> {
    type Output = Option<LaneSums>;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Option<LaneSums> {
        let mut sums: LaneSums = [[0; 8]; WINDOWS];
        let mut nan = 0;
        let mut add = |ends: &[Lanes64; WINDOWS]| {
            for window in 0..WINDOWS {
                for lane in 0..8 {
                    let begin = self.origins[window].0[lane].to_bits();
                    // Wrapping: what becomes of a NaN here is thrown away in the end.
                    let units = ends[window].0[lane].to_bits().wrapping_sub(begin) as i64;
                    sums[window][lane] = sums[window][lane].wrapping_add(units);
                }
            }
            nan += ends[0].0.iter().filter(|value| value.is_nan()).count();
        };
        if L::WIDE {
            self.chains(level).iter().for_each(&mut add);
        } else {
            for chain in 0..CHAINS {
                add(&self.chain(level, chain));
            }
        }
        (nan == 0).then_some(sums)
    }
}

impl<S: Source> Peel<'_, S> {
    /// Where the accumulators of all chains end, which run at the same time.
    #[inline(always)]
    fn chains<L: Level>(&self, level: L) -> [[Lanes64; WINDOWS]; CHAINS] {
        let mut ahead = self.ahead;
        let origin = self.origins.each_ref().map(|lanes| L::F64::load(level, lanes));
        let mut chains = [origin; CHAINS];
        let groups = self.block.len() / CHAINS;
        for group in 0..groups {
            ahead.prefetch(CHAINS);
            for c in 0..CHAINS {
                // SAFETY: so many groups are in the block.
                let octet = unsafe { self.block.get(CHAINS * group + c) };
                take(&mut chains[c], L::F64::load(level, &Lanes(octet)));
            }
        }
        // Unrolled: a chain with a variable index would keep all of them in memory.
        for c in 0..CHAINS - 1 {
            if CHAINS * groups + c < self.block.len() {
                // SAFETY: as just checked.
                let octet = unsafe { self.block.get(CHAINS * groups + c) };
                take(&mut chains[c], L::F64::load(level, &Lanes(octet)));
            }
        }
        chains.map(|chain| chain.map(|accumulator| Lanes(store(accumulator))))
    }

    /// Where the accumulators of one chain end, register by register: those of all chains are
    /// forty of the sixteen that AVX2 has.
    #[inline(always)]
    fn chain<L: Level>(&self, level: L, chain: usize) -> [Lanes64; WINDOWS] {
        let mut ahead = self.ahead.part(chain, CHAINS);
        let mut ends = *self.origins;
        for part in 0..<L::F64 as Vector>::Part::COUNT {
            let mut accumulators = self
                .origins
                .each_ref()
                .map(|lanes| <L::F64 as Vector>::Part::load(level, lanes, part));
            for index in (chain..self.block.len()).step_by(CHAINS) {
                if part == 0 {
                    ahead.prefetch(1);
                }
                // SAFETY: the index is below the length.
                let octet = Lanes(unsafe { self.block.get(index) });
                take_part::<L::F64>(&mut accumulators, Part::load(level, &octet, part));
            }
            for (end, accumulator) in ends.iter_mut().zip(accumulators) {
                accumulator.store(end, part);
            }
        }
        ends
    }
}

/// As [`take`], for a register.
#[inline(always)]
fn take_part<V: Vector>([first, last, square @ ..]: &mut [V::Part; WINDOWS], x: V::Part) {
    let rest = window(first, x);
    *last = *last + rest;
    let product = x * x;
    take_product(square, product, x.mul_sub(x, product));
}

/// Adds x and x² to the accumulators of one chain.
#[inline(always)]
fn take<V: Vector>([first, last, square @ ..]: &mut [V; WINDOWS], x: V) {
    let rest = window(first, x);
    *last = *last + rest;
    let product = x * x;
    take_product(square, product, x.mul_sub(x, product));
}
