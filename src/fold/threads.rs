//! How many threads to use.

use crate::error::Error;

/// A number of threads, absolute or counted from the cores this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// That many.
    Exactly(usize),
    /// All cores but that many, at least one.
    AllBut(usize),
}

impl Threads {
    /// What the user asked for: `n_jobs`, else `FOLDSTAT_NUM_THREADS`, else `OMP_NUM_THREADS`,
    /// else all cores. Cheap: counts no cores.
    ///
    /// Call it while attached to Python: Python changes environment variables through the C
    /// library, and that must not happen while they are read.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if `n_jobs` is 0 or `FOLDSTAT_NUM_THREADS` is not a non-zero
    /// integer. An odd `OMP_NUM_THREADS` was not meant for us and is passed over.
    pub fn requested(n_jobs: Option<isize>) -> Result<Self, Error> {
        match n_jobs {
            Some(n_jobs) => Self::from_n_jobs(n_jobs).ok_or_else(|| Error::InvalidArgument {
                name: "n_jobs",
                message: "n_jobs == 0 has no meaning; give a positive number of threads, -1 for \
                          all cores, or None for the default"
                    .to_owned(),
            }),
            None => Self::from_environment(
                std::env::var("FOLDSTAT_NUM_THREADS").ok().as_deref(),
                std::env::var("OMP_NUM_THREADS").ok().as_deref(),
            ),
        }
    }

    /// The convention of joblib: -1 means all cores, -2 all but one; 0 means nothing.
    fn from_n_jobs(n_jobs: isize) -> Option<Self> {
        match n_jobs {
            0 => None,
            1.. => Some(Self::Exactly(n_jobs.unsigned_abs())),
            _ => Some(Self::AllBut(n_jobs.unsigned_abs() - 1)),
        }
    }

    fn from_environment(own: Option<&str>, omp: Option<&str>) -> Result<Self, Error> {
        if let Some(text) = own.map(str::trim).filter(|text| !text.is_empty()) {
            return text.parse().ok().and_then(Self::from_n_jobs).ok_or_else(|| {
                Error::InvalidArgument {
                    name: "FOLDSTAT_NUM_THREADS",
                    message: format!("expected a non-zero integer, found {text:?}"),
                }
            });
        }
        // A comma separates the numbers for nested levels; ours is the outermost.
        let first = omp.and_then(|text| text.split(',').next());
        let count = first.and_then(|text| text.trim().parse().ok()).filter(|&count| count > 0);
        Ok(count.map_or(Self::AllBut(0), Self::Exactly))
    }

    /// The number of threads; counts cores if needed, heeding affinity masks and cgroup quotas.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Exactly(count) => count,
            Self::AllBut(spared) => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                cores.saturating_sub(spared).max(1)
            }
        }
    }
}

/// The number of threads for `n_jobs`; see [`Threads::requested`].
///
/// # Errors
///
/// As [`Threads::requested`].
pub fn resolve_threads(n_jobs: Option<isize>) -> Result<usize, Error> {
    Threads::requested(n_jobs).map(Threads::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_jobs_counts_as_in_joblib() {
        assert_eq!(Threads::requested(Some(3)), Ok(Threads::Exactly(3)));
        assert_eq!(Threads::requested(Some(-1)), Ok(Threads::AllBut(0)));
        assert_eq!(Threads::requested(Some(-2)), Ok(Threads::AllBut(1)));
        assert!(matches!(Threads::requested(Some(0)), Err(Error::InvalidArgument { .. })));
        assert_eq!(Threads::requested(Some(isize::MIN)).map(Threads::count), Ok(1));
        assert!(resolve_threads(Some(-1)).unwrap() >= 1);
    }

    #[test]
    fn our_variable_goes_before_that_of_openmp() {
        let read = Threads::from_environment;
        assert_eq!(read(Some("3"), Some("5")), Ok(Threads::Exactly(3)));
        assert_eq!(read(Some(" -2 "), None), Ok(Threads::AllBut(1)));
        assert_eq!(read(Some(""), Some("5")), Ok(Threads::Exactly(5)));
        assert_eq!(read(None, Some(" 4 , 2")), Ok(Threads::Exactly(4)));
        assert_eq!(read(None, None), Ok(Threads::AllBut(0)));
    }

    #[test]
    fn a_wrong_value_is_an_error_in_ours_and_passed_over_in_openmp() {
        let read = Threads::from_environment;
        for text in ["0", "two", "1.5", "99999999999999999999"] {
            let error = read(Some(text), Some("5")).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        for text in ["0", "two", "-3", ",4", ""] {
            assert_eq!(read(None, Some(text)), Ok(Threads::AllBut(0)), "{text:?}");
        }
    }
}
