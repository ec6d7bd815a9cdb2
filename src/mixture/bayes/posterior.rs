//! What is known of weights, means and precisions after some rows: their variational distribution.

use std::f64::consts::LN_2;

use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::mixture::ESTIMATES;
use crate::simd::{digamma, ln};

/// What the weights are distributed by.
#[derive(Debug, PartialEq)]
pub enum Concentration {
    /// A Dirichlet distribution: one number for each component.
    Dirichlet(Vec<f64>),
    /// Sticks that are broken one after the other, βₖ ~ Beta(aₖ, bₖ): a Dirichlet process cut off.
    Process(Vec<f64>, Vec<f64>),
}

/// The distribution of weights (Dirichlet), means and precisions (normal-Wishart) but for the means' means and the
/// Wisharts' matrices, which a mixture has as its means and factors of precisions: E[Λₖ] = νₖ Wₖ = Uₖ Uₖᵀ.
#[derive(Debug, PartialEq)]
pub struct Posterior {
    /// Of the weights.
    pub concentration: Concentration,
    /// βₖ: in how many rows' worth of precision each mean is known.
    pub mean_precision: Vec<f64>,
    /// νₖ of the Wishart distributions; one for all where they share a matrix.
    pub degrees_of_freedom: Vec<f64>,
}

impl Concentration {
    /// Number of components.
    #[must_use]
    pub fn n_components(&self) -> usize {
        match self {
            Self::Dirichlet(concentration) => concentration.len(),
            Self::Process(cut, _) => cut.len(),
        }
    }

    /// E[πₖ], divided by their sum: a process that is cut off leaves some weight to what it leaves off.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn weights(&self) -> Result<Vec<f64>, Error> {
        let mut weights = match self {
            Self::Dirichlet(concentration) => memory::copied(concentration, ESTIMATES)?,
            Self::Process(cut, left) => {
                let mut rest = 1.0;
                let pieces = cut.iter().zip(left).map(|(cut, left)| {
                    let piece = cut / (cut + left) * rest;
                    rest *= left / (cut + left);
                    piece
                });
                memory::collected(pieces, ESTIMATES)?
            }
        };
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        Ok(weights)
    }

    /// E[log πₖ].
    ///
    /// # Errors
    ///
    /// As [`Self::weights`].
    pub fn log_weights(&self) -> Result<Vec<f64>, Error> {
        match self {
            Self::Dirichlet(concentration) => {
                let of_sum = digamma(concentration.iter().sum());
                memory::collected(concentration.iter().map(|a| digamma(*a) - of_sum), ESTIMATES)
            }
            Self::Process(cut, left) => {
                let mut rest = 0.0;
                let pieces = cut.iter().zip(left).map(|(&cut, &left)| {
                    let of_sum = digamma(cut + left);
                    let piece = digamma(cut) - of_sum + rest;
                    rest += digamma(left) - of_sum;
                    piece
                });
                memory::collected(pieces, ESTIMATES)
            }
        }
    }

    /// Fails unless every number is positive and finite, and there are as many of each kind.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] otherwise.
    pub fn check(&self) -> Result<(), Error> {
        let fine = match self {
            Self::Dirichlet(concentration) => usable(concentration),
            Self::Process(cut, left) => cut.len() == left.len() && usable(cut) && usable(left),
        };
        if fine && self.n_components() > 0 {
            return Ok(());
        }
        let message = "must hold positive, finite numbers for each component".into();
        Err(Error::InvalidArgument { name: "weight_concentration", message })
    }
}

impl Posterior {
    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        let copied = |values: &Vec<f64>| memory::copied(values, ESTIMATES);
        let concentration = match &self.concentration {
            Concentration::Dirichlet(numbers) => Concentration::Dirichlet(copied(numbers)?),
            Concentration::Process(cut, left) => {
                Concentration::Process(copied(cut)?, copied(left)?)
            }
        };
        let mean_precision = copied(&self.mean_precision)?;
        let degrees_of_freedom = copied(&self.degrees_of_freedom)?;
        Ok(Self { concentration, mean_precision, degrees_of_freedom })
    }

    /// Fails unless this is a distribution of that many components in that many features.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] naming what cannot be used.
    pub fn check(&self, shared: bool, n_features: usize) -> Result<(), Error> {
        let k = self.concentration.n_components();
        let n_matrices = if shared { 1 } else { k };
        let least = n_features as f64 - 1.0;
        let invalid = |name, message: String| Err(Error::InvalidArgument { name, message });
        self.concentration.check()?;
        if self.mean_precision.len() != k || !usable(&self.mean_precision) {
            return invalid(
                "mean_precision",
                format!("must hold positive, finite numbers for each of {k} components"),
            );
        }
        let nu = &self.degrees_of_freedom;
        if nu.len() != n_matrices || !nu.iter().all(|nu| nu.is_finite() && *nu > least) {
            let message = format!("must hold {n_matrices} finite numbers above {least}");
            return invalid("degrees_of_freedom", message);
        }
        Ok(())
    }

    /// νₖ of a component.
    pub(super) fn freedom(&self, k: usize) -> f64 {
        self.degrees_of_freedom[if self.degrees_of_freedom.len() == 1 { 0 } else { k }]
    }

    /// What an E-step has in place of log πₖ, where Mₖ² is the squared distance of a row in units of Uₖ:
    ///
    /// ```text
    /// E[log πₖ] + ½ E[log |Λₖ|] − ½ d log 2π − ½ E[(x − μₖ)ᵀ Λₖ (x − μₖ)]
    ///     = E[log πₖ] + ½ (Σᵢ ψ((νₖ − i)/2) + d log 2 + log |Wₖ|) − ½ d log 2π − ½ (d/βₖ + Mₖ²)
    ///     = (E[log πₖ] + cₖ) + (log |Uₖ| − ½ d log 2π − ½ Mₖ²)
    /// cₖ = ½ (Σᵢ ψ((νₖ − i)/2) + d log 2 − d log νₖ − d/βₖ),     as log |Wₖ| = 2 log |Uₖ| − d log νₖ
    /// ```
    ///
    /// (Bishop 2006, equations 10.46, 10.64 to 10.66; i from 0 to d − 1.) Logarithms, because those of a process that is
    /// cut off late lie far below those of the smallest numbers, and rows far away still belong to somebody.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them, [`Error::Interrupted`] if stopped.
    pub fn log_weights(&self, n_features: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
        let mut logs = self.concentration.log_weights()?;
        for (log, c) in logs.iter_mut().zip(self.offsets(n_features, stop)?) {
            *log += c;
        }
        Ok(logs)
    }

    /// The cₖ of [`Self::log_weights`]: what an unweighted density is expected to lack.
    ///
    /// # Errors
    ///
    /// As [`Self::log_weights`].
    pub fn offsets(&self, n_features: usize, stop: &Stop) -> Result<Vec<f64>, Error> {
        let d = n_features as f64;
        let mut of_matrices = memory::with_capacity(self.degrees_of_freedom.len(), ESTIMATES)?;
        for &nu in &self.degrees_of_freedom {
            stop.check()?;
            let digammas: f64 = (0..n_features).map(|i| digamma(0.5 * (nu - i as f64))).sum();
            of_matrices.push(digammas + d * (LN_2 - ln(nu)));
        }
        let shared = of_matrices.len() == 1;
        let each = self.mean_precision.iter().enumerate();
        let offset =
            |(k, beta): (usize, &f64)| 0.5 * (of_matrices[if shared { 0 } else { k }] - d / beta);
        memory::collected(each.map(offset), ESTIMATES)
    }
}

fn usable(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite() && *value > 0.0)
}
