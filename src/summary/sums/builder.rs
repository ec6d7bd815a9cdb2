//! [`SumsBuilder`].

mod lanes;

pub use lanes::Lanes;

use super::Sums;
use super::bins::Bins;
use super::classes::Classes;
use super::peel::{
    self, Origins, WINDOWS, Window, any_nan, extent, extent_without_zeros, max_abs, peel,
};
use super::powers::PowersBuilder;
use super::windows::Octet;
use crate::simd::{Kernel, Level, Lines, dispatch};

/// Sums of one window since it was chosen, in its units.
#[derive(Clone, Debug)]
struct Open {
    window: Window,
    /// A block adds less than 2⁵⁷ to each, so they never overflow.
    sums: [i128; WINDOWS],
}

/// Below this many values, setting up the vector kernels costs more than they save.
const FEW: usize = 64;
/// Values for which no table is worth its memory: they are added one by one. There may be a builder
/// for each of very many columns or groups, and a table has some hundred kilobytes.
const WITHOUT_TABLE: usize = 1 << 14;

/// A block is worth its vector kernel if at most one of so many values has to go another way.
const MOST_SMALL: usize = 4;

/// [`Sums`] in the making: blocks of values in, canonical sums out.
#[derive(Clone, Debug)]
pub struct SumsBuilder {
    sums: Sums,
    open: Option<Open>,
    powers: PowersBuilder,
    /// How many values were added one by one instead of through a table.
    one_by_one: usize,
    classes: Option<Classes>,
    bins: Option<Bins>,
}

/// A block holds NaN or an infinity, and was not added.
#[derive(Clone, Copy, Debug)]
pub struct NotFinite;

/// Smallest and largest value in IEEE total order; (+∞, −∞) of nothing.
pub type Extremes = (f64, f64);

impl SumsBuilder {
    /// Most values in one block.
    pub const BLOCK: usize = 8 * peel::BLOCK;

    /// Of nothing; with third and fourth powers if `higher`.
    #[must_use]
    pub fn new(higher: bool) -> Self {
        Self {
            sums: Sums::new(higher),
            open: None,
            powers: PowersBuilder::default(),
            one_by_one: 0,
            classes: None,
            bins: None,
        }
    }

    /// The sums.
    #[must_use]
    pub fn finish(mut self) -> Sums {
        self.close();
        self.powers.close(&mut self.sums);
        if let Some(classes) = self.classes.take() {
            let mut strange = Vec::new();
            classes.finish(&mut self.sums, |values| strange.extend_from_slice(values));
            strange.into_iter().for_each(|value| self.sums.add(value));
        }
        if let Some(bins) = &mut self.bins {
            bins.empty_into(&mut self.sums);
        }
        self.sums
    }

    /// Adds one finite value.
    pub fn add_one(&mut self, value: f64) {
        self.sums.add(value);
    }

    /// Adds an integer of at most 64 bits and a sign.
    pub fn add_integer(&mut self, value: i128) {
        self.sums.add_integer(value);
    }

    /// Adds a block of at most [`SumsBuilder::BLOCK`] values; `ahead` are those that will be read
    /// next, if that is known.
    ///
    /// # Errors
    ///
    /// [`NotFinite`], and then nothing was added, if one is NaN or infinite.
    pub fn add(&mut self, values: &[f64], ahead: &[f64]) -> Result<Extremes, NotFinite> {
        let (octets, rest) =
            if values.len() < FEW { (&[][..], values) } else { values.as_chunks::<8>() };
        if rest.iter().any(|value| !value.is_finite()) {
            return Err(NotFinite);
        }
        let mut extremes = (f64::INFINITY, f64::NEG_INFINITY);
        if !octets.is_empty() {
            extremes = self.add_octets(octets, Lines::of(ahead))?;
        }
        for &value in rest {
            self.sums.add(value);
            extremes = wider(extremes, value);
        }
        Ok(extremes)
    }

