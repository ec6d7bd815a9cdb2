//! [`WeightedBuilder`]: blocks of values and weights in, exact weighted sums out.

use super::bins::split;
use super::builder::{Extremes, NotFinite, wider};
use super::extents::{Extent, ExtentKernel, Sizes, as_floats, count_live};
use super::fixed::{First, Second, Third};
use super::peel::{any_nan, max_abs};
use super::points::{self, Points, Units};
use super::slices::{self, Ahead, DEPTH, NARROW, narrow_bits, narrow_spread};
use super::windows::{Octet, exponent, power_of_two};
use crate::simd::{Lines, dispatch};

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

    /// Takes those of other values away.
    pub fn subtract(&mut self, other: &Self) {
        self.weight.subtract(&other.weight);
        self.square.subtract(&other.square);
        self.first.subtract(&other.first);
        self.second.subtract(&other.second);
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

/// Slices of integers below 2^`k` times values below 2^`x`: sums so far, in their units.
#[derive(Clone, Debug)]
struct Narrow {
    x: i32,
    k: u32,
    first: [i128; 2],
    second: [i128; 4],
}

/// [`WeightedSums`] in the making.
#[derive(Debug)]
pub struct WeightedBuilder {
    sums: Box<WeightedSums>,
    /// Whether weights are numbers of times: Σw and Σw² are not summed then.
    times: bool,
    narrow: Option<Narrow>,
    points: Option<(Units, Box<Points>)>,
    /// Whether the last block had zeros in it: the next one most likely has, too.
    zeros: bool,
    strange: Vec<u32>,
    /// Numbers of times as floats.
    floats: Vec<f64>,
}

/// Nothing is known of what will be read.
const NOTHING: Ahead = [Lines::NONE; 2];
/// Below this many values, setting up the vector kernels costs more than they save.
const FEW: usize = 48;
/// Exponents of values and weights that can be made integers: the power of two that does is one.
const RANGE: std::ops::RangeInclusive<i32> = -960..=1024;

impl WeightedBuilder {
    /// Most values in one block.
    pub const BLOCK: usize = 8 * DEPTH;

    /// Of nothing; of weights that are numbers of times, or any.
    #[must_use]
    pub fn new(times: bool) -> Self {
        Self {
            sums: Box::new(WeightedSums::ZERO),
            times,
            narrow: None,
            points: None,
            zeros: false,
            strange: Vec::new(),
            floats: Vec::new(),
        }
    }

    /// The sums.
    #[must_use]
    pub fn finish(mut self) -> Box<WeightedSums> {
        self.close_narrow();
        self.close_points();
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
        if !finite || extent.negative || extent.w_max == f64::INFINITY {
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

    /// Adds octets of that extent.
    fn add_octets(
        &mut self,
        (x, w): (&[Octet], &[Octet]),
        extent: Extent,
        ahead: Ahead,
    ) -> Result<(), NotFinite> {
        if self.times && self.open_narrow(&extent) {
            return self.add_narrow((x, w), &extent, ahead);
        }
        let (x, w) = (x.as_flattened(), w.as_flattened());
        if any_nan(x) || any_nan(w) {
            return Err(NotFinite);
        }
        if extent.dead {
            // These may be larger than those that live.
            let (x, w): (Vec<f64>, Vec<f64>) = live_pairs(x, w).unzip();
            self.add_points((&x, &w), ahead);
        } else {
            let ends = ((extent.min_abs, extent.largest()), (extent.w_min, extent.w_max));
            self.add_points_between((x, w), ends, ahead);
        }
        Ok(())
    }

    /// Sees to it that the slices of the open window, or a new one, take values and numbers of times of
    /// these sizes; false if none does.
    fn open_narrow(&mut self, extent: &Extent) -> bool {
        if self.narrow.as_ref().is_some_and(|narrow| narrow.covers(extent)) {
            return true;
        }
        let top = |size: f64| exponent(size) + 1;
        // Few different ones, so that a window lasts.
        let k = (top(extent.w_max).max(2) as u32) | 1;
        let x = top(extent.largest()).max(-1022);
        let window = Narrow { x, k, first: [0; 2], second: [0; 4] };
        if k > NARROW || !window.covers(extent) {
            return false;
        }
        self.close_narrow();
        self.narrow = Some(window);
        true
    }

    fn add_narrow(
        &mut self,
        (x, w): (&[Octet], &[Octet]),
        extent: &Extent,
        ahead: Ahead,
    ) -> Result<(), NotFinite> {
        let narrow = self.narrow.as_mut().expect("a window was opened");
        let spread = (narrow.x - exponent(extent.min_abs)).clamp(0, narrow_spread(narrow.k));
        let scale = power_of_two(-narrow.x);
        let found = slices::narrow((x, scale), w, (narrow.k, spread), ahead).ok_or(NotFinite)?;
        add_each(&mut narrow.first, &found.first);
        add_each(&mut narrow.second, &found.second);
        Ok(())
    }

    /// Adds finite values, whose weights are not 0, in rounds: what is too small for the units of one
    /// is left to the next, or added one by one if it is little.
    fn add_points(&mut self, (x, w): (&[f64], &[f64]), ahead: Ahead) {
        let ends = |numbers: &[f64]| dispatch(Sizes(numbers));
        self.add_points_between((x, w), (ends(x), ends(w)), ahead);
    }

    /// As [`Self::add_points`], where the sizes of values and of weights, other than 0, lie between
    /// these.
    fn add_points_between(
        &mut self,
        (x, w): (&[f64], &[f64]),
        (x_ends, w_ends): ((f64, f64), (f64, f64)),
        ahead: Ahead,
    ) {
        let Some((units, mut points)) = self.open_points(x_ends.1, w_ends.1) else {
            x.iter().zip(w).for_each(|(&x, &w)| self.add_one(x, w));
            return;
        };
        let mut strange = std::mem::take(&mut self.strange);
        strange.clear();
        // A float is a multiple of 2⁻⁵² times the power of two below it.
        let least = [units.x, units.w].map(|unit| power_of_two(unit + 52));
        let w_least = if self.times { 0.0 } else { least[1] };
        if x_ends.0 < least[0] || w_ends.0 < w_least {
            points::find_strange(x, w, [least[0], w_least], &mut strange);
        }
        let scaled_x = (x, power_of_two(-units.x));
        let scaled_w = (w, power_of_two(-units.w));
        points::add(&mut points, scaled_x, scaled_w, &strange, ahead);
        self.points = Some((units, points));
        if strange.len() < FEW || strange.len() > x.len() / 8 * 7 {
            strange.iter().for_each(|&place| self.add_one(x[place as usize], w[place as usize]));
        } else {
            let of = |numbers: &[f64]| -> Vec<f64> {
                strange.iter().map(|&place| numbers[place as usize]).collect()
            };
            self.add_points((&of(x), &of(w)), NOTHING);
        }
        self.strange = strange;
    }

    /// The units and sums for values and weights up to these sizes; `None` if there are none.
    fn open_points(&mut self, x: f64, w: f64) -> Option<(Units, Box<Points>)> {
        let (x, w) = (exponent(x) + 1, exponent(w) + 1);
        let near = |units: &Units| {
            let fits = |unit: i32, top: i32| (0..3).contains(&(unit + points::BITS - top));
            fits(units.x, x) && (self.times || fits(units.w, w))
        };
        if let Some(open) = self.points.take_if(|(units, _)| near(units)) {
            return Some(open);
        }
        if !RANGE.contains(&x) || !RANGE.contains(&w) {
            return None;
        }
        self.close_points();
        let w = if self.times { 0 } else { w - points::BITS };
        Some((Units { x: x - points::BITS, w }, Box::default()))
    }

    /// Moves the sums of slices to where they belong.
    fn close_narrow(&mut self) {
        let Some(Narrow { x, k, first, second }) = self.narrow.take() else { return };
        let bits = narrow_bits(k);
        for (index, sum) in (1..).zip(first) {
            self.sums.first.add_units(sum, x - bits * index);
        }
        for (index, sum) in (1..).zip(second) {
            self.sums.second.add_units(sum, 2 * x - bits * index);
        }
    }

    /// Moves the sums of integers to where they belong.
    fn close_points(&mut self) {
        if let Some((units, points)) = self.points.take() {
            points.move_into(units, !self.times, &mut self.sums);
        }
    }
}

impl Narrow {
    /// Whether values and weights of these sizes fit.
    fn covers(&self, extent: &Extent) -> bool {
        exponent(extent.w_max) < self.k as i32
            && exponent(extent.largest()) < self.x
            && extent.min_abs >= power_of_two(self.x - narrow_spread(self.k))
    }
}

fn add_each<const N: usize>(sums: &mut [i128; N], found: &[i64; N]) {
    sums.iter_mut().zip(found).for_each(|(sum, &found)| *sum += i128::from(found));
}

fn live_pairs(x: &[f64], w: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    x.iter().copied().zip(w.iter().copied()).filter(|(_, w)| *w > 0.0)
}

fn live(x: &[f64], w: &[f64]) -> impl Iterator<Item = f64> {
    live_pairs(x, w).map(|(x, _)| x)
}
