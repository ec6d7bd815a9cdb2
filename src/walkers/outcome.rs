//! How a run ends early, and what a user is told.

use super::density::Reason;
use super::state::WHAT;
use super::update::Rejected;
use crate::error::Error;

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// The stop flag was raised.
    Interrupted,
    /// The density failed for a walker.
    At(Rejected),
    /// There was no room for what the run needs: nothing was done.
    Memory(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self { steps: 0, failed: Failed::Memory(error) }
    }
}

/// A run that ended early.
#[derive(Clone, Debug, PartialEq)]
pub struct Stopped {
    /// Whole steps done: the ensemble stands after them.
    pub steps: u64,
    /// Why.
    pub failed: Failed,
}

impl Rejected {
    /// What a user is told; `step` steps were done before.
    #[must_use]
    pub fn into_error(self, step: u64) -> Error {
        let in_move = |message| Error::InvalidArgument { name: "move", message };
        let Self { walker, point, reason } = self;
        let place = format!("walker {walker} at step {step}, at the point {point:?}");
        let message = match reason {
            Reason::Zero => format!("is zero for {place}: start where it is positive"),
            Reason::NotANumber => format!(
                "gave NaN for {place}; mend it, or pass nan=\"reject\" to count NaN as a density of zero"
            ),
            Reason::Infinite => format!(
                "gave inf for {place}; a density must be finite, or its walker could never leave"
            ),
            Reason::Negative => {
                format!("gave a negative value for {place}; pass log=True if it is a log-density")
            }
            Reason::Status(status) => {
                format!("reported an error for {place}, with status {status}")
            }
            Reason::Raised => format!("raised an exception for {place}"),
            Reason::Endless(dim) => format!(
                "does not fall along coordinate {dim} for {place}, within widths that grew and grew: \
                 it must be a density that can be normalised, or have bounds"
            ),
            Reason::MoveRaised => return in_move(format!("raised an exception for {place}")),
            Reason::DrawnWhereZero => {
                return in_move(format!(
                    "drew a point at which the density is zero for {place}: what it draws is not \
                     distributed as the density says"
                ));
            }
            Reason::Interrupted => return Error::Interrupted,
            Reason::Memory(bytes) => return Error::Memory { what: WHAT, bytes },
        };
        Error::InvalidArgument { name: "density", message }
    }
}
