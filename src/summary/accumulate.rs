//! A summary in the making: blocks of values in, canonical parts out.

use super::best::{BestBuilder, Id};
use super::column::Ids;
use super::distinct::DistinctTally;
use super::histogram::Histogram;
use super::number::Number;
use super::parts::{Counts, Extremes, Parts};
use super::prefixes::PrefixTally;
use super::sketch::SketchTally;
use super::summary::Summary;
use super::sums::{Extremes as Range, SumsBuilder, set_bits, union, wider};
use crate::error::Error;

/// Some values of a column, next to one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'b, 'd> {
    /// At most [`SumsBuilder::BLOCK`] values.
    pub(super) values: &'b [f64],
    /// How often each of them counts; `None` for once.
    pub(super) times: Option<&'b [u64]>,
    /// What will be read next, if that is known.
    pub(super) ahead: &'b [f64],
    /// Whose they are.
    pub(super) owners: Owners<'b, 'd>,
}

/// Whose the values of a block are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owners<'b, 'd> {
    pub(super) ids: Ids<'d>,
    /// Row of the block's beginning.
    pub(super) first: usize,
    /// Row of each value, counted from there; `None` if no row was left out.
    pub(super) rows: Option<&'b [u32]>,
}

impl Owners<'_, '_> {
    /// The id of the value at that place of the block.
    pub(super) fn id(&self, index: usize) -> Result<Id, Error> {
        let row = self.first + self.rows.map_or(index, |rows| rows[index] as usize);
        match self.ids {
            Ids::Range { start, step } => Ok(Id::Integer(start + step * row as i128)),
            Ids::I64(ids) => Ok(Id::Integer(ids[row].into())),
            Ids::U64(ids) => Ok(Id::Integer(ids[row].into())),
            Ids::Given(ids) => ids[row].copied(),
        }
    }
}

/// The values of a block that are numbers and count.
struct Kept {
    values: Vec<f64>,
    /// As in [`Owners`].
    rows: Vec<u32>,
    /// As in [`Block`]; empty if all count once.
    times: Vec<u64>,
    nan_count: u64,
}

impl Kept {
    fn of(block: &Block<'_, '_>) -> Self {
        let length = block.values.len();
        let weights = if block.times.is_some() { length } else { 0 };
        let mut kept = Self {
            values: vec![0.0; length],
            rows: vec![0; length],
            times: vec![0; weights],
            nan_count: 0,
        };
        let mut count = 0;
        for (index, &value) in block.values.iter().enumerate() {
            // Without a branch: where NaN are cannot be foreseen.
            kept.values[count] = value;
            kept.rows[count] = block.owners.rows.map_or(index as u32, |rows| rows[index]);
            let times = block.times.map_or(1, |times| times[index]);
            if let Some(kept) = kept.times.get_mut(count) {
                *kept = times;
            }
            kept.nan_count += if value.is_nan() { times } else { 0 };
            count += usize::from(!value.is_nan() & (times > 0));
        }
        kept.values.truncate(count);
        kept.rows.truncate(count);
        kept.times.truncate(count);
        kept
    }

