//! The bytes of statistics.

use super::counted::Counted;
use super::geometry::Geometry;
use super::statistics::{MixtureStatistics, Moments, WHAT};
use crate::bytes::{Kind, Opened, Reader, Writer, open, seal};
use crate::error::Error;
use crate::fold::{Fold, Leaves, Node, Partition};
use crate::memory;

/// In place of a geometry: the identity.
const IDENTITY: u8 = 255;
/// In place of a geometry: statistics that know their rows.
const PLACED: u8 = 254;

impl Counted {
    /// Bytes in an envelope: of statistics geometry, k, d, Σw, log-likelihood, the moments and the
    /// number of rows; of those that know their rows the subtrees, each with its place before it.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let payload = match self {
            Self::Loose(statistics) => statistics.payload()?,
            Self::Placed(fold) => placed_payload(fold)?,
        };
        seal(Kind::MixtureStatistics, &payload)
    }

    /// Reads what [`Self::to_bytes`] wrote, in this version or an earlier one; anything else is an
    /// error, and allocates nothing large.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] saying what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let payload = match open(bytes, Kind::MixtureStatistics)? {
            Opened::Payload { payload, .. } => payload,
            Opened::Before(_) => payload_before(bytes)?,
        };
        match payload.split_first() {
            Some((&PLACED, rest)) => of_placed(rest).map(Self::Placed),
            _ => MixtureStatistics::of_payload(payload).map(Self::Loose),
        }
    }
}

/// Leaves (rows of a block, 0 for pieces), one more than the row where a shorter block ends (0 if
/// none does), and the subtrees.
fn placed_payload(fold: &Fold<MixtureStatistics>) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new();
    writer.u8(PLACED);
    writer.varint(match fold.leaves() {
        Leaves::Rows(rows) => rows,
        Leaves::Pieces => 0,
    });
    writer.varint(fold.end().map_or(0, |end| end + 1));
    writer.length(fold.nodes().len());
    for node in fold.nodes() {
        writer.varint(node.level.into());
        writer.varint(node.position);
        writer.bytes(&node.value.payload()?);
    }
    writer.finish()
}

fn of_placed(payload: &[u8]) -> Result<Fold<MixtureStatistics>, Error> {
    let mut reader = Reader::of(payload, "MixtureStatistics");
    let leaves = match reader.varint("the rows of a block")? {
        0 => Leaves::Pieces,
        rows => Leaves::Rows(rows),
    };
    let end = reader.varint("the end of the rows")?;
    let mut fold: Fold<MixtureStatistics> = Fold::new(leaves);
    let nodes = reader.length("the number of subtrees", 3)?;
    for _ in 0..nodes {
        let level = reader.varint("a level")?;
        let position = reader.varint("a position")?;
        let value = MixtureStatistics::of_payload(reader.bytes("statistics")?)?;
        let first = fold.nodes().first();
        let fits = first.is_none_or(|first| first.value.check_compatible(&value).is_ok());
        if value.is_identity() || !fits || !may_have(leaves, &value) {
            return Err(corrupt("subtrees of different models"));
        }
        let level = u32::try_from(level).unwrap_or(u32::MAX);
        fold.append(Node { level, position, value })
            .map_err(|error| damaged(error, "subtrees that no fold has"))?;
    }
    reader.finish()?;
    if let Some(end) = end.checked_sub(1) {
        fold.close(end).map_err(|error| damaged(error, "an end outside of the last block"))?;
    }
    Ok(fold)
}

/// What a fold refuses, as a fault of the bytes; want of memory is none.
fn damaged(error: Error, what: &str) -> Error {
    if matches!(error, Error::Memory { .. }) { error } else { corrupt(what) }
}

/// Whether blocks of statistics have so many rows.
fn may_have(leaves: Leaves, statistics: &MixtureStatistics) -> bool {
    let block = Partition::of_rows(0, statistics.n_features()).leaf_rows() as u64;
    matches!(leaves, Leaves::Pieces) || leaves == Leaves::Rows(block)
}

