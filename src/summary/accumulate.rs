//! A summary in the making: blocks of values in, canonical parts out.

mod block;
mod weights;

use super::best::{BestBuilder, Id};
use super::column::bad_weight;
use super::distinct::DistinctTally;
use super::histogram::Histogram;
use super::number::Number;
use super::parts::{Counts, Extremes, Parts};
use super::prefixes::PrefixTally;
use super::sketch::SketchTally;
use super::summary::Summary;
use super::sums::{Extremes as Range, Sums, SumsBuilder, WeightedBuilder, set_bits, union, wider};
use super::weighted::{WeightKind, Weighted};
use crate::error::Error;
use block::Kept;

pub(super) use block::{Block, Counting, Owners, blocks};

/// All parts of one summary while values are added.
///
/// Not canonical: it may hold tables that are large, and sums in several places.
#[derive(Debug)]
pub(super) struct Accumulator {
    counts: Counts,
    extremes: Extremes,
    higher: bool,
    /// Whether there are none of the parts below the sums.
    only_sums: bool,
    /// Sums of values that count once.
    sums: SumsBuilder,
    /// Sums of values whose number of times has bit 1, 2, ... set; bit 0 is that of `sums`. For
    /// higher powers, and for integers that no `f64` holds.
    by_bit: Vec<SumsBuilder>,
    /// Sums of values with numbers of times.
    repeated: Option<WeightedBuilder>,
    /// What real weights are, and the sums of values that have some.
    weighted: Option<WeightKind>,
    weighing: Option<WeightedBuilder>,
    /// How many finite values had real weights.
    weighted_count: u64,
    /// Whether the last block had NaN in it: the next one most likely has, too.
    nan_before: bool,
    /// Whether a weight was negative or not finite.
    bad_weight: bool,
    /// Rows so far, with their numbers of times: other counts are right if this fits into 64 bits.
    rows: u128,
    best: BestBuilder,
    prefixes: Option<PrefixTally>,
    sketch: Option<SketchTally>,
    histogram: Option<Histogram>,
    distinct: Option<DistinctTally>,
}

impl Accumulator {
    /// Of nothing, with the settings of empty parts.
    pub(super) fn new(template: &Parts) -> Result<Self, Error> {
        Ok(Self {
            counts: Counts::default(),
            extremes: Extremes::default(),
            higher: template.sums.higher.is_some(),
            only_sums: template.has_only_sums(),
            sums: SumsBuilder::new(template.sums.higher.is_some()),
            by_bit: Vec::new(),
            repeated: None,
            weighted: template.weighted.as_ref().map(|weighted| weighted.kind),
            weighing: None,
            weighted_count: 0,
            nan_before: false,
            bad_weight: false,
            rows: 0,
            best: template.best.builder(),
            prefixes: template.prefixes.as_ref().map(PrefixTally::new),
            sketch: template.sketch.as_ref().map(SketchTally::new),
            histogram: template.histogram.as_ref().map(Histogram::empty).transpose()?,
            distinct: template.distinct.as_ref().map(|_| DistinctTally::new()),
        })
    }

    /// The parts.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there was no room for some of the values, [`Error::TooMany`] if numbers
    /// of times were too large together, [`Error::InvalidArgument`] if a weight was none.
    pub(super) fn finish(mut self) -> Result<Parts, Error> {
        if self.bad_weight {
            return Err(bad_weight());
        }
        if u64::try_from(self.rows).is_err() {
            return Err(Error::TooMany);
        }
        let (sums, weighted) = self.finish_sums();
        Ok(Parts {
            counts: self.counts,
            extremes: self.extremes,
            sums,
            weighted,
            best: self.best.finish()?,
            prefixes: self.prefixes.map(PrefixTally::finish).transpose()?,
            sketch: self.sketch.map(SketchTally::finish),
            histogram: self.histogram,
            distinct: self.distinct.map(DistinctTally::finish),
        })
    }

