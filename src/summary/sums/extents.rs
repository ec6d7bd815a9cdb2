//! What is looked at before a block of values and weights is added: sizes, zeros, numbers of times.

use super::peel::max_abs;
use super::windows::{Octet, store};
use crate::simd::{Kernel, Lanes, Level, Vector, dispatch};

#[inline(always)]
fn widen(least: &mut f64, most: &mut f64, number: f64) {
    let size = number.abs();
    let other = if size == 0.0 { f64::INFINITY } else { size };
    *least = if other < *least { other } else { *least };
    *most = if size > *most { size } else { *most };
}

/// The smallest size other than 0, and the largest, of finite numbers.
pub struct Sizes<'a>(pub &'a [f64]);

impl Kernel for Sizes<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> (f64, f64) {
        let (mut least, mut most) = ([f64::INFINITY; 8], [0.0_f64; 8]);
        let (octets, rest) = self.0.as_chunks::<8>();
        for octet in octets {
            for lane in 0..8 {
                widen(&mut least[lane], &mut most[lane], octet[lane]);
            }
        }
        for &number in rest {
            widen(&mut least[0], &mut most[0], number);
        }
        (least.into_iter().fold(f64::INFINITY, f64::min), most.into_iter().fold(0.0, f64::max))
    }
}

/// Smallest and largest value, smallest size and weight other than 0, and largest weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    pub min: f64,
    pub max: f64,
    pub min_abs: f64,
    pub w_min: f64,
    pub w_max: f64,
    pub negative: bool,
    /// Whether there are zeros among values or weights, and whether among these.
    pub zeros: bool,
    pub dead: bool,
}

impl Extent {
    /// The largest size of a value, 0 of none.
    #[must_use]
    pub fn largest(&self) -> f64 {
        max_abs(self.min, self.max).max(0.0)
    }
}

/// Computes the [`Extent`] of a block; with `zeros`, of the values whose weight is not 0.
pub struct ExtentKernel<'a> {
    pub x: &'a [Octet],
    pub w: &'a [Octet],
    pub zeros: bool,
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
            dead: lowest == 0.0,
            zeros: self.zeros && (lowest == 0.0 || least(store(lowest_abs)) == 0.0),
        }
    }
}

/// Numbers of times below 2⁵² as floats; all of them or-ed, and their sum, modulo 2⁶⁴.
pub fn as_floats(times: &[u64], into: &mut [f64]) -> (u64, u64) {
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

pub fn count_live(w: &[f64]) -> usize {
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
