//! How the covariances of a mixture lie: what kernels are compiled for.

use std::ops::Range;

/// How the factors of the precisions lie, and with them which moments a pass folds.
///
/// A geometry says nothing about which covariances are admitted; that is a
/// [`Constraint`](super::Constraint). Several constraints share the kernels of one geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Geometry {
    /// Each component has a matrix of its own.
    Full,
    /// All components share one matrix.
    Tied,
    /// Each component has a diagonal of its own.
    Diagonal,
    /// Each component has a variance of its own.
    Spherical,
}

impl Geometry {
    /// All geometries, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Full, Self::Tied, Self::Diagonal, Self::Spherical];

    /// The name of its freest covariances, which is scikit-learn's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Tied => "tied",
            Self::Diagonal => "diag",
            Self::Spherical => "spherical",
        }
    }

    /// Whether factors are matrices (of which only the upper triangles differ from 0).
    #[must_use]
    pub fn is_matrix(self) -> bool {
        matches!(self, Self::Full | Self::Tied)
    }

    /// Whether all components share one factor.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self == Self::Tied
    }

    /// Shape of covariances, precisions and their Cholesky factors.
    #[must_use]
    pub fn shape(self, n_components: usize, n_features: usize) -> Vec<usize> {
        match self {
            Self::Full => vec![n_components, n_features, n_features],
            Self::Tied => vec![n_features, n_features],
            Self::Diagonal => vec![n_components, n_features],
            Self::Spherical => vec![n_components],
        }
    }

    /// Components and features of an array of such a shape.
    #[must_use]
    pub fn sizes(self, shape: &[usize]) -> Option<(usize, usize)> {
        match (self, shape) {
            (Self::Full, &[k, d, _]) | (Self::Diagonal, &[k, d]) => Some((k, d)),
            (Self::Tied, &[d, _]) => Some((1, d)),
            (Self::Spherical, &[k]) => Some((k, 1)),
            _ => None,
        }
    }

    /// Number of values of one factor.
    #[must_use]
    pub fn factor_len(self, n_features: usize) -> usize {
        match self {
            Self::Full | Self::Tied => n_features * n_features,
            Self::Diagonal => n_features,
            Self::Spherical => 1,
        }
    }

    /// Number of values in [`Self::shape`].
    #[must_use]
    pub fn len(self, n_components: usize, n_features: usize) -> usize {
        self.n_factors(n_components) * self.factor_len(n_features)
    }

    /// Where the factor of a component lies among these values.
    #[must_use]
    pub fn factor(self, component: usize, n_features: usize) -> Range<usize> {
        self.range(component, self.factor_len(n_features))
    }

    /// Number of values of one scatter: as a factor, but a matrix keeps its lower triangle.
    #[must_use]
    pub fn scatter_len_of_one(self, n_features: usize) -> usize {
        if self.is_matrix() { triangle(n_features) } else { self.factor_len(n_features) }
    }

    /// Number of values of all scatters.
    #[must_use]
    pub fn scatter_len(self, n_components: usize, n_features: usize) -> usize {
        self.n_factors(n_components) * self.scatter_len_of_one(n_features)
    }

    /// Where the scatter of a component lies among these values.
    #[must_use]
    pub fn scatter(self, component: usize, n_features: usize) -> Range<usize> {
        self.range(component, self.scatter_len_of_one(n_features))
    }

    /// Where the variances lie in one scatter: the sums of squares.
    pub fn squares(self, n_features: usize) -> impl Iterator<Item = usize> + use<> {
        let matrix = self.is_matrix();
        let count = if matrix { n_features } else { self.factor_len(n_features) };
        (0..count).map(move |j| if matrix { triangle(j) + j } else { j })
    }

    fn n_factors(self, n_components: usize) -> usize {
        if self.is_shared() { 1 } else { n_components }
    }

    fn range(self, component: usize, length: usize) -> Range<usize> {
        let first = if self.is_shared() { 0 } else { component * length };
        first..first + length
    }
}

/// Number of entries on and below the diagonal of an n × n matrix.
#[must_use]
pub const fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_the_shapes_say() {
        for geometry in Geometry::ALL {
            for (k, d) in [(1, 1), (3, 1), (1, 4), (5, 3)] {
                let shape = geometry.shape(k, d);
                assert_eq!(geometry.len(k, d), shape.iter().product::<usize>());
                assert_eq!(geometry.factor(k - 1, d).end, geometry.len(k, d));
                assert_eq!(geometry.scatter(k - 1, d).end, geometry.scatter_len(k, d));
                assert!(geometry.squares(d).all(|j| j < geometry.scatter_len_of_one(d)));
                let found = geometry.sizes(&shape).unwrap();
                let expected = (if geometry.is_shared() { 1 } else { k }, d);
                assert_eq!(found, if shape.len() == 1 { (k, 1) } else { expected });
            }
        }
    }
}