    fn times(&self, index: usize) -> u64 {
        self.times.get(index).copied().unwrap_or(1)
    }
}

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
    /// Sums of values whose number of times has bit 1, 2, ... set; bit 0 is that of `sums`.
    by_bit: Vec<SumsBuilder>,
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
            best: template.best.builder(),
            prefixes: template.prefixes.as_ref().map(PrefixTally::new),
            sketch: template.sketch.as_ref().map(SketchTally::new),
            histogram: template.histogram.as_ref().map(Histogram::empty).transpose()?,
            distinct: template.distinct.as_ref().map(|_| DistinctTally::new()),
        })
    }

    /// The parts; fails if there was no room for some of the values.
    pub(super) fn finish(self) -> Result<Parts, Error> {
        let mut sums = self.sums.finish();
        for (bit, builder) in (1..).zip(self.by_bit) {
            sums.merge_shifted(&builder.finish(), bit);
        }
        Ok(Parts {
            counts: self.counts,
            extremes: self.extremes,
            sums,
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
        self.counts.count += count as u64;
        if min <= max {
            self.extremes.take(min.into(), max.into());
        }
    }

    /// Counts nulls.
    pub(super) fn add_nulls(&mut self, times: u64) {
        self.counts.null_count += times;
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
            self.counts.nan_count += times;
            return;
        }
        self.count_numbers(value, times);
        self.extremes.take(number, number);
        if value.is_finite() {
            for bit in set_bits(times) {
                match number.integer().filter(|_| !number.is_f64()) {
                    Some(integer) => self.sums_of_bit(bit).add_integer(integer),
                    None => self.sums_of_bit(bit).add_one(value),
                }
            }
        }
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
        let counts = &mut self.counts;
        counts.count += times;
        if value == f64::INFINITY {
            counts.positive_infinity_count += times;
        } else if value == f64::NEG_INFINITY {
            counts.negative_infinity_count += times;
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
        if block.times.is_none()
            && let Ok(extremes) = self.sums.add(block.values, block.ahead)
        {
            self.note(block.values.len(), extremes);
            self.add_to_parts(block, extremes);
        } else {
            self.add_mixed(block);
        }
    }

    /// Adds a block with NaN in it, if nothing but sums, counts and extremes is asked for.
    fn add_numbers_of(&mut self, block: &Block<'_, '_>) -> bool {
        if !self.only_sums || block.times.is_some() {
            return false;
        }
        let mut scratch = [0.0; SumsBuilder::BLOCK];
        let scratch = &mut scratch[..block.values.len()];
        let Ok((count, extremes)) = self.sums.add_numbers_of(block.values, scratch) else {
            return false;
        };
        self.note(count, extremes);
        self.counts.nan_count += (block.values.len() - count) as u64;
        true
    }

    /// Adds a block with weights, or with NaN or infinities in it.
    fn add_mixed(&mut self, block: &Block<'_, '_>) {
        if self.add_numbers_of(block) {
            return;
        }
        let kept = Kept::of(block);
        self.counts.nan_count += kept.nan_count;
        if kept.values.is_empty() {
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
        let times = block.times.map(|_| &kept.times[..]);
        let owners = Owners { rows: Some(&kept.rows), ..block.owners };
        self.add_to_parts(&Block { values: &kept.values, times, ahead: &[], owners }, extremes);
    }

    /// Adds what is finite to counts and sums, and returns its extremes. A value that counts w
    /// times is added once for each bit that is set in w, to the sums that count 2^bit times in
    /// the end.
    fn add_finite_of(&mut self, kept: &Kept) -> Range {
        let bits = (0..kept.values.len()).fold(0, |all, index| all | kept.times(index));
        let mut extremes = (f64::INFINITY, f64::NEG_INFINITY);
        let mut chosen = vec![0.0; kept.values.len()];
        for bit in set_bits(bits) {
            let mut count = 0;
            for (index, &value) in kept.values.iter().enumerate() {
                // Without a branch: which values are chosen cannot be foreseen.
                chosen[count] = value;
                let counts = kept.times(index) >> bit & 1 == 1;
                count += usize::from(counts & value.is_finite());
            }
            self.counts.count += (count as u64) << bit;
            let added = self.sums_of_bit(bit).add(&chosen[..count], &[]);
            debug_assert!(added.is_ok(), "only finite values were chosen");
            extremes = union(extremes, added.unwrap_or(extremes));
        }
        extremes
    }

    /// Adds values other than NaN to all parts but the sums.
    fn add_to_parts(&mut self, block: &Block<'_, '_>, (min, max): Range) {
        let Block { values, times, .. } = *block;
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
                let times = block.times.map_or(1, |times| times[index]);
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
