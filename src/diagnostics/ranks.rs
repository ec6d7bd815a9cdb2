//! Average ranks as normal scores, and folding around the median.

use super::draws::WHAT;
use super::normal::NormalScores;
use super::order::{Sorter, position};
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;

/// Hands each number's position and normal score to `put`, in ascending order of the numbers.
///
/// Equal numbers share the average of their ranks.
#[inline(always)]
pub(super) fn for_each_score(
    sorted: &[f64],
    order: &[u64],
    scores: &NormalScores,
    stop: &Stop,
    mut put: impl FnMut(usize, f64),
) -> Result<(), Error> {
    let n = sorted.len();
    let of_rank = scores.of_ranks();
    let mut start = 0;
    for piece in stop.pieces(n) {
        let end_of_piece = piece?.end;
        while start < end_of_piece {
            let value = sorted[start];
            let mut end = start + 1;
            if end == n || sorted[end] != value {
                put(position(order[start]), of_rank[start]);
            } else {
                while end < n && sorted[end] == value {
                    end += 1;
                }
                let score = scores.of_twice(start + end + 1);
                for &entry in &order[start..end] {
                    put(position(entry), score);
                }
            }
            start = end;
        }
    }
    Ok(())
}

/// The median of sorted numbers; there is at least one.
pub(super) fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n.is_multiple_of(2) { (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0 } else { sorted[n / 2] }
}

/// Numbers in ascending order, and where they were.
type Sorted<'a> = (&'a [f64], &'a [u64]);

/// Folds what `sorter` has sorted: the distances from the median, ascending, and where they were.
///
/// No second sort: distances grow on both sides of the median, and the sides are merged. None if
/// the median is infinite, for then there are distances ∞ − ∞.
pub(super) fn fold<'a>(
    sorter: &'a mut Sorter,
    distances: &'a mut Vec<f64>,
    stop: &Stop,
) -> Result<Option<Sorted<'a>>, Error> {
    let (sorted, order, folded_order) = sorter.parts();
    let n = sorted.len();
    let middle = median(sorted);
    if !middle.is_finite() {
        return Ok(None);
    }
    memory::resize(distances, n, 0.0, WHAT)?;
    // An odd one out is the median itself.
    let half = n / 2;
    if n > 2 * half {
        (distances[0], folded_order[0]) = (0.0, order[half]);
    }
    let (near, far) = distances[n - 2 * half..].split_at_mut(half);
    let (near_order, far_order) = folded_order[n - 2 * half..].split_at_mut(half);
    // From the median outwards and from the ends inwards at once: each step of a merge waits for
    // the one before it, and two merges wait at the same time. Of equal distances, the one from
    // below comes first in both.
    let (mut below, mut above) = (half, n - half);
    let (mut lowest, mut highest) = (0, n);
    for piece in stop.pieces(half) {
        for k in piece? {
            let (under, over) = (middle - sorted[below - 1], sorted[above] - middle);
            let from_below = under <= over;
            near[k] = if from_below { under } else { over };
            near_order[k] = order[if from_below { below - 1 } else { above }];
            below -= usize::from(from_below);
            above += usize::from(!from_below);

            let (under, over) = (middle - sorted[lowest], sorted[highest - 1] - middle);
            let from_above = over >= under;
            far[half - 1 - k] = if from_above { over } else { under };
            far_order[half - 1 - k] = order[if from_above { highest - 1 } else { lowest }];
            lowest += usize::from(!from_above);
            highest -= usize::from(from_above);
        }
    }
    Ok(Some((distances, folded_order)))
}
