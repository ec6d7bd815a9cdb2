//! The EM loop: fold, read the folded statistics, repeat (Dempster, Laird & Rubin 1977).

use std::borrow::Borrow;
use std::sync::Arc;

use super::STARTS;
use super::model::Model;
use super::pass::{Responsibilities, statistics};
use super::sample::Sample;
use super::squarem::{Cycle, Taken};
use super::start::{Collapsed, Start};
use super::statistics::MixtureStatistics;
use super::stopping::Rule;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, Report};
use crate::memory;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Converged when the rule finds less than this.
    pub tolerance: f64,
    /// What is compared with it.
    pub rule: Rule,
    /// Most iterations: passes over the rows.
    pub max_iter: usize,
    /// Whether steps are lengthened (SQUAREM).
    pub accelerate: bool,
}

/// Where a fit ended.
#[derive(Debug)]
pub struct Fit {
    /// The mixture after the last M-step, or the start if there was none.
    pub mixture: Arc<Mixture>,
    /// Its covariances, of the shape of its geometry.
    pub covariances: Vec<f64>,
    /// Whether the rule found less than the tolerance.
    pub converged: bool,
    /// The bound found by each iteration's E-step.
    pub lower_bounds: Vec<f64>,
}

/// EM from several starts, one iteration at a time, for whoever folds the rows: all that are under
/// way share each pass until they converge.
///
/// ```text
/// while let models = em.models(), not empty:
///     em.advance(the statistics of each model over all rows)
/// em.finish()
/// ```
#[derive(Debug)]
pub struct Em<M> {
    model: M,
    options: Options,
    runs: Vec<Run>,
    /// Iterations done.
    iteration: usize,
}

/// A fit under way: all there is to know of it between two iterations.
#[derive(Debug)]
pub struct Run {
    /// The mixture after the last M-step, or the start.
    pub mixture: Arc<Mixture>,
    /// Its covariances.
    pub covariances: Vec<f64>,
    /// The last bound that the stopping rule has seen; −∞ before a fresh start.
    pub bound: f64,
    /// How it differed from the one before; infinite before there were two.
    pub change: f64,
    /// Whether it needs no more passes.
    pub converged: bool,
    /// The bounds of its iterations.
    pub lower_bounds: Vec<f64>,
    /// Whether one of its covariances has collapsed.
    pub collapsed: bool,
    /// Where it is between two passes, if its steps are lengthened. An extrapolated mixture comes
    /// with the covariances of what stands in for it.
    pub cycle: Option<Cycle>,
}

impl<M: Model> Em<M> {
    /// Before the first iteration; `previous` are the bounds that the starts come with (−∞ for a
    /// fresh start).
    pub fn new(model: M, starts: Vec<Start>, previous: &[f64], options: Options) -> Self {
        let run = |(start, &bound): (Start, _)| Run {
            mixture: start.mixture,
            covariances: start.covariances,
            bound,
            change: f64::INFINITY,
            converged: false,
            lower_bounds: Vec::new(),
            collapsed: false,
            cycle: options.accelerate.then(Cycle::default),
        };
        let runs = starts.into_iter().zip(previous).map(run).collect();
        Self::resumed(model, runs, 0, options)
    }

    /// After so many iterations, as [`Self::runs`] were then.
    pub fn resumed(model: M, runs: Vec<Run>, iteration: usize, options: Options) -> Self {
        Self { model, options, runs, iteration }
    }

    /// The fits that have not collapsed, in the order of their starts.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Iterations done.
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// The mixtures whose statistics [`Self::advance`] wants next; none once all have ended.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the references.
    pub fn models(&self) -> Result<Vec<&Mixture>, Error> {
        memory::collected(self.under_way().map(|run| &*run.mixture), STARTS)
    }

    /// The same, to be kept.
    pub fn shared_models(&self) -> impl Iterator<Item = Arc<Mixture>> {
        self.under_way().map(|run| Arc::clone(&run.mixture))
    }

