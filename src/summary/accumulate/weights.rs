//! How values that count more or less than once get into an [`Accumulator`].

use super::block::{Kept, blocks};
use super::{Accumulator, Block, Counting, Owners, Range, Sums, SumsBuilder, Weighted};
use super::{WeightedBuilder, set_bits, union, wider};
use crate::error::Error;
use crate::simd::Lines;
use crate::summary::best::Id;
use crate::summary::column::is_weight;
use crate::summary::number::Number;
use crate::summary::sums::{Ahead, Live, split};

/// Extremes of nothing.
const NONE: Range = (f64::INFINITY, f64::NEG_INFINITY);
/// Nothing is known of what will be read.
const NOTHING: Ahead = [Lines::NONE; 2];

/// What lies behind some numbers in memory, as many lines of it: most likely the next ones. To fetch
/// what is none does no harm.
fn behind<T>(numbers: &[T]) -> Lines {
    Lines::at(numbers.as_ptr_range().end.cast(), size_of_val(numbers).div_ceil(64))
}

impl Accumulator {
    /// The sums of everything, or those with weights.
    pub(super) fn finish_sums(&mut self) -> (Sums, Option<Box<Weighted>>) {
        let empty = SumsBuilder::new(self.higher);
        let mut sums = std::mem::replace(&mut self.sums, empty).finish();
        for (bit, builder) in (1..).zip(std::mem::take(&mut self.by_bit)) {
            sums.merge_shifted(&builder.finish(), bit);
        }
        if let Some(repeated) = self.repeated.take().map(WeightedBuilder::finish) {
            sums.first.merge_wide(&repeated.first);
            sums.second.merge_wide(&repeated.second);
        }
        let Some(kind) = self.weighted else { return (sums, None) };
        let mut weighted = Box::new(Weighted::new(kind));
        weighted.add_plain(self.counts.finite_count() - self.weighted_count, &sums);
        if let Some(weighing) = self.weighing.take() {
            weighted.sums.merge(&weighing.finish());
        }
        (Sums::new(false), Some(weighted))
    }

    /// Adds one number that counts as the first one of these, NaN included.
    pub(in crate::summary) fn add_counted_number(
        &mut self,
        number: Number,
        id: impl FnOnce() -> Result<Id, Error>,
        counting: Counting<'_>,
    ) {
        match counting {
            Counting::Once => self.add_number(number, id, 1),
            Counting::Times(times) => self.add_number(number, id, times[0]),
            Counting::Weights(weights) => self.add_weighted_number(number, id, weights[0]),
        }
    }

    /// Adds one number with a weight, NaN included.
    fn add_weighted_number(
        &mut self,
        number: Number,
        id: impl FnOnce() -> Result<Id, Error>,
        weight: f64,
    ) {
        let value = number.nearest();
        self.check_weight(weight);
        if weight == 0.0 || self.bad_weight {
            return;
        }
        if value.is_nan() {
            self.add_nan(1);
            return;
        }
        self.count_numbers(value, 1);
        if value.is_finite() {
            self.weighted_count += 1;
            let (mantissa, bit) = split(value);
            let scaled = match number.integer().filter(|_| !number.is_f64()) {
                Some(integer) => (integer, Sums::POINT),
                None => (mantissa.into(), bit),
            };
            self.weighing().sums_mut().add(scaled, weight);
        }
        self.add_number_to_parts(number, id, 1);
    }

    /// Counts a null as the first one of these.
    pub(in crate::summary) fn add_counted_null(&mut self, counting: Counting<'_>) {
        match counting {
            Counting::Once => self.add_nulls(1),
            Counting::Times(times) => self.add_nulls(times[0]),
            Counting::Weights(weights) => {
                self.check_weight(weights[0]);
                self.add_nulls(u64::from(weights[0] > 0.0));
            }
        }
    }

    /// Notes signed numbers of times, or-ed together: whether one is negative.
    pub(in crate::summary) fn note_signed(&mut self, all: u64) {
        self.bad_weight |= all > i64::MAX as u64;
    }

    fn check_weight(&mut self, weight: f64) {
        self.bad_weight |= !is_weight(weight);
    }

    fn repeated(&mut self) -> &mut WeightedBuilder {
        self.repeated.get_or_insert_with(|| WeightedBuilder::new(true))
    }

    fn weighing(&mut self) -> &mut WeightedBuilder {
        self.weighing.get_or_insert_with(|| WeightedBuilder::new(false))
    }

