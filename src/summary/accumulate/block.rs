//! What is added at once, and what of it counts.

use std::ops::Range;

use crate::error::Error;
use crate::summary::best::Id;
use crate::summary::column::{Ids, is_weight};

/// Rows in blocks of `size`, the last one possibly shorter.
pub(in crate::summary) fn blocks(
    rows: Range<usize>,
    size: usize,
) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(size).map(move |start| start..(start + size).min(end))
}

/// Some values of a column, next to one another.
#[derive(Clone, Copy, Debug)]
pub(in crate::summary) struct Block<'b, 'd> {
    /// At most [`BLOCK`](crate::summary::sums::SumsBuilder::BLOCK) values.
    pub(in crate::summary) values: &'b [f64],
    /// How much each of them counts.
    pub(in crate::summary) counting: Counting<'b>,
    /// What will be read next, if that is known.
    pub(in crate::summary) ahead: &'b [f64],
    /// Whose they are.
    pub(in crate::summary) owners: Owners<'b, 'd>,
}

/// How much values count.
#[derive(Clone, Copy, Debug)]
pub(in crate::summary) enum Counting<'b> {
    /// Once.
    Once,
    /// So many times.
    Times(&'b [u64]),
    /// Once, with weights in the sums; those of weight 0 are not there at all.
    Weights(&'b [f64]),
}

impl<'b> Counting<'b> {
    /// The numbers of times, if there are any.
    pub(in crate::summary) fn times(self) -> Option<&'b [u64]> {
        match self {
            Self::Times(times) => Some(times),
            Self::Once | Self::Weights(_) => None,
        }
    }

    /// That of some of the values.
    pub(in crate::summary) fn part(self, places: Range<usize>) -> Self {
        match self {
            Self::Once => Self::Once,
            Self::Times(times) => Self::Times(&times[places]),
            Self::Weights(weights) => Self::Weights(&weights[places]),
        }
    }

    /// How often the value at that place counts, and with which weight.
    pub(super) fn at(self, index: usize) -> (u64, f64) {
        match self {
            Self::Once => (1, 1.0),
            Self::Times(times) => (times[index], 1.0),
            // Also one that is none: it will be told.
            Self::Weights(weights) => (u64::from(weights[index] != 0.0), weights[index]),
        }
    }
}

/// Whose the values of a block are.
#[derive(Clone, Copy, Debug)]
pub(in crate::summary) struct Owners<'b, 'd> {
    pub(in crate::summary) ids: Ids<'d>,
    /// Row of the block's beginning.
    pub(in crate::summary) first: usize,
    /// Row of each value, counted from there; `None` if no row was left out.
    pub(in crate::summary) rows: Option<&'b [u32]>,
}

impl Owners<'_, '_> {
    /// The id of the value at that place of the block.
    pub(in crate::summary) fn id(&self, index: usize) -> Result<Id, Error> {
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
pub(super) struct Kept {
    pub(super) values: Vec<f64>,
    /// As in [`Owners`].
    pub(super) rows: Vec<u32>,
    /// As in [`Block`]; empty if all count once.
    pub(super) times: Vec<u64>,
    /// As in [`Block`]; empty if there are none.
    pub(super) weights: Vec<f64>,
    pub(super) nan_count: u64,
    /// Whether a weight is negative or not finite.
    pub(super) bad_weight: bool,
}

impl Kept {
    pub(super) fn of(block: &Block<'_, '_>) -> Self {
        let length = block.values.len();
        let room = |wanted: bool| if wanted { length } else { 0 };
        let mut kept = Self {
            values: vec![0.0; length],
            rows: vec![0; length],
            times: vec![0; room(matches!(block.counting, Counting::Times(_)))],
            weights: vec![0.0; room(matches!(block.counting, Counting::Weights(_)))],
            nan_count: 0,
            bad_weight: false,
        };
        let mut count = 0;
        for (index, &value) in block.values.iter().enumerate() {
            // Without a branch: where NaN are cannot be foreseen.
            kept.values[count] = value;
            kept.rows[count] = block.owners.rows.map_or(index as u32, |rows| rows[index]);
            let (times, weight) = block.counting.at(index);
            if let Some(kept) = kept.times.get_mut(count) {
                *kept = times;
            }
            if let Some(kept) = kept.weights.get_mut(count) {
                *kept = weight;
            }
            kept.bad_weight |= !is_weight(weight);
            // Wrapping: too many are found out by their sum.
            kept.nan_count = kept.nan_count.wrapping_add(if value.is_nan() { times } else { 0 });
            count += usize::from(!value.is_nan() & (times > 0));
        }
        kept.values.truncate(count);
        kept.rows.truncate(count);
        kept.times.truncate(count);
        kept.weights.truncate(count);
        kept
    }

    pub(super) fn times(&self, index: usize) -> u64 {
        self.times.get(index).copied().unwrap_or(1)
    }

    /// How much they count in all parts but the sums.
    pub(super) fn counting_to_parts(&self) -> Counting<'_> {
        if self.times.is_empty() { Counting::Once } else { Counting::Times(&self.times) }
    }
}