impl MixtureStatistics {
    /// Little-endian: geometry, k, d, Σw, log-likelihood, the moments and the number of rows.
    fn payload(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let Some(moments) = &self.model else { return Ok(vec![IDENTITY]) };
        let scalars = [self.total_weight, self.log_likelihood];
        let parts =
            [&scalars[..], &moments.counts, &moments.centers, &moments.sums, &moments.scatter];
        let values: usize = parts.iter().map(|part| part.len()).sum();
        memory::reserve(&mut bytes, 25 + 8 * values, WHAT)?;
        bytes.push(moments.geometry as u8);
        for size in [moments.n_components(), moments.n_features] {
            bytes.extend((size as u64).to_le_bytes());
        }
        for value in parts.into_iter().flatten() {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(self.n_rows.to_le_bytes());
        Ok(bytes)
    }

    fn of_payload(payload: &[u8]) -> Result<Self, Error> {
        let (&code, rest) = payload.split_first().ok_or_else(|| corrupt("truncated"))?;
        if code == IDENTITY && rest.is_empty() {
            return Ok(Self::default());
        }
        let geometry =
            *Geometry::ALL.get(usize::from(code)).ok_or_else(|| corrupt("unknown geometry"))?;
        let (words, tail) = rest.as_chunks::<8>();
        if !tail.is_empty() || words.len() < 5 {
            return Err(corrupt("truncated"));
        }
        let size = |i: usize| {
            usize::try_from(u64::from_le_bytes(words[i])).ok().filter(|&n| n <= words.len())
        };
        let (Some(k), Some(d)) = (size(0), size(1)) else {
            return Err(corrupt("sizes do not fit its length"));
        };
        // k and d are at most the length of a slice in memory, so the products fit 128 bits.
        let (values, n_rows) = (&words[2..words.len() - 1], words[words.len() - 1]);
        let wide = |n: usize| n as u128;
        let scatter_len = match geometry {
            Geometry::Full => wide(k) * (wide(d) * (wide(d) + 1) / 2),
            Geometry::Tied => wide(d) * (wide(d) + 1) / 2,
            Geometry::Diagonal => wide(k) * wide(d),
            Geometry::Spherical => wide(k),
        };
        if k == 0 || d == 0 {
            return Err(corrupt("no components or no features"));
        }
        if wide(values.len()) != 2 + wide(k) + 2 * wide(k) * wide(d) + scatter_len {
            return Err(corrupt("its length does not fit its sizes"));
        }
        let mut values = values.iter().map(|word| f64::from_le_bytes(*word));
        if values.clone().any(|value| !value.is_finite()) {
            return Err(corrupt("NaN or infinity inside"));
        }
        let mut take = |n: usize| memory::collected(values.by_ref().take(n), WHAT);
        let scalars = take(2)?;
        let counts = take(k)?;
        if scalars[0] < 0.0 || counts.iter().any(|count| *count < 0.0) {
            return Err(corrupt("a negative count"));
        }
        let model = Moments {
            geometry,
            n_features: d,
            counts,
            centers: take(k * d)?,
            sums: take(k * d)?,
            scatter: take(geometry.scatter_len(k, d))?,
        };
        let n_rows = u64::from_le_bytes(n_rows);
        let [total_weight, log_likelihood] = [scalars[0], scalars[1]];
        Ok(Self { model: Some(model), n_rows, total_weight, log_likelihood })
    }
}

fn corrupt(message: &str) -> Error {
    Error::Corrupt(format!("not the bytes of MixtureStatistics: {message}"))
}

/// The payload of bytes from the time without envelopes, whose magic had a version and whose
/// checksum was FNV-1a of 64 bits (Fowler, Noll & Vo 1991).
fn payload_before(bytes: &[u8]) -> Result<&[u8], Error> {
    let (content, seal) = bytes.split_last_chunk::<8>().ok_or_else(|| corrupt("truncated"))?;
    let checksum = content.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    if checksum != u64::from_le_bytes(*seal) {
        return Err(corrupt("its checksum does not fit"));
    }
    match content.strip_prefix(Kind::MixtureStatistics.before()) {
        Some([2, payload @ ..]) => Ok(payload),
        _ => Err(corrupt("of a version that is not read any more")),
    }
}
