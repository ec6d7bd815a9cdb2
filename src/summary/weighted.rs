//! Real weights: what their sums mean, and how those of values without weights join them.

use super::parts::Counts;
use super::sums::{First, Second, Sums, Third, WeightedSums};
use crate::bytes::{Reader, Writer};
use crate::error::Error;

/// What real weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightKind {
    /// How often each value was seen: n is Σw.
    Frequency,
    /// How far each value is to be trusted: a multiple of all changes nothing.
    Reliability,
}

impl WeightKind {
    /// Both, by their names.
    pub const ALL: [(&'static str, Self); 2] =
        [("frequency", Self::Frequency), ("reliability", Self::Reliability)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frequency => "frequency",
            Self::Reliability => "reliability",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, kind)| (known == name).then_some(kind))
    }
}

/// Sums over the finite values with their weights, in place of [`Sums`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Weighted {
    pub(super) kind: WeightKind,
    pub(super) sums: WeightedSums,
}

impl Weighted {
    /// Of nothing.
    pub(super) fn new(kind: WeightKind) -> Self {
        Self { kind, sums: WeightedSums::ZERO }
    }

    /// Adds the sums of that many values, which weigh 1.
    pub(super) fn add_plain(&mut self, finite_count: u64, sums: &Sums) {
        self.sums.weight.add_units(finite_count.into(), 0);
        self.sums.square.add_units(finite_count.into(), 0);
        self.sums.first.merge_wide(&sums.first);
        self.sums.second.merge_wide(&sums.second);
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.u8(self.kind as u8);
        self.sums.weight.encode(writer);
        self.sums.square.encode(writer);
        self.sums.first.encode(writer);
        self.sums.second.encode(writer);
    }

    /// Reads what [`Weighted::encode`] wrote of so many values.
    pub(super) fn decode(reader: &mut Reader<'_>, counts: &Counts) -> Result<Self, Error> {
        let kind = match reader.u8("the kind of weights")? {
            0 => WeightKind::Frequency,
            1 => WeightKind::Reliability,
            _ => return Err(reader.corrupt("the kind of weights", "none of those there are")),
        };
        let count = counts.finite_count();
        let sums = WeightedSums {
            weight: First::decode(reader, count)?,
            square: Second::decode(reader, count)?,
            first: Second::decode(reader, count)?,
            second: Third::decode(reader, count)?,
        };
        let positive = |negative: bool, zero: bool| !negative && zero == (count == 0);
        let possible = positive(sums.weight.is_negative(), sums.weight.is_zero())
            && positive(sums.square.is_negative(), sums.square.is_zero())
            && !sums.second.is_negative()
            && (!sums.second.is_zero() || sums.first.is_zero());
        if !possible {
            return Err(reader.corrupt("the sums of weights", "in contradiction to each other"));
        }
        Ok(Self { kind, sums })
    }
}
