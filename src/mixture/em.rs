//! The EM loop: fold, read the folded statistics, repeat (Dempster, Laird & Rubin 1977).

use ndarray::ArrayView1;

use super::maximization::{Estimates, estimate};
use super::parameters::Parameters;
use super::pass::{Responsibilities, statistics_in};
use super::single::Extents;
use crate::error::Error;
use crate::fold::{Context, Report};
use crate::memory;

/// What the memory is for, in errors.
const WHAT: &str = "the starts of a fit";
use crate::rows::Rows;

/// When to stop, and how to regularise.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Converged when the mean log-likelihood changes by less than this.
    pub tolerance: f64,
    /// Added to every variance.
    pub reg_covar: f64,
    /// Most iterations.
    pub max_iter: usize,
}

/// Where a fit ended.
#[derive(Debug)]
pub struct Fit {
    /// Parameters after the last M-step.
    pub parameters: Parameters,
    /// Estimates of the last M-step, with the covariances.
    pub estimates: Estimates,
    /// Whether the change fell below the tolerance.
    pub converged: bool,
    /// The mean log-likelihood found by each iteration's E-step.
    pub lower_bounds: Vec<f64>,
}

/// Runs EM from every start; all of them share each pass over the rows until they converge.
///
/// `previous` are the lower bounds that the starts come with (−∞ for a fresh start).
///
/// # Errors
///
/// [`Error::IllConditioned`] if a covariance collapses, [`Error::Interrupted`] if stopped.
pub fn em<'a>(
    context: &Context,
    rows: Rows<'a>,
    weights: Option<ArrayView1<'a, f64>>,
    starts: Vec<Parameters>,
    previous: &[f64],
    options: Options,
) -> Result<Vec<Fit>, Error> {
    let total = weights.map_or(rows.n_rows() as f64, |weights| weights.iter().sum());
    if total.is_nan() || total <= 0.0 {
        return Err(Error::InvalidArgument {
            name: if weights.is_some() { "sample_weight" } else { "X" },
            message: "at least one row of positive weight is needed, found none".into(),
        });
    }
    let extents = Extents::of(context, rows, weights)?;
    let mut runs: Vec<Run> =
        starts.into_iter().zip(previous).map(|(start, &bound)| Run::new(start, bound)).collect();
    for iteration in 1..=options.max_iter {
        let active: Vec<usize> = (0..runs.len()).filter(|&i| !runs[i].converged).collect();
        if active.is_empty() {
            break;
        }
        let models = active.iter().map(|&i| runs[i].parameters.copied());
        let models: Vec<Parameters> = memory::gathered(models, WHAT)?;
        let folded =
            statistics_in(context, rows, weights, &models, Responsibilities::Model, &extents)?;
        for (&i, statistics) in active.iter().zip(&folded) {
            let run = &mut runs[i];
            let estimates = estimate(statistics, options.reg_covar, context.stop())?;
            run.parameters = estimates.parameters(context)?;
            run.estimates = Some(estimates);
            let bound = statistics.lower_bound();
            run.converged = (bound - run.bound).abs() < options.tolerance;
            run.bound = bound;
            memory::push(&mut run.lower_bounds, bound, WHAT)?;
            let finished = run.converged || iteration == options.max_iter;
            context.report(Report { task: i, step: iteration, value: bound, finished });
        }
    }
    runs.into_iter().map(Run::finish).collect()
}

/// A fit under way.
struct Run {
    parameters: Parameters,
    estimates: Option<Estimates>,
    bound: f64,
    converged: bool,
    lower_bounds: Vec<f64>,
}

impl Run {
    fn new(parameters: Parameters, bound: f64) -> Self {
        Self { parameters, estimates: None, bound, converged: false, lower_bounds: Vec::new() }
    }

    fn finish(self) -> Result<Fit, Error> {
        let Self { parameters, estimates, converged, lower_bounds, .. } = self;
        let estimates = estimates.ok_or_else(|| Error::InvalidArgument {
            name: "max_iter",
            message: "at least one iteration is needed".into(),
        })?;
        Ok(Fit { parameters, estimates, converged, lower_bounds })
    }
}
