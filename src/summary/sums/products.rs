//! Exact sums of products of two columns: the windows of `peel.rs`, for x·y in place of x².

use super::bins::split;
use super::fixed::Second;
use super::peel::{BLOCK, CHAINS, SPREAD};
use super::windows::{Octet, PRODUCT_WINDOWS, exponent, power_of_two, store, take_product};
use crate::simd::{Kernel, Lanes, Level, Vector, dispatch};

/// Σxy of two columns in the making.
#[derive(Default)]
pub struct PairBuilder {
    sum: Option<Box<Second>>,
    open: Option<(ProductWindow, [i128; PRODUCT_WINDOWS])>,
}

impl PairBuilder {
    /// Adds the products of two blocks, of which smallest sizes but 0, and largest, are known.
    pub fn add(
        &mut self,
        (x, x_sizes): (&[Octet], (f64, f64)),
        (y, y_sizes): (&[Octet], (f64, f64)),
    ) {
        let Some(window) = ProductWindow::covering(x_sizes, y_sizes) else {
            let sum = self.sum.get_or_insert_with(|| Box::new(Second::ZERO));
            let pairs = x.as_flattened().iter().zip(y.as_flattened());
            pairs.for_each(|(&x, &y)| add_product(sum, x, y));
            return;
        };
        if self.open.is_none_or(|(open, _)| open != window) {
            self.close();
            self.open = Some((window, [0; PRODUCT_WINDOWS]));
        }
        if let Some((_, sums)) = &mut self.open {
            let found = peel_products(x, y, window);
            sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += i128::from(found));
        }
    }

    /// The sum; `None` if it is 0.
    #[must_use]
    pub fn finish(mut self) -> Option<Box<Second>> {
        self.close();
        self.sum
    }

    fn close(&mut self) {
        let Some((window, sums)) = self.open.take() else { return };
        let total = self.sum.get_or_insert_with(|| Box::new(Second::ZERO));
        for (sum, unit) in sums.into_iter().zip(window.units()) {
            total.add_integer(sum, Second::place(unit));
        }
    }
}

/// Adds x·y: a product of two integers of 53 bits.
pub fn add_product(sum: &mut Second, x: f64, y: f64) {
    let ((x, x_bit), (y, y_bit)) = (split(x), split(y));
    sum.add_integer(i128::from(x) * i128::from(y), x_bit + y_bit);
}

/// The windows of x·y, as those of x²: with F in place of 2E, where |x·y| < 2^F.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductWindow(i32);

impl ProductWindow {
    /// One for factors of these sizes (smallest non-zero and largest absolute value); `None` if
    /// there is none.
    #[must_use]
    pub fn covering(x: (f64, f64), y: (f64, f64)) -> Option<Self> {
        const RANGE: std::ops::RangeInclusive<i32> = -900..=1015;
        let top = |(_, largest): (f64, f64)| exponent(largest) + 1;
        let bottom = |(smallest, _): (f64, f64)| exponent(smallest);
        let f = top(x) + top(y);
        // The tail of a product ends no lower than 2^(mx + my − 104), and a factor must be normal
        // for its own exponent to say so.
        let normal = [x, y].iter().all(|(smallest, _)| *smallest >= f64::MIN_POSITIVE);
        let spread = f - (bottom(x) + bottom(y));
        (normal && RANGE.contains(&f) && spread <= 2 * SPREAD).then_some(Self(f))
    }

    /// The exponents of the units.
    #[must_use]
    pub fn units(self) -> [i32; PRODUCT_WINDOWS] {
        [self.0 - 45, self.0 - 90, self.0 - 136]
    }
}

/// Peels the products of two blocks off: sums in units of the windows.
///
/// # Panics
///
/// If the blocks have different lengths or more than [`BLOCK`] octets: a bug in the caller.
#[must_use]
pub fn peel_products(x: &[Octet], y: &[Octet], window: ProductWindow) -> [i64; PRODUCT_WINDOWS] {
    assert!(x.len() == y.len() && x.len() <= BLOCK, "blocks keep to the depth of their windows");
    let origins = window.units().map(|unit| 1.5 * power_of_two(unit + 52));
    dispatch(PeelProducts { x, y, origins })
}

struct PeelProducts<'a> {
    x: &'a [Octet],
    y: &'a [Octet],
    origins: [f64; PRODUCT_WINDOWS],
}

impl Kernel for PeelProducts<'_> {
    type Output = [i64; PRODUCT_WINDOWS];

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        let origin = self.origins.map(|value| L::F64::splat(level, value));
        let mut chains = [origin; CHAINS];
        for (x, y) in self.x.chunks(CHAINS).zip(self.y.chunks(CHAINS)) {
            for c in 0..CHAINS {
                if let (Some(x), Some(y)) = (x.get(c), y.get(c)) {
                    let (x, y) = (L::F64::load(level, &Lanes(*x)), L::F64::load(level, &Lanes(*y)));
                    let product = x * y;
                    take_product(&mut chains[c], product, x.mul_sub(y, product));
                }
            }
        }
        let mut sums = [0; PRODUCT_WINDOWS];
        for chain in &chains {
            for (window, &accumulator) in chain.iter().enumerate() {
                let begin = self.origins[window].to_bits();
                for end in store(accumulator) {
                    sums[window] += end.to_bits().wrapping_sub(begin) as i64;
                }
            }
        }
        sums
    }
}
