//! [`WeightedBuilder`]: blocks of values and weights in, exact weighted sums out.

use super::bins::split;
use super::builder::{Extremes, NotFinite, wider};
use super::fixed::{First, Second, Third};
use super::peel::max_abs;
use super::slices::{
    self, Ahead, DEPTH, Levels, NARROW, Slices, WIDE_BITS, WIDE_SPREAD, narrow_bits, narrow_spread,
};
use super::windows::{Octet, exponent, store};
use crate::simd::{Kernel, Lanes, Level, Lines, Vector, dispatch};

/// Exact sums over values x with weights w.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightedSums {
    /// Σw.
    pub weight: First,
    /// Σw².
    pub square: Second,
    /// Σwx.
    pub first: Second,
    /// Σwx².
    pub second: Third,
}

impl WeightedSums {
    /// Of nothing.
    pub const ZERO: Self = Self {
        weight: First::ZERO,
        square: Second::ZERO,
        first: Second::ZERO,
        second: Third::ZERO,
    };

    /// Adds those of other values.
    pub fn merge(&mut self, other: &Self) {
        self.weight.merge(&other.weight);
        self.square.merge(&other.square);
        self.first.merge(&other.first);
        self.second.merge(&other.second);
    }

    /// Adds `x`·2^(`x_bit` − 1074), of at most 64 bits and a sign, with a finite positive weight.
    pub fn add(&mut self, (x, x_bit): (i128, usize), weight: f64) {
        let (w, w_bit) = split(weight);
        let w = w.unsigned_abs();
        self.weight.add_limbs(&[w], false, w_bit);
        self.square.add_integer(i128::from(w) * i128::from(w), 2 * w_bit);
        self.add_products((x, x_bit), (w, w_bit));
    }

    /// Adds a finite value that counts so many times; only Σwx and Σwx².
    pub fn add_times(&mut self, value: f64, times: u64) {
        let (x, x_bit) = split(value);
        self.add_products((x.into(), x_bit), (times, First::POINT));
    }

    fn add_products(&mut self, (x, x_bit): (i128, usize), (w, w_bit): (u64, usize)) {
        let magnitude = x.unsigned_abs() as u64;
        debug_assert_eq!(u128::from(magnitude), x.unsigned_abs(), "an integer of 64 bits");
        let (low, high) = magnitude.carrying_mul(w, 0);
        self.first.add_limbs(&[low, high], x < 0, x_bit + w_bit);
        let (s0, carry) = low.carrying_mul(magnitude, 0);
        let (s1, s2) = high.carrying_mul(magnitude, carry);
        self.second.add_limbs(&[s0, s1, s2], false, 2 * x_bit + w_bit);
    }
}

/// What there is of a block: the values whose weight is not 0.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// How many.
    pub count: usize,
    /// Their extremes; (+∞, −∞) of none.
    pub extremes: Extremes,
}

/// Slices of what is open: sums since then, in their units.
#[derive(Clone, Debug)]
struct Open {
    window: Window,
    first: [i128; 5],
    second: [i128; 8],
    weight: [i128; 3],
    square: [i128; 5],
}

/// What the units are: |x| < 2^x; and weights are integers of k bits, or below 2^w.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Narrow { x: i32, k: u32 },
    Wide { x: i32, w: i32, integers: bool },
}

/// [`WeightedSums`] in the making.
#[derive(Debug)]
pub struct WeightedBuilder {
    sums: Box<WeightedSums>,
    /// Whether weights are numbers of times: Σw and Σw² are not summed then.
    times: bool,
    open: Option<Open>,
    /// Whether the last block had zeros in it: the next one most likely has, too.
    zeros: bool,
    slices: Box<Slices>,
    scratch: [Vec<f64>; 4],
    /// Numbers of times as floats.
    floats: Vec<f64>,
}

/// Nothing is known of what will be read.
const NOTHING: Ahead = [Lines::NONE; 2];
/// Below this many values, setting up the vector kernels costs more than they save.
const FEW: usize = 48;
/// Exponents of values, and of weights that are not integers, which can be brought below 1: 2^−e is
/// a number.
const RANGE: std::ops::RangeInclusive<i32> = -1022..=1024;

