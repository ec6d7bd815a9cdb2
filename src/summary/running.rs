//! Sums of many groups at once, value by value.
//!
//! The values of a group come mixed with those of others, so there is no block for the vector
//! kernels. Here the windows of `peel.rs` are peeled off one value at a time, into five accumulators
//! that lie together with the group's extremes in one cache line.
//!
//! What limits it: some forty instructions per value, and from a thousand groups on the traffic of
//! the groups' lines between the caches.

use super::accumulate::Accumulator;
use super::best::Id;
use super::sums::{DEPTH, SPREAD, WINDOWS, Window, window};
use crate::simd::{Kernel, Level, Lines, dispatch};

/// Values too small for the window, after which it is opened anew for such.
const MOST_SMALL: u8 = 32;
/// Binary exponents by which a window reaches above the value it is opened for.
const ABOVE: i32 = 2;
/// In place of a lowest exponent, if there is no window: no exponent is near it.
const CLOSED: u16 = 1 << 15;

/// The values of one group since they were last taken: a cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Running {
    min: f64,
    max: f64,
    sums: [f64; WINDOWS],
    /// Smallest biased exponent that fits the window, or [`CLOSED`].
    lowest: u16,
    /// How many values the accumulators can still take.
    left: u8,
    small: u8,
}

const _: () = assert!(size_of::<Running>() == 64, "what a value needs comes with one line");

impl Running {
    /// Of nothing: no value fits.
    pub(super) fn new() -> Self {
        Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sums: [0.0; WINDOWS],
            lowest: CLOSED,
            left: DEPTH as u8,
            small: 0,
        }
    }

    /// Adds a value; whether it fitted, else nothing was done.
    #[inline(always)]
    fn add(&mut self, x: f64) -> bool {
        if biased_exponent(x).wrapping_sub(self.lowest) >= SPREAD as u16 {
            return false;
        }
        self.min = if x < self.min { x } else { self.min };
        self.max = if x > self.max { x } else { self.max };
        let [first, last, square, middle, end] = &mut self.sums;
        let product = x * x;
        let error = x.mul_add(x, -product);
        *last += window(first, x);
        *middle += window(square, product);
        *end += window(middle, error);
        self.left -= 1;
        true
    }

    /// The window that is open.
    fn window(&self) -> Option<Window> {
        Window::from_lowest(self.lowest)
    }

    /// Moves everything to the group's accumulator.
    #[cold]
    pub(super) fn take(&mut self, accumulator: &mut Accumulator) {
        let Some(window) = self.window() else { return };
        let origins = window.origins();
        let units = std::array::from_fn(|index| {
            self.sums[index].to_bits().wrapping_sub(origins[index].to_bits()) as i64
        });
        accumulator.sums_mut().add_units(window, units);
        accumulator.note(DEPTH - usize::from(self.left), (self.min, self.max));
        self.sums = origins;
        self.left = DEPTH as u8;
        (self.min, self.max) = (f64::INFINITY, f64::NEG_INFINITY);
    }

    /// Adds a value that does not fit.
    #[cold]
    fn add_other(&mut self, x: f64, accumulator: &mut Accumulator) {
        if x == 0.0 {
            return accumulator.note(1, (x, x));
        }
        let larger = self.lowest == CLOSED || biased_exponent(x) > self.lowest;
        self.small = self.small.saturating_add(u8::from(!larger));
        let wanted = larger || self.small > MOST_SMALL;
        match Window::above(x, ABOVE).filter(|_| wanted) {
            Some(window) => {
                self.take(accumulator);
                self.sums = window.origins();
                self.lowest = window.lowest();
                self.small = 0;
                let fits = self.add(x);
                debug_assert!(fits, "the window was opened for this value");
            }
            // Nobody asks whose the values are where groups are summed like this.
            None => accumulator.add_number(x.into(), || Ok(Id::Integer(0)), 1),
        }
    }
}

/// The exponent as the bits have it: 0 for zero and subnormal numbers, 2047 for no finite ones.
#[inline(always)]
fn biased_exponent(x: f64) -> u16 {
    (x.to_bits() >> 52 & 0x7ff) as u16
}

/// Adds values to their groups, as long as `targets` knows these. Returns how many were added.
///
/// Meanwhile `ahead`, what will be read next, is fetched.
pub(super) fn add<T: Targets>(
    running: &mut [Running],
    accumulators: &mut [Accumulator],
    targets: T,
    values: &[f64],
    ahead: [Lines; 2],
) -> usize {
    dispatch(Add { running, accumulators, targets, values, ahead })
}

/// Where values go.
pub(super) trait Targets {
    /// Where the value at a place goes, if that is known.
    fn target(&self, place: usize) -> Option<usize>;
}

/// By the number of the group, for one column of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByNumber<'a> {
    pub(super) numbers: &'a [u32],
    pub(super) n_columns: usize,
    pub(super) column: usize,
}

impl Targets for ByNumber<'_> {
    #[inline(always)]
    fn target(&self, place: usize) -> Option<usize> {
        Some(*self.numbers.get(place)? as usize * self.n_columns + self.column)
    }
}

/// By the key, looked up in a table of the numbers of the keys from `base` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByKey<'a> {
    pub(super) keys: &'a [i64],
    pub(super) base: i64,
    pub(super) table: &'a [u32],
}

impl Targets for ByKey<'_> {
    #[inline(always)]
    fn target(&self, place: usize) -> Option<usize> {
        // A key below the base wraps round, to far behind the table.
        let key = self.keys.get(place)?.wrapping_sub(self.base);
        Some(*self.table.get(key as usize)? as usize)
    }
}

struct Add<'a, T> {
    running: &'a mut [Running],
    accumulators: &'a mut [Accumulator],
    targets: T,
    values: &'a [f64],
    ahead: [Lines; 2],
}

impl<T: Targets> Kernel for Add<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(mut self, _: L) -> usize {
        for (place, &x) in self.values.iter().enumerate() {
            if place % 8 == 0 {
                self.ahead.iter_mut().for_each(|lines| lines.prefetch(1));
            }
            let target = self.targets.target(place).unwrap_or(usize::MAX);
            let Some(running) = self.running.get_mut(target) else { return place };
            if !running.add(x) {
                running.add_other(x, &mut self.accumulators[target]);
            }
            if running.left == 0 {
                running.take(&mut self.accumulators[target]);
            }
        }
        self.values.len()
    }
}
