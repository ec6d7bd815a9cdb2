//! Which rows make a block.

use std::ops::Range;

/// The rows `0..rows` cut into consecutive blocks, the leaves of the fold's tree.
///
/// The bits of every result depend on it. It knows nothing of threads, and a block of the usual
/// partition has as many rows in an input of a thousand rows as in one of a billion: so the blocks
/// of a beginning are those of the whole, and a stream of unknown length has the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    rows: usize,
    leaf_rows: usize,
}

impl Partition {
    /// The usual partition of `rows` rows of `width` numbers each.
    ///
    /// Its blocks are small enough that a few thousand rows (a thousand wide ones) keep several
    /// cores busy, and large enough that merging them costs next to nothing, and they are whole SIMD
    /// tiles for all kernels.
    #[must_use]
    pub fn of_rows(rows: usize, width: usize) -> Self {
        let leaf_rows = match width {
            0..=16 => 2048,
            17..=127 => 1024,
            _ => 512,
        };
        Self { rows, leaf_rows }
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
            let partition = Partition::of_rows(rows, rows % 200);
            let mut next = 0;
            for leaf in 0..partition.leaves() {
                let range = partition.leaf(leaf);
                assert_eq!(range.start, next);
                assert!(!range.is_empty());
                next = range.end;
            }
            assert_eq!(next, rows);
        }
    }

    #[test]
    fn the_blocks_of_a_beginning_are_those_of_the_whole() {
        for width in [1, 20, 200] {
            let whole = Partition::of_rows(10_000_001, width);
            for rows in [1, 1024, 5000, 262_144, 1_000_000] {
                let beginning = Partition::of_rows(rows, width);
                for leaf in 0..rows / whole.leaf_rows() {
                    assert_eq!(beginning.leaf(leaf), whole.leaf(leaf));
                }
            }
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
