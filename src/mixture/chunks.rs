//! One pass over rows that come in chunks: the bits are those of a pass over all of them in memory.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView1, ArrayView2, s};

use super::pass::{Responsibilities, statistics, statistics_of_blocks};
use super::present::positive;
use super::sample::Sample;
use super::seen::{Looked, Seen};
use super::statistics::MixtureStatistics;
use super::unit::{UnitWeights, check_weights};
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, Fold, Leaves, MOST_LEAVES, Partition};
use crate::memory;
use crate::rows::{Element, Rows};

/// What the memory is for, in errors.
const WHAT: &str = "the rows of a block";

/// Which rows of a stream a pass stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Those from this row on, the first of a block.
    Row(u64),
    /// One of many pieces, each of which is a tree of its own.
    Piece(u64),
}

impl Place {
    /// That of a stream's rows from `first_row` on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if no block begins there.
    pub fn at_row(first_row: u64, n_features: usize) -> Result<Self, Error> {
        let block = Partition::of_rows(0, n_features).leaf_rows() as u64;
        if first_row.is_multiple_of(block) && first_row / block < MOST_LEAVES {
            return Ok(Self::Row(first_row));
        }
        let message = format!(
            "must be a multiple of {block}, the rows of a block in {n_features} features, and below \
             {}, found {first_row}",
            block * MOST_LEAVES
        );
        Err(Error::InvalidArgument { name: "first_row", message })
    }

    /// That of a piece.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there are never so many.
    pub fn of_piece(piece: u64) -> Result<Self, Error> {
        if piece < MOST_LEAVES {
            return Ok(Self::Piece(piece));
        }
        let message = format!("must be below {MOST_LEAVES}, found {piece}");
        Err(Error::InvalidArgument { name: "piece", message })
    }
}

/// The E-step of several models over rows that come in chunks of any lengths, in their order.
///
/// Whole blocks are folded where they lie. The few rows of a block that straddles two chunks wait
/// for the next chunk.
#[derive(Debug)]
pub struct ChunkedPass {
    models: Vec<Arc<Mixture>>,
    n_features: usize,
    /// The logarithm to base 2 of the unit of the weights.
    exponent: i32,
    place: Place,
    /// Blocks folded so far, this pass's own.
    n_blocks: u64,
    waiting: Waiting,
    fold: Fold<Vec<MixtureStatistics>>,
    seen: Seen,
    /// Whether a chunk was left half-way.
    broken: bool,
}

/// The first rows of a block whose last rows have not come.
#[derive(Debug, Default)]
struct Waiting {
    rows: Values,
    weights: Vec<f64>,
    n_rows: usize,
}

/// Rows one after the other.
#[derive(Debug)]
enum Values {
    F64(Vec<f64>),
    F32(Vec<f32>),
}

impl Default for Values {
    fn default() -> Self {
        Self::F64(Vec::new())
    }
}

impl ChunkedPass {
    /// Before the first chunk. The models must be of one geometry and size; without any, rows are
    /// only looked at.
    #[must_use]
    pub fn new(models: Vec<Arc<Mixture>>, n_features: usize, exponent: i32, place: Place) -> Self {
        let leaf_rows = Partition::of_rows(0, n_features).leaf_rows() as u64;
        Self {
            models,
            n_features,
            exponent,
            place,
            n_blocks: 0,
            waiting: Waiting::default(),
            fold: Fold::new(Leaves::Rows(leaf_rows)),
            seen: Seen::new(n_features),
            broken: false,
        }
    }

    /// Adds the rows that come next; `searched` says that they hold no NaN and no infinity.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`] and [`Error::InvalidWeight`] with the row of this chunk,
    /// [`Error::Shape`] if the rows have another number of columns, [`Error::Interrupted`].
    /// After an error nothing can be added any more.
    pub fn push(
        &mut self,
        context: &Context,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
        searched: bool,
    ) -> Result<(), Error> {
        self.check()?;
        if rows.n_columns() != self.n_features {
            let expected = format!("(n_samples, {})", self.n_features);
            let found = vec![rows.n_rows(), rows.n_columns()];
            return Err(Error::Shape { name: "X", expected, found });
        }
        self.broken = true;
        weights.map_or(Ok(()), check_weights)?;
        self.seen.rows += rows.n_rows() as u64;
        self.seen.present += weights.map_or(rows.n_rows(), positive) as u64;
        let (n, block) = (rows.n_rows(), rows.partition().leaf_rows());
        let part = |range: Range<usize>| {
            let weights = weights.map(|weights| weights.slice_move(s![range.clone()]));
            (rows.row_block(range), weights)
        };
        let begun = if self.waiting.n_rows > 0 { n.min(block - self.waiting.n_rows) } else { 0 };
        self.wait(context, part(0..begun), searched)?;
        if self.waiting.n_rows == block {
            self.fold_waiting(context)?;
        }
        let whole = (n - begun) / block * block;
        self.fold_blocks(context, part(begun..begun + whole), begun, searched)?;
        self.wait(context, part(begun + whole..n), searched)
            .map_err(|error| later(error, begun + whole))?;
        self.broken = false;
        Ok(())
    }

    /// Values of the rows that wait for others.
    #[must_use]
    pub fn waiting_values(&self) -> usize {
        self.waiting.n_rows * self.n_features
    }