    /// Adds the values of a block that are not NaN, and says how many there were; `scratch` has as
    /// many places, and `ahead` is as in [`SumsBuilder::add`].
    ///
    /// In their place zeros are added, which are nothing to a sum.
    ///
    /// # Errors
    ///
    /// [`NotFinite`], and then nothing was added, if one is infinite or all are NaN.
    pub fn add_numbers_of(
        &mut self,
        values: &[f64],
        scratch: &mut [f64],
        ahead: &[f64],
    ) -> Result<(usize, Extremes), NotFinite> {
        let count = numbers_or_zeros(values, scratch);
        let (octets, rest) = values.as_chunks::<8>();
        let (scratch, _) = scratch.as_chunks::<8>();
        if octets.is_empty() || rest.iter().any(|value| value.is_infinite()) {
            return Err(NotFinite);
        }
        let mut extremes = self.add_extended(octets, scratch, Lines::of(ahead))?;
        for &value in rest.iter().filter(|value| !value.is_nan()) {
            self.sums.add(value);
            extremes = wider(extremes, value);
        }
        Ok((count, extremes))
    }

    fn add_octets(&mut self, octets: &[Octet], ahead: Lines) -> Result<Extremes, NotFinite> {
        self.add_extended(octets, octets, ahead)
    }

    /// Adds octets that have the extent of others: of these, without NaN.
    fn add_extended(
        &mut self,
        of: &[Octet],
        octets: &[Octet],
        ahead: Lines,
    ) -> Result<Extremes, NotFinite> {
        let mut extent = extent(of).pooled();
        let (min, max) = (extent.min[0], extent.max[0]);
        let largest = max_abs(min, max);
        if !largest.is_finite() {
            return Err(NotFinite);
        }
        if extent.min_abs[0] == 0.0 {
            extent = extent_without_zeros(octets).pooled();
        }
        if self.sums.higher.is_some() {
            self.add_powers(octets, extent.min_abs[0], largest, ahead)?;
        } else {
            if self.open_window(extent.min_abs[0], largest) {
                self.peel(octets, ahead)?;
            } else {
                self.add_wide(octets.as_flattened(), ahead)?;
            }
        }
        Ok(signed_zeros(min, max, of.as_flattened()))
    }

    /// Adds a block to the sums of all four powers.
    fn add_powers(
        &mut self,
        octets: &[Octet],
        smallest: f64,
        largest: f64,
        ahead: Lines,
    ) -> Result<(), NotFinite> {
        let Some(scale) = self.powers.scale(smallest, largest) else {
            return self.add_to_bins(octets.as_flattened());
        };
        if smallest >= scale.smallest() {
            return self.powers.add(octets, scale, ahead, &mut self.sums);
        }
        // Few values are much smaller than the largest, and zeros in their place are nothing.
        let values = octets.as_flattened();
        let is_small = |value: f64| value.abs() < scale.smallest();
        if values.iter().filter(|&&value| is_small(value)).count() > values.len() / MOST_SMALL {
            return self.add_to_bins(values);
        }
        let small: Vec<f64> = values.iter().copied().filter(|&value| is_small(value)).collect();
        let mut others = [[0.0; 8]; peel::BLOCK];
        for (others, octet) in others.iter_mut().zip(octets) {
            *others = octet.map(|value| if is_small(value) { 0.0 } else { value });
        }
        self.powers.add(&others[..octets.len()], scale, ahead, &mut self.sums)?;
        self.add_to_bins(&small)
    }

    /// Opens a window for values of these sizes, if there is one.
    fn open_window(&mut self, min_abs: f64, max_abs: f64) -> bool {
        if self.open.as_ref().is_some_and(|open| open.window.covers(min_abs, max_abs)) {
            return true;
        }
        let Some(window) = Window::covering(min_abs, max_abs) else { return false };
        self.reopen(window);
        true
    }

    fn reopen(&mut self, window: Window) {
        self.close();
        self.open = Some(Open { window, sums: [0; WINDOWS] });
    }

