//! [`Fold`]: blocks that come one after another, or from several places, and the tree over them.

use std::ops::Range;

use super::{Context, Monoid, Partition};
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the parts of a fold";

/// No stream has more leaves.
pub const MOST_LEAVES: u64 = 1 << 52;

/// What the leaves of a fold are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Blocks of so many rows, at least one; the last of all may be shorter.
    Rows(u64),
    /// Pieces of unknown lengths, each the result of a fold of its own.
    Pieces,
}

impl Leaves {
    /// How many of what messages count make a leaf.
    fn length(self) -> u64 {
        match self {
            Self::Rows(rows) => rows.max(1),
            Self::Pieces => 1,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Rows(rows) => format!("blocks of {rows} rows"),
            Self::Pieces => "numbered pieces".into(),
        }
    }
}

/// Partial results of some blocks of a stream, on their way into the tree that
/// [`Context::fold`] walks: the bits are those of a fold in memory, whatever the length of the
/// stream, and wherever its blocks were cut into pieces.
///
/// The left branch of that tree is the largest power of two, so that all blocks but the last few
/// lie in whole subtrees of 2^level blocks that begin at a multiple of their length. These do not
/// change as blocks are added: what is kept is the largest of them that are whole, as in a binary
/// counter, at most 1 + log₂(blocks) of a stream and twice as many of a piece from its middle.
///
/// Every node knows its blocks, so that pieces may be folded apart and united in any order:
/// a commutative monoid.
#[derive(Debug, PartialEq)]
pub struct Fold<P> {
    leaves: Leaves,
    /// In the order of their blocks; no two are the halves of one subtree.
    nodes: Vec<Node<P>>,
    /// Where the rows end, if the last block is there and shorter than others.
    end: Option<u64>,
    /// What a merge failed with: then blocks are lost.
    failed: Option<Error>,
}

/// The result of a whole subtree.
#[derive(Debug, PartialEq)]
pub struct Node<P> {
    /// It has 2^level blocks,
    pub level: u32,
    /// and so many subtrees of its size before it.
    pub position: u64,
    /// What is known of them.
    pub value: P,
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

impl<P> Fold<P> {
    /// Of nothing yet.
    #[must_use]
    pub fn new(leaves: Leaves) -> Self {
        Self { leaves, nodes: Vec::new(), end: None, failed: None }
    }

    /// What its leaves are.
    #[must_use]
    pub fn leaves(&self) -> Leaves {
        self.leaves
    }

    /// The largest subtrees that are whole, in their order.
    #[must_use]
    pub fn nodes(&self) -> &[Node<P>] {
        &self.nodes
    }

    /// Where the rows end, if the last block is there and shorter than others.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.end
    }

    /// Puts back what [`Self::nodes`] gave, in its order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if no fold gives such subtrees in this order, [`Error::Memory`].
    pub fn append(&mut self, node: Node<P>) -> Result<(), Error> {
        let fits = node.level < 52
            && node.position < MOST_LEAVES >> node.level
            && self.nodes.last().is_none_or(|last| {
                last.end_block() <= node.first_block() && !last.is_left_of(&node)
            });
        if !fits {
            return Err(Error::Corrupt("not the subtrees of a fold".into()));
        }
        memory::push(&mut self.nodes, node, WHAT)
    }

    /// The rows, or pieces, from the first to the last that is there; `None` if none is.
    #[must_use]
    pub fn span(&self) -> Option<Range<u64>> {
        let (first, last) = (self.nodes.first()?, self.nodes.last()?);
        let length = self.leaves.length();
        let end = last.end_block().saturating_mul(length);
        Some(first.first_block() * length..self.end.unwrap_or(end))
    }

    /// Those between the first and the last that are not there: the first gap.
    #[must_use]
    pub fn gap(&self) -> Option<Range<u64>> {
        let length = self.leaves.length();
        let mut next = 0;
        for node in &self.nodes {
            if node.first_block() != next {
                return Some(next * length..node.first_block() * length);
            }
            next = node.end_block();
        }
        None
    }

