//! The rows that are there: those of positive weight, numbered without the others.
//!
//! Random starts give each row numbers of its own. They are those of its place among the rows that
//! are there, so that a row of weight zero changes nothing about the others.

use ndarray::{ArrayView1, s};

use crate::fold::Partition;
use crate::rng;

/// How many rows that are there come before each block of rows.
#[derive(Debug)]
pub struct Present {
    before: Option<Vec<usize>>,
    leaf_rows: usize,
    count: usize,
}

impl Present {
    /// Counts the positive weights of the blocks of a partition.
    pub fn of(partition: Partition, weights: Option<ArrayView1<'_, f64>>) -> Self {
        let leaf_rows = partition.leaf_rows();
        let Some(weights) = weights else {
            return Self { before: None, leaf_rows, count: partition.rows() };
        };
        let mut count = 0;
        let mut before = Vec::with_capacity(partition.leaves());
        for leaf in 0..partition.leaves() {
            before.push(count);
            count += positive(weights.slice(s![partition.leaf(leaf)]));
        }
        Self { before: Some(before), leaf_rows, count }
    }

    /// Number of rows that are there.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The streams of random numbers from the first row of a block on.
    pub fn numbers_from(&self, row: usize, seed: u64, layout: Layout) -> Numbers {
        let before = self.before.as_ref();
        let next = before.map_or(row, |before| before[row / self.leaf_rows]);
        let generator = rng::stream(seed, 0);
        Numbers { seed, layout, next, left: 0, generator }
    }
}

/// Number of positive weights.
pub fn positive(weights: ArrayView1<'_, f64>) -> usize {
    weights.iter().filter(|weight| **weight > 0.0).count()
}

/// Which rows share a stream, and how many numbers each of them takes from it.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Rows of a stream, counted from each multiple of [`Layout::MOST_ROWS`].
    pub rows: usize,
    /// 64-bit draws of a row.
    pub draws: usize,
}

impl Layout {
    /// The most rows of a stream: streams begin anew at each multiple of so many rows.
    pub const MOST_ROWS: usize = 1024;
}

/// The random numbers of consecutive rows.
pub struct Numbers {
    seed: u64,
    layout: Layout,
    next: usize,
    left: usize,
    generator: rng::Stream,
}

impl Numbers {
    /// The generator of the next row that is there, placed before that row's numbers.
    #[inline]
    pub fn of_next_row(&mut self) -> &mut rng::Stream {
        if self.left == 0 {
            self.enter();
        }
        self.left -= 1;
        self.next += 1;
        &mut self.generator
    }

    /// Finds the stream of the next row and the place in it.
    fn enter(&mut self) {
        let within = self.next % Layout::MOST_ROWS;
        let offset = within % self.layout.rows;
        let length = self.layout.rows.min(Layout::MOST_ROWS - (within - offset));
        self.generator = rng::stream(self.seed, (self.next - offset) as u64);
        // Positions are counted in words of 32 bits.
        self.generator.set_word_pos(2 * (offset * self.layout.draws) as u128);
        self.left = length - offset;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    fn draw(present: &Present, leaf: usize, rows: usize, layout: Layout) -> Vec<Vec<f64>> {
        let first = leaf * present.leaf_rows;
        let mut numbers = present.numbers_from(first, 7, layout);
        let row = |_| {
            let generator = numbers.of_next_row();
            (0..layout.draws).map(|_| rng::uniform_f64(generator)).collect()
        };
        (0..rows).map(row).collect()
    }

    #[test]
    fn numbers_do_not_depend_on_the_rows_that_are_not_there() {
        let layout = Layout { rows: 384, draws: 3 };
        let all = draw(&Present::of(Partition::of_rows(3000, 1), None), 0, 3000, layout);
        let weights = Array1::from_shape_fn(4000, |row| f64::from(u8::from(row % 4 != 1)));
        let present = Present::of(Partition::of_rows(4000, 20), Some(weights.view()));
        assert_eq!(present.count(), 3000);
        let partition = Partition::of_rows(4000, 20);
        for leaf in 0..partition.leaves() {
            let rows = partition.leaf(leaf);
            let before = positive(weights.slice(s![..rows.start]));
            let here = positive(weights.slice(s![rows]));
            assert_eq!(draw(&present, leaf, here, layout), all[before..before + here]);
        }
    }

    #[test]
    fn streams_begin_with_blocks() {
        let layout = Layout { rows: 384, draws: 2 };
        let found = draw(&Present::of(Partition::of_rows(2000, 1), None), 0, 2000, layout);
        for start in [0, 384, 768, 1024, 1408, 1792] {
            let mut generator = rng::stream(7, start as u64);
            assert_eq!(found[start][0], rng::uniform_f64(&mut generator));
            assert_eq!(found[start][1], rng::uniform_f64(&mut generator));
        }
    }
}
