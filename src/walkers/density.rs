//! What walkers walk over.

use crate::fold::Stop;

/// Why a density could not be used at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is zero where a walker starts.
    Zero,
    /// It is not a number.
    NotANumber,
    /// It is positive infinity.
    Infinite,
    /// A density (not its logarithm) is below zero.
    Negative,
    /// The function itself reported an error, with this status.
    Status(i64),
    /// The function raised an exception, which whoever called it has kept.
    Raised,
    /// The move raised an exception, which whoever called it has kept.
    MoveRaised,
    /// A conditional drew a value at which the density is zero.
    DrawnWhereZero,
    /// A slice along this coordinate has no end.
    Endless(usize),
    /// The stop flag was raised.
    Interrupted,
    /// There was no room for so many bytes.
    Memory(usize),
}

/// A density that failed at one of the points it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the points.
    pub row: usize,
    /// What happened.
    pub reason: Reason,
}

/// How many points a density wants to see in one call, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// From any thread, a few points at a time.
    Parallel,
    /// From the calling thread, all walkers at a time.
    Together,
}

/// A function of points, not necessarily normalised.
pub trait Density: Send + Sync {
    /// Its value at each row of `points`, `values.len()` rows of `n_dims` coordinates each: the
    /// logarithm of the density, or the density itself, as the sampler was told.
    ///
    /// # Errors
    ///
    /// The first row that failed. The stop flag may be looked at between rows.
    fn evaluate(
        &self,
        stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure>;

    /// Where it may be called.
    fn calls(&self) -> Calls {
        Calls::Parallel
    }

    /// About how long one value takes on one thread; more rather than less where that is unknown,
    /// for longer work lets users stop it.
    fn nanoseconds(&self) -> f64 {
        1e6
    }

    /// The same function over vectors of walkers, where it is built in.
    fn fused(&self) -> Option<&dyn Fused> {
        None
    }

    /// Its values as [`Density::evaluate`] gives them, and their derivatives by each coordinate, row
    /// by row as the points; `None` if it has no gradient.
    ///
    /// # Errors
    ///
    /// As [`Density::evaluate`].
    fn gradient(
        &self,
        _stop: &Stop,
        _points: &[f64],
        _n_dims: usize,
        _values: &mut [f64],
        _gradients: &mut [f64],
    ) -> Option<Result<(), Failure>> {
        None
    }
}

pub use super::fused::Fused;