    /// Whether all from the first of the stream on are there.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if some are missing, [`Error::Memory`] if a merge failed once.
    pub fn check(&self) -> Result<(), Error> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(error.clone()))?;
        self.gap().map_or(Ok(()), |gap| Err(self.rows("are missing", gap)))
    }

    /// Says that the rows end here, within the last block that is there, which is shorter than others.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if there are rows behind, [`Error::Corrupt`] if it does not lie in the last
    /// block.
    pub fn close(&mut self, end: u64) -> Result<(), Error> {
        self.check_end(end)?;
        let length = self.leaves.length();
        if self.nodes.last().map(|last| last.end_block() - 1) != Some(end / length)
            || end.is_multiple_of(length)
        {
            return Err(Error::Corrupt("not the end of a fold".into()));
        }
        self.end = Some(end);
        Ok(())
    }

    fn check_end(&self, end: u64) -> Result<(), Error> {
        let first_rows = self.nodes.iter().map(|node| node.first_block() * self.leaves.length());
        let behind = first_rows.filter(|&row| row >= end).min();
        behind.map_or(Ok(()), |row| Err(self.rows("are missing", end..row)))
    }

    /// Fails if some of these blocks are there, or lie behind the end.
    fn check_free(&self, blocks: &Range<u64>) -> Result<(), Error> {
        let length = self.leaves.length();
        let first_row = blocks.start.saturating_mul(length);
        if let Some(end) = self.end.filter(|&end| first_row >= end) {
            return Err(self.rows("are missing", end..first_row));
        }
        let overlaps =
            |node: &&Node<P>| node.first_block() < blocks.end && blocks.start < node.end_block();
        let Some(node) = self.nodes.iter().find(overlaps) else { return Ok(()) };
        let first = node.first_block().max(blocks.start).saturating_mul(length);
        let end = node.end_block().min(blocks.end).saturating_mul(length);
        let end = self.end.map_or(end, |rows| end.min(rows));
        Err(self.rows("were counted twice", first..end))
    }

    fn rows(&self, problem: &'static str, rows: Range<u64>) -> Error {
        let what = match self.leaves {
            Leaves::Rows(_) => "rows",
            Leaves::Pieces => "pieces",
        };
        Error::Rows { what, problem, first: rows.start, end: rows.end }
    }
}

