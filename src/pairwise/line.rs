//! Pairs of numbers on a line, in O(n log n): sort, then walk.
//!
//! For both kernels, what a stretch of sorted numbers has to say about all pairs with numbers
//! further to the right (or left) is a few sums about its last (first) number:
//! * distance: with c the count and l = Σ(last − x), a number at t > last adds l + c (t − last);
//! * Laplacian: with l = Σ exp(−γ(last − x)), it adds l exp(−γ(t − last)).
//!
//! So a stretch is a monoid: stretches are merged in order, and each pair is counted in the merge
//! that first brings it together. All terms are positive: nothing cancels.

use std::cmp::Ordering;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::fold::{Context, Monoid, Partition, Stop};
use crate::memory;
use crate::rows::{Element, Rows};
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::with_rows;

/// Numbers of a stretch walked one by one: more would let rounding errors grow.
const STRETCH: usize = 1024;
/// Shorter slices are sorted by one thread.
const SORTED_AT_ONCE: usize = 1 << 15;

/// A number and the sample it belongs to.
type Point = (f64, u8);

/// Σᵢⱼ |xᵢ − yⱼ|.
pub fn distance(context: &Context, x: Rows<'_>, y: Option<Rows<'_>>) -> Result<f64, Error> {
    let points = sorted_points(context, x, y)?;
    let sum = context.fold(&Partition::new(points.len(), STRETCH), |range| {
        let mut walk = Distances::new(y.is_none(), points[range.start].0);
        points[range].iter().for_each(|&point| walk.push(point));
        Ok(walk)
    })?;
    Ok(if y.is_none() { 2.0 * sum.pairs } else { sum.pairs })
}

/// Σᵢⱼ exp(−γ|xᵢ − yⱼ|).
pub fn laplacian(
    context: &Context,
    x: Rows<'_>,
    y: Option<Rows<'_>>,
    gamma: f64,
) -> Result<f64, Error> {
    let points = sorted_points(context, x, y)?;
    let sum = context.fold(&Partition::new(points.len(), STRETCH), |range| {
        Ok(dispatch(Walk { points: &points[range], gamma, alone: y.is_none() }))
    })?;
    // Each number is a pair with itself.
    Ok(if y.is_none() { 2.0 * sum.pairs + x.n_rows() as f64 } else { sum.pairs })
}

/// Both samples, sorted together.
fn sorted_points(context: &Context, x: Rows<'_>, y: Option<Rows<'_>>) -> Result<Vec<Point>, Error> {
    let n = x.n_rows() + y.map_or(0, |y| y.n_rows());
    let mut points = memory::with_capacity(n, "the sorted rows")?;
    with_rows!(x, view => extend(&mut points, view, 0));
    if let Some(y) = y {
        with_rows!(y, view => extend(&mut points, view, 1));
    }
    let mut spare = memory::filled(n / 2, (0.0, 0), "the sorted rows")?;
    sort(context, &mut points, &mut spare)?;
    Ok(points)
}

fn extend<T: Element>(points: &mut Vec<Point>, column: ArrayView2<'_, T>, sample: u8) {
    points.extend(column.iter().map(|value| (value.to_f64(), sample)));
}

/// Merge sort; `spare` has room for half of the points. (The standard one takes its room itself,
/// and aborts where there is none.)
fn sort(context: &Context, points: &mut [Point], spare: &mut [Point]) -> Result<(), Error> {
    context.check()?;
    if points.len() <= SORTED_AT_ONCE {
        points.sort_unstable_by(order);
        return Ok(());
    }
    let middle = points.len() / 2;
    let (left, right) = points.split_at_mut(middle);
    let (left_spare, right_spare) = spare.split_at_mut(middle / 2);
    let (left, right) =
        context.join(|| sort(context, left, left_spare), || sort(context, right, right_spare));
    left.and(right)?;
    merge(context.stop(), points, &mut spare[..middle])
}

/// By number, then by sample: no two different points are equal.
fn order(a: &Point, b: &Point) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Merges two sorted parts, the left one, as long as `spare`, by way of that.
fn merge(stop: &Stop, points: &mut [Point], spare: &mut [Point]) -> Result<(), Error> {
    let middle = spare.len();
    spare.copy_from_slice(&points[..middle]);
    let (mut left, mut right) = (0, middle);
    for piece in stop.pieces(points.len()) {
        for place in piece? {
            if left == middle {
                return Ok(());
            }
            if right == points.len() {
                points[place..].copy_from_slice(&spare[left..]);
                return Ok(());
            }
            // Without a branch: which one is less cannot be foreseen.
            let from_right = order(&points[right], &spare[left]).is_lt();
            points[place] = if from_right { points[right] } else { spare[left] };
            right += usize::from(from_right);
            left += usize::from(!from_right);
        }
    }
    Ok(())
}

/// Whether numbers of these samples make a pair.
fn partner(alone: bool, sample: usize) -> usize {
    if alone { sample } else { 1 - sample }
}

/// A stretch of sorted numbers, for distances.
#[derive(Clone, Copy, Debug)]
struct Distances {
    /// Whether the pairs are those within one sample.
    alone: bool,
    first: f64,
    last: f64,
    counts: [f64; 2],
    /// Σ(last − x).
    to_last: [f64; 2],
    /// Σ(x − first).
    to_first: [f64; 2],
    pairs: f64,
}