    /// Adds a block with numbers of times or weights: in parts that the kernels take, if they do.
    pub(super) fn add_counted(&mut self, block: &Block<'_, '_>) {
        for part in blocks(0..block.values.len(), WeightedBuilder::BLOCK) {
            let (owners, first) = match block.owners.rows {
                Some(rows) => (Owners { rows: Some(&rows[part.clone()]), ..block.owners }, 0),
                None => (block.owners, part.start),
            };
            let part = Block {
                values: &block.values[part.clone()],
                counting: block.counting.part(part),
                ahead: &[],
                owners: Owners { first: owners.first + first, ..owners },
            };
            if !self.add_at_once(&part) {
                self.add_mixed(&part);
            }
        }
    }

    /// Adds a block in which nothing is strange.
    fn add_at_once(&mut self, block: &Block<'_, '_>) -> bool {
        let (live, count) = match block.counting {
            Counting::Once => return false,
            Counting::Times(times) => match self.add_times(block.values, times, self.only_sums) {
                Some(added) => added,
                None => return false,
            },
            Counting::Weights(weights) => {
                // Other parts do not pass over weights of 0.
                if !self.only_sums && weights.contains(&0.0) {
                    return false;
                }
                let Ok(live) = self.weighing().add(
                    block.values,
                    weights,
                    [behind(block.values), behind(weights)],
                ) else {
                    return false;
                };
                self.weighted_count += live.count as u64;
                (live, live.count as u64)
            }
        };
        let (min, max) = live.extremes;
        self.count_finite(count);
        if min <= max {
            self.extremes.take(min.into(), max.into());
            self.add_to_parts(block, live.extremes);
        }
        true
    }

    /// Adds finite values with their numbers of times to the sums; also how often they count.
    fn add_times(&mut self, values: &[f64], times: &[u64], zeros: bool) -> Option<(Live, u64)> {
        if self.higher || (!zeros && times.contains(&0)) {
            return None;
        }
        let ahead = [behind(values), behind(times)];
        self.repeated().add_times(values, times, ahead)
    }

    /// Adds what is finite to counts and sums, and returns its extremes.
    pub(super) fn add_finite_of(&mut self, kept: &Kept) -> Range {
        let mut extremes = NONE;
        for part in blocks(0..kept.values.len(), WeightedBuilder::BLOCK) {
            let finite = |index: &usize| kept.values[*index].is_finite();
            let places: Vec<usize> = part.filter(finite).collect();
            let values: Vec<f64> = places.iter().map(|&place| kept.values[place]).collect();
            let added = if !kept.weights.is_empty() {
                let weights: Vec<f64> = places.iter().map(|&place| kept.weights[place]).collect();
                self.add_finite_weighted(&values, &weights)
            } else if !kept.times.is_empty() {
                let times: Vec<u64> = places.iter().map(|&place| kept.times[place]).collect();
                self.add_finite_times(&values, &times)
            } else {
                let added = self.sums.add(&values, &[]);
                self.count_finite(values.len() as u64);
                added.unwrap_or(NONE)
            };
            extremes = union(extremes, added);
        }
        extremes
    }

    pub(super) fn count_finite(&mut self, count: u64) {
        self.counts.count = self.counts.count.wrapping_add(count);
        self.rows += u128::from(count);
    }

    fn add_finite_weighted(&mut self, values: &[f64], weights: &[f64]) -> Range {
        let added = self.weighing().add(values, weights, NOTHING);
        debug_assert!(added.is_ok(), "only finite values and weights were chosen");
        self.weighted_count += values.len() as u64;
        self.count_finite(values.len() as u64);
        added.map_or(NONE, |live| live.extremes)
    }

    fn add_finite_times(&mut self, values: &[f64], times: &[u64]) -> Range {
        if let Some((live, count)) = self.add_times(values, times, true) {
            self.count_finite(count);
            return live.extremes;
        }
        let mut extremes = NONE;
        for (&value, &times) in values.iter().zip(times) {
            self.count_numbers(value, times);
            extremes = wider(extremes, value);
            if !self.higher {
                self.repeated().sums_mut().add_times(value, times);
            }
        }
        if self.higher {
            self.add_by_bit(values, times);
        }
        extremes
    }

    /// Adds a value that counts w times once for each bit that is set in w, to the sums that count
    /// 2^bit times in the end.
    fn add_by_bit(&mut self, values: &[f64], times: &[u64]) {
        let bits = times.iter().fold(0, |all, times| all | times);
        let mut chosen = vec![0.0; values.len()];
        for bit in set_bits(bits) {
            let mut count = 0;
            for (&value, &times) in values.iter().zip(times) {
                // Without a branch: which values are chosen cannot be foreseen.
                chosen[count] = value;
                count += usize::from(times >> bit & 1 == 1);
            }
            let added = self.sums_of_bit(bit).add(&chosen[..count], &[]);
            debug_assert!(added.is_ok(), "only finite values were chosen");
        }
    }
}