impl<P: Monoid> Fold<P> {
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
        assert!(block < MOST_LEAVES, "no stream has so many blocks");
        self.insert(Node { level: 0, position: block, value })
    }

    /// Adds consecutive blocks, the first of which is counted from the beginning of the stream; a
    /// last one that is shorter than the others ends it.
    ///
    /// # Errors
    ///
    /// As [`Self::push`], and those of [`Context::fold`].
    pub fn extend(
        &mut self,
        context: &Context,
        first_block: u64,
        partition: &Partition,
        map: impl Fn(Range<usize>) -> Result<P, Error> + Sync,
    ) -> Result<(), Error>
    where
        P: Send,
    {
        let (rows, leaf_rows) = (partition.rows() as u64, partition.leaf_rows() as u64);
        let blocks = first_block..first_block + partition.leaves() as u64;
        self.check_free(&blocks)?;
        let subtrees = subtrees(first_block, partition.leaves());
        let values = context.fold_each(partition, &subtrees, map)?;
        for (subtree, value) in subtrees.iter().zip(values) {
            let level = subtree.len().ilog2();
            let position = (first_block + subtree.start as u64) >> level;
            self.insert(Node { level, position, value })?;
        }
        match rows % leaf_rows {
            0 => Ok(()),
            _ => self.close(first_block * leaf_rows + rows),
        }
    }

    /// Adds the blocks of another fold of the same stream.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; [`Error::Incompatible`] if its leaves are others.
    pub fn unite(&mut self, other: Self) -> Result<(), Error> {
        self.check_leaves(&other)?;
        other.failed.map_or(Ok(()), Err)?;
        other.end.map_or(Ok(()), |end| self.check_end(end))?;
        for node in &other.nodes {
            self.check_free(&(node.first_block()..node.end_block()))?;
        }
        for node in other.nodes {
            self.insert(node)?;
        }
        other.end.map_or(Ok(()), |end| self.close(end))
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        self.mapped(copied)
    }

    fn insert(&mut self, node: Node<P>) -> Result<(), Error> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(error.clone()))?;
        self.check_free(&(node.first_block()..node.end_block()))?;
        let at = self.nodes.partition_point(|other| other.first_block() < node.first_block());
        let inserted = self.join(at, node);
        self.failed = inserted.as_ref().err().cloned();
        inserted
    }

    /// The same fold of what `map` makes of the parts, which must be a homomorphism.
    ///
    /// # Errors
    ///
    /// Those of `map`; [`Error::Memory`].
    pub fn mapped(&self, map: impl Fn(&P) -> Result<P, Error>) -> Result<Self, Error> {
        let mapped = |node: &Node<P>| Ok(Node { value: map(&node.value)?, ..*node });
        let nodes = memory::gathered(self.nodes.iter().map(mapped), WHAT)?;
        Ok(Self { leaves: self.leaves, nodes, end: self.end, failed: self.failed.clone() })
    }

    /// The result of a stream that ends here, all blocks of which must be there.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn value(&self) -> Result<P, Error> {
        self.check()?;
        // From the right: a tree is its largest whole subtree, and the tree of the rest.
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return Ok(P::identity()) };
        let mut value = copied(&last.value)?;
        for left in nodes {
            let mut merged = copied(&left.value)?;
            merged.merge(&value)?;
            value = merged;
        }
        Ok(value)
    }

    /// As [`Self::value`], of a fold that nobody needs any more.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn finish(self) -> Result<P, Error> {
        self.check()?;
        let mut nodes = self.nodes.into_iter().rev();
        let Some(Node { mut value, .. }) = nodes.next() else { return Ok(P::identity()) };
        for mut left in nodes {
            left.value.merge(&value)?;
            value = left.value;
        }
        Ok(value)
    }

    fn check_leaves(&self, other: &Self) -> Result<(), Error> {
        if self.leaves == other.leaves {
            return Ok(());
        }
        let [left, right] =
            [self, other].map(|fold| format!("a fold over {}", fold.leaves.describe()));
        Err(Error::Incompatible { left, right })
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

impl<P> Fold<Vec<P>> {
    /// The fold of each of the tasks that shared a pass.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn unzipped(self, tasks: usize) -> Result<Vec<Fold<P>>, Error> {
        let fold = |_| {
            let (leaves, end) = (self.leaves, self.end);
            Ok(Fold { leaves, end, nodes: Vec::new(), failed: self.failed.clone() })
        };
        let mut folds: Vec<Fold<P>> = memory::gathered((0..tasks).map(fold), WHAT)?;
        for Node { level, position, value } in self.nodes {
            for (fold, value) in folds.iter_mut().zip(value) {
                memory::push(&mut fold.nodes, Node { level, position, value }, WHAT)?;
            }
        }
        Ok(folds)
    }
}

fn copied<P: Monoid>(value: &P) -> Result<P, Error> {
    let mut copy = P::identity();
    copy.merge(value)?;
    Ok(copy)
}

