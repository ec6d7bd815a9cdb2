//! [`Kind`]: what a payload is the state of.

use crate::bytes::Reader;
use crate::error::Error;

/// What a payload is the state of. The numbers are those in the bytes: none is ever used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of numbers.
    Summary = 1,
    /// Of times or decimals: that of whole numbers, and their unit.
    ScaledSummary = 2,
    /// Of several columns or rows.
    Summaries = 3,
    /// Of groups.
    GroupedSummary = 4,
    /// Of columns together.
    JointSummary = 5,
    /// Of a Gaussian mixture.
    MixtureStatistics = 6,
    /// Of walkers.
    Moments = 7,
    /// The exact sums of a `JointSummary`.
    JointState = 8,
    /// The states of `Summaries` or of groups.
    SummaryStates = 9,
}

/// What there is to know of a kind.
struct Facts {
    /// The kind.
    kind: Kind,
    /// Its name, and in messages.
    names: (&'static str, &'static str),
    /// The class that reads it.
    class: &'static str,
    /// The versions of its payload that an envelope can be around, the oldest and the newest.
    versions: (u64, u64),
    /// What its bytes began with when there was no envelope.
    before: &'static [u8],
}

const fn facts(
    kind: Kind,
    names: (&'static str, &'static str),
    class: &'static str,
    versions: (u64, u64),
    before: &'static [u8],
) -> Facts {
    Facts { kind, names, class, versions, before }
}

/// A payload that changes gets a new version here; what reads it keeps the old ones.
const KINDS: [Facts; 9] = [
    facts(Kind::Summary, ("Summary", "a Summary"), "Summary", (3, 3), b"FSum"),
    facts(
        Kind::ScaledSummary,
        ("ScaledSummary", "a Summary of times or decimals"),
        "Summary",
        (2, 2),
        b"foldTIME",
    ),
    facts(Kind::Summaries, ("Summaries", "Summaries"), "Summaries", (2, 2), b"foldSUMS"),
    facts(
        Kind::GroupedSummary,
        ("GroupedSummary", "a GroupedSummary"),
        "GroupedSummary",
        (2, 2),
        b"foldGRPS",
    ),
    facts(
        Kind::JointSummary,
        ("JointSummary", "a JointSummary"),
        "JointSummary",
        (2, 2),
        b"foldJNTS",
    ),
    facts(
        Kind::MixtureStatistics,
        ("MixtureStatistics", "MixtureStatistics"),
        "MixtureStatistics",
        (3, 3),
        b"foldstat-mixture-statistics",
    ),
    facts(Kind::Moments, ("Moments", "Moments"), "Moments", (2, 2), b"foldMOMS"),
    facts(Kind::JointState, ("JointState", "a JointState"), "JointState", (2, 2), b"FJnt"),
    facts(Kind::SummaryStates, ("SummaryStates", "SummaryStates"), "SummaryStates", (1, 1), b""),
];

impl Kind {
    fn facts(self) -> &'static Facts {
        &KINDS[self as usize - 1]
    }

    fn find(found: impl Fn(&Facts) -> bool) -> Option<Self> {
        KINDS.iter().find(|facts| found(facts)).map(|facts| facts.kind)
    }

    /// That of a number in the bytes.
    #[must_use]
    pub fn of_number(number: u64) -> Option<Self> {
        Self::find(|facts| facts.kind as u64 == number)
    }

    /// That of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::find(|facts| facts.names.0 == name)
    }

    /// That of bytes which have no envelope, as none had once.
    #[must_use]
    pub fn before_envelopes(bytes: &[u8]) -> Option<Self> {
        Self::find(|facts| !facts.before.is_empty() && bytes.starts_with(facts.before))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().names.0
    }

    /// Its name with an article where it has one.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.facts().names.1
    }

    /// The class that reads it.
    #[must_use]
    pub fn class(self) -> &'static str {
        self.facts().class
    }

    /// The version that is written.
    #[must_use]
    pub fn newest(self) -> u64 {
        self.facts().versions.1
    }

    /// The first version in an envelope.
    #[must_use]
    pub fn oldest(self) -> u64 {
        self.facts().versions.0
    }

    /// What bytes without an envelope began with.
    #[must_use]
    pub fn before(self) -> &'static [u8] {
        self.facts().before
    }

    /// The payload as it is read: what is wrong with it is said to be wrong with this kind.
    ///
    /// # Errors
    ///
    /// That of `decode`, or [`Error::Corrupt`] if it leaves bytes unread.
    pub fn decode<T>(
        self,
        payload: &[u8],
        decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut reader = Reader::of(payload, self.what());
        let decoded = decode(&mut reader)?;
        reader.finish()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_and_its_first_words() {
        for (index, facts) in KINDS.iter().enumerate() {
            assert_eq!(facts.kind as usize, index + 1);
            assert_eq!(Kind::of_number(facts.kind as u64), Some(facts.kind));
            assert_eq!(Kind::of_name(facts.kind.name()), Some(facts.kind));
            assert!(facts.kind.oldest() <= facts.kind.newest());
            if !facts.before.is_empty() {
                assert_eq!(Kind::before_envelopes(facts.before), Some(facts.kind));
            }
        }
        assert_eq!(Kind::of_number(0), None);
        assert_eq!(Kind::of_number(10), None);
        assert_eq!(Kind::before_envelopes(b""), None);
    }
}
