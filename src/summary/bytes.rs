//! Summaries as bytes: the same bytes for equal summaries, and nothing else is read back.

use super::best::Best;
use super::distinct::Distinct;
use super::histogram::Histogram;
use super::number::Number;
use super::parts::{Counts, Extremes, Parts};
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::summary::Summary;
use super::sums::Sums;
use super::weighted::Weighted;
use crate::bytes::{Kind, Opened, Reader, Writer, open, seal};
use crate::error::Error;
use crate::memory;

/// The versions before there was an envelope, and what they began with: the first one had no
/// [`flag::PREFIXES`], the second one always.
const BEFORE: [[u8; 5]; 2] = [*b"FSum\x01", *b"FSum\x02"];

/// Parts that a summary may have or lack, as bits of an integer of any length. A part that comes
/// later gets the next bit: who does not know it refuses it by name.
mod flag {
    pub const PARTS: u64 = 1;
    pub const HIGHER: u64 = 2;
    pub const SKETCH: u64 = 4;
    pub const HISTOGRAM: u64 = 8;
    pub const DISTINCT: u64 = 16;
    pub const VALUES: u64 = 32;
    pub const PREFIXES: u64 = 64;
    /// Values were subtracted.
    pub const REDUCED: u64 = 128;
    /// Real weights: their sums in place of the others, and neither these nor powers or counts that
    /// need whole numbers of times.
    pub const WEIGHTS: u64 = 256;
    pub const ALL: u64 = 511;
    pub const NOT_WITH_WEIGHTS: u64 = HIGHER | SKETCH | HISTOGRAM | PREFIXES;
}

impl Summary {
    /// Writes it down.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        seal(Kind::Summary, &self.to_payload()?)
    }

    /// Reads what [`Summary::to_bytes`] wrote, in this version or an earlier one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`]. Takes no more memory than in
    /// proportion to the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        match open(bytes, Kind::Summary)? {
            Opened::Payload { payload, .. } => Self::from_payload(payload),
            Opened::Before(_) => Self::from_bytes_before(bytes),
        }
    }

    /// Writes it down without an envelope, to be part of something else that has one.
    ///
    /// # Errors
    ///
    /// As [`Summary::to_bytes`].
    pub fn to_payload(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.finish()
    }

    /// Reads what [`Summary::to_payload`] wrote.
    ///
    /// # Errors
    ///
    /// As [`Summary::from_bytes`].
    pub fn from_payload(payload: &[u8]) -> Result<Self, Error> {
        memory::check("a summary")?;
        Kind::Summary.decode(payload, Self::decode)
    }

    fn from_bytes_before(bytes: &[u8]) -> Result<Self, Error> {
        let [without, with] = BEFORE;
        let (payload, prefixes) = match (bytes.strip_prefix(&without), bytes.strip_prefix(&with)) {
            (Some(payload), _) => (payload, false),
            (_, Some(payload)) => (payload, true),
            _ => return Err(Error::Corrupt("these bytes of a Summary are cut off".to_owned())),
        };
        // Flags were a byte, of which the top bit was free.
        let later = payload.first().is_some_and(|&flags| flags >= 128);
        let summary = Self::from_payload(payload)?;
        if later || summary.prefixes().is_some() != prefixes {
            let problem =
                "these bytes are not those of a Summary: the parts are not of its version";
            return Err(Error::Corrupt(problem.to_owned()));
        }
        Ok(summary)
    }

    fn encode(&self, writer: &mut Writer) {
        match self.parts() {
            None => writer.varint(0),
            Some(parts) => parts.encode(writer),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let flags = reader.varint("the parts")?;
        if flags == 0 {
            return Ok(Self::identity());
        }
        let unknown = flags & !flag::ALL;
        if unknown != 0 {
            let problem = format!(
                "with {unknown}, which this foldstat does not know: these bytes are of a newer one"
            );
            return Err(reader.corrupt("the parts", &problem));
        }
        if flags & flag::PARTS == 0 {
            return Err(reader.corrupt("the parts", "without the part that all others need"));
        }
        if flags & flag::WEIGHTS != 0 && flags & flag::NOT_WITH_WEIGHTS != 0 {
            return Err(reader.corrupt("the parts", "those that real weights do not have"));
        }
        Parts::decode(reader, flags).map(Self::from)
    }
}

