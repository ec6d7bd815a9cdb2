//! What EM fits, behind the trait [`Model`].

use std::fmt::Debug;
use std::sync::Arc;

use super::constraints::Constraint;
use super::maximization::estimate;
use super::start::{Given, Start};
use super::statistics::MixtureStatistics;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::Context;

/// What EM asks of a model: where it starts, its M-step, and the bound that the iterations raise.
pub trait Model: Debug + Send + Sync {
    /// What first statistics lead to, but for the parameters that are given.
    ///
    /// # Errors
    ///
    /// As [`Self::maximize`].
    fn start(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        given: &Given,
    ) -> Result<Start, Error>;

    /// The mixture that maximises the bound, given the statistics of an E-step under `previous`: where
    /// a maximum is searched for, from there.
    ///
    /// # Errors
    ///
    /// As [`estimate`]; [`Error::IllConditioned`] if a covariance is not positive definite.
    fn maximize(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        previous: &Mixture,
    ) -> Result<Start, Error>;

    /// The bound, given the statistics of an E-step under the mixture `before`, which led to `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room, [`Error::Interrupted`] if stopped.
    fn bound(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        before: &Mixture,
        after: &Mixture,
    ) -> Result<f64, Error>;
}

/// Maximum likelihood; the bound is the mean log-likelihood that the E-step found.
#[derive(Clone, Copy, Debug)]
pub struct MaximumLikelihood {
    /// What the covariances may be.
    pub constraint: &'static dyn Constraint,
    /// Added to every variance, as [`estimate`] says.
    pub reg_covar: f64,
}

impl Model for MaximumLikelihood {
    fn start(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        given: &Given,
    ) -> Result<Start, Error> {
        Start::new(context, statistics, self.constraint, self.reg_covar, given)
    }

    fn maximize(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        previous: &Mixture,
    ) -> Result<Start, Error> {
        let estimates =
            estimate(statistics, self.constraint, self.reg_covar, Some(previous), context.stop())?;
        let mixture = Arc::new(estimates.mixture(context)?);
        Ok(Start { mixture, covariances: estimates.covariances })
    }

    fn bound(
        &self,
        _: &Context,
        statistics: &MixtureStatistics,
        _: &Mixture,
        _: &Mixture,
    ) -> Result<f64, Error> {
        Ok(statistics.lower_bound())
    }
}

impl<M: Model + ?Sized> Model for Box<M> {
    fn start(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        given: &Given,
    ) -> Result<Start, Error> {
        (**self).start(context, statistics, given)
    }

    fn maximize(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        previous: &Mixture,
    ) -> Result<Start, Error> {
        (**self).maximize(context, statistics, previous)
    }

    fn bound(
        &self,
        context: &Context,
        statistics: &MixtureStatistics,
        before: &Mixture,
        after: &Mixture,
    ) -> Result<f64, Error> {
        (**self).bound(context, statistics, before, after)
    }
}
