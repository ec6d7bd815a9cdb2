//! Counts between given edges, as `numpy.histogram` counts.
//!
//! Bins hold their left edge and not their right one, except that the last bin holds both. What
//! lies outside is counted too, below and above. Counts saturate at 2⁶⁴ - 1, which, as
//! min(a + b, 2⁶⁴ - 1), leaves their sum associative and commutative.

mod edges;

use std::sync::Arc;

use self::edges::{Edges, common, fault};
use super::number::Number;
use super::subtract::never_added;
use crate::bytes::{Reader, Writer};
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "a histogram";

/// How many values lie between each edge and the next.
#[derive(Debug, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(Clone))]
pub struct Histogram {
    edges: Arc<Edges>,
    /// Below, every bin, above.
    counts: Box<[u64]>,
}

impl Histogram {
    /// Of nothing, with these edges.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] unless there are at least two edges, finite and strictly
    /// increasing, [`Error::Memory`] if there is no room for the counts.
    pub fn new(edges: &[f64]) -> Result<Self, Error> {
        match fault(edges) {
            None => Self::with_edges(memory::copied(edges, WHAT)?),
            Some(message) => Err(Error::InvalidArgument { name: "histogram", message }),
        }
    }

    /// Of nothing, with edges as they have to be.
    fn with_edges(edges: Vec<f64>) -> Result<Self, Error> {
        let counts = memory::filled(edges.len() + 1, 0, WHAT)?.into();
        Ok(Self { edges: Arc::new(Edges::new(edges.into())), counts })
    }

    /// The same edges, and nothing counted.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the counts.
    pub fn empty(&self) -> Result<Self, Error> {
        let counts = memory::filled(self.counts.len(), 0, WHAT)?.into();
        Ok(Self { edges: self.edges.clone(), counts })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::empty`].
    pub fn copied(&self) -> Result<Self, Error> {
        let counts = memory::copied(&self.counts, WHAT)?.into();
        Ok(Self { edges: self.edges.clone(), counts })
    }

    /// The edges: one more than bins.
    #[must_use]
    pub fn edges(&self) -> &[f64] {
        &self.edges.values
    }

    /// How many values lie below the first edge, in each bin, and above the last edge.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts values: infinities are below or above. There must be no NaN.
    pub fn add(&mut self, values: &[f64]) {
        let edges = &*self.edges;
        match edges.density {
            Some(density) => {
                for &value in values {
                    let count = &mut self.counts[edges.slot_near(value, density)];
                    *count = count.saturating_add(1);
                }
            }
            None => {
                for &value in values {
                    let count = &mut self.counts[edges.slot(value)];
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Counts a number as often as said; exact also for integers that no `f64` holds.
    pub fn add_times(&mut self, number: Number, times: u64) {
        let edges = &*self.edges;
        let slot = if number.is_f64() {
            edges.slot(number.nearest())
        } else {
            // Such a number is on no edge.
            edges.values.partition_point(|&edge| Number::from(edge) < number)
        };
        self.counts[slot] = self.counts[slot].saturating_add(times);
    }

    /// Adds the counts of another histogram; between different edges, of the bins that both can
    /// be joined to: those between the edges they have in common.
    ///
    /// The last edges must be equal, since a value on the last edge is counted below it, and a
    /// value on any other edge above. So a merge of several succeeds or fails, with the same
    /// result, in any order.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if fewer than two edges are common or the last edges differ,
    /// [`Error::Memory`] if there is no room for those; `self` then stays as it is.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.edges == other.edges {
            add_counts(&mut self.counts, &other.counts);
            return Ok(());
        }
        let common = common(self.edges(), other.edges())?;
        if common.len() < 2 || self.edges.last() != other.edges.last() {
            return Err(Error::Incompatible { left: self.describe(), right: other.describe() });
        }
        let mut merged = Self::with_edges(memory::copied(&common, WHAT)?)?;
        self.join_bins_into(&mut merged);
        other.join_bins_into(&mut merged);
        *self = merged;
        Ok(())
    }

    /// The counts that are left without those of another histogram; between different edges, of
    /// the bins that both can be joined to, as in [`Histogram::merge`].
    ///
    /// # Errors
    ///
    /// [`Error::NeverAdded`] naming a bin that has fewer, and those of [`Histogram::merge`].
    pub fn minus(&self, other: &Self) -> Result<Self, Error> {
        let mut left = self.empty()?;
        // With nothing in it, for its edges.
        left.merge(&other.empty()?)?;
        let mut taken = left.empty()?;
        self.join_bins_into(&mut left);
        other.join_bins_into(&mut taken);
        for (slot, (count, taken)) in left.counts.iter_mut().zip(&taken.counts).enumerate() {
            let message = || {
                let edges = &left.edges.values;
                let edge = |at: usize| edges.get(at).map_or("the end".into(), |e| format!("{e:?}"));
                let place = match slot {
                    0 => format!("below {}", edge(0)),
                    _ if slot == edges.len() => format!("above {}", edge(slot - 1)),
                    _ => format!("in the bin from {} to {}", edge(slot - 1), edge(slot)),
                };
                never_added(&format!("{taken} values {place}, where {count} are"))
            };
            *count = count.checked_sub(*taken).ok_or_else(message)?;
        }
        Ok(left)
    }

    /// Adds the counts to a histogram with some of the edges, the last one among them.
    fn join_bins_into(&self, target: &mut Self) {
        add_counts(&mut target.counts[..1], &self.counts[..1]);
        for (&left, &count) in self.edges().iter().zip(&self.counts[1..]) {
            // The slot above the last edge is the one that its "left edge" starts.
            let slot = target.edges.values.partition_point(|&edge| edge <= left);
            add_counts(&mut target.counts[slot..=slot], &[count]);
        }
    }

    /// What it is, for a message.
    fn describe(&self) -> String {
        format!(
            "a Summary with a histogram of {} bins from {:?} to {:?}",
            self.edges.bins(),
            self.edges.first(),
            self.edges.last()
        )
    }

    /// Appends edges and counts.
    pub fn encode(&self, writer: &mut Writer) {
        writer.length(self.edges().len());
        self.edges().iter().for_each(|&edge| writer.f64(edge));
        self.counts.iter().for_each(|&count| writer.varint(count));
    }

    /// Reads what [`Histogram::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`].
    pub fn decode(reader: &mut Reader) -> Result<Self, Error> {
        // An edge takes 8 bytes, and the count that goes with it at least one.
        let length = reader.length("the number of histogram edges", 9)?;
        let mut edges = memory::with_capacity(length, WHAT)?;
        for _ in 0..length {
            let edge = reader.f64("a histogram edge")?;
            if edge == 0.0 && edge.is_sign_negative() {
                return Err(reader.corrupt("a histogram edge", "a negative zero"));
            }
            edges.push(edge);
        }
        if let Some(message) = fault(&edges) {
            return Err(reader.corrupt("a histogram", &format!("invalid: {message}")));
        }
        let mut histogram = Self::with_edges(edges)?;
        for count in &mut histogram.counts {
            *count = reader.varint("a histogram count")?;
        }
        Ok(histogram)
    }
}

fn add_counts(to: &mut [u64], from: &[u64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(*from);
    }
}

#[cfg(test)]
mod tests;