    fn under_way(&self) -> impl Iterator<Item = &Run> {
        let more = self.iteration < self.options.max_iter;
        self.runs.iter().filter(move |run| more && !run.converged)
    }

    /// One iteration, given the statistics of all rows under each of [`Self::models`].
    ///
    /// # Errors
    ///
    /// [`Error::IllConditioned`] if a covariance collapses in every fit that is left, and those in
    /// which one does are left out; [`Error::Interrupted`] if stopped.
    pub fn advance(
        &mut self,
        context: &Context,
        folded: &[impl Borrow<MixtureStatistics>],
    ) -> Result<(), Error> {
        self.iteration += 1;
        let mut folded = folded.iter().map(Borrow::borrow);
        let mut collapsed = Collapsed::default();
        for (task, run) in self.runs.iter_mut().enumerate().filter(|(_, run)| !run.converged) {
            let statistics =
                folded.next().ok_or_else(|| Error::Bug("a pass lost statistics".into()))?;
            let before = Arc::clone(&run.mixture);
            let step = || self.model.maximize(context, statistics, &before);
            let bound = |after: &_| self.model.bound(context, statistics, &before, after);
            let bound = run.advance(context, self.options, step, bound);
            let bound = collapsed.or_found(bound)?;
            run.collapsed = bound.is_none();
            let Some(bound) = bound else { continue };
            memory::push(&mut run.lower_bounds, bound, STARTS)?;
            let finished = run.converged || self.iteration == self.options.max_iter;
            context.report(Report { task, step: self.iteration, value: bound, finished });
        }
        self.runs.retain(|run| !run.collapsed);
        collapsed.unless_some_live(self.runs.len())
    }

    /// Where the fits have ended, in the order of their starts.
    pub fn finish(self) -> Vec<Fit> {
        self.runs.into_iter().map(Run::finish).collect()
    }
}

impl Run {
    /// Goes on after a pass, given EM's step and the bound, which may depend on where that leads; gives
    /// the bound of what it would go on from.
    fn advance(
        &mut self,
        context: &Context,
        options: Options,
        step: impl FnOnce() -> Result<Start, Error>,
        bound: impl FnOnce(&Mixture) -> Result<f64, Error>,
    ) -> Result<f64, Error> {
        let taken = match &mut self.cycle {
            None => {
                let next = step()?;
                Taken { bound: bound(&next.mixture)?, next, begun: true }
            }
            // No step is made where the bound has fallen: steps are lengthened of models whose bound
            // is that of the mixture before.
            Some(cycle) => {
                let bound = bound(&self.mixture)?;
                cycle.advance(&self.mixture, bound, context.stop(), step)?
            }
        };
        let Taken { next: Start { mixture, covariances }, bound, begun } = taken;
        (self.mixture, self.covariances) = (mixture, covariances);
        if begun {
            let change = bound - self.bound;
            let left = options.rule.left(self.change, change, bound);
            self.converged = left < options.tolerance;
            (self.change, self.bound) = (change, bound);
        }
        Ok(bound)
    }

    fn finish(mut self) -> Fit {
        if let Some(kept) = self.cycle.take().and_then(Cycle::kept) {
            (self.mixture, self.covariances) = (kept.mixture, kept.covariances);
        }
        let Self { mixture, covariances, converged, lower_bounds, .. } = self;
        Fit { mixture, covariances, converged, lower_bounds }
    }
}

/// Runs EM from every start over rows in memory.
///
/// # Errors
///
/// As [`Em::advance`].
pub fn em(
    context: &Context,
    sample: &Sample<'_>,
    mut em: Em<impl Model>,
) -> Result<Vec<Fit>, Error> {
    sample.check_weight()?;
    loop {
        let models = em.models()?;
        if models.is_empty() {
            return Ok(em.finish());
        }
        let folded = statistics(context, sample, &models, Responsibilities::Model)?;
        em.advance(context, &folded)?;
    }
}
