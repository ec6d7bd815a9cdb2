//! When EM stops.

use crate::error::Error;

/// What is compared with the tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// How the bound has changed (scikit-learn's).
    Change,
    /// Aitken's estimate of what was still to gain before the last change, had the changes gone on
    /// to shrink as they last did (Böhning, Dietz, Schaub, Schlattmann & Lindsay, "The distribution
    /// of the likelihood ratio for mixtures of densities from the one-parameter exponential
    /// family", Annals of the Institute of Statistical Mathematics 46, 1994).
    Aitken,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 2] = [Self::Change, Self::Aitken];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Aitken => "aitken",
        }
    }

    /// The rule of that name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is none.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|rule| rule.name() == name).ok_or_else(|| {
            let message = format!("must be 'change' or 'aitken', found {name:?}");
            Error::InvalidArgument { name: "stop", message }
        })
    }

    /// What is compared, after the bound changed by `previous` and then by `change`, to `bound`.
    ///
    /// Changes that do not shrink say nothing of an end: then it is infinite, unless the bound can
    /// hardly hold the change.
    #[must_use]
    pub fn left(self, previous: f64, change: f64, bound: f64) -> f64 {
        let change = change.abs();
        if self == Self::Change {
            return change;
        }
        if change <= 4.0 * f64::EPSILON * bound.abs() {
            return 0.0;
        }
        let ratio = change / previous.abs();
        if previous.is_finite() && ratio < 1.0 { change / (1.0 - ratio) } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geometric_series_is_summed() {
        for ratio in [0.1, 0.9, 0.999] {
            let (previous, change) = (1e-3, 1e-3 * ratio);
            // All from this change on.
            let rest = change / (1.0 - ratio);
            assert!((Rule::Aitken.left(previous, change, -3.0) / rest - 1.0).abs() < 1e-12);
            assert_eq!(Rule::Change.left(previous, change, -3.0), change);
        }
    }

    #[test]
    fn changes_that_do_not_shrink_are_no_end() {
        for previous in [f64::INFINITY, f64::NAN, 0.0, 1e-9, 1e-10, -1e-10] {
            assert_eq!(Rule::Aitken.left(previous, 1e-9, -3.0), f64::INFINITY);
        }
        assert_eq!(Rule::Aitken.left(0.0, 0.0, -3.0), 0.0);
        assert_eq!(Rule::Aitken.left(1e-16, -2e-16, -3.0), 0.0);
    }

    #[test]
    fn rules_have_names() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_name(rule.name()).unwrap(), rule);
        }
        assert!(Rule::from_name("never").is_err());
    }
}