impl WeightedBuilder {
    /// Most values in one block.
    pub const BLOCK: usize = 8 * DEPTH;

    /// Of nothing; of weights that are numbers of times, or any.
    #[must_use]
    pub fn new(times: bool) -> Self {
        Self {
            sums: Box::new(WeightedSums::ZERO),
            times,
            open: None,
            zeros: false,
            slices: Box::new([[[0.0; 8]; DEPTH]; 3]),
            scratch: [const { Vec::new() }; 4],
            floats: Vec::new(),
        }
    }

    /// The sums.
    #[must_use]
    pub fn finish(mut self) -> Box<WeightedSums> {
        self.close();
        self.sums
    }

    /// The sums, to add single values to.
    pub fn sums_mut(&mut self) -> &mut WeightedSums {
        &mut self.sums
    }

    /// Adds a block of at most [`WeightedBuilder::BLOCK`] values with their weights, which are
    /// integers below 2⁵³ if they are numbers of times.
    ///
    /// # Errors
    ///
    /// [`NotFinite`], and then nothing was added, if a value or a weight is NaN or infinite, or a
    /// weight negative.
    pub fn add(&mut self, x: &[f64], w: &[f64], ahead: Ahead) -> Result<Live, NotFinite> {
        if x.len() < FEW {
            return self.add_few(x, w);
        }
        let ((octets, x_rest), (weights, w_rest)) = (x.as_chunks::<8>(), w.as_chunks::<8>());
        let strange = |(x, w): (&f64, &f64)| !(x.is_finite() && w.is_finite() && *w >= 0.0);
        if x_rest.iter().zip(w_rest).any(strange) {
            return Err(NotFinite);
        }
        let extent = self.extent(octets, weights)?;
        self.add_octets((octets, weights), extent, ahead)?;
        let rest = self.add_few(x_rest, w_rest)?;
        let octets = if self.zeros && !self.times {
            count_live(weights.as_flattened())
        } else {
            8 * octets.len()
        };
        let count = octets + rest.count;
        let (min, max) = (extent.min, extent.max);
        let extremes = if min == 0.0 || max == 0.0 {
            live(x, w).fold((f64::INFINITY, f64::NEG_INFINITY), wider)
        } else {
            super::builder::union((min, max), rest.extremes)
        };
        Ok(Live { count, extremes })
    }

    /// As [`Self::add`], with numbers of times, and how often the values count together; `None`, and
    /// then nothing was added, also if one is not below 2⁵².
    pub fn add_times(&mut self, x: &[f64], times: &[u64], ahead: Ahead) -> Option<(Live, u64)> {
        let mut floats = std::mem::take(&mut self.floats);
        floats.resize(times.len(), 0.0);
        let (all, count) = as_floats(times, &mut floats);
        let small = all >> 52 == 0;
        let added = small.then(|| self.add(x, &floats, ahead).ok()).flatten();
        self.floats = floats;
        added.map(|live| (live, count))
    }

    /// The extent of a block, in which nothing is strange as far as that shows.
    fn extent(&mut self, x: &[Octet], w: &[Octet]) -> Result<Extent, NotFinite> {
        let mut extent = Extent::default();
        if !self.zeros {
            extent = dispatch(ExtentKernel { x, w, zeros: false });
            self.zeros = extent.min_abs == 0.0 || extent.w_min == 0.0;
        }
        if self.zeros {
            extent = dispatch(ExtentKernel { x, w, zeros: true });
            self.zeros = extent.zeros;
        }
        let none = extent.min > extent.max;
        let finite = none || max_abs(extent.min, extent.max).is_finite();
        if !finite || extent.negative || !(extent.w_max < f64::INFINITY) {
            return Err(NotFinite);
        }
        Ok(extent)
    }

    /// Adds values one by one.
    fn add_few(&mut self, x: &[f64], w: &[f64]) -> Result<Live, NotFinite> {
        let strange = |(x, w): (&f64, &f64)| !(x.is_finite() && w.is_finite() && *w >= 0.0);
        if x.iter().zip(w).any(strange) {
            return Err(NotFinite);
        }
        let mut found = Live { count: 0, extremes: (f64::INFINITY, f64::NEG_INFINITY) };
        for (&x, &w) in x.iter().zip(w).filter(|(_, w)| **w > 0.0) {
            self.add_one(x, w);
            found.count += 1;
            found.extremes = wider(found.extremes, x);
        }
        Ok(found)
    }