impl Distances {
    fn new(alone: bool, first: f64) -> Self {
        let zero = [0.0; 2];
        Self { alone, first, last: first, counts: zero, to_last: zero, to_first: zero, pairs: 0.0 }
    }

    fn push(&mut self, (value, sample): Point) {
        let sample = usize::from(sample);
        let gap = value - self.last;
        for (sum, count) in self.to_last.iter_mut().zip(self.counts) {
            *sum += count * gap;
        }
        self.last = value;
        self.pairs += self.to_last[partner(self.alone, sample)];
        self.to_first[sample] += value - self.first;
        self.counts[sample] += 1.0;
    }
}

impl Monoid for Distances {
    fn identity() -> Self {
        Self::new(true, 0.0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.counts == [0.0; 2] {
            *self = *other;
        } else if other.counts != [0.0; 2] {
            let gap = other.first - self.last;
            let mut pairs = 0.0;
            for sample in 0..2 {
                let partner = partner(other.alone, sample);
                let right = other.counts[partner];
                pairs += right * (self.to_last[sample] + self.counts[sample] * gap)
                    + self.counts[sample] * other.to_first[partner];
            }
            self.pairs += other.pairs + pairs;
            for sample in 0..2 {
                let (left, right) = (self.counts[sample], other.counts[sample]);
                self.to_last[sample] += left * (other.last - self.last);
                self.to_last[sample] += other.to_last[sample];
                self.to_first[sample] += other.to_first[sample];
                self.to_first[sample] += right * (other.first - self.first);
                self.counts[sample] += right;
            }
            self.last = other.last;
        }
        Ok(())
    }
}

/// A stretch of sorted numbers, for the Laplacian kernel.
#[derive(Clone, Copy, Debug)]
struct Decays {
    alone: bool,
    gamma: f64,
    first: f64,
    last: f64,
    empty: bool,
    /// Σ exp(−γ(last − x)).
    at_last: [f64; 2],
    /// Σ exp(−γ(x − first)).
    at_first: [f64; 2],
    pairs: f64,
}

impl Monoid for Decays {
    fn identity() -> Self {
        Self {
            alone: true,
            gamma: 0.0,
            first: 0.0,
            last: 0.0,
            empty: true,
            at_last: [0.0; 2],
            at_first: [0.0; 2],
            pairs: 0.0,
        }
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.empty {
            *self = *other;
        } else if !other.empty {
            let lengths =
                [other.first - self.last, other.last - self.last, other.first - self.first];
            let [gap, over_right, over_left] = dispatch(Decay { lengths, gamma: other.gamma });
            let mut pairs = 0.0;
            for sample in 0..2 {
                pairs += self.at_last[sample] * other.at_first[partner(other.alone, sample)];
            }
            self.pairs += other.pairs + gap * pairs;
            for sample in 0..2 {
                self.at_last[sample] = self.at_last[sample] * over_right + other.at_last[sample];
                self.at_first[sample] += other.at_first[sample] * over_left;
            }
            self.last = other.last;
        }
        Ok(())
    }
}

/// exp(−γ·length), by the functions that give the same bits on every machine.
struct Decay {
    lengths: [f64; 3],
    gamma: f64,
}

impl Kernel for Decay {
    type Output = [f64; 3];

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> [f64; 3] {
        let mut lanes = Lanes64::ZERO;
        lanes.0[..3].copy_from_slice(&self.lengths);
        decay::<L::F64>(token, &mut lanes, self.gamma);
        [lanes.0[0], lanes.0[1], lanes.0[2]]
    }
}

#[inline(always)]
fn decay<V: Vector<Scalar = f64, Lanes = Lanes64>>(
    token: V::Token,
    lengths: &mut Lanes64,
    gamma: f64,
) {
    (V::load(token, lengths) * V::splat(token, -gamma)).exp().store(lengths);
}

/// Walks along a stretch, eight exponentials at a time.
struct Walk<'a> {
    points: &'a [Point],
    gamma: f64,
    alone: bool,
}

impl Kernel for Walk<'_> {
    type Output = Decays;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Decays {
        let Self { points, gamma, alone } = self;
        let mut walk = Decays { alone, gamma, ..Decays::identity() };
        let Some(&(first, _)) = points.first() else { return walk };
        (walk.empty, walk.first, walk.last) = (false, first, first);
        for points in points.chunks(8) {
            let (mut steps, mut offsets) = (Lanes64::ZERO, Lanes64::ZERO);
            for (i, &(value, _)) in points.iter().enumerate() {
                steps.0[i] = value - walk.last;
                offsets.0[i] = value - first;
                walk.last = value;
            }
            decay::<L::F64>(token, &mut steps, gamma);
            decay::<L::F64>(token, &mut offsets, gamma);
            for (i, &(_, sample)) in points.iter().enumerate() {
                let sample = usize::from(sample);
                walk.at_last = [walk.at_last[0] * steps.0[i], walk.at_last[1] * steps.0[i]];
                walk.pairs += walk.at_last[partner(alone, sample)];
                walk.at_last[sample] += 1.0;
                walk.at_first[sample] += offsets.0[i];
            }
        }
        walk
    }
}
