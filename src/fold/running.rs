//! [`Fold`]: blocks that come one after another, or from several places, and the tree over them.

use super::Monoid;
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the parts of a fold";

/// Partial results of some blocks of a stream, on their way into the tree that
/// [`Context::fold`](super::Context::fold) walks: the bits are those of a fold in memory, whatever
/// the length of the stream, and wherever its blocks were cut into pieces.
///
/// The left branch of that tree is the largest power of two, so that all blocks but the last few
/// lie in whole subtrees of 2^level blocks that begin at a multiple of their length. These do not
/// change as blocks are added: what is kept is the largest of them that are whole, as in a binary
/// counter, at most 1 + log₂(blocks) of a stream and twice as many of a piece from its middle.
///
/// Every node knows its blocks, so that pieces may be folded apart and united in any order:
/// a commutative monoid.
#[derive(Debug)]
pub struct Fold<P> {
    /// Rows of a block, for messages.
    leaf_rows: u64,
    /// In the order of their blocks; no two are the halves of one subtree.
    nodes: Vec<Node<P>>,
    /// What a merge failed with: then blocks are lost.
    failed: Option<Error>,
}

/// The result of a whole subtree.
#[derive(Debug)]
struct Node<P> {
    /// It has 2^level blocks,
    level: u32,
    /// and so many subtrees of its size before it.
    position: u64,
    value: P,
}

impl<P> Node<P> {
    fn first_block(&self) -> u64 {
        self.position << self.level
    }

    fn end_block(&self) -> u64 {
        (self.position + 1) << self.level
    }

    /// Whether `right` is the other half of the subtree that this is the left half of.
    fn is_left_of(&self, right: &Self) -> bool {
        self.level == right.level
            && self.position.is_multiple_of(2)
            && self.position + 1 == right.position
    }
}

impl<P: Monoid> Fold<P> {
    /// Of nothing yet, over blocks of that many rows, of which only the last one may be shorter.
    #[must_use]
    pub fn new(leaf_rows: usize) -> Self {
        Self { leaf_rows: leaf_rows as u64, nodes: Vec::new(), failed: None }
    }

    /// Adds the result of one block, which is counted from the beginning of the stream.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if the block is there, and nothing is added then. [`Error::Memory`] if there
    /// is no room for it, and from then on whatever is asked of the fold: what a merge had begun is
    /// lost.
    ///
    /// # Panics
    ///
    /// If no stream has so many rows: a bug in the caller.
    pub fn push(&mut self, block: u64, value: P) -> Result<(), Error> {
        assert!(block < u64::MAX / 2, "blocks are counted from 0");
        self.insert(Node { level: 0, position: block, value })
    }

    /// Adds the blocks of another fold of the same stream.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; blocks before the one that is there already have been added.
    ///
    /// # Panics
    ///
    /// If blocks of the other fold have another length: a bug in the caller.
    pub fn unite(&mut self, other: Self) -> Result<(), Error> {
        assert_eq!(self.leaf_rows, other.leaf_rows, "blocks of one stream have one length");
        other.failed.map_or(Ok(()), Err)?;
        other.nodes.into_iter().try_for_each(|node| self.insert(node))
    }