impl Parts {
    fn encode(&self, writer: &mut Writer) {
        let flags = [
            (flag::PARTS, true),
            (flag::HIGHER, self.sums.higher.is_some()),
            (flag::PREFIXES, self.prefixes.is_some()),
            (flag::SKETCH, self.sketch.is_some()),
            (flag::HISTOGRAM, self.histogram.is_some()),
            (flag::DISTINCT, self.distinct.is_some()),
            (flag::VALUES, self.extremes.range().is_some()),
            (flag::REDUCED, self.extremes.are_unknown()),
            (flag::WEIGHTS, self.weighted.is_some()),
        ];
        writer.varint(flags.iter().filter(|(_, set)| *set).fold(0, |all, (flag, _)| all | flag));
        let counts = &self.counts;
        for count in [
            counts.count,
            counts.nan_count,
            counts.null_count,
            counts.positive_infinity_count,
            counts.negative_infinity_count,
        ] {
            writer.varint(count);
        }
        if let Some((min, max)) = self.extremes.range() {
            min.encode(writer);
            max.encode(writer);
        }
        match &self.weighted {
            Some(weighted) => weighted.encode(writer),
            None => self.sums.encode(writer),
        }
        self.best.encode(writer);
        self.prefixes.iter().for_each(|prefixes| prefixes.encode(writer));
        self.sketch.iter().for_each(|sketch| sketch.encode(writer));
        self.histogram.iter().for_each(|histogram| histogram.encode(writer));
        self.distinct.iter().for_each(|distinct| distinct.encode(writer));
    }

    fn decode(reader: &mut Reader<'_>, flags: u64) -> Result<Self, Error> {
        let has = |flag: u64| flags & flag != 0;
        let counts = Counts {
            count: reader.varint("the number of values")?,
            nan_count: reader.varint("the number of NaN")?,
            null_count: reader.varint("the number of nulls")?,
            positive_infinity_count: reader.varint("the number of infinities")?,
            negative_infinity_count: reader.varint("the number of infinities")?,
        };
        let infinities =
            counts.positive_infinity_count.saturating_add(counts.negative_infinity_count);
        let possible = counts.rows().is_some() && infinities <= counts.count;
        let reduced = has(flag::REDUCED);
        if !possible || (has(flag::VALUES) && (counts.count == 0 || reduced)) {
            return Err(reader.corrupt("the number of values", "in contradiction to the others"));
        }
        let extremes = match (reduced, has(flag::VALUES)) {
            (true, _) => Extremes::Unknown,
            (false, true) => decode_extremes(reader)?,
            (false, false) => Extremes::None,
        };
        let prefixes = |reader: &mut _| {
            let ends = (!reduced).then(|| finite_ends(&extremes, &counts));
            PrefixSketch::decode(reader, counts.finite_count(), ends)
        };
        let weighted = |reader: &mut _| Weighted::decode(reader, &counts).map(Box::new);
        let weighted = has(flag::WEIGHTS).then(|| weighted(reader)).transpose()?;
        let sums = match weighted {
            Some(_) => Sums::new(false),
            None => Sums::decode(reader, has(flag::HIGHER), counts.finite_count())?,
        };
        let parts = Self {
            counts,
            extremes,
            sums,
            weighted,
            best: Best::decode(reader)?,
            prefixes: has(flag::PREFIXES).then(|| prefixes(reader)).transpose()?,
            sketch: has(flag::SKETCH).then(|| Sketch::decode(reader, reduced)).transpose()?,
            histogram: has(flag::HISTOGRAM).then(|| Histogram::decode(reader)).transpose()?,
            distinct: has(flag::DISTINCT).then(|| Distinct::decode(reader)).transpose()?,
        };
        if reduced && (parts.best.limit() > 0 || parts.distinct.is_some()) {
            return Err(reader.corrupt("the parts", "those of values that cannot be told"));
        }
        Ok(parts)
    }
}

/// The smallest and the largest of the finite numbers, where they are the extremes of all.
fn finite_ends(extremes: &Extremes, counts: &Counts) -> [Option<f64>; 2] {
    let (min, max) = extremes.range().unzip();
    let min = min.filter(|_| counts.negative_infinity_count == 0);
    let max = max.filter(|_| counts.positive_infinity_count == 0);
    [min, max].map(|end| end.map(|number| number.nearest()))
}

fn decode_extremes(reader: &mut Reader<'_>) -> Result<Extremes, Error> {
    let min = Number::decode(reader, "the smallest value")?;
    let max = Number::decode(reader, "the largest value")?;
    if min > max {
        return Err(reader.corrupt("the smallest value", "larger than the largest"));
    }
    Ok(Extremes::Known(min, max))
}