    fn add_one(&mut self, x: f64, w: f64) {
        if self.times {
            self.sums.add_times(x, w as u64);
        } else {
            let (m, bit) = split(x);
            self.sums.add((m.into(), bit), w);
        }
    }

    /// Adds octets of that extent; those that no window covers in a second round, or one by one.
    fn add_octets(
        &mut self,
        (x, w): (&[Octet], &[Octet]),
        extent: Extent,
        ahead: Ahead,
    ) -> Result<(), NotFinite> {
        let Some(window) = self.window(&extent) else {
            if any_strange(x.as_flattened(), w.as_flattened()) {
                return Err(NotFinite);
            }
            live_pairs(x.as_flattened(), w.as_flattened()).for_each(|(x, w)| self.add_one(x, w));
            return Ok(());
        };
        if window.covers(&extent) {
            let found = self.peel((x, w), window, Some(extent.min_abs), ahead).ok_or(NotFinite)?;
            self.take(window, &found);
            return Ok(());
        }
        if any_strange(x.as_flattened(), w.as_flattened()) {
            return Err(NotFinite);
        }
        let [mut inner_x, mut inner_w, mut rest_x, mut rest_w] = std::mem::take(&mut self.scratch);
        for scratch in [&mut inner_x, &mut inner_w, &mut rest_x, &mut rest_w] {
            scratch.clear();
        }
        window.deal(
            x.as_flattened().iter().zip(w.as_flattened()),
            (&mut inner_x, &mut inner_w),
            (&mut rest_x, &mut rest_w),
        );
        let (octets, weights) = (inner_x.as_chunks().0, inner_w.as_chunks().0);
        let found = self.peel((octets, weights), window, None, ahead);
        debug_assert!(found.is_some(), "nothing of it is strange");
        found.iter().for_each(|found| self.take(window, found));
        // So what is left gets fewer by an eighth each time, also with the zeros that fill an octet.
        let rest_len = rest_x.len();
        if rest_len < FEW || rest_len >= 7 * x.len() {
            rest_x.iter().zip(&rest_w).for_each(|(&x, &w)| self.add_one(x, w));
            self.scratch = [inner_x, inner_w, rest_x, rest_w];
            return Ok(());
        }
        rest_x.resize(rest_len.next_multiple_of(8), 0.0);
        rest_w.resize(rest_len.next_multiple_of(8), 0.0);
        self.scratch = [inner_x, inner_w, Vec::new(), Vec::new()];
        let (octets, weights) = (rest_x.as_chunks().0, rest_w.as_chunks().0);
        let extent = dispatch(ExtentKernel { x: octets, w: weights, zeros: true });
        let added = self.add_octets((octets, weights), extent, NOTHING);
        let [inner_x, inner_w, ..] = std::mem::take(&mut self.scratch);
        self.scratch = [inner_x, inner_w, rest_x, rest_w];
        added
    }

    /// The open window, or a new one, for the largest of such values and weights; `None` if there is
    /// none.
    fn window(&self, extent: &Extent) -> Option<Window> {
        let open = self.open.as_ref().map(|open| open.window);
        if open.is_some_and(|open| open.covers(extent)) {
            return open;
        }
        let x = exponent(max_abs(extent.min, extent.max).max(0.0)) + 1;
        if !RANGE.contains(&x) {
            return None;
        }
        let w = exponent(extent.w_max) + 1;
        if self.times && w <= NARROW as i32 {
            // Few different ones, so that a window lasts.
            return Some(Window::Narrow { x, k: (w.max(2) as u32) | 1 });
        }
        RANGE.contains(&w).then_some(Window::Wide { x, w, integers: self.times })
    }