    /// The sums of values that count once, and the counts and extremes that go with them: for
    /// kernels that work on several columns at once.
    pub(super) fn sums_mut(&mut self) -> &mut SumsBuilder {
        &mut self.sums
    }

    /// Notes finite values that were added to [`Accumulator::sums_mut`].
    pub(super) fn note(&mut self, count: usize, (min, max): Range) {
        self.count_finite(count as u64);
        if min <= max {
            self.extremes.take(min.into(), max.into());
        }
    }

    /// Counts nulls.
    pub(super) fn add_nulls(&mut self, times: u64) {
        self.counts.null_count = self.counts.null_count.wrapping_add(times);
        self.rows += u128::from(times);
    }

    fn add_nan(&mut self, times: u64) {
        self.counts.nan_count = self.counts.nan_count.wrapping_add(times);
        self.rows += u128::from(times);
    }

    /// Adds one number, NaN included.
    pub(super) fn add_number(
        &mut self,
        number: Number,
        id: impl FnOnce() -> Result<Id, Error>,
        times: u64,
    ) {
        let value = number.nearest();
        if times == 0 {
            return;
        }
        if value.is_nan() {
            self.add_nan(times);
            return;
        }
        if value.is_finite() {
            for bit in set_bits(times) {
                match number.integer().filter(|_| !number.is_f64()) {
                    Some(integer) => self.sums_of_bit(bit).add_integer(integer),
                    None => self.sums_of_bit(bit).add_one(value),
                }
            }
        }
        self.count_numbers(value, times);
        self.add_number_to_parts(number, id, times);
    }

