//! Exact sums of values of mixed sizes: sorted by size first, sixteen binary exponents a class,
//! so that each class has a window of its own (`peel.rs`) that takes all of it.

use super::Sums;
use super::peel::{Origins, SPREAD, WINDOWS, Window, peel};
use super::windows::Octet;
use crate::simd::Lines;
use crate::summary::deal::Buffers;

/// log₂ of the binary exponents in a class.
const SHIFT: u32 = 4;
const _: () = assert!(1 << SHIFT == SPREAD, "a class fills a window");
/// Classes of all 2048 biased exponents.
const CLASSES: usize = 2048 >> SHIFT;
/// Values that are peeled off together: enough to make up for starting, few enough that the
/// buffers of forty classes stay in the first-level cache.
const CAPACITY: usize = 256;

/// Values and sums of each class.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    buffers: Buffers,
    sums: Box<[[i128; WINDOWS]; CLASSES]>,
}

/// The window of a class; none for the smallest and the largest sizes.
fn window(class: usize) -> Option<Window> {
    Window::new(((class as i32 + 1) << SHIFT) - 1023)
}

impl Classes {
    /// Of nothing.
    pub(super) fn new() -> Self {
        let buffers = Buffers::new(CAPACITY, CLASSES);
        Self { buffers, sums: Box::new([[0; WINDOWS]; CLASSES]) }
    }

    /// Adds finite values; `strange` takes those too small or too large for any window.
    ///
    /// Meanwhile `ahead`, what will be read next, is fetched.
    pub(super) fn add(
        &mut self,
        values: &[f64],
        mut ahead: Lines,
        mut strange: impl FnMut(&[f64]),
    ) {
        let class = |value: f64| (value.to_bits() >> (52 + SHIFT)) as usize % CLASSES;
        let sums = &mut self.sums;
        let mut full = |class: usize, values: &[f64]| match window(class) {
            Some(window) => peel_into(&mut sums[class], window, values),
            None => strange(values),
        };
        let mut dealing = self.buffers.dealing();
        let (octets, rest) = values.as_chunks::<8>();
        for octet in octets {
            ahead.prefetch(1);
            for &value in octet {
                dealing.put(class(value), value, &mut full);
            }
        }
        for &value in rest {
            dealing.put(class(value), value, &mut full);
        }
    }

    /// Moves the sums to where they belong; `strange` takes values that have none here.
    pub(super) fn finish(mut self, sums: &mut Sums, mut strange: impl FnMut(&[f64])) {
        for class in 0..CLASSES {
            let places = self.buffers.empty(class);
            let values = self.buffers.values(places);
            match window(class) {
                Some(window) => {
                    peel_into(&mut self.sums[class], window, values);
                    sums.add_windows(window, &self.sums[class]);
                }
                None => strange(values),
            }
        }
    }
}

/// Adds the values of a class.
fn peel_into(sums: &mut [i128; WINDOWS], window: Window, values: &[f64]) {
    let origins = Origins::of(window);
    let mut add = |octets: &[Octet]| {
        let found = peel(octets, Lines::NONE, &origins).expect("values of a class are finite");
        for (sum, lanes) in sums.iter_mut().zip(found) {
            *sum += i128::from(lanes.iter().sum::<i64>());
        }
    };
    let (octets, rest) = values.as_chunks();
    add(octets);
    if !rest.is_empty() {
        let mut last = [0.0; 8];
        last[..rest.len()].copy_from_slice(rest);
        add(&[last]);
    }
}
