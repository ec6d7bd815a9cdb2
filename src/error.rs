//! The one error type of the crate. It knows no Python: `src/python` maps it to exceptions.
//!
//! A message names the argument, says what was found, and says what to do about it.

/// What is wrong with a value that should have been a finite number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFiniteKind {
    /// Not a number.
    Nan,
    /// Positive or negative infinity.
    Infinity,
}

impl NonFiniteKind {
    /// Classifies `value`; `None` if it is finite.
    #[must_use]
    pub fn of(value: f64) -> Option<Self> {
        if value.is_nan() {
            Some(Self::Nan)
        } else if value.is_infinite() {
            Some(Self::Infinity)
        } else {
            None
        }
    }
}

/// Everything that can go wrong below the Python boundary.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// An input holds NaN or infinity; row and column of the first one are given.
    #[error("{}", describe_non_finite(name, *row, *column, *kind))]
    NonFinite {
        /// Name of the argument.
        name: &'static str,
        /// Row of the first offending value.
        row: usize,
        /// Column of the first offending value.
        column: usize,
        /// NaN or infinity.
        kind: NonFiniteKind,
    },
    /// An input has the wrong shape.
    #[error("{name} has the wrong shape: expected {expected}, found {found:?}")]
    Shape {
        /// Name of the argument.
        name: &'static str,
        /// The shape it should have, in words or as a tuple.
        expected: String,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// A covariance matrix is not positive definite.
    #[error(
        "Fitting the mixture model failed because some components have ill-defined empirical \
         covariance (for instance caused by singleton or collapsed samples). Try to decrease the \
         number of components, increase reg_covar, or scale the input data."
    )]
    IllConditioned {
        /// Index of the first component concerned (0 if all share one covariance).
        component: usize,
    },
    /// An argument has a value that cannot be used.
    #[error("{name}: {message}")]
    InvalidArgument {
        /// Name of the argument.
        name: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A sample weight is negative, NaN or infinite.
    #[error(
        "sample_weight must hold finite, non-negative numbers, but sample_weight[{row}] is {value}"
    )]
    InvalidWeight {
        /// Position of the first offending weight.
        row: usize,
        /// The offending weight.
        value: f64,
    },
    /// Two partial results describe different models and cannot be merged.
    #[error("cannot merge {left} with {right}")]
    Incompatible {
        /// What the left operand is.
        left: String,
        /// What the right operand is.
        right: String,
    },
    /// Rows of a stream that are not there, or more than once.
    #[error("{what} {first}..{end} {problem}")]
    Rows {
        /// "rows", or "pieces" where the lengths of these are not known.
        what: &'static str,
        /// "are missing" or "were counted twice".
        problem: &'static str,
        /// The first of them.
        first: u64,
        /// The first after them.
        end: u64,
    },
    /// More was to be subtracted than there is.
    #[error("cannot subtract what was never added: {0}")]
    NeverAdded(String),
    /// More values than a counter can count.
    #[error("a summary counts at most 2^64 - 1 values, and these would be more")]
    TooMany,
    /// Bytes do not decode to what they should.
    #[error("{0}")]
    Corrupt(String),
    /// The stop flag was raised while working.
    #[error("interrupted")]
    Interrupted,
    /// LAPACK is missing or reported a failure.
    #[error("{0}")]
    Lapack(String),
    /// The operating system refused to start the threads of a pool.
    #[error("cannot start {threads} threads ({message}); ask for fewer with n_jobs")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        message: String,
    },
    /// The process was forked while other threads worked on a job, and this is the child.
    #[error(
        "this process was forked in the middle of a call of foldstat, which goes on in the parent \
         only; fork before the call, or use the start method \"spawn\" or \"forkserver\""
    )]
    Forked,
    /// The system has no room for what is needed.
    #[error("out of memory: unable to allocate {}", describe_size(*bytes, what))]
    Memory {
        /// What the memory was for.
        what: &'static str,
        /// How much was asked for, 0 if it was many small pieces.
        bytes: usize,
    },
    /// A panic in foldstat: never the user's fault.
    #[error("a bug in foldstat, please report it: {0}")]
    Bug(String),
    /// A panic in the code of a library that foldstat uses.
    #[error("a library that foldstat uses panicked, at {place}: {message}")]
    Library {
        /// File and line.
        place: String,
        /// What it said.
        message: String,
    },
}

/// The opening words are scikit-learn's, so that code which looks for them keeps working.
fn describe_non_finite(name: &str, row: usize, column: usize, kind: NonFiniteKind) -> String {
    match kind {
        NonFiniteKind::Nan => format!(
            "Input {name} contains NaN. The first one is at row {row}, column {column}; \
             remove or impute such rows first."
        ),
        NonFiniteKind::Infinity => format!(
            "Input {name} contains infinity or a value too large for its dtype. The first one is \
             at row {row}, column {column}."
        ),
    }
}

/// "1.50 GiB for the responsibilities".
fn describe_size(bytes: usize, what: &str) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes == 0 {
        return format!("more for {what}");
    }
    let power = (bytes.ilog2() / 10) as usize;
    let size = bytes as f64 / (1_u64 << (10 * power)) as f64;
    format!("{size:.2} {} for {what}", UNITS[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_messages_open_as_in_scikit_learn() {
        let nan = Error::NonFinite { name: "X", row: 3, column: 1, kind: NonFiniteKind::Nan };
        assert!(nan.to_string().starts_with("Input X contains NaN."));
        assert!(nan.to_string().contains("row 3, column 1"));
        let kind = NonFiniteKind::of(f64::NEG_INFINITY).unwrap();
        let infinity = Error::NonFinite { name: "X", row: 0, column: 2, kind };
        assert!(infinity.to_string().starts_with("Input X contains infinity"));
        assert_eq!(NonFiniteKind::of(1e308), None);
    }
}
