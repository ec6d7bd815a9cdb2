//! Summaries as bytes: the same bytes for equal summaries, and nothing else is read back.

use super::best::Best;
use super::codec::{Reader, Writer};
use super::distinct::Distinct;
use super::histogram::Histogram;
use super::number::Number;
use super::parts::{Counts, Extremes, Parts};
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::summary::Summary;
use super::sums::Sums;
use super::weighted::Weighted;
use crate::error::Error;
use crate::memory;

/// What the bytes of a summary begin with.
const MAGIC: [u8; 4] = *b"FSum";
/// Raised by every change of what follows. A summary has the first version that can say it, so
/// that there is still one encoding for each.
const VERSION: u8 = 3;
/// The last version without [`flag::WEIGHTS`].
const WITHOUT_WEIGHTS: u8 = 2;
/// The last version without [`flag::PREFIXES`].
const WITHOUT_PREFIXES: u8 = 1;

/// Parts that a summary may lack, as bits of one byte.
mod flag {
    pub const PARTS: u8 = 1;
    pub const HIGHER: u8 = 2;
    pub const SKETCH: u8 = 4;
    pub const HISTOGRAM: u8 = 8;
    pub const DISTINCT: u8 = 16;
    pub const VALUES: u8 = 32;
    pub const PREFIXES: u8 = 64;
    /// Real weights: their sums in place of the others, and neither these nor powers or counts that
    /// need whole numbers of times.
    pub const WEIGHTS: u8 = 128;
    pub const NOT_WITH_WEIGHTS: u8 = HIGHER | SKETCH | HISTOGRAM | PREFIXES;
}

impl Summary {
    /// Writes it down.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.finish()
    }

    /// Reads what [`Summary::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for anything else, [`Error::Memory`]. Takes no more memory than in
    /// proportion to the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        memory::check("a summary")?;
        let mut reader = Reader::new(bytes);
        let summary = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(summary)
    }

    fn encode(&self, writer: &mut Writer) {
        writer.raw(&MAGIC);
        let flags = self.parts().map_or(0, Parts::flags);
        writer.u8(version_of(flags));
        writer.u8(flags);
        self.parts().iter().for_each(|parts| parts.encode(writer));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        for expected in MAGIC {
            if reader.u8("the first bytes")? != expected {
                return Err(reader.corrupt("the first bytes", "not those of a Summary"));
            }
        }
        let version = reader.u8("the version")?;
        if !(WITHOUT_PREFIXES..=VERSION).contains(&version) {
            let problem = format!("{version}, but this foldstat reads versions 1 to {VERSION}");
            return Err(reader.corrupt("the version", &problem));
        }
        let flags = reader.u8("the parts")?;
        if version != version_of(flags) {
            return Err(reader.corrupt("the parts", "not of this version"));
        }
        if flags == 0 {
            return Ok(Self::identity());
        }
        let weights = flags & flag::WEIGHTS != 0;
        if flags & flag::PARTS == 0 || (weights && flags & flag::NOT_WITH_WEIGHTS != 0) {
            return Err(reader.corrupt("the parts", "none of those there are"));
        }
        Parts::decode(reader, flags).map(Self::from)
    }
}

/// The first version that can say it.
fn version_of(flags: u8) -> u8 {
    if flags & flag::WEIGHTS != 0 {
        VERSION
    } else if flags & flag::PREFIXES != 0 {
        WITHOUT_WEIGHTS
    } else {
        WITHOUT_PREFIXES
    }
}

impl Parts {
    fn flags(&self) -> u8 {
        let flags = [
            (flag::PARTS, true),
            (flag::HIGHER, self.sums.higher.is_some()),
            (flag::PREFIXES, self.prefixes.is_some()),
            (flag::SKETCH, self.sketch.is_some()),
            (flag::HISTOGRAM, self.histogram.is_some()),
            (flag::DISTINCT, self.distinct.is_some()),
            (flag::VALUES, self.extremes.0.is_some()),
            (flag::WEIGHTS, self.weighted.is_some()),
        ];
        flags.iter().filter(|(_, set)| *set).fold(0, |all, (flag, _)| all | flag)
    }

    fn encode(&self, writer: &mut Writer) {
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
        if let Some((min, max)) = self.extremes.0 {
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

    fn decode(reader: &mut Reader<'_>, flags: u8) -> Result<Self, Error> {
        let has = |flag: u8| flags & flag != 0;
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
        if !possible || (has(flag::VALUES) && counts.count == 0) {
            return Err(reader.corrupt("the number of values", "in contradiction to the others"));
        }
        let extremes = if has(flag::VALUES) { decode_extremes(reader)? } else { Extremes(None) };
        let prefixes = |reader: &mut _| {
            let [min, max] = finite_ends(&extremes, &counts);
            PrefixSketch::decode(reader, counts.finite_count(), [min, max])
        };
        let weighted = |reader: &mut _| Weighted::decode(reader, &counts).map(Box::new);
        let weighted = has(flag::WEIGHTS).then(|| weighted(reader)).transpose()?;
        let sums = match weighted {
            Some(_) => Sums::new(false),
            None => Sums::decode(reader, has(flag::HIGHER), counts.finite_count())?,
        };
        Ok(Self {
            counts,
            extremes,
            sums,
            weighted,
            best: Best::decode(reader)?,
            prefixes: has(flag::PREFIXES).then(|| prefixes(reader)).transpose()?,
            sketch: has(flag::SKETCH).then(|| Sketch::decode(reader)).transpose()?,
            histogram: has(flag::HISTOGRAM).then(|| Histogram::decode(reader)).transpose()?,
            distinct: has(flag::DISTINCT).then(|| Distinct::decode(reader)).transpose()?,
        })
    }
}

/// The smallest and the largest of the finite numbers, where they are the extremes of all.
fn finite_ends(extremes: &Extremes, counts: &Counts) -> [Option<f64>; 2] {
    let (min, max) = extremes.0.unzip();
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
    Ok(Extremes(Some((min, max))))
}
