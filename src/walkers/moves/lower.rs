//! Lower triangular matrices, packed row by row, and the normal numbers they are multiplied with.

use crate::error::Error;
use crate::memory;
use crate::simd::{Lanes64, Level, Vector, normal_pair};
use crate::walkers::generators::Generators;

/// Where row `row` of a packed triangle begins; also the number of entries above it.
pub(in crate::walkers) fn row_start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// Entries of a packed triangle: the same for all eight walkers, or each its own.
pub(in crate::walkers) trait Entries {
    /// The entry at that place.
    fn entry<L: Level>(&self, token: L, index: usize) -> L::F64;
}

impl Entries for [f64] {
    #[inline(always)]
    fn entry<L: Level>(&self, token: L, index: usize) -> L::F64 {
        L::F64::splat(token, self[index])
    }
}

impl Entries for [Lanes64] {
    #[inline(always)]
    fn entry<L: Level>(&self, token: L, index: usize) -> L::F64 {
        L::F64::load(token, &self[index])
    }
}

/// Checks and packs the lower triangle of a square matrix, row-major.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if it is not lower triangular with a positive diagonal and finite.
pub(in crate::walkers) fn pack(
    name: &'static str,
    matrix: &[f64],
    d: usize,
) -> Result<Vec<f64>, Error> {
    if matrix.len() != d * d {
        let expected = format!("({d}, {d})");
        return Err(Error::Shape { name, expected, found: vec![matrix.len()] });
    }
    let mut packed = memory::with_capacity(row_start(d), "the factor of a move")?;
    for (i, row) in matrix.chunks_exact(d.max(1)).enumerate() {
        for (j, &value) in row.iter().enumerate() {
            let (usable, accepted) = match j.cmp(&i) {
                std::cmp::Ordering::Less => (value.is_finite(), "finite"),
                std::cmp::Ordering::Equal => (value > 0.0 && value.is_finite(), "positive"),
                std::cmp::Ordering::Greater => (value == 0.0, "0, as above every diagonal entry"),
            };
            if !usable {
                let message = format!(
                    "must be a lower Cholesky factor, but entry ({i}, {j}) is {value} and not \
                     {accepted}"
                );
                return Err(Error::InvalidArgument { name, message });
            }
        }
        packed.extend_from_slice(&row[..=i]);
    }
    Ok(packed)
}

/// Writes `n` standard normal numbers per lane to `slots[0]`, `slots[stride]`, ...; of an odd
/// number the last is half of a pair whose other half is dropped.
#[inline(always)]
pub(in crate::walkers) fn standard_normals<L: Level>(
    token: L,
    generators: &mut Generators<L>,
    slots: &mut [Lanes64],
    stride: usize,
    n: usize,
) {
    for i in (0..n).step_by(2) {
        let (radius, angle) = (generators.words(), generators.words());
        let [first, second] = normal_pair(token, radius, angle);
        first.store(&mut slots[i * stride]);
        if i + 1 < n {
            second.store(&mut slots[(i + 1) * stride]);
        }
    }
}

/// Replaces the vector z in `slots` by Lz, where L is a packed triangle of `n` rows.
#[inline(always)]
pub(in crate::walkers) fn multiply<L: Level, E: Entries + ?Sized>(
    token: L,
    lower: &E,
    slots: &mut [Lanes64],
    stride: usize,
    n: usize,
) {
    // From the last row up: row j reads z only up to j, which is overwritten last.
    for j in (0..n).rev() {
        let row = row_start(j);
        let diagonal = L::F64::load(token, &slots[j * stride]);
        let mut sum = diagonal * lower.entry(token, row + j);
        for i in 0..j {
            let z = L::F64::load(token, &slots[i * stride]);
            sum = z.mul_add(lower.entry(token, row + i), sum);
        }
        sum.store(&mut slots[j * stride]);
    }
}
