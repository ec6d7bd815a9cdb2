//! Rows drawn without replacement, each draw with probability proportional to the weights left.
//!
//! Every row gets the key E/w with E standard exponential, and the rows of the k smallest keys win
//! (Efraimidis & Spirakis, "Weighted random sampling with a reservoir", Information Processing
//! Letters 97, 2006). The keys of a block of rows that are there have a random stream of their own,
//! so the draw is a fold. The winner of the smallest key is a single draw proportional to the weights.

use std::ops::Range;

use super::{Input, WHAT};
use crate::error::Error;
use crate::fold::Monoid;
use crate::memory;
use crate::mixture::present::{Layout, Numbers, Present};
use crate::rng;
use crate::simd::{Kernel, Lanes, Level, Vector, dispatch};

/// For each seed `count` rows of positive weight, in the order drawn.
pub fn rows(input: Input<'_, '_>, count: usize, seeds: &[u64]) -> Result<Vec<Vec<usize>>, Error> {
    let partition = input.rows.partition();
    let present = &Present::of(partition, input.weights);
    let layout = Layout { rows: Layout::MOST_ROWS, draws: 1 };
    let drawn: Vec<Smallest> = input.context.fold(&partition, |range| {
        let draw = |&seed| {
            let numbers = present.numbers_from(range.start, seed, layout);
            dispatch(Draw { input, count, numbers, range: range.clone() })
        };
        memory::gathered(seeds.iter().map(draw), WHAT)
    })?;
    let rows = |drawn: Smallest| memory::collected(drawn.sorted().map(|(_, row)| row), WHAT);
    memory::gathered(drawn.into_iter().map(rows), WHAT)
}

/// The smallest keys of one block of rows.
struct Draw<'i, 'a> {
    input: Input<'i, 'a>,
    count: usize,
    numbers: Numbers,
    range: Range<usize>,
}

impl Kernel for Draw<'_, '_> {
    type Output = Result<Smallest, Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { input, count, mut numbers, range } = self;
        let mut smallest = Smallest::new(count);
        for first in range.clone().step_by(8) {
            let (mut keys, mut weights) = (Lanes([1.0; 8]), Lanes([1.0; 8]));
            let rows = range.end.min(first + 8) - first;
            for i in 0..rows {
                weights.0[i] = input.weight(first + i);
                if weights.0[i] > 0.0 {
                    // 1 − u lies in (0, 1], where the logarithm is finite.
                    keys.0[i] = 1.0 - rng::uniform_f64(numbers.of_next_row());
                }
            }
            let exponential = L::F64::splat(token, 0.0) - L::F64::load(token, &keys).ln();
            exponential.div(L::F64::load(token, &weights)).store(&mut keys);
            for i in (0..rows).filter(|&i| weights.0[i] > 0.0) {
                smallest.push(keys.0[i], first + i)?;
            }
        }
        Ok(smallest)
    }
}

/// The `limit` smallest of pairs of key and row; where keys are equal, the lower rows.
#[derive(Debug)]
pub struct Smallest {
    limit: usize,
    items: Vec<(f64, usize)>,
    /// Keys that are not below it cannot enter any more.
    bound: Option<f64>,
}

impl Smallest {
    pub fn new(limit: usize) -> Self {
        Self { limit, items: Vec::new(), bound: None }
    }

    /// Adds a row after those already seen.
    pub fn push(&mut self, key: f64, row: usize) -> Result<(), Error> {
        if self.limit == 0 || self.bound.is_some_and(|bound| key >= bound) {
            return Ok(());
        }
        memory::push(&mut self.items, (key, row), WHAT)?;
        // Selecting now and then costs less than keeping order.
        if self.items.len() >= 2 * self.limit.max(8) {
            self.select();
        }
        Ok(())
    }

    fn select(&mut self) {
        if self.limit > 0 && self.items.len() > self.limit {
            self.items.select_nth_unstable_by(self.limit - 1, order);
            self.items.truncate(self.limit);
            self.bound = Some(self.items[self.limit - 1].0);
        }
    }

    /// The pairs, smallest first.
    pub fn sorted(mut self) -> impl Iterator<Item = (f64, usize)> {
        self.select();
        self.items.sort_unstable_by(order);
        self.items.into_iter()
    }
}

fn order(a: &(f64, usize), b: &(f64, usize)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

impl Monoid for Smallest {
    fn identity() -> Self {
        Self::new(0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.limit = self.limit.max(other.limit);
        memory::append(&mut self.items, &other.items, WHAT)?;
        self.select();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_are_those_of_a_sort() {
        let keys: Vec<f64> = (0..500).map(|i| f64::from(i * 7919 % 101)).collect();
        for limit in [0, 1, 3, 40, 499, 500, 600] {
            let mut expected: Vec<(f64, usize)> = keys.iter().copied().zip(0..).collect();
            expected.sort_by(order);
            expected.truncate(limit);
            let mut merged = Smallest::identity();
            for (block, part) in keys.chunks(64).enumerate() {
                let mut smallest = Smallest::new(limit);
                part.iter()
                    .zip(block * 64..)
                    .for_each(|(&key, row)| smallest.push(key, row).unwrap());
                merged.merge(&smallest).unwrap();
            }
            assert_eq!(merged.sorted().collect::<Vec<_>>(), expected, "limit {limit}");
        }
    }
}
