//! Which rows make a block.

use std::ops::Range;

/// Number of rows every block is a multiple of: whole SIMD tiles for all kernels.
const ALIGNMENT: usize = 128;
/// Below this a block costs more to schedule than to compute.
const SMALLEST: usize = 1024;
/// Enough blocks for any number of threads, few enough that merging them costs nothing.
const MOST_BLOCKS: usize = 256;

/// The rows `0..rows` cut into consecutive blocks, the leaves of the fold's tree.
///
/// It must be a function of the input's shape alone, never of the number of threads: the bits
/// of every result depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    rows: usize,
    leaf_rows: usize,
}

impl Partition {
    /// The usual partition of `rows` rows: at most 256 blocks of at least 1024 rows.
    #[must_use]
    pub fn of_rows(rows: usize) -> Self {
        let leaf_rows = rows.div_ceil(MOST_BLOCKS).max(SMALLEST);
        Self { rows, leaf_rows: leaf_rows.next_multiple_of(ALIGNMENT) }
    }

    /// Blocks of `leaf_rows` rows (at least one), the last one possibly shorter.
    #[must_use]
    pub fn new(rows: usize, leaf_rows: usize) -> Self {
        Self { rows, leaf_rows: leaf_rows.max(1) }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of rows in every block but the last.
    #[must_use]
    pub fn leaf_rows(&self) -> usize {
        self.leaf_rows
    }

    /// Number of blocks.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.rows.div_ceil(self.leaf_rows)
    }

    /// The rows of block `leaf`.
    #[must_use]
    pub fn leaf(&self, leaf: usize) -> Range<usize> {
        self.row_of(leaf)..self.row_of(leaf + 1)
    }

    /// First row of block `leaf`; the number of rows if there is no such block.
    pub(super) fn row_of(&self, leaf: usize) -> usize {
        leaf.saturating_mul(self.leaf_rows).min(self.rows)
    }
}

/// Number of leaves in the left branch of a tree over `leaves >= 2`: the largest power of two
/// below it, so that a left branch is always a full tree.
pub(super) fn left_branch(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_cover_all_rows_in_order() {
        for rows in [0, 1, 127, 1024, 1025, 4096, 262_144, 262_145, 10_000_001] {
            let partition = Partition::of_rows(rows);
            let mut next = 0;
            for leaf in 0..partition.leaves() {
                let range = partition.leaf(leaf);
                assert_eq!(range.start, next);
                assert!(!range.is_empty());
                next = range.end;
            }
            assert_eq!(next, rows);
            assert!(partition.leaves() <= MOST_BLOCKS);
            assert_eq!(partition.leaf_rows() % ALIGNMENT, 0);
            assert!(partition.leaf_rows() >= SMALLEST);
        }
    }

    #[test]
    fn the_left_branch_is_the_largest_power_of_two_below() {
        let found: Vec<_> = (2..10).map(left_branch).collect();
        assert_eq!(found, [1, 2, 2, 4, 4, 4, 4, 8]);
    }

    #[test]
    fn a_leaf_has_at_least_one_row() {
        assert_eq!(Partition::new(3, 0), Partition::new(3, 1));
        assert_eq!(Partition::new(usize::MAX, 2).leaf(usize::MAX / 2).len(), 1);
    }
}