    /// The result of a stream of that many blocks, all of which must be there.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if some are missing, [`Error::Memory`] as [`Self::push`].
    pub fn finish(self, blocks: u64) -> Result<P, Error> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(error.clone()))?;
        let mut next = 0;
        for node in &self.nodes {
            if node.first_block() != next {
                return Err(self.rows("are missing", next, node.first_block()));
            }
            next = node.end_block();
        }
        if next < blocks {
            return Err(self.rows("are missing", next, blocks));
        }
        // From the right: a tree is its largest whole subtree, and the tree of the rest.
        let mut nodes = self.nodes.into_iter().rev();
        let Some(Node { mut value, .. }) = nodes.next() else { return Ok(P::identity()) };
        for mut left in nodes {
            left.value.merge(&value)?;
            value = left.value;
        }
        Ok(value)
    }

    fn rows(&self, problem: &'static str, first_block: u64, end_block: u64) -> Error {
        let rows = |block: u64| block.saturating_mul(self.leaf_rows);
        Error::Rows { problem, first: rows(first_block), end: rows(end_block) }
    }

    fn insert(&mut self, node: Node<P>) -> Result<(), Error> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(error.clone()))?;
        let at = self.nodes.partition_point(|other| other.first_block() < node.first_block());
        let before = at.checked_sub(1).map(|before| &self.nodes[before]);
        let overlaps = [before, self.nodes.get(at)].into_iter().flatten().find(|other| {
            other.first_block() < node.end_block() && node.first_block() < other.end_block()
        });
        if let Some(other) = overlaps {
            let first = node.first_block().max(other.first_block());
            let end = node.end_block().min(other.end_block());
            return Err(self.rows("were counted twice", first, end));
        }
        let inserted = self.join(at, node);
        self.failed = inserted.as_ref().err().cloned();
        inserted
    }

    /// Puts a node where it belongs, joined with its neighbours as far as they are halves of one
    /// subtree.
    fn join(&mut self, mut at: usize, mut node: Node<P>) -> Result<(), Error> {
        memory::reserve(&mut self.nodes, 1, WHAT)?;
        loop {
            if at > 0 && self.nodes[at - 1].is_left_of(&node) {
                at -= 1;
                let mut left = self.nodes.remove(at);
                left.value.merge(&node.value)?;
                node = Node { level: node.level + 1, position: node.position / 2, ..left };
            } else if self.nodes.get(at).is_some_and(|right| node.is_left_of(right)) {
                let right = self.nodes.remove(at);
                node.value.merge(&right.value)?;
                node = Node { level: node.level + 1, position: node.position / 2, ..node };
            } else {
                self.nodes.insert(at, node);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Context, Partition};

    /// Not associative: what is merged with what can be read from it.
    #[derive(Debug, PartialEq)]
    struct Shape(String);

    impl Monoid for Shape {
        fn identity() -> Self {
            Self(String::new())
        }

        fn merge(&mut self, other: &Self) -> Result<(), Error> {
            self.0 = format!("({}{})", self.0, other.0);
            Ok(())
        }
    }

    fn leaf(block: u64) -> Shape {
        Shape(format!("[{block}]"))
    }

    fn in_memory(blocks: u64) -> Shape {
        let partition = Partition::new(usize::try_from(blocks).unwrap(), 1);
        Context::inline().fold(&partition, |rows| Ok(leaf(rows.start as u64))).unwrap()
    }

    #[test]
    fn a_stream_of_any_length_ends_in_the_tree_of_a_fold_in_memory() {
        for blocks in 0..70 {
            let mut fold = Fold::new(10);
            for block in 0..blocks {
                fold.push(block, leaf(block)).unwrap();
                let whole = (block + 1).count_ones() as usize;
                assert_eq!(fold.nodes.len(), whole, "a binary counter");
            }
            assert_eq!(fold.finish(blocks).unwrap(), in_memory(blocks));
        }
    }

    #[test]
    fn pieces_are_united_in_any_order() {
        let cuts = [0, 5, 6, 13, 40, 41, 47];
        let pieces = || {
            cuts.windows(2).map(|cut| {
                let mut piece = Fold::new(10);
                (cut[0]..cut[1]).for_each(|block| piece.push(block, leaf(block)).unwrap());
                piece
            })
        };
        let orders = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]];
        for order in orders {
            let mut pieces: Vec<_> = pieces().map(Some).collect();
            let mut fold = Fold::new(10);
            for piece in order {
                fold.unite(pieces[piece].take().unwrap()).unwrap();
            }
            assert_eq!(fold.finish(47).unwrap(), in_memory(47));
        }
    }

    #[test]
    fn what_is_there_twice_or_not_at_all_is_told() {
        let mut fold = Fold::new(10);
        (0..6).for_each(|block| fold.push(block, leaf(block)).unwrap());
        let twice = |first: u64, end: u64| Error::Rows {
            problem: "were counted twice",
            first: first * 10,
            end: end * 10,
        };
        assert_eq!(fold.push(2, leaf(2)), Err(twice(2, 3)));
        let mut piece = Fold::new(10);
        (4..8).for_each(|block| piece.push(block, leaf(block)).unwrap());
        assert_eq!(fold.unite(piece), Err(twice(4, 6)));
        fold.push(8, leaf(8)).unwrap();
        let missing = Error::Rows { problem: "are missing", first: 60, end: 80 };
        assert_eq!(fold.finish(9), Err(missing));
        let mut fold = Fold::new(10);
        fold.push(0, leaf(0)).unwrap();
        let missing = Error::Rows { problem: "are missing", first: 10, end: 30 };
        assert_eq!(fold.finish(3), Err(missing));
    }

    #[test]
    fn a_merge_that_failed_is_not_forgotten() {
        #[derive(Debug, PartialEq)]
        struct Full;
        let error = || Error::Memory { what: "a test", bytes: 1 };
        impl Monoid for Full {
            fn identity() -> Self {
                Self
            }
            fn merge(&mut self, _: &Self) -> Result<(), Error> {
                Err(Error::Memory { what: "a test", bytes: 1 })
            }
        }
        let mut fold = Fold::new(10);
        fold.push(0, Full).unwrap();
        assert_eq!(fold.push(1, Full), Err(error()));
        assert_eq!(fold.push(7, Full), Err(error()));
        let mut other = Fold::new(10);
        assert_eq!(other.unite(fold), Err(error()));
        let mut fold = Fold::new(10);
        fold.push(0, Full).unwrap();
        fold.push(1, Full).unwrap_err();
        assert_eq!(fold.finish(2), Err(error()));
    }
}
