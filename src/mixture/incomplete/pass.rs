//! One pass over rows with missing values, which come in chunks.

use std::sync::Arc;

use ndarray::ArrayView1;

use super::WHAT;
use super::completed::{Known, completed, nothing_there};
use super::grouped::{Group, Grouped};
use super::marginal::{covariances, marginal};
use super::pattern::Pattern;
use crate::error::Error;
use crate::fold::{Context, Fold, Leaves, Stop};
use crate::memory;
use crate::mixture::chunks::{ChunkedPass, Place};
use crate::mixture::counted::Counted;
use crate::mixture::geometry::Geometry;
use crate::mixture::seen::Seen;
use crate::mixture::statistics::MixtureStatistics;
use crate::mixture::value::Mixture;
use crate::rows::Rows;

/// The E-step of several models over rows with missing values, in chunks of any lengths.
///
/// The rows of each pattern are a stream of their own, with blocks of their own: the bits are the
/// same however rows are cut into chunks. The patterns are added in their order.
#[derive(Debug)]
pub struct IncompletePass {
    /// What is seen of the rows.
    looking: ChunkedPass,
    /// Which of many pieces the rows are.
    piece: Option<u64>,
    models: Vec<Arc<Mixture>>,
    /// The covariances of each model.
    covariances: Vec<Vec<f64>>,
    n_features: usize,
    exponent: i32,
    /// In the order of their patterns.
    streams: Vec<Stream>,
}

/// The rows of one pattern.
#[derive(Debug)]
struct Stream {
    pattern: Pattern,
    /// The models of what is there; one that is looked at by nobody where nothing is.
    marginals: Vec<Arc<Mixture>>,
    pass: ChunkedPass,
}

impl IncompletePass {
    /// Before the first chunk. The models must be of one geometry and size; without any, rows are
    /// only looked at.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the rows are those from another than the first on: their blocks
    /// are not those of all rows; [`Error::Memory`] if there is no room for the covariances,
    /// [`Error::Interrupted`] if stopped.
    pub fn new(
        models: Vec<Arc<Mixture>>,
        n_features: usize,
        exponent: i32,
        place: Place,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let piece = match place {
            Place::Row(0) => None,
            Place::Piece(piece) => Some(piece),
            Place::Row(row) => {
                let message = format!("must be 0 where values are missing, found {row}: use piece");
                return Err(Error::InvalidArgument { name: "first_row", message });
            }
        };
        let found = models.iter().map(|model| covariances(model, stop));
        let covariances = memory::gathered(found, WHAT)?;
        let looking = ChunkedPass::new(Vec::new(), n_features, exponent, place);
        Ok(Self { looking, piece, models, covariances, n_features, exponent, streams: Vec::new() })
    }