    /// What was folded: of each model, with what was seen of the rows, which end here.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn finish(
        mut self,
        context: &Context,
    ) -> Result<(Vec<Fold<MixtureStatistics>>, Seen), Error> {
        self.check()?;
        if self.waiting.n_rows > 0 {
            self.fold_waiting(context)?;
        }
        let n_models = self.models.len();
        let Place::Piece(piece) = self.place else {
            return Ok((self.fold.unzipped(n_models)?, self.seen));
        };
        let value = match self.fold.nodes() {
            // A piece without rows is there, too.
            [] => self.nothing(context)?,
            _ => self.fold.finish()?,
        };
        let mut fold = Fold::new(Leaves::Pieces);
        fold.push(piece, value)?;
        Ok((fold.unzipped(n_models)?, self.seen))
    }

    /// The statistics of no rows under each model.
    fn nothing(&self, context: &Context) -> Result<Vec<MixtureStatistics>, Error> {
        let bug = |error: ndarray::ShapeError| Error::Bug(error.to_string());
        let rows = ArrayView2::<f64>::from_shape((0, self.n_features), &[]).map_err(bug)?;
        let sample = Sample::of_finite(Rows::F64(rows), None)?;
        let models = memory::collected(self.models.iter().map(|model| &**model), WHAT)?;
        statistics(context, &sample, &models, Responsibilities::Model)
    }

    fn check(&self) -> Result<(), Error> {
        if self.broken {
            return Err(Error::InvalidArgument {
                name: "X",
                message: "a chunk of this pass failed before, so that rows are missing".into(),
            });
        }
        Ok(())
    }

    /// Folds whole blocks, or a last one that is shorter.
    fn fold_blocks(
        &mut self,
        context: &Context,
        (rows, weights): (Rows<'_>, Option<ArrayView1<'_, f64>>),
        first_row: usize,
        searched: bool,
    ) -> Result<(), Error> {
        if rows.n_rows() == 0 {
            return Ok(());
        }
        let leaf_rows = rows.partition().leaf_rows();
        let own = self.n_blocks;
        let first_block = own
            + match self.place {
                Place::Row(row) => row / leaf_rows as u64,
                Place::Piece(_) => 0,
            };
        let looked = Looked::new(self.n_features)?;
        let units = UnitWeights::scaled(weights, self.exponent)?;
        let look = |range: Range<usize>| {
            let block = own + (range.start / leaf_rows) as u64;
            let here = rows.row_block(range.clone());
            let weights = weights.map(|weights| weights.slice_move(s![range.clone()]));
            if !searched {
                here.check_finite_block("X", range.start)?;
            }
            looked.add(here, weights, block)
        };
        let models = memory::collected(self.models.iter().map(|model| &**model), WHAT)?;
        let into = (&mut self.fold, first_block);
        statistics_of_blocks(context, (rows.reborrow(), units.view()), &models, into, &look)
            .map_err(|error| later(error, first_row))?;
        self.n_blocks += rows.partition().leaves() as u64;
        self.seen.take(looked);
        Ok(())
    }

    /// Folds the block that waits.
    fn fold_waiting(&mut self, context: &Context) -> Result<(), Error> {
        let Waiting { rows, weights, n_rows } = mem::take(&mut self.waiting);
        let shape = (n_rows, self.n_features);
        let bug = |error: ndarray::ShapeError| Error::Bug(error.to_string());
        let rows = match &rows {
            Values::F64(values) => Rows::F64(ArrayView2::from_shape(shape, values).map_err(bug)?),
            Values::F32(values) => Rows::F32(ArrayView2::from_shape(shape, values).map_err(bug)?),
        };
        let weights = (!weights.is_empty()).then(|| ArrayView1::from(&weights));
        self.fold_blocks(context, (rows, weights), 0, true)
    }

    /// Keeps rows until others follow.
    fn wait(
        &mut self,
        context: &Context,
        (rows, weights): (Rows<'_>, Option<ArrayView1<'_, f64>>),
        searched: bool,
    ) -> Result<(), Error> {
        if rows.n_rows() == 0 {
            return Ok(());
        }
        if !searched {
            rows.check_finite("X", context)?;
        }
        let begun = self.waiting.n_rows > 0;
        if begun && weights.is_some() == self.waiting.weights.is_empty() {
            let message = "some chunks have weights and others have none".into();
            return Err(Error::InvalidArgument { name: "sample_weight", message });
        }
        self.waiting.rows.append(&rows, begun)?;
        if let Some(weights) = weights {
            memory::reserve(&mut self.waiting.weights, weights.len(), WHAT)?;
            self.waiting.weights.extend(weights);
        }
        self.waiting.n_rows += rows.n_rows();
        Ok(())
    }
}

impl Values {
    fn append(&mut self, rows: &Rows<'_>, begun: bool) -> Result<(), Error> {
        if !begun {
            *self = match rows {
                Rows::F64(_) => Self::F64(Vec::new()),
                Rows::F32(_) => Self::F32(Vec::new()),
            };
        }
        match (self, rows) {
            (Self::F64(values), Rows::F64(view)) => extend(values, *view),
            (Self::F32(values), Rows::F32(view)) => extend(values, *view),
            _ => {
                let message = "some chunks are float32 and others float64".into();
                Err(Error::InvalidArgument { name: "X", message })
            }
        }
    }
}

fn extend<T: Element>(values: &mut Vec<T>, rows: ArrayView2<'_, T>) -> Result<(), Error> {
    memory::reserve(values, rows.len(), WHAT)?;
    values.extend(rows.iter());
    Ok(())
}

/// The same error, with the row counted from the beginning of the chunk.
fn later(error: Error, by: usize) -> Error {
    match error {
        Error::NonFinite { name, row, column, kind } => {
            Error::NonFinite { name, row: row + by, column, kind }
        }
        other => other,
    }
}
