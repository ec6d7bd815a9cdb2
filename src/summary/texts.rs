//! Columns of texts: how many there are, how many are null, how many differ.

use super::Summary;
use super::distinct::DistinctTally;
use super::parts::{Counts, Parts};

/// Takes texts, or any bytes, in.
///
/// What it ends in is a [`Summary`] that counts distinct values and holds no numbers: it has
/// counts, but neither extremes nor sums.
#[derive(Debug)]
pub struct TextTally {
    counts: Counts,
    distinct: DistinctTally,
}

impl Default for TextTally {
    fn default() -> Self {
        Self { counts: Counts::default(), distinct: DistinctTally::new() }
    }
}

impl TextTally {
    /// Counts texts and nulls.
    pub fn count(&mut self, texts: usize, nulls: usize) {
        self.counts.count = self.counts.count.saturating_add(texts as u64);
        self.counts.null_count = self.counts.null_count.saturating_add(nulls as u64);
    }

    /// Puts a text into the set of those that there are.
    pub fn add(&mut self, text: &[u8]) {
        self.distinct.add_bytes(text);
    }

    /// The summary of all that was counted and put in.
    #[must_use]
    pub fn finish(self) -> Summary {
        let (counts, distinct) = (self.counts, Some(self.distinct.finish()));
        Summary::from(Parts { counts, distinct, ..Parts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted() {
        let mut tally = TextTally::default();
        tally.count(5, 2);
        ["a", "b", "a", "", "b"].iter().for_each(|text| tally.add(text.as_bytes()));
        let summary = tally.finish();
        let counts = Counts { count: 5, null_count: 2, ..Counts::default() };
        assert_eq!(summary.counts(), counts);
        assert_eq!(summary.distinct().map(super::super::Distinct::estimate), Some(3));
        assert_eq!(summary.minimum(), None);
        assert_eq!(Summary::from_bytes(&summary.to_bytes().unwrap()), summary.copied());
        let mut twice = summary.copied().unwrap();
        twice.try_merge(&summary).expect("the same settings");
        assert_eq!(twice.distinct(), summary.distinct());
        assert_eq!(twice.counts().count, 10);
    }
}