    /// Sums of a block, whose values other than 0 are no smaller than `least` or the window says.
    fn peel(
        &mut self,
        (x, w): (&[Octet], &[Octet]),
        window: Window,
        least: Option<f64>,
        ahead: Ahead,
    ) -> Option<Levels> {
        match window {
            Window::Narrow { x: e, k } => {
                let most = narrow_spread(k);
                let spread = least.map_or(most, |least| (e - exponent(least)).clamp(0, most));
                slices::narrow((x, power_of_two(-e)), w, (k, spread), ahead)
            }
            Window::Wide { x: e, w: f, .. } => {
                slices::wide((x, power_of_two(-e)), (w, power_of_two(-f)), &mut self.slices, ahead)
            }
        }
    }

    fn take(&mut self, window: Window, found: &Levels) {
        if self.open.as_ref().is_none_or(|open| open.window != window) {
            self.close();
            let (first, second, weight, square) = ([0; 5], [0; 8], [0; 3], [0; 5]);
            self.open = Some(Open { window, first, second, weight, square });
        }
        let Some(open) = &mut self.open else { return };
        add_each(&mut open.first, &found.first);
        add_each(&mut open.second, &found.second);
        add_each(&mut open.weight, &found.weight);
        add_each(&mut open.square, &found.square);
    }

    /// Moves the sums of the open window to where they belong.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let (x, w, bits, level) = match open.window {
            Window::Narrow { x, k } => (x, 0, narrow_bits(k), 1),
            Window::Wide { x, w, .. } => (x, w, WIDE_BITS, 2),
        };
        let sums = &mut *self.sums;
        for (index, sum) in (level..).zip(open.first) {
            sums.first.add_units(sum, x + w - bits * index);
        }
        for (index, sum) in (level..).zip(open.second) {
            sums.second.add_units(sum, 2 * x + w - bits * index);
        }
        if self.times {
            return;
        }
        for (index, sum) in (1..).zip(open.weight) {
            sums.weight.add_units(sum, w - bits * index);
        }
        for (index, sum) in (2..).zip(open.square) {
            sums.square.add_units(sum, 2 * w - bits * index);
        }
    }
}

impl Window {
    /// Whether values and weights of these sizes fit.
    fn covers(self, extent: &Extent) -> bool {
        let (least, most) = (extent.min_abs, max_abs(extent.min, extent.max));
        match self {
            Self::Narrow { x, k } => {
                let fits = exponent(extent.w_max) < k as i32;
                fits && exponent(most.max(0.0)) < x && least >= power_of_two(x - narrow_spread(k))
            }
            Self::Wide { x, w, integers } => {
                let fits = |e: i32, least: f64, most: f64| {
                    exponent(most) < e && least >= power_of_two(e - WIDE_SPREAD)
                };
                // Integers of up to 53 bits are multiples of 1.
                let w_least = if integers { f64::INFINITY } else { extent.w_min };
                fits(x, least, most.max(0.0)) && fits(w, w_least, extent.w_max)
            }
        }
    }

    /// Puts what fits into `inner`, with zeros in other places, and what does not into `rest`.
    fn deal<'p>(
        self,
        pairs: impl Iterator<Item = (&'p f64, &'p f64)>,
        (inner_x, inner_w): (&mut Vec<f64>, &mut Vec<f64>),
        (rest_x, rest_w): (&mut Vec<f64>, &mut Vec<f64>),
    ) {
        let (x_least, w_least) = match self {
            Self::Narrow { x, k } => (power_of_two(x - narrow_spread(k)), 0.0),
            Self::Wide { x, integers: true, .. } => (power_of_two(x - WIDE_SPREAD), 0.0),
            Self::Wide { x, w, .. } => {
                (power_of_two(x - WIDE_SPREAD), power_of_two(w - WIDE_SPREAD))
            }
        };
        for (&x, &w) in pairs {
            let fits = (x.abs() >= x_least || x == 0.0) && w >= w_least;
            let (x_in, w_in) = if fits { (x, w) } else { (0.0, 0.0) };
            inner_x.push(x_in);
            inner_w.push(w_in);
            if !fits && w > 0.0 {
                rest_x.push(x);
                rest_w.push(w);
            }
        }
    }
}

fn add_each<const N: usize>(sums: &mut [i128; N], found: &[i64; N]) {
    sums.iter_mut().zip(found).for_each(|(sum, &found)| *sum += i128::from(found));
}