    /// Adds the rows that come next.
    ///
    /// # Errors
    ///
    /// As [`ChunkedPass::push`], but that NaN is none; [`Error::IllConditioned`] if a covariance of
    /// the features of some row is not positive definite.
    pub fn push(
        &mut self,
        context: &Context,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<(), Error> {
        // An infinity is found first: once a row has been looked at, it counts.
        if self.models.is_empty() {
            Grouped::check(context, &rows, weights)?;
            return self.looking.push(context, rows, weights, true);
        }
        let by_pattern = Grouped::of(context, rows.reborrow(), weights)?;
        self.looking.push(context, rows, weights, true)?;
        self.add(context, &by_pattern)
    }

    fn add(&mut self, context: &Context, rows: &Grouped) -> Result<(), Error> {
        self.open(context.stop(), rows)?;
        let mut groups = rows.groups().iter().peekable();
        let mut work: Vec<(&mut Stream, &Group)> =
            memory::with_capacity(rows.groups().len(), WHAT)?;
        for stream in &mut self.streams {
            if let Some(group) = groups.next_if(|group| *group.pattern() == stream.pattern) {
                work.push((stream, group));
            }
        }
        push_each(context, &mut work)
    }

    /// Makes room for the patterns of these rows among those that there are.
    fn open(&mut self, stop: &Stop, rows: &Grouped) -> Result<(), Error> {
        let most = self.streams.len() + rows.groups().len();
        let mut known = std::mem::take(&mut self.streams).into_iter().peekable();
        let mut merged = memory::with_capacity(most, WHAT)?;
        for group in rows.groups() {
            while let Some(stream) = known.next_if(|stream| stream.pattern < *group.pattern()) {
                merged.push(stream);
            }
            merged.push(match known.next_if(|stream| stream.pattern == *group.pattern()) {
                Some(stream) => stream,
                None => self.stream(stop, group.pattern())?,
            });
        }
        merged.extend(known);
        self.streams = merged;
        Ok(())
    }

    fn stream(&self, stop: &Stop, pattern: &Pattern) -> Result<Stream, Error> {
        let there = pattern.features(self.n_features, true)?;
        let marginals: Vec<Arc<Mixture>> = if there.is_empty() {
            // Only the weights of such rows are wanted: any mixture of one feature adds them.
            let mixture =
                Mixture::new(Geometry::Spherical, 1, vec![1.0], vec![0.0], vec![1.0], stop);
            vec![Arc::new(mixture?)]
        } else if there.len() == self.n_features {
            memory::collected(self.models.iter().map(Arc::clone), WHAT)?
        } else {
            let models = self.models.iter().zip(&self.covariances);
            let of = models.map(|(model, covariances)| {
                marginal(model, covariances, &there, stop).map(Arc::new)
            });
            memory::gathered(of, WHAT)?
        };
        let models = memory::collected(marginals.iter().map(Arc::clone), WHAT)?;
        let width = there.len().max(1);
        let pass = ChunkedPass::new(models, width, self.exponent, Place::Row(0));
        Ok(Stream { pattern: pattern.copied()?, marginals, pass })
    }

    /// A rough number of operations of [`Self::finish`].
    #[must_use]
    pub fn work(&self) -> f64 {
        let (streams, d) = (self.streams.len() as f64, self.n_features as f64);
        let k: usize = self.models.iter().map(|model| model.n_components()).sum();
        let waiting: usize = self.streams.iter().map(|stream| stream.pass.waiting_values()).sum();
        streams * k as f64 * d * d * d + (waiting * k) as f64 * d
    }

    /// The expected statistics of all rows under each model, with what was seen of the rows, which
    /// end here.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn finish(self, context: &Context) -> Result<(Vec<Counted>, Seen), Error> {
        let Self { looking, piece, models, covariances, n_features, streams, .. } = self;
        let (_, seen) = looking.finish(context)?;
        let nothing = models.iter().map(|model| {
            let centers = memory::copied(model.means(), WHAT)?;
            MixtureStatistics::zeros(model.geometry(), n_features, centers)
        });
        let mut total: Vec<MixtureStatistics> = memory::gathered(nothing, WHAT)?;
        for Stream { pattern, marginals, pass } in streams {
            let there = pattern.features(n_features, true)?;
            let missing = pattern.features(n_features, false)?;
            let (folds, _) = pass.finish(context)?;
            let found = memory::gathered(folds.into_iter().map(|fold| fold.finish()), WHAT)?;
            for (m, (model, covariances)) in models.iter().zip(&covariances).enumerate() {
                let known = Known { mixture: model, covariances, there: &there, missing: &missing };
                let part = if there.is_empty() {
                    nothing_there(model, covariances, &found[0])?
                } else if missing.is_empty() {
                    found[m].copied()?
                } else {
                    completed(&known, &marginals[m], &found[m], context.stop())?
                };
                total[m].add(&part, context.stop())?;
            }
        }
        let counted = total.into_iter().map(|statistics| counted(statistics, piece));
        Ok((memory::gathered(counted, WHAT)?, seen))
    }
}

/// The statistics of a piece know it.
fn counted(statistics: MixtureStatistics, piece: Option<u64>) -> Result<Counted, Error> {
    let Some(piece) = piece else { return Ok(Counted::Loose(statistics)) };
    let mut fold = Fold::new(Leaves::Pieces);
    fold.push(piece, statistics)?;
    Ok(Counted::Placed(fold))
}

/// Groups are independent of each other: many small ones are shared among the threads.
fn push_each(context: &Context, work: &mut [(&mut Stream, &Group)]) -> Result<(), Error> {
    if let [(stream, group)] = work {
        return stream.pass.push(context, group.rows()?, group.weights(), true);
    }
    if work.is_empty() {
        return Ok(());
    }
    let (left, right) = work.split_at_mut(work.len() / 2);
    let (left, right) = context.join(|| push_each(context, left), || push_each(context, right));
    left.and(right)
}