/// The largest whole subtrees in which consecutive blocks lie, counted from the first of them.
fn subtrees(first_block: u64, leaves: usize) -> Vec<Range<usize>> {
    let mut subtrees = Vec::new();
    let mut start = 0;
    while start < leaves {
        let aligned = (first_block + start as u64).trailing_zeros();
        let level = aligned.min((leaves - start).ilog2());
        subtrees.push(start..start + (1 << level));
        start += 1 << level;
    }
    subtrees
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
            self.0 = match (&self.0[..], &other.0[..]) {
                ("", shape) | (shape, "") => shape.into(),
                (left, right) => format!("({left}{right})"),
            };
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
            let mut fold = Fold::new(Leaves::Rows(10));
            for block in 0..blocks {
                fold.push(block, leaf(block)).unwrap();
                let whole = (block + 1).count_ones() as usize;
                assert_eq!(fold.nodes.len(), whole, "a binary counter");
            }
            assert_eq!(fold.finish().unwrap(), in_memory(blocks));
        }
    }

    #[test]
    fn pieces_are_united_in_any_order() {
        let cuts = [0, 5, 6, 13, 40, 41, 47];
        let pieces = || {
            cuts.windows(2).map(|cut| {
                let mut piece = Fold::new(Leaves::Rows(10));
                (cut[0]..cut[1]).for_each(|block| piece.push(block, leaf(block)).unwrap());
                piece
            })
        };
        let orders = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]];
        for order in orders {
            let mut pieces: Vec<_> = pieces().map(Some).collect();
            let mut fold = Fold::new(Leaves::Rows(10));
            for piece in order {
                fold.unite(pieces[piece].take().unwrap()).unwrap();
            }
            assert_eq!(fold.finish().unwrap(), in_memory(47));
        }
    }

    #[test]
    fn what_is_there_twice_or_not_at_all_is_told() {
        let mut fold = Fold::new(Leaves::Rows(10));
        (0..6).for_each(|block| fold.push(block, leaf(block)).unwrap());
        let twice = |first: u64, end: u64| Error::Rows {
            what: "rows",
            problem: "were counted twice",
            first: first * 10,
            end: end * 10,
        };
        assert_eq!(fold.push(2, leaf(2)), Err(twice(2, 3)));
        let mut piece = Fold::new(Leaves::Rows(10));
        (4..8).for_each(|block| piece.push(block, leaf(block)).unwrap());
        assert_eq!(fold.unite(piece), Err(twice(4, 6)));
        fold.push(8, leaf(8)).unwrap();
        let missing =
            |first, end| Err(Error::Rows { what: "rows", problem: "are missing", first, end });
        assert_eq!(fold.value(), missing(60, 80));
        assert_eq!(fold.finish(), missing(60, 80));
        let mut fold = Fold::new(Leaves::Pieces);
        fold.push(2, leaf(0)).unwrap();
        assert_eq!(fold.finish().unwrap_err().to_string(), "pieces 0..2 are missing");
    }

    #[test]
    fn consecutive_blocks_are_added_in_parallel() {
        let inline = Context::inline();
        for (cut, rows) in [(0, 470), (70, 470), (130, 465), (320, 461), (10, 10), (0, 3)] {
            let map = |range: Range<usize>| Ok(leaf((range.start / 10) as u64));
            let later = |range: Range<usize>| Ok(leaf(((range.start + cut) / 10) as u64));
            let mut fold = Fold::new(Leaves::Rows(10));
            let rest = Partition::new(rows - cut, 10);
            fold.extend(&inline, (cut / 10) as u64, &rest, later).unwrap();
            fold.extend(&inline, 0, &Partition::new(cut, 10), map).unwrap();
            assert_eq!(fold.end(), (rows % 10 != 0).then_some(rows as u64));
            assert_eq!(fold.span(), Some(0..rows as u64));
            assert_eq!(fold.value().unwrap(), in_memory(rows.div_ceil(10) as u64));
            assert_eq!(fold.copied().unwrap().finish(), fold.finish());
        }
    }

    #[test]
    fn nothing_follows_a_block_that_is_shorter() {
        let inline = Context::inline();
        let piece = |first: u64, rows: usize| {
            let mut fold = Fold::new(Leaves::Rows(10));
            let map = |range: Range<usize>| Ok(leaf(first + (range.start / 10) as u64));
            fold.extend(&inline, first, &Partition::new(rows, 10), map).unwrap();
            fold
        };
        let missing =
            |first, end| Err(Error::Rows { what: "rows", problem: "are missing", first, end });
        let twice = |first, end| {
            Err(Error::Rows { what: "rows", problem: "were counted twice", first, end })
        };
        assert_eq!(piece(0, 25).unite(piece(3, 20)), missing(25, 30));
        assert_eq!(piece(3, 20).unite(piece(0, 25)), missing(25, 30));
        assert_eq!(piece(0, 25).unite(piece(2, 20)), twice(20, 25));
        let mut whole = piece(0, 20);
        whole.unite(piece(2, 5)).unwrap();
        assert_eq!(whole.finish().unwrap(), in_memory(3));
        let mut pieces = Fold::new(Leaves::Pieces);
        pieces.push(0, leaf(0)).unwrap();
        let refused = pieces.unite(piece(0, 10)).unwrap_err().to_string();
        assert_eq!(
            refused,
            "cannot merge a fold over numbered pieces with a fold over blocks of 10 rows"
        );
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
        let mut fold = Fold::new(Leaves::Rows(10));
        fold.push(0, Full).unwrap();
        assert_eq!(fold.push(1, Full), Err(error()));
        assert_eq!(fold.push(7, Full), Err(error()));
        let mut other = Fold::new(Leaves::Rows(10));
        assert_eq!(other.unite(fold), Err(error()));
        let mut fold = Fold::new(Leaves::Rows(10));
        fold.push(0, Full).unwrap();
        fold.push(1, Full).unwrap_err();
        assert_eq!(fold.finish(), Err(error()));
    }
}