    /// Adds one number to all parts but the sums and counts.
    fn add_number_to_parts(
        &mut self,
        number: Number,
        id: impl FnOnce() -> Result<Id, Error>,
        times: u64,
    ) {
        let value = number.nearest();
        self.extremes.take(number, number);
        self.best.offer(number, id, times);
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.add_times(value, times);
        }
        if let Some(sketch) = &mut self.sketch {
            sketch.add_times(value, times);
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.add_times(number, times);
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.add_number(number);
        }
    }

    fn count_numbers(&mut self, value: f64, times: u64) {
        self.rows += u128::from(times);
        let Counts { count, positive_infinity_count, negative_infinity_count, .. } =
            &mut self.counts;
        *count = count.wrapping_add(times);
        if value == f64::INFINITY {
            *positive_infinity_count = positive_infinity_count.wrapping_add(times);
        } else if value == f64::NEG_INFINITY {
            *negative_infinity_count = negative_infinity_count.wrapping_add(times);
        }
    }

    fn sums_of_bit(&mut self, bit: usize) -> &mut SumsBuilder {
        let Some(index) = bit.checked_sub(1) else { return &mut self.sums };
        while self.by_bit.len() <= index {
            self.by_bit.push(SumsBuilder::new(self.higher));
        }
        &mut self.by_bit[index]
    }

    /// Adds a block.
    pub(super) fn add(&mut self, block: &Block<'_, '_>) {
        if !matches!(block.counting, Counting::Once) {
            return self.add_counted(block);
        }
        if self.nan_before && self.add_numbers_of(block) {
            return;
        }
        if let Ok(extremes) = self.sums.add(block.values, block.ahead) {
            self.note(block.values.len(), extremes);
            self.add_to_parts(block, extremes);
        } else {
            self.add_mixed(block);
        }
    }

    /// Adds a block with NaN in it, if nothing but sums, counts and extremes is asked for.
    fn add_numbers_of(&mut self, block: &Block<'_, '_>) -> bool {
        if !self.only_sums || !matches!(block.counting, Counting::Once) {
            return false;
        }
        let mut scratch = [0.0; SumsBuilder::BLOCK];
        let scratch = &mut scratch[..block.values.len()];
        let added = self.sums.add_numbers_of(block.values, scratch, block.ahead);
        let counted = added.as_ref().map_or(block.values.len(), |(count, _)| *count);
        self.nan_before = counted < block.values.len();
        let Ok((count, extremes)) = added else { return false };
        self.note(count, extremes);
        self.add_nan((block.values.len() - count) as u64);
        true
    }

    /// Adds a block with NaN or infinities in it, or with weights that are not added at once.
    fn add_mixed(&mut self, block: &Block<'_, '_>) {
        if self.add_numbers_of(block) {
            return;
        }
        let kept = Kept::of(block);
        self.bad_weight |= kept.bad_weight;
        self.add_nan(kept.nan_count);
        if kept.values.is_empty() || kept.bad_weight {
            return;
        }
        let mut infinite = (f64::INFINITY, f64::NEG_INFINITY);
        for (index, &value) in kept.values.iter().enumerate() {
            if value.is_infinite() {
                self.count_numbers(value, kept.times(index));
                infinite = wider(infinite, value);
            }
        }
        let finite = self.add_finite_of(&kept);
        let extremes = union(infinite, finite);
        // Not through `note`: it takes finite values only.
        self.extremes.take(extremes.0.into(), extremes.1.into());
        let counting = kept.counting_to_parts();
        let owners = Owners { rows: Some(&kept.rows), ..block.owners };
        self.add_to_parts(&Block { values: &kept.values, counting, ahead: &[], owners }, extremes);
    }

    /// Adds values other than NaN to all parts but the sums.
    fn add_to_parts(&mut self, block: &Block<'_, '_>, (min, max): Range) {
        let Block { values, .. } = *block;
        let times = block.counting.times();
        if self.best.admits(min.into()) || self.best.admits(max.into()) {
            self.offer(block);
        }
        if let Some(prefixes) = &mut self.prefixes {
            match times {
                None => prefixes.add(values),
                Some(times) => {
                    values.iter().zip(times).for_each(|(&v, &times)| prefixes.add_times(v, times));
                }
            }
        }
        if let Some(sketch) = &mut self.sketch {
            match times {
                None => sketch.add(values),
                Some(times) => {
                    values.iter().zip(times).for_each(|(&v, &times)| sketch.add_times(v, times));
                }
            }
        }
        if let Some(histogram) = &mut self.histogram {
            match times {
                None => histogram.add(values),
                Some(times) => values
                    .iter()
                    .zip(times)
                    .for_each(|(&v, &times)| histogram.add_times(v.into(), times)),
            }
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.add(values);
        }
    }

    /// Offers those values of a block that could be among the best.
    fn offer(&mut self, block: &Block<'_, '_>) {
        for (eighth, values) in block.values.chunks(8).enumerate() {
            // After the first blocks hardly a value is admitted: most eights fall at once.
            let (low, high) = values.iter().fold((values[0], values[0]), |(low, high), &value| {
                (if value < low { value } else { low }, if value > high { value } else { high })
            });
            // Of two zeros the comparison above takes either; these are the extreme ones.
            let low = if low == 0.0 { -0.0 } else { low };
            let high = if high == 0.0 { 0.0 } else { high };
            if !(self.best.admits(low.into()) || self.best.admits(high.into())) {
                continue;
            }
            for (index, &value) in (8 * eighth..).zip(values) {
                let times = block.counting.times().map_or(1, |times| times[index]);
                self.best.offer(value.into(), || block.owners.id(index), times);
            }
        }
    }
}

impl Summary {
    /// Adds one value `times` times; `None` is a null.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] and [`Error::Memory`], and then nothing was added.
    pub fn push(
        &mut self,
        value: Option<Number>,
        id: impl FnOnce() -> Result<Id, Error>,
        times: u64,
    ) -> Result<(), Error> {
        let mut accumulator = Accumulator::new(&self.empty_parts()?)?;
        match value {
            None => accumulator.add_nulls(times),
            Some(value) => accumulator.add_number(value, id, times),
        }
        self.try_merge(&Self::from(accumulator.finish()?))
    }
}