    /// Adds a block within the bounds of the open window.
    fn peel(&mut self, octets: &[Octet], ahead: Lines) -> Result<(), NotFinite> {
        let open = self.open.as_mut().expect("a window was opened");
        let found = peel(octets, ahead, &Origins::of(open.window)).ok_or(NotFinite)?;
        for (sum, lanes) in open.sums.iter_mut().zip(found) {
            *sum += i128::from(lanes.iter().sum::<i64>());
        }
        Ok(())
    }

    /// Adds a block whose sizes are too far apart for one window.
    fn add_wide(&mut self, values: &[f64], ahead: Lines) -> Result<(), NotFinite> {
        if self.add_without_table(values)? {
            return Ok(());
        }
        let Self { classes, bins, sums, .. } = self;
        classes.get_or_insert_with(Classes::new).add(values, ahead, |strange| {
            bins.get_or_insert_with(|| Bins::new(sums)).add(strange, sums);
        });
        Ok(())
    }

    fn add_to_bins(&mut self, values: &[f64]) -> Result<(), NotFinite> {
        if self.add_without_table(values)? {
            return Ok(());
        }
        let bins = self.bins.get_or_insert_with(|| Bins::new(&self.sums));
        bins.add(values, &mut self.sums);
        Ok(())
    }

    /// Checks for NaN, and adds the values one by one unless there have been many already.
    fn add_without_table(&mut self, values: &[f64]) -> Result<bool, NotFinite> {
        if any_nan(values) {
            return Err(NotFinite);
        }
        if self.one_by_one >= WITHOUT_TABLE {
            return Ok(false);
        }
        self.one_by_one += values.len();
        values.iter().for_each(|&value| self.sums.add(value));
        Ok(true)
    }

    /// Moves the sums of the open window to where they belong.
    fn close(&mut self) {
        if let Some(Open { window, sums, .. }) = self.open.take() {
            self.sums.add_windows(window, &sums);
        }
    }
}

/// Copies the values with zeros in place of NaN, and counts those that are none.
fn numbers_or_zeros(values: &[f64], into: &mut [f64]) -> usize {
    dispatch(NumbersOrZeros { values, into })
}

struct NumbersOrZeros<'a> {
    values: &'a [f64],
    into: &'a mut [f64],
}

impl Kernel for NumbersOrZeros<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Level>(self, _: L) -> usize {
        let mut count = 0_u64;
        for (into, &value) in self.into.iter_mut().zip(self.values) {
            *into = if value.is_nan() { 0.0 } else { value };
            count += u64::from(!value.is_nan());
        }
        count as usize
    }
}

/// Widens the extremes by one value, in total order.
#[must_use]
pub fn wider(extremes: Extremes, value: f64) -> Extremes {
    union(extremes, (value, value))
}

/// The extremes of two sets of values.
#[must_use]
pub fn union(a: Extremes, b: Extremes) -> Extremes {
    let min = if b.0.total_cmp(&a.0).is_lt() { b.0 } else { a.0 };
    let max = if b.1.total_cmp(&a.1).is_gt() { b.1 } else { a.1 };
    (min, max)
}

/// The extremes of finite values, NaN aside, of which `min` and `max` are known up to the sign of zero.
#[must_use]
pub fn signed_zeros(min: f64, max: f64, values: &[f64]) -> Extremes {
    const SIGN: u64 = 1 << 63;
    // With a smallest value of zero, a sign bit is that of a -0.0; and with a largest of zero,
    // a missing one is that of a +0.0.
    let bits = |x: &f64, flip: u64| if x.is_nan() { 0 } else { x.to_bits() ^ flip };
    let any = |flip: u64| values.iter().fold(0, |all, x| all | bits(x, flip)) & SIGN != 0;
    let min = if min == 0.0 { if any(0) { -0.0 } else { 0.0 } } else { min };
    let max = if max == 0.0 { if any(SIGN) { 0.0 } else { -0.0 } } else { max };
    (min, max)
}