/// 2ⁿ for n from −1074 on.
fn power_of_two(n: i32) -> f64 {
    if n < -1022 {
        return f64::from_bits(1_u64.checked_shl((n + 1074) as u32).unwrap_or(0));
    }
    super::windows::power_of_two(n)
}

fn live_pairs(x: &[f64], w: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    x.iter().copied().zip(w.iter().copied()).filter(|(_, w)| *w > 0.0)
}

fn live(x: &[f64], w: &[f64]) -> impl Iterator<Item = f64> {
    live_pairs(x, w).map(|(x, _)| x)
}

fn any_strange(x: &[f64], w: &[f64]) -> bool {
    let strange = |(x, w): (&f64, &f64)| !(x.is_finite() && w.is_finite() && *w >= 0.0);
    x.iter().zip(w).any(strange)
}

/// Smallest and largest value, smallest size and weight other than 0, and largest weight.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    min: f64,
    max: f64,
    min_abs: f64,
    w_min: f64,
    w_max: f64,
    negative: bool,
    zeros: bool,
}

/// Computes the [`Extent`] of a block; with `zeros`, of the values whose weight is not 0.
struct ExtentKernel<'a> {
    x: &'a [Octet],
    w: &'a [Octet],
    zeros: bool,
}

impl Kernel for ExtentKernel<'_> {
    type Output = Extent;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Extent {
        let infinity = L::F64::splat(level, f64::INFINITY);
        let (zero, nan) = (L::F64::splat(level, 0.0), L::F64::splat(level, f64::NAN));
        let (mut min, mut max) = (infinity, L::F64::splat(level, f64::NEG_INFINITY));
        let (mut min_abs, mut w_min, mut w_max) = (infinity, infinity, zero);
        let (mut lowest, mut lowest_abs) = (infinity, infinity);
        for (x, w) in self.x.iter().zip(self.w) {
            let mut x = L::F64::load(level, &Lanes(*x));
            let w = L::F64::load(level, &Lanes(*w));
            let mut size = x.abs();
            w_max = w.max(w_max);
            lowest = w.min(lowest);
            if self.zeros {
                lowest_abs = size.min(lowest_abs);
                x = zero.select_less(w, x, nan);
                size = zero.select_less(size, x.abs(), infinity);
                w_min = zero.select_less(w, w, infinity).min(w_min);
            }
            min = x.min(min);
            max = x.max(max);
            min_abs = size.min(min_abs);
        }
        let least = |lanes: Octet| lanes.into_iter().fold(f64::INFINITY, f64::min);
        let most = |lanes: Octet| lanes.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let lowest = least(store(lowest));
        Extent {
            min: least(store(min)),
            max: most(store(max)),
            min_abs: least(store(min_abs)),
            w_min: if self.zeros { least(store(w_min)) } else { lowest },
            w_max: most(store(w_max)),
            negative: lowest < 0.0,
            zeros: self.zeros && (lowest == 0.0 || least(store(lowest_abs)) == 0.0),
        }
    }
}

/// Numbers of times below 2⁵² as floats; all of them or-ed, and their sum, modulo 2⁶⁴.
fn as_floats(times: &[u64], into: &mut [f64]) -> (u64, u64) {
    dispatch(AsFloats { times, into })
}

struct AsFloats<'a> {
    times: &'a [u64],
    into: &'a mut [f64],
}

impl Kernel for AsFloats<'_> {
    type Output = (u64, u64);

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> (u64, u64) {
        // The bits of 2⁵², whose last one is worth 1: no instruction of AVX2 does this.
        const ONES: f64 = 4_503_599_627_370_496.0;
        let (mut all, mut sum) = (0, 0_u64);
        for (into, &times) in self.into.iter_mut().zip(self.times) {
            all |= times;
            sum = sum.wrapping_add(times);
            *into = f64::from_bits(times | ONES.to_bits()) - ONES;
        }
        (all, sum)
    }
}

fn count_live(w: &[f64]) -> usize {
    dispatch(CountLive(w))
}

struct CountLive<'a>(&'a [f64]);

impl Kernel for CountLive<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> usize {
        self.0.iter().fold(0_u64, |count, &w| count + u64::from(w > 0.0)) as usize
    }
}
